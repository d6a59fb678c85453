//! One attempt of one chunk: the bytes there, the answer back, and what it means for the machine.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::chunk::{self, Computed, Way, Work};
use super::drive::now;
use super::machine::{AttemptId, ChunkId, Ended, Where};
use super::plan::INLINE_BYTES;
use crate::build;
use crate::codec::{Encoded, Encoding, from_value, pack, to_value, unpack};
use crate::engine::{AttemptOutcome, Invoker, Retention, Shared, TaskTarget, ThrottleReason};
use crate::task::context::{self, Invocation};
use crate::task::error::{TaskError, TaskErrorKind};
use crate::task::handler::Handler;
use crate::task::head::{ChunkHead, Event, Head, Reply};

/// How long deleting may take.
const FORGET: Duration = Duration::from_secs(2);

/// What all attempts of a map have in common.
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) shared: Arc<Shared>,
    pub(crate) task: Arc<dyn Handler>,
    pub(crate) reduce: Option<Arc<dyn Handler>>,
    pub(crate) items: Encoded,
    pub(crate) encoding: Encoding,
    pub(crate) spill: bool,
    /// The job of the app's that this map is a part of.
    pub(crate) parent: Option<String>,
    pub(crate) depth: u32,
    pub(crate) deadline: Option<Duration>,
    /// How long before it a worker's results must be on their way.
    pub(crate) way_back: Duration,
    /// Where attempts whose answers are lost may have put results.
    pub(crate) lost: Mutex<Vec<String>>,
    pub(crate) cores: usize,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("id", &self.id).field("task", &self.task.name()).finish_non_exhaustive()
    }
}

/// A chunk's answer, its results still bytes.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) results: Vec<u8>,
    pub(crate) items: usize,
    /// How long it took where it was computed.
    pub(crate) took_ms: f64,
    /// What all cores together worked.
    pub(crate) busy_ms: f64,
    pub(crate) cold: bool,
    pub(crate) memory_mb: u32,
    pub(crate) worker: String,
}

impl Answer {
    /// Of an earlier attempt of the job.
    pub(crate) fn kept(results: Vec<u8>, items: usize) -> Self {
        Self::here(Computed { results, items, beside: Duration::ZERO }, Duration::ZERO)
    }

    /// Of this process.
    pub(crate) fn here(computed: Computed, took: Duration) -> Self {
        let Computed { results, items, beside } = computed;
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        Self {
            results,
            items,
            took_ms: ms(took),
            busy_ms: ms(took + beside),
            cold: false,
            memory_mb: 0,
            worker: String::new(),
        }
    }
}

/// An attempt that is over: an answer, or how else it ended.
#[derive(Debug)]
pub(crate) struct Carried {
    pub(crate) ended: Option<Ended>,
    pub(crate) answer: Option<Answer>,
    pub(crate) place: Where,
    pub(crate) items: Range<usize>,
    pub(crate) started: Duration,
    pub(crate) over: Duration,
    pub(crate) bytes_up: usize,
    pub(crate) bytes_down: usize,
    pub(crate) spilled: usize,
}

impl Carried {
    fn begun(place: Where, items: Range<usize>) -> Self {
        let (ended, answer) = (None, None);
        let started = now();
        Self { ended, answer, place, items, started, over: started, bytes_up: 0, bytes_down: 0, spilled: 0 }
    }

    fn with(mut self, result: Result<Answer, Ended>) -> Self {
        match result {
            Ok(answer) => self.answer = Some(answer),
            Err(ended) => self.ended = Some(ended),
        }
        self.over = now();
        self
    }
}

impl Job {
    /// One attempt of a chunk.
    pub(crate) async fn carry(
        &self,
        chunk: ChunkId,
        attempt: AttemptId,
        items: Range<usize>,
        place: Where,
    ) -> Carried {
        let (TaskTarget::Remote(invoker), Where::Remote) = (self.shared.chunk_target(), place) else {
            return self.carry_here(items, None).await;
        };
        let mut carried = Carried::begun(place, items);
        let result = self.send(&**invoker, chunk, attempt, &mut carried).await;
        carried.with(result)
    }

    /// Some items in this process; none is begun after `until`.
    pub(crate) async fn carry_here(&self, items: Range<usize>, until: Option<Instant>) -> Carried {
        let carried = Carried::begun(Where::Here, items);
        let result = self.compute(&carried.items, until).await;
        carried.with(result)
    }

    /// What makes this map the same one in another attempt of its job: 32 hex digits.
    pub(crate) fn digest(&self) -> String {
        let joined = self.reduce.as_ref().map(|task| task.name()).unwrap_or_default();
        let items = 0..self.items.len();
        digest(&[
            self.task.name().as_bytes(),
            build::id().as_bytes(),
            joined.as_bytes(),
            self.encoding.to_string().as_bytes(),
            &items.len().to_le_bytes(),
            self.items.slice(&items),
        ])
    }

    /// In this process, through the same bytes.
    async fn compute(&self, items: &Range<usize>, until: Option<Instant>) -> Result<Answer, Ended> {
        let began = Instant::now();
        let end = self.deadline.map(|deadline| began + deadline.saturating_sub(now()));
        let until = [until, end].into_iter().flatten().min();
        let work = Work {
            codec: self.items.codec,
            bytes: self.items.slice(items).to_vec(),
            items: items.len(),
            until,
            cores: self.cores,
        };
        let invocation = Invocation::until(self.depth, self.ends_ms(Duration::ZERO));
        let computed = invocation.scope(chunk::compute(&*self.task, self.reduce.as_deref(), work)).await;
        Ok(Answer::here(computed.map_err(|error| from_error(&error))?, began.elapsed()))
    }

    async fn send(
        &self,
        invoker: &dyn Invoker,
        index: ChunkId,
        attempt: AttemptId,
        carried: &mut Carried,
    ) -> Result<Answer, Ended> {
        let bytes = self.items.slice(&carried.items);
        let chunk = ChunkHead {
            index,
            items: carried.items.len(),
            key: key(self.task.name(), bytes),
            attempt,
            reduce: self.reduce.as_ref().map(|task| task.name().to_owned()),
        };
        let encoding = self.encoding;
        let mut head = Head::chunk(self.task.name(), self.depth, chunk.clone());
        head.enc = encoding;
        head.job = Some(self.id.clone());
        head.of_job.clone_from(&self.parent);
        head.build = Some(build::of_chunks().to_owned());
        head.deadline_ms = self.ends_ms(self.way_back);
        let packed = pack(encoding, bytes);
        let data = if packed.len() <= INLINE_BYTES {
            RawValue::from_string(to_value(encoding, &packed))
                .map_err(|error| Ended::Fatal { kind: TaskErrorKind::BadInput, message: error.to_string() })?
        } else {
            head.spilled = Some(self.spill(&chunk, packed.into_owned()).await?);
            carried.spilled += 1;
            RawValue::NULL.to_owned()
        };
        let event = Event::new(&head, data).to_bytes();
        carried.bytes_up = event.len();
        let outcome = invoker.invoke(event).await;
        if let (Some(store), true) = (&self.shared.store, head.spilled.is_some()) {
            // Another attempt writes it again.
            store.delete(&chunk::spill_key(&self.id, &chunk, Way::Up)).await;
        }
        if let (AttemptOutcome::ResponseLost(_) | AttemptOutcome::Unavailable(_), Some(_)) =
            (&outcome, &self.shared.store)
        {
            self.lost().push(chunk::spill_key(&self.id, &chunk, Way::Down));
        }
        let answer = from_outcome(outcome)?;
        carried.bytes_down = answer.len();
        self.read(&answer, &chunk, carried).await
    }

    /// So long before its end, in milliseconds since 1970.
    fn ends_ms(&self, before: Duration) -> Option<u64> {
        let left = self.deadline?.saturating_sub(now()).saturating_sub(before);
        Some(context::now_ms() + context::millis(left))
    }

    /// Deletes what attempts whose answers were lost may have left. What `time` is too short for, the bucket's lifecycle
    /// deletes.
    pub(crate) async fn forget_lost(&self, time: Option<Duration>) {
        let Some(store) = &self.shared.store else { return };
        let keys = std::mem::take(&mut *self.lost());
        let time = time.map_or(FORGET, |time| time.min(FORGET));
        let all = stream::iter(keys).for_each_concurrent(16, |key| async move { store.delete(&key).await });
        let _ = tokio::time::timeout(time, all).await;
    }

    fn lost(&self) -> MutexGuard<'_, Vec<String>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a payload into S3: where it is.
    async fn spill(&self, chunk: &ChunkHead, bytes: Vec<u8>) -> Result<String, Ended> {
        let Some(store) = self.shared.store.as_ref().filter(|_| self.spill) else {
            let message = format!("one item takes {} bytes, and Lambda carries 6 MB", bytes.len());
            return Err(Ended::TooLarge { ran: false, message });
        };
        let key = chunk::spill_key(&self.id, chunk, Way::Up);
        let put = store.put(&key, bytes, Retention::OneDay).await;
        put.map_err(|error| Ended::Fatal { kind: error.kind(), message: error.to_string() })?;
        Ok(key)
    }

    /// Checks that an answer is this chunk's, and fetches what it spilled.
    async fn read(&self, answer: &[u8], sent: &ChunkHead, carried: &mut Carried) -> Result<Answer, Ended> {
        let reply = Reply::parse(answer).map_err(|error| from_error(&error))?;
        let foreign =
            |why: &str| Ended::Foreign(format!("a worker's answer {why}; was another version deployed?"));
        let chunk = reply.head.chunk.ok_or_else(|| foreign("is not a chunk's"))?;
        if chunk.key != sent.key {
            return Err(foreign("is another chunk's"));
        }
        let codec = chunk::results_codec(self.items.codec, self.reduce.is_some());
        let encoding = Encoding { codec, deflate: chunk.enc.deflate };
        let results = match (&chunk.spilled, &self.shared.store) {
            (None, _) => from_value(encoding, reply.data.get()).map_err(|why| foreign(&why))?,
            (Some(_), None) => return Err(foreign("is in S3, and `LZAP_BUCKET` is not set")),
            (Some(_), Some(store)) => {
                carried.spilled += 1;
                let key = chunk::spill_key(&self.id, sent, Way::Down);
                let bytes = store.get(&key).await.map_err(|error| Ended::Lost(error.to_string()))?;
                let bytes = bytes.ok_or_else(|| foreign("is not in S3"))?;
                store.delete(&key).await;
                carried.bytes_down += bytes.len();
                unpack(encoding, bytes.into()).map_err(|why| foreign(&why))?
            }
        };
        Ok(Answer {
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

/// The same items of the same task and build have the same key.
fn key(task: &str, items: &[u8]) -> String {
    digest(&[task.as_bytes(), build::id().as_bytes(), items])
}

/// 32 hex digits that no other parts have.
fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    build::hex(&hash.finalize()).chars().take(32).collect()
}

/// What an invocation without a reply means for its chunk.
fn from_outcome(outcome: AttemptOutcome) -> Result<bytes::Bytes, Ended> {
    Err(match outcome {
        AttemptOutcome::Answered(answer) => return Ok(answer),
        AttemptOutcome::Throttled { reason: cause, retry_after } => Ended::Throttled { cause, retry_after },
        AttemptOutcome::Failed { failure: how, message, .. } => Ended::Died { how, message },
        AttemptOutcome::OutOfDescriptors => Ended::OutOfFiles,
        AttemptOutcome::NotConnected(why)
        | AttemptOutcome::ResponseLost(why)
        | AttemptOutcome::Unavailable(why) => Ended::Lost(why),
        // What is sent fits: it is the answer that doesn't.
        AttemptOutcome::TooLarge(message) => Ended::TooLarge { ran: true, message },
        AttemptOutcome::Refused {
            kind: kind @ (TaskErrorKind::Denied | TaskErrorKind::Recursion),
            message,
        } => Ended::NoLambda { kind, message },
        AttemptOutcome::Refused { kind, message } => Ended::Fatal { kind, message },
    })
}

/// What a worker's refusal means for its chunk.
fn from_error(error: &TaskError) -> Ended {
    let (kind, message) = (error.kind(), error.to_string());
    match kind {
        TaskErrorKind::TooLarge => Ended::TooLarge { ran: true, message },
        TaskErrorKind::Storage => Ended::Lost(message),
        TaskErrorKind::BadOutput => Ended::Foreign(message),
        TaskErrorKind::Crashed => Ended::Died { how: crate::engine::FunctionFailure::Exit, message },
        TaskErrorKind::Throttled => {
            Ended::Throttled { cause: ThrottleReason::Concurrency, retry_after: None }
        }
        _ => Ended::Fatal { kind, message },
    }
}
