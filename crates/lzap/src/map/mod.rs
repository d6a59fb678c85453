//! One task on many items, in many Lambdas: `task.map(items)`.
//!
//! The way of a map: items are written once (`codec.rs`), a few are run here to see what they cost ([`prepared`]), [`plan`] decides
//! where the rest goes and in which chunks, [`machine`] says what to send when ([`window`]: how much at once), and
//! [`drive`] does it through [`carry`]. A chunk is computed in [`chunk`], in whichever process. In a job, [`journal`] keeps
//! what is done, for the next attempt.

mod carry;
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

use options::Options;
use window::Window;

/// What maps of one process have found out.
#[derive(Debug)]
pub(crate) struct Learned {
    /// The room for invocations, which all maps share.
    window: Arc<Mutex<Window>>,
    /// One invocation's cost beside its work.
    overhead_secs: Mutex<f64>,
    /// Seconds for an item, by task.
    item_secs: Mutex<HashMap<&'static str, f64>>,
}

impl Default for Learned {
    fn default() -> Self {
        Self {
            window: Arc::default(),
            overhead_secs: Mutex::new(plan::OVERHEAD.as_secs_f64()),
            item_secs: Mutex::default(),
        }
    }
}

impl Learned {
    fn item_secs(&self, task: &str) -> Option<f64> {
        self.item_secs.lock().unwrap_or_else(PoisonError::into_inner).get(task).copied()
    }

    fn overhead_secs(&self) -> f64 {
        *self.overhead_secs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many invocations there may be room for.
    fn room(&self) -> usize {
        self.window.lock().unwrap_or_else(PoisonError::into_inner).most()
    }

    fn learn(&self, task: &'static str, secs: f64) {
        self.item_secs.lock().unwrap_or_else(PoisonError::into_inner).insert(task, secs);
    }
}

/// What `progress` calls.
type Listener = Box<dyn Fn(&Progress) + Send + Sync>;

/// A task on many items, still to be run: see [`Task::map`].
#[must_use = "a map does nothing until it is run: `.values().await`, `.run().await` or `.stream()`"]
pub struct Map<I, O> {
    task: Task<I, O>,
    items: Vec<I>,
    options: Options,
    listener: Option<Listener>,
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
    /// Runs the task on each item, in as many Lambdas as that is worth, or here when sending would take longer.
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
    /// Each item is run at least once, and perhaps more often: after a lost answer, a dead worker, beside a slow one, or with
    /// the rest of a chunk of which something has to be done again. A task with `idempotent = false` is run at most once, and fails where that can't be told.
    ///
    /// In a job, results are written to the stage's bucket once a second (`s3:PutObject`), for Lambda's next attempt should
    /// this one be killed; what was under way then runs again, whatever the task says.
    pub fn map(&self, items: impl IntoIterator<Item = I>) -> Map<I, O> {
        Map { task: *self, items: items.into_iter().collect(), options: Options::default(), listener: None }
    }
}

/// Settings, each with a default that fits most maps.
impl<I, O> Map<I, O> {
    /// How items are cut into chunks. Default: [`Chunk::Auto`].
    pub fn chunk(mut self, chunk: Chunk) -> Self {
        self.options.chunk = chunk;
        self
    }

    /// At most so many invocations at once. Default: 900, which is what a process can have connections for; within
    /// that, Lambda's own limits are found out.
    pub fn concurrency(mut self, limit: usize) -> Self {
        self.options.limit = limit.clamp(1, window::MOST);
        self
    }

    /// How long it may take. Default: what is left of the invocation (of an HTTP request, at most 28 s); no limit under
    /// `cargo run`.
    pub fn deadline(mut self, time: Duration) -> Self {
        self.options.time = Some(time);
        self
    }

    /// Attempts of a chunk whose invocation fails on the way. Throttles don't count. Default: 3.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.options.attempts = attempts.max(1);
        self
    }

    /// When a slow chunk is sent a second time; none turns it off. Default: [`Hedge::default`].
    pub fn hedge(mut self, hedge: impl Into<Option<Hedge>>) -> Self {
        self.options.hedge = hedge.into();
        self
    }

    /// How items travel. Default: [`Codec::Postcard`].
    pub fn codec(mut self, codec: Codec) -> Self {
        self.options.codec = codec;
        self
    }

    /// Whether payloads that Lambda can't carry (4 MiB and more) go through the stage's bucket. Default: yes.
    pub fn spill(mut self, spill: bool) -> Self {
        self.options.spill = spill;
        self
    }

    /// What an item's failure does to the map. Default: [`OnError::FailFast`].
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.options.on_error = on_error;
        self
    }

    /// What the calling process computes itself. Default: [`Caller::Helps`].
    pub fn caller(mut self, caller: Caller) -> Self {
        self.options.caller = caller;
        self
    }

    /// Starts nothing more once the workers have cost so many dollars (by the list price of us-east-1).
    pub fn max_cost(mut self, dollars: f64) -> Self {
        self.options.max_cost = Some(dollars);
        self
    }

    /// Called after each chunk, in the map's own future: keep it short.
    pub fn progress(mut self, listener: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }
}
