//! The receiving side: an event that names a task, to the task and back.

use std::sync::Arc;
use std::time::Duration;

use lzap_wire::job::State;
use serde_json::value::RawValue;

use crate::build;
use crate::engine::{Shared, shared};
#[cfg(feature = "map")]
use crate::map::JobAttempt;
use crate::task::context::{self, Invocation, MAX_DEPTH};
use crate::task::error::{TaskError, TaskErrorKind};
use crate::task::handler::Handler;
use crate::task::head::{Event, Head, HeadKind, Mode, Reply};
use crate::task::job;

/// How long before the process is stopped a task's answer must be on its way.
pub(crate) const MARGIN_MS: u64 = 250;

/// Answers an event in Lambda. An error is the invocation's own failure, after which Lambda tries again.
pub(crate) async fn answer(
    shared: &Shared,
    event: Event,
    deadline_ms: u64,
) -> Result<Box<RawValue>, TaskError> {
    let head = &event.head;
    let (kind, mode) = (head.kind, head.mode);
    let deadline_ms = head.deadline_ms.unwrap_or(u64::MAX).min(deadline_ms.saturating_sub(MARGIN_MS));
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
            (Mode::Job, Some(id)) => Box::pin(as_job(shared, &*task, id, event)).await,
            _ => task.one(event.data.clone()).await.map(Reply::ok),
        },
    }
}

/// Runs a task and keeps its record. What is done already isn't done again.
async fn as_job(shared: &Shared, task: &dyn Handler, id: &str, event: &Event) -> Result<Reply, TaskError> {
    let record = shared.jobs.read(id).await?.unwrap_or_else(|| job::queued(id, task.name()));
    if record.state == State::Done {
        return Ok(Reply::ok(RawValue::NULL.to_owned()));
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
    let record = job::ended(record, result.as_deref());
    shared.jobs.write(id, &record).await?;
    #[cfg(feature = "map")]
    if result.is_ok() {
        attempt.forget(shared.store.as_ref()).await;
    }
    result.map(|_| Reply::ok(RawValue::NULL.to_owned()))
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
