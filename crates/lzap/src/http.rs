//! One request through the user's service, whatever it does: a panic or an error becomes a 500 answer.
//!
//! Which transport the request came by is not known here; `local.rs` and `lambda.rs` are the two callers.

use std::{error::Error as StdError, panic::AssertUnwindSafe, time::Instant};

use axum::body::Body;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use lzap_wire::limits::SYNC_PAYLOAD_BYTES;
use serde_json::json;
use tower::ServiceExt as _;

use crate::app::ErasedService;

/// The service's answer, its body still to be read.
///
/// A panic's message and place are in the log already when it is caught: the panic hook wrote them.
pub(crate) async fn answer(
    service: ErasedService,
    request: Request<Body>,
    request_id: &str,
) -> Response<Body> {
    match AssertUnwindSafe(service.oneshot(request)).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::error!(error = chain(&*error), "the service returned an error");
            internal_server_error(request_id).map(Body::from)
        }
        Err(_panic) => internal_server_error(request_id).map(Body::from),
    }
}

/// The service's answer with its body read to the end, as Lambda wants it.
pub(crate) async fn whole_answer(
    service: ErasedService,
    request: Request<Body>,
    request_id: &str,
) -> Response<Bytes> {
    let (parts, body) = answer(service, request, request_id).await.into_parts();
    match AssertUnwindSafe(body.collect()).catch_unwind().await {
        Ok(Ok(body)) => within_limit(Response::from_parts(parts, body.to_bytes()), request_id),
        Ok(Err(error)) => {
            tracing::error!(error = chain(&error), "the response body failed");
            internal_server_error(request_id)
        }
        Err(_panic) => internal_server_error(request_id),
    }
}

/// A body that Lambda would refuse becomes a 500 that the log explains; Lambda itself would say nothing to the app.
fn within_limit(response: Response<Bytes>, request_id: &str) -> Response<Bytes> {
    let bytes = response.body().len();
    if u64::try_from(bytes).is_ok_and(|bytes| bytes <= SYNC_PAYLOAD_BYTES) {
        return response;
    }
    tracing::error!(bytes, limit = SYNC_PAYLOAD_BYTES, "the response is larger than Lambda can carry");
    internal_server_error(request_id)
}

/// Names the request, so that its log lines can be found, and nothing of what went wrong.
fn internal_server_error(request_id: &str) -> Response<Bytes> {
    let body = json!({ "message": "Internal Server Error", "requestId": request_id }).to_string();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

/// The access log's view of a request. The query is left out: people put secrets there.
pub(crate) struct Access {
    method: Method,
    path: String,
    start: Instant,
}

impl Access {
    pub(crate) fn begin(request: &Request<Body>) -> Self {
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            start: Instant::now(),
        }
    }

    /// Writes the one line that each request gets.
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
