//! The error that fails an invocation. Lambda counts it as a function error, and retries asynchronous invocations.

use std::fmt;

use lambda_runtime::Diagnostic;

use crate::front::answer::AnswerError;

/// The error that fails an invocation. It names what the event is, and never quotes the event.
#[derive(PartialEq, Eq)]
pub struct InvocationError {
    kind: &'static str,
    message: String,
}

impl InvocationError {
    /// An error of the type `kind`, which callers of the function see as `errorType`.
    pub fn new(kind: &'static str, message: String) -> Self {
        Self { kind, message }
    }

    /// An event that the app can't answer. Callers see `errorType` `lzap::UnhandledEvent`.
    pub(crate) fn unhandled_event(message: String) -> Self {
        Self { kind: "lzap::UnhandledEvent", message }
    }

    /// The event of a task that can't be read; `why` is the end of a sentence, such as "has no name".
    pub fn unreadable_task(why: &str) -> Self {
        Self::unhandled_event(format!("the event of a task {why}: send it with the `lzap` of this version"))
    }

    /// The answer can't be written as JSON. Not expected, and no reason to end the process.
    pub(crate) fn from_json(error: &serde_json::Error) -> Self {
        Self::unhandled_event(format!("the app's answer can't be written as JSON: {error}"))
    }

    /// The answer to a request can't be written. A too large one was replaced by a 500 before it comes to this.
    pub(crate) fn from_answer(error: AnswerError) -> Self {
        match error {
            AnswerError::Json(error) => Self::from_json(&error),
            AnswerError::TooLarge { bytes, limit } => {
                Self::unhandled_event(format!("the app's answer has {bytes} bytes, and the limit is {limit}"))
            }
        }
    }
}

impl fmt::Display for InvocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// `lambda_runtime` logs the error in this form, and quotes would be escaped in the JSON line.
impl fmt::Debug for InvocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<InvocationError> for Diagnostic {
    fn from(error: InvocationError) -> Self {
        Self { error_type: error.kind.to_owned(), error_message: error.message }
    }
}
