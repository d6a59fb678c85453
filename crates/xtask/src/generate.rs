//! `cargo xtask generate`: the reference pages, written by the tool that they describe.

use std::fmt::Write as _;
use std::path::PathBuf;

use fs_err as fs;
use lzap_testkit::workspace;
use serde_json::Value;

use crate::shell::{Failure, Result, lzap, output};

const NOTE: &str = "<!-- Written by `cargo xtask generate`. Edit the source, not this page. -->";

/// Writes the pages, or says which ones are not current.
pub(crate) fn run(check: bool) -> Result {
    let pages = [("cli.md", cli_page()?), ("config.md", config_page()?)];
    let folder = workspace().join("docs/reference");
    let mut stale = Vec::new();
    for (name, text) in pages {
        let path: PathBuf = folder.join(name);
        if fs::read_to_string(&path).ok().as_deref() == Some(text.as_str()) {
            continue;
        }
        if check {
            stale.push(format!("docs/reference/{name}"));
            continue;
        }
        fs::create_dir_all(&folder)?;
        fs::write(&path, text)?;
        println!("    wrote docs/reference/{name}");
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("{} not current; run `cargo xtask generate`", stale.join(" and "))))
}

fn cli_page() -> Result<String> {
    let mut page = format!("# Commands\n\n{NOTE}\n");
    add_command(&mut page, &[])?;
    Ok(page)
}

/// One section per command: its `--help`, then those of its subcommands.
fn add_command(page: &mut String, path: &[&str]) -> Result {
    let mut command = lzap()?;
    // A fixed width and no colors, whatever the terminal.
    command.args(path).arg("--help").env("COLUMNS", "100").env("NO_COLOR", "1");
    let help = output(&mut command)?;
    let name = std::iter::once("lzap").chain(path.iter().copied()).collect::<Vec<_>>().join(" ");
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(page, "\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
    for subcommand in subcommands(&help) {
        add_command(page, &[path, &[subcommand]].concat())?;
    }
    Ok(())
}

/// The names in the help's `Commands:` section.
fn subcommands(help: &str) -> Vec<&str> {
    let section = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let section = section.take_while(|line| line.is_empty() || line.starts_with("  "));
    // Deeper lines are the rest of a description.
    let entries = section.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    entries.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect()
}

fn config_page() -> Result<String> {
    let schema: Value = serde_json::from_str(&output(lzap()?.args(["config", "--schema"]))?)?;
    let mut page = format!("# `lzap.toml`\n\n{NOTE}\n\n");
    if let Some(about) = schema["description"].as_str() {
        let _ = writeln!(page, "{about}\n");
    }
    add_table(&mut page, "Keys of the file", &schema, &schema);
    for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
        if definition["properties"].is_object() {
            add_table(&mut page, &format!("`{name}`"), definition, &schema);
        }
    }
    Ok(page)
}

fn add_table(page: &mut String, title: &str, object: &Value, schema: &Value) {
    let _ = writeln!(page, "## {title}\n");
    if let Some(about) = object["description"].as_str().filter(|_| !std::ptr::eq(object, schema)) {
        let _ = writeln!(page, "{about}\n");
    }
    page.push_str("| key | type | default | meaning |\n|---|---|---|---|\n");
    for (key, property) in object["properties"].as_object().into_iter().flatten() {
        let default = property.get("default").filter(|it| !it.is_null()).map(|it| format!("`{it}`"));
        let about =
            property["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|");
        let limits = limits(property);
        let _ = writeln!(
            page,
            "| `{key}` | {} | {} | {about}{limits} |",
            kind(property, schema),
            default.unwrap_or_default()
        );
    }
    page.push('\n');
}

/// ` (MIN to MAX)`, where the schema has limits.
fn limits(property: &Value) -> String {
    match (&property["minimum"], &property["maximum"]) {
        (Value::Null, Value::Null) => String::new(),
        (least, Value::Null) => format!(" At least {least}."),
        (Value::Null, most) => format!(" At most {most}."),
        (least, most) => format!(" From {least} to {most}."),
    }
}

/// A property's type in words.
fn kind(property: &Value, schema: &Value) -> String {
    if let Some(name) = property["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let target = &schema["$defs"][name];
        return if target["properties"].is_object() { format!("`{name}`") } else { kind(target, schema) };
    }
    if let Some(value) = property.get("const") {
        return format!("`{value}`");
    }
    if let Some(values) = property["enum"].as_array() {
        return either(values.iter().filter(|value| !value.is_null()).map(|value| format!("`{value}`")));
    }
    if let Some(choices) = property["anyOf"].as_array().or_else(|| property["oneOf"].as_array()) {
        return either(
            choices.iter().filter(|choice| choice["type"] != "null").map(|choice| kind(choice, schema)),
        );
    }
    match &property["type"] {
        Value::String(name) => plain_kind(name, property, schema),
        Value::Array(names) => {
            let names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            either(names.map(|name| plain_kind(name, property, schema)))
        }
        _ => "any".to_owned(),
    }
}

fn plain_kind(name: &str, property: &Value, schema: &Value) -> String {
    match name {
        "array" => format!("list of {}", kind(&property["items"], schema)),
        "object" if property["additionalProperties"].is_object() => {
            format!("table of {}", kind(&property["additionalProperties"], schema))
        }
        "object" => "table".to_owned(),
        other => other.to_owned(),
    }
}

fn either(kinds: impl Iterator<Item = String>) -> String {
    let mut kinds: Vec<String> = kinds.collect();
    kinds.dedup();
    kinds.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subcommands_are_read_from_the_help() {
        let help = "About\n\nUsage: lzap [COMMAND]\n\nCommands:\n  init    Make\n  deploy  Converge and\n          more\n  help    Print\n\nOptions:\n  -h, --help\n";
        assert_eq!(subcommands(help), ["init", "deploy"]);
    }

    #[test]
    fn types_are_told_in_words() {
        let schema = serde_json::json!({"$defs": {"Arch": {"enum": ["arm64", "x86_64"]}}});
        for (property, words) in [
            (serde_json::json!({"type": ["integer", "null"]}), "integer"),
            (
                serde_json::json!({"anyOf": [{"$ref": "#/$defs/Arch"}, {"type": "null"}]}),
                "`\"arm64\"` or `\"x86_64\"`",
            ),
            (
                serde_json::json!({"type": "object", "additionalProperties": {"type": "string"}}),
                "table of string",
            ),
            (serde_json::json!({"type": "array", "items": {"type": "string"}}), "list of string"),
        ] {
            assert_eq!(kind(&property, &schema), words);
        }
    }
}
