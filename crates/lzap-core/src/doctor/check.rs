//! One check of `lzap doctor`: its subject, its result and its fix.

/// The result of a check, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nothing to do.
    Ok,
    /// For information only.
    Note,
    /// Not checked; the detail says why.
    Skipped,
    /// It works now, but may not later, or the next deploy fixes it.
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

/// One line of `lzap doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The subject: `credentials`, `rust`.
    pub name: &'static str,
    /// The result.
    pub status: Status,
    /// The finding, in words.
    pub detail: String,
    /// The fix, mostly a command.
    pub help: Option<String>,
}

impl Check {
    /// A check without a fix.
    pub fn new(name: &'static str, status: Status, detail: impl Into<String>) -> Self {
        Self { name, status, detail: detail.into(), help: None }
    }

    /// Adds the fix.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// A problem with the text of an error.
    pub fn failed(name: &'static str, failure: &Failure) -> Self {
        Self { help: failure.help.clone(), ..Self::new(name, Status::Problem, failure.what.clone()) }
    }
}

/// An error of a read, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The problem and its cause.
    pub what: String,
    /// The fix, mostly a command.
    pub help: Option<String>,
}
