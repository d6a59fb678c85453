//! The maps of a process: the tasks that workers find by name, the worker function, and what earlier maps measured.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;
use lzap_tasks::build_id::worker_build;
use lzap_tasks::envelope::{Event, Reply};
use lzap_tasks::{ChunkEvents, LambdaInvoker, Registry, TaskError, TaskHost, TaskTarget};

use crate::chunk::answer_chunk;
use crate::chunk_handler::ChunkHandler;
use crate::environment::WorkerLimits;
use crate::object_source::ObjectSource;
use crate::statistics::MapStatistics;
use crate::worker_function::WorkerFunction;

/// The state that the maps of a process share. A [`TaskHost`] has it as its [`ChunkEvents`].
#[derive(Debug)]
pub struct MapHost {
    /// The tasks that events of chunks name.
    registry: Registry<dyn ChunkHandler>,
    /// The place where chunks run, if they don't run where tasks do.
    worker_function: Option<TaskTarget>,
    /// The timeout and the memory of a worker.
    pub(crate) worker_limits: WorkerLimits,
    pub(crate) statistics: MapStatistics,
    pub(crate) objects: ObjectSource,
}

impl MapHost {
    /// A host whose chunks run where its tasks run.
    pub fn new(
        registry: Registry<dyn ChunkHandler>,
        worker_limits: WorkerLimits,
        objects: ObjectSource,
    ) -> Self {
        Self { registry, worker_function: None, worker_limits, statistics: MapStatistics::default(), objects }
    }

    /// A host for this process. In Lambda, chunks run in the worker function that was deployed with this one, if there is
    /// one. No connection is made before the first call.
    pub fn from_env(registry: Registry<dyn ChunkHandler>) -> Self {
        let own = LambdaInvoker::from_env();
        let workers = worker_build().and_then(|workers| own.with_version(workers));
        let worker_function = workers.map(|workers| {
            TaskTarget::Remote(Arc::new(WorkerFunction::new(Arc::new(workers), Arc::new(own))) as _)
        });
        Self { worker_function, ..Self::new(registry, WorkerLimits::from_env(), ObjectSource::default()) }
    }

    /// The host of the calling code's maps: that of its [`TaskHost`], or one without registered tasks.
    pub(crate) fn of_tasks(host: &TaskHost) -> Arc<Self> {
        static WITHOUT_APP: OnceLock<Arc<MapHost>> = OnceLock::new();
        let chunks = host.chunks.clone().map(|chunks| chunks as Arc<dyn Any + Send + Sync>);
        chunks.and_then(|chunks| chunks.downcast().ok()).unwrap_or_else(|| {
            Arc::clone(WITHOUT_APP.get_or_init(|| Arc::new(Self::from_env(Registry::default()))))
        })
    }

    /// The worker function if one was deployed, else the place where tasks run.
    pub(crate) fn chunk_target<'a>(&'a self, host: &'a TaskHost) -> &'a TaskTarget {
        self.worker_function.as_ref().unwrap_or(&host.target)
    }

    /// Fails for a task that the app does not register, because the other Lambda would not know it either.
    ///
    /// # Errors
    /// `UnknownTask`.
    pub(crate) fn check_registered(&self, host: &TaskHost, task: &str) -> Result<(), TaskError> {
        // Without an app, for example in a test of a task, each task is known.
        if host.registry.is_none() { Ok(()) } else { self.registry.find_task(task).map(|_| ()) }
    }
}

impl ChunkEvents for MapHost {
    fn answer_chunk<'a>(
        &'a self,
        host: &'a TaskHost,
        event: &'a Event,
    ) -> BoxFuture<'a, Result<Reply, TaskError>> {
        Box::pin(answer_chunk(&self.registry, host.store.as_ref(), event))
    }
}
