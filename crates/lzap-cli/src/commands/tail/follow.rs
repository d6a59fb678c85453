//! Round after round: ask for what is new, page by page, and print it.

use std::io;
use std::time::Duration;

use lzap_aws::{AwsError, LogQuery, filter_log_events};
use lzap_core::logs::window::Window;

use super::{not_a_pattern, now_ms};
use crate::context::Target;
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::log_view::LogView;
use crate::ui::printer::{self, Printer};

/// Between two rounds, and between two looks for a group that isn't there.
const PAUSE: Duration = Duration::from_secs(1);
/// After a throttle or without a network the pause grows to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is known of the log group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Unknown,
    Missing,
    Found,
}

/// Reads a log round by round, and prints what is new.
pub(super) struct Follower {
    printer: Printer,
    target: Target,
    pattern: String,
    window: Window,
    view: LogView,
    group: Group,
}

/// Why a round ended early.
enum Stop {
    Aws(AwsError),
    Output(io::Error),
}

impl Follower {
    pub(super) fn new(
        printer: Printer,
        target: Target,
        pattern: String,
        window: Window,
        view: LogView,
    ) -> Self {
        Self { printer, target, pattern, window, view, group: Group::Unknown }
    }

    /// To the end of what is there, or for ever.
    pub(super) async fn rounds(&mut self, follow: bool) -> Result<Exit, CliError> {
        let mut pause = PAUSE;
        loop {
            match self.round(follow).await {
                Ok(()) if follow => pause = PAUSE,
                Ok(()) => {
                    let rest = self.view.finish();
                    return print(&rest).map_or_else(output_ended, |()| Ok(Exit::Done));
                }
                Err(Stop::Output(error)) => return output_ended(error),
                Err(Stop::Aws(error)) => pause = self.longer(error, follow, pause)?,
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Everything that is there now and was not shown yet.
    async fn round(&mut self, follow: bool) -> Result<(), Stop> {
        let from_ms = self.window.begin_round(now_ms());
        let mut token: Option<String> = None;
        loop {
            let query = LogQuery { from_ms, pattern: &self.pattern, token: token.as_deref() };
            let Target { clients, names } = &self.target;
            let page = filter_log_events(clients, names, query).await.map_err(Stop::Aws)?;
            self.tell(if page.is_some() { Group::Found } else { Group::Missing }, follow);
            let Some(page) = page else { return Ok(()) };
            let lines = self.view.show(self.window.take(page.events));
            print(&lines).map_err(Stop::Output)?;
            token = page.next;
            if token.is_none() {
                self.window.end_round();
                return Ok(());
            }
        }
    }

    /// Says once what becomes of the log group.
    fn tell(&mut self, group: Group, follow: bool) {
        if std::mem::replace(&mut self.group, group) == group {
            return;
        }
        let name = self.target.names.log_group();
        let stage = &self.target.names.stage;
        match (group, follow) {
            (Group::Missing, true) => self
                .printer
                .status("Waiting", format_args!("for the log group {name}: `lzap deploy {stage}` makes it")),
            (Group::Missing, false) => {
                self.printer.status("Nothing", format_args!("there is no log group {name} yet"));
            }
            (Group::Found, true) => self.printer.status("Following", name),
            _ => {}
        }
    }

    /// The pause before the next try; an error that doesn't pass by itself ends the command.
    fn longer(&self, error: AwsError, follow: bool, pause: Duration) -> Result<Duration, CliError> {
        let is_pattern = error.cause().and_then(lzap_aws::Cause::code) == Some("InvalidParameterException");
        if is_pattern && !self.pattern.is_empty() {
            let why = error.cause().map(|cause| cause.message().to_owned()).unwrap_or_default();
            return Err(not_a_pattern(&self.pattern, &why));
        }
        // A network that never was there is not waited for.
        let throttled = matches!(error, AwsError::Throttled { .. });
        if !follow || !error.is_passing() || (self.group == Group::Unknown && !throttled) {
            return Err(error.into());
        }
        let longer = (pause * 2).min(LONGEST_PAUSE);
        if self.printer.verbose > 0 {
            let secs = longer.as_secs();
            self.printer.status("Waiting", format_args!("{secs} s and trying again: {error}"));
        }
        Ok(longer)
    }
}

fn print(lines: &[String]) -> io::Result<()> {
    lines.iter().try_for_each(|line| printer::line(line))
}

/// A reader that went away is the normal end of a pipe.
fn output_ended(error: io::Error) -> Result<Exit, CliError> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ok(Exit::Done);
    }
    Err(CliError::Io { what: "could not write the log".to_owned(), source: error })
}
