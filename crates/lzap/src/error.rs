//! The errors that stop an app or prevent its start.
//!
//! An error of a single request does not stop the app: `http.rs` turns it into a 500 answer and a log line.

use std::{error::Error as StdError, fmt, io};

use lambda_runtime::Error as BoxError;

/// The error that [`App::run`](crate::App::run) returns.
///
/// `main` can return it. Rust then prints its `Debug` form, which has the error, its causes, and how to fix it:
///
/// ```text
/// Error: cannot listen on localhost:5000
///   cause: Address already in use (os error 98)
///   help: another program uses the port; try `PORT=5001 cargo run`
/// ```
pub struct Error(ErrorCause);

/// The cases of [`Error`]. The type is private, so that a new case is no breaking change.
#[derive(Debug, thiserror::Error)]
enum ErrorCause {
    #[error("the environment variable `{name}` is not {expected}")]
    Variable { name: &'static str, expected: &'static str, example: &'static str },
    #[error("cannot listen on {address}")]
    Listen { address: String, retry: String, source: io::Error },
    #[error("cannot wait for Ctrl-C and SIGTERM")]
    Signals(#[source] io::Error),
    #[error("`{name}` is missing from the environment, though `AWS_LAMBDA_RUNTIME_API` is there")]
    NotQuiteLambda { name: &'static str },
    #[cfg(feature = "tasks")]
    #[error("two tasks are called `{name}`")]
    DuplicateTask { name: &'static str },
    #[error("the Lambda Runtime API failed")]
    RuntimeApi(#[source] BoxError),
}

impl Error {
    /// An environment variable with a value that can't be used. `example` is a usable value.
    pub(crate) fn bad_variable(name: &'static str, expected: &'static str, example: &'static str) -> Self {
        Self(ErrorCause::Variable { name, expected, example })
    }

    /// A failure to listen. `retry` is the command that listens on another address.
    pub(crate) fn cannot_listen(address: String, retry: String, source: io::Error) -> Self {
        Self(ErrorCause::Listen { address, retry, source })
    }

    /// A failure to install the handlers of Ctrl-C and SIGTERM.
    pub(crate) fn cannot_wait_for_signals(source: io::Error) -> Self {
        Self(ErrorCause::Signals(source))
    }

    /// A variable that Lambda always sets is missing, so this process is probably not in Lambda.
    pub(crate) fn not_quite_lambda(name: &'static str) -> Self {
        Self(ErrorCause::NotQuiteLambda { name })
    }

    /// Two tasks with the same name.
    #[cfg(feature = "tasks")]
    pub(crate) fn duplicate_task(name: &'static str) -> Self {
        Self(ErrorCause::DuplicateTask { name })
    }

    /// A failed call of the Runtime API.
    pub(crate) fn runtime_api_failed(source: BoxError) -> Self {
        Self(ErrorCause::RuntimeApi(source))
    }

    /// One sentence that says how to fix the error.
    fn help_text(&self) -> String {
        match &self.0 {
            ErrorCause::Variable { name, example, .. } => {
                format!("set it as in `{name}={example}`, or unset it")
            }
            ErrorCause::Listen { retry, source, .. } => match source.kind() {
                io::ErrorKind::AddrInUse => format!("another program uses the port; try `{retry}`"),
                io::ErrorKind::PermissionDenied => {
                    format!("ports below 1024 are reserved on many systems; try `{retry}`")
                }
                _ => format!("this machine has no such address; try `{retry}`"),
            },
            ErrorCause::Signals(_) => "run the program again".to_owned(),
            ErrorCause::NotQuiteLambda { .. } => {
                "unset `AWS_LAMBDA_RUNTIME_API` to serve on localhost; Lambda and its emulators set both"
                    .to_owned()
            }
            #[cfg(feature = "tasks")]
            ErrorCause::DuplicateTask { name } => {
                format!("register each once, or give one another name: `#[lzap::task(name = \"{name}-2\")]`")
            }
            ErrorCause::RuntimeApi(_) => {
                "Lambda starts the function again by itself; outside Lambda, unset `AWS_LAMBDA_RUNTIME_API`"
                    .to_owned()
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
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
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_an_error_has_message_causes_and_help() {
        let busy = io::Error::new(io::ErrorKind::AddrInUse, "address already in use");
        let error = Error::cannot_listen("localhost:5000".to_owned(), "PORT=5001 cargo run".to_owned(), busy);
        assert_eq!(
            format!("{error:?}"),
            "cannot listen on localhost:5000\n  \
               cause: address already in use\n  \
               help: another program uses the port; try `PORT=5001 cargo run`"
        );
        assert_eq!(error.to_string(), "cannot listen on localhost:5000");
    }
}
