//! Computes a chunk, in a worker or in the calling process.
//!
//! The items of an asynchronous task run one after the other, those of a plain task on all cores. Each thread checks the
//! clock between items. When the time is over, the answer has the results so far, and the caller sends the rest again.

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
use crate::codec::{Encoding, encoding_for, from_value, pack, read_items, to_value, unpack, write_value};
use crate::engine::{Retention, Shared};
use crate::environment::memory_mb;
use crate::task::context;
use crate::task::error::{TaskError, TaskErrorKind};
use crate::task::handler::{Handler, run_plain_guarded};
use crate::task::head::{ChunkHead, ChunkReply, Event, Reply};
use crate::task::{Task, TaskFunction};

use super::plan::INLINE_BYTES;

/// The input of a chunk.
#[derive(Debug)]
pub(crate) struct ChunkWork {
    pub(crate) codec: Codec,
    pub(crate) bytes: Vec<u8>,
    pub(crate) items: usize,
    /// The instant after which no item is started.
    pub(crate) until: Option<Instant>,
    /// The number of threads for a plain task.
    pub(crate) cores: usize,
}

/// The output of a chunk.
#[derive(Debug)]
pub(crate) struct ChunkResults {
    /// Encoded: a [`Result`] for each computed item, in order, or one [`JoinedResults`].
    pub(crate) results: Vec<u8>,
    pub(crate) items: usize,
    /// Work of further cores, in addition to the elapsed time.
    pub(crate) parallel: Duration,
}

/// The failure of one item, as the answer encodes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ItemFailure {
    pub(crate) kind: TaskErrorKind,
    pub(crate) message: String,
}

/// The results of a chunk, joined into one value.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JoinedResults {
    /// The encoded value; `None` when every item failed.
    pub(crate) value: Option<Vec<u8>>,
    /// The failed items' indexes within the chunk, and the reasons.
    pub(crate) failed: Vec<(usize, ItemFailure)>,
}

/// The number of threads that this process can run in parallel. It is read once, since the standard library reads cgroup
/// files for it.
pub(crate) fn core_count() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get))
}

/// The function memory that gets one full vCPU, in MB.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html> (read 2026-11).
const MB_PER_PROCESSOR: usize = 1769;

/// The number of full processors that this process has. Lambda shows two cores to a function whose memory is worth half of
/// one, so the core count alone would overstate the parallel work.
pub(crate) fn full_processors() -> usize {
    let worth = memory_mb().map_or(usize::MAX, |mb| (mb as usize / MB_PER_PROCESSOR).max(1));
    core_count().min(worth)
}

/// Runs a task on each item of a chunk.
///
/// # Errors
/// When the items can't be decoded or the results can't be encoded. An item's own failure is one of the results.
pub(crate) async fn run_items<I, O>(task: Task<I, O>, work: ChunkWork) -> Result<ChunkResults, TaskError>
where
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
{
    let ChunkWork { codec, bytes, items, until, cores } = work;
    let inputs = read_items::<I>(codec, &bytes, items).map_err(|why| {
        let why = format!("the items of task `{}` can't be read: {why}", task.name());
        TaskError::new(TaskErrorKind::BadInput, why)
    })?;
    let (results, parallel) = match task.body {
        TaskFunction::Asynchronous(_) => (run_in_sequence(task, inputs, until).await, Duration::ZERO),
        TaskFunction::Plain(function) => {
            let span = tracing::Span::current();
            // The span is entered on the new thread, so that log lines of items keep their request id.
            let compute = move || span.in_scope(|| run_on_cores(function, inputs, until, cores));
            let computed = tokio::task::spawn_blocking(compute).await;
            computed.map_err(|error| TaskError::new(TaskErrorKind::Crashed, error.to_string()))?
        }
    };
    let mut out = Vec::new();
    for result in &results {
        write_value(codec, &mut out, result).map_err(|why| {
            let why = format!("the output of task `{}` can't be written: {why}", task.name());
            TaskError::new(TaskErrorKind::BadOutput, why)
        })?;
    }
    Ok(ChunkResults { results: out, items: results.len(), parallel })
}

/// The failure in the form in which an answer encodes it.
fn to_item_failure(error: &TaskError) -> ItemFailure {
    ItemFailure { kind: error.kind(), message: error.to_string() }
}

fn is_over(until: Option<Instant>) -> bool {
    until.is_some_and(|until| Instant::now() >= until)
}

/// Runs the items of an asynchronous task one after the other.
async fn run_in_sequence<I: Send + 'static, O: Send + 'static>(
    task: Task<I, O>,
    inputs: Vec<I>,
    until: Option<Instant>,
) -> Vec<Result<O, ItemFailure>> {
    let mut results = Vec::with_capacity(inputs.len());
    for input in inputs {
        // The first item is checked too: in a late invocation the answer has no results, and the caller sends the chunk again.
        if is_over(until) {
            break;
        }
        results.push(task.run_guarded(input).await.map_err(|error| to_item_failure(&error)));
    }
    results
}

/// Runs the items of a plain task on `cores` threads. Returns the results, and the work in addition to the elapsed time.
///
/// The threads take single items in order from a shared iterator. So the results are always those of the first items,
/// which is what an answer can express.
fn run_on_cores<I: Send, O: Send>(
    function: fn(I) -> Result<O, BoxError>,
    inputs: Vec<I>,
    until: Option<Instant>,
    cores: usize,
) -> (Vec<Result<O, ItemFailure>>, Duration) {
    let run = |input| run_plain_guarded(function, input).map_err(|error| to_item_failure(&error));
    // A thread per item at most, and none but this one for a single item, since starting threads takes longer than short items.
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
        // A panic is passed on: without its thread's results, the later ones would be assigned to the wrong items.
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    let busy = parts.iter().map(|(_, busy)| *busy).sum();
    let parallel = parallel_time(busy, began.elapsed(), full_processors());
    let mut all: Vec<_> = parts.into_iter().flat_map(|(mine, _)| mine).collect();
    // Each thread took items in any order relative to the others.
    all.sort_unstable_by_key(|(index, _)| *index);
    (all.into_iter().map(|(_, result)| result).collect(), parallel)
}

/// The threads' busy time minus the elapsed time. Busy time counts for at most `processors`, since threads that share a
/// processor wait for each other.
fn parallel_time(busy: Duration, passed: Duration, processors: usize) -> Duration {
    // More threads than processors share them, and waiting for a processor is not work.
    let most = passed.saturating_mul(u32::try_from(processors).unwrap_or(u32::MAX));
    busy.min(most).saturating_sub(passed)
}

/// Joins results from left to right with a task of two arguments. Failed items are skipped and listed.
///
/// # Errors
/// When the results can't be decoded, or the task fails.
pub(crate) async fn join_results<I, O>(
    task: Task<I, O>,
    codec: Codec,
    results: Vec<u8>,
    count: usize,
) -> Result<JoinedResults, TaskError>
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
                // Each codec writes a tuple as its fields in order, so the task's input type can read this pair.
                let mut pair = Vec::new();
                write_value(codec, &mut pair, &(&left, &right)).map_err(unreadable)?;
                let input = read_items::<I>(codec, &pair, 1).map_err(unreadable)?.pop();
                task.run_guarded(input.ok_or_else(|| unreadable("there is no pair".to_owned()))?).await?
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
        write_value(codec, &mut bytes, &value).map(|()| bytes).map_err(unreadable)
    };
    Ok(JoinedResults { value: joined.map(write).transpose()?, failed })
}

/// Runs a chunk, and joins its results if the map reduces.
pub(crate) async fn compute_chunk(
    task: &dyn Handler,
    reduce: Option<&dyn Handler>,
    work: ChunkWork,
) -> Result<ChunkResults, TaskError> {
    let codec = work.codec;
    let each = task.run_chunk(work).await?;
    let Some(reduce) = reduce else { return Ok(each) };
    let joined = reduce.join_results(codec, each.results, each.items).await?;
    let results = postcard::to_allocvec(&joined)
        .map_err(|error| TaskError::new(TaskErrorKind::BadOutput, error.to_string()))?;
    Ok(ChunkResults { results, ..each })
}

/// Answers a chunk's event in a worker.
///
/// # Errors
/// When the chunk can't be read, its task is unknown, or its results can't be written.
pub(crate) async fn answer_chunk(
    shared: &Shared,
    task: &dyn Handler,
    event: &Event,
) -> Result<Reply, TaskError> {
    // Asked first, before the chunk's computation changes it.
    let cold = is_cold();
    // Reading the input from S3 is part of the billed duration, so the clock starts before it.
    let began = Instant::now();
    let head = &event.head;
    let chunk = head.chunk.as_ref().ok_or_else(|| {
        TaskError::new(TaskErrorKind::BadInput, "the event of a chunk doesn't say which one it is")
    })?;
    let bytes = read_input(shared, event).await?;
    // The deadline passed between processes as wall clock time. From here on, a monotonic clock measures it.
    let left = context::current().deadline_ms.map(|end| end.saturating_sub(context::now_ms()));
    let until = left.map(|ms| Instant::now() + Duration::from_millis(ms));
    let work = ChunkWork { codec: head.enc.codec, bytes, items: chunk.items, until, cores: core_count() };
    let reduce = chunk.reduce.as_deref().map(|name| shared.find(name)).transpose()?;
    let ChunkResults { results, items, parallel } = compute_chunk(task, reduce.as_deref(), work).await?;
    let enc = encoding_for(results_codec(head.enc.codec, reduce.is_some()), &results);
    let (data, spilled) = write_output(shared, head.job.as_deref(), chunk, enc, &results).await?;
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
        busy_ms: (took + parallel).as_secs_f64() * 1e3,
        cold,
        memory_mb: memory_mb().unwrap_or(0),
        worker: worker_name().to_owned(),
        enc,
        spilled,
    };
    Ok(Reply::for_chunk(reply, data))
}

/// Reads the chunk's items from the event, or from S3 if they were spilled.
async fn read_input(shared: &Shared, event: &Event) -> Result<Vec<u8>, TaskError> {
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
    let bytes = store.get(&spill_key(job, chunk, SpillDirection::Up)).await?;
    let bytes = bytes.ok_or_else(|| unreadable("its data is not in S3 any more".to_owned()))?;
    unpack(enc, bytes.into()).map_err(unreadable)
}

/// The codec of a chunk's results. Joined results are always postcard, since [`JoinedResults`] is not a list of items.
pub(crate) fn results_codec(items: Codec, joined: bool) -> Codec {
    if joined { Codec::Postcard } else { items }
}

/// Encodes the results for the reply, or writes them to S3 and returns their key.
async fn write_output(
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
    let key = spill_key(job, chunk, SpillDirection::Down);
    // The caller deletes the object after reading it. A day is for callers that ended before.
    store.put(&key, packed.into_owned(), Retention::OneDay).await?;
    Ok((RawValue::NULL.to_owned(), Some(key)))
}

/// The direction of a spilled payload: items go up to the worker, results down to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpillDirection {
    Up,
    Down,
}

/// The S3 key of a chunk's items or results, computed from the envelope. Only hex digits of its parts are used, so that an
/// envelope can't name an object outside of `spill/`.
///
/// Each attempt has keys of its own: it deletes them at its end, while a hedged attempt may still read its copy.
pub(crate) fn spill_key(job: &str, chunk: &ChunkHead, way: SpillDirection) -> String {
    let hex = |text: &str| text.chars().filter(char::is_ascii_hexdigit).take(64).collect::<String>();
    let way = if way == SpillDirection::Up { "in" } else { "out" };
    format!("spill/{}/{}-{}.{way}", hex(job), hex(&chunk.key), chunk.attempt)
}

/// True for the first call in a process, which is its cold start.
fn is_cold() -> bool {
    static WARM: AtomicBool = AtomicBool::new(false);
    !WARM.swap(true, Ordering::Relaxed)
}

/// The name of this execution environment: the last eight characters of its log stream's name, which is unique.
fn worker_name() -> &'static str {
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
    fn parallel_work_counts_for_at_most_the_processors() {
        let secs = Duration::from_secs;
        assert_eq!(parallel_time(secs(8), secs(4), 2), secs(4), "both worked all the time");
        assert_eq!(parallel_time(secs(5), secs(4), 2), secs(1), "one of them had little to do");
        assert_eq!(parallel_time(secs(8), secs(4), 1), Duration::ZERO, "they shared one");
        assert_eq!(parallel_time(secs(3), secs(4), 2), Duration::ZERO, "they began late");
    }

    #[test]
    fn spill_key_differs_for_each_attempt_and_direction() {
        let place = |attempt, key: &str, way| {
            let chunk = ChunkHead { index: 0, items: 1, key: key.to_owned(), attempt, reduce: None };
            spill_key("0a", &chunk, way)
        };
        for way in [SpillDirection::Up, SpillDirection::Down] {
            assert_ne!(place(0, "b", way), place(1, "b", way), "equal items, or a hedged attempt");
        }
        assert_ne!(place(0, "b", SpillDirection::Up), place(0, "b", SpillDirection::Down));
        assert_eq!(place(5, "../../c", SpillDirection::Up), "spill/0a/c-5.in", "never a path");
    }

    #[test]
    fn run_on_cores_measures_the_work_of_all_threads() {
        let nap = |()| -> Result<(), BoxError> {
            thread::sleep(Duration::from_millis(5));
            Ok(())
        };
        let began = Instant::now();
        let (results, parallel) = run_on_cores(nap, vec![(); 8], None, full_processors());
        assert_eq!(results.len(), 8);
        // A sleep is never shorter than its duration, even on a busy machine.
        let busy = began.elapsed() + parallel;
        assert!(busy >= Duration::from_millis(40), "{busy:?}");
    }
}
