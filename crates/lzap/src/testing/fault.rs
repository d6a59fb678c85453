//! The faults of a test's cloud, and the invoker that has them.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use lzap_invocation::{ANSWER_MARGIN, Invocation, now_ms, to_millis};
use lzap_map::WorkerLimits;
use lzap_tasks::envelope::{Event, HeadKind, Reply};
use lzap_tasks::{AttemptOutcome, Invoker, TaskError, TaskErrorKind, TaskHost, answer_event, max_attempts};
use lzap_wire::invoke::{FunctionFailure, ThrottleReason};

/// A fault of one invocation. [`Cloud::fault`](super::Cloud::fault) has an example.
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

/// An invocation, as the input of the rule that [`Cloud::fault`](super::Cloud::fault) sets; the method has an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The name in the event, which `#[lzap::task(name = …)]` can set.
    pub task: String,
    /// The chunk's index in its map; `None` for a single task.
    pub chunk: Option<usize>,
    /// The items of the chunk; 1 for a single task.
    pub items: usize,
    /// The number of this attempt among those of the same data, from 1. Attempts above the limit don't count.
    pub number: u32,
    /// The number of this invocation among all of the cloud, from 1.
    pub total: usize,
}

/// The function that [`Cloud::fault`](super::Cloud::fault) sets.
pub(super) type FaultRule = Box<dyn Fn(&Attempt) -> Option<Fault> + Send + Sync>;

/// The versions that a caller can run as.
const PUBLISHED: &str = "1";
pub(super) const LATEST: &str = "$LATEST";

/// Takes Lambda's place: throttles above `limit`, applies faults, and runs workers in this process.
pub(super) struct FaultyInvoker {
    pub(super) limit: usize,
    pub(super) latency: Duration,
    pub(super) timeout: Duration,
    pub(super) memory_mb: u32,
    /// The version as which the caller runs: [`PUBLISHED`] or [`LATEST`].
    pub(super) version: &'static str,
    pub(super) deployed_at: usize,
    pub(super) rule: FaultRule,
    running: AtomicUsize,
    total: AtomicUsize,
    attempts: Mutex<HashMap<String, u32>>,
    /// Weak, because the host owns the invoker that has this reference.
    host: OnceLock<Weak<TaskHost>>,
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

impl Default for FaultyInvoker {
    fn default() -> Self {
        Self {
            limit: 1000,
            latency: Duration::ZERO,
            timeout: Duration::from_mins(15),
            memory_mb: 0,
            version: PUBLISHED,
            deployed_at: usize::MAX,
            rule: Box::new(|_| None),
            running: AtomicUsize::new(0),
            total: AtomicUsize::new(0),
            attempts: Mutex::default(),
            host: OnceLock::new(),
        }
    }
}

impl FaultyInvoker {
    /// The timeout and the memory of an invocation.
    pub(super) fn limits(&self) -> WorkerLimits {
        WorkerLimits { timeout: self.timeout, memory_mb: self.memory_mb }
    }

    /// Called after the host is made, because the host owns this invoker. Only the first call has an effect.
    pub(super) fn set_host(&self, host: &Arc<TaskHost>) {
        let _ = self.host.set(Arc::downgrade(host));
    }

    /// Runs an asynchronous invocation, with as many attempts as Lambda makes, without its waits of a minute and two.
    pub(super) async fn run_queued(&self, event: Bytes, version: &str) -> AttemptOutcome {
        for _ in 0..max_attempts() {
            match self.run_version(event.clone(), version).await {
                AttemptOutcome::Failed { .. } => {}
                AttemptOutcome::Answered(_) => break,
                // Lambda did not queue the event, or its response was lost.
                other => return other,
            }
        }
        AttemptOutcome::Answered(Bytes::new())
    }

    /// `version` matters for a simulated deploy only, which changes `$LATEST` and no published version.
    pub(super) async fn run_version(&self, event: Bytes, version: &str) -> AttemptOutcome {
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

    /// The worker's deadline is [`ANSWER_MARGIN`] before its timeout, so that its answer arrives in time.
    async fn run_worker(&self, event: Event) -> AttemptOutcome {
        let Some(host) = self.host.get().and_then(Weak::upgrade) else {
            return AttemptOutcome::ResponseLost("the cloud is gone".to_owned());
        };
        let timeout = self.timeout.saturating_sub(ANSWER_MARGIN);
        let invocation = Invocation::at_depth(0, Some(now_ms() + to_millis(timeout)));
        let answer = Arc::clone(&host).scope(invocation.scope(answer_event(&host, event)));
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
            let error = TaskError::new(TaskErrorKind::WrongBuild, "the caller is another build");
            let reply = Reply::error(HeadKind::Chunk, &error);
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
