//! A plan that was not carried out to its end.

use std::error::Error;
use std::fmt;

use lzap_core::config::nearest;
use miette::Diagnostic;

use crate::clients::Clients;
use crate::error::AwsError;
use crate::resource::step::StepError;

/// A plan that was not carried out to its end. What was done stays, and the next run goes on from there.
#[derive(Debug)]
pub enum ApplyError {
    /// A step failed.
    Step {
        /// How many steps are done.
        done: usize,
        /// How many there are.
        total: usize,
        /// Why.
        source: AwsError,
    },
    /// It was told to stop.
    Stopped {
        /// How many steps are done.
        done: usize,
        /// How many there are.
        total: usize,
    },
    /// The new version didn't answer; the alias still points to the old one.
    Probe {
        /// The version.
        version: String,
        /// Why.
        reason: String,
        /// The last lines of its log.
        log_tail: Vec<String>,
    },
    /// The new front doesn't answer; the old one was not deleted.
    Front {
        /// The new front's URL.
        url: String,
        /// Why.
        reason: String,
    },
    /// The version lacks a task that a schedule asks for; nothing that calls it was changed.
    NoTask {
        /// The version.
        version: String,
        /// The task.
        task: String,
        /// The tasks that it has.
        known: Vec<String>,
    },
}

impl StepError {
    pub(super) fn explained(self, clients: &Clients) -> Self {
        match self {
            Self::Aws(error) => Self::Aws(clients.explain(error)),
            other @ (Self::Probe { .. } | Self::NoTask { .. } | Self::Front { .. }) => other,
        }
    }
}

impl ApplyError {
    pub(super) fn new(error: StepError, done: usize, total: usize) -> Self {
        match error {
            StepError::Aws(source) => Self::Step { done, total, source },
            StepError::Probe { version, reason, log_tail } => Self::Probe { version, reason, log_tail },
            StepError::Front { url, reason } => Self::Front { url, reason },
            StepError::NoTask { version, task, known } => Self::NoTask { version, task, known },
        }
    }
}

/// A failed step speaks with AWS's voice: it adds only how to go on, in its help.
impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step { source, .. } => source.fmt(f),
            Self::Stopped { .. } => f.write_str("interrupted"),
            Self::Probe { version, reason, .. } => {
                write!(f, "version {version} failed its probe; traffic was not switched: {reason}")
            }
            Self::Front { url, reason } => {
                write!(f, "the new front {url} doesn't answer; the old front was not deleted: {reason}")
            }
            Self::NoTask { version, task, .. } => {
                write!(
                    f,
                    "version {version} has no task `{task}`, which a schedule asks for; traffic was not switched"
                )
            }
        }
    }
}

impl Error for ApplyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Step { source, .. } => source.source(),
            Self::Stopped { .. } | Self::Probe { .. } | Self::NoTask { .. } | Self::Front { .. } => None,
        }
    }
}

impl Diagnostic for ApplyError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        match self {
            Self::Step { source, .. } => source.code(),
            Self::Stopped { .. } => Some(Box::new("lzap::interrupted")),
            Self::Probe { .. } => Some(Box::new("lzap::aws::probe")),
            Self::NoTask { .. } => Some(Box::new("lzap::aws::no_task")),
            Self::Front { .. } => Some(Box::new("lzap::aws::front")),
        }
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let (done, total, help) = match self {
            Self::Probe { .. } => {
                return Some(Box::new(
                    "mend what the reason and the log name, then run `lzap update`; the version that was live still serves",
                ));
            }
            Self::Front { .. } => {
                return Some(Box::new(
                    "look for the cause with `lzap tail`; then deploy again, or set `front` back in lzap.toml",
                ));
            }
            Self::NoTask { task, known, .. } => return Some(Box::new(known_tasks(task, known))),
            Self::Stopped { done, total } => (*done, *total, None),
            Self::Step { done, total, source } => (*done, *total, source.help()),
        };
        let help = help.map(|help| format!("{help}. ")).unwrap_or_default();
        let steps = if total == 1 { "step" } else { "steps" };
        Some(Box::new(format!("{help}{done} of {total} {steps} done; the same command goes on from there")))
    }
}

/// Which tasks there are, and which of them was probably meant.
fn known_tasks(task: &str, known: &[String]) -> String {
    if known.is_empty() {
        return format!(
            "the app registers no task: turn on the feature `tasks` of `lzap`, and add `.task({task})` to its `App`"
        );
    }
    let near = nearest(task, known.iter().map(String::as_str));
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    format!(
        "{near}the app registers: {}; name one of them in lzap.toml, or add `.task({task})`",
        known.join(", ")
    )
}
