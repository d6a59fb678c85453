//! The receiving side of tasks: runs the task that an event names, and answers the event.

use std::sync::Arc;
use std::time::Duration;

use lzap_wire::job::State;
use serde_json::value::RawValue;
use tracing::Instrument as _;

use crate::build;
use crate::engine::{Shared, shared};
use crate::log::JOB_TARGET;
#[cfg(feature = "map")]
use crate::map::JobAttempt;
use crate::task::context::{self, Invocation, MAX_DEPTH};
use crate::task::error::{TaskError, TaskErrorKind};
use crate::task::handler::Handler;
use crate::task::head::{Event, Head, HeadKind, Mode, Reply};
use crate::task::job;

/// Milliseconds before Lambda stops the invocation by which a task must have answered; twice as long for a job, which
/// writes its record after that.
pub(crate) const MARGIN_MS: u64 = 250;

/// Answers an event in Lambda. An error fails the invocation, which Lambda then retries if it was asynchronous.
pub(crate) async fn answer_event(
    shared: &Shared,
    event: Event,
    deadline_ms: u64,
) -> Result<Box<RawValue>, TaskError> {
    let head = &event.head;
    let (kind, mode) = (head.kind, head.mode);
    // Only a caller that waits may shorten the time; an asynchronous invocation has all of its function's.
    let asked = head.deadline_ms.filter(|_| mode == Mode::Call).unwrap_or(u64::MAX);
    let margin = if mode == Mode::Job { 2 * MARGIN_MS } else { MARGIN_MS };
    let deadline_ms = asked.min(deadline_ms.saturating_sub(margin));
    let invocation = Invocation::with_deadline(head.depth, Some(deadline_ms));
    let result = match find_task(shared, head) {
        Ok(task) => invocation.scope(run_task(shared, task, &event)).await,
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

/// The registered task that the event names, if the event may run it here.
fn find_task(shared: &Shared, head: &Head) -> Result<Arc<dyn Handler>, TaskError> {
    if head.depth > MAX_DEPTH {
        let why = format!("the task is called {} deep, and {MAX_DEPTH} are allowed", head.depth);
        return Err(TaskError::new(TaskErrorKind::TooDeep, why));
    }
    if let Some(wanted) = head.build.as_deref().filter(|wanted| !build::is_this_code(wanted)) {
        let why = format!(
            "the caller is build `{wanted}` and this is `{}`: a deploy happened in between; try again",
            build::build_id()
        );
        return Err(TaskError::new(TaskErrorKind::WrongBuild, why));
    }
    shared.find(&head.task)
}

async fn run_task(shared: &Shared, task: Arc<dyn Handler>, event: &Event) -> Result<Reply, TaskError> {
    match event.head.kind {
        #[cfg(feature = "map")]
        // Boxed, because the future of its S3 calls is large and would be part of every single task's future.
        HeadKind::Chunk => Box::pin(crate::map::chunk::answer_chunk(shared, &*task, event)).await,
        #[cfg(not(feature = "map"))]
        HeadKind::Chunk => {
            let why = "a map's chunk arrived, and the app's `lzap` lacks the feature `map`";
            Err(TaskError::new(TaskErrorKind::WrongBuild, why))
        }
        HeadKind::Task => match (event.head.mode, &event.head.job) {
            (Mode::Job, Some(id)) => {
                let span = tracing::error_span!(target: JOB_TARGET, "job", job = id, task = task.name());
                Box::pin(run_job(shared, &*task, id, event)).instrument(span).await
            }
            _ => task.run_once(event.data.clone()).await.map(Reply::ok),
        },
    }
}

/// Runs a task and keeps its record. A job that is done already is not run again.
async fn run_job(shared: &Shared, task: &dyn Handler, id: &str, event: &Event) -> Result<Reply, TaskError> {
    let nothing = || Reply::ok(RawValue::NULL.to_owned());
    let record = shared.jobs.read(id).await?.unwrap_or_else(|| job::queued_record(id, task.name()));
    if record.state == State::Done {
        return Ok(nothing());
    }
    let record = job::started_record(record, context::current().deadline_ms);
    shared.jobs.write(id, &record).await?;
    let run = task.run_once(event.data.clone());
    #[cfg(feature = "map")]
    let (attempt, run) = {
        let attempt = Arc::new(JobAttempt::new(id, record.attempt));
        let invocation = Invocation { job: Some(Arc::clone(&attempt)), ..context::current() };
        (attempt, invocation.scope(run))
    };
    let result = run.await;
    let now = if result.is_err() { shared.jobs.read(id).await.ok().flatten() } else { None };
    if now.is_some_and(|record| record.state == State::Done) {
        // Lambda delivers at least once, and the other delivery has finished the job.
        return Ok(nothing());
    }
    let record = job::ended_record(record, result.as_deref());
    shared.jobs.write(id, &record).await?;
    #[cfg(feature = "map")]
    if result.is_ok() {
        let left =
            context::current().deadline_ms.map_or(u64::MAX, |end| end.saturating_sub(context::now_ms()));
        attempt.delete_journals(shared.store.as_ref(), Duration::from_millis(left)).await;
    }
    result.map(|_| nothing())
}

/// Runs a task in this process for a caller that waits.
pub(crate) async fn run_called_task(task: &dyn Handler, event: &Event) -> Reply {
    let head = &event.head;
    let invocation = Invocation::with_deadline(head.depth, head.deadline_ms);
    match invocation.scope(task.run_once(event.data.clone())).await {
        Ok(data) => Reply::ok(data),
        Err(error) => Reply::error(HeadKind::Task, &error),
    }
}

/// Runs an asynchronous invocation in this process, with as many attempts as Lambda makes.
pub(crate) async fn run_started_task(task: Arc<dyn Handler>, event: Event) {
    let shared = shared();
    for attempt in 1..=job::max_attempts() {
        let invocation = Invocation::with_deadline(event.head.depth, None);
        let Err(error) = invocation.scope(run_task(&shared, Arc::clone(&task), &event)).await else { return };
        tracing::warn!(task = task.name(), attempt, %error, "the task failed");
        if attempt < job::max_attempts() {
            tokio::time::sleep(Duration::from_secs(attempt.into())).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::task::Task;
    use crate::task::registry::Registry;

    fn shared_with<O>(task: Task<(), O>) -> Shared
    where
        O: serde::Serialize + serde::de::DeserializeOwned + Send + 'static,
    {
        let mut registry = Registry::default();
        registry.add_task(Arc::new(task)).expect("the first");
        Shared::in_process(Some(registry))
    }

    fn event(task: &str, more: &str) -> Event {
        let text = format!(r#"{{"lzap":{{"v":1,"kind":"task","task":"{task}",{more}}}}}"#);
        Event::parse(&text).expect("an event")
    }

    const ID: &str = "0123456789abcdef0123456789abcdef";

    static DELIVERIES: AtomicU32 = AtomicU32::new(0);

    /// The first delivery fails after the second one has succeeded.
    const TWICE: Task<(), u32> = Task::__asynchronous("twice", |()| {
        Box::pin(async {
            if DELIVERIES.fetch_add(1, Ordering::SeqCst) > 0 {
                return Ok(7);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            Err("too late".into())
        })
    });

    #[tokio::test]
    async fn job_done_by_one_delivery_stays_done_when_another_delivery_fails() {
        let shared = shared_with(TWICE);
        let job = || event("twice", &format!(r#""mode":"job","job":"{ID}""#));
        let deadline = context::now_ms() + 60_000;
        let both =
            tokio::join!(answer_event(&shared, job(), deadline), answer_event(&shared, job(), deadline));
        assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
        let record = shared.jobs.read(ID).await.expect("memory").expect("a record");
        assert_eq!((record.state, record.result), (State::Done, Some(7.into())));
    }

    /// Returns the milliseconds that its invocation has left.
    const TIME_LEFT: Task<(), u64> = Task::__asynchronous("time-left", |()| {
        Box::pin(async {
            let end = context::current().deadline_ms.unwrap_or_default();
            Ok(end.saturating_sub(context::now_ms()))
        })
    });

    #[tokio::test]
    async fn job_has_all_of_its_functions_time_whatever_the_event_says() {
        let shared = shared_with(TIME_LEFT);
        let deadline = context::now_ms() + 60_000;
        let job = event("time-left", &format!(r#""mode":"job","job":"{ID}","deadline_ms":5"#));
        answer_event(&shared, job, deadline).await.expect("done");
        let record = shared.jobs.read(ID).await.expect("memory").expect("a record");
        let left = record.result.and_then(|left| left.as_u64()).expect("a number");
        assert!((50_000..60_000).contains(&left), "{left}");
        let call =
            answer_event(&shared, event("time-left", r#""deadline_ms":5"#), deadline).await.expect("done");
        assert!(call.get().ends_with(r#""data":0}"#), "a called task has as long as its caller: {call}");
    }
}
