//! The error of an app that can't start or has stopped.

use std::{error::Error as StdError, fmt};

use lzap_http::ServeError;

/// The error that [`App::run`](crate::App::run) returns.
///
/// `main` can return it, as in the example of [`App`](crate::App). Rust then prints its `Debug` form, which has the error, its
/// causes, and how to fix it:
///
/// ```text
/// Error: cannot listen on localhost:5000
///   cause: Address already in use (os error 98)
///   help: another program uses the port; try `PORT=5001 cargo run`
/// ```
pub struct Error(ErrorCause);

/// The cases of [`Error`]. The type is private, so that a new case is no breaking change.
#[derive(Debug)]
enum ErrorCause {
    Serve(ServeError),
    #[cfg(feature = "tasks")]
    DuplicateTask(&'static str),
}

impl Error {
    /// From `App::run`, because `App::task` returns no error.
    #[cfg(feature = "tasks")]
    pub(crate) fn duplicate_task(name: &'static str) -> Self {
        Self(ErrorCause::DuplicateTask(name))
    }

    /// One sentence that says how to fix the error.
    fn help_text(&self) -> String {
        match &self.0 {
            ErrorCause::Serve(error) => error.help_text(),
            #[cfg(feature = "tasks")]
            ErrorCause::DuplicateTask(name) => {
                format!("register each once, or give one another name: `#[lzap::task(name = \"{name}-2\")]`")
            }
        }
    }
}

impl From<ServeError> for Error {
    fn from(error: ServeError) -> Self {
        Self(ErrorCause::Serve(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ErrorCause::Serve(error) => error.fmt(f),
            #[cfg(feature = "tasks")]
            ErrorCause::DuplicateTask(name) => write!(f, "two tasks are called `{name}`"),
        }
    }
}

/// Readable text instead of the derived form, because Rust prints `Debug` when `main` returns the error.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, "\n  cause: {error}")?;
            cause = error.source();
        }
        write!(f, "\n  help: {}", self.help_text())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0 {
            ErrorCause::Serve(error) => error.source(),
            #[cfg(feature = "tasks")]
            ErrorCause::DuplicateTask(_) => None,
        }
    }
}
