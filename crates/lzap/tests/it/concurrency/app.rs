//! The app under test: its requests meet each other in the process, so that a test knows that they are there at once.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::to_bytes,
    extract::{Path, Request},
    routing::{get, post},
};
use lambda_http::RequestExt as _;
use lzap_invocation::Invocation;
use serde_json::json;
use tokio::sync::watch;

/// The app of the name `meetings`.
pub(crate) fn app() -> lzap::App {
    let router = Router::new()
        .route("/meet/{name}/{count}", post(meet))
        .route("/wait/{ms}", get(wait))
        .route("/stuck/{ms}", get(async |Path(ms): Path<u64>| stuck(ms).await))
        .route("/panic", get(panics))
        .route("/big", get(async || vec![b'x'; 7 * 1024 * 1024]));
    let app = lzap::App::new(router);
    #[cfg(feature = "map")]
    let app = super::jobs::register(app);
    app
}

/// The number of requests that have come to each meeting.
static MEETINGS: LazyLock<Mutex<HashMap<String, watch::Sender<usize>>>> = LazyLock::new(Mutex::default);

/// Answers once `count` requests have come to the meeting: with each id that code in the invocation can read.
async fn meet(Path((name, count)): Path<(String, usize)>, request: Request) -> String {
    let context_id = Invocation::current().request_id;
    let mut arrived = {
        let mut meetings = MEETINGS.lock().expect("no panic while locked");
        let meeting = meetings.entry(name).or_default();
        meeting.send_modify(|arrived| *arrived += 1);
        meeting.subscribe()
    };
    arrived.wait_for(|arrived| *arrived >= count).await.expect("meetings stay");
    let lambda_id = request.lambda_context_ref().map(|context| context.request_id.clone());
    let trace =
        request.headers().get("x-amzn-trace-id").map(|trace| trace.to_str().expect("ASCII").to_owned());
    let body = to_bytes(request.into_body(), usize::MAX).await.expect("a body");
    let body = String::from_utf8_lossy(&body).into_owned();
    tracing::info!(body, "met");
    let invocation = Invocation::current();
    let seen = json!({
        "body": body,
        "lambda_id": lambda_id,
        "context_id": &*context_id,
        "context_id_later": &*invocation.request_id,
        "trace_header": trace,
        "context_trace": invocation.trace_id.as_deref(),
        "deadline_ms": invocation.deadline_ms,
    });
    seen.to_string()
}

async fn wait(Path(ms): Path<u64>) -> &'static str {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    "waited"
}

/// Logs when it begins, when it is dropped, and when it goes on after `ms` milliseconds.
pub(super) async fn stuck(ms: u64) -> &'static str {
    let _guard = LogDrop;
    tracing::info!("stuck");
    tokio::time::sleep(Duration::from_millis(ms)).await;
    tracing::info!("went on");
    "went on"
}

/// Logs that it is dropped, and in which invocation.
struct LogDrop;

impl Drop for LogDrop {
    fn drop(&mut self) {
        tracing::info!(dropped_id = &*Invocation::current().request_id, "dropped");
    }
}

async fn panics() {
    panic!("on purpose");
}
