//! What a task may return.

use lambda_runtime::Error as BoxError;

/// A `Result`, by whatever alias. Implemented for nothing else.
#[diagnostic::on_unimplemented(
    message = "a task returns a `Result`, and this one returns `{Self}`",
    label = "not a `Result`",
    note = "write `Result<T, E>`, where `E` is an error type, a `String` or a boxed error that is `Send + Sync`"
)]
pub trait TaskResult {
    /// What the task gives when it succeeds.
    type Output;

    /// The error, boxed.
    #[expect(clippy::missing_errors_doc, reason = "it is the task's own")]
    fn into_result(self) -> Result<Self::Output, BoxError>;
}

#[diagnostic::do_not_recommend]
impl<O, E: Into<BoxError>> TaskResult for Result<O, E> {
    type Output = O;

    fn into_result(self) -> Result<O, BoxError> {
        self.map_err(Into::into)
    }
}
