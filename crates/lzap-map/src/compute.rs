//! Computes the items of a chunk, in a worker or in the calling process.
//!
//! The items of an asynchronous task run one after the other, those of a plain task on all cores. Each thread checks the
//! clock between items. When the time is over, there are results for the first items, and the caller sends the rest again.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use lzap_invocation::Invocation;
use lzap_tasks::{BoxError, TaskDefinition, TaskError, TaskErrorKind, TaskFunction, run_plain_guarded};
use lzap_wire::encoding::Codec;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::time::Instant;

use crate::codec::{read_items, write_value};
use crate::environment::full_processors;

/// The input of a chunk, still encoded, because only the task's handler knows its type.
#[derive(Debug)]
pub struct ChunkWork {
    pub(crate) codec: Codec,
    pub(crate) bytes: Vec<u8>,
    pub(crate) items: usize,
    /// The instant after which no item is started.
    pub(crate) until: Option<Instant>,
    /// The number of threads for a plain task.
    pub(crate) cores: usize,
}

/// The output of a chunk: results for its first items only when the time was over.
#[derive(Debug)]
pub struct ChunkResults {
    /// Encoded: a [`Result`] for each computed item, in order, or one [`JoinedResults`].
    pub(crate) results: Vec<u8>,
    pub(crate) items: usize,
    /// Work of further cores, in addition to the elapsed time.
    pub(crate) parallel: Duration,
}

/// The failure of one item, as the answer encodes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemFailure {
    pub(crate) kind: TaskErrorKind,
    pub(crate) message: String,
}

/// The results of a chunk, joined into one value.
#[derive(Debug, Serialize, Deserialize)]
pub struct JoinedResults {
    /// The encoded value; `None` when every item failed.
    pub(crate) value: Option<Vec<u8>>,
    /// The failed items' indexes within the chunk, and the reasons.
    pub(crate) failed: Vec<(usize, ItemFailure)>,
}

/// Runs a task on the items of a chunk until `work.until`.
///
/// # Errors
/// When the items can't be decoded or the results can't be encoded. An item's own failure is one of the results.
pub(crate) async fn run_items<I, O>(
    task: TaskDefinition<I, O>,
    work: ChunkWork,
) -> Result<ChunkResults, TaskError>
where
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
{
    let ChunkWork { codec, bytes, items, until, cores } = work;
    let inputs = read_items::<I>(codec, &bytes, items).map_err(|why| {
        let why = format!("the items of task `{}` can't be read: {why}", task.name());
        TaskError::new(TaskErrorKind::BadInput, why)
    })?;
    let (results, parallel) = match task.function() {
        TaskFunction::Asynchronous(_) => (run_in_sequence(task, inputs, until).await, Duration::ZERO),
        TaskFunction::Plain(function) => {
            let (span, invocation) = (tracing::Span::current(), Invocation::current());
            // A new thread has neither the span nor the invocation, and log lines of items need their request id.
            let compute = move || {
                invocation.sync_scope(|| span.in_scope(|| run_on_cores(function, inputs, until, cores)))
            };
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

/// When the time is over, the results are those of the first items. An item that has started runs to its end.
async fn run_in_sequence<I: Send + 'static, O: Send + 'static>(
    task: TaskDefinition<I, O>,
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
    let compute = || {
        let (began, mut mine) = (Instant::now(), Vec::new());
        while !is_over(until)
            && let Some((index, input)) = take()
        {
            mine.push((index, run(input)));
        }
        (mine, began.elapsed())
    };
    // A thread inherits neither the span (request id of log lines) nor the invocation (depth, deadline).
    let (span, invocation) = (tracing::Span::current(), Invocation::current());
    let work = || invocation.clone().sync_scope(|| span.in_scope(compute));
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
    task: TaskDefinition<I, O>,
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
    fn items_on_each_thread_run_in_the_callers_invocation() {
        let depth = |()| -> Result<u32, BoxError> {
            // Long enough that each thread takes an item.
            thread::sleep(Duration::from_millis(5));
            Ok(Invocation::current().depth)
        };
        let invocation = Invocation::at_depth(3, None);
        let (results, _) = invocation.sync_scope(|| run_on_cores(depth, vec![(); 8], None, 4));
        assert_eq!(results, vec![Ok(3); 8]);
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
