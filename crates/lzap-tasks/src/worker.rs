//! The receiving side of tasks: runs the task that an event names, and answers the event.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use lzap_invocation::{ANSWER_MARGIN, Invocation, JOB_TARGET, JobAttempt, to_millis};
use lzap_wire::job::State;
use serde_json::value::RawValue;
use tracing::Instrument as _;

use crate::build_id;
use crate::depth::MAX_DEPTH;
use crate::envelope::{Event, Head, HeadKind, Mode, Reply};
use crate::error::{TaskError, TaskErrorKind};
use crate::handler::Handler;
use crate::host::TaskHost;
use crate::job_record;
use crate::store::Store;

/// The longest time for deleting the temporary objects of a finished job.
const DELETE_TIMEOUT: Duration = Duration::from_secs(5);
/// Objects that are deleted concurrently.
const CONCURRENT_DELETES: usize = 8;

/// Answers an event in the current invocation.
///
/// # Errors
/// When an asynchronous invocation fails: Lambda repeats it. A failure of a synchronous one is part of the answer.
pub async fn answer_event(host: &TaskHost, event: Event) -> Result<Box<RawValue>, TaskError> {
    let head = &event.head;
    let (kind, mode) = (head.kind, head.mode);
    let result = match check_event(head) {
        Ok(()) => invocation_for(head).scope(run_event(host, &event)).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(reply) => Ok(reply.to_raw()),
        Err(error) if mode == Mode::Call => {
            tracing::warn!(task = event.head.task, code = error.kind().as_str(), %error, "the task failed");
            Ok(Reply::error(kind, &error).to_raw())
        }
        Err(error) => Err(error),
    }
}

/// The context in which the event's task runs: at the event's depth, with the earlier of two deadlines.
fn invocation_for(head: &Head) -> Invocation {
    // Only a caller that waits may shorten the time; an asynchronous invocation has all of its function's.
    let asked = head.deadline_ms.filter(|_| head.mode == Mode::Call);
    let own = Invocation::current().deadline_ms;
    Invocation::at_depth(head.depth, [asked, own].into_iter().flatten().min())
}

/// Checks whether the event may run here: its depth, and the build that it asks for.
fn check_event(head: &Head) -> Result<(), TaskError> {
    if head.depth > MAX_DEPTH {
        let why = format!(
            "the task is called {} deep, and {MAX_DEPTH} are allowed: fan out from one place instead",
            head.depth
        );
        return Err(TaskError::new(TaskErrorKind::TooDeep, why));
    }
    if let Some(wanted) = head.build.as_deref().filter(|wanted| !build_id::is_this_code(wanted)) {
        let why = format!(
            "the caller is build `{wanted}` and this is `{}`: a deploy happened in between; try again",
            build_id::build_id()
        );
        return Err(TaskError::new(TaskErrorKind::WrongBuild, why));
    }
    Ok(())
}

/// A chunk goes to the layer above, which an app without the feature `map` lacks.
async fn run_event(host: &TaskHost, event: &Event) -> Result<Reply, TaskError> {
    match (event.head.kind, &host.chunks) {
        (HeadKind::Task, _) => run_task(host, &*host.find_task(&event.head.task)?, event).await,
        (HeadKind::Chunk, Some(chunks)) => chunks.answer_chunk(host, event).await,
        (HeadKind::Chunk, None) => {
            let why = "a map's chunk arrived, and the app's `lzap` lacks the feature `map`: add it and deploy again";
            Err(TaskError::new(TaskErrorKind::WrongBuild, why))
        }
    }
}

/// Runs a task, as a job if the event asks for one.
pub(crate) async fn run_task(host: &TaskHost, task: &dyn Handler, event: &Event) -> Result<Reply, TaskError> {
    match (event.head.mode, &event.head.job) {
        (Mode::Job, Some(id)) => {
            let span = tracing::error_span!(target: JOB_TARGET, "job", job = id, task = task.name());
            // Boxed, because the future of its S3 calls is large and would be part of every single task's future.
            Box::pin(run_job(host, task, id, event)).instrument(span).await
        }
        _ => task.run_once(event.data.clone()).await.map(Reply::ok),
    }
}

/// Runs a task and keeps its record. A job that is done already is not run again.
async fn run_job(host: &TaskHost, task: &dyn Handler, id: &str, event: &Event) -> Result<Reply, TaskError> {
    let nothing = || Reply::ok(RawValue::NULL.to_owned());
    let record = host.jobs.read(id).await?.unwrap_or_else(|| job_record::queued_record(id, task.name()));
    if record.state == State::Done {
        return Ok(nothing());
    }
    let record = job_record::started_record(record, Invocation::current().deadline_ms);
    host.jobs.write(id, &record).await?;
    let attempt = Arc::new(JobAttempt::new(id, record.attempt));
    // The record is written after the work, in the time that the work is not given.
    let own = Invocation::current();
    let end = own.deadline_ms.map(|end| end.saturating_sub(to_millis(ANSWER_MARGIN)));
    let work = Invocation { deadline_ms: end, job: Some(Arc::clone(&attempt)), ..own };
    let result = work.scope(task.run_once(event.data.clone())).await;
    let now = if result.is_err() { host.jobs.read(id).await.ok().flatten() } else { None };
    if now.is_some_and(|record| record.state == State::Done) {
        // Lambda delivers at least once, and the other delivery has finished the job.
        return Ok(nothing());
    }
    let record = job_record::ended_record(record, result.as_deref());
    host.jobs.write(id, &record).await?;
    if let (Ok(_), Some(store)) = (&result, &host.store) {
        delete_objects(store, &attempt).await;
    }
    result.map(|_| nothing())
}

/// Deletes the temporary objects of a finished job, in the time that is left. The bucket's lifecycle deletes the rest.
async fn delete_objects(store: &Store, attempt: &JobAttempt) {
    let left = Invocation::current().time_left().unwrap_or(Duration::MAX);
    let all = stream::iter(attempt.take_objects())
        .for_each_concurrent(CONCURRENT_DELETES, |key| async move { store.delete(&key).await });
    let _ = tokio::time::timeout(left.min(DELETE_TIMEOUT), all).await;
}

/// Makes none of the checks of [`answer_event`], because the caller in this process has made them.
pub(crate) async fn run_called_task(task: &dyn Handler, event: &Event) -> Reply {
    let head = &event.head;
    let invocation = Invocation::at_depth(head.depth, head.deadline_ms);
    match invocation.scope(task.run_once(event.data.clone())).await {
        Ok(data) => Reply::ok(data),
        Err(error) => Reply::error(HeadKind::Task, &error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use lzap_invocation::now_ms;

    use super::*;
    use crate::registry::Registry;
    use crate::task::{TaskDefinition, TaskFunction};

    fn host_with<O>(task: TaskDefinition<(), O>) -> TaskHost
    where
        O: serde::Serialize + serde::de::DeserializeOwned + Send + 'static,
    {
        let mut registry = Registry::<dyn Handler>::default();
        registry.add_task(task.name(), Arc::new(task)).expect("the first");
        TaskHost::in_process(registry)
    }

    fn event(task: &str, more: &str) -> Event {
        let text = format!(r#"{{"lzap":{{"v":1,"kind":"task","task":"{task}",{more}}}}}"#);
        Event::parse(&text).expect("an event")
    }

    /// Answers an event in an invocation with a minute left.
    async fn answer(host: &TaskHost, event: Event) -> Result<Box<RawValue>, TaskError> {
        let invocation = Invocation::at_depth(0, Some(now_ms() + 60_000));
        invocation.scope(answer_event(host, event)).await
    }

    const ID: &str = "0123456789abcdef0123456789abcdef";

    static DELIVERIES: AtomicU32 = AtomicU32::new(0);

    /// The first delivery fails after the second one has succeeded.
    const TWICE: TaskDefinition<(), u32> = TaskDefinition::new(
        "twice",
        TaskFunction::Asynchronous(|()| {
            Box::pin(async {
                if DELIVERIES.fetch_add(1, Ordering::SeqCst) > 0 {
                    return Ok(7);
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
                Err("too late".into())
            })
        }),
    );

    #[tokio::test]
    async fn job_done_by_one_delivery_stays_done_when_another_delivery_fails() {
        let host = host_with(TWICE);
        let job = || event("twice", &format!(r#""mode":"job","job":"{ID}""#));
        let both = tokio::join!(answer(&host, job()), answer(&host, job()));
        assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
        let record = host.jobs.read(ID).await.expect("memory").expect("a record");
        assert_eq!((record.state, record.result), (State::Done, Some(7.into())));
    }

    /// Returns the milliseconds that its invocation has left.
    const TIME_LEFT: TaskDefinition<(), u64> = TaskDefinition::new(
        "time-left",
        TaskFunction::Asynchronous(|()| {
            Box::pin(async { Ok(Invocation::current().time_left().map_or(0, to_millis)) })
        }),
    );

    #[tokio::test]
    async fn job_has_all_of_its_functions_time_whatever_the_event_says() {
        let host = host_with(TIME_LEFT);
        let job = event("time-left", &format!(r#""mode":"job","job":"{ID}","deadline_ms":5"#));
        answer(&host, job).await.expect("done");
        let record = host.jobs.read(ID).await.expect("memory").expect("a record");
        let left = record.result.and_then(|left| left.as_u64()).expect("a number");
        assert!((50_000..59_800).contains(&left), "less the time in which its record is written: {left}");
        let call = answer(&host, event("time-left", r#""deadline_ms":5"#)).await.expect("done");
        assert!(call.get().ends_with(r#""data":0}"#), "a called task has as long as its caller: {call}");
    }
}
