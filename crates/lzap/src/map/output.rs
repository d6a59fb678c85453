//! What comes out of a map.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::report::MapReport;
use crate::task::error::{TaskError, TaskErrorKind};

/// All results of a map, in the order of the items.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MapOutput<O> {
    /// One for each item, in the order of the items.
    pub results: Vec<Result<O, ItemError>>,
    /// What was done, and what it cost.
    pub report: MapReport,
}

impl<O> MapOutput<O> {
    /// The values, when every item has one.
    ///
    /// # Errors
    /// The first item that failed.
    pub fn into_values(self) -> Result<Vec<O>, ItemError> {
        self.results.into_iter().collect()
    }

    /// The items that failed, in order.
    pub fn errors(&self) -> impl Iterator<Item = &ItemError> {
        self.results.iter().filter_map(|result| result.as_ref().err())
    }

    /// Whether every item was tried: false when the time or the money was over before.
    pub fn is_complete(&self) -> bool {
        self.errors().all(|error| error.attempts > 0)
    }
}

/// Why one item has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("item {index}: {message}")]
#[non_exhaustive]
pub struct ItemError {
    /// Which item, counted from 0.
    pub index: usize,
    /// How often its chunk was tried; 0 when it never was.
    pub attempts: u32,
    /// What went wrong.
    pub kind: TaskErrorKind,
    /// In words.
    pub message: String,
}

/// Why a map has no result.
pub struct MapError {
    pub(crate) kind: TaskErrorKind,
    pub(crate) message: String,
    pub(crate) item: Option<usize>,
    pub(crate) report: Box<MapReport>,
}

impl MapError {
    pub(crate) fn new(kind: TaskErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), item: None, report: Box::default() }
    }

    pub(crate) fn of_item(error: &ItemError, report: MapReport) -> Self {
        let message = format!("{error}");
        Self { kind: error.kind, message, item: Some(error.index), report: Box::new(report) }
    }

    #[must_use]
    pub(crate) fn with_report(mut self, report: MapReport) -> Self {
        self.report = Box::new(report);
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> TaskErrorKind {
        self.kind
    }

    /// The item at fault, counted from 0, when it was one.
    pub fn item(&self) -> Option<usize> {
        self.item
    }

    /// What was done until then, and what it cost.
    pub fn report(&self) -> &MapReport {
        &self.report
    }
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// For people, because `main` prints it when it returns the error.
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

/// What a map would do: see [`Map::explain`](super::Map::explain).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// Whether other Lambdas would be invoked.
    pub remote: bool,
    /// Why.
    pub reason: String,
    /// All items.
    pub items: usize,
    /// Items of each chunk, in order; those that were run here to see what they cost are the first.
    pub chunks: Vec<usize>,
    /// Bytes of all items.
    pub bytes: usize,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.remote { "in other Lambdas" } else { "here" };
        let (items, chunks) = (self.items, self.chunks.len());
        write!(f, "{items} items ({} bytes) in {chunks} chunks, {place}: {}", self.bytes, self.reason)
    }
}

/// One item's index and result, or the end of the map.
pub(crate) type Streamed<O> = Result<(usize, Result<O, ItemError>), MapError>;

/// Results as they come: see [`Map::stream`](super::Map::stream).
///
/// Dropping it ends the map; what is in flight can't be called back.
pub struct MapStream<O> {
    pub(crate) results: mpsc::UnboundedReceiver<Streamed<O>>,
    pub(crate) runner: JoinHandle<()>,
}

impl<O> fmt::Debug for MapStream<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MapStream")
    }
}

impl<O> Stream for MapStream<O> {
    type Item = Streamed<O>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.results.poll_recv(context)
    }
}

impl<O> Drop for MapStream<O> {
    fn drop(&mut self) {
        self.runner.abort();
    }
}
