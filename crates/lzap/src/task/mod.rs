//! Typed tasks: functions that run in a Lambda of their own.
//!
//! [`Task`] is the value that `#[lzap::task]` makes. What travels is in [`head`] (the envelope) and in `codec.rs`; how a
//! name finds its function is in [`registry`]; who carries an invocation is an [`Invoker`](crate::engine::Invoker).

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

/// What a task's future is.
pub(crate) type Running<O> = Pin<Box<dyn Future<Output = Result<O, BoxError>> + Send>>;

/// A function that can run in another Lambda: what `#[lzap::task]` makes of a function.
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
/// Input and output travel as JSON (a map's, as postcard), so both are `Serialize + DeserializeOwned`. Under `cargo
/// run` and `cargo test` the task runs in this process, through the same serialization.
///
/// Whatever runs in another Lambda may run more than once: AWS delivers at least once. Write tasks that may.
pub struct Task<I, O> {
    name: &'static str,
    pub(crate) idempotent: bool,
    pub(crate) body: Body<I, O>,
}

/// The function itself.
pub(crate) enum Body<I, O> {
    /// Waits for something; items of a chunk run one after the other.
    Asynchronous(fn(I) -> Running<O>),
    /// Computes; items of a chunk share the processor's cores.
    Plain(fn(I) -> Result<O, BoxError>),
}

impl<I, O> Clone for Body<I, O> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<I, O> Copy for Body<I, O> {}

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
    pub const fn __asynchronous(name: &'static str, function: fn(I) -> Running<O>) -> Self {
        Self { name, idempotent: true, body: Body::Asynchronous(function) }
    }

    /// For the macro.
    #[doc(hidden)]
    pub const fn __plain(name: &'static str, function: fn(I) -> Result<O, BoxError>) -> Self {
        Self { name, idempotent: true, body: Body::Plain(function) }
    }

    /// For the macro.
    #[doc(hidden)]
    #[must_use]
    pub const fn __not_idempotent(mut self) -> Self {
        self.idempotent = false;
        self
    }

    /// The name by which events, schedules and `lzap invoke` call it.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<I, O> Task<I, O>
where
    I: Serialize + DeserializeOwned + Send + 'static,
    O: Serialize + DeserializeOwned + Send + 'static,
{
    /// Runs the function right here: no other Lambda, no serialization.
    ///
    /// # Errors
    /// What the function returned.
    pub async fn run(&self, input: I) -> Result<O, BoxError> {
        match self.body {
            Body::Asynchronous(function) => function(input).await,
            Body::Plain(function) => function(input),
        }
    }

    /// Runs it in another Lambda and waits for the result: one `lambda:Invoke`, and both Lambdas are paid for
    /// meanwhile. Throttles and lost connections are tried again until the caller's own deadline is near; a task that
    /// is not `idempotent` is never sent twice after an answer was lost.
    ///
    /// # Errors
    /// [`TaskErrorKind`] says whether the task failed, or was never reached.
    pub async fn call(&self, input: I) -> Result<O, TaskError> {
        let event = self.event(&input, Mode::Call, None)?;
        let shared = shared();
        shared.check(self.name)?;
        let reply = shared.target.call(Arc::new(*self), &event, self.idempotent).await?;
        let Reply { data, .. } = Reply::parse(&reply)?;
        json::read(&data).map_err(|why| TaskError::new(TaskErrorKind::BadOutput, why))
    }

    /// Starts it in another Lambda and returns as soon as AWS has taken it; it goes on when this request is answered.
    /// Lambda tries it twice more when it fails: see `[stage.X.async]` in `lzap.toml`. Input up to 1 MB.
    ///
    /// # Errors
    /// When AWS didn't take it. What becomes of the task itself is in its log.
    pub async fn spawn(&self, input: I) -> Result<(), TaskError> {
        let event = self.event(&input, Mode::Spawn, None)?;
        let shared = shared();
        shared.check(self.name)?;
        shared.target.start(Arc::new(*self), &event, Delivery::for_task(self.idempotent)).await
    }

    /// Starts it like [`spawn`](Self::spawn), with its state and its result kept for seven days under an id.
    ///
    /// Costs two small S3 objects' writes more, and a read for each look at it.
    ///
    /// # Errors
    /// When AWS didn't take it, or the record couldn't be written.
    pub async fn job(&self, input: I) -> Result<Job<O>, TaskError> {
        let job = Job::<O>::fresh()?;
        let event = self.event(&input, Mode::Job, Some(job.id()))?;
        let shared = shared();
        shared.check(self.name)?;
        job.queued(self.name).await?;
        let delivery = Delivery::for_task(self.idempotent);
        match shared.target.start(Arc::new(*self), &event, delivery).await {
            Ok(()) => Ok(job),
            Err(error) => {
                // One whose answer was lost may run: then its record is the worker's.
                if error.kind() != TaskErrorKind::Unreachable {
                    job.never_started(self.name, &error).await;
                }
                Err(error)
            }
        }
    }

    /// The event for one run; checked before it is sent.
    fn event(&self, input: &I, mode: Mode, job: Option<&str>) -> Result<Event, TaskError> {
        let data = to_raw_value(input).map_err(|error| TaskError::bad_input(self.name, &error))?;
        let head =
            Head { job: job.map(str::to_owned), ..Head::task(self.name, context::next_depth()?, mode) };
        let event = Event::new(&head, data);
        event.check_size(mode)?;
        Ok(event)
    }
}
