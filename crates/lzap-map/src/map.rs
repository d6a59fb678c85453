//! The builder of a map: a task, its items, and options.

use std::fmt;
use std::time::Duration;

use lzap_map_scheduler::report::Progress;
use lzap_map_scheduler::{Caller, Chunk, Hedge, OnError, window};
use lzap_tasks::TaskDefinition;
use lzap_wire::encoding::Codec;

use crate::options::MapOptions;
use crate::sinks::ProgressListener;

/// A map that is not started yet: a task, its items and options. [`Task::map`] makes it.
#[must_use = "a map does nothing until it is run: `.values().await`, `.run().await` or `.stream()`"]
pub struct Map<I, O> {
    pub(crate) task: TaskDefinition<I, O>,
    pub(crate) items: Vec<I>,
    pub(crate) options: MapOptions,
    pub(crate) listener: Option<ProgressListener>,
}

impl<I, O> fmt::Debug for Map<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map")
            .field("task", &self.task)
            .field("items", &self.items.len())
            .finish_non_exhaustive()
    }
}

impl<I, O> Map<I, O> {
    /// A map of `task` over `items`, with the default options. `lzap::Task::map` is its form for apps.
    #[doc(hidden)]
    pub fn new(task: TaskDefinition<I, O>, items: impl IntoIterator<Item = I>) -> Self {
        // The items are collected, because the plan needs their number and each chunk may be sent more than once.
        Self { task, items: items.into_iter().collect(), options: MapOptions::default(), listener: None }
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

    /// Sets the largest cost of the map's invocations in dollars, at the list price of us-east-1. Default: no limit.
    ///
    /// Lambda can't stop an invocation, so one in flight counts as its timeout times its memory until it ends, and then as what
    /// it took. While the next one might exceed the maximum, the map waits. When it still might with none in flight, the map
    /// ends with [`TaskErrorKind::CostLimit`](lzap_tasks::TaskErrorKind::CostLimit). The invocations of other tasks that the
    /// items call are not included.
    pub fn max_cost(mut self, dollars: f64) -> Self {
        self.options.max_cost = Some(dollars);
        self
    }

    /// Sets the largest number of invocations: chunks, hedged attempts and retries together, without throttled ones. Default:
    /// no limit.
    ///
    /// Chunks get larger, so that nine tenths of the invocations are enough for all of them. When failures use up the rest, the
    /// map ends with [`TaskErrorKind::CostLimit`](lzap_tasks::TaskErrorKind::CostLimit).
    pub fn max_invocations(mut self, invocations: usize) -> Self {
        self.options.max_invocations = Some(invocations);
        self
    }

    /// Sets a function that the map calls after each chunk. It runs in the map's future, so it must return quickly.
    pub fn progress(mut self, listener: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }
}
