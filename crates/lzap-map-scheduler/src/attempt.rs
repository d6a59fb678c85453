//! An attempt to compute a chunk: where it runs, how it ends, and what its end means.

use std::ops::Range;
use std::time::Duration;

use lzap_wire::invoke::{FunctionFailure, ThrottleReason};
use lzap_wire::task::FailureCode;

/// A chunk's index in the machine's list. It is never reused: the halves of a split chunk get new ones.
pub type ChunkId = usize;
/// An attempt's index in the machine's list, in the order of their starts. It is never reused.
pub type AttemptId = usize;

/// The process that runs an attempt: a worker, or this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptPlace {
    /// A worker: another execution environment, which Lambda bills.
    Remote,
    /// The calling process. Its attempts cost nothing extra, and don't count against the window or the budget.
    Here,
}

/// The end of an attempt. The variants differ in whether the items may have run, and so in which tasks may be retried.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptEnd {
    /// The answer has results for the first `items` items, of which `failed` are errors.
    Done {
        /// The items that have a result, from the chunk's first on: fewer than the chunk has when time ran out, even 0.
        items: usize,
        /// The items among them whose result is an error.
        failed: usize,
    },
    /// Lambda throttled the invocation, so nothing has run.
    Throttled {
        /// Concurrency shrinks the window, and the request rate only delays launches.
        reason: ThrottleReason,
        /// The `Retry-After` of Lambda's answer; `None` when it has none.
        retry_after: Option<Duration>,
    },
    /// The worker was started and failed, so the items may have run and the invocation is billed.
    FunctionFailed {
        /// An exit or a timeout can be the items' fault, so the chunk is split; a returned error can't.
        failure: FunctionFailure,
        /// Goes into the [`ChunkFailure`] when no attempt is left.
        message: String,
    },
    /// No answer arrived, so the items may have run.
    ResponseLost(String),
    /// No connection was made, so nothing has run.
    NotSent(String),
    /// The process had no file descriptor for a connection, so nothing was sent. The chunk loses no attempt.
    OutOfDescriptors,
    /// The event or the answer exceeds Lambda's limit. `ran` is true for the answer: its items have run.
    TooLarge {
        /// Only idempotent tasks are repeated when this is true.
        ran: bool,
        /// Goes into the [`ChunkFailure`] when no attempt is left.
        message: String,
    },
    /// The answer belongs to another chunk or another program: other code is deployed under the worker's name.
    ForeignAnswer(String),
    /// No invocation can succeed, for example because the role lacks the permission.
    LambdaUnusable {
        /// `Denied` ends a map whose caller computes `WhenStuck`; otherwise this process computes the rest.
        kind: FailureCode,
        /// AWS's text, which may name accounts and roles.
        message: String,
    },
    /// An error that every attempt would repeat, for example an unknown task.
    Fatal {
        /// The code of the map's error, by which callers tell errors apart.
        kind: FailureCode,
        /// Goes into the [`ChunkFailure`] when no attempt is left.
        message: String,
    },
}

/// The end of an attempt, with its cost, which the budget counts.
#[derive(Clone, Debug, PartialEq)]
pub struct BilledEnd {
    /// Decides whether the cost counts: throttled and unsent invocations are not billed.
    pub end: AttemptEnd,
    /// In dollars, by the caller's clock; 0 for attempts in this process.
    pub dollars: f64,
}

/// For attempts in this process, and for ends that Lambda does not bill.
impl From<AttemptEnd> for BilledEnd {
    fn from(end: AttemptEnd) -> Self {
        Self { end, dollars: 0.0 }
    }
}

/// The use of an attempt's answer. The driver must obey it, or items would count twice.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The results of these items count. The range is shorter than the chunk when the worker ran out of time.
    Take(Range<usize>),
    /// There is no answer to use: the attempt failed, its chunk is settled, or the map has ended.
    Drop,
}

/// Items that will have no result. Each gets the same error.
#[derive(Clone, Debug, PartialEq)]
pub struct ChunkFailure {
    /// Indexes in the map's input, from 0.
    pub items: Range<usize>,
    /// Attempts that count towards the limit: not throttled or hedged ones.
    pub attempts: u32,
    /// The kind of failure.
    pub kind: FailureCode,
    /// The failure for people.
    pub message: String,
}

/// Counters for the report. `hedges` also limits hedged attempts, and `splits` corrects the number of chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptCounts {
    /// In workers and in this process, including throttled ones.
    pub attempts: usize,
    /// Those of `attempts` that ran in this process.
    pub here: usize,
    /// Throttled invocations, which Lambda does not bill and which use up no attempt of their chunk.
    pub throttles: usize,
    /// Chunks that were queued again after a failure, but not after throttling or a split.
    pub retries: usize,
    /// Chunks that were replaced by their halves. Each adds one to the number of chunks.
    pub splits: usize,
    /// Hedged attempts started; the limit is a share of the chunks.
    pub hedges: usize,
    /// Hedged attempts that answered first. The others were billed for nothing.
    pub hedges_won: usize,
    /// Answers to chunks that were settled before: answered, failed or split. They are billed and not used.
    pub duplicates: usize,
}
