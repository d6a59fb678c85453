//! The interface to Lambda: one event to a function, and the outcome of that attempt.
//!
//! Which outcomes are retried is the caller's decision: `retry.rs` decides for single tasks, a map for its chunks.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use lzap_wire::invoke::{FunctionFailure, ThrottleReason};

use crate::error::TaskErrorKind;

/// The way to a function: Lambda's API, or a test's cloud.
pub trait Invoker: Send + Sync + fmt::Debug {
    /// Invokes synchronously: waits for the function's answer.
    fn invoke(&self, event: Bytes) -> BoxFuture<'_, AttemptOutcome>;

    /// Invokes asynchronously: returns as soon as Lambda has queued the event, with an empty answer.
    fn invoke_async(&self, event: Bytes) -> BoxFuture<'_, AttemptOutcome>;
}

/// The outcome of one attempt to invoke a function.
#[derive(Clone, Debug)]
pub enum AttemptOutcome {
    /// The function's answer.
    Answered(Bytes),
    /// Lambda throttled the attempt before the function ran.
    Throttled {
        /// Concurrency, when Lambda names no limit that lzap knows.
        reason: ThrottleReason,
        /// The wait that Lambda asks for; `None` when it names none.
        retry_after: Option<Duration>,
    },
    /// The function was started and failed.
    Failed {
        /// The kind of failure: its process ended, its time was over, or it returned an error.
        failure: FunctionFailure,
        /// Lambda's or the function's message.
        message: String,
        /// The id in each line of the failed invocation's log; `None` when Lambda returned none.
        request_id: Option<String>,
    },
    /// No connection was made, so the function did not run.
    NotConnected(String),
    /// This process has no file descriptor left for another connection, so the function did not run.
    OutOfDescriptors,
    /// The request was sent and no answer arrived: the function may have run.
    ResponseLost(String),
    /// Lambda answered with a 5xx: the function may have run.
    Unavailable(String),
    /// The event or the answer exceeds Lambda's limit.
    TooLarge(String),
    /// Lambda refused for a reason that a retry does not change: no permission, no such function, a recursive loop.
    Refused {
        /// `Denied` or `Recursion`; `Unreachable` for all others.
        kind: TaskErrorKind,
        /// Lambda's message, and how to fix it.
        message: String,
    },
}

/// The rule for an event whose task may have run: sent again, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// An event whose response was lost is not sent again.
    AtMostOnce,
    /// An event whose response was lost is sent again.
    AtLeastOnce,
}

impl Delivery {
    /// Only an idempotent task may get its event twice.
    pub(crate) fn for_task(idempotent: bool) -> Self {
        if idempotent { Self::AtLeastOnce } else { Self::AtMostOnce }
    }
}
