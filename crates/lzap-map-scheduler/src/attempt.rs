//! An attempt to compute a chunk: where it runs, how it ends, and what its end means.

use std::ops::Range;
use std::time::Duration;

use lzap_wire::invoke::{FunctionFailure, ThrottleReason};
use lzap_wire::task::FailureCode;

/// A chunk's index in the machine's list.
pub type ChunkId = usize;
/// An attempt's index in the machine's list.
pub type AttemptId = usize;

/// The process that runs an attempt: a worker, or this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptPlace {
    /// A worker, in another Lambda.
    Remote,
    /// The calling process.
    Here,
}

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptEnd {
    /// The answer has results for the first `items` items, of which `failed` are errors.
    Done {
        /// The items that have a result, from the chunk's first on.
        items: usize,
        /// The items among them whose result is an error.
        failed: usize,
    },
    /// Lambda throttled the invocation, so nothing has run.
    Throttled {
        /// The limit that was reached.
        reason: ThrottleReason,
        /// The wait that Lambda asks for; `None` when it names none.
        retry_after: Option<Duration>,
    },
    /// The worker was started and failed.
    FunctionFailed {
        /// How it failed.
        failure: FunctionFailure,
        /// The failure for people.
        message: String,
    },
    /// No answer arrived, so the items may have run.
    ResponseLost(String),
    /// No connection was made, so nothing has run.
    NotSent(String),
    /// The process had no file descriptor for a connection, so nothing was sent.
    OutOfDescriptors,
    /// The event or the answer exceeds Lambda's limit. `ran` is true for the answer: its items have run.
    TooLarge {
        /// Whether the items have run.
        ran: bool,
        /// The failure for people.
        message: String,
    },
    /// The answer belongs to another chunk or another program.
    ForeignAnswer(String),
    /// No invocation can succeed, for example because the role lacks the permission.
    LambdaUnusable {
        /// The kind of refusal.
        kind: FailureCode,
        /// The refusal for people.
        message: String,
    },
    /// An error that every attempt would repeat, for example an unknown task.
    Fatal {
        /// The kind of failure.
        kind: FailureCode,
        /// The failure for people.
        message: String,
    },
}

/// The end of an attempt, and what it cost.
#[derive(Clone, Debug, PartialEq)]
pub struct BilledEnd {
    /// How the attempt ended.
    pub end: AttemptEnd,
    /// The attempt's cost in dollars.
    pub dollars: f64,
}

/// The end of an attempt that cost nothing.
impl From<AttemptEnd> for BilledEnd {
    fn from(end: AttemptEnd) -> Self {
        Self { end, dollars: 0.0 }
    }
}

/// The use of an attempt's answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The results of these items count.
    Take(Range<usize>),
    /// There is no answer, or another attempt's answer came first.
    Drop,
}

/// Items without a result, and the reason.
#[derive(Clone, Debug, PartialEq)]
pub struct ChunkFailure {
    /// The indexes of the items.
    pub items: Range<usize>,
    /// The attempts that were made of the chunk.
    pub attempts: u32,
    /// The kind of failure.
    pub kind: FailureCode,
    /// The failure for people.
    pub message: String,
}

/// Counters for the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptCounts {
    /// All attempts, including throttled ones.
    pub attempts: usize,
    /// Attempts in this process.
    pub here: usize,
    /// Throttled invocations.
    pub throttles: usize,
    /// Attempts after a lost response or a worker's exit.
    pub retries: usize,
    /// Chunks that were replaced by their halves.
    pub splits: usize,
    /// Hedged attempts.
    pub hedges: usize,
    /// Hedged attempts that answered first.
    pub hedges_won: usize,
    /// Answers to chunks that already had one.
    pub duplicates: usize,
}
