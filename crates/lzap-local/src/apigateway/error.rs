//! The errors of the control API.

use crate::answer::{self, Answer};
use crate::passive;

/// The error of a refused request: status, code, message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ApiGatewayError(u16, &'static str, String);

impl ApiGatewayError {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self(400, "BadRequestException", message.into())
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self(404, "NotFoundException", message.into())
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self(409, "ConflictException", message.into())
    }

    pub(super) fn not_implemented(operation: &str) -> Self {
        Self(501, "NotImplemented", passive::not_implemented("apigateway", operation))
    }
}

impl From<ApiGatewayError> for Answer {
    fn from(ApiGatewayError(status, code, message): ApiGatewayError) -> Self {
        answer::json_error(status, code, &message)
    }
}
