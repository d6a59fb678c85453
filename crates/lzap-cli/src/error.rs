//! The errors that end a command early.
//!
//! Codes, exit codes, causes and help are in `explain`, the kinds of usage errors in `usage`; `pages` lists the errors of
//! all crates for `lzap explain` and the reference.

mod examples;
mod explain;
#[cfg(test)]
mod gallery;
pub(crate) mod pages;
mod usage;

use std::path::PathBuf;

use lzap_aws::{ApplyError, AwsError};
use lzap_build::BuildError;
use lzap_core::config::ConfigError;
use lzap_core::names::Names;
use lzap_core::plan::PlanError;
use lzap_local::LocalError;

use crate::commands::InvokeError;

pub(crate) use usage::UsageKind;

/// The reason why a command ended without its result.
///
/// Errors of other crates are wrapped as they are, with their own codes and help. AWS's are boxed, because
/// they are large and every function here returns a `Result`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// An error of the project, the build or the zip.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A call to AWS, or to the embedded cloud, failed.
    #[error(transparent)]
    Aws(#[from] Box<AwsError>),
    /// A step of a plan failed.
    #[error(transparent)]
    Apply(#[from] Box<ApplyError>),
    /// The desired state can't be planned from the observed one.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The embedded cloud could not be started, stopped or read.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The function, a task or a job failed.
    #[error(transparent)]
    Invoke(#[from] InvokeError),
    /// A mistake in `lzap.toml`. `text` is that of the file, because the error is printed with its line.
    #[error("{problem}")]
    Config { path: PathBuf, text: String, problem: Box<ConfigError> },
    /// No `lzap.toml` was found, and the stage is not `local`. `dir` is the folder in which the search began.
    #[error("there is no lzap.toml in {} or above it", dir.display())]
    NoConfig { dir: PathBuf },
    /// The configuration file exists, or was named, and can't be read.
    #[error("could not read {}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// The package doesn't depend on the crate `lzap`; `lines` are those to add, in manifest and source.
    #[error("package `{package}` does not use lzap yet")]
    NoRuntime { package: String, lines: String },
    /// A question can't be asked, and `--yes` was not given. `what` begins the error's text.
    #[error("{what} and there is no terminal to ask on")]
    NeedsYes { what: &'static str },
    /// The user answered a question with no.
    #[error("not confirmed; nothing was changed")]
    Declined,
    /// The terminal failed while a question was asked.
    #[error("the terminal could not be used: {0}")]
    Terminal(String),
    /// The file or the stdin of an argument can't be read.
    #[error("could not read `{argument}`")]
    Argument { argument: String, source: std::io::Error },
    /// A mistake in the arguments; its help is made where it is found.
    #[error("{problem}")]
    Usage { kind: UsageKind, problem: String, help: String },
    /// The app answered its live URL with a server error, after a deploy that succeeded. `log` has the last
    /// lines of the function's log.
    #[error("{url} answered {status} after the deploy")]
    Touch { url: String, status: u16, stage: String, log: Vec<String> },
    /// Another command holds the stage's lock, and `--wait` was not given. `holder` is a text for people:
    /// command, user, machine, time.
    #[error("another command works on stage `{stage}`: {holder}")]
    Locked { holder: String, stage: String },
    /// Another command has taken the lock from this one, whose lease had expired. Steps that had begun were
    /// finished; no others were started.
    #[error("another command has taken the lock of stage `{stage}`")]
    LockLost { stage: String },
    /// Resources exist after `lzap undeploy`, each as kind and name.
    #[error("these resources still exist: {}", left.join(", "))]
    Left { left: Vec<String>, stage: String },
    /// A signal ended the command; `resume` is the work that goes on.
    #[error("interrupted")]
    Interrupted { resume: Option<Resume> },
    /// The operating system refused an operation of lzap itself; `what` is a clause.
    #[error("{what}")]
    Io { what: String, source: std::io::Error },
}

/// The work that goes on after an interrupt, if the same command wouldn't simply continue it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resume {
    /// The command only watched a job, which goes on.
    WatchesJob,
    /// The function was invoked, and runs to its end; the same command would invoke it once more.
    InvokesAgain,
}

impl From<AwsError> for CliError {
    fn from(error: AwsError) -> Self {
        Self::Aws(Box::new(error))
    }
}

impl From<ApplyError> for CliError {
    fn from(error: ApplyError) -> Self {
        Self::Apply(Box::new(error))
    }
}

impl CliError {
    /// Returns the error for a stage that isn't deployed: the planner's, for commands that find out without a
    /// plan.
    pub(crate) fn not_deployed(names: &Names) -> Self {
        PlanError::NotDeployed { app: names.app.clone(), stage: names.stage.clone() }.into()
    }

    /// Returns the error for a mistake in the arguments that clap can't find. `help` is what to type instead.
    pub(crate) fn usage(kind: UsageKind, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { kind, problem: problem.into(), help: help.into() }
    }

    /// Returns the function's last log lines, oldest first, if they explain the error.
    pub(crate) fn log(&self) -> &[String] {
        match self {
            Self::Touch { log, .. } => log,
            Self::Invoke(error) => &error.log,
            Self::Apply(error) => match &**error {
                ApplyError::Probe { log_tail, .. } => log_tail,
                ApplyError::Step { .. }
                | ApplyError::Stopped { .. }
                | ApplyError::Front { .. }
                | ApplyError::NoTask { .. } => &[],
            },
            _ => &[],
        }
    }
}
