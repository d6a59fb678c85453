//! The table of [`CliError`]: code, exit code, likely cause, help. The errors of the other crates have their own.

use std::borrow::Cow;

use lzap_core::exit::Exit;
use lzap_core::explain::{CommandContext, Explained};

use super::{CliError, Resume};

impl CliError {
    /// Returns the error of another crate that this one wraps; `None` for errors with a row of their own, the
    /// embedded cloud's among them.
    fn wrapped(&self) -> Option<&dyn Explained> {
        match self {
            Self::Build(error) => Some(error),
            Self::Aws(error) => Some(&**error),
            Self::Apply(error) => Some(&**error),
            Self::Plan(error) => Some(error),
            Self::Invoke(error) => Some(error),
            _ => None,
        }
    }

    /// Returns the code and the likely cause of an error that wraps none. Users look the code up with `lzap
    /// explain`.
    fn row(&self) -> (&'static str, &'static str) {
        match self {
            // Their own tables have them: see `wrapped`.
            Self::Build(_) | Self::Aws(_) | Self::Apply(_) | Self::Plan(_) | Self::Invoke(_) => ("lzap", ""),
            Self::Local(error) => (error.code(), error.why()),
            Self::Usage { kind, .. } => kind.row(),
            Self::Config { problem, .. } => problem.kind.row(),
            Self::NoConfig { .. } => (
                "lzap::config::missing",
                "The command was started outside of a project, or the project has no lzap.toml yet.",
            ),
            Self::Unreadable { .. } => (
                "lzap::config::unreadable",
                "`--config` names no file, or its permissions forbid reading it.",
            ),
            Self::NoRuntime { .. } => (
                "lzap::project::no_runtime",
                "Lambda starts the app through the crate `lzap`, and the package doesn't depend on it.",
            ),
            Self::NeedsYes { .. } => (
                "lzap::usage::needs_yes",
                "The command deletes resources and asks first. In a script or CI there is no terminal to answer on.",
            ),
            Self::Declined => ("lzap::usage::declined", "The question was answered with no."),
            Self::Terminal(_) => ("lzap::usage::terminal", "The terminal can't show a question."),
            Self::Argument { .. } => {
                ("lzap::usage::argument_file", "`@FILE` names a file that doesn't exist or can't be read.")
            }
            Self::Touch { .. } => (
                "lzap::deploy::touch",
                "The deploy succeeded, and then the app answered its own URL with a server error.",
            ),
            Self::Locked { .. } => (
                "lzap::locked",
                "Only one command changes a stage at a time. The error names who holds the lock.",
            ),
            Self::LockLost { .. } => (
                "lzap::locked::lost",
                "This command was suspended, or without a network, for so long that its lock expired.",
            ),
            Self::Left { .. } => (
                "lzap::undeploy::left",
                "Another program created the resources again, for example an invocation that was still in flight.",
            ),
            Self::Interrupted { .. } => ("lzap::interrupted", "Ctrl-C or SIGTERM."),
            Self::Io { .. } => ("lzap::io", "The operating system refused to read or write."),
        }
    }
}

impl Explained for CliError {
    fn code(&self) -> Cow<'static, str> {
        self.wrapped().map_or_else(|| self.row().0.into(), Explained::code)
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Build(error) => error.exit(),
            Self::Aws(error) => error.exit(),
            Self::Apply(error) => error.exit(),
            Self::Plan(error) => error.exit(),
            Self::Invoke(error) => error.exit(),
            // The fix is an edit or another option: trying again doesn't help.
            Self::Config { .. }
            | Self::NoConfig { .. }
            | Self::Unreadable { .. }
            | Self::NoRuntime { .. }
            | Self::NeedsYes { .. }
            | Self::Terminal(_)
            | Self::Argument { .. }
            | Self::Usage { .. } => Exit::Usage,
            // The same command can succeed later.
            Self::Locked { .. } | Self::LockLost { .. } => Exit::Locked,
            Self::Interrupted { .. } => Exit::Interrupted,
            Self::Local(_) | Self::Declined | Self::Touch { .. } | Self::Left { .. } | Self::Io { .. } => {
                Exit::Failed
            }
        }
    }

    fn why(&self) -> Cow<'static, str> {
        self.wrapped().map_or_else(|| self.row().1.into(), Explained::why)
    }

    fn help(&self, command: &CommandContext) -> String {
        let again = command.again();
        match self {
            Self::Build(error) => error.help(command),
            Self::Aws(error) => error.help(command),
            Self::Apply(error) => error.help(command),
            Self::Plan(error) => error.help(command),
            Self::Invoke(error) => error.help(command),
            Self::Local(error) => error.help(&again),
            Self::Config { problem, .. } => problem.help.clone(),
            Self::Usage { help, .. } => help.clone(),
            Self::NoConfig { .. } => {
                "type `lzap init` to write one; the stage `local` needs none: `lzap deploy local`".to_owned()
            }
            Self::Unreadable { .. } => format!("check the path and its permissions, then type `{again}`"),
            Self::NoRuntime { lines, .. } => {
                format!("add these lines, then type `{again}`:\n\n{lines}")
            }
            Self::NeedsYes { .. } => format!("if you want that, type `{again} --yes`"),
            Self::Declined => format!("type `{again}` to be asked again"),
            Self::Terminal(_) => format!("answer with an option: `{again} --yes`"),
            Self::Argument { .. } => {
                "name an existing file of JSON text, or write the JSON itself, without the `@`".to_owned()
            }
            Self::Touch { stage, .. } => format!(
                "the new version is live: go back with `lzap rollback {stage}`, or fix the app and type `{again}`"
            ),
            Self::Locked { stage, .. } => format!(
                "wait for it with `{again} --wait`; if it no longer runs, remove its lock with `lzap unlock {stage}`"
            ),
            Self::LockLost { stage } => {
                format!("type `lzap status {stage}` to see what is deployed, then `{again}`")
            }
            Self::Left { stage, .. } => format!("type `lzap undeploy {stage}` again"),
            Self::Interrupted { resume: None } => {
                format!("type `{again}`: it continues where this one stopped")
            }
            Self::Interrupted { resume: Some(Resume::WatchesJob) } => {
                format!("the job goes on: type `{again}` to look at it")
            }
            Self::Interrupted { resume: Some(Resume::InvokesAgain) } => format!(
                "the invocation runs to its end, and `{}` shows its log; `{again}` would invoke once more",
                command.for_stage("tail")
            ),
            Self::Io { .. } => {
                format!("check the path, its permissions and the free space, then type `{again}`")
            }
        }
    }
}
