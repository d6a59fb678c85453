//! A Lambda in this process, with a limit and with faults: for tests of apps that map.
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
//! // Four at once, and the first attempt of each chunk loses its worker.
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
//! Everything but the network is real: events are written and read as JSON, workers find their task by name, and the
//! planning, sending and trying again is what runs in Lambda.

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
use crate::object::source::Source;
use crate::task::Task;
use crate::task::context::{millis, now_ms};
use crate::task::error::TaskErrorKind;
use crate::task::head::Event;
use crate::task::job;
use crate::task::registry::Registry;
use crate::worker;

/// What goes wrong with one invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The concurrency limit is reached: 429, `ConcurrentInvocationLimitExceeded`.
    Throttle,
    /// The rate limit is reached: 429, `CallerRateLimitExceeded`.
    TooFast,
    /// The worker's process dies: `Runtime.ExitError`.
    Crash,
    /// The worker runs out of time.
    Timeout,
    /// It takes so much longer.
    Slow(Duration),
    /// The connection breaks before anything runs.
    Refuse,
    /// It runs, and the connection breaks before the answer.
    Reset,
    /// AWS answers 500.
    Unavailable,
    /// The answer is not a worker's.
    Garbage,
    /// The answer is another chunk's.
    Foreign,
    /// The answer is too large.
    TooLarge,
    /// 403: the role lacks `lambda:InvokeFunction`.
    Denied,
    /// AWS takes it for a loop.
    Recursion,
    /// Another build answers.
    OtherBuild,
    /// No file descriptor is left for the connection.
    OutOfFiles,
}

/// An invocation, as a fault's rule sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The task.
    pub task: String,
    /// The chunk's place in its map; none for a single task.
    pub chunk: Option<usize>,
    /// Items in it.
    pub items: usize,
    /// Attempts of the same data so far, this one counted, throttled ones not.
    pub number: u32,
    /// Invocations of any data so far, this one counted.
    pub total: usize,
}

/// What writing and reading items costs: see [`measure_codec`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CodecCost {
    /// To the JSON value that travels: compression where it pays and base64 are in it.
    pub encode: Duration,
    /// Back to items.
    pub decode: Duration,
    /// Bytes of the value.
    pub bytes: usize,
}

/// Writes items as one chunk's payload, and reads them again. For benchmarks.
///
/// # Errors
/// When the items can't be written or read.
pub fn measure_codec<T: Serialize + DeserializeOwned>(
    items: &[T],
    codec: crate::Codec,
) -> Result<CodecCost, String> {
    use crate::codec::{Encoded, encoding_for, from_value, pack, read_items, to_value};
    let began = Instant::now();
    let mut encoded = Encoded::new(codec);
    items.iter().try_for_each(|item| encoded.push(item))?;
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

type Rule = Box<dyn Fn(&Attempt) -> Option<Fault> + Send + Sync>;

/// A Lambda in this process. What nobody waits for is over when it is taken, with the attempts that Lambda would make.
#[must_use = "it does nothing until something runs in it"]
pub struct Cloud {
    registry: Registry,
    faults: Faults,
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
    /// One without tasks, with room for a thousand, without faults and without a bucket.
    pub fn new() -> Self {
        let faults = Faults {
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
    /// When there is one of that name.
    pub fn task<I, O>(mut self, task: Task<I, O>) -> Self
    where
        I: Serialize + DeserializeOwned + Send + 'static,
        O: Serialize + DeserializeOwned + Send + 'static,
    {
        assert_eq!(self.registry.add(Arc::new(task)), Ok(()), "two tasks have the same name");
        self
    }

    /// Invocations that may run at once; more are throttled.
    pub fn limit(mut self, limit: usize) -> Self {
        self.faults.limit = limit;
        self
    }

    /// What an invocation takes beside its work.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.faults.latency = latency;
        self
    }

    /// How long a worker may run.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.faults.timeout = timeout;
        self
    }

    /// From that invocation on, counted from 1, `$LATEST` is another build: a deploy in the middle. The version that the
    /// caller runs as stays what it is, as published ones do.
    pub fn deploy_at(mut self, invocation: usize) -> Self {
        self.faults.deployed_at = invocation;
        self
    }

    /// The caller runs as `$LATEST`, and not as a published version, which is what `lzap deploy` makes.
    pub fn unpublished(mut self) -> Self {
        self.faults.version = LATEST;
        self
    }

    /// What goes wrong, asked at each invocation.
    pub fn fault(mut self, rule: impl Fn(&Attempt) -> Option<Fault> + Send + Sync + 'static) -> Self {
        self.faults.rule = Box::new(rule);
        self
    }

    /// With a bucket in memory. The second part shows the keys in it, whenever it is asked.
    pub fn bucket(mut self) -> (Self, Keys) {
        let memory = Memory::default();
        self.bucket = Some(Arc::clone(&memory));
        (self, Keys(memory))
    }

    /// Runs `future` as if its code ran in Lambda: its tasks and maps are invoked in this cloud.
    pub async fn run<F: Future>(self, future: F) -> F::Output {
        let faults = Arc::new(self.faults);
        let shared = shared(self.registry, self.bucket, Arc::clone(&faults) as _, &faults);
        engine::scope(shared, future).await
    }

    /// The same over HTTP on a port of this machine, through the client that the runtime uses in Lambda.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn run_over_http<F: Future>(self, future: F) -> io::Result<F::Output> {
        let faults = Arc::new(self.faults);
        let listening = http::listen(Arc::clone(&faults)).await?;
        let invoker = LambdaInvoker::at(&listening.url, faults.version).map_err(io::Error::other)?;
        let invoker = Arc::new(invoker);
        let shared = shared(self.registry, self.bucket, invoker, &faults);
        Ok(engine::scope(shared, future).await)
    }
}

/// What the caller's tasks share, and the workers' too.
fn shared(
    registry: Registry,
    bucket: Option<Memory>,
    invoker: Arc<dyn Invoker>,
    workers: &Faults,
) -> Arc<Shared> {
    let source = bucket.clone().map(Source::in_memory).unwrap_or_default();
    let store = bucket.map(Store::in_memory);
    let shared =
        Shared { target: TaskTarget::Remote(invoker), store, source, ..Shared::in_process(Some(registry)) };
    let shared = Arc::new(shared);
    // Set once: each cloud runs one future.
    let _ = workers.shared.set(Arc::downgrade(&shared));
    shared
}

/// The keys in a test's bucket, and what it puts there.
#[derive(Clone, Debug)]
pub struct Keys(Memory);

impl Keys {
    /// Puts an object where [`Object::open`](crate::Object::open) finds it, by its `s3://` address.
    pub fn put(&self, address: &str, bytes: impl Into<Bytes>) {
        let mut objects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        objects.insert(address.to_owned(), bytes.into());
    }

    /// All keys, sorted.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

/// What a caller's own version may be.
const PUBLISHED: &str = "1";
const LATEST: &str = "$LATEST";

/// The invoker behind a [`Cloud`].
struct Faults {
    limit: usize,
    latency: Duration,
    timeout: Duration,
    /// The caller's.
    version: &'static str,
    deployed_at: usize,
    rule: Rule,
    running: AtomicUsize,
    total: AtomicUsize,
    attempts: Mutex<HashMap<String, u32>>,
    shared: OnceLock<Weak<Shared>>,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cloud")
    }
}

impl Invoker for Faults {
    fn invoke(&self, event: Bytes) -> BoxFuture<'_, AttemptOutcome> {
        Box::pin(self.one(event, self.version))
    }

    fn invoke_async(&self, event: Bytes) -> BoxFuture<'_, AttemptOutcome> {
        Box::pin(self.later(event, self.version))
    }
}

/// Counts an invocation that is in flight until it is dropped.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Faults {
    /// An invocation that nobody waits for, with the attempts that Lambda makes, but at once.
    async fn later(&self, event: Bytes, version: &str) -> AttemptOutcome {
        for _ in 0..job::attempts() {
            match self.one(event.clone(), version).await {
                AttemptOutcome::Failed { .. } => {}
                AttemptOutcome::Answered(_) => break,
                // Not taken.
                other => return other,
            }
        }
        AttemptOutcome::Answered(Bytes::new())
    }

    /// An invocation of one version.
    async fn one(&self, event: Bytes, version: &str) -> AttemptOutcome {
        let Ok(mut event) = Event::parse(&String::from_utf8_lossy(&event)) else {
            return AttemptOutcome::Failed {
                failure: FunctionFailure::Error,
                message: "not an event".to_owned(),
                request_id: None,
            };
        };
        let running = Running(&self.running);
        let full = self.running.fetch_add(1, Ordering::SeqCst) >= self.limit;
        let total = self.total.fetch_add(1, Ordering::SeqCst) + 1;
        if full {
            return throttled(ThrottleReason::Concurrency);
        }
        let attempt = self.attempt(&event, total);
        // All builds are this process; so it is the caller's that gets another name, and the worker that finds it out.
        if let Some(build) =
            event.head.build.as_mut().filter(|_| version == LATEST && total >= self.deployed_at)
        {
            build.push_str("-before-the-deploy");
        }
        let fault = (self.rule)(&attempt);
        if let Some(outcome) = fault.and_then(before) {
            return outcome;
        }
        let slow = if let Some(Fault::Slow(more)) = fault { more } else { Duration::ZERO };
        tokio::time::sleep(self.latency + slow).await;
        let outcome = self.work(event).await;
        drop(running);
        match fault {
            Some(Fault::Reset) => AttemptOutcome::ResponseLost("connection reset by peer".to_owned()),
            Some(Fault::Foreign) => AttemptOutcome::Answered(renamed(outcome)),
            _ => outcome,
        }
    }

    fn attempt(&self, event: &Event, total: usize) -> Attempt {
        let chunk = event.head.chunk.as_ref();
        let data = chunk.map_or_else(|| event.data.get().to_owned(), |chunk| chunk.key.clone());
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

    async fn work(&self, event: Event) -> AttemptOutcome {
        let Some(shared) = self.shared.get().and_then(Weak::upgrade) else {
            return AttemptOutcome::ResponseLost("the cloud is gone".to_owned());
        };
        let deadline = now_ms() + millis(self.timeout);
        let answer = engine::scope(Arc::clone(&shared), worker::answer_event(&shared, event, deadline));
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(Ok(reply)) => AttemptOutcome::Answered(Bytes::copy_from_slice(reply.get().as_bytes())),
            Ok(Err(error)) => AttemptOutcome::Failed {
                failure: FunctionFailure::Error,
                message: error.to_string(),
                request_id: None,
            },
            Err(_) => timed_out(),
        }
    }
}

fn throttled(reason: ThrottleReason) -> AttemptOutcome {
    AttemptOutcome::Throttled { reason, retry_after: None }
}

fn timed_out() -> AttemptOutcome {
    let message = "Task timed out after 3.00 seconds".to_owned();
    AttemptOutcome::Failed {
        failure: FunctionFailure::Timeout,
        message,
        request_id: Some("request-1".to_owned()),
    }
}

/// Faults after which nothing runs.
fn before(fault: Fault) -> Option<AttemptOutcome> {
    let refused = |kind, message: &str| AttemptOutcome::Refused { kind, message: message.to_owned() };
    Some(match fault {
        Fault::Throttle => throttled(ThrottleReason::Concurrency),
        Fault::TooFast => throttled(ThrottleReason::Rate),
        Fault::Crash => AttemptOutcome::Failed {
            failure: FunctionFailure::Exit,
            message: "Runtime exited with error: signal: killed".to_owned(),
            request_id: Some("request-1".to_owned()),
        },
        Fault::Timeout => timed_out(),
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

/// The same answer, as if it were another chunk's.
fn renamed(outcome: AttemptOutcome) -> Bytes {
    let AttemptOutcome::Answered(answer) = outcome else { return Bytes::new() };
    String::from_utf8_lossy(&answer).replacen("\"key\":\"", "\"key\":\"0", 1).into()
}
