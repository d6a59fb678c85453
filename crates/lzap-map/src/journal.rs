//! The journal of a job's maps: results in the stage's bucket, from which Lambda's next attempt of the job continues after
//! a crash or a timeout.
//!
//! A map's journal is a sequence of objects, `spill/JOB/MAP-NTH.1` and so on. Each has the results since the one before. A
//! reader gets them until one is missing, because listing would need `s3:ListBucket` on the whole bucket. The job deletes
//! its journals when it is done. The bucket's lifecycle deletes those of a job that never is, after a day.

use std::fmt;
use std::future::pending;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use lzap_invocation::JobAttempt;
use serde::{Deserialize, Serialize};

use crate::clock::now;
use lzap_tasks::{Retention, Store};

/// The time between two writes. A process that is stopped loses the results of this time, and a map costs at most one
/// request per interval. A shorter map writes nothing, because running it again takes less time than the write saves.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// The longest time for the last write. A deadline may make it shorter.
const LAST_WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// Objects that are read concurrently.
const CONCURRENT_REQUESTS: usize = 8;

/// The results of a range of items, as a worker encoded them. None is an error, because the next attempt runs failed items
/// again.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct JournalEntry {
    pub(crate) items: Range<usize>,
    pub(crate) results: Vec<u8>,
}

/// The journal of one map. Maps outside of jobs, and those of a stage without a bucket, have none.
pub(crate) struct Journal {
    store: Store,
    attempt: Arc<JobAttempt>,
    /// The common part of the objects' keys.
    prefix: String,
    /// The number of the next object, from 1. Objects of earlier attempts come before it.
    next: usize,
    /// The earliest time of the next write.
    due: Duration,
    /// Results that are not written yet.
    waiting: Vec<JournalEntry>,
    /// The write in progress. Its output is true when it succeeded.
    writing: Option<BoxFuture<'static, bool>>,
    /// A write failed. Later objects are useless, since a reader stops at the missing one.
    has_failed: bool,
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
    /// The journal of the map with this digest, in this attempt of its job.
    pub(crate) fn new(store: Store, attempt: Arc<JobAttempt>, digest: &str) -> Self {
        // Two maps of the same items have equal digests and need separate journals.
        let nth = attempt.count_use(digest);
        let prefix = format!("spill/{}/{digest}-{nth}", attempt.job_id());
        Self {
            store,
            attempt,
            prefix,
            next: 1,
            due: now() + WRITE_INTERVAL,
            waiting: Vec::new(),
            writing: None,
            has_failed: false,
        }
    }

    /// True when an earlier attempt of the job may have left results.
    pub(crate) fn is_resumed(&self) -> bool {
        self.attempt.number() > 1
    }

    /// Reads the results of earlier attempts, with one `s3:GetObject` per object and none in a first attempt.
    ///
    /// A failed read is logged, and the items run again: a journal saves time, so it must not fail a job.
    pub(crate) async fn read_entries(&mut self) -> Vec<JournalEntry> {
        let mut kept = Vec::new();
        if !self.is_resumed() {
            return kept;
        }
        let store = self.store.clone();
        let prefix = &self.prefix;
        let get = |number| {
            let store = store.clone();
            async move { store.get(&object_key(prefix, number)).await }
        };
        // Objects are read ahead in order, because a request's latency is long compared to its transfer.
        let mut objects = stream::iter(self.next..).map(get).buffered(CONCURRENT_REQUESTS).boxed();
        let mut found = 0;
        while let Some(object) = objects.next().await {
            match object {
                Ok(Some(bytes)) => kept.extend(parse_entries(&bytes)),
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "what the job's last attempt did can't be read, and is done again");
                    break;
                }
            }
            found += 1;
        }
        drop(objects);
        let found_keys = (self.next..self.next + found).map(|number| object_key(&self.prefix, number));
        self.attempt.add_objects(found_keys);
        // This attempt appends to the journal of earlier ones, so that a third attempt reads both.
        self.next += found;
        kept
    }

    /// Drops the results after a failed write, because a reader would stop before them.
    pub(crate) fn add_results(&mut self, items: Range<usize>, results: Vec<u8>) {
        if !self.has_failed {
            self.waiting.push(JournalEntry { items, results });
        }
    }

    /// Writes waiting results when the next write is due, with one `s3:PutObject`. Pending while there are none.
    ///
    /// It is cancel safe: `select!` drops this future at each finished attempt, and the next call continues the write.
    pub(crate) async fn write_when_due(&mut self) {
        if self.writing.is_none() {
            if self.waiting.is_empty() {
                return pending().await;
            }
            tokio::time::sleep(self.due.saturating_sub(now())).await;
            self.start_write();
        }
        if let Some(writing) = &mut self.writing {
            let written = writing.await;
            if !written {
                self.has_failed = true;
                self.waiting.clear();
            }
        }
        (self.writing, self.due) = (None, now() + WRITE_INTERVAL);
    }

    /// Writes the rest at the map's end, for at most `time`. A map shorter than [`WRITE_INTERVAL`] writes nothing.
    pub(crate) async fn write_rest(mut self, began: Duration, time: Option<Duration>) {
        // A map that has written nothing and took less than the interval is cheap to run again.
        if self.next == 1 && self.writing.is_none() && now().saturating_sub(began) < WRITE_INTERVAL {
            return;
        }
        let rest = async {
            while !self.has_failed && (self.writing.is_some() || !self.waiting.is_empty()) {
                // The map is over, so there is no reason to wait for the next interval.
                self.due = now();
                self.write_when_due().await;
            }
        };
        // After the timeout the next attempt runs these items again.
        let _ = tokio::time::timeout(time.unwrap_or(LAST_WRITE_TIMEOUT).min(LAST_WRITE_TIMEOUT), rest).await;
    }

    /// The write is kept in `writing`, so that it continues when the future that polls it is dropped.
    fn start_write(&mut self) {
        let key = object_key(&self.prefix, self.next);
        let kept = std::mem::take(&mut self.waiting);
        self.next += 1;
        // Recorded before the write: an object of a failed write may exist, and must be deleted too.
        self.attempt.add_objects([key.clone()]);
        let store = self.store.clone();
        self.writing = Some(Box::pin(async move {
            // Entries are ranges and bytes, which postcard can always encode.
            let bytes = postcard::to_stdvec(&kept).unwrap_or_default();
            let put = store.put(&key, bytes, Retention::OneDay).await;
            if let Err(error) = &put {
                tracing::warn!(%error, "another attempt of this job will do all of its map again");
            }
            put.is_ok()
        }));
    }
}

/// The key of a journal's object, counted from 1.
fn object_key(prefix: &str, number: usize) -> String {
    format!("{prefix}.{number}")
}

/// Decodes an object. One that can't be decoded counts as empty, so its items run again.
fn parse_entries(object: &Bytes) -> Vec<JournalEntry> {
    postcard::from_bytes(object).unwrap_or_default()
}
