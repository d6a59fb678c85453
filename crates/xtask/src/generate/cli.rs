//! Renders `docs/reference/cli.md`: the `--help` of every command as tables, exit codes, environment
//! variables.
//!
//! The texts belong to `lzap-cli` and `lzap-wire`; nothing here describes a command.

use std::fmt::Write as _;

use fs_err as fs;
use lzap_testkit::workspace;

use super::markdown::{NOTE, escape_prose, format_code, format_table, make_anchor};
use lzap_testkit::shell::{Failure, Result, lzap, quiet_output};

/// The output of `lzap COMMAND --help`, parsed.
#[derive(Debug, Default, PartialEq)]
struct Help {
    about: String,
    usage: String,
    /// The sections below the usage (`Options`, `Commands`, …) by title, in their order.
    sections: Vec<(String, Vec<Entry>)>,
}

/// One row of a section, such as `-C, --project <DIR>` with its description.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    name: String,
    about: String,
}

impl Help {
    /// The rows of the section `title`; empty when the command has no such section.
    fn entries(&self, title: &str) -> &[Entry] {
        self.sections.iter().find(|(it, _)| it == title).map_or(&[], |(_, entries)| entries)
    }

    /// Parses the format that clap prints with `NO_COLOR`: description, usage, then titled sections. Never
    /// fails: an unknown line before the first section is appended to the usage, and so is visible on the
    /// page.
    fn parse(text: &str) -> Self {
        let mut help = Self::default();
        for line in text.lines().map(str::trim_end) {
            if let Some(usage) = line.strip_prefix("Usage: ") {
                usage.clone_into(&mut help.usage);
            } else if help.usage.is_empty() {
                add_words(&mut help.about, line);
            } else if let Some(title) = line.strip_suffix(':').filter(|_| !line.starts_with(' ')) {
                help.sections.push((title.to_owned(), Vec::new()));
            } else if let Some((_, entries)) = help.sections.last_mut() {
                add_line(entries, line);
            } else if !line.is_empty() {
                // clap prints a second usage on a line of its own, before the first section.
                help.usage = format!("{}\n{}", help.usage, line.trim_start());
            }
        }
        help
    }
}

/// Adds one line of a section: a new entry, or the continuation of the last one, which clap indents by more
/// than 6 columns.
fn add_line(entries: &mut Vec<Entry>, line: &str) {
    let text = line.trim_start();
    let indent = line.len() - text.len();
    if text.is_empty() {
        return;
    }
    match entries.last_mut() {
        Some(entry) if indent > 6 => add_words(&mut entry.about, text),
        _ => {
            // Two blanks separate name and description. A long name has its description on the next line.
            let (name, about) = text.split_once("  ").unwrap_or((text, ""));
            entries.push(Entry { name: name.to_owned(), about: about.trim().to_owned() });
        }
    }
}

/// Appends `more` to `text`, with one blank between them unless one is empty, as the blank lines of a help
/// are.
fn add_words(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

/// Returns the whole page. Builds `lzap` if necessary and runs it once per command. Fails when a part of the
/// page would be empty, which means that the format of its source changed.
pub(crate) fn render_page() -> Result<String> {
    let mut commands = Vec::new();
    collect_helps(&[], &mut commands)?;
    let (_, root) = commands.first().ok_or_else(|| Failure::new("no commands found"))?;
    let rows: Vec<_> = commands.iter().skip(1).map(|(name, help)| format_overview_row(name, help)).collect();
    let mut page = format!(
        "# Commands\n\n{NOTE}\n\n{}.\n\n{}\n[Exit codes](#exit-codes) and [environment variables](#environment-variables) \
         are at the end.\n\n## Options of every command\n\n{}",
        escape_prose(&root.about),
        format_table(&["command", "what it does"], &rows),
        format_entries("option", &[root.entries("Global options"), root.entries("Options")].concat()),
    );
    let _ = write!(page, "\n## Examples\n\n{}", format_entries("command", root.entries("Examples")));
    for (name, help) in commands.iter().skip(1) {
        add_command(&mut page, name, help, root);
    }
    add_exit_codes(&mut page)?;
    add_variables(&mut page)?;
    Ok(page)
}

/// Appends the help of the command at `path` and of all its subcommands, depth first, to `commands`. Hidden
/// commands are missing on the page, because no help lists them.
fn collect_helps(path: &[&str], commands: &mut Vec<(String, Help)>) -> Result {
    let mut command = lzap()?;
    // clap shows the current value of an option's variable, and the page must not depend on who generates it.
    let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LZAP_"));
    for (name, _) in ours {
        command.env_remove(name);
    }
    let help = Help::parse(&quiet_output(command.args(path).arg("--help").env("NO_COLOR", "1"))?);
    let names: Vec<String> = help.entries("Commands").iter().map(|entry| entry.name.clone()).collect();
    commands.push((std::iter::once("lzap").chain(path.iter().copied()).collect::<Vec<_>>().join(" "), help));
    // clap adds the command `help` to each command that has subcommands; it has no content of its own.
    for name in names.iter().filter(|name| *name != "help") {
        collect_helps(&[path, &[name.as_str()]].concat(), commands)?;
    }
    Ok(())
}

/// Returns a command's row in the table at the top of the page: a link to its section, and its description.
fn format_overview_row(name: &str, help: &Help) -> Vec<String> {
    vec![format!("[`{name}`](#{})", make_anchor(name)), escape_prose(&help.about)]
}

/// Appends a command's section: usage, arguments and options. Options that every command has are described
/// once, at the top of the page. A command that only groups subcommands gets its description alone.
fn add_command(page: &mut String, name: &str, help: &Help, root: &Help) {
    let level = if name.matches(' ').count() > 1 { "###" } else { "##" };
    let _ = write!(page, "\n{level} {name}\n\n{}.\n", escape_prose(&help.about));
    if !help.entries("Commands").is_empty() {
        return;
    }
    let _ = write!(page, "\n```text\n{}\n```\n", help.usage);
    let everywhere = root.entries("Options");
    let own: Vec<Entry> =
        help.entries("Options").iter().filter(|it| !everywhere.contains(it)).cloned().collect();
    for (title, entries) in [("argument", help.entries("Arguments")), ("option", own.as_slice())] {
        if !entries.is_empty() {
            let _ = write!(page, "\n{}", format_entries(title, entries));
        }
    }
}

/// Formats the rows of a section as a table; `title` heads the column of names.
fn format_entries(title: &str, entries: &[Entry]) -> String {
    // clap prints `[env: NAME=]` for a variable that is not set.
    let about = |entry: &Entry| escape_prose(&entry.about).replace("=]", "]");
    let rows: Vec<_> = entries.iter().map(|entry| vec![format_code(&entry.name), about(entry)]).collect();
    format_table(&[title, "meaning"], &rows)
}

/// Appends the table of exit codes, read from the comments in `crates/lzap-core/src/exit.rs`.
fn add_exit_codes(page: &mut String) -> Result {
    let source = fs::read_to_string(workspace().join("crates/lzap-core/src/exit.rs"))?;
    let codes = collect_documented(&source, |line| {
        // A variant with its code, as `Usage = 2,`.
        let (_, number) = line.trim_end_matches(',').split_once(" = ")?;
        number.parse::<u8>().ok().map(|number| number.to_string())
    });
    if codes.is_empty() {
        return Err(Failure::new("no exit codes found"));
    }
    let _ = write!(page, "\n## Exit codes\n\n{}", format_table(&["code", "meaning"], &codes));
    Ok(())
}

/// Appends the table of environment variables, read from the comments in `crates/lzap-wire/src/env.rs`. The
/// variables of the AWS SDK and of cargo are not listed: their own documentation is complete.
fn add_variables(page: &mut String) -> Result {
    let source = fs::read_to_string(workspace().join("crates/lzap-wire/src/env.rs"))?;
    let variables = collect_documented(&source, |line| {
        let (_, value) = line.strip_prefix("pub const ")?.split_once(": &str = \"")?;
        Some(format_code(value.trim_end_matches("\";")))
    });
    if variables.is_empty() {
        return Err(Failure::new("no environment variables found"));
    }
    let _ = write!(
        page,
        "\n## Environment variables\n\n{}\n\
         Beside these, the variables of the AWS SDK (`AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL`, …) and of cargo\n\
         (`CARGO_TARGET_DIR`, `RUSTFLAGS`, …) hold as everywhere. `NO_COLOR` turns colors off, `CI` progress bars. An app's\n\
         log level is in `RUST_LOG`.\n",
        format_table(&["variable", "meaning"], &variables)
    );
    Ok(())
}

/// Returns one row per line in which `name_of` finds a name: that name, and the doc comment directly above
/// the line.
///
/// The source is read line by line and not parsed, since rustfmt keeps each constant and variant on a line of
/// its own.
fn collect_documented(source: &str, name_of: impl Fn(&str) -> Option<String>) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut comment = String::new();
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            comment += text;
            continue;
        }
        if let Some(name) = name_of(line) {
            // rustdoc's links to items lead nowhere on a page outside of the crate's documentation.
            rows.push(vec![name, escape_prose(&comment.replace("[`", "`").replace("`]", "`"))]);
        }
        // The comment belonged to this line, whether or not it has a name.
        comment.clear();
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELP: &str = "About\n\nUsage: lzap [COMMAND]\n\nCommands:\n  init    Make\n  deploy  Converge and\n          more\n\nOptions:\n  -C, --project <DIR>  Where [default:\n                       here]\n      --long-option <WITH_A_NAME>\n          Below\n";

    #[test]
    fn parse_help_splits_sections_and_joins_wrapped_lines() {
        let help = Help::parse(HELP);
        let entry = |name: &str, about: &str| Entry { name: name.to_owned(), about: about.to_owned() };
        assert_eq!((help.about.as_str(), help.usage.as_str()), ("About", "lzap [COMMAND]"));
        assert_eq!(help.entries("Commands"), [entry("init", "Make"), entry("deploy", "Converge and more")]);
        let options = [
            entry("-C, --project <DIR>", "Where [default: here]"),
            entry("--long-option <WITH_A_NAME>", "Below"),
        ];
        assert_eq!(help.entries("Options"), options);
    }

    #[test]
    fn parse_help_keeps_every_usage_line() {
        let help = Help::parse(
            "About\n\nUsage: lzap invoke <TASK>\n       lzap invoke --job <ID>\n\nOptions:\n  -h  Help\n",
        );
        assert_eq!(help.usage, "lzap invoke <TASK>\nlzap invoke --job <ID>");
        assert_eq!(help.entries("Options").len(), 1);
    }

    #[test]
    fn collect_documented_pairs_names_with_comments() {
        let source = "/// See [`B`].\n/// More.\nOne = 1,\n\n/// Nothing.\nfn other() {}\nTwo = 2,\n";
        let rows = collect_documented(source, |line| Some(line.split_once(" = ")?.0.to_owned()));
        assert_eq!(rows, [["One", "See `B`. More."], ["Two", ""]]);
    }
}
