//! Serves a test's cloud over HTTP with AWS's `Invoke` API, so that tests include the client and its connections.
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

use lzap_tasks::{AttemptOutcome, TaskErrorKind};
use lzap_wire::invoke::{FunctionFailure, ThrottleReason};

use super::fault::{FaultyInvoker, LATEST};

/// A listening server. It stops when it is dropped.
pub(super) struct CloudServer {
    pub(super) url: String,
    server: JoinHandle<()>,
}

impl Drop for CloudServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Serves a cloud on a free port of this machine.
pub(super) async fn serve_cloud(cloud: Arc<FaultyInvoker>) -> io::Result<CloudServer> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let router = Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(answer_invoke))
        .with_state(cloud);
    let server = tokio::spawn(async move {
        // `serve` never returns: dropping the server aborts this task.
        let _ = axum::serve(listener, router).await;
    });
    Ok(CloudServer { url, server })
}

/// Answers `Invoke`, in each form that Lambda has for an outcome.
async fn answer_invoke(
    State(cloud): State<Arc<FaultyInvoker>>,
    uri: Uri,
    headers: HeaderMap,
    event: Bytes,
) -> Response<Body> {
    let is_async = headers.get("x-amz-invocation-type").is_some_and(|kind| kind == "Event");
    let version = read_version(&uri);
    let outcome = if is_async {
        cloud.run_queued(event, version).await
    } else {
        cloud.run_version(event, version).await
    };
    // Lambda answers 202 for an asynchronous invocation that it has queued.
    let status = if is_async { StatusCode::ACCEPTED } else { StatusCode::OK };
    match outcome {
        AttemptOutcome::Answered(answer) => build_response(status, &[], answer.into()),
        AttemptOutcome::Throttled { reason, .. } => {
            let reason = match reason {
                ThrottleReason::Concurrency => "ConcurrentInvocationLimitExceeded",
                ThrottleReason::Rate => "CallerRateLimitExceeded",
            };
            error_response(
                429,
                "TooManyRequestsException",
                &json!({ "Reason": reason, "message": "Rate Exceeded." }),
            )
        }
        AttemptOutcome::Failed { failure, message, .. } => {
            let kind = match failure {
                FunctionFailure::Exit => "Runtime.ExitError",
                FunctionFailure::Timeout => "Sandbox.Timedout",
                FunctionFailure::Error => "Error",
            };
            let body = json!({ "errorType": kind, "errorMessage": message }).to_string();
            build_response(StatusCode::OK, &[("x-amz-function-error", "Unhandled")], body.into())
        }
        // The connection exists by now, so the server breaks the answer off: it announces more bytes than it sends.
        outcome @ (AttemptOutcome::ResponseLost(_)
        | AttemptOutcome::NotConnected(_)
        | AttemptOutcome::OutOfDescriptors) => {
            let parts = [Ok(Bytes::from_static(b"{")), Err(io::Error::other(format!("{outcome:?}")))];
            build_response(
                StatusCode::OK,
                &[("content-length", "1000")],
                Body::from_stream(stream::iter(parts)),
            )
        }
        AttemptOutcome::Unavailable(message) => {
            error_response(500, "ServiceException", &json!({ "Message": message }))
        }
        AttemptOutcome::TooLarge(message) => {
            error_response(413, "RequestTooLargeException", &json!({ "message": message }))
        }
        AttemptOutcome::Refused { kind: TaskErrorKind::Recursion, message } => {
            error_response(400, "RecursiveInvocationException", &json!({ "Message": message }))
        }
        AttemptOutcome::Refused { message, .. } => {
            error_response(403, "AccessDeniedException", &json!({ "Message": message }))
        }
    }
}

/// The version in the query's `Qualifier`, or `$LATEST`.
fn read_version(uri: &Uri) -> &str {
    let mut parameters = uri.query().unwrap_or_default().split('&');
    let named = parameters.find_map(|parameter| parameter.strip_prefix("Qualifier="));
    named.filter(|version| *version != "%24LATEST").unwrap_or(LATEST)
}

/// The exception's name is in the header, as in Lambda's own responses.
fn error_response(status: u16, kind: &str, body: &Value) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    build_response(status, &[("x-amzn-errortype", kind)], body.to_string().into())
}

/// A header that can't be parsed is left out.
fn build_response(status: StatusCode, headers: &[(&'static str, &str)], body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(*name, value);
        }
    }
    response
}
