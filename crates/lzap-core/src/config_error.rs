//! Mistakes in `lzap.toml`: what is wrong, where, and what to write instead.

use std::ops::Range;

/// A mistake in `lzap.toml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// Its kind, which decides the code.
    pub kind: ConfigErrorKind,
    /// The mistake: a lower-case fragment.
    pub message: String,
    /// The text to write instead.
    pub help: String,
    /// The place in the file, in bytes; `None` for a mistake of the file as a whole.
    pub span: Option<Range<usize>>,
}

/// The kind of a mistake in `lzap.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigErrorKind {
    /// The text is not TOML.
    Syntax,
    /// A key that doesn't exist.
    UnknownKey,
    /// A key that a table must have.
    MissingKey,
    /// A value of another type.
    WrongType,
    /// A number, or a number of entries, beyond a limit.
    OutOfRange,
    /// A value of the right type that lzap or AWS would refuse.
    InvalidValue,
    /// Two keys that exclude each other.
    Conflict,
    /// A stage that doesn't exist, isn't named, or extends itself.
    Stage,
}

impl ConfigErrorKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Syntax,
        Self::UnknownKey,
        Self::MissingKey,
        Self::WrongType,
        Self::OutOfRange,
        Self::InvalidValue,
        Self::Conflict,
        Self::Stage,
    ];

    /// A mistake of this kind at `span` of the file.
    pub fn at(self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> ConfigError {
        ConfigError { span: Some(span), ..self.whole(message, help) }
    }

    /// A mistake of this kind in the file as a whole.
    pub fn whole(self, message: impl Into<String>, help: impl Into<String>) -> ConfigError {
        ConfigError { kind: self, message: message.into(), help: help.into(), span: None }
    }

    /// The code and the likely cause.
    pub fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Syntax => {
                ("lzap::config::syntax", "lzap.toml is not TOML: a bracket, a quote or an `=` is missing.")
            }
            Self::UnknownKey => (
                "lzap::config::unknown_key",
                "A key of lzap.toml is misspelt, or stands in the wrong table. Nothing was built or changed.",
            ),
            Self::MissingKey => {
                ("lzap::config::missing_key", "A table of lzap.toml lacks a key that it must have.")
            }
            Self::WrongType => (
                "lzap::config::wrong_type",
                "A value of lzap.toml has another type than its key: a text where a number belongs, for example.",
            ),
            Self::OutOfRange => (
                "lzap::config::out_of_range",
                "A number of lzap.toml, or the number of entries, exceeds a limit, mostly one of AWS.",
            ),
            Self::InvalidValue => (
                "lzap::config::invalid_value",
                "A value of lzap.toml has the right type, but AWS or lzap would refuse it.",
            ),
            Self::Conflict => ("lzap::config::conflict", "Two keys of lzap.toml exclude each other."),
            Self::Stage => (
                "lzap::config::stage",
                "The stage has no table in lzap.toml, none was named and none is the default, or one extends itself.",
            ),
        }
    }
}
