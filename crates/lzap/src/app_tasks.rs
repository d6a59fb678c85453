//! The tasks of an app: registers them with the layers that run them, and answers their events.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use lzap_http::{InvocationError, TaskEvents};
use lzap_invocation::describe_error_chain;
#[cfg(feature = "map")]
use lzap_map::{ChunkHandler, MapHost, own_tasks};
use lzap_tasks::envelope::Event;
use lzap_tasks::{ChunkEvents, Handler, Registry, TaskError, TaskHost, answer_event};
use lzap_wire::envelope::Reply;
use lzap_wire::task::TASK_FAILED;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{Error, Task};

/// The tasks that [`App::task`](crate::App::task) registered.
pub(crate) struct AppTasks {
    registry: Registry<dyn Handler>,
    #[cfg(feature = "map")]
    chunks: Registry<dyn ChunkHandler>,
    /// The name of a task that was registered twice. `install` reports it, because `App::task` returns no error.
    duplicate: Option<&'static str>,
}

impl AppTasks {
    /// No tasks but lzap's own.
    pub(crate) fn new() -> Self {
        Self {
            registry: Registry::default(),
            #[cfg(feature = "map")]
            chunks: own_tasks(),
            duplicate: None,
        }
    }

    /// Registers a task for single runs, and for chunks with the feature `map`.
    pub(crate) fn add_task<I, O>(&mut self, task: Task<I, O>)
    where
        I: Serialize + DeserializeOwned + Send + 'static,
        O: Serialize + DeserializeOwned + Send + 'static,
    {
        let definition = Arc::new(task.definition());
        #[cfg(feature = "map")]
        // Both registries have the same names, so the second check finds what the first one finds.
        let _ = self.chunks.add_task(task.name(), definition.clone());
        let added = self.registry.add_task(task.name(), definition);
        self.duplicate = self.duplicate.or(added.err());
    }

    /// Makes these the process's tasks, and returns what answers their events.
    ///
    /// # Errors
    /// When two tasks have the same name.
    pub(crate) fn install(self) -> Result<Arc<dyn TaskEvents>, Error> {
        if let Some(name) = self.duplicate {
            return Err(Error::duplicate_task(name));
        }
        #[cfg(feature = "map")]
        let chunks: Option<Arc<dyn ChunkEvents>> = Some(Arc::new(MapHost::from_env(self.chunks)));
        #[cfg(not(feature = "map"))]
        let chunks: Option<Arc<dyn ChunkEvents>> = None;
        TaskHost::install(self.registry, chunks);
        Ok(Arc::new(Events))
    }
}

#[cfg(feature = "map")]
impl AppTasks {
    /// For a test's cloud, which panics where `App::run` returns an error.
    pub(crate) fn duplicate(&self) -> Option<&'static str> {
        self.duplicate
    }

    /// For a test's cloud, whose host is not the process's.
    pub(crate) fn into_registries(self) -> (Registry<dyn Handler>, Registry<dyn ChunkHandler>) {
        (self.registry, self.chunks)
    }
}

impl fmt::Debug for AppTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.registry.fmt(f)
    }
}

/// Has no state of its own: each event is answered by the host that `install` set.
struct Events;

impl TaskEvents for Events {
    /// Adds the names of the app's tasks, and the TLS provider that this environment's CPU can run.
    fn describe(&self, reply: Reply) -> Reply {
        let host = TaskHost::current();
        let names = host.registry.as_ref().map(Registry::names).unwrap_or_default();
        if names.is_empty() {
            return reply;
        }
        let tls = lzap_tls::check_handshake().map_or_else(
            |error| {
                let error = describe_error_chain(&error);
                tracing::error!(error, "TLS does not work in this execution environment");
                format!("failed: {error}")
            },
            str::to_owned,
        );
        reply.with_tasks(names).with_tls(tls)
    }

    fn answer(&self, event: Box<RawValue>) -> BoxFuture<'static, Result<Box<RawValue>, InvocationError>> {
        Box::pin(async move {
            let event = Event::parse(event.get()).map_err(|why| InvocationError::unreadable_task(&why))?;
            answer_event(&TaskHost::current(), event).await.map_err(|error| to_invocation_error(&error))
        })
    }
}

/// The error of a failed asynchronous invocation. Lambda repeats it only when the invocation itself fails.
fn to_invocation_error(error: &TaskError) -> InvocationError {
    InvocationError::new(TASK_FAILED, format!("{}: {error}", error.kind().as_str()))
}
