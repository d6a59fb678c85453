//! The declaration of one key: what [`super::keys`] has a list of, and the checks and the schema that come from it.

use std::ops::RangeInclusive;

use regex_lite::Regex;
use serde_json::{Map, Value, json};

use super::table::Table;
use super::value::{Kind, SettingValue, join};
use crate::config::{ConfigError, ConfigErrorKind, Node, NodeValue};

/// A key of `lzap.toml`: all that lzap says about it, once.
pub(crate) struct Key<T: 'static> {
    /// The table in which the key may stand.
    pub(crate) table: Table,
    /// The key's name in that table.
    pub(crate) name: &'static str,
    /// Its meaning, for the schema and the reference page.
    pub(crate) text: &'static str,
    /// The unit of its value; empty where it has none.
    pub(crate) unit: &'static str,
    /// The value where no table has the key.
    pub(crate) default: DefaultValue<T>,
    /// The limits of the value.
    pub(crate) limits: &'static [Limit<T>],
    /// AWS's page about it; empty where the key is lzap's own.
    pub(crate) page: &'static str,
}

/// The value of a key that no table has.
pub(crate) enum DefaultValue<T> {
    /// This value.
    Fixed(fn() -> T),
    /// A value that stands for what the words say.
    Described(&'static str, fn() -> T),
}

/// A limit of a value.
pub(crate) enum Limit<T> {
    /// A number in this range.
    Range(RangeInclusive<u32>),
    /// One of these numbers.
    OneOf(&'static [u16]),
    /// A text that a regular expression describes; `is` ends the sentence "it is not …", `help` says what to write.
    Pattern { regex: &'static str, is: &'static str, help: &'static str },
    /// A regular expression for editors. The reader of the value refuses more, with words of its own.
    EditorPattern(&'static str),
    /// A text of at most this many characters.
    Chars(usize),
    /// A list with at least one element.
    NotEmpty,
    /// A table that has the key.
    Required,
    /// A value, merged from all stages, of at most this size in the unit `of`.
    Size { max: usize, of: &'static str, measure: fn(&T) -> usize },
    /// A limit that only AWS knows, or that [`crate::check`] checks together with other keys.
    Note(fn() -> String),
}

/// A [`Key`] of any type.
pub(crate) trait Declaration: Sync {
    fn table(&self) -> Table;
    fn name(&self) -> &'static str;
    /// The name in messages and in `lzap config`: with the table, where that is one within a stage.
    fn path(&self) -> String;
    fn is_required(&self) -> bool;
    /// Checks the type and the limits of a value in the file.
    fn check(&self, node: &Node) -> Result<(), ConfigError>;
    /// The key's JSON Schema. What JSON Schema has no word for stands under `x-lzap`.
    fn schema(&self) -> Value;
}

/// Makes a constant of each key, and the list of all of them, so that no declaration can be left out.
macro_rules! declare {
    (const $all:ident; $($constant:ident: $type:ty = $key:expr;)*) => {
        $(pub(crate) static $constant: Key<$type> = $key;)*
        pub(crate) static $all: &[&dyn Declaration] = &[$(&$constant),*];
    };
}
pub(crate) use declare;

impl<T: SettingValue> Key<T> {
    /// Reads a value of the file, and checks its limits.
    pub(crate) fn read(&self, node: &Node) -> Result<T, ConfigError> {
        self.limits.iter().try_for_each(|limit| limit.check_node(&self.path(), self.unit, node))?;
        T::read(node)
    }

    /// Reads the key of a table; the default where the table doesn't have it.
    pub(crate) fn read_in(&self, table: &Node) -> Result<T, ConfigError> {
        table.get(self.name).map_or_else(|| Ok(self.default()), |node| self.read(node))
    }

    /// Checks a text from elsewhere than the file, such as a flag; `name` is what it is called there.
    pub(crate) fn check_text(&self, name: &str, text: &str) -> Result<(), ConfigError> {
        let node = Node { value: NodeValue::Text(text.to_owned()), span: 0..0 };
        let check = |limit: &Limit<T>| limit.check_node(name, self.unit, &node);
        self.limits.iter().try_for_each(check).map_err(|error| ConfigError { span: None, ..error })
    }

    /// Returns the value where no table has the key.
    pub(crate) fn default(&self) -> T {
        match self.default {
            DefaultValue::Fixed(value) | DefaultValue::Described(_, value) => value(),
        }
    }

    /// Returns the text of `value` in `lzap config`: the words of the default if the value has no text.
    pub(crate) fn show(&self, value: &T) -> String {
        match (value.show(), &self.default) {
            (text, DefaultValue::Described(words, _)) if text.is_empty() => {
                format!("({})", words.replace('`', ""))
            }
            (text, _) => text,
        }
    }

    /// Fails if a value, merged from all stages, is too large. The error has no place: the caller knows which
    /// table it belongs to.
    pub(crate) fn check_size(&self, value: &T) -> Result<(), ConfigError> {
        self.limits.iter().try_for_each(|limit| match limit {
            Limit::Size { max, of, measure } if measure(value) > *max => Err(ConfigErrorKind::OutOfRange
                .whole(
                    format!("{} has {} {of}", self.path(), measure(value)),
                    format!("at most {max} are allowed"),
                )),
            _ => Ok(()),
        })
    }
}

impl<T: SettingValue> Declaration for Key<T> {
    fn table(&self) -> Table {
        self.table
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn path(&self) -> String {
        match self.table.holder() {
            Some(holder) => format!("{holder}.{}", self.name),
            None => self.name.to_owned(),
        }
    }

    fn is_required(&self) -> bool {
        self.limits.iter().any(|limit| matches!(limit, Limit::Required))
    }

    fn check(&self, node: &Node) -> Result<(), ConfigError> {
        let value = self.read(node)?;
        let at = |error: ConfigError| ConfigError { span: Some(node.span.clone()), ..error };
        self.check_size(&value).map_err(at)
    }

    fn schema(&self) -> Value {
        let mut schema = T::KIND.schema();
        schema.insert("description".to_owned(), json!(self.text));
        for limit in self.limits {
            limit.add_keywords(&mut schema);
        }
        let mut facts = Map::new();
        match &self.default {
            DefaultValue::Fixed(value) => {
                schema.insert("default".to_owned(), value().to_json());
            }
            DefaultValue::Described(words, _) => {
                facts.insert("default".to_owned(), json!(words));
            }
        }
        let limits = join(self.limits.iter().filter_map(Limit::describe), "; ");
        for (name, text) in [("unit", self.unit), ("limit", &limits), ("page", self.page)] {
            if !text.is_empty() {
                facts.insert(name.to_owned(), json!(text));
            }
        }
        schema.insert("x-lzap".to_owned(), Value::Object(facts));
        Value::Object(schema)
    }
}

impl<T> Limit<T> {
    /// Checks a value of the file. A value of another type is left to the reader of the type.
    fn check_node(&self, path: &str, unit: &str, node: &Node) -> Result<(), ConfigError> {
        let fail = |message: String, help: String| {
            // A text that breaks a pattern is another mistake than a number beyond a range.
            let kind = match self {
                Self::Pattern { .. } | Self::OneOf(_) => ConfigErrorKind::InvalidValue,
                _ => ConfigErrorKind::OutOfRange,
            };
            Err(kind.at(node.span.clone(), message, help))
        };
        let allowed = || self.describe().unwrap_or_default();
        match (self, &node.value) {
            (Self::Range(range), NodeValue::Integer(number)) => {
                if u32::try_from(*number).is_ok_and(|number| range.contains(&number)) {
                    return Ok(());
                }
                let help = format!("allowed: {} {unit}", allowed());
                fail(format!("{path} = {number} is out of range"), help.trim_end().to_owned())
            }
            (Self::OneOf(numbers), NodeValue::Integer(number)) => {
                if numbers.iter().any(|it| i64::from(*it) == *number) {
                    return Ok(());
                }
                fail(
                    format!("{path} = {number} is not one of the allowed values"),
                    format!("allowed: {}", allowed()),
                )
            }
            (Self::Pattern { regex, is, help }, NodeValue::Text(text)) => {
                if matches(regex, text) {
                    return Ok(());
                }
                fail(format!("{path} = \"{text}\" is not {is}"), (*help).to_owned())
            }
            (Self::Chars(max), NodeValue::Text(text)) if text.chars().count() > *max => fail(
                format!("{path} has {} characters", text.chars().count()),
                format!("allowed: {}", allowed()),
            ),
            (Self::NotEmpty, NodeValue::List(list)) if list.is_empty() => {
                fail(format!("{path} is empty"), format!("allowed: {}", allowed()))
            }
            _ => Ok(()),
        }
    }

    /// Returns the limit in words, for the help of errors and the reference page; `None` where the page shows
    /// it otherwise.
    fn describe(&self) -> Option<String> {
        match self {
            // A range to the type's maximum has no upper limit of AWS's.
            Self::Range(range) if *range.end() == u32::MAX => Some(format!("at least {}", range.start())),
            Self::Range(range) => Some(format!("{} to {}", range.start(), range.end())),
            Self::OneOf(numbers) => Some(join(numbers.iter().map(u16::to_string), ", ")),
            Self::Chars(max) => Some(format!("at most {max} characters")),
            Self::NotEmpty => Some("at least one".to_owned()),
            Self::Size { max, of, .. } => Some(format!("at most {max} {of}")),
            Self::Note(words) => Some(words()),
            Self::Pattern { .. } | Self::EditorPattern(_) | Self::Required => None,
        }
    }

    /// Adds what JSON Schema has a keyword for.
    fn add_keywords(&self, schema: &mut Map<String, Value>) {
        let mut add = |keyword: &str, value: Value| drop(schema.insert(keyword.to_owned(), value));
        match self {
            Self::Range(range) => {
                add("minimum", json!(range.start()));
                if *range.end() != u32::MAX {
                    add("maximum", json!(range.end()));
                }
            }
            Self::OneOf(numbers) => add("enum", json!(numbers)),
            Self::Pattern { regex, .. } | Self::EditorPattern(regex) => add("pattern", json!(regex)),
            Self::Chars(max) => add("maxLength", json!(max)),
            Self::NotEmpty => add("minItems", json!(1)),
            Self::Required | Self::Size { .. } | Self::Note(_) => {}
        }
    }
}

/// Returns whether the regular expression matches `text`. The expressions are valid in both JSON Schema and
/// Rust. One that isn't valid matches nothing, so every value would be refused.
pub(crate) fn matches(regex: &str, text: &str) -> bool {
    Regex::new(regex).is_ok_and(|regex| regex.is_match(text))
}

impl Kind {
    /// The JSON Schema of the type. Tables are references to `#/$defs`.
    fn schema(self) -> Map<String, Value> {
        let reference = |table: Table| json!({ "$ref": format!("#/$defs/{}", table.definition()) });
        let schema = match self {
            Self::Text => json!({ "type": "string" }),
            Self::Integer => json!({ "type": "integer" }),
            Self::Choice(choices) => {
                let choices = choices().into_iter();
                json!({ "oneOf": choices.map(|(value, text)| json!({ "const": value, "description": text })).collect::<Value>() })
            }
            Self::TextList => json!({ "type": "array", "items": { "type": "string" } }),
            Self::TextMap => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
            Self::Any => json!({}),
            Self::Table(table) => reference(table),
            Self::TablesByName(table) => {
                json!({ "type": "object", "additionalProperties": reference(table) })
            }
            Self::TableList(table) => json!({ "type": "array", "items": reference(table) }),
            Self::SwitchOrTable(table) => json!({ "anyOf": [{ "type": "boolean" }, reference(table)] }),
            Self::Conditions => {
                let values = json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] });
                json!({ "type": "object", "additionalProperties": { "type": "object", "additionalProperties": values } })
            }
        };
        match schema {
            Value::Object(schema) => schema,
            _ => Map::new(),
        }
    }
}
