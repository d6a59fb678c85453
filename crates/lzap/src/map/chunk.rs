//! One chunk where it is computed: in a worker, or in the caller itself.
//!
//! Items run one after the other when the task is asynchronous, and on all cores when it is plain. Between two items
//! the clock is read: what is done when the time is over is the answer, and the rest is the sender's again.

use std::env;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use lambda_runtime::Error as BoxError;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::Codec;
use crate::codec::{Encoding, codec_write, encoding_for, from_value, pack, read_items, to_value, unpack};
use crate::engine::{Retention, Shared};
use crate::environment::memory_mb;
use crate::task::context;
use crate::task::error::{TaskError, TaskErrorKind};
use crate::task::handler::{Handler, guarded_plain};
use crate::task::head::{ChunkHead, ChunkReply, Event, Reply};
use crate::task::{Body, Task};

use super::plan::INLINE_BYTES;

/// Items to run a task on.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) codec: Codec,
    pub(crate) bytes: Vec<u8>,
    pub(crate) items: usize,
    /// No item is begun after this.
    pub(crate) until: Option<Instant>,
    /// Threads for a plain task.
    pub(crate) cores: usize,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Computed {
    /// As they travel: a [`Result`] for each item, from the first on, or the one that they are joined to.
    pub(crate) results: Vec<u8>,
    pub(crate) items: usize,
    /// What other cores worked meanwhile: beside the time that it took.
    pub(crate) beside: Duration,
}

/// Why one item failed, as it travels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ItemFailure {
    pub(crate) kind: TaskErrorKind,
    pub(crate) message: String,
}

/// A chunk whose results are joined into one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Joined {
    /// The one value's bytes; none when every item failed.
    pub(crate) value: Option<Vec<u8>>,
    /// Index within the chunk, and why.
    pub(crate) failed: Vec<(usize, ItemFailure)>,
}

/// How many threads this process can run at once. Asked once: the answer is in files.
pub(crate) fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get))
}

/// With so much memory comes one full processor.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html> (read 2026-11).
const MB_PER_PROCESSOR: usize = 1769;

/// How much of a plain task's work this process does at once: its cores, as far as they are full ones. Lambda shows two
/// where the memory is worth half of one.
pub(crate) fn processors() -> usize {
    let worth = memory_mb().map_or(usize::MAX, |mb| (mb as usize / MB_PER_PROCESSOR).max(1));
    cores().min(worth)
}

/// Runs a task on each item.
pub(crate) async fn run<I, O>(task: Task<I, O>, work: Work) -> Result<Computed, TaskError>
where
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
{
    let Work { codec, bytes, items, until, cores } = work;
    let inputs = read_items::<I>(codec, &bytes, items).map_err(|why| {
        let why = format!("the items of task `{}` can't be read: {why}", task.name());
        TaskError::new(TaskErrorKind::BadInput, why)
    })?;
    let (results, beside) = match task.body {
        Body::Asynchronous(_) => (in_turn(task, inputs, until).await, Duration::ZERO),
        Body::Plain(function) => {
            let span = tracing::Span::current();
            let compute = move || span.in_scope(|| on_cores(function, inputs, until, cores));
            let computed = tokio::task::spawn_blocking(compute).await;
            computed.map_err(|error| TaskError::new(TaskErrorKind::Crashed, error.to_string()))?
        }
    };
    let mut out = Vec::new();
    for result in &results {
        codec_write(codec, &mut out, result).map_err(|why| {
            let why = format!("the output of task `{}` can't be written: {why}", task.name());
            TaskError::new(TaskErrorKind::BadOutput, why)
        })?;
    }
    Ok(Computed { results: out, items: results.len(), beside })
}

fn failure(error: &TaskError) -> ItemFailure {
    ItemFailure { kind: error.kind(), message: error.to_string() }
}

fn is_over(until: Option<Instant>) -> bool {
    until.is_some_and(|until| Instant::now() >= until)
}

async fn in_turn<I: Send + 'static, O: Send + 'static>(
    task: Task<I, O>,
    inputs: Vec<I>,
    until: Option<Instant>,
) -> Vec<Result<O, ItemFailure>> {
    let mut results = Vec::with_capacity(inputs.len());
    for input in inputs {
        if is_over(until) {
            break;
        }
        results.push(task.guarded(input).await.map_err(|error| failure(&error)));
    }
    results
}

/// Items are taken one by one, in order, by as many threads as there are cores; so what is done is a beginning. And what
/// the threads worked beside the first.
fn on_cores<I: Send, O: Send>(
    function: fn(I) -> Result<O, BoxError>,
    inputs: Vec<I>,
    until: Option<Instant>,
    cores: usize,
) -> (Vec<Result<O, ItemFailure>>, Duration) {
    let run = |input| guarded_plain(function, input).map_err(|error| failure(&error));
    let threads = cores.min(inputs.len());
    if threads <= 1 {
        let results = inputs.into_iter().map_while(|input| (!is_over(until)).then(|| run(input)));
        return (results.collect(), Duration::ZERO);
    }
    let began = Instant::now();
    let next = Mutex::new(inputs.into_iter().enumerate());
    let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let (began, mut mine) = (Instant::now(), Vec::new());
        while !is_over(until)
            && let Some((index, input)) = take()
        {
            mine.push((index, run(input)));
        }
        (mine, began.elapsed())
    };
    let parts: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        // A thread that is lost takes its results with it, and those after them would be of other items.
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    let busy = parts.iter().map(|(_, busy)| *busy).sum();
    let beside = beside(busy, began.elapsed(), processors());
    let mut all: Vec<_> = parts.into_iter().flat_map(|(mine, _)| mine).collect();
    all.sort_unstable_by_key(|(index, _)| *index);
    (all.into_iter().map(|(_, result)| result).collect(), beside)
}

/// Of the time that all threads were busy, what goes beyond the time that passed. Threads that share a processor are not
/// faster together: no more counts than there are of them.
fn beside(busy: Duration, passed: Duration, processors: usize) -> Duration {
    let most = passed.saturating_mul(u32::try_from(processors).unwrap_or(u32::MAX));
    busy.min(most).saturating_sub(passed)
}

/// Joins results pair by pair, with a task of two arguments; failed ones are left out and listed.
pub(crate) async fn join<I, O>(
    task: Task<I, O>,
    codec: Codec,
    results: Vec<u8>,
    count: usize,
) -> Result<Joined, TaskError>
where
    I: DeserializeOwned + Send + 'static,
    O: Serialize + DeserializeOwned + Send + 'static,
{
    let unreadable =
        |why| TaskError::new(TaskErrorKind::BadInput, format!("task `{}` can't join: {why}", task.name()));
    let results = read_items::<Result<O, ItemFailure>>(codec, &results, count).map_err(unreadable)?;
    let (mut joined, mut failed) = (None, Vec::new());
    for (index, result) in results.into_iter().enumerate() {
        let value = match (result, joined.take()) {
            (Ok(value), None) => value,
            (Ok(right), Some(left)) => {
                // In each codec, a tuple is written like this; so the task's own input type reads it.
                let mut pair = Vec::new();
                codec_write(codec, &mut pair, &(&left, &right)).map_err(unreadable)?;
                let input = read_items::<I>(codec, &pair, 1).map_err(unreadable)?.pop();
                task.guarded(input.ok_or_else(|| unreadable("there is no pair".to_owned()))?).await?
            }
            (Err(failure), before) => {
                failed.push((index, failure));
                joined = before;
                continue;
            }
        };
        joined = Some(value);
    }
    let write = |value: O| {
        let mut bytes = Vec::new();
        codec_write(codec, &mut bytes, &value).map(|()| bytes).map_err(unreadable)
    };
    Ok(Joined { value: joined.map(write).transpose()?, failed })
}

/// Runs a chunk and joins its results, if they are to be joined.
pub(crate) async fn compute(
    task: &dyn Handler,
    reduce: Option<&dyn Handler>,
    work: Work,
) -> Result<Computed, TaskError> {
    let codec = work.codec;
    let each = task.many(work).await?;
    let Some(reduce) = reduce else { return Ok(each) };
    let joined = reduce.join(codec, each.results, each.items).await?;
    let results = postcard::to_allocvec(&joined)
        .map_err(|error| TaskError::new(TaskErrorKind::BadOutput, error.to_string()))?;
    Ok(Computed { results, ..each })
}

/// Answers a chunk's event in a worker.
pub(crate) async fn answer(shared: &Shared, task: &dyn Handler, event: &Event) -> Result<Reply, TaskError> {
    let cold = is_cold();
    let began = Instant::now();
    let head = &event.head;
    let chunk = head.chunk.as_ref().ok_or_else(|| {
        TaskError::new(TaskErrorKind::BadInput, "the event of a chunk doesn't say which one it is")
    })?;
    let bytes = input(shared, event).await?;
    let left = context::current().deadline_ms.map(|end| end.saturating_sub(context::now_ms()));
    let until = left.map(|ms| Instant::now() + Duration::from_millis(ms));
    let work = Work { codec: head.enc.codec, bytes, items: chunk.items, until, cores: cores() };
    let reduce = chunk.reduce.as_deref().map(|name| shared.find(name)).transpose()?;
    let Computed { results, items, beside } = compute(task, reduce.as_deref(), work).await?;
    let enc = encoding_for(results_codec(head.enc.codec, reduce.is_some()), &results);
    let (data, spilled) = output(shared, head.job.as_deref(), chunk, enc, &results).await?;
    let took = began.elapsed();
    tracing::info!(
        target: "lzap::map",
        job = head.job,
        of_job = head.of_job,
        chunk = chunk.index,
        items,
        duration_ms = (took.as_secs_f64() * 1e6).round() / 1e3,
        "chunk"
    );
    let reply = ChunkReply {
        key: chunk.key.clone(),
        done: items,
        ms: took.as_secs_f64() * 1e3,
        busy_ms: (took + beside).as_secs_f64() * 1e3,
        cold,
        memory_mb: memory_mb().unwrap_or(0),
        worker: worker().to_owned(),
        enc,
        spilled,
    };
    Ok(Reply::chunk(reply, data))
}

/// The chunk's items: in the event, or where it says.
async fn input(shared: &Shared, event: &Event) -> Result<Vec<u8>, TaskError> {
    let unreadable = |why| TaskError::new(TaskErrorKind::BadInput, format!("the chunk can't be read: {why}"));
    let enc = event.head.enc;
    let Some(chunk) = event.head.chunk.as_ref().filter(|_| event.head.spilled.is_some()) else {
        return from_value(enc, event.data.get()).map_err(unreadable);
    };
    let (Some(store), Some(job)) = (&shared.store, event.head.job.as_deref()) else {
        return Err(TaskError::new(
            TaskErrorKind::Storage,
            "the chunk's data is in S3, and `LZAP_BUCKET` is not set",
        ));
    };
    let bytes = store.get(&spill_key(job, chunk, Way::Up)).await?;
    let bytes = bytes.ok_or_else(|| unreadable("its data is not in S3 any more".to_owned()))?;
    unpack(enc, bytes.into()).map_err(unreadable)
}

/// What results are written in: values that are joined to one are not items any more.
pub(crate) fn results_codec(items: Codec, joined: bool) -> Codec {
    if joined { Codec::Postcard } else { items }
}

/// Results for the reply: themselves, or the place where they are.
async fn output(
    shared: &Shared,
    job: Option<&str>,
    chunk: &ChunkHead,
    enc: Encoding,
    results: &[u8],
) -> Result<(Box<RawValue>, Option<String>), TaskError> {
    let packed = pack(enc, results);
    if packed.len() <= INLINE_BYTES {
        let value = RawValue::from_string(to_value(enc, &packed));
        let value = value.map_err(|error| TaskError::new(TaskErrorKind::BadOutput, error.to_string()))?;
        return Ok((value, None));
    }
    let (Some(store), Some(job)) = (&shared.store, job) else {
        let why = format!("the chunk's results take {} bytes, and Lambda carries 6 MB", packed.len());
        return Err(TaskError::new(TaskErrorKind::TooLarge, why));
    };
    let key = spill_key(job, chunk, Way::Down);
    store.put(&key, packed.into_owned(), Retention::OneDay).await?;
    Ok((RawValue::NULL.to_owned(), Some(key)))
}

/// Which way a spilled payload goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Up,
    Down,
}

/// Where a chunk's data is, made of what the envelope names, each part checked: never a path from a payload.
///
/// Each attempt has its own, which are deleted with it, whatever its rival still does.
pub(crate) fn spill_key(job: &str, chunk: &ChunkHead, way: Way) -> String {
    let hex = |text: &str| text.chars().filter(char::is_ascii_hexdigit).take(64).collect::<String>();
    let way = if way == Way::Up { "in" } else { "out" };
    format!("spill/{}/{}-{}.{way}", hex(job), hex(&chunk.key), chunk.attempt)
}

/// True once: for the first chunk of a process that Lambda started for it.
fn is_cold() -> bool {
    static WARM: AtomicBool = AtomicBool::new(false);
    !WARM.swap(true, Ordering::Relaxed)
}

/// This environment, by the end of its log stream's name, which no other has.
fn worker() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| match env::var("AWS_LAMBDA_LOG_STREAM_NAME") {
        Ok(stream) => stream.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect(),
        Err(_) => std::process::id().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_no_more_than_the_processors_could_do() {
        let secs = Duration::from_secs;
        assert_eq!(beside(secs(8), secs(4), 2), secs(4), "both worked all the time");
        assert_eq!(beside(secs(5), secs(4), 2), secs(1), "one of them had little to do");
        assert_eq!(beside(secs(8), secs(4), 1), Duration::ZERO, "they shared one");
        assert_eq!(beside(secs(3), secs(4), 2), Duration::ZERO, "they began late");
    }

    #[test]
    fn each_attempt_has_its_own_place_in_the_bucket() {
        let place = |attempt, key: &str, way| {
            let chunk = ChunkHead { index: 0, items: 1, key: key.to_owned(), attempt, reduce: None };
            spill_key("0a", &chunk, way)
        };
        for way in [Way::Up, Way::Down] {
            assert_ne!(place(0, "b", way), place(1, "b", way), "equal items, or a rival");
        }
        assert_ne!(place(0, "b", Way::Up), place(0, "b", Way::Down));
        assert_eq!(place(5, "../../c", Way::Up), "spill/0a/c-5.in", "never a path");
    }

    #[test]
    fn threads_are_busy_side_by_side() {
        let nap = |()| -> Result<(), BoxError> {
            thread::sleep(Duration::from_millis(5));
            Ok(())
        };
        let began = Instant::now();
        let (results, beside) = on_cores(nap, vec![(); 8], None, processors());
        assert_eq!(results.len(), 8);
        // Whatever else the machine does, a nap is never shorter than it was to be.
        let busy = began.elapsed() + beside;
        assert!(busy >= Duration::from_millis(40), "{busy:?}");
    }
}
