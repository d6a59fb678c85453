//! Why a task has no result.

use std::fmt;

use lzap_wire::task::Failure;

/// Why a task's caller has no result. `kind` is for programs, the text for people.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TaskError {
    kind: TaskErrorKind,
    message: String,
    request_id: Option<String>,
}

/// What went wrong with a task.
pub use lzap_wire::task::FailureCode as TaskErrorKind;

impl TaskError {
    pub(crate) fn new(kind: TaskErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), request_id: None }
    }

    pub(crate) fn bad_input(task: &str, why: &impl fmt::Display) -> Self {
        Self::new(TaskErrorKind::BadInput, format!("the input of task `{task}` can't be written: {why}"))
    }

    #[must_use]
    pub(crate) fn with_request_id(mut self, id: Option<String>) -> Self {
        self.request_id = id.or(self.request_id);
        self
    }

    pub(crate) fn to_failure(&self) -> Failure {
        Failure { code: self.kind, message: self.message.clone() }
    }

    /// What went wrong.
    pub fn kind(&self) -> TaskErrorKind {
        self.kind
    }

    /// The failed invocation's request id, by which its log is found.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

impl From<Failure> for TaskError {
    fn from(failure: Failure) -> Self {
        Self::new(failure.code, failure.message)
    }
}

/// For people, because `main` prints it when it returns the error.
impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.kind.as_str())?;
        if let Some(id) = &self.request_id {
            write!(f, "\n  request: {id}")?;
        }
        Ok(())
    }
}
