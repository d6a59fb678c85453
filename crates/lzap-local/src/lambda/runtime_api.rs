//! The Runtime API, as one execution environment sees it.
//!
//! Each environment has a listener of its own on loopback: `AWS_LAMBDA_RUNTIME_API` is an authority without a path, so
//! the port is what tells one worker from another. This module moves messages only; what they mean is decided in
//! `super::worker`.
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// What AWS accepts as a response, in bytes: 6 MB and a little for the envelope, as its own message says.
pub(crate) const RESPONSE_BYTES: usize = 6_291_556;

/// One invocation on its way to a worker.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    pub(crate) invoked_arn: String,
    /// Unix milliseconds at which the environment is killed.
    pub(crate) deadline_ms: i64,
    pub(crate) trace_id: String,
    /// What the caller sent as `X-Amz-Client-Context`, decoded.
    pub(crate) client_context: Option<String>,
}

/// What a worker says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It asked for the next invocation: init, or the last invocation, is over.
    Ready,
    /// It answered.
    Response(Bytes),
    /// Its answer was longer than [`RESPONSE_BYTES`].
    ResponseTooLarge,
    /// Its handler failed; the body says how.
    Error(Bytes),
    /// It could not initialize; the body says why.
    InitError(Bytes),
}

/// The listener of one environment.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    authority: String,
    jobs: mpsc::Sender<Job>,
    events: mpsc::UnboundedReceiver<Event>,
    _server: AbortOnDropHandle<()>,
}

struct Shared {
    jobs: tokio::sync::Mutex<mpsc::Receiver<Job>>,
    events: mpsc::UnboundedSender<Event>,
    /// The id of the invocation that may be answered now.
    current: Mutex<Option<String>>,
}

impl RuntimeApi {
    /// Listens on a free loopback port.
    pub(crate) async fn listen() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let authority = listener.local_addr()?.to_string();
        let (jobs, jobs_of_worker) = mpsc::channel(1);
        let (events_of_worker, events) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            jobs: tokio::sync::Mutex::new(jobs_of_worker),
            events: events_of_worker,
            current: Mutex::new(None),
        });
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router(shared)).await {
                tracing::warn!(%error, "a runtime API stopped");
            }
        });
        Ok(Self { authority, jobs, events, _server: AbortOnDropHandle::new(server) })
    }

    /// `HOST:PORT`, for `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Hands over an invocation; the worker gets it with its pending or next `next`.
    pub(crate) fn send(&self, job: Job) {
        if self.jobs.try_send(job).is_err() {
            tracing::warn!("a worker was given an invocation before it took the last");
        }
    }

    /// The worker's next message.
    pub(crate) async fn event(&mut self) -> Event {
        match self.events.recv().await {
            Some(event) => event,
            // The server is gone, so nothing will come: the caller's other branches decide.
            None => std::future::pending().await,
        }
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .with_state(shared)
}

impl Shared {
    fn say(&self, event: Event) {
        // Nobody listens any more: the environment is being torn down.
        let _unheard = self.events.send(event);
    }

    fn set_current(&self, id: Option<String>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = id;
    }

    /// Whether `id` is the invocation at hand; it can be answered once.
    fn finish(&self, id: &str) -> bool {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.take_if(|current| current == id).is_some()
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    let mut jobs = shared.jobs.lock().await;
    shared.say(Event::Ready);
    let Some(job) = jobs.recv().await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    shared.set_current(Some(job.request_id.clone()));
    match headers(&job) {
        Ok(headers) => (headers, job.payload).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn headers(job: &Job) -> Result<HeaderMap, http::header::InvalidHeaderValue> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse()?);
    headers.insert("lambda-runtime-aws-request-id", job.request_id.parse()?);
    headers.insert("lambda-runtime-deadline-ms", job.deadline_ms.into());
    headers.insert("lambda-runtime-invoked-function-arn", job.invoked_arn.parse()?);
    headers.insert("lambda-runtime-trace-id", job.trace_id.parse()?);
    if let Some(context) = &job.client_context {
        headers.insert("lambda-runtime-client-context", context.parse()?);
    }
    Ok(headers)
}

async fn response(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Body) -> Response {
    let body = to_bytes(body, RESPONSE_BYTES).await;
    if !shared.finish(&id) {
        return refused(StatusCode::BAD_REQUEST, "InvalidRequestID");
    }
    if let Ok(body) = body {
        shared.say(Event::Response(body));
        return accepted();
    }
    shared.say(Event::ResponseTooLarge);
    refused(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge")
}

async fn error(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let body = to_bytes(body, RESPONSE_BYTES).await.unwrap_or_default();
    if !shared.finish(&id) {
        return refused(StatusCode::BAD_REQUEST, "InvalidRequestID");
    }
    shared.say(Event::Error(or_type(body, &headers)));
    accepted()
}

async fn init_error(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Response {
    let body = to_bytes(body, RESPONSE_BYTES).await.unwrap_or_default();
    shared.say(Event::InitError(or_type(body, &headers)));
    accepted()
}

/// The body, or what the header says of the error when the body is empty.
fn or_type(body: Bytes, headers: &HeaderMap) -> Bytes {
    if !body.is_empty() {
        return body;
    }
    let kind = headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
    json!({ "errorType": kind.unwrap_or("Runtime.Unknown"), "errorMessage": "" }).to_string().into()
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, json!({ "status": "OK" }).to_string()).into_response()
}

fn refused(status: StatusCode, kind: &str) -> Response {
    let body = json!({ "errorType": kind, "errorMessage": status.canonical_reason().unwrap_or_default() });
    (status, body.to_string()).into_response()
}
