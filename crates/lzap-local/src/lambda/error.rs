//! Refusals as AWS sends them: an HTTP status, a code, a sentence.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html> and the error list of each operation.

use thiserror::Error;

/// The error of a refused Lambda operation.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{code}: {message}")]
pub(crate) struct ApiError {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The code, as in `x-amzn-errortype`.
    pub(crate) code: &'static str,
    /// AWS's sentence.
    pub(crate) message: String,
    /// Why it was throttled, in 429 answers only.
    pub(crate) reason: Option<&'static str>,
}

impl ApiError {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), reason: None }
    }

    /// 404 with a sentence of its own.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "ResourceNotFoundException", message)
    }

    /// 404 for a function, version or alias that isn't there.
    pub(crate) fn no_function(arn: &str) -> Self {
        Self::not_found(format!("Function not found: {arn}"))
    }

    /// 409.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "ResourceConflictException", message)
    }

    /// 412: another request changed the function in between.
    pub(crate) fn stale_revision() -> Self {
        Self::new(
            412,
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
             retrieve the latest Revision Id",
        )
    }

    /// 400: a value that Lambda itself refuses.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidParameterValueException", message)
    }

    /// 400: a value that breaks the API model's own constraints.
    pub(crate) fn constraint(value: &str, member: &str, constraint: &str) -> Self {
        Self::new(
            400,
            "ValidationException",
            format!(
                "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member \
                 {constraint}"
            ),
        )
    }

    /// 400: the body isn't the JSON that the operation takes.
    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::new(400, "SerializationException", message)
    }

    /// 400: the payload of an invoke isn't JSON.
    pub(crate) fn payload_not_json(why: &str) -> Self {
        Self::new(
            400,
            "InvalidRequestContentException",
            format!("Could not parse request body into json: {why}"),
        )
    }

    /// 413.
    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(413, "RequestEntityTooLargeException", message)
    }

    /// 400: the resource policy has grown too large.
    pub(crate) fn policy_too_long(bytes: usize, limit: usize) -> Self {
        Self::new(
            400,
            "PolicyLengthExceededException",
            format!("The final policy size ({bytes}) is bigger than the limit ({limit})."),
        )
    }

    /// 429: rejected before it ran.
    pub(crate) fn throttled(reason: &'static str) -> Self {
        Self { reason: Some(reason), ..Self::new(429, "TooManyRequestsException", "Rate Exceeded.") }
    }

    /// 403: the resource policy doesn't let this caller in.
    pub(crate) fn access_denied(principal: &str, arn: &str) -> Self {
        Self::new(
            403,
            "AccessDeniedException",
            format!(
                "{principal} is not authorized to perform: lambda:InvokeFunction on resource: {arn} because no \
                 resource-based policy allows the lambda:InvokeFunction action"
            ),
        )
    }

    /// 501: an operation of AWS that the embedded cloud doesn't have.
    pub(crate) fn not_implemented(operation: &str) -> Self {
        Self::new(
            501,
            "NotImplementedException",
            format!("the embedded cloud does not implement lambda {operation}"),
        )
    }

    /// 500: the host failed, not the caller.
    pub(crate) fn service(message: impl Into<String>) -> Self {
        Self::new(500, "ServiceException", message)
    }
}
