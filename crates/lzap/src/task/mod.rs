//! Typed tasks: functions that run in another Lambda.
//!
//! `#[lzap::task]` makes a [`Task`]. [`head`] has the envelope of its events, `codec.rs` encodes values, [`registry`] finds a
//! task by its name, and an [`Invoker`](crate::engine::Invoker) sends the event.

pub(crate) mod context;
pub(crate) mod error;
pub(crate) mod handler;
pub(crate) mod head;
pub(crate) mod id;
pub(crate) mod job;
pub(crate) mod registry;
pub(crate) mod result;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use lambda_runtime::Error as BoxError;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::to_raw_value;

use crate::codec::json;
use crate::engine::{Delivery, shared};
use error::{TaskError, TaskErrorKind};
use head::{Event, Head, Mode, Reply};
use job::Job;

/// The future of an asynchronous task.
pub(crate) type TaskFuture<O> = Pin<Box<dyn Future<Output = Result<O, BoxError>> + Send>>;

/// A function that can run in another Lambda. `#[lzap::task]` makes it from a function.
///
/// ```
/// #[lzap::task]
/// async fn greet(name: String) -> Result<String, String> {
///     Ok(format!("Hello, {name}"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lzap::TaskError> {
/// assert_eq!(greet.call("Ada".to_owned()).await?, "Hello, Ada");
/// # Ok(())
/// # }
/// ```
///
/// Events and answers have the input and the output as JSON (those of a map as postcard), so both types are
/// `Serialize + DeserializeOwned`. Under `cargo run` and `cargo test` the task runs in this process, through the same
/// serialization.
///
/// Tasks must be idempotent, because Lambda delivers an event at least once, and may deliver it again.
pub struct Task<I, O> {
    name: &'static str,
    pub(crate) idempotent: bool,
    pub(crate) body: TaskFunction<I, O>,
}

/// The function of a task.
pub(crate) enum TaskFunction<I, O> {
    /// An asynchronous function. The items of a chunk run one after the other.
    Asynchronous(fn(I) -> TaskFuture<O>),
    /// A plain function. The items of a chunk run in parallel on all cores.
    Plain(fn(I) -> Result<O, BoxError>),
}

impl<I, O> Clone for TaskFunction<I, O> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<I, O> Copy for TaskFunction<I, O> {}

impl<I, O> Clone for Task<I, O> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<I, O> Copy for Task<I, O> {}

impl<I, O> fmt::Debug for Task<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<I, O> Task<I, O> {
    /// For the macro.
    #[doc(hidden)]
    pub const fn __asynchronous(name: &'static str, function: fn(I) -> TaskFuture<O>) -> Self {
        Self { name, idempotent: true, body: TaskFunction::Asynchronous(function) }
    }

    /// For the macro.
    #[doc(hidden)]
    pub const fn __plain(name: &'static str, function: fn(I) -> Result<O, BoxError>) -> Self {
        Self { name, idempotent: true, body: TaskFunction::Plain(function) }
    }

    /// For the macro.
    #[doc(hidden)]
    #[must_use]
    pub const fn __not_idempotent(mut self) -> Self {
        self.idempotent = false;
        self
    }

    /// The name that events, schedules and `lzap invoke` use.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<I, O> Task<I, O>
where
    I: Serialize + DeserializeOwned + Send + 'static,
    O: Serialize + DeserializeOwned + Send + 'static,
{
    /// Runs the function in this process, without another Lambda and without serialization.
    ///
    /// # Errors
    /// The error that the function returned.
    pub async fn run(&self, input: I) -> Result<O, BoxError> {
        match self.body {
            TaskFunction::Asynchronous(function) => function(input).await,
            TaskFunction::Plain(function) => function(input),
        }
    }

    /// Runs the task in another Lambda and waits for the result: one `lambda:Invoke`, and both Lambdas are billed meanwhile.
    /// Throttled attempts and lost responses are retried until the caller's deadline is near. A task with
    /// `idempotent = false` is not retried after a lost response.
    ///
    /// # Errors
    /// The task's own failure, or a failure to reach it; [`TaskErrorKind`] tells them apart.
    pub async fn call(&self, input: I) -> Result<O, TaskError> {
        let event = self.build_event(&input, Mode::Call, None)?;
        // The other Lambda runs the same app, so a task that is unknown here is unknown there.
        let shared = shared();
        shared.check(self.name)?;
        let reply = shared.target.call(Arc::new(*self), &event, self.idempotent).await?;
        let Reply { data, .. } = Reply::parse(&reply)?;
        json::read_value(&data).map_err(|why| TaskError::new(TaskErrorKind::BadOutput, why))
    }

    /// Starts the task as an asynchronous invocation, and returns as soon as Lambda has queued the event. The task continues
    /// after this request is answered. Lambda retries a failed task twice; `[stage.X.async]` in `lzap.toml` changes that. The
    /// input may have up to 1 MB.
    ///
    /// # Errors
    /// When Lambda did not queue the event. A failure of the task itself is only in its log.
    pub async fn spawn(&self, input: I) -> Result<(), TaskError> {
        let event = self.build_event(&input, Mode::Spawn, None)?;
        let shared = shared();
        shared.check(self.name)?;
        shared.target.start(Arc::new(*self), &event, Delivery::for_task(self.idempotent)).await
    }

    /// Starts the task like [`spawn`](Self::spawn), and stores its state and its result for seven days under an id.
    ///
    /// The record costs a `s3:PutObject` when the job is queued, and two for each attempt. Reading the state costs one
    /// `s3:GetObject`.
    ///
    /// # Errors
    /// When Lambda did not queue the event, or the record can't be written.
    pub async fn job(&self, input: I) -> Result<Job<O>, TaskError> {
        let job = Job::<O>::new()?;
        let event = self.build_event(&input, Mode::Job, Some(job.id()))?;
        let shared = shared();
        shared.check(self.name)?;
        // The record comes first: a reader with the id must never find a running job without one.
        job.write_queued(self.name).await?;
        let delivery = Delivery::for_task(self.idempotent);
        match shared.target.start(Arc::new(*self), &event, delivery).await {
            Ok(()) => Ok(job),
            Err(error) => {
                // After a lost response the job may run, and the worker then writes the record.
                if error.kind() != TaskErrorKind::Unreachable {
                    job.write_never_started(self.name, &error).await;
                }
                Err(error)
            }
        }
    }

    /// Builds the event for one run and checks its size.
    fn build_event(&self, input: &I, mode: Mode, job: Option<&str>) -> Result<Event, TaskError> {
        let data = to_raw_value(input).map_err(|error| TaskError::bad_input(self.name, &error))?;
        let head =
            Head { job: job.map(str::to_owned), ..Head::for_task(self.name, context::next_depth()?, mode) };
        let event = Event::new(&head, data);
        event.check_size(mode)?;
        Ok(event)
    }
}
