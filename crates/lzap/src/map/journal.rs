//! What the maps of a job have done, kept in the bucket: when the job's process dies, or its time is over, Lambda's next
//! attempt goes on from there.
//!
//! A map's journal is a row of objects, `spill/JOB/MAP-NTH.1` and so on, each with the results that came in since the one
//! before. It is read until one is missing, so that nothing has to be listed. The job deletes them when it is done; what
//! a job leaves that never is, the bucket's lifecycle deletes after a day.

use std::collections::HashMap;
use std::fmt;
use std::future::pending;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use serde::{Deserialize, Serialize};

use super::drive::now;
use crate::engine::{Retention, Store};

/// How often an object is written: what a killed process loses, and no more than one request in so much time. A map that
/// takes less is soon done again, and writes nothing.
const EVERY: Duration = Duration::from_secs(1);
/// How long the last object may take, and the deletion of all.
const PATIENCE: Duration = Duration::from_secs(5);
/// Objects that are read at once.
const READ_AHEAD: usize = 8;

/// One attempt of a job, as its maps know it.
#[derive(Debug)]
pub(crate) struct JobAttempt {
    job: String,
    /// Which one, beginning with 1.
    number: u32,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// How many maps of the same items there were: the second is another one.
    maps: HashMap<String, usize>,
    /// Keys of all objects that this attempt found or wrote.
    objects: Vec<String>,
}

impl JobAttempt {
    pub(crate) fn new(job: &str, number: u32) -> Self {
        Self { job: job.to_owned(), number, known: Mutex::default() }
    }

    /// The job's id.
    pub(crate) fn job(&self) -> &str {
        &self.job
    }

    /// The job is done: nobody will go on from anywhere. What `time` is too short for, the bucket's lifecycle deletes.
    pub(crate) async fn forget(&self, store: Option<&Store>, time: Duration) {
        let Some(store) = store else { return };
        let objects = std::mem::take(&mut self.known().objects);
        let all = stream::iter(objects)
            .for_each_concurrent(READ_AHEAD, |key| async move { store.delete(&key).await });
        let _ = tokio::time::timeout(time.min(PATIENCE), all).await;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some items' results, as a worker wrote them. None of them is an error: what failed is done again.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) items: Range<usize>,
    pub(crate) results: Vec<u8>,
}

/// The journal of one map.
pub(crate) struct Journal {
    store: Store,
    attempt: Arc<JobAttempt>,
    /// What its objects' keys begin with.
    prefix: String,
    /// The number of the next object.
    next: usize,
    /// When that may be written.
    due: Duration,
    waiting: Vec<Kept>,
    /// Whether it could be written.
    writing: Option<BoxFuture<'static, bool>>,
    broken: bool,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("prefix", &self.prefix)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// Of the map that `digest` names, in this attempt of its job.
    pub(crate) fn new(store: Store, attempt: Arc<JobAttempt>, digest: &str) -> Self {
        let nth = {
            let mut known = attempt.known();
            let nth = known.maps.entry(digest.to_owned()).or_default();
            *nth += 1;
            *nth
        };
        let prefix = format!("spill/{}/{digest}-{nth}", attempt.job);
        Self {
            store,
            attempt,
            prefix,
            next: 1,
            due: now() + EVERY,
            waiting: Vec::new(),
            writing: None,
            broken: false,
        }
    }

    /// Whether an earlier attempt of the job may have left something.
    pub(crate) fn goes_on(&self) -> bool {
        self.attempt.number > 1
    }

    /// What earlier attempts of the job left. `s3:GetObject`s; none in a first attempt.
    pub(crate) async fn read(&mut self) -> Vec<Kept> {
        let mut kept = Vec::new();
        if !self.goes_on() {
            return kept;
        }
        let store = self.store.clone();
        let prefix = &self.prefix;
        let get = |number| {
            let store = store.clone();
            async move { store.get(&key(prefix, number)).await }
        };
        let mut objects = stream::iter(self.next..).map(get).buffered(READ_AHEAD).boxed();
        let mut found = 0;
        while let Some(object) = objects.next().await {
            match object {
                Ok(Some(bytes)) => kept.extend(parse(&bytes)),
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "what the job's last attempt did can't be read, and is done again");
                    break;
                }
            }
            found += 1;
        }
        drop(objects);
        self.attempt
            .known()
            .objects
            .extend((self.next..self.next + found).map(|number| key(&self.prefix, number)));
        self.next += found;
        kept
    }

    /// One more result.
    pub(crate) fn keep(&mut self, items: Range<usize>, results: Vec<u8>) {
        if !self.broken {
            self.waiting.push(Kept { items, results });
        }
    }

    /// Writes what there is, once it is time: one `s3:PutObject`. Never ends while there is nothing. Dropped and called
    /// again, it goes on.
    pub(crate) async fn turn(&mut self) {
        if self.writing.is_none() {
            if self.waiting.is_empty() {
                return pending().await;
            }
            tokio::time::sleep(self.due.saturating_sub(now())).await;
            self.write();
        }
        if let Some(writing) = &mut self.writing {
            let written = writing.await;
            if !written {
                self.broken = true;
                self.waiting.clear();
            }
        }
        (self.writing, self.due) = (None, now() + EVERY);
    }

    /// The map is over: writes the rest, unless it was short, or `time` ends before.
    pub(crate) async fn close(mut self, began: Duration, time: Option<Duration>) {
        if self.next == 1 && self.writing.is_none() && now().saturating_sub(began) < EVERY {
            return;
        }
        let rest = async {
            while !self.broken && (self.writing.is_some() || !self.waiting.is_empty()) {
                self.due = now();
                self.turn().await;
            }
        };
        // Given up, the items are done again.
        let _ = tokio::time::timeout(time.unwrap_or(PATIENCE).min(PATIENCE), rest).await;
    }

    fn write(&mut self) {
        let key = key(&self.prefix, self.next);
        let kept = std::mem::take(&mut self.waiting);
        self.next += 1;
        self.attempt.known().objects.push(key.clone());
        let store = self.store.clone();
        self.writing = Some(Box::pin(async move {
            let bytes = postcard::to_stdvec(&kept).unwrap_or_default();
            let put = store.put(&key, bytes, Retention::OneDay).await;
            if let Err(error) = &put {
                tracing::warn!(%error, "another attempt of this job will do all of its map again");
            }
            put.is_ok()
        }));
    }
}

fn key(prefix: &str, number: usize) -> String {
    format!("{prefix}.{number}")
}

/// Nothing, where it isn't one: then it is done again.
fn parse(object: &Bytes) -> Vec<Kept> {
    postcard::from_bytes(object).unwrap_or_default()
}
