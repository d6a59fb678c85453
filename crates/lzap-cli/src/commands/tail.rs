//! `lzap tail`: the function's log, as it is written. One call a second while it follows.

mod follow;
mod source;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use lzap_core::logs::pattern::{self, pattern};
use lzap_core::logs::window::Window;
use lzap_wire::job::is_id;

use follow::Follower;
use source::Source;

use crate::cli::TailArgs;
use crate::context::{Context, Target};
use crate::error::{CliError, UsageKind};
use crate::exit::Exit;
use crate::ui::log_view::{LogView, What};
use crate::ui::printer;

pub(crate) async fn run(context: &Context, args: &TailArgs) -> Result<Exit, CliError> {
    let pattern = pattern_of(context, args)?;
    let stage = args.stage.stage.as_deref();
    let settings = context.load(stage)?.deployed_settings(context, stage)?;
    let target = Target::connect(context, &settings).await?;
    let Target { clients, names } = target;
    let workers = settings.workers.map(|_| names.workers());
    let window = Window::new(args.since.start_ms(now_ms()));
    let sources = [Some(names), workers].into_iter().flatten();
    let sources = sources.map(|names| Source::new(names, window.clone())).collect();
    let mut follower = Follower::new(context.printer, clients, pattern, sources, view(context, args));
    tokio::select! {
        exit = follower.rounds(!args.no_follow) => exit,
        () = printer::reader_gone() => Ok(Exit::Done),
    }
}

/// What CloudWatch is asked for, and what of it is probably not meant.
fn pattern_of(context: &Context, args: &TailArgs) -> Result<String, CliError> {
    if args.requests {
        return Ok(pattern::REQUESTS.to_owned());
    }
    if let Some(id) = &args.job {
        return Ok(pattern::of_job(&job_id(id)?));
    }
    let typed = args.filter.as_deref().unwrap_or_default();
    let pattern = pattern(typed).map_err(|error| not_a_pattern(typed, &error.to_string()))?;
    if let Some(warning) = pattern.warning {
        context.printer.warning(warning);
    }
    if context.printer.verbose > 0 && !pattern.text.is_empty() {
        context.printer.status("Filtering", format_args!("by the pattern {}", pattern.text));
    }
    Ok(pattern.text)
}

/// It becomes part of a pattern, so it must be an id and nothing else.
pub(super) fn job_id(id: &str) -> Result<String, CliError> {
    if is_id(id) {
        return Ok(id.to_owned());
    }
    Err(CliError::usage(
        UsageKind::NotAJobId,
        format!("`{id}` is not the id of a job"),
        "an id is 32 hex digits, as the app got it when it sent the job",
    ))
}

fn not_a_pattern(typed: &str, why: &str) -> CliError {
    CliError::usage(
        UsageKind::NotAPattern,
        format!("`--filter {typed}` is not a filter pattern: {why}"),
        "write words, \"a phrase\", ?any, -none, or { $.field = \"value\" }; see \
         https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html",
    )
}

fn view(context: &Context, args: &TailArgs) -> LogView {
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

/// In milliseconds since 1970.
fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}
