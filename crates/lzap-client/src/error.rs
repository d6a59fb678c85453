//! The one error of the client.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// The kind of a [`ClientError`]: everything that a caller needs to decide what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The environment or an argument is wrong: nothing was sent.
    Config,
    /// No connection: name resolution, TCP, proxy or TLS failed. Nothing was sent, so that sending again is safe.
    NotConnected,
    /// The request was sent, or a part of it, and the connection ended before the whole answer was there. AWS may have
    /// carried it out.
    ResponseLost,
    /// The deadline passed. [`ClientError::may_have_run`] says whether the request had been sent.
    TimedOut,
    /// AWS refused because of a limit on rate or concurrency. The request was not carried out, so that sending it again
    /// is safe.
    Throttled,
    /// AWS refused because of credentials or permissions. It does not say whether the resource exists.
    Denied,
    /// The function, bucket or object does not exist.
    NotFound,
    /// The condition of the request does not hold (412): the object exists, or has another `ETag`.
    PreconditionFailed,
    /// The resource is being changed by another request (409).
    Conflict,
    /// The request is larger than AWS accepts, or the answer is larger than the caller accepts.
    TooLarge,
    /// AWS failed (5xx). It may have carried out the request.
    Unavailable,
    /// The answer can't be used: not what the protocol says, or its checksum is wrong.
    Unreadable,
    /// AWS refused for another reason: see [`ClientError::code`].
    Refused,
}

/// The error of a call.
///
/// `Display` names the operation as `service:Operation`, and AWS's code, message and request id where AWS answered; the
/// cause below it, such as an I/O error, is [`Error::source`].
pub struct ClientError(Box<ErrorDetails>);

/// Boxed, so that a `Result` stays small.
struct ErrorDetails {
    kind: ErrorKind,
    operation: Option<&'static str>,
    message: String,
    answer: Option<AnswerDetails>,
    may_have_run: bool,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The error of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AnswerDetails {
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) retry_after: Option<Duration>,
}

impl ClientError {
    /// An error without an answer. `message` is a phrase that follows the operation's name.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(ErrorDetails {
            kind,
            operation: None,
            message: message.into(),
            answer: None,
            may_have_run: kind == ErrorKind::ResponseLost,
            source: None,
        }))
    }

    /// An error that AWS answered.
    pub(crate) fn answered(kind: ErrorKind, answer: AnswerDetails) -> Self {
        let mut error = Self::new(kind, String::new());
        // A 5xx may come after the work was done. All other errors are refusals, which come before.
        error.0.may_have_run = kind == ErrorKind::Unavailable;
        error.0.answer = Some(answer);
        error
    }

    /// The same with its cause.
    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same, where the kind alone does not say whether AWS may have carried out the request.
    pub(crate) fn with_may_have_run(mut self, may_have_run: bool) -> Self {
        self.0.may_have_run = may_have_run;
        self
    }

    /// The same with the operation's name, unless it has one.
    pub(crate) fn in_operation(mut self, operation: &'static str) -> Self {
        self.0.operation.get_or_insert(operation);
        self
    }

    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The operation as `service:Operation`, such as `lambda:Invoke`; none for errors of the configuration.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// AWS's error code, such as `TooManyRequestsException`; none where AWS did not answer, or answered without one (to
    /// `HeadObject` it never says one).
    pub fn code(&self) -> Option<&str> {
        self.0.answer.as_ref()?.code.as_deref()
    }

    /// AWS's message; without an answer, a description of the failure.
    pub fn message(&self) -> &str {
        let answered = self.0.answer.as_ref().and_then(|answer| answer.message.as_deref());
        answered.unwrap_or(&self.0.message)
    }

    /// AWS's id of the request, for its support.
    pub fn request_id(&self) -> Option<&str> {
        self.0.answer.as_ref()?.request_id.as_deref()
    }

    /// The HTTP status; none where AWS did not answer.
    pub fn status(&self) -> Option<u16> {
        Some(self.0.answer.as_ref()?.status)
    }

    /// The time for which AWS asks to wait before the next attempt.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.answer.as_ref()?.retry_after
    }

    /// Why Lambda throttled, such as `ReservedFunctionConcurrentInvocationLimitExceeded`.
    ///
    /// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
    pub fn throttle_reason(&self) -> Option<&str> {
        self.0.answer.as_ref()?.reason.as_deref()
    }

    /// Returns true when AWS may have carried out the request in spite of the error; when false, sending it again is
    /// safe.
    pub fn may_have_run(&self) -> bool {
        self.0.may_have_run
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details = &self.0;
        if let Some(operation) = details.operation {
            write!(f, "{operation} ")?;
        }
        let Some(answer) = &details.answer else { return f.write_str(&details.message) };
        match &answer.code {
            Some(code) => write!(f, "answered {code}")?,
            None => write!(f, "answered HTTP status {}", answer.status)?,
        }
        if let Some(message) = answer.message.as_deref().filter(|message| !message.is_empty()) {
            write!(f, ": {message}")?;
        }
        if let Some(reason) = &answer.reason {
            write!(f, " ({reason})")?;
        }
        match &answer.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientError")
            .field("kind", &self.0.kind)
            .field("display", &self.to_string())
            .field("may_have_run", &self.0.may_have_run)
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_of_answered_error_names_operation_code_message_and_request() {
        let answer = AnswerDetails {
            status: 429,
            code: Some("TooManyRequestsException".to_owned()),
            message: Some("Rate Exceeded.".to_owned()),
            request_id: Some("11-22".to_owned()),
            reason: Some("CallerRateLimitExceeded".to_owned()),
            retry_after: None,
        };
        let error = ClientError::answered(ErrorKind::Throttled, answer).in_operation("lambda:Invoke");
        assert_eq!(
            error.to_string(),
            "lambda:Invoke answered TooManyRequestsException: Rate Exceeded. (CallerRateLimitExceeded) (request 11-22)"
        );
        assert!(!error.may_have_run());
    }

    #[test]
    fn display_of_answer_without_code_names_status() {
        let answer = AnswerDetails { status: 403, ..AnswerDetails::default() };
        let error = ClientError::answered(ErrorKind::Denied, answer).in_operation("s3:HeadObject");
        assert_eq!(error.to_string(), "s3:HeadObject answered HTTP status 403");
    }
}
