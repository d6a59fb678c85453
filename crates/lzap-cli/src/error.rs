//! Everything that ends a command early, each with its code, its help and its exit code.

use std::path::PathBuf;

use lzap_aws::{ApplyError, AwsError};
use lzap_build::{BuildError, ErrorKind};
use lzap_core::config::ConfigError;
use lzap_core::names::Names;
use lzap_core::plan::PlanError;
use lzap_local::LocalError;

use crate::commands::InvokeError;
use crate::exit::Exit;

/// Why a command ended without its result.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(crate) enum CliError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Aws(#[from] Box<AwsError>),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Apply(#[from] Box<ApplyError>),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Local(#[from] LocalError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Invoke(#[from] InvokeError),
    /// Something in `lzap.toml`; shown with its line.
    #[error("{problem}")]
    #[diagnostic(code(lzap::config), help("{}", problem.help))]
    Config { path: PathBuf, text: String, problem: ConfigError },
    #[error("there is no lzap.toml in {} or above it", dir.display())]
    #[diagnostic(
        code(lzap::config::missing),
        help("type `lzap init` to write one; the stage `local` needs none: `lzap deploy local`")
    )]
    NoConfig { dir: PathBuf },
    #[error("could not read {}", path.display())]
    #[diagnostic(code(lzap::config::unreadable), help("check the path and its permissions"))]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("package `{package}` does not use lzap yet")]
    #[diagnostic(code(lzap::project::no_runtime), help("add these lines:\n\n{lines}"))]
    NoRuntime { package: String, lines: String },
    #[error("{what} and there is no terminal to ask on")]
    #[diagnostic(code(lzap::usage::needs_yes), help("if that is what you want, add `--yes`"))]
    NeedsYes { what: &'static str },
    #[error("not confirmed; nothing was changed")]
    #[diagnostic(code(lzap::usage::declined), help("type the command again to be asked again"))]
    Declined,
    #[error("the terminal could not be used: {0}")]
    #[diagnostic(code(lzap::usage::terminal), help("answer with `--yes`"))]
    Terminal(String),
    #[error("could not read `{argument}`")]
    #[diagnostic(
        code(lzap::usage),
        help("name a file of JSON text that is there, or write the JSON itself, without the `@`")
    )]
    Argument { argument: String, source: std::io::Error },
    #[error("{problem}")]
    #[diagnostic(code(lzap::usage), help("{help}"))]
    Usage { problem: String, help: String },
    #[error("{url} answered {status} after the deploy")]
    #[diagnostic(
        code(lzap::deploy::touch),
        help("the new version is live; go back with `lzap rollback {stage}`, or mend it and deploy again")
    )]
    Touch { url: String, status: u16, stage: String, log: Vec<String> },
    #[error("another command works on stage `{stage}`: {holder}")]
    #[diagnostic(
        code(lzap::locked),
        help("wait for it with `--wait`; if it is dead, `lzap unlock {stage}` takes its lock away")
    )]
    Locked { holder: String, stage: String },
    #[error("another command has taken the lock of stage `{stage}`")]
    #[diagnostic(
        code(lzap::locked::lost),
        help(
            "this one was stopped for too long; see what is deployed with `lzap status {stage}`, then run it again"
        )
    )]
    LockLost { stage: String },
    #[error("something is left: {}", left.join(", "))]
    #[diagnostic(code(lzap::undeploy::left), help("type `lzap undeploy {stage}` again"))]
    Left { left: Vec<String>, stage: String },
    #[error("interrupted")]
    #[diagnostic(
        code(lzap::interrupted),
        help("{}", resume.as_deref().unwrap_or("type the command again: it goes on where this one stopped"))
    )]
    Interrupted { resume: Option<String> },
    #[error("{what}")]
    #[diagnostic(code(lzap::io), help("check the path, the permissions and the space left"))]
    Io { what: String, source: std::io::Error },
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
    /// The stage isn't there.
    pub(crate) fn not_deployed(names: &Names) -> Self {
        PlanError::NotDeployed { app: names.app.clone(), stage: names.stage.clone() }.into()
    }

    /// The function's last log lines, where they tell why.
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

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Build(error) => match error.kind() {
                ErrorKind::Usage => Exit::Usage,
                ErrorKind::Build => Exit::Build,
            },
            Self::Aws(error) => match **error {
                AwsError::NoRegion | AwsError::NoProfile { .. } => Exit::Usage,
                _ => Exit::Aws,
            },
            Self::Apply(error) => match **error {
                ApplyError::Probe { .. } | ApplyError::NoTask { .. } => Exit::Probe,
                ApplyError::Front { .. } => Exit::Failed,
                ApplyError::Step { .. } => Exit::Aws,
                ApplyError::Stopped { .. } => Exit::Interrupted,
            },
            Self::Plan(_)
            | Self::Config { .. }
            | Self::NoConfig { .. }
            | Self::Unreadable { .. }
            | Self::NoRuntime { .. }
            | Self::NeedsYes { .. }
            | Self::Terminal(_)
            | Self::Argument { .. }
            | Self::Usage { .. } => Exit::Usage,
            Self::Locked { .. } | Self::LockLost { .. } => Exit::Locked,
            Self::Interrupted { .. } => Exit::Interrupted,
            Self::Local(_)
            | Self::Invoke(_)
            | Self::Declined
            | Self::Touch { .. }
            | Self::Left { .. }
            | Self::Io { .. } => Exit::Failed,
        }
    }
}
