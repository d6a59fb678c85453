//! What a map's results become: a list, one value, or a stream.

use std::ops::Range;

use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::Listener;
use super::carry::{Answer, Job};
use super::chunk::{ItemFailure, Joined};
use super::drive::Sink;
use super::machine::Failure;
use super::output::{ItemError, Streamed};
use super::report::Progress;
use crate::codec::read_items;

/// A sink, and who wants to know how far it is.
pub(super) struct Told<'a, S> {
    pub(super) sink: &'a mut S,
    pub(super) listener: Option<Listener>,
}

impl<S: Sink> Sink for Told<'_, S> {
    fn read(&mut self, answer: &Answer) -> Result<usize, String> {
        self.sink.read(answer)
    }

    fn take(&mut self, items: Range<usize>) {
        self.sink.take(items);
    }

    fn fail(&mut self, failure: Failure) {
        self.sink.fail(failure);
    }

    fn progress(&mut self, progress: &Progress) {
        if let Some(listener) = &self.listener {
            listener(progress);
        }
    }
}

/// A chunk's results, before it is known whether they count.
type Read<O> = Vec<Result<O, ItemFailure>>;

fn read_results<O: DeserializeOwned>(
    codec: crate::Codec,
    answer: &Answer,
) -> Result<(Read<O>, usize), String> {
    let results: Read<O> = read_items(codec, &answer.results, answer.items)?;
    let failed = results.iter().filter(|result| result.is_err()).count();
    Ok((results, failed))
}

fn item_error(index: usize, failure: ItemFailure) -> ItemError {
    ItemError { index, attempts: 1, kind: failure.kind, message: failure.message }
}

fn failed_items(failure: &Failure) -> impl Iterator<Item = ItemError> {
    failure.items.clone().map(|index| ItemError {
        index,
        attempts: failure.attempts,
        kind: failure.kind,
        message: failure.message.clone(),
    })
}

/// Keeps every result in its place.
pub(super) struct Collect<O> {
    pub(super) results: Vec<Option<Result<O, ItemError>>>,
    pub(super) read: Read<O>,
    pub(super) codec: crate::Codec,
}

impl<O> Collect<O> {
    pub(super) fn new(job: &Job) -> Self {
        let mut results = Vec::new();
        results.resize_with(job.items.len(), || None);
        Self { results, read: Vec::new(), codec: job.items.codec }
    }

    fn put(&mut self, index: usize, result: Result<O, ItemError>) {
        if let Some(place) = self.results.get_mut(index) {
            *place = Some(result);
        }
    }
}

impl<O: DeserializeOwned + Send> Sink for Collect<O> {
    fn read(&mut self, answer: &Answer) -> Result<usize, String> {
        let failed;
        (self.read, failed) = read_results(self.codec, answer)?;
        Ok(failed)
    }

    fn take(&mut self, items: Range<usize>) {
        for (index, result) in items.zip(std::mem::take(&mut self.read)) {
            self.put(index, result.map_err(|failure| item_error(index, failure)));
        }
    }

    fn fail(&mut self, failure: Failure) {
        for error in failed_items(&failure) {
            self.put(error.index, Err(error));
        }
    }

    fn progress(&mut self, _: &Progress) {}
}

/// A chunk's one value, and what failed in it.
type ReadPart<O> = (Option<O>, Vec<(usize, ItemFailure)>);

/// Keeps one value for each chunk.
pub(super) struct Partial<O> {
    pub(super) parts: Vec<(usize, O)>,
    pub(super) read: Option<ReadPart<O>>,
    pub(super) failed: Vec<ItemError>,
    pub(super) codec: crate::Codec,
}

impl<O: DeserializeOwned + Send> Sink for Partial<O> {
    fn read(&mut self, answer: &Answer) -> Result<usize, String> {
        let Joined { value, failed } =
            postcard::from_bytes(&answer.results).map_err(|error| format!("is no joined value: {error}"))?;
        let value = value.map(|bytes| read_items::<O>(self.codec, &bytes, 1)).transpose()?;
        let count = failed.len();
        self.read = Some((value.and_then(|mut values| values.pop()), failed));
        Ok(count)
    }

    fn take(&mut self, items: Range<usize>) {
        let Some((value, failed)) = self.read.take() else { return };
        self.parts.extend(value.map(|value| (items.start, value)));
        let failed = failed.into_iter().map(|(index, failure)| item_error(items.start + index, failure));
        self.failed.extend(failed);
    }

    fn fail(&mut self, failure: Failure) {
        self.failed.extend(failed_items(&failure));
    }

    fn progress(&mut self, _: &Progress) {}
}

/// Hands every result on.
pub(super) struct Forward<O> {
    pub(super) sender: mpsc::UnboundedSender<Streamed<O>>,
    pub(super) read: Read<O>,
    pub(super) codec: crate::Codec,
}

impl<O: DeserializeOwned + Send> Sink for Forward<O> {
    fn read(&mut self, answer: &Answer) -> Result<usize, String> {
        let failed;
        (self.read, failed) = read_results(self.codec, answer)?;
        Ok(failed)
    }

    fn take(&mut self, items: Range<usize>) {
        for (index, result) in items.zip(std::mem::take(&mut self.read)) {
            // The receiver may be gone; then the map is about to end.
            let _ = self.sender.send(Ok((index, result.map_err(|failure| item_error(index, failure)))));
        }
    }

    fn fail(&mut self, failure: Failure) {
        for error in failed_items(&failure) {
            let _ = self.sender.send(Ok((error.index, Err(error))));
        }
    }

    fn progress(&mut self, _: &Progress) {}
}
