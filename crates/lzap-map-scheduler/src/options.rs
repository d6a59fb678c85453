//! The options of a map.

use std::time::Duration;

/// The division of items into chunks. Each chunk is one invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chunk {
    /// By duration, measured on the first items: the number of chunks with which the map ends soonest, as long as at least
    /// three quarters of a worker's time is work.
    #[default]
    Auto,
    /// This number of items per chunk, at least 1. Chunks too large for an event are halved all the same.
    Items(usize),
    /// As many items per chunk as fit into this number of bytes, and at least one.
    Bytes(usize),
}

/// The map's reaction to a failed item.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum OnError {
    /// The first failure ends the map. Lambda can't cancel invocations in flight; the report includes their costs until then.
    #[default]
    FailFast,
    /// The map tries all items, and returns a result or an error for each.
    Collect,
    /// Like `Collect`, until the failures exceed this share of all items (0.02 is 2 %). Then the map ends.
    Tolerate(f64),
}

/// The calling process's share of the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// All items when that is faster than sending them, else the chunks for which no concurrency is available. So a map makes
    /// progress even while Lambda throttles all of its invocations.
    #[default]
    Helps,
    /// No items, until throttling has stopped all progress for two seconds.
    WhenStuck,
    /// All items. The map invokes no Lambda.
    Alone,
}

/// The condition for hedged attempts: a second invocation of a slow chunk. The first answer counts, and both are billed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hedge {
    /// A multiple of the median duration. Once 95 % of the chunks are done, at most 2 counts.
    pub slower_than: f64,
    /// Hedged attempts at most, as a share of all chunks. Above 0, at least one is allowed; 0 turns hedging off.
    pub budget: f64,
    /// The duration below which no chunk is slow. Once 95 % of the chunks are done, a tenth of it counts.
    pub at_least: Duration,
}

impl Hedge {
    /// Hedges a chunk that takes longer than `times` the median and longer than one second, for up to 5 % of the chunks. It
    /// starts when half of the chunks are done, in maps of ten or more. Once 95 % are done, twice the median and a tenth of a
    /// second are enough, because the map then waits for the slow chunks alone.
    pub fn slower_than(times: f64) -> Self {
        Self { slower_than: times.max(1.0), budget: 0.05, at_least: Duration::from_secs(1) }
    }

    /// Sets the largest number of hedged attempts, as a share of all chunks (0 to 1).
    #[must_use]
    pub fn budget(mut self, share: f64) -> Self {
        self.budget = share.clamp(0.0, 1.0);
        self
    }

    /// Sets the shortest duration of a slow chunk. Once 95 % of the chunks are done, a tenth of it counts.
    #[must_use]
    pub fn at_least(mut self, time: Duration) -> Self {
        self.at_least = time;
        self
    }
}

impl Default for Hedge {
    fn default() -> Self {
        Self::slower_than(3.0)
    }
}
