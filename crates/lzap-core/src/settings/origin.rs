//! The origin of a setting's value.

use std::fmt;

/// The source of a setting's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A command-line flag.
    Flag(&'static str),
    /// An environment variable.
    Environment(&'static str),
    /// `lzap.toml`: the tables, such as `[stage.dev]`; empty for a key of the file itself.
    File(String),
    /// The Cargo package.
    Package,
    /// The machine that lzap runs on (the stage `local`).
    Host,
    /// No source: the default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(tables) if tables.is_empty() => f.write_str("lzap.toml"),
            Self::File(tables) => write!(f, "lzap.toml {tables}"),
            Self::Package => f.write_str("Cargo package"),
            Self::Host => f.write_str("this machine"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A key as `lzap config` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSetting {
    /// The key, with its table where that is one within a stage: `async.retries`.
    pub key: String,
    /// The value that is in effect. The values of environment variables are left out.
    pub value: String,
    /// The source of the value.
    pub origin: Origin,
}

/// A setting that works, but probably not as it was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The effect of the setting, and the fix.
    pub message: String,
}
