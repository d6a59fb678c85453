//! Errors with their causes, for logs and messages.

use std::error::Error as StdError;

/// An error and its causes in one line. A cause that the text before it ends with is left out: many errors display their
/// source themselves, and wrappers such as `axum::Error` are nothing but their source.
pub fn describe_error_chain(error: &dyn StdError) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        source = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("inner: the disk is full")]
    struct Inner(#[source] Cause);

    #[derive(Debug, thiserror::Error)]
    #[error("the disk is full")]
    struct Cause;

    /// Displays its source and nothing else, as `axum::Error` does.
    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Wrapper<E: StdError + 'static>(#[source] E);

    #[test]
    fn chain_of_wrapped_errors_has_each_cause_once() {
        assert_eq!(describe_error_chain(&Outer(Inner(Cause))), "outer: inner: the disk is full");
        let wrapped = Wrapper(Wrapper(Cause));
        assert_eq!(describe_error_chain(&wrapped), "the disk is full");
    }
}
