//! The return types of tasks.

/// The form in which lzap gets the error of each task, whatever its own type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A `Result`, under any alias. The trait lets the macro name the output type, since it can't resolve aliases.
#[diagnostic::on_unimplemented(
    message = "a task returns a `Result`, and this one returns `{Self}`",
    label = "not a `Result`",
    note = "write `Result<T, E>`, where `E` is an error type, a `String` or a boxed error that is `Send + Sync`"
)]
pub trait TaskResult {
    /// The `T` of `Result<T, E>`.
    type Output;

    /// The result with its error boxed.
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
