//! The builder of a map: a task, its items, and options.

use std::fmt;
use std::time::Duration;

use lzap_map_scheduler::report::Progress;
use lzap_map_scheduler::{Caller, Chunk, Hedge, OnError, window};
use lzap_tasks::TaskDefinition;
use lzap_wire::encoding::Codec;

use crate::options::MapOptions;
use crate::sinks::ProgressListener;

/// A map that is not started yet: a task, its items and options. `lzap::Task::map` makes it.
///
/// ```
/// use lzap::{Chunk, OnError};
///
/// #[lzap::task]
/// fn square(n: u64) -> Result<u64, String> {
///     n.checked_mul(n).ok_or_else(|| format!("{n} is too large"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lzap::MapError> {
/// let map = square.map([2, 3, u64::MAX]).chunk(Chunk::Items(1)).on_error(OnError::Collect);
/// let output = map.run().await?;
/// assert_eq!(output.results[1], Ok(9));
/// assert!(output.results[2].is_err());
/// # Ok(())
/// # }
/// ```
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
    /// A map of `task` over `items`, with the default options. `lzap::Task::map` is its form for apps; [`Map`] has an example.
    #[doc(hidden)]
    pub fn new(task: TaskDefinition<I, O>, items: impl IntoIterator<Item = I>) -> Self {
        // The items are collected, because the plan needs their number and each chunk may be sent more than once.
        Self { task, items: items.into_iter().collect(), options: MapOptions::default(), listener: None }
    }
}

/// Options. Each has a default that fits most maps.
impl<I, O> Map<I, O> {
    /// Sets how items are cut into chunks. Default: [`Chunk::Auto`].
    ///
    /// ```
    /// # #[lzap::task]
    /// # fn square(n: u64) -> Result<u64, String> { Ok(n * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// use lzap::testing::Cloud;
    /// use lzap::{Caller, Chunk};
    ///
    /// let map = square.map(0..100).chunk(Chunk::Items(40)).caller(Caller::WhenStuck);
    /// let plan = Cloud::new().task(square).run(map.explain()).await?;
    /// assert_eq!(plan.chunks, [40, 40, 20]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn chunk(mut self, chunk: Chunk) -> Self {
        self.options.chunk = chunk;
        self
    }

    /// Sets the largest number of invocations in flight. Default and maximum: 900, because a Lambda process has 1,024 file
    /// descriptors. Within that, the map adapts to the concurrency limits of the function and the account.
    ///
    /// ```
    /// # #[lzap::task]
    /// # fn square(n: u64) -> Result<u64, String> { Ok(n * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// use lzap::testing::Cloud;
    /// use lzap::{Caller, Chunk};
    ///
    /// // No invocation exceeds the cloud's limit, so none is throttled.
    /// let cloud = Cloud::new().task(square).limit(4);
    /// let map = square.map(0..100).chunk(Chunk::Items(5)).caller(Caller::WhenStuck).concurrency(4);
    /// let output = cloud.run(map.run()).await?;
    /// assert_eq!(output.report.throttles, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn concurrency(mut self, limit: usize) -> Self {
        // Zero would never finish.
        self.options.limit = limit.clamp(1, window::MAX_IN_FLIGHT);
        self
    }

    /// Sets the longest time for the whole map. Default: the rest of the invocation (of an HTTP request, at most 28 s, but through a function URL), and
    /// no limit under `cargo run`.
    ///
    /// ```
    /// # #[lzap::task]
    /// # async fn sleep(seconds: u64) -> Result<(), String> {
    /// #     tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
    /// #     Ok(())
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// use std::time::Duration;
    /// use lzap::TaskErrorKind;
    ///
    /// let map = sleep.map([60]).deadline(Duration::from_millis(20));
    /// let error = map.run().await.expect_err("a minute is too long");
    /// assert_eq!(error.kind(), TaskErrorKind::TimedOut);
    /// # Ok(())
    /// # }
    /// ```
    pub fn deadline(mut self, time: Duration) -> Self {
        self.options.time = Some(time);
        self
    }

    /// Sets the largest number of attempts of a chunk whose invocation fails. Throttled attempts don't count. Default: 3.
    ///
    /// ```
    /// # #[lzap::task]
    /// # fn square(n: u64) -> Result<u64, String> { Ok(n * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// use lzap::testing::{Cloud, Fault};
    /// use lzap::{Caller, Chunk};
    ///
    /// // The responses to the first four attempts are lost.
    /// let cloud = Cloud::new().task(square).fault(|attempt| (attempt.number < 5).then_some(Fault::Reset));
    /// let map = square.map([3]).chunk(Chunk::Items(1)).caller(Caller::WhenStuck).attempts(5);
    /// assert_eq!(cloud.run(map.values()).await?, [9]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.options.attempts = attempts.max(1);
        self
    }

    /// Sets when a slow chunk gets a hedged attempt; `None` turns hedging off. Default: [`Hedge::default`].
    ///
    /// ```
    /// # #[lzap::task]
    /// # fn square(n: u64) -> Result<u64, String> { Ok(n * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// use lzap::Hedge;
    ///
    /// // A task that asks a service for which each additional request counts:
    /// let output = square.map(0..100).hedge(None).run().await?;
    /// assert_eq!(output.report.hedges, 0);
    /// // A task whose duration varies a lot:
    /// let values = square.map(0..100).hedge(Hedge::slower_than(5.0).budget(0.01)).values().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn hedge(mut self, hedge: impl Into<Option<Hedge>>) -> Self {
        self.options.hedge = hedge.into();
        self
    }

    /// Sets the encoding of items and results. Default: [`Codec::Postcard`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// use lzap::Codec;
    /// use serde_json::{Value, json};
    ///
    /// #[lzap::task]
    /// fn count_keys(value: Value) -> Result<usize, String> {
    ///     Ok(value.as_object().map_or(0, |object| object.len()))
    /// }
    ///
    /// let counts = count_keys.map([json!({ "a": 1 }), json!([])]).codec(Codec::Json).values().await?;
    /// assert_eq!(counts, [1, 0]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn codec(mut self, codec: Codec) -> Self {
        self.options.codec = codec;
        self
    }

    /// Allows payloads above 4 MiB, which don't fit into an invocation, to go through the stage's bucket. Default: true.
    ///
    /// ```
    /// # #[lzap::task]
    /// # fn length(text: String) -> Result<usize, String> { Ok(text.len()) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// use lzap::testing::Cloud;
    /// use lzap::{Caller, Codec, TaskErrorKind};
    ///
    /// let texts = ["x".repeat(5 << 20)];
    /// let map = length.map(texts).codec(Codec::Json).caller(Caller::WhenStuck).spill(false);
    /// let error = Cloud::new().task(length).run(map.values()).await.expect_err("5 MiB are too many");
    /// assert_eq!(error.kind(), TaskErrorKind::TooLarge);
    /// # Ok(())
    /// # }
    /// ```
    pub fn spill(mut self, spill: bool) -> Self {
        self.options.spill = spill;
        self
    }

    /// Sets what the map does when an item fails. Default: [`OnError::FailFast`].
    ///
    /// ```
    /// # #[lzap::task]
    /// # fn halve(n: u32) -> Result<u32, String> {
    /// #     if n % 2 == 0 { Ok(n / 2) } else { Err(format!("{n} is odd")) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// use lzap::OnError;
    ///
    /// let output = halve.map(0..4).on_error(OnError::Collect).run().await?;
    /// assert_eq!(output.results[2], Ok(1));
    /// assert_eq!(output.errors().map(|error| error.index).collect::<Vec<_>>(), [1, 3]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.options.on_error = on_error;
        self
    }

    /// Sets which chunks the calling process computes. Default: [`Caller::Helps`].
    ///
    /// ```
    /// # #[lzap::task]
    /// # fn square(n: u64) -> Result<u64, String> { Ok(n * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// use lzap::Caller;
    ///
    /// // For items that may use up the memory: the caller's process survives.
    /// let values = square.map(0..100).caller(Caller::WhenStuck).values().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn caller(mut self, caller: Caller) -> Self {
        self.options.caller = caller;
        self
    }

    /// Sets the largest cost of the map's invocations in dollars, at the list price of us-east-1. Default: no limit.
    ///
    /// Lambda can't stop an invocation, so one in flight counts as its timeout times its memory until it ends, and then as what
    /// it took. While the next one might exceed the maximum, the map waits. When it still might with none in flight, the map
    /// ends with [`TaskErrorKind::CostLimit`](lzap_tasks::TaskErrorKind::CostLimit). The invocations of other tasks that the
    /// items call are not included, nor is the start of an execution environment before its first invocation. Each attempt of a
    /// job has the maximum for itself.
    ///
    /// ```
    /// # #[lzap::task]
    /// # fn square(n: u64) -> Result<u64, String> { Ok(n * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// let output = square.map(0..100).max_cost(0.05).run().await?;
    /// assert!(output.report.dollars <= 0.05);
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_cost(mut self, dollars: f64) -> Self {
        // A number that is none allows nothing.
        self.options.max_cost = Some(if dollars.is_nan() { 0.0 } else { dollars });
        self
    }

    /// Sets the largest number of invocations: chunks, hedged attempts and retries together, without throttled ones. Default:
    /// no limit.
    ///
    /// Chunks get larger, so that nine tenths of the invocations are enough for all of them. When failures use up the rest, the
    /// map ends with [`TaskErrorKind::CostLimit`](lzap_tasks::TaskErrorKind::CostLimit).
    ///
    /// ```
    /// # #[lzap::task]
    /// # fn square(n: u64) -> Result<u64, String> { Ok(n * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// let output = square.map(0..100).max_invocations(20).run().await?;
    /// assert!(output.report.attempts - output.report.here <= 20);
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_invocations(mut self, invocations: usize) -> Self {
        self.options.max_invocations = Some(invocations);
        self
    }

    /// Sets a function that the map calls after each chunk. It runs in the map's future, so it must return quickly.
    ///
    /// ```
    /// # #[lzap::task]
    /// # fn square(n: u64) -> Result<u64, String> { Ok(n * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// use lzap::Progress;
    ///
    /// let show = |progress: &Progress| println!("{} of {}", progress.done, progress.items);
    /// let values = square.map(0..100).progress(show).values().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn progress(mut self, listener: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }
}
