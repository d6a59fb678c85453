//! Runs user code, and turns its panics and errors into a [`TaskError`].

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt as _;
use lzap_invocation::describe_error_chain;

use crate::error::{TaskError, TaskErrorKind};
use crate::result::BoxError;

/// Calls a plain function; a panic becomes an error.
///
/// # Errors
/// [`TaskErrorKind::Failed`] with the function's error, or [`TaskErrorKind::Panicked`].
pub fn run_plain_guarded<I, O>(function: fn(I) -> Result<O, BoxError>, input: I) -> Result<O, TaskError> {
    // The error is formatted within `catch_unwind`, because its `Display` is user code and may panic too.
    let run = || function(input).map_err(|error| task_failure(&error));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panic_error(&*panic)))
}

/// Runs user code; a panic becomes an error.
///
/// # Errors
/// The future's own error, or [`TaskErrorKind::Panicked`].
pub async fn catch_panic<T>(future: impl Future<Output = Result<T, TaskError>>) -> Result<T, TaskError> {
    AssertUnwindSafe(future).catch_unwind().await.unwrap_or_else(|panic| Err(panic_error(&*panic)))
}

/// The error that a task returned, with its causes in one line.
pub(crate) fn task_failure(error: &BoxError) -> TaskError {
    TaskError::new(TaskErrorKind::Failed, describe_error_chain(&**error))
}

/// The error for a panic. It has no source location, because the panic hook has logged that.
pub fn panic_error(panic: &(dyn Any + Send)) -> TaskError {
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    TaskError::new(TaskErrorKind::Panicked, format!("panicked: {message}"))
}
