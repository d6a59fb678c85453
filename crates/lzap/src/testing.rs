//! A Lambda in this process, with a concurrency limit and with faults, for tests of apps that use tasks and maps.
//!
//! ```
//! use lzap::testing::{Cloud, Fault};
//!
//! #[lzap::task]
//! async fn double(n: u32) -> Result<u32, String> {
//!     Ok(2 * n)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), lzap::MapError> {
//! // At most four invocations run in parallel, and the first response of each chunk is lost.
//! let cloud = Cloud::new().task(double).limit(4).fault(|attempt| match attempt.number {
//!     1 => Some(Fault::Reset),
//!     _ => None,
//! });
//! let map = double.map(0..100).chunk(lzap::Chunk::Items(10)).caller(lzap::Caller::WhenStuck);
//! let values = cloud.run(map.values()).await?;
//! assert_eq!(values, (0..100).map(|n| 2 * n).collect::<Vec<_>>());
//! # Ok(())
//! # }
//! ```
//!
//! Only the network is simulated. Events are written and read as JSON, workers find their task by name, and the same code
//! as in Lambda plans, sends and retries.

mod fault;
mod http;

use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use lzap_map::{MapHost, ObjectSource};
use lzap_tasks::{Invoker, LambdaInvoker, Memory, Store, TaskHost, TaskTarget};
use serde::{Serialize, de::DeserializeOwned};

use self::fault::{FaultyInvoker, LATEST};
use crate::Task;
use crate::app_tasks::AppTasks;

pub use self::fault::{Attempt, Fault};

/// A Lambda in this process.
///
/// An asynchronous invocation finishes before it returns, with as many attempts as Lambda makes, so tests need not wait.
///
/// ```
/// # use lzap::testing::{Cloud, Fault};
/// # #[lzap::task]
/// # async fn double(n: u32) -> Result<u32, String> { Ok(2 * n) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cloud = Cloud::new().task(double);
/// assert_eq!(cloud.run(double.call(21)).await?, 42);
/// # Ok(())
/// # }
/// ```
#[must_use = "it does nothing until something runs in it"]
pub struct Cloud {
    tasks: AppTasks,
    faults: FaultyInvoker,
    bucket: Option<Memory>,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud").field("tasks", &self.tasks).finish_non_exhaustive()
    }
}

impl Default for Cloud {
    fn default() -> Self {
        Self::new()
    }
}

impl Cloud {
    /// A cloud without tasks, faults or a bucket, and with a concurrency limit of 1,000. [`Cloud`] has an example.
    pub fn new() -> Self {
        Self { tasks: AppTasks::new(), faults: FaultyInvoker::default(), bucket: None }
    }

    /// Registers a task, as [`App::task`](crate::App::task) does. [`Cloud`] has an example.
    ///
    /// # Panics
    /// When a task of that name is registered already.
    pub fn task<I, O>(mut self, task: Task<I, O>) -> Self
    where
        I: Serialize + DeserializeOwned + Send + 'static,
        O: Serialize + DeserializeOwned + Send + 'static,
    {
        self.tasks.add_task(task);
        assert_eq!(self.tasks.duplicate(), None, "two tasks have the same name");
        self
    }

    /// Sets the concurrency limit. Invocations above it are throttled.
    ///
    /// ```
    /// # use lzap::testing::{Cloud, Fault};
    /// # #[lzap::task]
    /// # async fn double(n: u32) -> Result<u32, String> { Ok(2 * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use lzap::{Caller, Chunk};
    ///
    /// // A map goes on with what Lambda runs at once.
    /// let cloud = Cloud::new().task(double).limit(2);
    /// let map = double.map(0..100).chunk(Chunk::Items(5)).caller(Caller::WhenStuck);
    /// let report = cloud.run(map.run()).await?.report;
    /// assert!(report.throttles > 0 && report.done == 100);
    /// # Ok(())
    /// # }
    /// ```
    pub fn limit(mut self, limit: usize) -> Self {
        self.faults.limit = limit;
        self
    }

    /// Sets the time of an invocation in addition to its work.
    ///
    /// ```
    /// # use lzap::testing::{Cloud, Fault};
    /// # #[lzap::task]
    /// # async fn double(n: u32) -> Result<u32, String> { Ok(2 * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::{Duration, Instant};
    ///
    /// let cloud = Cloud::new().task(double).latency(Duration::from_millis(20));
    /// let began = Instant::now();
    /// cloud.run(double.call(21)).await?;
    /// assert!(began.elapsed() >= Duration::from_millis(20));
    /// # Ok(())
    /// # }
    /// ```
    pub fn latency(mut self, latency: Duration) -> Self {
        self.faults.latency = latency;
        self
    }

    /// Sets the workers' timeout.
    ///
    /// ```
    /// # use lzap::testing::Cloud;
    /// # #[lzap::task]
    /// # async fn sleep(seconds: u64) -> Result<(), String> {
    /// #     tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
    /// #     Ok(())
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use lzap::TaskErrorKind;
    ///
    /// let cloud = Cloud::new().task(sleep).timeout(Duration::from_millis(20));
    /// let error = cloud.run(sleep.call(60)).await.expect_err("the worker has no minute");
    /// assert_eq!(error.kind(), TaskErrorKind::TimedOut);
    /// # Ok(())
    /// # }
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.faults.timeout = timeout;
        self
    }

    /// Sets the workers' memory, which their costs depend on. Default: none, so that only requests cost.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use lzap::testing::Cloud;
    /// # #[lzap::task]
    /// # async fn double(n: u32) -> Result<u32, String> { Ok(2 * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// // A worker may cost 30 s of 1,024 MB, which is more than the map may spend.
    /// let cloud = Cloud::new().task(double).memory_mb(1024).timeout(Duration::from_secs(30));
    /// let error = cloud.run(double.map(0..10).chunk(lzap::Chunk::Items(1)).max_cost(0.000_1).values()).await;
    /// assert_eq!(error.expect_err("no money").kind(), lzap::TaskErrorKind::CostLimit);
    /// # }
    /// ```
    pub fn memory_mb(mut self, memory_mb: u32) -> Self {
        self.faults.memory_mb = memory_mb;
        self
    }

    /// Simulates a deploy: from this invocation on, counted from 1, `$LATEST` is another build. Published versions stay as they
    /// are.
    ///
    /// ```
    /// # use lzap::testing::{Cloud, Fault};
    /// # #[lzap::task]
    /// # async fn double(n: u32) -> Result<u32, String> { Ok(2 * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use lzap::{Caller, Chunk, TaskErrorKind};
    ///
    /// let map = || double.map(0..20).chunk(Chunk::Items(5)).caller(Caller::WhenStuck);
    /// let cloud = Cloud::new().task(double).deploy_at(2);
    /// assert!(cloud.run(map().run()).await.is_ok());
    /// let cloud = Cloud::new().task(double).deploy_at(2).unpublished();
    /// let error = cloud.run(map().run()).await.expect_err("the workers are of another build");
    /// assert_eq!(error.kind(), TaskErrorKind::WrongBuild);
    /// # Ok(())
    /// # }
    /// ```
    pub fn deploy_at(mut self, invocation: usize) -> Self {
        self.faults.deployed_at = invocation;
        self
    }

    /// Makes the caller run as `$LATEST` instead of as a published version, which `lzap deploy` makes.
    /// [`deploy_at`](Self::deploy_at) has an example.
    pub fn unpublished(mut self) -> Self {
        self.faults.version = LATEST;
        self
    }

    /// Sets a rule that returns the fault of each invocation.
    ///
    /// ```
    /// # use lzap::testing::{Cloud, Fault};
    /// # #[lzap::task]
    /// # async fn double(n: u32) -> Result<u32, String> { Ok(2 * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cloud = Cloud::new().task(double).fault(|attempt| match (attempt.task.as_str(), attempt.number) {
    ///     ("double", 1) => Some(Fault::Throttle),
    ///     _ => None,
    /// });
    /// assert_eq!(cloud.run(double.call(21)).await?, 42);
    /// # Ok(())
    /// # }
    /// ```
    pub fn fault(mut self, rule: impl Fn(&Attempt) -> Option<Fault> + Send + Sync + 'static) -> Self {
        self.faults.rule = Box::new(rule);
        self
    }

    /// Adds a bucket in memory, and returns a handle to its objects. [`Keys`] has an example.
    pub fn bucket(mut self) -> (Self, Keys) {
        let memory = Memory::default();
        self.bucket = Some(Arc::clone(&memory));
        (self, Keys(memory))
    }

    /// Runs `future` as if its code ran in Lambda: its tasks and maps are invoked in this cloud. [`Cloud`] has an example.
    pub async fn run<F: Future>(self, future: F) -> F::Output {
        let faults = Arc::new(self.faults);
        new_host(self.tasks, self.bucket, Arc::clone(&faults) as _, &faults).scope(future).await
    }

    /// Runs `future` like [`run`](Self::run), and sends its invocations over HTTP through the client that the runtime uses in
    /// Lambda.
    ///
    /// ```
    /// # use lzap::testing::{Cloud, Fault};
    /// # #[lzap::task]
    /// # async fn double(n: u32) -> Result<u32, String> { Ok(2 * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cloud = Cloud::new().task(double);
    /// assert_eq!(cloud.run_over_http(double.call(21)).await??, 42);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When no port is free.
    pub async fn run_over_http<F: Future>(self, future: F) -> io::Result<F::Output> {
        let faults = Arc::new(self.faults);
        let listening = http::serve_cloud(Arc::clone(&faults)).await?;
        let invoker = LambdaInvoker::at(&listening.url, faults.version).map_err(io::Error::other)?;
        let invoker = Arc::new(invoker);
        Ok(new_host(self.tasks, self.bucket, invoker, &faults).scope(future).await)
    }
}

/// The host that the caller's tasks and the workers' tasks share.
fn new_host(
    tasks: AppTasks,
    bucket: Option<Memory>,
    invoker: Arc<dyn Invoker>,
    workers: &FaultyInvoker,
) -> Arc<TaskHost> {
    let objects = bucket.clone().map(ObjectSource::in_memory).unwrap_or_default();
    let (registry, chunks) = tasks.into_registries();
    let host = TaskHost {
        target: TaskTarget::Remote(invoker),
        store: bucket.map(Store::in_memory),
        chunks: Some(Arc::new(MapHost::new(chunks, workers.limits(), objects))),
        ..TaskHost::in_process(registry)
    };
    let host = Arc::new(host);
    // Set once, because a cloud runs one future.
    workers.set_host(&host);
    host
}

/// The objects in a test's bucket, from [`Cloud::bucket`].
///
/// ```
/// # use lzap::testing::Cloud;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lzap::TaskError> {
/// let (cloud, keys) = Cloud::new().bucket();
/// keys.put("s3://my-bucket/data.csv", "name,size\na,1\n");
/// let object = cloud.run(lzap::Object::open("s3://my-bucket/data.csv")).await?;
/// assert_eq!(object.bytes(), 14);
/// assert_eq!(keys.all(), ["s3://my-bucket/data.csv"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Keys(Memory);

impl Keys {
    /// Puts an object where [`Object::open`](crate::Object::open) finds it, by its `s3://` address. [`Keys`] has an example.
    pub fn put(&self, address: &str, bytes: impl Into<Bytes>) {
        let mut objects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        objects.insert(address.to_owned(), bytes.into());
    }

    /// Returns all keys, sorted. [`Keys`] has an example.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lzap_tasks::JobStore;
    use lzap_wire::job::State;

    const SEVEN: Task<(), u32> = Task::__asynchronous("seven", |()| Box::pin(async { Ok(7) }));

    /// Starts a job whose first invocations have these faults, and returns the state in its record.
    async fn record_after(task: Task<(), u32>, faults: &'static [Fault]) -> State {
        let cloud = Cloud::new().task(SEVEN).fault(|attempt| faults.get(attempt.total - 1).copied());
        let states = cloud.run(async {
            task.job(()).await.expect_err("the caller got no answer");
            let JobStore::Memory(records) = &TaskHost::current().jobs else {
                panic!("a test's jobs are in memory")
            };
            let records = records.lock().expect("no panic");
            records.values().map(|record| record.state).collect::<Vec<_>>()
        });
        let [state] = states.await[..] else { panic!("more than one record") };
        state
    }

    #[tokio::test]
    async fn job_after_a_lost_response_keeps_the_workers_record() {
        assert_eq!(record_after(SEVEN.__not_idempotent(), &[Fault::Reset]).await, State::Done);
        assert_eq!(record_after(SEVEN, &[Fault::Reset, Fault::Denied]).await, State::Done);
        assert_eq!(record_after(SEVEN, &[Fault::Denied]).await, State::Failed);
    }
}
