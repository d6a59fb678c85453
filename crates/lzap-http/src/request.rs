//! One request through the user's service, whatever it does: a panic or an error becomes a 500 response.
//!
//! This module doesn't know which transport the request came by; `local.rs` and `lambda.rs` are its two callers.

use std::{error::Error as StdError, panic::AssertUnwindSafe, time::Instant};

use axum::body::{Body, HttpBody as _};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::ServiceExt as _;

use crate::erase::ErasedService;
use lzap_invocation::describe_error_chain;

/// The service's response, its body not read yet.
///
/// A panic's message and place are in the log already when it is caught: the panic hook wrote them. A final status below
/// 200 is an error of the app, because no front carries it. 101 stays: under `cargo run` it upgrades the connection.
pub(crate) async fn answer(
    service: ErasedService,
    request: Request<Body>,
    request_id: &str,
) -> Response<Body> {
    match AssertUnwindSafe(service.oneshot(request)).catch_unwind().await {
        Ok(Ok(response)) if is_final(response.status()) => response,
        Ok(Ok(response)) => {
            let status = response.status().as_u16();
            tracing::error!(
                status,
                "the service answered with an interim status, and clients wait for a final one"
            );
            internal_server_error(request_id).map(Body::from)
        }
        Ok(Err(error)) => {
            tracing::error!(error = describe_error_chain(&*error), "the service returned an error");
            internal_server_error(request_id).map(Body::from)
        }
        Err(_panic) => internal_server_error(request_id).map(Body::from),
    }
}

/// The service's response with its whole body, as Lambda needs it. A body that HTTP doesn't allow is dropped, as hyper
/// does under `cargo run`.
pub(crate) async fn whole_answer(
    service: ErasedService,
    request: Request<Body>,
    request_id: &str,
) -> Response<Bytes> {
    let is_head = request.method() == Method::HEAD;
    let (mut parts, body) = answer(service, request, request_id).await.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        tracing::error!("the service upgraded the connection, and Lambda has none");
        return internal_server_error(request_id);
    }
    let has_no_body = matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if is_head && !has_no_body {
        let length = body.size_hint().exact().filter(|length| *length > 0);
        if let (Some(length), false) = (length, parts.headers.contains_key(header::CONTENT_LENGTH)) {
            parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
    }
    if is_head || has_no_body {
        return Response::from_parts(parts, Bytes::new());
    }
    match AssertUnwindSafe(body.collect()).catch_unwind().await {
        Ok(Ok(body)) => Response::from_parts(parts, body.to_bytes()),
        Ok(Err(error)) => {
            log_body_error(&error);
            internal_server_error(request_id)
        }
        Err(_panic) => internal_server_error(request_id),
    }
}

/// Logs a body that ends with an error, once, in Lambda and under `cargo run` with the same words.
pub(crate) fn log_body_error(error: &dyn StdError) {
    tracing::error!(error = describe_error_chain(error), "the response body failed");
}

fn is_final(status: StatusCode) -> bool {
    !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS
}

/// A 500 that names the request, so that its log lines can be found, and nothing of what went wrong.
pub(crate) fn internal_server_error(request_id: &str) -> Response<Bytes> {
    json_response(
        StatusCode::INTERNAL_SERVER_ERROR,
        &json!({ "message": "Internal Server Error", "requestId": request_id }),
    )
}

/// A response that the app didn't write: JSON with a `message`.
pub(crate) fn json_response(status: StatusCode, body: &serde_json::Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The access log's view of a request. The query is left out: people put secrets there.
pub(crate) struct Access {
    method: Method,
    path: String,
    start: Instant,
}

impl Access {
    /// Keeps method and path, since the service consumes the request.
    pub(crate) fn begin(request: &Request<Body>) -> Self {
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            start: Instant::now(),
        }
    }

    /// Writes the one line that each request gets; `status` is what the client gets.
    pub(crate) fn end(self, status: StatusCode) {
        let duration_ms = (self.start.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        tracing::info!(
            target: "lzap::access",
            method = self.method.as_str(),
            path = self.path,
            status = status.as_u16(),
            duration_ms,
            "request"
        );
    }
}
