//! Lambda's REST-JSON API: a request becomes an operation of the machine, its answer JSON.
//!
//! [`handle`] routes by method and path, as the service model does; [`functions`], [`aliases`], [`permissions`],
//! [`event_invoke`] and [`extras`] hold one function per operation, [`invoke`] the one that runs code. [`render`] writes AWS's shapes,
//! [`request`] reads them. What AWS has and this doesn't is answered with 501 and its name.
//! AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html>

mod aliases;
mod event_invoke;
mod extras;
mod functions;
mod invoke;
mod permissions;
pub(super) mod render;
pub(super) mod request;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Inner;
use super::error::ApiError;
use crate::percent;
use request::Call;

/// What a control operation answers.
pub(super) struct Reply {
    status: StatusCode,
    body: Option<Value>,
}

impl Reply {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body) }
    }

    pub(super) fn created(body: Value) -> Self {
        Self { status: StatusCode::CREATED, body: Some(body) }
    }

    pub(super) fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None }
    }
}

/// Answers one request.
pub(crate) async fn handle(inner: &Arc<Inner>, region: &str, request: Request<Bytes>) -> Response<Bytes> {
    let (method, segments, call) = take_apart(inner, region, request);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let (&Method::POST, ["2015-03-31", "functions", name, "invocations"]) = (&method, segments.as_slice())
    {
        return invoke::invoke(&call, name).await.unwrap_or_else(|error| refusal(&error));
    }
    let revision = inner.state().revision();
    let reply = route(&call, &method, &segments).await;
    if inner.state().revision() != revision {
        inner.evict();
    }
    answer(reply)
}

/// The request's method, the decoded segments of its path, and the rest.
pub(super) fn take_apart<'a>(
    inner: &'a Arc<Inner>,
    region: &'a str,
    request: Request<Bytes>,
) -> (Method, Vec<String>, Call<'a>) {
    let (parts, body) = request.into_parts();
    let segments =
        parts.uri.path().split('/').filter(|segment| !segment.is_empty()).map(percent::decode).collect();
    let query = percent::pairs(parts.uri.query().unwrap_or_default()).collect();
    (parts.method, segments, Call { inner, region, query, headers: parts.headers, body })
}

/// What an operation came to, as AWS sends it.
pub(super) fn answer(reply: Result<Reply, ApiError>) -> Response<Bytes> {
    match reply {
        Ok(reply) => response(reply.status, reply.body.as_ref(), HeaderMap::new()),
        Err(error) => refusal(&error),
    }
}

async fn route(call: &Call<'_>, method: &Method, segments: &[&str]) -> Result<Reply, ApiError> {
    match (method.as_str(), segments) {
        ("GET", ["2016-08-19", "account-settings"]) => Ok(extras::account_settings(call)),
        ("GET", ["2015-03-31", "functions"]) => functions::list(call),
        ("POST", ["2015-03-31", "functions"]) => functions::create(call).await,
        ("GET" | "POST" | "DELETE", ["2017-03-31", "tags", arn]) => extras::tags(call, method, arn),
        ("PUT" | "DELETE", ["2017-10-31", "functions", name, "concurrency"]) => {
            extras::reserve(call, method, name)
        }
        ("GET", ["2019-09-30", "functions", name, "concurrency"]) => extras::reserved(call, name),
        ("PUT", ["2019-09-25", "functions", name, "event-invoke-config"]) => event_invoke::put(call, name),
        ("GET", ["2019-09-25", "functions", name, "event-invoke-config"]) => event_invoke::get(call, name),
        ("DELETE", ["2019-09-25", "functions", name, "event-invoke-config"]) => {
            event_invoke::delete(call, name)
        }
        (_, ["2015-03-31", "functions", name, rest @ ..]) => function(call, method, name, rest).await,
        _ => Err(unknown(method, segments)),
    }
}

/// What lies below one function's path.
async fn function(call: &Call<'_>, method: &Method, name: &str, rest: &[&str]) -> Result<Reply, ApiError> {
    match (method.as_str(), rest) {
        ("GET", []) => functions::get(call, name),
        ("DELETE", []) => functions::delete(call, name),
        ("PUT", ["code"]) => functions::update_code(call, name).await,
        ("GET", ["configuration"]) => functions::get_configuration(call, name),
        ("PUT", ["configuration"]) => functions::update_configuration(call, name).await,
        ("POST", ["versions"]) => functions::publish(call, name),
        ("GET", ["versions"]) => functions::list_versions(call, name),
        ("POST", ["aliases"]) => aliases::create(call, name),
        ("GET", ["aliases"]) => aliases::list(call, name),
        ("GET", ["aliases", alias]) => aliases::get(call, name, alias),
        ("PUT", ["aliases", alias]) => aliases::update(call, name, alias),
        ("DELETE", ["aliases", alias]) => aliases::delete(call, name, alias),
        ("POST", ["policy"]) => permissions::add(call, name),
        ("GET", ["policy"]) => permissions::get(call, name),
        ("DELETE", ["policy", sid]) => permissions::remove(call, name, sid),
        _ => {
            let segments = [&["2015-03-31", "functions", name], rest].concat();
            Err(unknown(method, &segments))
        }
    }
}

/// 501, naming the operation where its path tells, and method and path anyway.
fn unknown(method: &Method, segments: &[&str]) -> ApiError {
    let topic = match segments {
        [_, "event-source-mappings", ..] => "event source mappings: ",
        [_, "capacity-providers", ..] => "capacity providers: ",
        [_, "layers" | "layers-by-arn", ..] => "layers: ",
        [_, "code-signing-configs", ..] | [_, "functions", _, "code-signing-config"] => "code signing: ",
        [_, "functions", _, "event-invoke-config", ..] => "asynchronous invocation settings: ",
        [_, "functions", _, "provisioned-concurrency"] => "provisioned concurrency: ",
        [_, "functions", _, "response-streaming-invocations"] => "InvokeWithResponseStream: ",
        [_, "functions", _, "invoke-async"] => "InvokeAsync: ",
        _ => "",
    };
    ApiError::not_implemented(&format!("{topic}{method} /{}", segments.join("/")))
}

/// When to try again after a throttle: the least that the header can say.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors>
const RETRY_AFTER_SECS: &str = "1";

/// An error as AWS sends it.
fn refusal(error: &ApiError) -> Response<Bytes> {
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
        // SDKs tell it as `retryAfterSeconds`.
        headers.insert("retry-after", http::HeaderValue::from_static(RETRY_AFTER_SECS));
    }
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response(status, Some(&body), headers)
}

fn response(status: StatusCode, body: Option<&Value>, mut headers: HeaderMap) -> Response<Bytes> {
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
