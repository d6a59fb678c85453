//! The rules of a map, and the reasons to end it early.

use std::time::Duration;

use lzap_wire::task::FailureCode;

use crate::budget::{BudgetLimits, ReachedLimit};
use crate::options::{Caller, Hedge, OnError};

/// The options and limits of one map. Times count from the machine's epoch.
#[derive(Clone, Debug)]
pub struct MapRules {
    /// Invocations in flight, at most, of this map alone; the shared window may allow fewer.
    pub limit: usize,
    /// Attempts of a chunk, at most. Throttled ones don't count.
    pub attempts: u32,
    /// Reaching it stops new invocations, and ends the map when chunks are left.
    pub budget: BudgetLimits,
    /// True if an item may run twice. Otherwise an attempt with an unknown end fails its items.
    pub idempotent: bool,
    /// The condition for a hedged attempt of a slow chunk; `None` for never.
    pub hedge: Option<Hedge>,
    /// Counts failed items, not failed attempts: retries come first.
    pub on_error: OnError,
    /// This process's share of the chunks. After Lambda proves unusable it computes all of them.
    pub caller: Caller,
    /// Chunks that this process computes concurrently, at most.
    pub cores: usize,
    /// The time at which the map ends, finished or not; `None` for no deadline.
    pub deadline: Option<Duration>,
    /// The time from which nothing is sent, because its answer would arrive after the deadline; `None` without one.
    pub last_start: Option<Duration>,
    /// All items of the map, including those that an earlier attempt of the job has finished.
    pub items: usize,
    /// Seeds the jitter of retries.
    pub seed: u64,
}

/// The reason why a map ended early.
#[derive(Clone, Debug, PartialEq)]
pub enum MapEnd {
    /// The deadline passed, or no attempt could end before it.
    Deadline,
    /// More items failed than `on_error` allows.
    Failed,
    /// Another invocation could exceed the budget, and none in flight can free a part of it.
    Budget(ReachedLimit),
    /// An error that each attempt would repeat.
    Fatal {
        /// The code of the map's error, by which callers tell errors apart.
        kind: FailureCode,
        /// One sentence, which becomes the message of the map's error.
        message: String,
    },
}
