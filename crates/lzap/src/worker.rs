//! The receiving side: an event that names a task, to the task and back.

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

/// How long before the process is stopped a task's answer must be on its way; twice as long for a job, which has its
/// record to write.
pub(crate) const MARGIN_MS: u64 = 250;

/// Answers an event in Lambda. An error is the invocation's own failure, after which Lambda tries again.
pub(crate) async fn answer(
    shared: &Shared,
    event: Event,
    deadline_ms: u64,
) -> Result<Box<RawValue>, TaskError> {
    let head = &event.head;
    let (kind, mode) = (head.kind, head.mode);
    // Where nobody waits, nobody sets an end, whatever the event says.
    let asked = head.deadline_ms.filter(|_| mode == Mode::Call).unwrap_or(u64::MAX);
    let margin = if mode == Mode::Job { 2 * MARGIN_MS } else { MARGIN_MS };
    let deadline_ms = asked.min(deadline_ms.saturating_sub(margin));
    let invocation = Invocation::until(head.depth, Some(deadline_ms));
    let result = match find(shared, head) {
        Ok(task) => invocation.scope(dispatch(shared, task, &event)).await,
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

fn find(shared: &Shared, head: &Head) -> Result<Arc<dyn Handler>, TaskError> {
    if head.depth > MAX_DEPTH {
        let why = format!("the task is called {} deep, and {MAX_DEPTH} are allowed", head.depth);
        return Err(TaskError::new(TaskErrorKind::TooDeep, why));
    }
    if let Some(wanted) = head.build.as_deref().filter(|wanted| !build::fits(wanted)) {
        let why = format!(
            "the caller is build `{wanted}` and this is `{}`: a deploy happened in between; try again",
            build::id()
        );
        return Err(TaskError::new(TaskErrorKind::WrongBuild, why));
    }
    shared.find(&head.task)
}

async fn dispatch(shared: &Shared, task: Arc<dyn Handler>, event: &Event) -> Result<Reply, TaskError> {
    match event.head.kind {
        #[cfg(feature = "map")]
        // Boxed: what it does with S3 is large, and a single task needn't carry it on its stack.
        HeadKind::Chunk => Box::pin(crate::map::chunk::answer(shared, &*task, event)).await,
        #[cfg(not(feature = "map"))]
        HeadKind::Chunk => {
            let why = "a map's chunk arrived, and the app's `lzap` lacks the feature `map`";
            Err(TaskError::new(TaskErrorKind::WrongBuild, why))
        }
        HeadKind::Task => match (event.head.mode, &event.head.job) {
            (Mode::Job, Some(id)) => {
                let span = tracing::error_span!(target: JOB_TARGET, "job", job = id, task = task.name());
                Box::pin(as_job(shared, &*task, id, event)).instrument(span).await
            }
            _ => task.one(event.data.clone()).await.map(Reply::ok),
        },
    }
}

/// Runs a task and keeps its record. What is done already isn't done again.
async fn as_job(shared: &Shared, task: &dyn Handler, id: &str, event: &Event) -> Result<Reply, TaskError> {
    let nothing = || Reply::ok(RawValue::NULL.to_owned());
    let record = shared.jobs.read(id).await?.unwrap_or_else(|| job::queued(id, task.name()));
    if record.state == State::Done {
        return Ok(nothing());
    }
    let record = job::started(record, context::current().deadline_ms);
    shared.jobs.write(id, &record).await?;
    let run = task.one(event.data.clone());
    #[cfg(feature = "map")]
    let (attempt, run) = {
        let attempt = Arc::new(JobAttempt::new(id, record.attempt));
        let invocation = Invocation { job: Some(Arc::clone(&attempt)), ..context::current() };
        (attempt, invocation.scope(run))
    };
    let result = run.await;
    let now = if result.is_err() { shared.jobs.read(id).await.ok().flatten() } else { None };
    if now.is_some_and(|record| record.state == State::Done) {
        // Lambda delivers at least once: the other delivery has done it.
        return Ok(nothing());
    }
    let record = job::ended(record, result.as_deref());
    shared.jobs.write(id, &record).await?;
    #[cfg(feature = "map")]
    if result.is_ok() {
        let left =
            context::current().deadline_ms.map_or(u64::MAX, |end| end.saturating_sub(context::now_ms()));
        attempt.forget(shared.store.as_ref(), Duration::from_millis(left)).await;
    }
    result.map(|_| nothing())
}

/// One run in this process, whose caller waits.
pub(crate) async fn one(task: &dyn Handler, event: &Event) -> Reply {
    let head = &event.head;
    let invocation = Invocation::until(head.depth, head.deadline_ms);
    match invocation.scope(task.one(event.data.clone())).await {
        Ok(data) => Reply::ok(data),
        Err(error) => Reply::error(HeadKind::Task, &error),
    }
}

/// A run in this process that nobody waits for, with the attempts that Lambda would make.
pub(crate) async fn later(task: Arc<dyn Handler>, event: Event) {
    let shared = shared();
    for attempt in 1..=job::attempts() {
        let invocation = Invocation::until(event.head.depth, None);
        let Err(error) = invocation.scope(dispatch(&shared, Arc::clone(&task), &event)).await else { return };
        tracing::warn!(task = task.name(), attempt, %error, "the task failed");
        if attempt < job::attempts() {
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
        registry.add(Arc::new(task)).expect("the first");
        Shared::here(Some(registry))
    }

    fn event(task: &str, more: &str) -> Event {
        let text = format!(r#"{{"lzap":{{"v":1,"kind":"task","task":"{task}",{more}}}}}"#);
        Event::parse(&text).expect("an event")
    }

    const ID: &str = "0123456789abcdef0123456789abcdef";

    static DELIVERIES: AtomicU32 = AtomicU32::new(0);

    /// The first delivery fails, after the second has done it.
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
    async fn what_one_delivery_has_done_another_s_failure_does_not_undo() {
        let shared = shared_with(TWICE);
        let job = || event("twice", &format!(r#""mode":"job","job":"{ID}""#));
        let deadline = context::now_ms() + 60_000;
        let both = tokio::join!(answer(&shared, job(), deadline), answer(&shared, job(), deadline));
        assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
        let record = shared.jobs.read(ID).await.expect("memory").expect("a record");
        assert_eq!((record.state, record.result), (State::Done, Some(7.into())));
    }

    /// How long its invocation has, in milliseconds.
    const TIME_LEFT: Task<(), u64> = Task::__asynchronous("time-left", |()| {
        Box::pin(async {
            let end = context::current().deadline_ms.unwrap_or_default();
            Ok(end.saturating_sub(context::now_ms()))
        })
    });

    #[tokio::test]
    async fn a_task_that_nobody_waits_for_has_all_of_its_own_time() {
        let shared = shared_with(TIME_LEFT);
        let deadline = context::now_ms() + 60_000;
        let job = event("time-left", &format!(r#""mode":"job","job":"{ID}","deadline_ms":5"#));
        answer(&shared, job, deadline).await.expect("done");
        let record = shared.jobs.read(ID).await.expect("memory").expect("a record");
        let left = record.result.and_then(|left| left.as_u64()).expect("a number");
        assert!((50_000..60_000).contains(&left), "{left}");
        let call = answer(&shared, event("time-left", r#""deadline_ms":5"#), deadline).await.expect("done");
        assert!(call.get().ends_with(r#""data":0}"#), "who is waited for has as long as the caller: {call}");
    }
}
