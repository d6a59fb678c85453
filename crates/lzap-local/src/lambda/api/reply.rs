//! The replies of operations, and the responses that carry them or their errors.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::lambda::error::ApiError;

/// The reply of a control operation.
pub(in crate::lambda) struct Reply {
    status: StatusCode,
    body: Option<Value>,
}

impl Reply {
    pub(in crate::lambda) fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body) }
    }

    pub(in crate::lambda) fn created(body: Value) -> Self {
        Self { status: StatusCode::CREATED, body: Some(body) }
    }

    pub(in crate::lambda) fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None }
    }
}

/// Renders the reply or the error of an operation.
pub(in crate::lambda) fn render_reply(reply: Result<Reply, ApiError>) -> Response<Bytes> {
    match reply {
        Ok(reply) => build_response(reply.status, reply.body.as_ref(), HeaderMap::new()),
        Err(error) => render_error(&error),
    }
}

/// The seconds until a retry after a throttle: the least that the header can say.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors>
const RETRY_AFTER_SECS: &str = "1";

/// Renders an error as AWS does.
pub(super) fn render_error(error: &ApiError) -> Response<Bytes> {
    let mut body = match error.code {
        "ValidationException" => json!({ "message": error.message }),
        _ if error.status >= 500 => json!({ "Type": "Service", "Message": error.message }),
        _ => json!({ "Type": "User", "Message": error.message }),
    };
    if let Some(reason) = error.reason {
        body["Reason"] = json!(reason);
    }
    let mut headers = HeaderMap::new();
    headers.insert("x-amzn-errortype", http::HeaderValue::from_static(error.code));
    if error.status == 429 {
        // SDKs have it as `retryAfterSeconds`.
        headers.insert("retry-after", http::HeaderValue::from_static(RETRY_AFTER_SECS));
    }
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    build_response(status, Some(&body), headers)
}

fn build_response(status: StatusCode, body: Option<&Value>, mut headers: HeaderMap) -> Response<Bytes> {
    headers.insert("content-type", http::HeaderValue::from_static("application/json"));
    if let Ok(id) = Uuid::new_v4().to_string().parse() {
        headers.insert("x-amzn-requestid", id);
    }
    let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
