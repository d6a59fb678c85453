//! `lzap tail`: the function's log, as it is written. One call a second while it follows.
//!
//! `follow` has the loop, `source` one log group and the merge of several, `pattern` the filter that
//! CloudWatch applies. Parsing of lines is in `lzap_core::logs`, their format in `ui::log_view`.

mod follow;
pub(super) mod pattern;
mod source;

use jiff::tz::TimeZone;
use lzap_core::logs::window::Window;

use follow::Follower;
use pattern::pattern_of;
use source::{Source, now_ms};

use crate::cli::TailArgs;
use crate::context::{Context, Target};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::log_view::{LogView, What};
use crate::ui::printer;

/// Prints the log of the stage, and of its workers, until Ctrl-C, until the reader of stdout closes, or with
/// `--no-follow` to the end of the log.
pub(crate) async fn run(context: &Context, args: &TailArgs) -> Result<Exit, CliError> {
    let pattern = pattern_of(context, args)?;
    let stage = args.stage.stage.as_deref();
    let settings = context.load_config(stage)?.deployed_settings(context, stage)?;
    let target = Target::connect(context, &settings).await?;
    let Target { clients, names } = target;
    let workers = settings.workers.map(|_| names.workers());
    let window = Window::new(args.since.start_ms(now_ms()));
    // The workers have a log group of their own; without the table `workers` there is none.
    let sources = [Some(names), workers].into_iter().flatten();
    let sources = sources.map(|names| Source::new(names, window.clone())).collect();
    let mut follower = Follower::new(context.printer, clients, pattern, sources, choose_view(context, args));
    // Without the second branch `lzap tail | head -1` would only end at the next event.
    tokio::select! {
        exit = follower.read_rounds(!args.no_follow) => exit,
        () = printer::reader_gone() => Ok(Exit::Done),
    }
}

/// Returns the format of the output: text on a terminal or by `--output text`, else JSON lines.
fn choose_view(context: &Context, args: &TailArgs) -> LogView {
    let what = match (args.requests, &args.job) {
        (true, _) => What::Requests,
        (false, Some(_)) => What::Job,
        (false, None) => What::Events,
    };
    if context.printer.streams_text() {
        LogView::text(what, TimeZone::system(), context.printer.verbose > 0)
    } else {
        LogView::json(what)
    }
}
