//! An error of a plan that was not applied completely.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use lzap_core::config::nearest;
use lzap_core::exit::Exit;
use lzap_core::explain::{CommandContext, Explained};
use lzap_core::ids::VersionNumber;
use lzap_core::text::count;

use crate::clients::Clients;
use crate::error::AwsError;
use crate::resource::step::StepError;

/// A plan that was not applied completely. Applied steps stay, and the next run plans the rest.
#[derive(Debug)]
pub enum ApplyError {
    /// A step failed.
    Step {
        /// Number of applied steps.
        done: usize,
        /// Number of steps of the plan.
        total: usize,
        /// The cause.
        source: AwsError,
    },
    /// The user stopped the plan.
    Stopped {
        /// Number of applied steps.
        done: usize,
        /// Number of steps of the plan.
        total: usize,
    },
    /// The new version failed its probe; the alias still points to the old one.
    Probe {
        /// The number of the new version.
        version: VersionNumber,
        /// The cause.
        reason: String,
        /// The last lines of its log.
        log_tail: Vec<String>,
    },
    /// The new front doesn't respond; the old one was not deleted.
    Front {
        /// The new front's URL.
        url: String,
        /// The cause.
        reason: String,
    },
    /// The version lacks a task that a schedule calls; no rule or alias was changed.
    NoTask {
        /// The version.
        version: VersionNumber,
        /// The task.
        task: String,
        /// The registered tasks of the version.
        known: Vec<String>,
    },
}

impl StepError {
    /// Adds the endpoint and the profile to AWS's errors; the other errors name no connection.
    pub(super) fn explained(self, clients: &Clients) -> Self {
        match self {
            Self::Aws(error) => Self::Aws(clients.explain(error)),
            other @ (Self::Probe { .. } | Self::NoTask { .. } | Self::Front { .. }) => other,
        }
    }
}

impl ApplyError {
    /// The counts are shown for AWS's errors only: after a failed probe, the help says what is still served.
    pub(super) fn new(error: StepError, done: usize, total: usize) -> Self {
        match error {
            StepError::Aws(source) => Self::Step { done, total, source },
            StepError::Probe { version, reason, log_tail } => Self::Probe { version, reason, log_tail },
            StepError::Front { url, reason } => Self::Front { url, reason },
            StepError::NoTask { version, task, known } => Self::NoTask { version, task, known },
        }
    }
}

/// The text of a failed step is AWS's error; how far the plan was applied is in the help.
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
                    "version {version} has no task `{task}`, which a schedule calls; traffic was not switched"
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

impl Explained for ApplyError {
    fn code(&self) -> Cow<'static, str> {
        match self {
            Self::Step { source, .. } => source.code(),
            Self::Stopped { .. } => "lzap::apply::interrupted".into(),
            Self::Probe { .. } => "lzap::aws::probe".into(),
            Self::NoTask { .. } => "lzap::aws::no_task".into(),
            Self::Front { .. } => "lzap::aws::front".into(),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Step { source, .. } => source.exit(),
            Self::Stopped { .. } => Exit::Interrupted,
            Self::Probe { .. } | Self::NoTask { .. } => Exit::Probe,
            Self::Front { .. } => Exit::Failed,
        }
    }

    fn why(&self) -> Cow<'static, str> {
        match self {
            Self::Step { source, .. } => source.why(),
            Self::Stopped { .. } => {
                "Ctrl-C or SIGTERM. The calls in flight were finished, and no other was started.".into()
            }
            Self::Probe { .. } => {
                "The new version was published and invoked once before it got traffic. It crashed, \
                 timed out, or did not answer `health_path` with 2xx or 3xx."
                    .into()
            }
            Self::Front { .. } => {
                "`front` was changed in lzap.toml, and the new front answered a request with a 5xx status, or could not \
                 be reached from this machine."
                    .into()
            }
            Self::NoTask { .. } => {
                "A schedule in lzap.toml calls a task that the new version doesn't register.".into()
            }
        }
    }

    fn help(&self, command: &CommandContext) -> String {
        match self {
            Self::Step { done, total, source } => {
                format!("{}. {}", source.help(command), describe_progress(*done, *total, command))
            }
            Self::Stopped { done, total } => describe_progress(*done, *total, command),
            Self::Probe { .. } => format!(
                "fix what the reason and the log say, then type `{}`; the version that was live before still serves",
                command.for_stage("update")
            ),
            Self::Front { .. } => format!(
                "look for the cause with `{}`, then type `{}`; `--no-touch` deletes the old front without a request",
                command.for_stage("tail"),
                command.again()
            ),
            Self::NoTask { task, known, .. } => suggest_tasks(task, known, &command.again()),
        }
    }
}

impl ApplyError {
    /// Returns one error of each kind but [`ApplyError::Step`], whose kinds are AWS's, for the reference.
    pub fn examples() -> Vec<Self> {
        vec![
            Self::Stopped { done: 3, total: 12 },
            Self::Probe {
                version: VersionNumber::new("8"),
                reason: "REASON".to_owned(),
                log_tail: Vec::new(),
            },
            Self::Front { url: "URL".to_owned(), reason: "REASON".to_owned() },
            Self::NoTask {
                version: VersionNumber::new("8"),
                task: "TASK".to_owned(),
                known: vec!["OTHER".to_owned(), "THIRD".to_owned()],
            },
        ]
    }
}

/// Says how far the plan was applied, and which command applies the rest.
fn describe_progress(done: usize, total: usize, command: &CommandContext) -> String {
    format!("{done} of {} done; `{}` does the rest", count(total, "step"), command.again())
}

/// Names the tasks that the version has, and the one that was probably meant.
fn suggest_tasks(task: &str, known: &[String], again: &str) -> String {
    if known.is_empty() {
        return format!(
            "the app registers no task: turn on the feature `tasks` of `lzap`, add `.task({task})` to its `App`, then \
             type `{again}`"
        );
    }
    let near = nearest(task, known.iter().map(String::as_str));
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    format!(
        "{near}the app registers: {}; name one of them in lzap.toml, or add `.task({task})`, then type `{again}`",
        known.join(", ")
    )
}
