//! Reads an `lzap.toml` into a tree of values with their places in the file, and has the errors that point at them.
//!
//! Which keys exist, and what they may be, is declared in `crate::settings::keys`.

use std::ops::Range;

pub use crate::config_error::{ConfigError, ConfigErrorKind};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// The name of the file.
pub const FILE_NAME: &str = "lzap.toml";

/// A file that is valid TOML. Its keys and values are not checked yet, so that a command can use one part of a file
/// although another part is wrong.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file as a table.
    pub(crate) root: Node,
}

impl Default for Config {
    /// An empty file.
    fn default() -> Self {
        Self { root: Node { value: NodeValue::Table(Vec::new()), span: 0..0 } }
    }
}

/// A TOML value and its place in the file. `toml`'s own types borrow from the text, which a [`Config`] outlives.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: NodeValue,
    pub(crate) span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(crate) enum NodeValue {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// A date, a time or both, as TOML writes it.
    Date(String),
    List(Vec<Node>),
    /// Sorted by key.
    Table(Vec<Entry>),
}

/// A key of a table, and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) node: Node,
}

impl Node {
    /// The keys of a table; none of any other value.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            NodeValue::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The elements of a list; none of any other value.
    pub(crate) fn elements(&self) -> &[Node] {
        match &self.value {
            NodeValue::List(elements) => elements,
            _ => &[],
        }
    }

    /// The value of a table's key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// An error that says which type of value is expected.
    pub(crate) fn wrong_type(&self, expected: &str) -> ConfigError {
        let found = match self.value {
            NodeValue::Text(_) => "a string",
            NodeValue::Integer(_) => "a whole number",
            NodeValue::Float(_) => "a number with a fraction",
            NodeValue::Boolean(_) => "true or false",
            NodeValue::Date(_) => "a date or a time",
            NodeValue::List(_) => "a list",
            NodeValue::Table(_) => "a table",
        };
        ConfigErrorKind::WrongType.at(
            self.span.clone(),
            format!("expected {expected}, found {found}"),
            SEE_REFERENCE,
        )
    }

    fn from_toml(node: Spanned<DeValue<'_>>) -> Result<Self, ConfigError> {
        let span = node.span();
        let value = match node.into_inner() {
            DeValue::String(text) => NodeValue::Text(text.into_owned()),
            DeValue::Integer(number) => {
                let read = i64::from_str_radix(number.as_str(), number.radix());
                NodeValue::Integer(read.map_err(|_| too_large(&span, number.as_str()))?)
            }
            DeValue::Float(number) => {
                let read = number.as_str().parse();
                NodeValue::Float(read.map_err(|_| too_large(&span, number.as_str()))?)
            }
            DeValue::Boolean(is) => NodeValue::Boolean(is),
            DeValue::Datetime(date) => NodeValue::Date(date.to_string()),
            DeValue::Array(list) => {
                NodeValue::List(list.into_iter().map(Self::from_toml).collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => {
                let entries = table.into_iter().map(|(key, node)| Entry::from_toml(key, node));
                NodeValue::Table(entries.collect::<Result<_, _>>()?)
            }
        };
        Ok(Self { value, span })
    }
}

impl Entry {
    fn from_toml(key: Spanned<DeString<'_>>, node: Spanned<DeValue<'_>>) -> Result<Self, ConfigError> {
        let key_span = key.span();
        Ok(Self { key: key.into_inner().into_owned(), key_span, node: Node::from_toml(node)? })
    }
}

fn too_large(span: &Range<usize>, number: &str) -> ConfigError {
    ConfigErrorKind::OutOfRange.at(span.clone(), format!("`{number}` is too large a number"), SEE_REFERENCE)
}

/// The value of the setting `keep_warm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepWarm {
    /// No rule.
    Off,
    /// A rule invokes the function at this interval, in minutes.
    Every(u32),
}

/// Where to find what may stand in the file.
pub(crate) const SEE_REFERENCE: &str = "docs/reference/config.md lists every key with its type and default; `lzap config --schema` prints the JSON Schema";

/// Reads the text of an `lzap.toml` as TOML.
///
/// # Errors
/// The text is not TOML.
pub fn parse(text: &str) -> Result<Config, ConfigError> {
    let table = DeTable::parse(text).map_err(|error| {
        let message = lower_first(error.message().trim_end());
        ConfigError { span: error.span(), ..ConfigErrorKind::Syntax.whole(message, SEE_REFERENCE) }
    })?;
    let root = Spanned::new(table.span(), DeValue::Table(table.into_inner()));
    Ok(Config { root: Node::from_toml(root)? })
}

/// The candidate that `word` was probably meant to be, if one is similar enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        // Jaro-Winkler's scale is 0 to 1; a less similar word is no suggestion.
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
