//! The command line as help texts repeat it, and the format of errors that come before it is parsed.
//!
//! A help text that says "type the command again" writes the command out, for which clap's matches have to be
//! kept: the parsed [`Cli`] doesn't say which options were typed and which have their default.

use std::ffi::OsStr;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, CommandFactory};
use lzap_core::explain::CommandContext;

use crate::cli::Cli;

/// The command that the user typed, and those of its arguments that change what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypedCommand {
    /// `deploy`, `local start`.
    name: String,
    /// The arguments as a shell takes them, without those that only change the output. Positional ones come
    /// first.
    arguments: Vec<String>,
    /// The stage that was typed.
    stage: Option<String>,
    /// Set if the command acts on the default stage, which is then added to the repeated command: a later
    /// change of `default_stage` must not make it act on another stage.
    acts_on_default: bool,
}

/// Options that change only how results are printed.
const PRESENTATION: [&str; 4] = ["output", "verbose", "quiet", "color"];
/// Options whose values are data of the user's, and can be secret. A help text shows a placeholder for them,
/// except for the name of a file.
const DATA: [&str; 2] = ["data", "raw"];

impl TypedCommand {
    /// Reads the command from parsed arguments: the innermost subcommand, with the options that were typed
    /// anywhere on the line. Values from environment variables and defaults are left out.
    pub(crate) fn new(matches: &ArgMatches) -> Self {
        let mut root = Cli::command();
        // Only a built command has the global options in its subcommands.
        root.build();
        let (mut command, mut matches, mut name) = (&root, matches, Vec::new());
        while let Some((subcommand, its_matches)) = matches.subcommand() {
            name.push(subcommand.to_owned());
            matches = its_matches;
            let Some(found) = command.find_subcommand(subcommand) else { break };
            command = found;
        }
        let typed = |arg: &&Arg| {
            matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
                && !PRESENTATION.contains(&arg.get_id().as_str())
        };
        let (positional, options): (Vec<&Arg>, Vec<&Arg>) =
            command.get_arguments().filter(typed).partition(|arg| arg.is_positional());
        let arguments = positional.iter().chain(&options).flat_map(|arg| format_argument(arg, matches));
        let takes = |id: &str| command.get_arguments().any(|arg| arg.get_id() == id);
        let text = |id: &str| matches.get_one::<String>(id).filter(|_| takes(id)).cloned();
        let stage = if takes("stage") {
            text("stage")
        } else if takes("first") {
            // `invoke STAGE TASK`, `invoke TASK`, `invoke STAGE --raw EVENT`.
            let only_stage = ["second", "raw", "job"].into_iter().any(|id| text(id).is_some());
            text("first").filter(|_| only_stage)
        } else {
            None
        };
        let all = takes("all") && matches.get_flag("all");
        let acts_on_default = (takes("stage") || takes("first")) && stage.is_none() && !all;
        Self { name: name.join(" "), arguments: arguments.collect(), stage, acts_on_default }
    }

    /// Returns the context for help texts. `default_stage` is called only if no stage was typed and the
    /// command takes one, because it reads `lzap.toml`.
    pub(crate) fn context(&self, default_stage: impl FnOnce() -> Option<String>) -> CommandContext {
        let default = if self.acts_on_default { default_stage() } else { None };
        let stage = self.stage.clone().or_else(|| default.clone());
        let arguments: Vec<String> = default.into_iter().chain(self.arguments.iter().cloned()).collect();
        CommandContext::new(&self.name, stage.as_deref()).with_arguments(arguments.join(" "))
    }
}

/// Returns an argument as it is typed: `production`, `--canary 10`, `--yes`.
fn format_argument(arg: &Arg, matches: &ArgMatches) -> Vec<String> {
    let id = arg.get_id().as_str();
    let values: Vec<String> = if arg.get_action().takes_values() {
        let raw = matches.get_raw(id).into_iter().flatten();
        raw.map(|value| if DATA.contains(&id) { format_data(value) } else { quote_argument(value) }).collect()
    } else {
        Vec::new()
    };
    let option = arg.get_long().filter(|_| !arg.is_positional()).map(|long| format!("--{long}"));
    option.into_iter().chain(values).collect()
}

/// Returns `@FILE` and `-` as they were typed, and a placeholder for the data itself.
fn format_data(value: &OsStr) -> String {
    let text = value.to_string_lossy();
    if text == "-" || text.starts_with('@') { quote_argument(value) } else { "JSON".to_owned() }
}

/// Returns `value` as a POSIX shell reads it back. Bytes that aren't UTF-8 are lost.
fn quote_argument(value: &OsStr) -> String {
    let text = value.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Returns the program's name and its arguments. Bytes that aren't UTF-8 are lost; clap refuses such an argument.
pub(crate) fn arguments() -> Vec<String> {
    std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect()
}

/// Adds to clap's error how the argument of a task is given, where it was typed behind the task's name.
pub(crate) fn add_tip(mut error: clap::Error) -> clap::Error {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) if error.kind() == ErrorKind::UnknownArgument => argument,
        _ => return error,
    };
    if !argument.starts_with('-')
        && find_command(arguments().into_iter().skip(1)).as_deref() == Some("invoke")
    {
        let tip =
            format!("the argument of a task is given with `--data {}`", quote_argument(argument.as_ref()));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// Returns whether the arguments ask for `--output json`. For errors of the parser itself, which leave no parsed option.
///
/// Only the option counts: a stage, a task or a file can be named `json` too.
pub(crate) fn asks_for_json(arguments: impl IntoIterator<Item = String>) -> bool {
    let mut arguments = arguments.into_iter().take_while(|argument| argument != "--");
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--output=json" => return true,
            "--output" if arguments.next().as_deref() == Some("json") => return true,
            _ => {}
        }
    }
    false
}

/// Returns `lzap COMMAND --help` for the command among the arguments, and `lzap --help` without one. Takes
/// the first argument that is the name of a command, even if it is the value of an option.
pub(crate) fn help_command(arguments: impl IntoIterator<Item = String>) -> String {
    match find_command(arguments) {
        Some(command) => format!("lzap {command} --help"),
        None => "lzap --help".to_owned(),
    }
}

/// Returns the first argument that is the name of a command.
fn find_command(arguments: impl IntoIterator<Item = String>) -> Option<String> {
    let root = Cli::command();
    arguments.into_iter().find(|argument| root.find_subcommand(argument).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> TypedCommand {
        let matches = Cli::command().try_get_matches_from(line.split(' ')).expect(line);
        TypedCommand::new(&matches)
    }

    fn again(line: &str) -> String {
        typed(line).context(|| Some("dev".to_owned())).again()
    }

    #[test]
    fn again_keeps_what_changes_the_command_and_adds_the_default_stage() {
        for (line, expected) in [
            ("lzap deploy production", "lzap deploy production"),
            ("lzap deploy", "lzap deploy dev"),
            ("lzap deploy --all", "lzap deploy --all"),
            ("lzap -v --output json deploy --canary 10%", "lzap deploy dev --canary 10%"),
            ("lzap -C ../shop undeploy dev --yes", "lzap undeploy dev --project ../shop --yes"),
            ("lzap local start --port 1", "lzap local start --port 1"),
            ("lzap invoke cleanup", "lzap invoke dev cleanup"),
            ("lzap invoke production cleanup --spawn", "lzap invoke production cleanup --spawn"),
            ("lzap completions bash", "lzap completions bash"),
        ] {
            assert_eq!(again(line), expected, "{line}");
        }
    }

    #[test]
    fn again_hides_data_and_names_files() {
        assert_eq!(
            again("lzap invoke dev login --data {\"password\":1}"),
            "lzap invoke dev login --data JSON"
        );
        assert_eq!(again("lzap invoke dev login --data @a.json"), "lzap invoke dev login --data @a.json");
        assert_eq!(again("lzap invoke dev --raw {}"), "lzap invoke dev --raw JSON");
    }

    #[test]
    fn other_commands_act_on_the_same_stage() {
        let tail = |line| typed(line).context(|| Some("dev".to_owned())).for_stage("tail");
        assert_eq!(tail("lzap deploy production"), "lzap tail production");
        assert_eq!(tail("lzap invoke production cleanup"), "lzap tail production");
        assert_eq!(tail("lzap invoke cleanup"), "lzap tail dev");
        assert_eq!(typed("lzap deploy").context(|| None).for_stage("tail"), "lzap tail");
    }

    #[test]
    fn quote_protects_from_the_shell() {
        assert_eq!(quote_argument(OsStr::new("{ $.a = 1 }")), "'{ $.a = 1 }'");
        assert_eq!(quote_argument(OsStr::new("it's")), r"'it'\''s'");
        assert_eq!(quote_argument(OsStr::new("")), "''");
    }

    #[test]
    fn only_the_option_asks_for_json() {
        for (line, expected) in [
            ("lzap deploy dev --output json --typo", true),
            ("lzap --output=json delpoy", true),
            ("lzap deploy json --typo", false),
            ("lzap invoke json --data json --typo", false),
            ("lzap --output text deploy json --typo", false),
            ("lzap invoke dev -- --output json", false),
        ] {
            assert_eq!(asks_for_json(line.split(' ').map(str::to_owned)), expected, "{line}");
        }
    }
}
