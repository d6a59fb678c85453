//! The rules of a map, and the reasons to end it early.

use std::time::Duration;

use lzap_wire::task::FailureCode;

use crate::budget::{BudgetLimits, ReachedLimit};
use crate::options::{Caller, Hedge, OnError};

/// The options and limits of one map.
#[derive(Clone, Debug)]
pub struct MapRules {
    /// Invocations in flight, at most.
    pub limit: usize,
    /// Attempts of a chunk, at most. Throttled ones don't count.
    pub attempts: u32,
    /// What the map may spend.
    pub budget: BudgetLimits,
    /// Whether an item may run more than once.
    pub idempotent: bool,
    /// When a slow chunk gets a hedged attempt; `None` for never.
    pub hedge: Option<Hedge>,
    /// What a failed item means for the map.
    pub on_error: OnError,
    /// Which chunks this process computes.
    pub caller: Caller,
    /// Chunks that this process computes concurrently.
    pub cores: usize,
    /// The time at which the map ends, finished or not.
    pub deadline: Option<Duration>,
    /// The time after which no attempt is sent, because its answer would arrive after the deadline.
    pub last_start: Option<Duration>,
    /// All items of the map, including those that an earlier attempt of the job has finished.
    pub items: usize,
    /// Seeds the jitter of retries.
    pub seed: u64,
}

/// The reason why a map ended early.
#[derive(Clone, Debug, PartialEq)]
pub enum MapEnd {
    /// The time was over.
    Deadline,
    /// More items failed than `on_error` allows.
    Failed,
    /// The budget was used up.
    Budget(ReachedLimit),
    /// An error that each attempt would repeat.
    Fatal {
        /// The kind of error.
        kind: FailureCode,
        /// The error for people.
        message: String,
    },
}
