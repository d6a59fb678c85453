//! The results and errors of a map.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use lzap_map_scheduler::budget::ReachedLimit;
use lzap_map_scheduler::report::MapReport;
use lzap_tasks::{TaskError, TaskErrorKind};

/// All results of a map, in the order of the items. [`Map::run`](crate::Map::run) returns it.
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
/// for (index, result) in output.results.iter().enumerate() {
///     match result {
///         Ok(half) => println!("{index}: {half}"),
///         Err(error) => println!("{error} after {} attempts", error.attempts),
///     }
/// }
/// assert_eq!(output.report.done, 4);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MapOutput<O> {
    /// One result for each item, in the order of the items.
    pub results: Vec<Result<O, ItemError>>,
    /// Attempts, durations and costs.
    pub report: MapReport,
}

impl<O> MapOutput<O> {
    /// The values in the order of the items, if none failed.
    ///
    /// ```
    /// # #[lzap::task]
    /// # fn halve(n: u32) -> Result<u32, String> {
    /// #     if n % 2 == 0 { Ok(n / 2) } else { Err(format!("{n} is odd")) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// let output = halve.map([2, 4]).run().await?;
    /// assert_eq!(output.into_values(), Ok(vec![1, 2]));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The first item that failed.
    pub fn into_values(self) -> Result<Vec<O>, ItemError> {
        self.results.into_iter().collect()
    }

    /// The items that failed, in order.
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
    /// let output = halve.map([2, 3]).on_error(OnError::Collect).run().await?;
    /// let failed: Vec<String> = output.errors().map(|error| error.to_string()).collect();
    /// assert_eq!(failed, ["item 1: 3 is odd"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn errors(&self) -> impl Iterator<Item = &ItemError> {
        self.results.iter().filter_map(|result| result.as_ref().err())
    }

    /// True when every item was tried; false when the deadline or the maximum cost ended the map before that.
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
    /// use lzap::OnError;
    ///
    /// let map = sleep.map([60]).deadline(Duration::from_millis(20)).on_error(OnError::Collect);
    /// assert!(!map.run().await?.is_complete());
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_complete(&self) -> bool {
        self.errors().all(|error| error.attempts > 0)
    }
}

/// The failure of one item. [`MapOutput`] has an example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("item {index}: {message}")]
#[non_exhaustive]
pub struct ItemError {
    /// The item's index, from 0.
    pub index: usize,
    /// The number of attempts of its chunk; 0 when it was never tried.
    pub attempts: u32,
    /// The kind of failure, for programs.
    pub kind: TaskErrorKind,
    /// The failure for people, as one sentence without a period.
    pub message: String,
}

/// The failure of a map, with a report of what it did until then.
///
/// ```
/// # #[lzap::task]
/// # fn halve(n: u32) -> Result<u32, String> {
/// #     if n % 2 == 0 { Ok(n / 2) } else { Err(format!("{n} is odd")) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lzap::MapError> {
/// use lzap::TaskErrorKind;
///
/// let error = halve.map([2, 3]).values().await.expect_err("3 is odd");
/// assert_eq!(error.to_string(), "item 1: 3 is odd");
/// assert_eq!((error.kind(), error.item()), (TaskErrorKind::Failed, Some(1)));
/// println!("{} items done, ${:.4} spent", error.report().done, error.report().dollars);
/// # Ok(())
/// # }
/// ```
pub struct MapError {
    pub(crate) kind: TaskErrorKind,
    pub(crate) message: String,
    pub(crate) item: Option<usize>,
    pub(crate) limit: Option<ReachedLimit>,
    pub(crate) report: Box<MapReport>,
}

impl MapError {
    pub(crate) fn new(kind: TaskErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), item: None, limit: None, report: Box::default() }
    }

    /// The error of a map that one item's failure ended.
    pub(crate) fn of_item(error: &ItemError, report: MapReport) -> Self {
        let message = format!("{error}");
        Self { kind: error.kind, message, item: Some(error.index), limit: None, report: Box::new(report) }
    }

    #[must_use]
    pub(crate) fn with_report(mut self, report: MapReport) -> Self {
        self.report = Box::new(report);
        self
    }

    /// The kind of failure, for programs. [`MapError`] has an example.
    pub fn kind(&self) -> TaskErrorKind {
        self.kind
    }

    /// The index (from 0) of the item that failed; `None` when the map failed for another reason. [`MapError`] has an example.
    pub fn item(&self) -> Option<usize> {
        self.item
    }

    /// The limit that ended the map, when the kind is [`TaskErrorKind::CostLimit`]; `None` for any other error.
    ///
    /// ```
    /// # use lzap::testing::Cloud;
    /// # #[lzap::task]
    /// # fn square(n: u64) -> Result<u64, String> { Ok(n * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let map = square.map(0..100).caller(lzap::Caller::WhenStuck).max_cost(0.0);
    /// let error = Cloud::new().task(square).run(map.values()).await.expect_err("no money");
    /// assert_eq!(error.reached_limit(), Some(lzap::ReachedLimit::Dollars));
    /// # }
    /// ```
    pub fn reached_limit(&self) -> Option<ReachedLimit> {
        self.limit
    }

    /// The attempts and costs until the map ended. [`MapError`] has an example.
    pub fn report(&self) -> &MapReport {
        &self.report
    }
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Readable text instead of the derived form, because Rust prints `Debug` when `main` returns the error.
impl fmt::Debug for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.kind.as_str())
    }
}

impl std::error::Error for MapError {}

impl From<TaskError> for MapError {
    fn from(error: TaskError) -> Self {
        Self::new(error.kind(), error.to_string())
    }
}

/// The plan of a map, from [`Map::explain`](crate::Map::explain), which has an example.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// The map would invoke Lambdas.
    pub remote: bool,
    /// The reason for that choice, for people.
    pub reason: String,
    /// All items of the map, those included that `explain` ran to measure them.
    pub items: usize,
    /// The number of items in each chunk, in order. The chunks that `explain` ran to measure items come first.
    pub chunks: Vec<usize>,
    /// The encoded size of all items in bytes, before compression.
    pub bytes: usize,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.remote { "in other Lambdas" } else { "here" };
        let (items, chunks) = (self.items, self.chunks.len());
        write!(f, "{items} items ({} bytes) in {chunks} chunks, {place}: {}", self.bytes, self.reason)
    }
}

/// One item's index and result, or the error that ended the map.
pub(crate) type StreamItem<O> = Result<(usize, Result<O, ItemError>), MapError>;

/// The results of a map as they arrive, from [`Map::stream`](crate::Map::stream), which has an example.
///
/// Dropping the stream ends the map. Lambda can't cancel invocations in flight, so they run to their end and are billed.
pub struct MapStream<O> {
    pub(crate) results: mpsc::UnboundedReceiver<StreamItem<O>>,
    pub(crate) runner: JoinHandle<()>,
}

impl<O> fmt::Debug for MapStream<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MapStream")
    }
}

impl<O> Stream for MapStream<O> {
    type Item = StreamItem<O>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.results.poll_recv(context)
    }
}

impl<O> Drop for MapStream<O> {
    fn drop(&mut self) {
        self.runner.abort();
    }
}
