//! Invocations: tasks and chunks of maps run in this process, in other Lambdas, or in a test's cloud with faults.
//!
//! [`Invoker`] is the interface between them: one event to another Lambda, and the outcome of that attempt. Which outcomes
//! are retried is its callers' decision: `retry.rs` decides for single tasks, `map` for chunks.

pub(crate) mod aws;
mod jobs;
mod lambda;
mod retry;
mod store;
#[cfg(feature = "map")]
mod workers;

use std::env;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use lzap_wire::env::AWS_LAMBDA_RUNTIME_API;

#[cfg(feature = "map")]
use crate::build;
use crate::task::error::{TaskError, TaskErrorKind};
use crate::task::handler::Handler;
use crate::task::head::Event;
use crate::task::registry::Registry;
use crate::worker;

pub(crate) use jobs::Jobs;
pub(crate) use lambda::LambdaInvoker;
pub(crate) use store::Store;
#[cfg(feature = "map")]
pub(crate) use store::{Memory, Retention};
#[cfg(feature = "map")]
pub(crate) use workers::WorkersInvoker;

/// Sends invocations.
pub(crate) trait Invoker: Send + Sync + fmt::Debug {
    /// Invokes synchronously: waits for the function's answer.
    fn invoke(&self, event: Bytes) -> BoxFuture<'_, AttemptOutcome>;

    /// Invokes asynchronously: returns as soon as Lambda has queued the event, with an empty answer.
    fn invoke_async(&self, event: Bytes) -> BoxFuture<'_, AttemptOutcome>;
}

/// The outcome of one attempt to invoke a function.
#[derive(Clone, Debug)]
pub(crate) enum AttemptOutcome {
    /// The function's answer.
    Answered(Bytes),
    /// Lambda throttled the attempt before the function ran.
    Throttled {
        #[cfg_attr(
            not(feature = "map"),
            expect(dead_code, reason = "a single call waits for either reason")
        )]
        reason: ThrottleReason,
        retry_after: Option<Duration>,
    },
    /// The function was started and failed.
    Failed { failure: FunctionFailure, message: String, request_id: Option<String> },
    /// No connection was made, so the function did not run.
    NotConnected(String),
    /// This process has no file descriptor left for another connection, so the function did not run.
    OutOfDescriptors,
    /// The request was sent and no answer arrived: the function may have run.
    ResponseLost(String),
    /// Lambda answered with a 5xx: the function may have run.
    Unavailable(String),
    /// The event or the answer exceeds Lambda's limit.
    TooLarge(String),
    /// Lambda refused for a reason that a retry does not change: no permission, no such function, a recursive loop.
    Refused { kind: TaskErrorKind, message: String },
}

/// The reason of a throttled attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThrottleReason {
    /// The concurrency limit of the function or the account is reached.
    Concurrency,
    /// Too many requests per second.
    Rate,
}

/// How a function failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FunctionFailure {
    /// Its process ended, for example because it ran out of memory.
    Exit,
    /// It exceeded its timeout.
    Timeout,
    /// It returned an error instead of a reply.
    Error,
}

/// How often an event may be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// An event whose response was lost is not sent again.
    AtMostOnce,
    /// An event whose response was lost is sent again.
    AtLeastOnce,
}

impl Delivery {
    /// The delivery of a task by whether it is idempotent.
    pub(crate) fn for_task(idempotent: bool) -> Self {
        if idempotent { Self::AtLeastOnce } else { Self::AtMostOnce }
    }
}

/// What all tasks of a process share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The app's tasks. None in a test that runs tasks without an app: there the task itself is what runs.
    pub(crate) registry: Option<Registry>,
    /// Where tasks run.
    pub(crate) target: TaskTarget,
    /// Where chunks of maps run, if not where tasks do.
    #[cfg(feature = "map")]
    pub(crate) workers: Option<TaskTarget>,
    pub(crate) jobs: Jobs,
    /// Where large payloads are spilled to; none without a bucket.
    #[cfg(feature = "map")]
    pub(crate) store: Option<Store>,
    #[cfg(feature = "map")]
    pub(crate) learned: crate::map::MapStatistics,
    /// Where a map's objects are read.
    #[cfg(feature = "map")]
    pub(crate) source: crate::object::source::ObjectSource,
}

/// Where tasks run.
#[derive(Clone, Debug)]
pub(crate) enum TaskTarget {
    /// In this process, through the same serialization.
    InProcess,
    /// In other Lambdas.
    Remote(Arc<dyn Invoker>),
}

static SHARED: OnceLock<Arc<Shared>> = OnceLock::new();

tokio::task_local! {
    /// What the tasks of one test share.
    static SCOPED: Arc<Shared>;
}

/// What the tasks of the calling code share.
pub(crate) fn shared() -> Arc<Shared> {
    SCOPED
        .try_with(Arc::clone)
        .unwrap_or_else(|_| Arc::clone(SHARED.get_or_init(|| Arc::new(Shared::in_process(None)))))
}

/// Runs `future` with `shared` instead of what the process shares.
pub(crate) async fn scope<F: Future>(shared: Arc<Shared>, future: F) -> F::Output {
    SCOPED.scope(shared, future).await
}

/// Sets what the process shares, once; from then on tasks find their app.
pub(crate) fn install(registry: Registry) -> Arc<Shared> {
    let remote = env::var_os(AWS_LAMBDA_RUNTIME_API).is_some();
    let make =
        |registry| if remote { Shared::in_lambda(registry) } else { Shared::in_process(Some(registry)) };
    Arc::clone(SHARED.get_or_init(|| Arc::new(make(registry))))
}

impl Shared {
    /// For `cargo run` and tests: tasks run in this process.
    pub(crate) fn in_process(registry: Option<Registry>) -> Self {
        Self {
            registry,
            target: TaskTarget::InProcess,
            #[cfg(feature = "map")]
            workers: None,
            jobs: Jobs::default(),
            #[cfg(feature = "map")]
            store: None,
            #[cfg(feature = "map")]
            learned: crate::map::MapStatistics::default(),
            #[cfg(feature = "map")]
            source: crate::object::source::ObjectSource::default(),
        }
    }

    /// For Lambda: tasks run in other Lambdas. No credentials are read and no connection is made before the first call.
    pub(crate) fn in_lambda(registry: Registry) -> Self {
        let store = Store::from_env();
        let own = Arc::new(LambdaInvoker::from_env());
        Self {
            #[cfg(feature = "map")]
            workers: build::worker_build().and_then(|workers| own.with_version(workers)).map(|workers| {
                TaskTarget::Remote(Arc::new(WorkersInvoker::new(Arc::new(workers), own.clone())))
            }),
            target: TaskTarget::Remote(own),
            jobs: store.clone().map_or_else(Jobs::without_bucket, Jobs::in_bucket),
            #[cfg(feature = "map")]
            store,
            ..Self::in_process(Some(registry))
        }
    }

    /// Where chunks of maps run.
    #[cfg(feature = "map")]
    pub(crate) fn chunk_target(&self) -> &TaskTarget {
        self.workers.as_ref().unwrap_or(&self.target)
    }

    /// The registered task of that name.
    pub(crate) fn find(&self, task: &str) -> Result<Arc<dyn Handler>, TaskError> {
        let none = || TaskError::new(TaskErrorKind::UnknownTask, "the app registers no tasks");
        self.registry.as_ref().ok_or_else(none)?.find_task(task).cloned()
    }

    /// Fails for a task that the app does not register: the other Lambda would not know it either.
    pub(crate) fn check(&self, task: &str) -> Result<(), TaskError> {
        self.registry.as_ref().map_or(Ok(()), |registry| registry.find_task(task).map(|_| ()))
    }
}

impl TaskTarget {
    /// Runs a task and waits for its answer.
    pub(crate) async fn call(
        &self,
        task: Arc<dyn Handler>,
        event: &Event,
        idempotent: bool,
    ) -> Result<Bytes, TaskError> {
        match self {
            Self::InProcess => {
                let reply = worker::run_called_task(&*task, event).await;
                Ok(Bytes::copy_from_slice(reply.to_raw().get().as_bytes()))
            }
            Self::Remote(invoker) => {
                let bytes = event.to_bytes();
                let send = || invoker.invoke(bytes.clone());
                retry::send_until_answered(send, Delivery::for_task(idempotent)).await
            }
        }
    }

    /// Starts a task without waiting for it.
    pub(crate) async fn start(
        &self,
        task: Arc<dyn Handler>,
        event: &Event,
        delivery: Delivery,
    ) -> Result<(), TaskError> {
        match self {
            Self::InProcess => {
                tokio::spawn(scope(shared(), worker::run_started_task(task, event.clone())));
                Ok(())
            }
            Self::Remote(invoker) => {
                let bytes = event.to_bytes();
                let send = || invoker.invoke_async(bytes.clone());
                retry::send_until_answered(send, delivery).await.map(|_| ())
            }
        }
    }
}
