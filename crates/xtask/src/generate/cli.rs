//! `docs/reference/cli.md`: each command's `--help` as tables, exit codes, environment variables.

use std::fmt::Write as _;

use fs_err as fs;
use lzap_testkit::workspace;

use super::markdown::{NOTE, escape_prose, format_code, format_table, make_anchor};
use lzap_testkit::shell::{Failure, Result, lzap, quiet_output};

/// A `--help`, taken apart.
#[derive(Debug, Default, PartialEq)]
struct Help {
    about: String,
    usage: String,
    /// Titles with their entries, in order.
    sections: Vec<(String, Vec<Entry>)>,
}

/// `-C, --project <DIR>` and what is said of it.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    name: String,
    about: String,
}

impl Help {
    fn entries(&self, title: &str) -> &[Entry] {
        self.sections.iter().find(|(it, _)| it == title).map_or(&[], |(_, entries)| entries)
    }

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
                help.usage = format!("{}\n{}", help.usage, line.trim_start());
            }
        }
        help
    }
}

/// A line begins an entry, or is the rest of the one above: those are indented further than any entry.
fn add_line(entries: &mut Vec<Entry>, line: &str) {
    let text = line.trim_start();
    let indent = line.len() - text.len();
    if text.is_empty() {
        return;
    }
    match entries.last_mut() {
        Some(entry) if indent > 6 => add_words(&mut entry.about, text),
        _ => {
            let (name, about) = text.split_once("  ").unwrap_or((text, ""));
            entries.push(Entry { name: name.to_owned(), about: about.trim().to_owned() });
        }
    }
}

fn add_words(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

/// The whole page.
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

/// Asks the command at `path`, then its subcommands. Hidden ones are not in any help, so not here either.
fn collect_helps(path: &[&str], commands: &mut Vec<(String, Help)>) -> Result {
    let mut command = lzap()?;
    // A set variable would show in the help of its option.
    let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LZAP_"));
    for (name, _) in ours {
        command.env_remove(name);
    }
    let help = Help::parse(&quiet_output(command.args(path).arg("--help").env("NO_COLOR", "1"))?);
    let names: Vec<String> = help.entries("Commands").iter().map(|entry| entry.name.clone()).collect();
    commands.push((std::iter::once("lzap").chain(path.iter().copied()).collect::<Vec<_>>().join(" "), help));
    for name in names.iter().filter(|name| *name != "help") {
        collect_helps(&[path, &[name.as_str()]].concat(), commands)?;
    }
    Ok(())
}

fn format_overview_row(name: &str, help: &Help) -> Vec<String> {
    vec![format!("[`{name}`](#{})", make_anchor(name)), escape_prose(&help.about)]
}

/// What sets the command apart: its own arguments and options, or its subcommands.
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

fn format_entries(title: &str, entries: &[Entry]) -> String {
    // `[env: NAME=]` shows an empty value.
    let about = |entry: &Entry| escape_prose(&entry.about).replace("=]", "]");
    let rows: Vec<_> = entries.iter().map(|entry| vec![format_code(&entry.name), about(entry)]).collect();
    format_table(&[title, "meaning"], &rows)
}

fn add_exit_codes(page: &mut String) -> Result {
    let source = fs::read_to_string(workspace().join("crates/lzap-cli/src/exit.rs"))?;
    let codes = collect_documented(&source, |line| {
        let (_, number) = line.trim_end_matches(',').split_once(" = ")?;
        number.parse::<u8>().ok().map(|number| number.to_string())
    });
    if codes.is_empty() {
        return Err(Failure::new("no exit codes found"));
    }
    let _ = write!(page, "\n## Exit codes\n\n{}", format_table(&["code", "meaning"], &codes));
    Ok(())
}

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

/// Rows of what `name_of` finds on a line, with the documentation comment above it.
fn collect_documented(source: &str, name_of: impl Fn(&str) -> Option<String>) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut comment = String::new();
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            comment += text;
            continue;
        }
        if let Some(name) = name_of(line) {
            // Links to items mean nothing outside of the crate.
            rows.push(vec![name, escape_prose(&comment.replace("[`", "`").replace("`]", "`"))]);
        }
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
