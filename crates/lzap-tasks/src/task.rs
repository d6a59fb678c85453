//! A task's definition: its name, its function, and whether it is idempotent.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use lzap_invocation::Invocation;

use crate::error::{TaskError, TaskErrorKind};
use crate::panic::{catch_panic, run_plain_guarded, task_failure};
use crate::result::BoxError;

/// Boxed, so that a task's type names its input and output only.
pub type TaskFuture<O> = Pin<Box<dyn Future<Output = Result<O, BoxError>> + Send>>;

/// A function that can run in another Lambda. `lzap::Task` is its form for apps.
pub struct TaskDefinition<I, O> {
    name: &'static str,
    is_idempotent: bool,
    function: TaskFunction<I, O>,
}

/// A function pointer, so that a task is `Copy` and can be a constant.
pub enum TaskFunction<I, O> {
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

impl<I, O> Clone for TaskDefinition<I, O> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<I, O> Copy for TaskDefinition<I, O> {}

impl<I, O> fmt::Debug for TaskDefinition<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskDefinition").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<I, O> TaskDefinition<I, O> {
    /// The definition of an idempotent task. `name` is unique in the app.
    pub const fn new(name: &'static str, function: TaskFunction<I, O>) -> Self {
        Self { name, is_idempotent: true, function }
    }

    /// The same task, which must not run twice for one call.
    #[must_use]
    pub const fn not_idempotent(self) -> Self {
        Self { is_idempotent: false, ..self }
    }

    /// The name that events, schedules and `lzap invoke` use.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// True if the task may run twice for one call.
    pub const fn is_idempotent(&self) -> bool {
        self.is_idempotent
    }

    /// For maps, which run plain functions on all cores and asynchronous ones in sequence.
    pub const fn function(&self) -> TaskFunction<I, O> {
        self.function
    }
}

impl<I: Send + 'static, O: Send + 'static> TaskDefinition<I, O> {
    /// Runs the function in this process, without serialization and without catching panics.
    ///
    /// # Errors
    /// The error that the function returned.
    pub async fn run(&self, input: I) -> Result<O, BoxError> {
        match self.function {
            TaskFunction::Asynchronous(function) => function(input).await,
            TaskFunction::Plain(function) => function(input),
        }
    }

    /// Runs the function; a panic becomes an error. A plain function runs on a thread of its own, because it may compute for
    /// long and would block other tasks of the runtime.
    ///
    /// # Errors
    /// [`TaskErrorKind::Failed`] with the function's error, or [`TaskErrorKind::Panicked`].
    pub async fn run_guarded(self, input: I) -> Result<O, TaskError> {
        match self.function {
            TaskFunction::Asynchronous(function) => {
                catch_panic(async move { function(input).await.map_err(|error| task_failure(&error)) }).await
            }
            TaskFunction::Plain(function) => {
                // Neither passes to other threads. Without the span, log lines of the task would lack the request id.
                let (span, invocation) = (tracing::Span::current(), Invocation::current());
                let run =
                    move || invocation.sync_scope(|| span.in_scope(|| run_plain_guarded(function, input)));
                tokio::task::spawn_blocking(run)
                    .await
                    .unwrap_or_else(|error| Err(TaskError::new(TaskErrorKind::Crashed, error.to_string())))
            }
        }
    }
}
