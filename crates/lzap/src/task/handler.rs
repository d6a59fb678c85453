//! A task without its types: bytes in, bytes out.
//!
//! Everything that knows `I` and `O` at run time is here; what calls it knows a name.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lambda_runtime::Error as BoxError;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use super::error::{TaskError, TaskErrorKind};
use super::{Body, Task};
use crate::codec::json;

/// A registered task.
pub(crate) trait Handler: Send + Sync {
    fn name(&self) -> &'static str;

    /// Runs it once. A panic is an error.
    fn one(&self, input: Box<RawValue>) -> BoxFuture<'static, Result<Box<RawValue>, TaskError>>;

    /// Runs it on each item of a chunk.
    #[cfg(feature = "map")]
    fn many(
        &self,
        work: crate::map::chunk::Work,
    ) -> BoxFuture<'static, Result<crate::map::chunk::Computed, TaskError>>;

    /// Joins results into one, when this is a task of two.
    #[cfg(feature = "map")]
    fn join(
        &self,
        codec: crate::Codec,
        results: Vec<u8>,
        count: usize,
    ) -> BoxFuture<'static, Result<crate::map::chunk::Joined, TaskError>>;
}

impl<I, O> Handler for Task<I, O>
where
    I: Serialize + DeserializeOwned + Send + 'static,
    O: Serialize + DeserializeOwned + Send + 'static,
{
    fn name(&self) -> &'static str {
        Task::name(self)
    }

    fn one(&self, input: Box<RawValue>) -> BoxFuture<'static, Result<Box<RawValue>, TaskError>> {
        let task = *self;
        Box::pin(caught(async move {
            let input = json::read::<I>(&input).map_err(|why| {
                TaskError::new(TaskErrorKind::BadInput, format!("the input of task `{}` {why}", task.name()))
            })?;
            let output = task.guarded(input).await?;
            to_raw_value(&output).map_err(|error| {
                let why = format!("the output of task `{}` can't be written: {error}", task.name());
                TaskError::new(TaskErrorKind::BadOutput, why)
            })
        }))
    }

    #[cfg(feature = "map")]
    fn many(
        &self,
        work: crate::map::chunk::Work,
    ) -> BoxFuture<'static, Result<crate::map::chunk::Computed, TaskError>> {
        Box::pin(caught(crate::map::chunk::run(*self, work)))
    }

    #[cfg(feature = "map")]
    fn join(
        &self,
        codec: crate::Codec,
        results: Vec<u8>,
        count: usize,
    ) -> BoxFuture<'static, Result<crate::map::chunk::Joined, TaskError>> {
        Box::pin(caught(crate::map::chunk::join(*self, codec, results, count)))
    }
}

impl<I: Send + 'static, O: Send + 'static> Task<I, O> {
    /// Runs the function; a panic is an error. A plain function gets a thread of its own: it may compute for long.
    pub(crate) async fn guarded(self, input: I) -> Result<O, TaskError> {
        match self.body {
            Body::Asynchronous(function) => {
                caught(async move { function(input).await.map_err(|error| failed(&error)) }).await
            }
            Body::Plain(function) => {
                let span = tracing::Span::current();
                tokio::task::spawn_blocking(move || span.in_scope(|| guarded_plain(function, input)))
                    .await
                    .unwrap_or_else(|error| Err(TaskError::new(TaskErrorKind::Crashed, error.to_string())))
            }
        }
    }
}

/// One call of a plain function.
pub(crate) fn guarded_plain<I, O>(function: fn(I) -> Result<O, BoxError>, input: I) -> Result<O, TaskError> {
    // The error's own words are the user's code, too.
    let run = || function(input).map_err(|error| failed(&error));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// Runs what the user wrote; a panic is an error.
pub(crate) async fn caught<T>(future: impl Future<Output = Result<T, TaskError>>) -> Result<T, TaskError> {
    AssertUnwindSafe(future).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// The task's own error, with its causes.
fn failed(error: &BoxError) -> TaskError {
    TaskError::new(TaskErrorKind::Failed, crate::http::chain(&**error))
}

/// The hook has logged the place already.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> TaskError {
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    TaskError::new(TaskErrorKind::Panicked, format!("panicked: {message}"))
}
