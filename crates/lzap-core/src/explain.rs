//! Explanations of errors: code, exit code, likely cause, and the command to type next.
//!
//! Each error type of the tool implements [`Explained`] by exhaustive matches over its kinds, so that a kind without a
//! code, a cause or help doesn't compile. The text of an error is its `Display`. `lzap explain CODE` and
//! `docs/reference/errors.md` show the [`ErrorPage`] of each kind, made from an example of it.

use std::borrow::Cow;
use std::error::Error;

use serde::Serialize;

use crate::exit::Exit;

/// The command that failed. Help texts write commands out with it, so that they can be typed as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandContext {
    command: String,
    arguments: String,
    stage: Option<String>,
}

impl CommandContext {
    /// Creates the context of `lzap COMMAND STAGE`; without a stage, of `lzap COMMAND`.
    pub fn new(command: impl Into<String>, stage: Option<&str>) -> Self {
        Self {
            command: command.into(),
            arguments: stage.unwrap_or_default().to_owned(),
            stage: stage.map(str::to_owned),
        }
    }

    /// Creates the context of the reference: `lzap COMMAND STAGE`, in words to be replaced.
    pub fn placeholder() -> Self {
        Self::new("COMMAND", Some("STAGE"))
    }

    /// Replaces the arguments, which include the stage if the user must type it. They are quoted for the shell
    /// already.
    #[must_use]
    pub fn with_arguments(mut self, arguments: impl Into<String>) -> Self {
        self.arguments = arguments.into();
        self
    }

    /// Returns the failed command as it can be typed again: `lzap deploy production --canary 10`.
    pub fn again(&self) -> String {
        join_command(&self.command, &self.arguments)
    }

    /// Returns another command for the same stage: `lzap tail production`. Without a stage it acts on the default
    /// stage, as the failed command did.
    pub fn for_stage(&self, command: &str) -> String {
        join_command(command, self.stage.as_deref().unwrap_or_default())
    }

    /// Returns the name of the stage's table in lzap.toml: `[stage.production]`.
    pub fn table(&self) -> String {
        format!("[stage.{}]", self.stage.as_deref().unwrap_or("NAME"))
    }
}

fn join_command(command: &str, arguments: &str) -> String {
    if arguments.is_empty() { format!("lzap {command}") } else { format!("lzap {command} {arguments}") }
}

/// An error that ends a command.
pub trait Explained: Error {
    /// Returns the code, which is unique to this kind of error: `lzap::aws::denied`.
    fn code(&self) -> Cow<'static, str>;

    /// Returns the exit code of a command that this error ends.
    fn exit(&self) -> Exit;

    /// Returns when this kind of error occurs: one or two sentences.
    fn why(&self) -> Cow<'static, str>;

    /// Returns what to type or to change next, with every command written out.
    fn help(&self, command: &CommandContext) -> String;
}

/// The reference of one kind of error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorPage {
    /// The code.
    pub code: String,
    /// The exit code of a command that ends with this error.
    pub exit_code: u8,
    /// The text of an example; words in capitals stand for names.
    pub message: String,
    /// When it occurs.
    pub why: String,
    /// The fix: the command to type or the setting to change.
    pub help: String,
}

impl ErrorPage {
    /// Creates the page of the example's kind.
    pub fn new(example: &dyn Explained) -> Self {
        Self {
            code: example.code().into_owned(),
            exit_code: example.exit() as u8,
            message: example.to_string(),
            why: example.why().into_owned(),
            help: example.help(&CommandContext::placeholder()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn again_repeats_the_command_with_its_stage() {
        let command = CommandContext::new("deploy", Some("production"));
        assert_eq!(command.again(), "lzap deploy production");
        assert_eq!(command.for_stage("tail"), "lzap tail production");
        assert_eq!(command.table(), "[stage.production]");
        let command = command.with_arguments("production --canary 10");
        assert_eq!(command.again(), "lzap deploy production --canary 10");
    }

    #[test]
    fn without_a_stage_commands_act_on_the_default_stage() {
        let command = CommandContext::new("deploy", None);
        assert_eq!(command.again(), "lzap deploy");
        assert_eq!(command.for_stage("tail"), "lzap tail");
        assert_eq!(command.table(), "[stage.NAME]");
    }
}
