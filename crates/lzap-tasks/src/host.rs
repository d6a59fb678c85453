//! The tasks of a process, and the place where they run: in this process, in other Lambdas, or in a test's cloud.

use std::any::Any;
use std::env;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;
use lzap_wire::env::AWS_LAMBDA_RUNTIME_API;

use crate::envelope::{Event, Reply};
use crate::error::{TaskError, TaskErrorKind};
use crate::handler::Handler;
use crate::invoker::Invoker;
use crate::job_store::JobStore;
use crate::lambda_invoker::LambdaInvoker;
use crate::registry::Registry;
use crate::store::Store;

/// The tasks of a process, where they run, and where their results are kept.
#[derive(Debug)]
pub struct TaskHost {
    /// The app's tasks. `None` in a test that runs tasks without an app: each task then is known.
    pub registry: Option<Registry<dyn Handler>>,
    /// Remote in Lambda and in a test's cloud, else this process.
    pub target: TaskTarget,
    /// In the stage's bucket in Lambda, else in memory.
    pub jobs: JobStore,
    /// The stage's part of its bucket; `None` without a bucket.
    pub store: Option<Store>,
    /// Answers events of maps' chunks; `None` in an app without maps.
    pub chunks: Option<Arc<dyn ChunkEvents>>,
}

/// The place where tasks run.
#[derive(Clone, Debug)]
pub enum TaskTarget {
    /// In this process, through the same serialization.
    InProcess,
    /// In other Lambdas, or in the workers of a test's cloud.
    Remote(Arc<dyn Invoker>),
}

/// Answers events of maps' chunks. A layer above implements it, and finds its own state again by its type (see [`Any`]).
pub trait ChunkEvents: Any + Send + Sync + fmt::Debug {
    /// Answers one event. Its depth and its build are checked already.
    ///
    /// # Errors
    /// When the chunk can't be computed.
    fn answer_chunk<'a>(
        &'a self,
        host: &'a TaskHost,
        event: &'a Event,
    ) -> BoxFuture<'a, Result<Reply, TaskError>>;
}

/// The host that [`TaskHost::install`] made.
static HOST: OnceLock<Arc<TaskHost>> = OnceLock::new();
/// The host of a process without an app, such as a test.
static WITHOUT_APP: OnceLock<Arc<TaskHost>> = OnceLock::new();

tokio::task_local! {
    /// The host of one test.
    static SCOPED: Arc<TaskHost>;
}

impl TaskHost {
    /// The host of the calling code: a test's own, or the process's.
    pub fn current() -> Arc<Self> {
        SCOPED.try_with(Arc::clone).unwrap_or_else(|_| {
            // A task may run before `App::run`, for example to prepare the app; that must not settle where later ones run.
            let host =
                HOST.get().unwrap_or_else(|| WITHOUT_APP.get_or_init(|| Arc::new(Self::without_app())));
            Arc::clone(host)
        })
    }

    /// Runs `future` with this host instead of the process's. Task-local values don't pass to spawned tasks.
    pub async fn scope<F: Future>(self: Arc<Self>, future: F) -> F::Output {
        SCOPED.scope(self, future).await
    }

    /// Sets the process's host. Only the first call has an effect.
    pub fn install(registry: Registry<dyn Handler>, chunks: Option<Arc<dyn ChunkEvents>>) {
        let is_lambda = env::var_os(AWS_LAMBDA_RUNTIME_API).is_some();
        HOST.get_or_init(|| {
            let host = if is_lambda { Self::in_lambda(registry) } else { Self::in_process(registry) };
            Arc::new(Self { chunks, ..host })
        });
    }

    /// For tests of tasks: each task is known, and runs in this process.
    fn without_app() -> Self {
        Self { registry: None, ..Self::in_process(Registry::default()) }
    }

    /// For `cargo run` and tests: tasks run in this process.
    pub fn in_process(registry: Registry<dyn Handler>) -> Self {
        Self {
            registry: Some(registry),
            target: TaskTarget::InProcess,
            jobs: JobStore::default(),
            store: None,
            chunks: None,
        }
    }

    /// For Lambda: tasks run in other Lambdas. No credentials are read and no connection is made before the first call.
    fn in_lambda(registry: Registry<dyn Handler>) -> Self {
        let store = Store::from_env();
        Self {
            target: TaskTarget::Remote(Arc::new(LambdaInvoker::from_env())),
            jobs: store.clone().map_or(JobStore::WithoutBucket, JobStore::S3),
            store,
            ..Self::in_process(registry)
        }
    }

    /// Fails without an app, unlike [`check_registered`](Self::check_registered): there is no code to run for the name.
    pub(crate) fn find_task(&self, task: &str) -> Result<Arc<dyn Handler>, TaskError> {
        let none = || {
            TaskError::new(
                TaskErrorKind::UnknownTask,
                "the app registers no tasks: add them to it with `App::task`",
            )
        };
        self.registry.as_ref().ok_or_else(none)?.find_task(task).cloned()
    }

    /// Fails for a task that the app does not register, because the other Lambda would not know it either.
    ///
    /// # Errors
    /// [`TaskErrorKind::UnknownTask`].
    pub fn check_registered(&self, task: &str) -> Result<(), TaskError> {
        self.registry.as_ref().map_or(Ok(()), |registry| registry.find_task(task).map(|_| ()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Once, the first use settled that the process has no app, and each later event of a task failed.
    #[test]
    fn app_that_is_installed_after_a_first_use_is_the_host_from_then_on() {
        assert!(TaskHost::current().registry.is_none());
        TaskHost::install(Registry::default(), None);
        assert!(TaskHost::current().registry.is_some());
    }
}
