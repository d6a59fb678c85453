//! The Runtime API, as one execution environment sees it.
//!
//! Each environment has a listener of its own on loopback: `AWS_LAMBDA_RUNTIME_API` is an authority without a path, so
//! the port distinguishes the processes, and `super::runtime_listener` refuses those of others. This module moves messages
//! only; `super::invocations` decides what they mean.
//!
//! `Lambda-Runtime-Invocation-Id` is in no page of AWS's. `lambda_runtime` sends it back, and AWS's Runtime Interface
//! Emulator refuses a stale answer as this module does. Not seen on AWS itself.
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::error::Error as _;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http_body_util::LengthLimitError;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::family::Family;
use super::invocations::{Answer, Delivery, Invocations};
use super::runtime_listener::RuntimeListener;
use super::state::StaleAnswer;

/// The most that AWS accepts as a response, in bytes: 6 MB and a little for the envelope, as its own message says.
pub(crate) const RESPONSE_BYTES: usize = 6_291_556;
/// The header with the id of one delivery; a retry has the same request id.
const INVOCATION_ID: &str = "lambda-runtime-invocation-id";

/// The progress of the process that uses the API.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// It has asked for nothing yet.
    Starting,
    /// It asked for its first invocation: init is over.
    Ready,
    /// It could not initialize; the body says why.
    InitError(Bytes),
}

/// The listener for one process.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    authority: String,
    phase: watch::Receiver<Phase>,
    family: watch::Sender<Option<Family>>,
    _server: AbortOnDropHandle<()>,
}

struct ApiState {
    invocations: Arc<Invocations>,
    phase: watch::Sender<Phase>,
}

impl RuntimeApi {
    /// Listens on a free loopback port. Connections wait until [`RuntimeApi::serve_only`].
    pub(crate) async fn listen(invocations: Arc<Invocations>) -> io::Result<Self> {
        let (family, members) = watch::channel(None);
        let listener = RuntimeListener::bind(members).await?;
        let authority = axum::serve::Listener::local_addr(&listener)?.to_string();
        let (sender, phase) = watch::channel(Phase::Starting);
        let shared = Arc::new(ApiState { invocations, phase: sender });
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, build_router(shared)).await {
                tracing::warn!(%error, "a runtime API stopped");
            }
        });
        Ok(Self { authority, phase, family, _server: AbortOnDropHandle::new(server) })
    }

    /// `HOST:PORT`, for `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Answers the processes of this family, and no others.
    pub(crate) fn serve_only(&self, family: Family) {
        self.family.send_replace(Some(family));
    }

    /// Waits until the process asks for its first invocation.
    ///
    /// # Errors
    /// When it says that it can't initialize; the body says why, and is never empty.
    pub(crate) async fn wait_until_initialized(&self) -> Result<(), Bytes> {
        match self.wait_for_phase(|phase| *phase != Phase::Starting).await {
            Phase::InitError(body) => Err(body),
            _ => Ok(()),
        }
    }

    /// Waits until the process says that it can't initialize, which it may do late; the body says why.
    pub(crate) async fn wait_for_init_error(&self) -> Bytes {
        match self.wait_for_phase(|phase| matches!(phase, Phase::InitError(_))).await {
            Phase::InitError(body) => body,
            _ => std::future::pending().await,
        }
    }

    async fn wait_for_phase(&self, until: impl FnMut(&Phase) -> bool) -> Phase {
        let mut phase = self.phase.clone();
        let found = phase.wait_for(until).await.ok().map(|phase| phase.clone());
        match found {
            Some(phase) => phase,
            // The server is gone, so nothing will come: the caller's other branches decide.
            None => std::future::pending().await,
        }
    }
}

fn build_router(shared: Arc<ApiState>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(answer_next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(answer_response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(answer_error))
        .route("/2018-06-01/runtime/init/error", post(answer_init_error))
        .with_state(shared)
}

async fn answer_next(State(shared): State<Arc<ApiState>>) -> Response {
    let polling = shared.invocations.begin_poll();
    shared.phase.send_if_modified(|phase| {
        let is_first = *phase == Phase::Starting;
        if is_first {
            *phase = Phase::Ready;
        }
        is_first
    });
    let Some(delivery) = polling.next().await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    match build_headers(&delivery) {
        Ok(headers) => (headers, delivery.job.payload).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn build_headers(delivery: &Delivery) -> Result<HeaderMap, http::header::InvalidHeaderValue> {
    let job = &delivery.job;
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse()?);
    headers.insert("lambda-runtime-aws-request-id", job.request_id.parse()?);
    headers.insert(INVOCATION_ID, delivery.invocation_id.parse()?);
    headers.insert("lambda-runtime-deadline-ms", job.deadline_ms.into());
    headers.insert("lambda-runtime-invoked-function-arn", job.invoked_arn.parse()?);
    headers.insert("lambda-runtime-trace-id", job.trace_id.parse()?);
    if let Some(context) = &job.client_context {
        headers.insert("lambda-runtime-client-context", context.parse()?);
    }
    Ok(headers)
}

async fn answer_response(
    State(shared): State<Arc<ApiState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let (answer, is_too_large) = match read_body(body).await {
        Ok(body) => (Answer::Response(body), false),
        Err(UnreadBody::TooLarge) => (Answer::TooLarge, true),
        Err(UnreadBody::Incomplete) => return refuse_incomplete(),
    };
    match shared.invocations.bring_answer(&id, invocation_id(&headers), answer) {
        Err(stale) => refuse_stale(stale),
        Ok(()) if is_too_large => {
            let message = format!("Exceeded maximum allowed payload size ({RESPONSE_BYTES} bytes).");
            refuse_request(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
        }
        Ok(()) => accept_answer(),
    }
}

async fn answer_error(
    State(shared): State<Arc<ApiState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(body) = read_error(body, &headers).await else { return refuse_incomplete() };
    match shared.invocations.bring_answer(&id, invocation_id(&headers), Answer::Error(body)) {
        Err(stale) => refuse_stale(stale),
        Ok(()) => accept_answer(),
    }
}

async fn answer_init_error(State(shared): State<Arc<ApiState>>, headers: HeaderMap, body: Body) -> Response {
    let Some(body) = read_error(body, &headers).await else { return refuse_incomplete() };
    shared.phase.send_replace(Phase::InitError(body));
    accept_answer()
}

/// The reason why a body could not be read to its end.
enum UnreadBody {
    /// It is longer than [`RESPONSE_BYTES`].
    TooLarge,
    /// The connection broke: the process is probably ending, and its exit says more.
    Incomplete,
}

async fn read_body(body: Body) -> Result<Bytes, UnreadBody> {
    to_bytes(body, RESPONSE_BYTES).await.map_err(|error| {
        let is_too_large = error.source().is_some_and(<dyn std::error::Error>::is::<LengthLimitError>);
        if is_too_large { UnreadBody::TooLarge } else { UnreadBody::Incomplete }
    })
}

/// The body of an error, of which only the type remains when it is too large. `None` for an incomplete one.
async fn read_error(body: Body, headers: &HeaderMap) -> Option<Bytes> {
    match read_body(body).await {
        Ok(body) => Some(or_type(body, headers)),
        Err(UnreadBody::TooLarge) => Some(or_type(Bytes::new(), headers)),
        Err(UnreadBody::Incomplete) => None,
    }
}

/// The id of the delivery; an unreadable one is the id of none.
fn invocation_id(headers: &HeaderMap) -> Option<&str> {
    headers.get(INVOCATION_ID).map(|value| value.to_str().unwrap_or("unreadable"))
}

/// The body, or what the header says of the error when the body is empty.
fn or_type(body: Bytes, headers: &HeaderMap) -> Bytes {
    if !body.is_empty() {
        return body;
    }
    let kind = headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
    json!({ "errorType": kind.unwrap_or("Runtime.Unknown"), "errorMessage": "" }).to_string().into()
}

fn accept_answer() -> Response {
    (StatusCode::ACCEPTED, json!({ "status": "OK" }).to_string()).into_response()
}

/// Status, type and message are those of AWS's Runtime Interface Emulator.
fn refuse_stale(stale: StaleAnswer) -> Response {
    match stale {
        StaleAnswer::TimedOut => refuse_request(StatusCode::GONE, "InvokeTimeout", "Invoke timeout"),
        StaleAnswer::Unknown => {
            refuse_request(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
        }
    }
}

/// The sender has usually gone.
fn refuse_incomplete() -> Response {
    refuse_request(StatusCode::BAD_REQUEST, "IncompleteBody", "The body ended too early")
}

fn refuse_request(status: StatusCode, kind: &str, message: &str) -> Response {
    let body = json!({ "errorType": kind, "errorMessage": message });
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}
