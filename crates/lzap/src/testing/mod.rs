//! A Lambda in this process, with a concurrency limit and with faults, for tests of apps that use tasks and maps.
//!
//! ```
//! use lzap::testing::{Cloud, Fault};
//!
//! #[lzap::task]
//! async fn double(n: u32) -> Result<u32, String> {
//!     Ok(2 * n)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), lzap::MapError> {
//! // At most four invocations run in parallel, and the first response of each chunk is lost.
//! let cloud = Cloud::new().task(double).limit(4).fault(|attempt| match attempt.number {
//!     1 => Some(Fault::Reset),
//!     _ => None,
//! });
//! let map = double.map(0..100).chunk(lzap::Chunk::Items(10)).caller(lzap::Caller::WhenStuck);
//! let values = cloud.run(map.values()).await?;
//! assert_eq!(values, (0..100).map(|n| 2 * n).collect::<Vec<_>>());
//! # Ok(())
//! # }
//! ```
//!
//! Only the network is simulated. Events are written and read as JSON, workers find their task by name, and the same code
//! as in Lambda plans, sends and retries.

mod http;

pub use crate::map::simulate;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::{Serialize, de::DeserializeOwned};

use crate::engine::{
    self, AttemptOutcome, FunctionFailure, Invoker, LambdaInvoker, Memory, Shared, Store, TaskTarget,
    ThrottleReason,
};
use crate::object::source::ObjectSource;
use crate::task::Task;
use crate::task::context::{now_ms, to_millis};
use crate::task::error::TaskErrorKind;
use crate::task::head::Event;
use crate::task::job;
use crate::task::registry::Registry;
use crate::worker;

/// A fault of one invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Lambda throttles by the concurrency limit: 429, `ConcurrentInvocationLimitExceeded`.
    Throttle,
    /// Lambda throttles by the request rate: 429, `CallerRateLimitExceeded`.
    TooFast,
    /// The worker's process exits: `Runtime.ExitError`.
    Crash,
    /// The worker exceeds its timeout: `Sandbox.Timedout`.
    Timeout,
    /// The invocation takes this much longer.
    Slow(Duration),
    /// No connection is made, so the function does not run.
    Refuse,
    /// The function runs, and its response is lost.
    Reset,
    /// Lambda answers 500, `ServiceException`.
    Unavailable,
    /// The answer is JSON of another program.
    Garbage,
    /// The answer belongs to another chunk.
    Foreign,
    /// The answer exceeds Lambda's limit of 6 MB.
    TooLarge,
    /// Lambda answers 403, because the role lacks `lambda:InvokeFunction`.
    Denied,
    /// Lambda stops a recursive loop: `RecursiveInvocationException`.
    Recursion,
    /// Another build of the app answers.
    OtherBuild,
    /// The calling process has no file descriptor for the connection.
    OutOfFiles,
}

/// An invocation, as the input of [`Cloud::fault`]'s rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The task's name.
    pub task: String,
    /// The chunk's index in its map; `None` for a single task.
    pub chunk: Option<usize>,
    /// The number of items.
    pub items: usize,
    /// The number of this attempt among those of the same data, from 1. Attempts above the limit don't count.
    pub number: u32,
    /// The number of this invocation among all of the cloud, from 1.
    pub total: usize,
}

/// The costs of encoding and decoding items, from [`measure_codec`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CodecCost {
    /// The time to make the event's JSON value, including compression and base64.
    pub encode: Duration,
    /// The time to read the items from that value.
    pub decode: Duration,
    /// The value's size.
    pub bytes: usize,
}

/// Encodes items as one chunk's payload and decodes them. For benchmarks.
///
/// # Errors
/// When the items can't be encoded or decoded.
pub fn measure_codec<T: Serialize + DeserializeOwned>(
    items: &[T],
    codec: crate::Codec,
) -> Result<CodecCost, String> {
    use crate::codec::{EncodedItems, encoding_for, from_value, pack, read_items, to_value};
    let began = Instant::now();
    let mut encoded = EncodedItems::new(codec);
    items.iter().try_for_each(|item| encoded.push_item(item))?;
    let bytes = encoded.slice(&(0..items.len()));
    let encoding = encoding_for(codec, bytes);
    let value = to_value(encoding, &pack(encoding, bytes));
    let encode = began.elapsed();
    let began = Instant::now();
    let read: Vec<T> = read_items(codec, &from_value(encoding, &value)?, items.len())?;
    let decode = began.elapsed();
    drop(read);
    Ok(CodecCost { encode, decode, bytes: value.len() })
}

/// The function that [`Cloud::fault`] sets.
type FaultRule = Box<dyn Fn(&Attempt) -> Option<Fault> + Send + Sync>;

/// A Lambda in this process.
///
/// An asynchronous invocation finishes before it returns, with as many attempts as Lambda makes, so tests need not wait.
#[must_use = "it does nothing until something runs in it"]
pub struct Cloud {
    registry: Registry,
    faults: FaultyInvoker,
    bucket: Option<Memory>,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud").field("tasks", &self.registry).finish_non_exhaustive()
    }
}

impl Default for Cloud {
    fn default() -> Self {
        Self::new()
    }
}

impl Cloud {
    /// A cloud without tasks, faults or a bucket, and with a concurrency limit of 1,000.
    pub fn new() -> Self {
        let faults = FaultyInvoker {
            limit: 1000,
            latency: Duration::ZERO,
            timeout: Duration::from_mins(15),
            version: PUBLISHED,
            deployed_at: usize::MAX,
            rule: Box::new(|_| None),
            running: AtomicUsize::new(0),
            total: AtomicUsize::new(0),
            attempts: Mutex::default(),
            shared: OnceLock::new(),
        };
        Self { registry: Registry::default(), faults, bucket: None }
    }

    /// Registers a task, as `App::task` does.
    ///
    /// # Panics
    /// When a task of that name is registered already.
    pub fn task<I, O>(mut self, task: Task<I, O>) -> Self
    where
        I: Serialize + DeserializeOwned + Send + 'static,
        O: Serialize + DeserializeOwned + Send + 'static,
    {
        assert_eq!(self.registry.add_task(Arc::new(task)), Ok(()), "two tasks have the same name");
        self
    }

    /// Sets the concurrency limit. Invocations above it are throttled.
    pub fn limit(mut self, limit: usize) -> Self {
        self.faults.limit = limit;
        self
    }

    /// Sets the time of an invocation in addition to its work.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.faults.latency = latency;
        self
    }

    /// Sets the workers' timeout.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.faults.timeout = timeout;
        self
    }

    /// Simulates a deploy: from this invocation on, counted from 1, `$LATEST` is another build. Published versions stay as they
    /// are.
    pub fn deploy_at(mut self, invocation: usize) -> Self {
        self.faults.deployed_at = invocation;
        self
    }

    /// Makes the caller run as `$LATEST` instead of as a published version, which `lzap deploy` makes.
    pub fn unpublished(mut self) -> Self {
        self.faults.version = LATEST;
        self
    }

    /// Sets a rule that returns the fault of each invocation.
    pub fn fault(mut self, rule: impl Fn(&Attempt) -> Option<Fault> + Send + Sync + 'static) -> Self {
        self.faults.rule = Box::new(rule);
        self
    }

    /// Adds a bucket in memory, and returns a handle to its objects.
    pub fn bucket(mut self) -> (Self, Keys) {
        let memory = Memory::default();
        self.bucket = Some(Arc::clone(&memory));
        (self, Keys(memory))
    }

    /// Runs `future` as if its code ran in Lambda: its tasks and maps are invoked in this cloud.
    pub async fn run<F: Future>(self, future: F) -> F::Output {
        let faults = Arc::new(self.faults);
        let shared = share_state(self.registry, self.bucket, Arc::clone(&faults) as _, &faults);
        engine::scope(shared, future).await
    }

    /// Runs `future` like [`run`](Self::run), and sends its invocations over HTTP through the client that the runtime uses in
    /// Lambda.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn run_over_http<F: Future>(self, future: F) -> io::Result<F::Output> {
        let faults = Arc::new(self.faults);
        let listening = http::serve_cloud(Arc::clone(&faults)).await?;
        let invoker = LambdaInvoker::at(&listening.url, faults.version).map_err(io::Error::other)?;
        let invoker = Arc::new(invoker);
        let shared = share_state(self.registry, self.bucket, invoker, &faults);
        Ok(engine::scope(shared, future).await)
    }
}

/// The state that the caller's tasks and the workers' tasks share.
fn share_state(
    registry: Registry,
    bucket: Option<Memory>,
    invoker: Arc<dyn Invoker>,
    workers: &FaultyInvoker,
) -> Arc<Shared> {
    let source = bucket.clone().map(ObjectSource::in_memory).unwrap_or_default();
    let store = bucket.map(Store::in_memory);
    let shared =
        Shared { target: TaskTarget::Remote(invoker), store, source, ..Shared::in_process(Some(registry)) };
    let shared = Arc::new(shared);
    // Weak, because the shared state owns the invoker that holds this reference. Set once, as a cloud runs one future.
    let _ = workers.shared.set(Arc::downgrade(&shared));
    shared
}

/// The objects in a test's bucket.
#[derive(Clone, Debug)]
pub struct Keys(Memory);

impl Keys {
    /// Puts an object where [`Object::open`](crate::Object::open) finds it, by its `s3://` address.
    pub fn put(&self, address: &str, bytes: impl Into<Bytes>) {
        let mut objects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        objects.insert(address.to_owned(), bytes.into());
    }

    /// Returns all keys, sorted.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

/// The versions that a caller can run as.
const PUBLISHED: &str = "1";
const LATEST: &str = "$LATEST";

/// The invoker behind a [`Cloud`].
struct FaultyInvoker {
    limit: usize,
    latency: Duration,
    timeout: Duration,
    /// The caller's version.
    version: &'static str,
    deployed_at: usize,
    rule: FaultRule,
    running: AtomicUsize,
    total: AtomicUsize,
    attempts: Mutex<HashMap<String, u32>>,
    shared: OnceLock<Weak<Shared>>,
}

impl fmt::Debug for FaultyInvoker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cloud")
    }
}

impl Invoker for FaultyInvoker {
    fn invoke(&self, event: Bytes) -> BoxFuture<'_, AttemptOutcome> {
        Box::pin(self.run_version(event, self.version))
    }

    fn invoke_async(&self, event: Bytes) -> BoxFuture<'_, AttemptOutcome> {
        Box::pin(self.run_queued(event, self.version))
    }
}

/// Counts an invocation that is in flight until it is dropped.
struct RunningGuard<'a>(&'a AtomicUsize);

impl Drop for RunningGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl FaultyInvoker {
    /// Runs an asynchronous invocation, with as many attempts as Lambda makes, without its waits of a minute and two.
    async fn run_queued(&self, event: Bytes, version: &str) -> AttemptOutcome {
        for _ in 0..job::max_attempts() {
            match self.run_version(event.clone(), version).await {
                AttemptOutcome::Failed { .. } => {}
                AttemptOutcome::Answered(_) => break,
                // Lambda did not queue the event.
                other => return other,
            }
        }
        AttemptOutcome::Answered(Bytes::new())
    }

    /// Runs an invocation of one version of the function.
    async fn run_version(&self, event: Bytes, version: &str) -> AttemptOutcome {
        let Ok(mut event) = Event::parse(&String::from_utf8_lossy(&event)) else {
            return AttemptOutcome::Failed {
                failure: FunctionFailure::Error,
                message: "not an event".to_owned(),
                request_id: None,
            };
        };
        // Each invocation counts until this guard is dropped, including one that a fault ends.
        let running = RunningGuard(&self.running);
        let full = self.running.fetch_add(1, Ordering::SeqCst) >= self.limit;
        let total = self.total.fetch_add(1, Ordering::SeqCst) + 1;
        if full {
            return throttled_outcome(ThrottleReason::Concurrency);
        }
        let attempt = self.count_attempt(&event, total);
        // All builds run in this process, so the caller's build is renamed instead, and the worker finds the mismatch.
        if let Some(build) =
            event.head.build.as_mut().filter(|_| version == LATEST && total >= self.deployed_at)
        {
            build.push_str("-before-the-deploy");
        }
        let fault = (self.rule)(&attempt);
        if let Some(outcome) = fault.and_then(outcome_before_run) {
            return outcome;
        }
        let slow = if let Some(Fault::Slow(more)) = fault { more } else { Duration::ZERO };
        // In tests with a paused clock, this sleep advances virtual time.
        tokio::time::sleep(self.latency + slow).await;
        let outcome = self.run_worker(event).await;
        drop(running);
        match fault {
            Some(Fault::Reset) => AttemptOutcome::ResponseLost("connection reset by peer".to_owned()),
            Some(Fault::Foreign) => AttemptOutcome::Answered(rename_chunk_key(outcome)),
            _ => outcome,
        }
    }

    /// Counts an invocation, and describes it for the rule.
    fn count_attempt(&self, event: &Event, total: usize) -> Attempt {
        let chunk = event.head.chunk.as_ref();
        let data = chunk.map_or_else(|| event.data.get().to_owned(), |chunk| chunk.key.clone());
        // Attempts are counted by a chunk's key, which the halves of a split chunk don't share.
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let number = attempts.entry(data).or_default();
        *number += 1;
        Attempt {
            task: event.head.task.clone(),
            chunk: chunk.map(|chunk| chunk.index),
            items: chunk.map_or(1, |chunk| chunk.items),
            number: *number,
            total,
        }
    }

    /// Runs an event as a worker does.
    async fn run_worker(&self, event: Event) -> AttemptOutcome {
        let Some(shared) = self.shared.get().and_then(Weak::upgrade) else {
            return AttemptOutcome::ResponseLost("the cloud is gone".to_owned());
        };
        let deadline = now_ms() + to_millis(self.timeout);
        let answer = engine::scope(Arc::clone(&shared), worker::answer_event(&shared, event, deadline));
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(Ok(reply)) => AttemptOutcome::Answered(Bytes::copy_from_slice(reply.get().as_bytes())),
            Ok(Err(error)) => AttemptOutcome::Failed {
                failure: FunctionFailure::Error,
                message: error.to_string(),
                request_id: None,
            },
            Err(_) => timeout_outcome(),
        }
    }
}

fn throttled_outcome(reason: ThrottleReason) -> AttemptOutcome {
    AttemptOutcome::Throttled { reason, retry_after: None }
}

fn timeout_outcome() -> AttemptOutcome {
    let message = "Task timed out after 3.00 seconds".to_owned();
    AttemptOutcome::Failed {
        failure: FunctionFailure::Timeout,
        message,
        request_id: Some("request-1".to_owned()),
    }
}

/// The outcome of a fault that happens before the function runs; `None` for the others.
fn outcome_before_run(fault: Fault) -> Option<AttemptOutcome> {
    let refused = |kind, message: &str| AttemptOutcome::Refused { kind, message: message.to_owned() };
    Some(match fault {
        Fault::Throttle => throttled_outcome(ThrottleReason::Concurrency),
        Fault::TooFast => throttled_outcome(ThrottleReason::Rate),
        Fault::Crash => AttemptOutcome::Failed {
            failure: FunctionFailure::Exit,
            message: "Runtime exited with error: signal: killed".to_owned(),
            request_id: Some("request-1".to_owned()),
        },
        Fault::Timeout => timeout_outcome(),
        Fault::Refuse => AttemptOutcome::NotConnected("connection refused".to_owned()),
        Fault::Unavailable => AttemptOutcome::Unavailable("ServiceException".to_owned()),
        Fault::Garbage => AttemptOutcome::Answered(Bytes::from_static(b"{\"statusCode\":200}")),
        Fault::TooLarge => AttemptOutcome::TooLarge("Response payload size exceeded maximum".to_owned()),
        Fault::Denied => refused(TaskErrorKind::Denied, "AccessDeniedException: lambda:InvokeFunction"),
        Fault::Recursion => refused(TaskErrorKind::Recursion, "RecursiveInvocationException"),
        Fault::OtherBuild => {
            let error = crate::TaskError::new(TaskErrorKind::WrongBuild, "the caller is another build");
            let reply = crate::task::head::Reply::error(crate::task::head::HeadKind::Chunk, &error);
            AttemptOutcome::Answered(Bytes::copy_from_slice(reply.to_raw().get().as_bytes()))
        }
        Fault::OutOfFiles => AttemptOutcome::OutOfDescriptors,
        Fault::Slow(_) | Fault::Reset | Fault::Foreign => return None,
    })
}

/// The answer with another chunk's key.
fn rename_chunk_key(outcome: AttemptOutcome) -> Bytes {
    let AttemptOutcome::Answered(answer) = outcome else { return Bytes::new() };
    String::from_utf8_lossy(&answer).replacen("\"key\":\"", "\"key\":\"0", 1).into()
}
