//! Tasks without their types: a handler takes and returns encoded values.
//!
//! Workers find a handler by a task's name and know neither its input nor its output type.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lambda_runtime::Error as BoxError;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use super::error::{TaskError, TaskErrorKind};
use super::{Task, TaskFunction};
use crate::codec::json;

/// A registered task.
pub(crate) trait Handler: Send + Sync {
    fn name(&self) -> &'static str;

    /// Runs the task on one input. A panic becomes an error.
    fn run_once(&self, input: Box<RawValue>) -> BoxFuture<'static, Result<Box<RawValue>, TaskError>>;

    /// Runs the task on each item of a chunk.
    #[cfg(feature = "map")]
    fn run_chunk(
        &self,
        work: crate::map::chunk::ChunkWork,
    ) -> BoxFuture<'static, Result<crate::map::chunk::ChunkResults, TaskError>>;

    /// Joins results with this task, which must take two arguments.
    #[cfg(feature = "map")]
    fn join_results(
        &self,
        codec: crate::Codec,
        results: Vec<u8>,
        count: usize,
    ) -> BoxFuture<'static, Result<crate::map::chunk::JoinedResults, TaskError>>;
}

impl<I, O> Handler for Task<I, O>
where
    I: Serialize + DeserializeOwned + Send + 'static,
    O: Serialize + DeserializeOwned + Send + 'static,
{
    fn name(&self) -> &'static str {
        Task::name(self)
    }

    fn run_once(&self, input: Box<RawValue>) -> BoxFuture<'static, Result<Box<RawValue>, TaskError>> {
        let task = *self;
        Box::pin(catch_panic(async move {
            let input = json::read_value::<I>(&input).map_err(|why| {
                TaskError::new(TaskErrorKind::BadInput, format!("the input of task `{}` {why}", task.name()))
            })?;
            let output = task.run_guarded(input).await?;
            to_raw_value(&output).map_err(|error| {
                let why = format!("the output of task `{}` can't be written: {error}", task.name());
                TaskError::new(TaskErrorKind::BadOutput, why)
            })
        }))
    }

    #[cfg(feature = "map")]
    fn run_chunk(
        &self,
        work: crate::map::chunk::ChunkWork,
    ) -> BoxFuture<'static, Result<crate::map::chunk::ChunkResults, TaskError>> {
        Box::pin(catch_panic(crate::map::chunk::run_items(*self, work)))
    }

    #[cfg(feature = "map")]
    fn join_results(
        &self,
        codec: crate::Codec,
        results: Vec<u8>,
        count: usize,
    ) -> BoxFuture<'static, Result<crate::map::chunk::JoinedResults, TaskError>> {
        Box::pin(catch_panic(crate::map::chunk::join_results(*self, codec, results, count)))
    }
}

impl<I: Send + 'static, O: Send + 'static> Task<I, O> {
    /// Runs the function; a panic becomes an error. A plain function runs on a thread of its own, because it may compute for
    /// long and would block other tasks of the runtime.
    pub(crate) async fn run_guarded(self, input: I) -> Result<O, TaskError> {
        match self.body {
            TaskFunction::Asynchronous(function) => {
                catch_panic(async move { function(input).await.map_err(|error| task_failure(&error)) }).await
            }
            TaskFunction::Plain(function) => {
                // Spans don't pass to other threads, and without it log lines of the task would lack the request id.
                let span = tracing::Span::current();
                tokio::task::spawn_blocking(move || span.in_scope(|| run_plain_guarded(function, input)))
                    .await
                    .unwrap_or_else(|error| Err(TaskError::new(TaskErrorKind::Crashed, error.to_string())))
            }
        }
    }
}

/// Calls a plain function; a panic becomes an error.
pub(crate) fn run_plain_guarded<I, O>(
    function: fn(I) -> Result<O, BoxError>,
    input: I,
) -> Result<O, TaskError> {
    // The error is formatted within `catch_unwind`, because its `Display` is user code and may panic too.
    let run = || function(input).map_err(|error| task_failure(&error));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panic_error(&*panic)))
}

/// Runs user code; a panic becomes an error.
pub(crate) async fn catch_panic<T>(
    future: impl Future<Output = Result<T, TaskError>>,
) -> Result<T, TaskError> {
    AssertUnwindSafe(future).catch_unwind().await.unwrap_or_else(|panic| Err(panic_error(&*panic)))
}

/// The error that a task returned, with its causes in one line.
fn task_failure(error: &BoxError) -> TaskError {
    TaskError::new(TaskErrorKind::Failed, crate::error_chain::describe_error_chain(&**error))
}

/// The error for a panic. It has no source location, because the panic hook has logged that.
pub(crate) fn panic_error(panic: &(dyn Any + Send)) -> TaskError {
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    TaskError::new(TaskErrorKind::Panicked, format!("panicked: {message}"))
}
