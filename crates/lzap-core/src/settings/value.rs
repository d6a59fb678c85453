//! The types of settings: reading from TOML, writing to the JSON Schema, and showing to the user.

use std::collections::BTreeMap;

use serde_json::Value;

use super::table::Table;
use crate::config::{ConfigError, ConfigErrorKind, Node, NodeValue};
use crate::platform::{Architecture, Include, Linker};
use crate::resource::front::Front;

/// The type of a value, as the schema and the reference page name it.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Text,
    Integer,
    /// One of these words, each with its meaning.
    Choice(fn() -> Vec<(&'static str, &'static str)>),
    TextList,
    TextMap,
    /// Any value.
    Any,
    /// A table.
    Table(Table),
    /// Tables by name.
    TablesByName(Table),
    /// A list of tables.
    TableList(Table),
    /// `true`, `false` or a table.
    SwitchOrTable(Table),
    /// Conditions of an IAM statement: operators with keys, and each key with one value or several.
    Conditions,
}

/// A type that a setting can have.
pub(crate) trait SettingValue: Sized + 'static {
    /// Its name in the schema and on the reference page.
    const KIND: Kind;

    /// Reads a value of the file.
    fn read(node: &Node) -> Result<Self, ConfigError>;

    /// The value in `lzap config`; empty where there is none.
    fn show(&self) -> String;

    /// The value as JSON, for the default in the schema.
    fn to_json(&self) -> Value {
        Value::String(self.show())
    }
}

/// A table or a list whose nearest stage adds to the stages that it extends.
pub(crate) trait Merge {
    /// Adds the entries of a nearer stage; its value wins if both have one.
    fn merge_nearer(&mut self, nearer: Self);
}

/// The tables of the stages. A stage's settings come from its own table and from those that it extends.
pub(crate) struct StageTables;

/// The table `[stage.NAME.async]`; its keys are settings.
pub(crate) struct AsyncTable;

/// The table `[stage.NAME.workers]`; its keys are settings.
pub(crate) struct WorkersTable;

/// The conditions of a statement: operator, key and values.
pub(crate) type Conditions = BTreeMap<String, BTreeMap<String, Vec<String>>>;

impl SettingValue for String {
    const KIND: Kind = Kind::Text;

    fn read(node: &Node) -> Result<Self, ConfigError> {
        match &node.value {
            NodeValue::Text(text) => Ok(text.clone()),
            _ => Err(node.wrong_type("a string")),
        }
    }

    fn show(&self) -> String {
        self.clone()
    }
}

/// Reads a whole number. Its limits were checked before.
fn read_integer<T: TryFrom<i64>>(node: &Node) -> Result<T, ConfigError> {
    let expected = "a whole number from 0";
    match node.value {
        NodeValue::Integer(number) => T::try_from(number).map_err(|_| {
            let message = format!("{number} is out of range");
            ConfigErrorKind::OutOfRange.at(node.span.clone(), message, format!("write {expected}"))
        }),
        _ => Err(node.wrong_type("a whole number")),
    }
}

impl SettingValue for u32 {
    const KIND: Kind = Kind::Integer;

    fn read(node: &Node) -> Result<Self, ConfigError> {
        read_integer(node)
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn to_json(&self) -> Value {
        Value::from(*self)
    }
}

impl SettingValue for u16 {
    const KIND: Kind = Kind::Integer;

    fn read(node: &Node) -> Result<Self, ConfigError> {
        read_integer(node)
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn to_json(&self) -> Value {
        Value::from(*self)
    }
}

/// A setting that can be absent.
impl<T: SettingValue> SettingValue for Option<T> {
    const KIND: Kind = T::KIND;

    fn read(node: &Node) -> Result<Self, ConfigError> {
        T::read(node).map(Some)
    }

    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }
}

/// Reads each element of a list.
pub(crate) fn read_list<T>(
    node: &Node,
    expected: &str,
    read: impl Fn(&Node) -> Result<T, ConfigError>,
) -> Result<Vec<T>, ConfigError> {
    match &node.value {
        NodeValue::List(elements) => elements.iter().map(read).collect(),
        _ => Err(node.wrong_type(expected)),
    }
}

/// Joins the texts of the elements.
pub(crate) fn join(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

impl SettingValue for Vec<String> {
    const KIND: Kind = Kind::TextList;

    fn read(node: &Node) -> Result<Self, ConfigError> {
        read_list(node, "a list of strings", String::read)
    }

    fn show(&self) -> String {
        self.join(" ")
    }
}

impl SettingValue for BTreeMap<String, String> {
    const KIND: Kind = Kind::TextMap;

    fn read(node: &Node) -> Result<Self, ConfigError> {
        let NodeValue::Table(entries) = &node.value else {
            return Err(node.wrong_type("a table of strings"));
        };
        entries.iter().map(|entry| Ok((entry.key.clone(), String::read(&entry.node)?))).collect()
    }

    fn show(&self) -> String {
        join(self.iter().map(|(key, value)| format!("{key}={value}")), " ")
    }
}

impl Merge for BTreeMap<String, String> {
    fn merge_nearer(&mut self, nearer: Self) {
        self.extend(nearer);
    }
}

/// Environment variables. Their values may be secrets, so they are never shown.
#[derive(Default)]
pub(crate) struct Variables(pub(crate) BTreeMap<String, String>);

impl SettingValue for Variables {
    const KIND: Kind = Kind::TextMap;

    fn read(node: &Node) -> Result<Self, ConfigError> {
        BTreeMap::read(node).map(Self)
    }

    fn show(&self) -> String {
        join(self.0.keys().map(|key| format!("{key}=…")), " ")
    }
}

impl Merge for Variables {
    fn merge_nearer(&mut self, nearer: Self) {
        self.0.merge_nearer(nearer.0);
    }
}

/// Reads the one of `choices` that has this name. The error lists all of them.
fn read_choice<T: Copy>(
    node: &Node,
    choices: &[(T, &str)],
    name: fn(T) -> &'static str,
) -> Result<T, ConfigError> {
    let names = || join(choices.iter().map(|(choice, _)| format!("`{}`", name(*choice))), ", ");
    let NodeValue::Text(text) = &node.value else {
        return Err(node.wrong_type(&format!("one of {}", names())));
    };
    choices.iter().map(|(choice, _)| *choice).find(|choice| name(*choice) == text).ok_or_else(|| {
        ConfigErrorKind::InvalidValue.at(
            node.span.clone(),
            format!("unknown value `{text}`"),
            format!("the values are {}", names()),
        )
    })
}

impl SettingValue for Architecture {
    const KIND: Kind = Kind::Choice(|| Self::ALL.iter().map(|(it, text)| (it.as_str(), *text)).collect());

    fn read(node: &Node) -> Result<Self, ConfigError> {
        read_choice(node, Self::ALL, Self::as_str)
    }

    fn show(&self) -> String {
        self.as_str().to_owned()
    }
}

impl SettingValue for Linker {
    const KIND: Kind = Kind::Choice(|| Self::ALL.iter().map(|(it, text)| (it.as_str(), *text)).collect());

    fn read(node: &Node) -> Result<Self, ConfigError> {
        read_choice(node, Self::ALL, Self::as_str)
    }

    fn show(&self) -> String {
        self.as_str().to_owned()
    }
}

impl SettingValue for Front {
    const KIND: Kind = Kind::Choice(|| Self::ALL.iter().map(|(it, text)| (it.as_str(), *text)).collect());

    fn read(node: &Node) -> Result<Self, ConfigError> {
        read_choice(node, Self::ALL, Self::as_str)
    }

    fn show(&self) -> String {
        self.as_str().to_owned()
    }
}

impl SettingValue for Vec<Include> {
    const KIND: Kind = Kind::TextList;

    fn read(node: &Node) -> Result<Self, ConfigError> {
        read_list(node, "a list of strings", read_include)
    }

    fn show(&self) -> String {
        join(self.iter().map(|include| format!("{}:{}", include.source, include.destination)), " ")
    }
}

/// Reads `path` or `path:path/in/the/zip`. The rest of the rules needs the files, and is `lzap-build`'s.
fn read_include(node: &Node) -> Result<Include, ConfigError> {
    let text = String::read(node)?;
    let (source, destination) = text.split_once(':').unwrap_or((&text, &text));
    let destination = destination.trim_start_matches("./").trim_end_matches('/');
    // Such a path would leave the folder that Lambda extracts the zip to.
    let escapes = destination.starts_with('/') || destination.split('/').any(|part| part == "..");
    if source.is_empty() || destination.is_empty() || escapes {
        return Err(ConfigErrorKind::InvalidValue.at(
            node.span.clone(),
            format!("`{text}` doesn't name a place in the zip"),
            "write `path`, or `path:path/in/the/zip`, relative and without `..`",
        ));
    }
    Ok(Include { source: source.to_owned(), destination: destination.to_owned() })
}

/// Returns the value as JSON. TOML's dates become strings; JSON has no infinite number, which becomes `null`.
pub(crate) fn to_json(node: &Node) -> Value {
    match &node.value {
        NodeValue::Text(text) | NodeValue::Date(text) => Value::from(text.as_str()),
        NodeValue::Integer(number) => Value::from(*number),
        NodeValue::Float(number) => Value::from(*number),
        NodeValue::Boolean(is) => Value::from(*is),
        NodeValue::List(list) => list.iter().map(to_json).collect(),
        NodeValue::Table(entries) => {
            entries.iter().map(|entry| (entry.key.clone(), to_json(&entry.node))).collect()
        }
    }
}

impl SettingValue for Value {
    const KIND: Kind = Kind::Any;

    fn read(node: &Node) -> Result<Self, ConfigError> {
        Ok(to_json(node))
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn to_json(&self) -> Value {
        self.clone()
    }
}
