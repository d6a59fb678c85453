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

/// Why a command ended without its result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Aws(#[from] Box<AwsError>),
    #[error(transparent)]
    Apply(#[from] Box<ApplyError>),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error(transparent)]
    Invoke(#[from] InvokeError),
    /// A mistake in `lzap.toml`; printed with its line.
    #[error("{problem}")]
    Config { path: PathBuf, text: String, problem: Box<ConfigError> },
    #[error("there is no lzap.toml in {} or above it", dir.display())]
    NoConfig { dir: PathBuf },
    #[error("could not read {}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("package `{package}` does not use lzap yet")]
    NoRuntime { package: String, lines: String },
    #[error("{what} and there is no terminal to ask on")]
    NeedsYes { what: &'static str },
    #[error("not confirmed; nothing was changed")]
    Declined,
    #[error("the terminal could not be used: {0}")]
    Terminal(String),
    #[error("could not read `{argument}`")]
    Argument { argument: String, source: std::io::Error },
    #[error("{problem}")]
    Usage { kind: UsageKind, problem: String, help: String },
    #[error("{url} answered {status} after the deploy")]
    Touch { url: String, status: u16, stage: String, log: Vec<String> },
    #[error("another command works on stage `{stage}`: {holder}")]
    Locked { holder: String, stage: String },
    #[error("another command has taken the lock of stage `{stage}`")]
    LockLost { stage: String },
    #[error("these resources still exist: {}", left.join(", "))]
    Left { left: Vec<String>, stage: String },
    #[error("interrupted")]
    Interrupted { resume: Option<Resume> },
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
    /// The stage isn't deployed.
    pub(crate) fn not_deployed(names: &Names) -> Self {
        PlanError::NotDeployed { app: names.app.clone(), stage: names.stage.clone() }.into()
    }

    /// A mistake in the arguments that clap can't find.
    pub(crate) fn usage(kind: UsageKind, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { kind, problem: problem.into(), help: help.into() }
    }

    /// The function's last log lines, if they explain the error.
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
