//! The errors that stop a server or prevent its start, each with a sentence on how to fix it.
//!
//! An error of a single request does not stop the app: `request.rs` turns it into a 500 answer and a log line.

use std::{error::Error as StdError, fmt, io};

use lambda_runtime::Error as BoxError;

/// The error that stopped a server or prevented its start. [`Self::help_text`] says how to fix it.
#[derive(Debug)]
pub struct ServeError(ErrorCause);

/// The cases of [`ServeError`]. The type is private, so that a new case is no breaking change.
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
    #[error("the Lambda Runtime API failed")]
    RuntimeApi(#[source] BoxError),
}

impl ServeError {
    /// `expected` ends the sentence "… is not". The bad value is left out, since the environment may hold secrets.
    pub(crate) fn bad_variable(name: &'static str, expected: &'static str, example: &'static str) -> Self {
        Self(ErrorCause::Variable { name, expected, example })
    }

    /// `retry` is the command that listens on another address or port, ready to be typed.
    pub(crate) fn cannot_listen(address: String, retry: String, source: io::Error) -> Self {
        Self(ErrorCause::Listen { address, retry, source })
    }

    /// Without signal handlers the server could not stop gracefully, so it does not start.
    pub(crate) fn cannot_wait_for_signals(source: io::Error) -> Self {
        Self(ErrorCause::Signals(source))
    }

    /// A variable that Lambda always sets is missing, so this process is probably not in Lambda.
    pub(crate) fn not_quite_lambda(name: &'static str) -> Self {
        Self(ErrorCause::NotQuiteLambda { name })
    }

    /// Only Lambda or an emulator has this API, so a failure ends the process.
    pub(crate) fn runtime_api_failed(source: BoxError) -> Self {
        Self(ErrorCause::RuntimeApi(source))
    }

    /// One sentence that says how to fix the error.
    pub fn help_text(&self) -> String {
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
            ErrorCause::RuntimeApi(_) => {
                "Lambda starts the function again by itself; outside Lambda, unset `AWS_LAMBDA_RUNTIME_API`"
                    .to_owned()
            }
        }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl StdError for ServeError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}
