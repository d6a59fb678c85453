//! Runs one attempt of one chunk: sends its items, reads the worker's answer, and translates failures for the machine.
//!
//! An attempt never retries by itself. It reports an [`AttemptEnd`], and the machine decides between a retry, a split and
//! a failure, because only the machine knows the chunk's other attempts.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::chunk::{self, SpillDirection};
use crate::chunk_handler::ChunkHandler;
use crate::clock::now;
use crate::codec::{EncodedItems, from_value, pack, to_value, unpack};
use crate::compute::{ChunkResults, ChunkWork};
use crate::host::MapHost;
use lzap_invocation::{Invocation, now_ms, to_millis};
use lzap_map_scheduler::attempt::{AttemptEnd, AttemptId, AttemptPlace, ChunkId};
use lzap_map_scheduler::plan::INLINE_BYTES;
use lzap_tasks::build_id;
use lzap_tasks::envelope::{ChunkHead, Event, Head, Reply};
use lzap_tasks::{AttemptOutcome, Invoker, Retention, TaskHost, TaskTarget};
use lzap_tasks::{TaskError, TaskErrorKind};
use lzap_wire::encoding::Encoding;
use lzap_wire::invoke::FunctionFailure;

/// The longest time for deleting results of lost responses. The bucket's lifecycle deletes the rest after a day.
const DELETE_TIMEOUT: Duration = Duration::from_secs(2);

/// The state that all attempts of one map share.
pub(crate) struct MapContext {
    /// 32 hex digits. Workers log it as `job`, and spilled payloads have it in their keys.
    pub(crate) id: String,
    pub(crate) host: Arc<TaskHost>,
    pub(crate) maps: Arc<MapHost>,
    pub(crate) task: Arc<dyn ChunkHandler>,
    /// The task that joins two results into one, for [`Map::reduce`](crate::Map::reduce).
    pub(crate) reduce: Option<Arc<dyn ChunkHandler>>,
    pub(crate) items: EncodedItems,
    pub(crate) encoding: Encoding,
    /// Allows payloads above [`INLINE_BYTES`] to go through S3.
    pub(crate) spill: bool,
    /// The id of the app's job that runs this map; `None` outside of jobs.
    pub(crate) parent: Option<String>,
    pub(crate) depth: u32,
    /// Time of [`now`]; `None` under `cargo run`.
    pub(crate) deadline: Option<Duration>,
    /// Time between a worker's deadline and the map's: the answer needs it for the way back.
    pub(crate) return_margin: Duration,
    /// Keys of S3 objects that attempts with a lost response may have written.
    pub(crate) lost_keys: Mutex<Vec<String>>,
    /// Threads that compute a plain task's items in this process.
    pub(crate) cores: usize,
}

impl fmt::Debug for MapContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapContext")
            .field("id", &self.id)
            .field("task", &self.task.name())
            .finish_non_exhaustive()
    }
}

/// The results of one chunk, still encoded, with the worker's measurements.
#[derive(Debug)]
pub(crate) struct ChunkAnswer {
    pub(crate) results: Vec<u8>,
    pub(crate) items: usize,
    /// Milliseconds in the process that computed the chunk, without the way there and back.
    pub(crate) took_ms: f64,
    /// Milliseconds of work, summed over all cores.
    pub(crate) busy_ms: f64,
    /// True for the first chunk of an execution environment.
    pub(crate) cold: bool,
    /// The worker function's memory; 0 for this process.
    pub(crate) memory_mb: u32,
    /// The execution environment's name, from its log stream; empty for this process.
    pub(crate) worker: String,
}

impl ChunkAnswer {
    /// The answer for results that an earlier attempt of the job left in its journal.
    pub(crate) fn from_journal(results: Vec<u8>, items: usize) -> Self {
        Self::from_local(ChunkResults { results, items, parallel: Duration::ZERO }, Duration::ZERO)
    }

    /// The time in the process that computed the chunk. A foreign answer can have any number here.
    pub(crate) fn took(&self) -> Duration {
        Duration::try_from_secs_f64(self.took_ms / 1e3).unwrap_or_default()
    }

    /// The answer for results that this process computed in `took`.
    pub(crate) fn from_local(computed: ChunkResults, took: Duration) -> Self {
        let ChunkResults { results, items, parallel } = computed;
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        Self {
            results,
            items,
            took_ms: ms(took),
            busy_ms: ms(took + parallel),
            cold: false,
            memory_mb: 0,
            worker: String::new(),
        }
    }
}

/// A finished attempt, with the figures for the report. Exactly one of `end` and `answer` is set.
#[derive(Debug)]
pub(crate) struct AttemptRecord {
    /// The reason why there is no answer.
    pub(crate) end: Option<AttemptEnd>,
    pub(crate) answer: Option<ChunkAnswer>,
    pub(crate) place: AttemptPlace,
    pub(crate) items: Range<usize>,
    /// Time of [`now`].
    pub(crate) started: Duration,
    pub(crate) finished: Duration,
    pub(crate) bytes_up: usize,
    pub(crate) bytes_down: usize,
    /// Payloads that went through S3, in either direction.
    pub(crate) spilled: usize,
}

impl AttemptRecord {
    /// A record that starts now.
    fn new(place: AttemptPlace, items: Range<usize>) -> Self {
        let (end, answer) = (None, None);
        let started = now();
        Self { end, answer, place, items, started, finished: started, bytes_up: 0, bytes_down: 0, spilled: 0 }
    }

    /// The record with its result; the attempt ends now.
    fn finish(mut self, result: Result<ChunkAnswer, AttemptEnd>) -> Self {
        match result {
            Ok(answer) => self.answer = Some(answer),
            Err(end) => self.end = Some(end),
        }
        self.finished = now();
        self
    }
}

impl MapContext {
    /// Runs one attempt of a chunk, in a worker or in this process.
    pub(crate) async fn run_attempt(
        &self,
        chunk: ChunkId,
        attempt: AttemptId,
        items: Range<usize>,
        place: AttemptPlace,
    ) -> AttemptRecord {
        // The machine asks for a remote attempt only when there is a remote target. Under `cargo run` there is none, and all
        // attempts run here.
        let (TaskTarget::Remote(invoker), AttemptPlace::Remote) = (self.maps.chunk_target(&self.host), place)
        else {
            return self.run_here(items, None).await;
        };
        let mut record = AttemptRecord::new(place, items);
        let result = self.invoke_worker(&**invoker, chunk, attempt, &mut record).await;
        record.finish(result)
    }

    /// Runs items in this process and starts none of them after `until`. The answer may then hold fewer results than items.
    pub(crate) async fn run_here(&self, items: Range<usize>, until: Option<Instant>) -> AttemptRecord {
        let record = AttemptRecord::new(AttemptPlace::Here, items);
        let result = self.compute_here(&record.items, until).await;
        record.finish(result)
    }

    /// A digest of the map's task, build, codec and items: 32 hex digits.
    ///
    /// Another attempt of the same job computes the same digest, and so finds this map's journal.
    pub(crate) fn map_digest(&self) -> String {
        let joined = self.reduce.as_ref().map(|task| task.name()).unwrap_or_default();
        let items = 0..self.items.len();
        hash_parts(&[
            self.task.name().as_bytes(),
            build_id::build_id().as_bytes(),
            joined.as_bytes(),
            self.encoding.to_string().as_bytes(),
            &items.len().to_le_bytes(),
            self.items.slice(&items),
        ])
    }

    /// Computes items in this process, through the same serialization as in a worker, so that tests find what would fail there.
    async fn compute_here(
        &self,
        items: &Range<usize>,
        until: Option<Instant>,
    ) -> Result<ChunkAnswer, AttemptEnd> {
        let began = Instant::now();
        let end = self.deadline.map(|deadline| began + deadline.saturating_sub(now()));
        // The map's deadline also applies to items that run here: whichever of both times is earlier ends the attempt.
        let until = [until, end].into_iter().flatten().min();
        let work = ChunkWork {
            codec: self.items.codec,
            bytes: self.items.slice(items).to_vec(),
            items: items.len(),
            until,
            cores: self.cores,
        };
        let invocation = Invocation::at_depth(self.depth, self.deadline_ms_before(Duration::ZERO));
        let computed =
            invocation.scope(chunk::compute_chunk(&*self.task, self.reduce.as_deref(), work)).await;
        Ok(ChunkAnswer::from_local(computed.map_err(|error| end_from_error(&error))?, began.elapsed()))
    }

    /// Items above [`INLINE_BYTES`] after compression go through S3; without a bucket the attempt ends as too large.
    async fn invoke_worker(
        &self,
        invoker: &dyn Invoker,
        index: ChunkId,
        attempt: AttemptId,
        record: &mut AttemptRecord,
    ) -> Result<ChunkAnswer, AttemptEnd> {
        let bytes = self.items.slice(&record.items);
        let chunk = ChunkHead {
            index,
            items: record.items.len(),
            key: chunk_key(self.task.name(), bytes),
            attempt,
            reduce: self.reduce.as_ref().map(|task| task.name().to_owned()),
        };
        let encoding = self.encoding;
        let mut head = Head::for_chunk(self.task.name(), self.depth, chunk.clone());
        head.enc = encoding;
        head.job = Some(self.id.clone());
        head.of_job.clone_from(&self.parent);
        head.build = Some(build_id::chunk_build().to_owned());
        // The worker ends earlier than the map, so that its finished items arrive before the map gives up.
        head.deadline_ms = self.deadline_ms_before(self.return_margin);
        let packed = pack(encoding, bytes);
        // Compressed bytes decide, because these are the ones that Lambda measures.
        let data = if packed.len() <= INLINE_BYTES {
            RawValue::from_string(to_value(encoding, &packed)).map_err(|error| AttemptEnd::Fatal {
                kind: TaskErrorKind::BadInput,
                message: error.to_string(),
            })?
        } else {
            head.spilled = Some(self.spill_items(&chunk, packed.into_owned()).await?);
            record.spilled += 1;
            RawValue::NULL.to_owned()
        };
        let event = Event::new(&head, data).to_bytes();
        record.bytes_up = event.len();
        let outcome = invoker.invoke(event).await;
        if let (Some(store), true) = (&self.host.store, head.spilled.is_some()) {
            // Deleted after each attempt, because the next attempt writes its own copy under its own key.
            store.delete(&chunk::spill_key(&self.id, &chunk, SpillDirection::Up)).await;
        }
        // Such an invocation may still run and write results to S3 after this line, so they are deleted at the map's end.
        if let (AttemptOutcome::ResponseLost(_) | AttemptOutcome::Unavailable(_), Some(_)) =
            (&outcome, &self.host.store)
        {
            self.lock_lost_keys().push(chunk::spill_key(&self.id, &chunk, SpillDirection::Down));
        }
        let answer = read_outcome(outcome)?;
        record.bytes_down = answer.len();
        self.read_reply(&answer, &chunk, record).await
    }

    /// The map's deadline minus `margin`, in milliseconds since 1970, which is how another process can read it.
    fn deadline_ms_before(&self, margin: Duration) -> Option<u64> {
        let left = self.deadline?.saturating_sub(now()).saturating_sub(margin);
        Some(now_ms() + to_millis(left))
    }

    /// Deletes S3 objects that attempts with a lost response may have written, for at most `time`. The bucket's lifecycle
    /// deletes the rest.
    pub(crate) async fn delete_lost_results(&self, time: Option<Duration>) {
        let Some(store) = &self.host.store else { return };
        let keys = std::mem::take(&mut *self.lock_lost_keys());
        // Near the deadline the remaining time is shorter than the usual limit, and the map's result is more important.
        let time = time.map_or(DELETE_TIMEOUT, |time| time.min(DELETE_TIMEOUT));
        let all = stream::iter(keys).for_each_concurrent(16, |key| async move { store.delete(&key).await });
        let _ = tokio::time::timeout(time, all).await;
    }

    /// A panic leaves the list usable, so a poisoned lock is no error.
    fn lock_lost_keys(&self) -> MutexGuard<'_, Vec<String>> {
        self.lost_keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a chunk's items to S3 and returns their key.
    ///
    /// # Errors
    /// [`AttemptEnd::TooLarge`] without a bucket or when the map forbids it, so that the machine splits the chunk.
    async fn spill_items(&self, chunk: &ChunkHead, bytes: Vec<u8>) -> Result<String, AttemptEnd> {
        let Some(store) = self.host.store.as_ref().filter(|_| self.spill) else {
            let message = format!(
                "the chunk takes {} bytes, and Lambda carries 6 MB: allow S3 with `.spill(true)`, and run `lzap deploy`, which \
                 makes the bucket",
                bytes.len()
            );
            return Err(AttemptEnd::TooLarge { ran: false, message });
        };
        let key = chunk::spill_key(&self.id, chunk, SpillDirection::Up);
        let put = store.put(&key, bytes, Retention::OneDay).await;
        put.map_err(|error| AttemptEnd::Fatal { kind: error.kind(), message: error.to_string() })?;
        Ok(key)
    }

    /// Checks that an answer belongs to this chunk, and reads its results from the event or from S3.
    ///
    /// A deploy of other code under the same name can answer with anything, so nothing in the answer is trusted: the key of
    /// the S3 object is computed here instead of taken from the reply.
    async fn read_reply(
        &self,
        answer: &[u8],
        sent: &ChunkHead,
        record: &mut AttemptRecord,
    ) -> Result<ChunkAnswer, AttemptEnd> {
        let reply = Reply::parse(answer).map_err(|error| end_from_error(&error))?;
        let foreign = |why: &str| {
            AttemptEnd::ForeignAnswer(format!("a worker's answer {why}; was another version deployed?"))
        };
        let chunk = reply.head.chunk.ok_or_else(|| foreign("is not a chunk's"))?;
        // A key differs when another version answers, or a proxy mixes up responses. Results of other items must not count.
        if chunk.key != sent.key {
            return Err(foreign("is another chunk's"));
        }
        let codec = chunk::results_codec(self.items.codec, self.reduce.is_some());
        let encoding = Encoding { codec, deflate: chunk.enc.deflate };
        let results = match (&chunk.spilled, &self.host.store) {
            (None, _) => from_value(encoding, reply.data.get()).map_err(|why| foreign(&why))?,
            (Some(_), None) => return Err(foreign("is in S3, and `LZAP_BUCKET` is not set")),
            (Some(_), Some(store)) => {
                record.spilled += 1;
                let key = chunk::spill_key(&self.id, sent, SpillDirection::Down);
                let bytes =
                    store.get(&key).await.map_err(|error| AttemptEnd::ResponseLost(error.to_string()))?;
                let bytes = bytes.ok_or_else(|| foreign("is not in S3"))?;
                // The results are in memory now. If this deletion fails, the bucket's lifecycle deletes the object.
                store.delete(&key).await;
                record.bytes_down += bytes.len();
                unpack(encoding, bytes.into()).map_err(|why| foreign(&why))?
            }
        };
        Ok(ChunkAnswer {
            results,
            items: chunk.done,
            took_ms: chunk.ms,
            busy_ms: chunk.busy_ms,
            cold: chunk.cold,
            memory_mb: chunk.memory_mb,
            worker: chunk.worker,
        })
    }
}

/// A chunk's key: equal items of the same task and build have equal keys.
fn chunk_key(task: &str, items: &[u8]) -> String {
    hash_parts(&[task.as_bytes(), build_id::build_id().as_bytes(), items])
}

/// The first 32 hex digits of a SHA-256 over `parts`: enough for keys in S3, and the form of an id.
fn hash_parts(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // The length keeps `["ab", "c"]` and `["a", "bc"]` apart.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    build_id::to_hex(&hash.finalize()).chars().take(32).collect()
}

/// The payload of an answered invocation, or the end that another outcome means for its chunk.
fn read_outcome(outcome: AttemptOutcome) -> Result<bytes::Bytes, AttemptEnd> {
    Err(match outcome {
        AttemptOutcome::Answered(answer) => return Ok(answer),
        AttemptOutcome::Throttled { reason, retry_after } => AttemptEnd::Throttled { reason, retry_after },
        AttemptOutcome::Failed { failure, message, .. } => AttemptEnd::FunctionFailed { failure, message },
        AttemptOutcome::OutOfDescriptors => AttemptEnd::OutOfDescriptors,
        AttemptOutcome::NotConnected(why) => AttemptEnd::NotSent(why),
        AttemptOutcome::ResponseLost(why) | AttemptOutcome::Unavailable(why) => AttemptEnd::ResponseLost(why),
        // The event was measured before it was sent, so the answer exceeds Lambda's limit, and the items have run.
        AttemptOutcome::TooLarge(message) => AttemptEnd::TooLarge { ran: true, message },
        // Every further invocation would be refused too, so the machine stops using Lambda for this map.
        AttemptOutcome::Refused {
            kind: kind @ (TaskErrorKind::Denied | TaskErrorKind::Recursion),
            message,
        } => AttemptEnd::LambdaUnusable { kind, message },
        AttemptOutcome::Refused { kind, message } => AttemptEnd::Fatal { kind, message },
    })
}

/// The end that a worker's or this process's error means for its chunk.
fn end_from_error(error: &TaskError) -> AttemptEnd {
    let (kind, message) = (error.kind(), error.to_string());
    match kind {
        TaskErrorKind::TooLarge => AttemptEnd::TooLarge { ran: true, message },
        TaskErrorKind::Storage | TaskErrorKind::Throttled => AttemptEnd::ResponseLost(message),
        TaskErrorKind::BadOutput => AttemptEnd::ForeignAnswer(message),
        TaskErrorKind::Crashed => AttemptEnd::FunctionFailed { failure: FunctionFailure::Exit, message },
        _ => AttemptEnd::Fatal { kind, message },
    }
}
