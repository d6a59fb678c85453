//! The services that only store resources and run nothing: S3, IAM, STS, `EventBridge`, CloudWatch Logs.
//!
//! The state machines behind them are the `winterbaume-*` crates, driven in this process through
//! `MockService::handle`. Where one falls short of what real SDK clients need, the module of that service answers the
//! operation itself or checks it first; `docs/reference/emulator-coverage.md` lists where. API Gateway v2 is not here:
//! the gateway runs on its state, so it has a module of its own.

mod blobs;
mod chunked;
pub(crate) mod events;
pub(crate) mod iam;
mod log_events;
mod log_json;
mod log_model;
mod log_pattern;
mod log_queries;
mod log_terms;
pub(crate) mod logs;
pub(crate) mod s3;
mod s3_request;
pub(crate) mod sts;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use winterbaume_core::{MockRequest, MockResponse, MockService};

use crate::answer::{self, Answer};

/// Makes the emulated services use the local account. Idempotent.
pub(crate) fn set_account() {
    winterbaume_core::set_default_account_id(crate::ACCOUNT);
}

/// Hands a request to a service, as if it had been sent to AWS's own host for that region.
async fn forward(service: &impl MockService, host: &str, request: Request<Bytes>) -> Answer {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mock = MockRequest {
        method: parts.method.to_string(),
        uri: format!("https://{host}{path}"),
        headers: parts.headers,
        body,
    };
    into_answer(service.handle(mock).await)
}

/// Asks a service something in another one's name, in the awsJson protocol.
async fn ask_json(
    service: &impl MockService,
    host: &str,
    target: &'static str,
    body: &serde_json::Value,
) -> MockResponse {
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-target", http::HeaderValue::from_static(target));
    let body = Bytes::from(body.to_string());
    service
        .handle(MockRequest { method: "POST".to_owned(), uri: format!("https://{host}/"), headers, body })
        .await
}

fn into_answer(response: MockResponse) -> Answer {
    let mut answer = Answer::new(response.body);
    *answer.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *answer.headers_mut() = response.headers;
    answer
}

/// The operation that an awsJson request names.
pub(crate) fn json_operation(request: &Request<Bytes>) -> String {
    let target =
        request.headers().get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default().to_owned()
}

/// A body that is a JSON object; an empty one counts as `{}`.
fn json_body(request: &Request<Bytes>) -> Result<serde_json::Value, Box<Answer>> {
    if request.body().is_empty() {
        return Ok(serde_json::json!({}));
    }
    serde_json::from_slice(request.body())
        .map_err(|_| Box::new(answer::aws_json_error(400, "SerializationException", "the body is not JSON")))
}

/// An answer of a `winterbaume` service in the awsJson protocol, with "no such operation" turned into a 501 that names
/// it.
fn named_501(service: &str, operation: &str, mut answer: Answer) -> Answer {
    let unknown = answer.status() == StatusCode::BAD_REQUEST
        && answer.body().windows(15).any(|window| window == b"\"InvalidAction\"");
    if unknown || operation.is_empty() {
        return answer::aws_json_error(501, "NotImplemented", &not_implemented(service, operation));
    }
    let json = http::HeaderValue::from_static("application/x-amz-json-1.1");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

/// Returns the message of a 501.
pub(crate) fn not_implemented(service: &str, operation: &str) -> String {
    let operation = if operation.is_empty() { "an unnamed operation" } else { operation };
    format!("lzap's embedded cloud does not implement {service}:{operation}")
}
