//! The error of a task's caller.

use std::fmt;

use lzap_wire::task::Failure;

/// The error of a task's caller. Programs use [`kind`](Self::kind), people read the text.
///
/// ```
/// use lzap::TaskErrorKind;
///
/// #[lzap::task]
/// async fn withdraw(dollars: u32) -> Result<u32, String> {
///     100_u32.checked_sub(dollars).ok_or_else(|| "the account has 100 dollars".to_owned())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let error = withdraw.call(200).await.expect_err("more than there is");
/// assert_eq!(error.kind(), TaskErrorKind::Failed);
/// assert_eq!(error.to_string(), "the account has 100 dollars");
/// // Lambda's id of the failed invocation; under `cargo test` there is none.
/// assert_eq!(error.request_id(), None);
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TaskError {
    kind: TaskErrorKind,
    message: String,
    request_id: Option<String>,
}

/// The kind of a task's error. [`TaskError`] has an example.
pub use lzap_wire::task::FailureCode as TaskErrorKind;

impl TaskError {
    /// An error with a message that is a sentence without a period. For lzap's own layers.
    #[doc(hidden)]
    pub fn new(kind: TaskErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), request_id: None }
    }

    /// An input that can't be written as JSON.
    pub(crate) fn bad_input(task: &str, why: &impl fmt::Display) -> Self {
        Self::new(TaskErrorKind::BadInput, format!("the input of task `{task}` can't be written: {why}"))
    }

    /// Without a new id, the error keeps the one it has.
    #[must_use]
    pub(crate) fn with_request_id(mut self, id: Option<String>) -> Self {
        self.request_id = id.or(self.request_id);
        self
    }

    /// The error in the form in which answers and jobs' records have it: without the request id.
    pub(crate) fn to_failure(&self) -> Failure {
        Failure { code: self.kind, message: self.message.clone() }
    }

    /// The kind of error. [`TaskError`] has an example.
    pub fn kind(&self) -> TaskErrorKind {
        self.kind
    }

    /// The failed invocation's request id, which is in each line of its log; `None` when Lambda returned none. [`TaskError`]
    /// has an example.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

impl From<Failure> for TaskError {
    fn from(failure: Failure) -> Self {
        Self::new(failure.code, failure.message)
    }
}

/// Readable text instead of the derived form, because Rust prints `Debug` when `main` returns the error.
impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.kind.as_str())?;
        if let Some(id) = &self.request_id {
            write!(f, "\n  request: {id}")?;
        }
        Ok(())
    }
}
