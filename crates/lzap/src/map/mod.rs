//! One task on many items, in many Lambdas: `task.map(items)`.
//!
//! The steps of a map:
//!
//! 1. `codec.rs` encodes each item once.
//! 2. [`prepared`] runs a few items in this process, to measure what one costs.
//! 3. [`plan`] decides whether the rest goes to workers, and cuts it into chunks.
//! 4. [`machine`] decides which chunk to send next, and [`window`] how many invocations may be in flight.
//! 5. [`drive`] runs those attempts through [`attempt`]; [`chunk`] computes a chunk, in a worker or in this process.
//! 6. In a job, [`journal`] stores results for the job's next attempt.

mod attempt;
pub(crate) mod chunk;
mod drive;
mod journal;
mod machine;
mod open;
pub(crate) mod options;
mod output;
mod plan;
mod prepared;
mod report;
mod run;
pub mod simulate;
mod sinks;
mod window;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::Codec;
use crate::task::Task;

pub(crate) use journal::JobAttempt;
pub use options::{Caller, Chunk, Hedge, OnError};
pub use output::{Explanation, ItemError, MapError, MapOutput, MapStream};
pub use report::{MapReport, Progress, Span};

use options::MapOptions;
use window::Window;

/// Measurements that the maps of one process share, so that a later map plans with the figures of an earlier one.
#[derive(Debug)]
pub(crate) struct MapStatistics {
    /// The limit for invocations in flight.
    window: Arc<Mutex<Window>>,
    /// Seconds that an invocation takes in addition to its work: a moving average.
    overhead_secs: Mutex<f64>,
    /// Seconds per item, by task.
    item_secs: Mutex<HashMap<&'static str, f64>>,
}

impl Default for MapStatistics {
    fn default() -> Self {
        Self {
            window: Arc::default(),
            // A guess that the first answers replace.
            overhead_secs: Mutex::new(plan::OVERHEAD.as_secs_f64()),
            item_secs: Mutex::default(),
        }
    }
}

impl MapStatistics {
    /// Seconds per item of a task; `None` before its first map.
    fn item_secs(&self, task: &str) -> Option<f64> {
        self.item_secs.lock().unwrap_or_else(PoisonError::into_inner).get(task).copied()
    }

    fn overhead_secs(&self) -> f64 {
        *self.overhead_secs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The largest number of invocations in flight that the window can reach.
    fn max_in_flight(&self) -> usize {
        self.window.lock().unwrap_or_else(PoisonError::into_inner).max_size()
    }

    /// Stores the seconds per item that a map measured.
    fn record_item_secs(&self, task: &'static str, secs: f64) {
        self.item_secs.lock().unwrap_or_else(PoisonError::into_inner).insert(task, secs);
    }
}

/// The callback that [`Map::progress`] sets.
type ProgressListener = Box<dyn Fn(&Progress) + Send + Sync>;

/// A map that is not started yet: a task, its items and options. [`Task::map`] makes it.
#[must_use = "a map does nothing until it is run: `.values().await`, `.run().await` or `.stream()`"]
pub struct Map<I, O> {
    task: Task<I, O>,
    items: Vec<I>,
    options: MapOptions,
    listener: Option<ProgressListener>,
}

impl<I, O> fmt::Debug for Map<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map")
            .field("task", &self.task)
            .field("items", &self.items.len())
            .finish_non_exhaustive()
    }
}

impl<I, O> Task<I, O>
where
    I: Serialize + DeserializeOwned + Send + 'static,
    O: Serialize + DeserializeOwned + Send + 'static,
{
    /// Runs the task on each item: in as many Lambdas as shorten the map, or in this process when sending the items would take
    /// longer than computing them.
    ///
    /// ```
    /// #[lzap::task]
    /// fn square(n: u64) -> Result<u64, String> {
    ///     n.checked_mul(n).ok_or_else(|| format!("{n} is too large"))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// assert_eq!(square.map(1..=4).values().await?, [1, 4, 9, 16]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Each item runs at least once, so tasks must be idempotent. An item runs again after a lost response or a worker's exit,
    /// in a hedged attempt beside a slow one, and with the rest of a chunk that is retried. An item of a task with
    /// `idempotent = false` runs at most once, and fails when it is unknown whether it has run.
    ///
    /// In a job, the map writes its results to the stage's bucket once a second (`s3:PutObject`), so that Lambda's next
    /// attempt of the job continues from there. Items that were in flight when the process ended run again, even those of a
    /// task with `idempotent = false`.
    pub fn map(&self, items: impl IntoIterator<Item = I>) -> Map<I, O> {
        // The items are collected, because the plan needs their number and each chunk may be sent more than once.
        Map {
            task: *self,
            items: items.into_iter().collect(),
            options: MapOptions::default(),
            listener: None,
        }
    }
}

/// Options. Each has a default that fits most maps.
impl<I, O> Map<I, O> {
    /// Sets how items are cut into chunks. Default: [`Chunk::Auto`].
    pub fn chunk(mut self, chunk: Chunk) -> Self {
        self.options.chunk = chunk;
        self
    }

    /// Sets the largest number of invocations in flight. Default and maximum: 900, because a Lambda process has 1,024 file
    /// descriptors. Within that, the map adapts to the concurrency limits of the function and the account.
    pub fn concurrency(mut self, limit: usize) -> Self {
        // Zero would never finish.
        self.options.limit = limit.clamp(1, window::MAX_IN_FLIGHT);
        self
    }

    /// Sets the longest time for the whole map. Default: the rest of the invocation (of an HTTP request, at most 28 s), and
    /// no limit under `cargo run`.
    pub fn deadline(mut self, time: Duration) -> Self {
        self.options.time = Some(time);
        self
    }

    /// Sets the largest number of attempts of a chunk whose invocation fails. Throttled attempts don't count. Default: 3.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.options.attempts = attempts.max(1);
        self
    }

    /// Sets when a slow chunk gets a hedged attempt; `None` turns hedging off. Default: [`Hedge::default`].
    pub fn hedge(mut self, hedge: impl Into<Option<Hedge>>) -> Self {
        self.options.hedge = hedge.into();
        self
    }

    /// Sets the encoding of items and results. Default: [`Codec::Postcard`].
    pub fn codec(mut self, codec: Codec) -> Self {
        self.options.codec = codec;
        self
    }

    /// Allows payloads above 4 MiB, which don't fit into an invocation, to go through the stage's bucket. Default: true.
    pub fn spill(mut self, spill: bool) -> Self {
        self.options.spill = spill;
        self
    }

    /// Sets what the map does when an item fails. Default: [`OnError::FailFast`].
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.options.on_error = on_error;
        self
    }

    /// Sets which chunks the calling process computes. Default: [`Caller::Helps`].
    pub fn caller(mut self, caller: Caller) -> Self {
        self.options.caller = caller;
        self
    }

    /// Sets the cost in dollars after which the map starts no more attempts, at the list price of us-east-1.
    pub fn max_cost(mut self, dollars: f64) -> Self {
        self.options.max_cost = Some(dollars);
        self
    }

    /// Sets a function that the map calls after each chunk. It runs in the map's future, so it must return quickly.
    pub fn progress(mut self, listener: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }
}
