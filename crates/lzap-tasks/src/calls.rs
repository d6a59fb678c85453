//! The calling side of tasks: a call, an asynchronous invocation, and a job.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lzap_invocation::Invocation;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::to_raw_value;

use crate::depth::next_depth;
use crate::envelope::{Event, Head, Mode, Reply};
use crate::error::{TaskError, TaskErrorKind};
use crate::handler::Handler;
use crate::host::{TaskHost, TaskTarget};
use crate::invoker::Delivery;
use crate::job::Job;
use crate::job_record::max_attempts;
use crate::json;
use crate::retry::send_until_answered;
use crate::task::TaskDefinition;
use crate::worker::{run_called_task, run_task};

impl<I, O> TaskDefinition<I, O>
where
    I: Serialize + DeserializeOwned + Send + 'static,
    O: Serialize + DeserializeOwned + Send + 'static,
{
    /// Runs the task in another Lambda and waits for the result: one `lambda:Invoke` for each attempt.
    ///
    /// # Errors
    /// The task's own failure, or a failure to reach it.
    pub async fn call(&self, input: I) -> Result<O, TaskError> {
        let event = self.build_event(&input, Mode::Call, None)?;
        // The other Lambda runs the same app, so a task that is unknown here is unknown there.
        let host = TaskHost::current();
        host.check_registered(self.name())?;
        let reply = call_task(&host.target, Arc::new(*self), &event, self.is_idempotent()).await?;
        let Reply { data, .. } = Reply::parse(&reply)?;
        json::read_value(&data).map_err(|why| TaskError::new(TaskErrorKind::BadOutput, why))
    }

    /// Starts the task as an asynchronous invocation, and returns as soon as Lambda has queued the event.
    ///
    /// # Errors
    /// When Lambda did not queue the event, or its response was lost and the task may run.
    pub async fn spawn(&self, input: I) -> Result<(), TaskError> {
        let event = self.build_event(&input, Mode::Spawn, None)?;
        let host = TaskHost::current();
        host.check_registered(self.name())?;
        start_task(&host.target, Arc::new(*self), &event, Delivery::for_task(self.is_idempotent())).await
    }

    /// Starts the task like [`spawn`](Self::spawn), and stores its state and its result for seven days under an id.
    ///
    /// # Errors
    /// When Lambda did not queue the event, or the record can't be written.
    pub async fn job(&self, input: I) -> Result<Job<O>, TaskError> {
        let job = Job::<O>::new()?;
        let event = self.build_event(&input, Mode::Job, Some(job.id()))?;
        let host = TaskHost::current();
        host.check_registered(self.name())?;
        // The record comes first: a reader with the id must never find a running job without one.
        job.write_queued(self.name()).await?;
        let delivery = Delivery::for_task(self.is_idempotent());
        match start_task(&host.target, Arc::new(*self), &event, delivery).await {
            Ok(()) => Ok(job),
            Err(error) => {
                // After a lost response the job may run, and the worker then writes the record.
                if error.kind() != TaskErrorKind::Unreachable {
                    job.write_never_started(self.name(), &error).await;
                }
                Err(error)
            }
        }
    }

    /// Checks the depth and the size before anything is sent or stored, so that a refused job leaves no record.
    fn build_event(&self, input: &I, mode: Mode, job: Option<&str>) -> Result<Event, TaskError> {
        let data = to_raw_value(input).map_err(|error| TaskError::bad_input(self.name(), &error))?;
        let head = Head { job: job.map(str::to_owned), ..Head::for_task(self.name(), next_depth()?, mode) };
        let event = Event::new(&head, data);
        event.check_size(mode)?;
        Ok(event)
    }
}

/// In this process too, input and output pass through JSON, so that tests find types that serde can't read back.
async fn call_task(
    target: &TaskTarget,
    task: Arc<dyn Handler>,
    event: &Event,
    idempotent: bool,
) -> Result<Bytes, TaskError> {
    match target {
        TaskTarget::InProcess => {
            let reply = run_called_task(&*task, event).await;
            Ok(Bytes::copy_from_slice(reply.to_raw().get().as_bytes()))
        }
        TaskTarget::Remote(invoker) => {
            let bytes = event.to_bytes();
            let send = || invoker.invoke(bytes.clone());
            send_until_answered(send, Delivery::for_task(idempotent)).await
        }
    }
}

/// In this process the task outlives the caller's future, since tokio runs it on its own.
async fn start_task(
    target: &TaskTarget,
    task: Arc<dyn Handler>,
    event: &Event,
    delivery: Delivery,
) -> Result<(), TaskError> {
    match target {
        TaskTarget::InProcess => {
            tokio::spawn(TaskHost::current().scope(run_started_task(task, event.clone())));
            Ok(())
        }
        TaskTarget::Remote(invoker) => {
            let bytes = event.to_bytes();
            let send = || invoker.invoke_async(bytes.clone());
            send_until_answered(send, delivery).await.map(|_| ())
        }
    }
}

/// Runs an asynchronous invocation in this process, with as many attempts as Lambda makes. It waits seconds
/// between them where Lambda waits minutes.
async fn run_started_task(task: Arc<dyn Handler>, event: Event) {
    let host = TaskHost::current();
    for attempt in 1..=max_attempts() {
        let invocation = Invocation::at_depth(event.head.depth, None);
        let Err(error) = invocation.scope(run_task(&host, &*task, &event)).await else { return };
        tracing::warn!(task = task.name(), attempt, %error, "the task failed");
        if attempt < max_attempts() {
            tokio::time::sleep(Duration::from_secs(attempt.into())).await;
        }
    }
}
