//! Who carries invocations: this process, Lambda, or a test's cloud full of faults.
//!
//! [`Engine`] is the seam: one event to another Lambda and what became of it. What is tried again, and how often, is
//! decided by its callers: here for single tasks, in `map` for chunks.

pub(crate) mod client;
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
pub(crate) use lambda::LambdaEngine;
pub(crate) use store::Store;
#[cfg(feature = "map")]
pub(crate) use store::{Keep, Memory};
#[cfg(feature = "map")]
pub(crate) use workers::Workers;

/// Carries one invocation.
pub(crate) trait Engine: Send + Sync + fmt::Debug {
    /// Sends an event and waits for the answer.
    fn invoke(&self, event: Bytes) -> BoxFuture<'_, Outcome>;

    /// Sends an event that nobody waits for; an answer is empty.
    fn start(&self, event: Bytes) -> BoxFuture<'_, Outcome>;
}

/// What became of one invocation.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The function's answer.
    Answered(Bytes),
    /// Refused before it ran: nothing happened.
    Throttled {
        #[cfg_attr(not(feature = "map"), expect(dead_code, reason = "a single call waits either way"))]
        cause: Throttle,
        retry_after: Option<Duration>,
    },
    /// The function died at it.
    Died { how: Death, message: String, request_id: Option<String> },
    /// The connection failed: it may have run.
    Lost(String),
    /// AWS failed (a 5xx): it may have run.
    Unavailable(String),
    /// The event or the answer is too large.
    TooLarge(String),
    /// Not allowed, no such function, a loop: trying again would not help.
    Refused { kind: TaskErrorKind, message: String },
}

/// Why there was no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Throttle {
    /// All environments are at work.
    Concurrency,
    /// Too many requests a second.
    Rate,
}

/// How a function died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// Its process ended, out of memory perhaps.
    Exit,
    /// Its time was over.
    Timeout,
    /// It answered with an error of its own, before or instead of a reply.
    Error,
}

/// How often an event may be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// An event whose answer was lost is not sent again.
    Once,
    /// It is.
    OnceOrMore,
}

impl Delivery {
    pub(crate) fn once_or_more(idempotent: bool) -> Self {
        if idempotent { Self::OnceOrMore } else { Self::Once }
    }
}

/// What all tasks of a process share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// None in a test that runs tasks without an app: there, the caller's own task is the one that runs.
    pub(crate) registry: Option<Registry>,
    pub(crate) engine: Carrier,
    /// Where a map's chunks go, when not where tasks do.
    #[cfg(feature = "map")]
    pub(crate) workers: Option<Carrier>,
    pub(crate) jobs: Jobs,
    /// Where large payloads go; none without a bucket.
    #[cfg(feature = "map")]
    pub(crate) store: Option<Store>,
    #[cfg(feature = "map")]
    pub(crate) learned: crate::map::Learned,
    /// Where a map's objects are read.
    #[cfg(feature = "map")]
    pub(crate) source: crate::object::source::Source,
}

/// Where tasks run.
#[derive(Clone, Debug)]
pub(crate) enum Carrier {
    /// In this process, through the same serialization.
    Here,
    /// In other Lambdas.
    Remote(Arc<dyn Engine>),
}

static SHARED: OnceLock<Arc<Shared>> = OnceLock::new();

tokio::task_local! {
    /// A test's own world.
    static SCOPED: Arc<Shared>;
}

/// What the calling code's tasks share.
pub(crate) fn shared() -> Arc<Shared> {
    SCOPED
        .try_with(Arc::clone)
        .unwrap_or_else(|_| Arc::clone(SHARED.get_or_init(|| Arc::new(Shared::here(None)))))
}

/// Runs `future` with tasks of its own.
pub(crate) async fn scope<F: Future>(shared: Arc<Shared>, future: F) -> F::Output {
    SCOPED.scope(shared, future).await
}

/// Sets what the process shares, once: from then on tasks find their app.
pub(crate) fn install(registry: Registry) -> Arc<Shared> {
    let remote = env::var_os(AWS_LAMBDA_RUNTIME_API).is_some();
    let make = |registry| if remote { Shared::in_lambda(registry) } else { Shared::here(Some(registry)) };
    Arc::clone(SHARED.get_or_init(|| Arc::new(make(registry))))
}

impl Shared {
    pub(crate) fn here(registry: Option<Registry>) -> Self {
        Self {
            registry,
            engine: Carrier::Here,
            #[cfg(feature = "map")]
            workers: None,
            jobs: Jobs::default(),
            #[cfg(feature = "map")]
            store: None,
            #[cfg(feature = "map")]
            learned: crate::map::Learned::default(),
            #[cfg(feature = "map")]
            source: crate::object::source::Source::default(),
        }
    }

    /// An app without tasks builds no client and reads no credentials.
    pub(crate) fn in_lambda(registry: Registry) -> Self {
        let store = Store::from_env();
        let own = Arc::new(LambdaEngine::from_env());
        Self {
            #[cfg(feature = "map")]
            workers: build::workers()
                .and_then(|called| own.to(called))
                .map(|workers| Carrier::Remote(Arc::new(Workers::new(Arc::new(workers), own.clone())))),
            engine: Carrier::Remote(own),
            jobs: store.clone().map_or_else(Jobs::nowhere, Jobs::kept_in),
            #[cfg(feature = "map")]
            store,
            ..Self::here(Some(registry))
        }
    }

    /// Where a map's chunks go.
    #[cfg(feature = "map")]
    pub(crate) fn chunks(&self) -> &Carrier {
        self.workers.as_ref().unwrap_or(&self.engine)
    }

    /// The registered task of that name.
    pub(crate) fn find(&self, task: &str) -> Result<Arc<dyn Handler>, TaskError> {
        let none = || TaskError::new(TaskErrorKind::UnknownTask, "the app registers no tasks");
        self.registry.as_ref().ok_or_else(none)?.find(task).cloned()
    }

    /// A task that the app doesn't register would be unknown on the other side too.
    pub(crate) fn check(&self, task: &str) -> Result<(), TaskError> {
        self.registry.as_ref().map_or(Ok(()), |registry| registry.find(task).map(|_| ()))
    }
}

impl Carrier {
    /// One run of a task whose caller waits: the answer's bytes.
    pub(crate) async fn call(
        &self,
        task: Arc<dyn Handler>,
        event: &Event,
        idempotent: bool,
    ) -> Result<Bytes, TaskError> {
        match self {
            Self::Here => {
                let reply = worker::one(&*task, event).await;
                Ok(Bytes::copy_from_slice(reply.to_raw().get().as_bytes()))
            }
            Self::Remote(engine) => {
                let bytes = event.to_bytes();
                let send = || engine.invoke(bytes.clone());
                retry::until_answered(send, Delivery::once_or_more(idempotent)).await
            }
        }
    }

    /// One run of a task that nobody waits for.
    pub(crate) async fn start(
        &self,
        task: Arc<dyn Handler>,
        event: &Event,
        delivery: Delivery,
    ) -> Result<(), TaskError> {
        match self {
            Self::Here => {
                tokio::spawn(scope(shared(), worker::later(task, event.clone())));
                Ok(())
            }
            Self::Remote(engine) => {
                let bytes = event.to_bytes();
                retry::until_answered(|| engine.start(bytes.clone()), delivery).await.map(|_| ())
            }
        }
    }
}
