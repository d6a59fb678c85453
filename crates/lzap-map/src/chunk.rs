//! Runs one chunk: answers its event in a worker, or computes it for the calling process. Payloads that don't fit into an
//! event or an answer go through S3.

use std::env;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use lzap_invocation::Invocation;
use lzap_map_scheduler::plan::INLINE_BYTES;
use lzap_tasks::envelope::{ChunkHead, ChunkReply, Event, Reply};
use lzap_tasks::{Registry, Retention, Store, TaskError, TaskErrorKind};
use lzap_wire::encoding::{Codec, Encoding};
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::chunk_handler::ChunkHandler;
use crate::codec::{encoding_for, from_value, pack, to_value, unpack};
use crate::compute::{ChunkResults, ChunkWork};
use crate::environment::{core_count, memory_mb};

/// Runs a chunk. With `reduce`, the results are one [`JoinedResults`](crate::JoinedResults), always in postcard.
pub(crate) async fn compute_chunk(
    task: &dyn ChunkHandler,
    reduce: Option<&dyn ChunkHandler>,
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

/// Runs in a worker. An item's own failure is one of the results.
///
/// # Errors
/// When the chunk can't be read, its task is unknown, or its results can't be written.
pub(crate) async fn answer_chunk(
    registry: &Registry<dyn ChunkHandler>,
    store: Option<&Store>,
    event: &Event,
) -> Result<Reply, TaskError> {
    // Asked first, so that a chunk that fails counts as the environment's first one too.
    let cold = is_cold();
    // Reading the input from S3 is part of the billed duration, so the clock starts before it.
    let began = Instant::now();
    let head = &event.head;
    let chunk = head.chunk.as_ref().ok_or_else(|| {
        TaskError::new(TaskErrorKind::BadInput, "the event of a chunk doesn't say which one it is")
    })?;
    let task = registry.find_task(&head.task)?;
    let reduce = chunk.reduce.as_deref().map(|name| registry.find_task(name)).transpose()?;
    let bytes = read_input(store, event).await?;
    // The deadline passed between processes as wall clock time. From here on, a monotonic clock measures it.
    let until = Invocation::current().time_left().map(|left| Instant::now() + left);
    let work = ChunkWork { codec: head.enc.codec, bytes, items: chunk.items, until, cores: core_count() };
    let ChunkResults { results, items, parallel } =
        compute_chunk(&**task, reduce.map(|reduce| &**reduce), work).await?;
    let enc = encoding_for(results_codec(head.enc.codec, reduce.is_some()), &results);
    let (data, spilled) = write_output(store, head.job.as_deref(), chunk, enc, &results).await?;
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
async fn read_input(store: Option<&Store>, event: &Event) -> Result<Vec<u8>, TaskError> {
    let unreadable = |why| TaskError::new(TaskErrorKind::BadInput, format!("the chunk can't be read: {why}"));
    let enc = event.head.enc;
    let Some(chunk) = event.head.chunk.as_ref().filter(|_| event.head.spilled.is_some()) else {
        return from_value(enc, event.data.get()).map_err(unreadable);
    };
    let (Some(store), Some(job)) = (store, event.head.job.as_deref()) else {
        return Err(TaskError::new(
            TaskErrorKind::Storage,
            "the chunk's data is in S3, and `LZAP_BUCKET` is not set: run `lzap deploy`",
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
    store: Option<&Store>,
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
    let (Some(store), Some(job)) = (store, job) else {
        let why = format!(
            "the chunk's results take {} bytes, and Lambda carries 6 MB: take smaller chunks with `.chunk(Chunk::Items(N))`",
            packed.len()
        );
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
}
