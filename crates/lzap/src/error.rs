//! Why an app stopped, or never started.
//!
//! Errors of single requests are not here: they end as a 500 answer and a log line, see `http.rs`.

use std::{error::Error as StdError, fmt, io};

use lambda_runtime::Error as BoxError;

/// Why [`App::run`](crate::App::run) returned.
///
/// `main` can return it: what Rust then prints (its `Debug` form) says what went wrong, why, and what to do next:
///
/// ```text
/// Error: cannot listen on localhost:5000
///   cause: Address already in use (os error 98)
///   help: another program uses the port; try `PORT=5001 cargo run`
/// ```
pub struct Error(Kind);

#[derive(Debug, thiserror::Error)]
enum Kind {
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
    TaskTwice { name: &'static str },
    #[error("the Lambda Runtime API failed")]
    RuntimeApi(#[source] BoxError),
}

impl Error {
    pub(crate) fn variable(name: &'static str, expected: &'static str, example: &'static str) -> Self {
        Self(Kind::Variable { name, expected, example })
    }

    /// `retry` is what to type to listen elsewhere.
    pub(crate) fn listen(address: String, retry: String, source: io::Error) -> Self {
        Self(Kind::Listen { address, retry, source })
    }

    pub(crate) fn signals(source: io::Error) -> Self {
        Self(Kind::Signals(source))
    }

    pub(crate) fn not_quite_lambda(name: &'static str) -> Self {
        Self(Kind::NotQuiteLambda { name })
    }

    #[cfg(feature = "tasks")]
    pub(crate) fn task_twice(name: &'static str) -> Self {
        Self(Kind::TaskTwice { name })
    }

    pub(crate) fn runtime_api(source: BoxError) -> Self {
        Self(Kind::RuntimeApi(source))
    }

    /// What to do next, as one sentence.
    fn help(&self) -> String {
        match &self.0 {
            Kind::Variable { name, example, .. } => format!("set it as in `{name}={example}`, or unset it"),
            Kind::Listen { retry, source, .. } => match source.kind() {
                io::ErrorKind::AddrInUse => format!("another program uses the port; try `{retry}`"),
                io::ErrorKind::PermissionDenied => {
                    format!("ports below 1024 are reserved on many systems; try `{retry}`")
                }
                _ => format!("this machine has no such address; try `{retry}`"),
            },
            Kind::Signals(_) => "run the program again".to_owned(),
            Kind::NotQuiteLambda { .. } => {
                "unset `AWS_LAMBDA_RUNTIME_API` to serve on localhost; Lambda and its emulators set both"
                    .to_owned()
            }
            #[cfg(feature = "tasks")]
            Kind::TaskTwice { name } => {
                format!("register each once, or give one another name: `#[lzap::task(name = \"{name}-2\")]`")
            }
            Kind::RuntimeApi(_) => {
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

/// For people, because `main` prints it when it returns the error.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, "\n  cause: {error}")?;
            cause = error.source();
        }
        write!(f, "\n  help: {}", self.help())
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
    fn main_prints_what_why_and_what_next() {
        let busy = io::Error::new(io::ErrorKind::AddrInUse, "address already in use");
        let error = Error::listen("localhost:5000".to_owned(), "PORT=5001 cargo run".to_owned(), busy);
        assert_eq!(
            format!("{error:?}"),
            "cannot listen on localhost:5000\n  \
               cause: address already in use\n  \
               help: another program uses the port; try `PORT=5001 cargo run`"
        );
        assert_eq!(error.to_string(), "cannot listen on localhost:5000");
    }
}
