//! The sinks of a map's results: a list, one joined value, or a stream.

use std::ops::Range;

use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use crate::attempt::{ChunkAnswer, MapContext};
use crate::codec::read_items;
use crate::compute::{ItemFailure, JoinedResults};
use crate::drive::Sink;
use crate::output::{ItemError, StreamItem};
use lzap_map_scheduler::attempt::ChunkFailure;
use lzap_map_scheduler::report::Progress;

/// The callback that [`Map::progress`](crate::Map::progress) sets.
pub(crate) type ProgressListener = Box<dyn Fn(&Progress) + Send + Sync>;

/// A sink with the callback that the user set for progress.
pub(crate) struct WithListener<'a, S> {
    pub(crate) sink: &'a mut S,
    pub(crate) listener: Option<ProgressListener>,
}

impl<S: Sink> Sink for WithListener<'_, S> {
    fn read_answer(&mut self, answer: &ChunkAnswer) -> Result<usize, String> {
        self.sink.read_answer(answer)
    }

    fn take_results(&mut self, items: Range<usize>) {
        self.sink.take_results(items);
    }

    fn fail_items(&mut self, failure: ChunkFailure) {
        self.sink.fail_items(failure);
    }

    fn report_progress(&mut self, progress: &Progress) {
        if let Some(listener) = &self.listener {
            listener(progress);
        }
    }
}

/// The decoded results of a chunk. The machine decides after decoding whether they count.
type ItemResults<O> = Vec<Result<O, ItemFailure>>;

/// Decodes a chunk's results, and counts the failed ones.
fn read_results<O: DeserializeOwned>(
    codec: lzap_wire::encoding::Codec,
    answer: &ChunkAnswer,
) -> Result<(ItemResults<O>, usize), String> {
    let results: ItemResults<O> = read_items(codec, &answer.results, answer.items)?;
    let failed = results.iter().filter(|result| result.is_err()).count();
    Ok((results, failed))
}

/// The error of an item that its task failed. It ran once: a task's own error is not retried.
fn item_error(index: usize, failure: ItemFailure) -> ItemError {
    ItemError { index, attempts: 1, kind: failure.kind, message: failure.message }
}

/// One error for each item of a failed chunk.
fn failed_items(failure: &ChunkFailure) -> impl Iterator<Item = ItemError> {
    failure.items.clone().map(|index| ItemError {
        index,
        attempts: failure.attempts,
        kind: failure.kind,
        message: failure.message.clone(),
    })
}

/// For `values` and `run`: a place for each item, `None` until it has a result or an error.
pub(crate) struct CollectSink<O> {
    pub(crate) results: Vec<Option<Result<O, ItemError>>>,
    pub(crate) read: ItemResults<O>,
    pub(crate) codec: lzap_wire::encoding::Codec,
}

impl<O> CollectSink<O> {
    /// Makes all places at once, because chunks end in any order.
    pub(crate) fn new(map: &MapContext) -> Self {
        let mut results = Vec::new();
        results.resize_with(map.items.len(), || None);
        Self { results, read: Vec::new(), codec: map.items.codec }
    }

    fn set_result(&mut self, index: usize, result: Result<O, ItemError>) {
        if let Some(place) = self.results.get_mut(index) {
            *place = Some(result);
        }
    }
}

impl<O: DeserializeOwned + Send> Sink for CollectSink<O> {
    fn read_answer(&mut self, answer: &ChunkAnswer) -> Result<usize, String> {
        let failed;
        (self.read, failed) = read_results(self.codec, answer)?;
        Ok(failed)
    }

    fn take_results(&mut self, items: Range<usize>) {
        // The machine takes at most as many items as the answer has results.
        for (index, result) in items.zip(std::mem::take(&mut self.read)) {
            self.set_result(index, result.map_err(|failure| item_error(index, failure)));
        }
    }

    fn fail_items(&mut self, failure: ChunkFailure) {
        for error in failed_items(&failure) {
            self.set_result(error.index, Err(error));
        }
    }

    fn report_progress(&mut self, _: &Progress) {}
}

/// The joined value of a chunk, and its failed items.
type ChunkValue<O> = (Option<O>, Vec<(usize, ItemFailure)>);

/// Collects one joined value for each chunk, for `reduce`.
pub(crate) struct ReduceSink<O> {
    /// Values with the index of their chunk's first item, since chunks finish in any order.
    pub(crate) parts: Vec<(usize, O)>,
    pub(crate) read: Option<ChunkValue<O>>,
    pub(crate) failed: Vec<ItemError>,
    pub(crate) codec: lzap_wire::encoding::Codec,
}

impl<O: DeserializeOwned + Send> Sink for ReduceSink<O> {
    fn read_answer(&mut self, answer: &ChunkAnswer) -> Result<usize, String> {
        let JoinedResults { value, failed } =
            postcard::from_bytes(&answer.results).map_err(|error| format!("is no joined value: {error}"))?;
        // The value itself is encoded with the map's codec, within a postcard envelope.
        let value = value.map(|bytes| read_items::<O>(self.codec, &bytes, 1)).transpose()?;
        let count = failed.len();
        self.read = Some((value.and_then(|mut values| values.pop()), failed));
        Ok(count)
    }

    fn take_results(&mut self, items: Range<usize>) {
        let Some((value, failed)) = self.read.take() else { return };
        // A chunk without a value had only failed items.
        self.parts.extend(value.map(|value| (items.start, value)));
        let failed = failed.into_iter().map(|(index, failure)| item_error(items.start + index, failure));
        self.failed.extend(failed);
    }

    fn fail_items(&mut self, failure: ChunkFailure) {
        self.failed.extend(failed_items(&failure));
    }

    fn report_progress(&mut self, _: &Progress) {}
}

/// For `stream`. The channel is unbounded: a slow reader doesn't slow the map, and results wait in memory.
pub(crate) struct StreamSink<O> {
    pub(crate) sender: mpsc::UnboundedSender<StreamItem<O>>,
    pub(crate) read: ItemResults<O>,
    pub(crate) codec: lzap_wire::encoding::Codec,
}

impl<O: DeserializeOwned + Send> Sink for StreamSink<O> {
    fn read_answer(&mut self, answer: &ChunkAnswer) -> Result<usize, String> {
        let failed;
        (self.read, failed) = read_results(self.codec, answer)?;
        Ok(failed)
    }

    fn take_results(&mut self, items: Range<usize>) {
        for (index, result) in items.zip(std::mem::take(&mut self.read)) {
            // Sending fails when the stream was dropped. Dropping it also aborts this map, so there is nothing to do.
            let _ = self.sender.send(Ok((index, result.map_err(|failure| item_error(index, failure)))));
        }
    }

    fn fail_items(&mut self, failure: ChunkFailure) {
        for error in failed_items(&failure) {
            let _ = self.sender.send(Ok((error.index, Err(error))));
        }
    }

    fn report_progress(&mut self, _: &Progress) {}
}
