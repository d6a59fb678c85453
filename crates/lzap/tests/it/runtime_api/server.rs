//! The HTTP side of the Runtime API, and as much of Lambda and S3 as a job with a map calls.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use super::{Answer, Answered, Reception, Sent, wait_for_answer};

/// The header whose value the app repeats with its answer.
const INVOCATION_ID: &str = "lambda-runtime-invocation-id";

/// The first number of the invocations that the app itself makes. Those of the tests have lower ones.
const FIRST_OWN_INVOCATION: usize = 1_000_000;

/// The state of the Runtime API.
pub(crate) struct Api {
    queue: mpsc::UnboundedSender<Sent>,
    queued: AsyncMutex<mpsc::UnboundedReceiver<Sent>>,
    open: Mutex<Open>,
    /// The number of invocations that the app made.
    own: AtomicUsize,
    /// Their traces, in order.
    own_traces: Mutex<Vec<Option<String>>>,
    /// The bucket's objects by `BUCKET/KEY`.
    objects: Mutex<BTreeMap<String, Bytes>>,
}

/// The invocations without an answer.
#[derive(Default)]
struct Open {
    by_id: HashMap<String, (Sent, oneshot::Sender<Answered>)>,
    /// The invocations that the app has not answered: those of now, and the largest number so far.
    in_flight: usize,
    most_in_flight: usize,
    /// The ids of answers that no invocation waited for.
    stray: Vec<String>,
}

impl Default for Api {
    fn default() -> Self {
        let (queue, queued) = mpsc::unbounded_channel();
        Self {
            queue,
            queued: AsyncMutex::new(queued),
            open: Mutex::default(),
            own: AtomicUsize::new(0),
            own_traces: Mutex::default(),
            objects: Mutex::default(),
        }
    }
}

impl Api {
    /// Queues an invocation for the app's next request.
    pub(super) fn queue(&self, sent: Sent) -> oneshot::Receiver<Answered> {
        let (answer, answered) = oneshot::channel();
        let before = lock(&self.open).by_id.insert(sent.request_id.clone(), (sent.clone(), answer));
        assert!(before.is_none(), "two invocations with the id {}", sent.request_id);
        self.queue.send(sent).expect("the receiver is in this struct");
        answered
    }

    /// The largest number of invocations that the app had at once.
    pub(crate) fn most_in_flight(&self) -> usize {
        lock(&self.open).most_in_flight
    }

    /// The ids of answers that no invocation waited for.
    pub(crate) fn stray_answers(&self) -> Vec<String> {
        lock(&self.open).stray.clone()
    }

    /// An object of the bucket; `name` is `BUCKET/KEY`.
    pub(crate) fn object(&self, name: &str) -> Option<Bytes> {
        lock(&self.objects).get(name).cloned()
    }

    /// The number of invocations that the app made.
    pub(crate) fn own_invocations(&self) -> usize {
        self.own.load(Ordering::Relaxed)
    }

    /// The traces of the invocations that the app made, in order.
    pub(crate) fn own_traces(&self) -> Vec<Option<String>> {
        lock(&self.own_traces).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .route("/{bucket}/{*key}", get(get_object).put(put_object).delete(delete_object))
        .layer(DefaultBodyLimit::disable())
        .with_state(api)
}

async fn next(State(api): State<Arc<Api>>) -> impl IntoResponse {
    let sent = api.queued.lock().await.recv().await.expect("the sender is in the same struct");
    {
        let mut open = lock(&api.open);
        open.in_flight += 1;
        open.most_in_flight = open.most_in_flight.max(open.in_flight);
    }
    let mut headers = HeaderMap::new();
    let deadline = sent.deadline_ms.to_string();
    let arn = "arn:aws:lambda:eu-west-1:000000000000:function:shop-dev:live";
    for (name, value) in [
        ("lambda-runtime-aws-request-id", Some(sent.request_id.as_str())),
        ("lambda-runtime-deadline-ms", Some(&deadline)),
        ("lambda-runtime-invoked-function-arn", Some(arn)),
        ("lambda-runtime-trace-id", sent.trace_id.as_deref()),
        (INVOCATION_ID, sent.invocation_id.as_deref()),
        ("content-type", Some("application/json")),
    ] {
        if let Some(value) = value {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header"));
        }
    }
    (headers, sent.event)
}

async fn response(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    pass_answer(&api, id, Answer::Response, &headers, &body)
}

async fn error(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    pass_answer(&api, id, Answer::Error, &headers, &body)
}

fn pass_answer(
    api: &Api,
    request_id: String,
    kind: fn(serde_json::Value) -> Answer,
    headers: &HeaderMap,
    body: &[u8],
) -> StatusCode {
    let answer = kind(serde_json::from_slice(body).expect("an answer is JSON"));
    let invocation_id = headers.get(INVOCATION_ID).map(|id| id.to_str().expect("ASCII").to_owned());
    let open = {
        let mut open = lock(&api.open);
        open.in_flight = open.in_flight.saturating_sub(1);
        let found = open.by_id.remove(&request_id);
        if found.is_none() {
            open.stray.push(request_id.clone());
        }
        found
    };
    let Some((sent, waiting)) = open else { return StatusCode::GONE };
    // A test that waits no longer has failed already.
    let _ = waiting.send(Answered { request_id, invocation_id, answer });
    match sent.reception {
        Reception::Accept => StatusCode::ACCEPTED,
        Reception::Refuse => StatusCode::GONE,
        // Hyper closes the connection of a handler that panics. This panic runs no hook and so prints nothing.
        Reception::Cut => std::panic::resume_unwind(Box::new("cut")),
    }
}

/// Lambda's `Invoke`, synchronous: another invocation of the same function, with the caller's trace.
async fn invoke(State(api): State<Arc<Api>>, headers: HeaderMap, body: String) -> Response {
    let n = FIRST_OWN_INVOCATION + api.own.fetch_add(1, Ordering::Relaxed);
    let trace_id = headers.get("x-amzn-trace-id").map(|id| id.to_str().expect("ASCII").to_owned());
    lock(&api.own_traces).push(trace_id.clone());
    let sent = Sent { trace_id, event: body, ..Sent::numbered(n, &serde_json::Value::Null) };
    match wait_for_answer(api.queue(sent)).await.answer {
        Answer::Response(value) => value.to_string().into_response(),
        Answer::Error(value) => ([("x-amz-function-error", "Unhandled")], value.to_string()).into_response(),
    }
}

async fn get_object(State(api): State<Arc<Api>>, Path((bucket, key)): Path<(String, String)>) -> Response {
    let missing = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";
    api.object(&format!("{bucket}/{key}"))
        .map_or_else(|| (StatusCode::NOT_FOUND, missing).into_response(), IntoResponse::into_response)
}

async fn put_object(
    State(api): State<Arc<Api>>,
    Path((bucket, key)): Path<(String, String)>,
    body: Bytes,
) -> impl IntoResponse {
    lock(&api.objects).insert(format!("{bucket}/{key}"), body);
    [("etag", "\"0\"")]
}

async fn delete_object(
    State(api): State<Arc<Api>>,
    Path((bucket, key)): Path<(String, String)>,
) -> StatusCode {
    lock(&api.objects).remove(&format!("{bucket}/{key}"));
    StatusCode::NO_CONTENT
}
