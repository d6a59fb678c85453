//! What stands between this machine and a deploy: findings in, checks out.
//!
//! Pure: `lzap-build` and `lzap-aws` find things out, `lzap doctor` shows what [`machine`] and [`account`] make of it.
//! A *problem* keeps a deploy from working, a *warning* may do so one day or is mended by the deploy itself.

pub mod account;
pub mod machine;

pub use account::{Bucket, Limits};
pub use machine::{Linking, Tools};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nothing to do.
    Ok,
    /// For information only.
    Note,
    /// Not checked, and why.
    Skipped,
    /// It works, but look at it.
    Warning,
    /// A deploy would fail.
    Problem,
}

impl Status {
    /// The word in the output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One line of the doctor's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// How it is.
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// What to do about it, mostly a command.
    pub help: Option<String>,
}

impl Check {
    /// A check with nothing to do about it.
    pub fn new(name: &'static str, status: Status, detail: impl Into<String>) -> Self {
        Self { name, status, detail: detail.into(), help: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// A problem, as an error told it.
    pub fn failed(name: &'static str, failure: &Failure) -> Self {
        Self { help: failure.help.clone(), ..Self::new(name, Status::Problem, failure.what.clone()) }
    }
}

/// Why something could not be found out: an error in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What, and why.
    pub what: String,
    /// What to do next.
    pub help: Option<String>,
}
