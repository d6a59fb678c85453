//! The same cloud behind HTTP, as AWS answers `Invoke`, so that the client, its errors and its connections take part.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Response, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Faults, LATEST};
use crate::engine::{AttemptOutcome, FunctionFailure, ThrottleReason};
use crate::task::error::TaskErrorKind;

/// A cloud that listens; it stops when it is dropped.
pub(super) struct Listening {
    pub(super) url: String,
    server: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Serves on a free port of this machine.
pub(super) async fn listen(cloud: Arc<Faults>) -> io::Result<Listening> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let router =
        Router::new().route("/2015-03-31/functions/{name}/invocations", post(invoke)).with_state(cloud);
    let server = tokio::spawn(async move {
        // It only ever ends with its task.
        let _ = axum::serve(listener, router).await;
    });
    Ok(Listening { url, server })
}

async fn invoke(
    State(cloud): State<Arc<Faults>>,
    uri: Uri,
    headers: HeaderMap,
    event: Bytes,
) -> Response<Body> {
    let later = headers.get("x-amz-invocation-type").is_some_and(|kind| kind == "Event");
    let version = version(&uri);
    let outcome = if later { cloud.later(event, version).await } else { cloud.one(event, version).await };
    let status = if later { StatusCode::ACCEPTED } else { StatusCode::OK };
    match outcome {
        AttemptOutcome::Answered(answer) => respond(status, &[], answer.into()),
        AttemptOutcome::Throttled { reason, .. } => {
            let reason = match reason {
                ThrottleReason::Concurrency => "ConcurrentInvocationLimitExceeded",
                ThrottleReason::Rate => "CallerRateLimitExceeded",
            };
            error(429, "TooManyRequestsException", &json!({ "Reason": reason, "message": "Rate Exceeded." }))
        }
        AttemptOutcome::Failed { failure, message, .. } => {
            let kind = match failure {
                FunctionFailure::Exit => "Runtime.ExitError",
                FunctionFailure::Timeout => "Sandbox.Timedout",
                FunctionFailure::Error => "Error",
            };
            let body = json!({ "errorType": kind, "errorMessage": message }).to_string();
            respond(StatusCode::OK, &[("x-amz-function-error", "Unhandled")], body.into())
        }
        // The connection is there already, so what fails is the answer: it begins and breaks off.
        outcome @ (AttemptOutcome::ResponseLost(_)
        | AttemptOutcome::NotConnected(_)
        | AttemptOutcome::OutOfDescriptors) => {
            let parts = [Ok(Bytes::from_static(b"{")), Err(io::Error::other(format!("{outcome:?}")))];
            respond(StatusCode::OK, &[("content-length", "1000")], Body::from_stream(stream::iter(parts)))
        }
        AttemptOutcome::Unavailable(message) => {
            error(500, "ServiceException", &json!({ "Message": message }))
        }
        AttemptOutcome::TooLarge(message) => {
            error(413, "RequestTooLargeException", &json!({ "message": message }))
        }
        AttemptOutcome::Refused { kind: TaskErrorKind::Recursion, message } => {
            error(400, "RecursiveInvocationException", &json!({ "Message": message }))
        }
        AttemptOutcome::Refused { message, .. } => {
            error(403, "AccessDeniedException", &json!({ "Message": message }))
        }
    }
}

/// The version in `Qualifier`; `$LATEST` without one.
fn version(uri: &Uri) -> &str {
    let mut parameters = uri.query().unwrap_or_default().split('&');
    let named = parameters.find_map(|parameter| parameter.strip_prefix("Qualifier="));
    named.filter(|version| *version != "%24LATEST").unwrap_or(LATEST)
}

fn error(status: u16, kind: &str, body: &Value) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    respond(status, &[("x-amzn-errortype", kind)], body.to_string().into())
}

fn respond(status: StatusCode, headers: &[(&'static str, &str)], body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(*name, value);
        }
    }
    response
}
