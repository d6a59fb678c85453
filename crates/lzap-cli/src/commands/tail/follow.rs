//! Round after round: ask for what is new, page by page, and print it.
//!
//! CloudWatch Logs delivers events seconds late and out of order between streams, so each round reads a part
//! of the earlier time range again; `lzap_core::logs::window` decides how much, and leaves out what was
//! shown.

use std::io;
use std::time::Duration;

use lzap_aws::{AwsError, AwsErrorKind, Clients};

use super::pattern::not_a_pattern;
use super::source::{Source, merge_events, now_ms};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::log_view::LogView;
use crate::ui::printer::{self, Printer};

/// The pause between two rounds, and between two looks for a group that doesn't exist.
const PAUSE: Duration = Duration::from_secs(1);
/// The limit to which the pause grows after a throttle or without a network.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The state of the log group, as far as it is known. It is reported once, when it changes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    /// No call has succeeded yet.
    Unknown,
    /// The group doesn't exist: a deploy creates it.
    Missing,
    /// The group exists.
    Found,
}

/// Reads a stage's logs round by round, and prints what is new.
pub(super) struct Follower {
    printer: Printer,
    clients: Clients,
    /// The filter pattern for CloudWatch Logs; empty for all events.
    pattern: String,
    /// The app's, and beside it perhaps that of its workers.
    sources: Vec<Source>,
    /// Formats events; it holds state from event to event.
    view: LogView,
    /// The state of the app's log group.
    group: Group,
}

/// The reason why a round ended early.
enum Stop {
    /// A call failed; the next round may succeed. What was printed before stays, and isn't printed again.
    Aws(AwsError),
    /// Stdout can't be written to any more.
    Output(io::Error),
}

impl Follower {
    pub(super) fn new(
        printer: Printer,
        clients: Clients,
        pattern: String,
        sources: Vec<Source>,
        view: LogView,
    ) -> Self {
        Self { printer, clients, pattern, sources, view, group: Group::Unknown }
    }

    /// Reads rounds to the end of the log, or for ever with `follow`. A reader that closes stdout ends it
    /// without an error.
    pub(super) async fn read_rounds(&mut self, follow: bool) -> Result<Exit, CliError> {
        let mut pause = PAUSE;
        loop {
            match self.read_round(follow).await {
                Ok(()) if follow => pause = PAUSE,
                Ok(()) => {
                    // Requests without a report yet: no later round will complete them.
                    let rest = self.view.format_unfinished();
                    return print_lines(&rest).map_or_else(output_ended, |()| Ok(Exit::Done));
                }
                Err(Stop::Output(error)) => return output_ended(error),
                Err(Stop::Aws(error)) => pause = self.lengthen_pause(error, follow, pause)?,
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Prints all events that exist now and were not shown yet.
    async fn read_round(&mut self, follow: bool) -> Result<(), Stop> {
        self.sources.iter_mut().for_each(|source| source.begin_round(now_ms()));
        while self.sources.iter().any(Source::wants_page) {
            for place in 0..self.sources.len() {
                self.read_pages(place, follow).await.map_err(Stop::Aws)?;
            }
            let lines = self.view.format_events(merge_events(&mut self.sources));
            print_lines(&lines).map_err(Stop::Output)?;
        }
        Ok(())
    }

    /// Reads a group until it has something to show, or ends. CloudWatch may return empty pages before one
    /// with events.
    async fn read_pages(&mut self, place: usize, follow: bool) -> Result<(), AwsError> {
        while self.sources[place].wants_page() {
            let exists = self.sources[place].read_page(&self.clients, &self.pattern).await?;
            // A missing group of the workers says only that the workers were not deployed yet.
            if place == 0 {
                self.report_group(if exists { Group::Found } else { Group::Missing }, follow);
            }
        }
        Ok(())
    }

    /// Reports the log group when its state changes.
    fn report_group(&mut self, group: Group, follow: bool) {
        if std::mem::replace(&mut self.group, group) == group {
            return;
        }
        let names = &self.sources[0].names;
        let (name, stage) = (names.log_group(), &names.stage);
        match (group, follow) {
            (Group::Missing, true) => self.printer.print_status(
                "Waiting",
                format_args!("for the log group {name}: `lzap deploy {stage}` makes it"),
            ),
            (Group::Missing, false) => {
                self.printer.print_status("Nothing", format_args!("there is no log group {name} yet"));
            }
            (Group::Found, true) => self.printer.print_status("Following", name),
            _ => {}
        }
    }

    /// Returns the pause before the next attempt; an error that doesn't pass by itself ends the command, and
    /// without `follow` every error does.
    fn lengthen_pause(&self, error: AwsError, follow: bool, pause: Duration) -> Result<Duration, CliError> {
        // CloudWatch Logs answers a wrong pattern with this code.
        let is_pattern = error.cause().and_then(lzap_aws::Cause::code) == Some("InvalidParameterException");
        if is_pattern && !self.pattern.is_empty() {
            let why = error.cause().map(|cause| cause.message().to_owned()).unwrap_or_default();
            return Err(not_a_pattern(&self.pattern, &why));
        }
        // Without one successful call the cause is more likely a wrong setting than a network that comes back.
        let throttled = error.kind() == AwsErrorKind::Throttled;
        if !follow || !error.is_passing() || (self.group == Group::Unknown && !throttled) {
            return Err(error.into());
        }
        // Twice as long each time, up to a limit: a throttled API recovers only with fewer calls.
        let longer = (pause * 2).min(LONGEST_PAUSE);
        if self.printer.verbose > 0 {
            let secs = longer.as_secs();
            self.printer.print_status("Waiting", format_args!("{secs} s and trying again: {error}"));
        }
        Ok(longer)
    }
}

/// Writes lines to stdout, and stops at the first that fails.
fn print_lines(lines: &[String]) -> io::Result<()> {
    lines.iter().try_for_each(|line| printer::print_line(line))
}

/// Returns the result of a failed write: a reader that went away is the normal end of a pipe.
fn output_ended(error: io::Error) -> Result<Exit, CliError> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ok(Exit::Done);
    }
    Err(CliError::Io { what: "could not write the log".to_owned(), source: error })
}
