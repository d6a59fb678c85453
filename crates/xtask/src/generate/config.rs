//! Renders `docs/reference/config.md`: every key of `lzap.toml`, from the JSON Schema that `lzap config
//! --schema` prints.
//!
//! The schema is made of the declarations of the keys in `lzap-core`. What JSON Schema has no keyword for (unit, limit in
//! words, AWS's page) stands under `x-lzap`.

use std::fmt::Write as _;

use fs_err as fs;
use lzap_testkit::target;
use serde_json::Value;

use super::markdown::{NOTE, escape_prose, format_code, format_table};
use lzap_testkit::shell::{Result, lzap, quiet_output};

/// The example on the page. `lzap config` must accept it, so that it cannot go out of date.
const EXAMPLE: &str = r#"app = "shop"
default_stage = "dev"

[stage.dev]
region = "eu-central-1"
architecture = "arm64"
memory_mb = 512
environment = { RUST_LOG = "info" }

# The settings of dev, but for these keys.
[stage.production]
extends = "dev"
memory_mb = 1769
keep_warm = { every_mins = 5 }
log_retention_days = 365
tags = { team = "web" }
"#;

/// Returns the whole page. Builds `lzap` if necessary; fails when `lzap` rejects the example.
pub(crate) fn render_page() -> Result<String> {
    let schema: Value = serde_json::from_str(&quiet_output(lzap()?.args(["config", "--schema"]))?)?;
    check_example()?;
    let mut page = format!(
        "# `lzap.toml`\n\n{NOTE}\n\n\
         A key that doesn't exist is an error. `lzap config STAGE` shows the value of each key that is in effect and\n\
         where it comes from; `lzap config --schema` prints the JSON Schema, for an editor.\n\n\
         ```toml\n{EXAMPLE}```\n\n"
    );
    add_object(&mut page, "Keys of the file", &schema, &schema);
    for definition in schema["$defs"].as_object().into_iter().flat_map(|it| it.values()) {
        add_object(&mut page, &read_title(definition), definition, &schema);
    }
    Ok(page.trim_end().to_owned() + "\n")
}

/// Fails unless `lzap config` accepts [`EXAMPLE`] for each of its stages. Writes it to
/// `target/generate/lzap.toml`.
fn check_example() -> Result {
    let folder = target().join("generate");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("lzap.toml"), EXAMPLE)?;
    for stage in ["dev", "production"] {
        drop(quiet_output(lzap()?.args(["config", stage, "--project"]).arg(&folder))?);
    }
    Ok(())
}

/// Returns the heading of a definition: its table, as the file writes it.
fn read_title(definition: &Value) -> String {
    format_code(definition["title"].as_str().unwrap_or_default())
}

/// Returns the description of a schema node as Markdown; empty when it has none.
fn read_about(node: &Value) -> String {
    escape_prose(node["description"].as_str().unwrap_or_default())
}

/// Appends the section of a table: a heading, its description, its keys, and the values of each key that has
/// a fixed list.
fn add_object(page: &mut String, title: &str, object: &Value, schema: &Value) {
    let _ = writeln!(page, "## {title}\n");
    let _ = writeln!(page, "{}\n", read_about(object));
    let properties = || object["properties"].as_object().into_iter().flatten();
    let rows: Vec<_> = properties().map(|(key, property)| format_row(key, property, schema)).collect();
    let _ = writeln!(
        page,
        "{}",
        format_table(&["key", "type", "unit", "default", "limit", "meaning", "AWS"], &rows)
    );
    for (key, property) in properties() {
        let values = list_values(property, schema);
        if !values.is_empty() {
            let _ =
                writeln!(page, "### Values of `{key}`\n\n{}", format_table(&["value", "meaning"], &values));
        }
    }
}

/// Returns a key's row: key, type, unit, default, limit, meaning, AWS's page.
fn format_row(key: &str, property: &Value, schema: &Value) -> Vec<String> {
    let facts = &property["x-lzap"];
    let read_fact = |name: &str| escape_prose(facts[name].as_str().unwrap_or_default());
    let default = match property.get("default") {
        Some(value) => format_code(&value.to_string()),
        None => read_fact("default"),
    };
    let page = facts["page"].as_str().map(|page| format!("[page]({page})")).unwrap_or_default();
    vec![
        format_code(key),
        describe_type(property, schema),
        read_fact("unit"),
        default,
        read_fact("limit"),
        read_about(property),
        page,
    ]
}

/// Returns the definition that `property` refers to with `$ref`, or `property` itself.
fn resolve_reference<'a>(property: &'a Value, schema: &'a Value) -> &'a Value {
    // The schema has references of the form `#/$defs/NAME` only.
    let name = property["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    name.map_or(property, |name| &schema["$defs"][name])
}

/// Returns the alternatives of a property, without `null`: an optional key is left out of the file, as TOML
/// has no null.
fn list_choices(property: &Value) -> impl Iterator<Item = &Value> {
    let choices = property["anyOf"].as_array().or_else(|| property["oneOf"].as_array());
    choices.into_iter().flatten().filter(|choice| choice["type"] != "null")
}

/// Returns one row per documented value of a property, with its meaning; empty when it is not an enumeration.
fn list_values(property: &Value, schema: &Value) -> Vec<Vec<String>> {
    let described = |choice: &Value| {
        let value = choice.get("const").filter(|_| choice["description"].is_string())?;
        Some(vec![format_code(&value.to_string()), read_about(choice)])
    };
    list_choices(property)
        .flat_map(|choice| list_choices(resolve_reference(choice, schema)).filter_map(described))
        .collect()
}

/// Returns a property's type in words, such as `integer`, `list of strings`, or the name of another table.
fn describe_type(property: &Value, schema: &Value) -> String {
    let target = resolve_reference(property, schema);
    if !std::ptr::eq(property, target) {
        // A table of its own has a section on the page, so its name is enough.
        return if target["properties"].is_object() {
            read_title(target)
        } else {
            describe_type(target, schema)
        };
    }
    if let Some(value) = property.get("const") {
        return format_code(&value.to_string());
    }
    if property["anyOf"].is_array() || property["oneOf"].is_array() {
        return join_alternatives(list_choices(property).map(|choice| describe_type(choice, schema)));
    }
    match &property["type"] {
        Value::String(name) => describe_plain_type(name, property, schema),
        Value::Array(names) => {
            let names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            join_alternatives(names.map(|name| describe_plain_type(name, property, schema)))
        }
        _ => "any".to_owned(),
    }
}

/// Returns the words for a JSON Schema type `name`, with the types that an array or an object contains.
fn describe_plain_type(name: &str, property: &Value, schema: &Value) -> String {
    match name {
        "array" if resolve_reference(&property["items"], schema)["properties"].is_object() => {
            format!("tables {}", describe_type(&property["items"], schema))
        }
        "array" => format!("list of {}", pluralize(&describe_type(&property["items"], schema))),
        "object" if property["additionalProperties"]["$ref"].is_string() => {
            format!("tables {}", describe_type(&property["additionalProperties"], schema))
        }
        "object" if property["additionalProperties"].is_object() => {
            format!("table of {}", pluralize(&describe_type(&property["additionalProperties"], schema)))
        }
        "object" => {
            let properties = property["properties"].as_object().into_iter().flatten();
            let keys = properties.map(|(key, value)| format!("{key} = {}", describe_type(value, schema)));
            format_code(&format!("{{ {} }}", keys.collect::<Vec<_>>().join(", ")))
        }
        other => other.to_owned(),
    }
}

/// Makes a type plural: its first word, since the words behind it say what each contains.
fn pluralize(kind: &str) -> String {
    let (first, rest) = kind.split_once(' ').unwrap_or((kind, ""));
    format!("{first}s {rest}").trim_end().to_owned()
}

/// Joins types with `or`, each once where equal ones follow each other.
fn join_alternatives(kinds: impl Iterator<Item = String>) -> String {
    let mut kinds: Vec<String> = kinds.collect();
    // Alternatives that differ only in their limits have the same words.
    kinds.dedup();
    kinds.join(" or ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn format_row_puts_facts_into_columns() {
        let property = json!({
            "type": "integer",
            "description": "The memory.",
            "default": 512,
            "x-lzap": {"unit": "MB", "limit": "128 to 10240", "page": "https://aws.example"},
        });
        let cells = [
            "`memory`",
            "integer",
            "MB",
            "`512`",
            "128 to 10240",
            "The memory.",
            "[page](https://aws.example)",
        ];
        assert_eq!(format_row("memory", &property, &json!({})), cells);
        let property = json!({"type": "string", "description": "It.", "x-lzap": {"default": "none"}});
        assert_eq!(format_row("key", &property, &json!({}))[3], "none");
    }

    #[test]
    fn describe_type_covers_every_schema_form() {
        let schema = json!({"$defs": {
            "Arch": {"oneOf": [{"const": "arm64", "description": "Arm."}, {"const": "x86_64"}]},
            "Stage": {"properties": {}, "title": "[stage.NAME]"},
        }});
        let arch = json!({"anyOf": [{"$ref": "#/$defs/Arch"}, {"type": "null"}]});
        for (property, words) in [
            (json!({"type": ["integer", "null"]}), "integer"),
            (arch.clone(), "`\"arm64\"` or `\"x86_64\"`"),
            (json!({"type": "object", "additionalProperties": {"type": "string"}}), "table of strings"),
            (
                json!({"type": "object", "additionalProperties": {"$ref": "#/$defs/Stage"}}),
                "tables `[stage.NAME]`",
            ),
            (json!({"type": "array", "items": {"type": "string"}}), "list of strings"),
            (
                json!({"type": "object", "additionalProperties": {"type": "object", "additionalProperties":
                    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}}}),
                "table of tables of strings or list of strings",
            ),
            (json!({"type": "object", "properties": {"n": {"type": "integer"}}}), "`{ n = integer }`"),
        ] {
            assert_eq!(describe_type(&property, &schema), words);
        }
        assert_eq!(list_values(&arch, &schema), [["`\"arm64\"`", "Arm."]]);
    }
}
