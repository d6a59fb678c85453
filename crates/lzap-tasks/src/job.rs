//! Jobs: spawned tasks whose state and result can be read by id.
//!
//! A record is one small JSON object in S3, `{app}/{stage}/jobs/{id}.json`. It is written when the job is queued, when each
//! attempt starts, and when it ends. Under `cargo run` the records are in memory.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use lzap_invocation::now_ms;
use lzap_wire::job::{JobRecord, Lost, State, is_id};
use lzap_wire::task::Failure;
use serde::de::DeserializeOwned;

use crate::error::{TaskError, TaskErrorKind};
use crate::host::TaskHost;
use crate::id::random_id;
use crate::job_record::{ended_record, queued_record};
use crate::json;

/// The handle of a job. Its id is enough to find the job later.
///
/// ```
/// # use std::time::Duration;
/// #[lzap::task]
/// async fn report(year: u32) -> Result<String, String> {
///     Ok(format!("the report of {year}"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lzap::TaskError> {
/// let id = report.job(2026).await?.id().to_owned();
/// // Later, perhaps in another request:
/// let job = lzap::Job::<String>::find(&id)?;
/// assert_eq!(job.wait(Duration::from_secs(10)).await?, "the report of 2026");
/// # Ok(())
/// # }
/// ```
pub struct Job<O> {
    id: String,
    output: PhantomData<fn() -> O>,
}

/// The state of a job. [`Job::state`] has an example.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum JobState<O> {
    /// No attempt has started yet.
    Queued,
    /// An attempt runs, or its process ended and Lambda's next attempt is due.
    Running,
    /// The last attempt failed with this error, and Lambda retries: after one minute, then after two.
    Retrying(TaskError),
    /// The job's result.
    Done(O),
    /// The last attempt failed with this error, and Lambda does not retry.
    Failed(TaskError),
}

impl<O> Clone for Job<O> {
    fn clone(&self) -> Self {
        Self { id: self.id.clone(), output: PhantomData }
    }
}

impl<O> fmt::Debug for Job<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("id", &self.id).finish()
    }
}

impl<O> Job<O> {
    /// A job with a new id and without a record.
    pub(crate) fn new() -> Result<Self, TaskError> {
        Ok(Self { id: random_id()?, output: PhantomData })
    }

    /// The id, 32 hex digits. `lzap invoke --job ID` shows the job. [`Job`] has an example.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A job by its id, which may come from a client. This reads no record. [`Job`] has an example.
    ///
    /// # Errors
    /// When `id` is not 32 hex digits.
    pub fn find(id: &str) -> Result<Self, TaskError> {
        if is_id(id) {
            return Ok(Self { id: id.to_owned(), output: PhantomData });
        }
        Err(TaskError::new(TaskErrorKind::BadInput, "a job's id has 32 hex digits"))
    }

    /// Called before the event is sent. A worker that finds no record makes one.
    pub(crate) async fn write_queued(&self, task: &str) -> Result<(), TaskError> {
        TaskHost::current().jobs.write(&self.id, &queued_record(&self.id, task)).await
    }

    /// Records that the job will never run, so that readers of its state don't wait for it. A failed write is logged.
    pub(crate) async fn write_never_started(&self, task: &str, error: &TaskError) {
        // No attempts are allowed, so that the record's state is `failed` and not `retrying`.
        let never = JobRecord { attempts: 0, ..queued_record(&self.id, task) };
        let record = ended_record(never, Err(error));
        if let Err(error) = TaskHost::current().jobs.write(&self.id, &record).await {
            tracing::warn!(job = self.id, %error, "the job's record says `queued`, and it will never run");
        }
    }
}

impl<O: DeserializeOwned> Job<O> {
    /// Reads the job's state, with one `s3:GetObject`.
    ///
    /// ```
    /// # #[lzap::task]
    /// # async fn report(year: u32) -> Result<String, String> { Ok(format!("the report of {year}")) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::TaskError> {
    /// use lzap::JobState;
    ///
    /// let job = report.job(2026).await?;
    /// let page = match job.state().await? {
    ///     JobState::Done(text) => text,
    ///     JobState::Failed(error) => format!("failed: {error}"),
    ///     _ => "look again in a minute".to_owned(),
    /// };
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`TaskErrorKind::NotFound`] when there is no record: it never existed, or is older than seven days.
    /// [`TaskErrorKind::BadOutput`] when the result has another type.
    pub async fn state(&self) -> Result<JobState<O>, TaskError> {
        let record = TaskHost::current().jobs.read(&self.id).await?;
        let Some(record) = record else {
            let why = format!(
                "no job `{}`: it never existed, or its record is older than seven days and was deleted",
                self.id
            );
            return Err(TaskError::new(TaskErrorKind::NotFound, why));
        };
        let failure = |failure: Option<Failure>| {
            let unknown = || TaskError::new(TaskErrorKind::Failed, "the record doesn't say why");
            failure.map_or_else(unknown, TaskError::from)
        };
        // A process that Lambda stopped can't update its record, so a record past its deadline counts as failed.
        if let Some(lost) = record.lost(now_ms()) {
            let kind = if lost == Lost::Killed { TaskErrorKind::Crashed } else { TaskErrorKind::TimedOut };
            return Ok(JobState::Failed(TaskError::new(kind, lost.why())));
        }
        Ok(match record.state {
            State::Queued => JobState::Queued,
            State::Running => JobState::Running,
            State::Done => {
                let output = serde_json::from_value(record.result.unwrap_or_default()).map_err(|error| {
                    let why = json::describe_error(&error);
                    TaskError::new(TaskErrorKind::BadOutput, format!("the result of job `{}` {why}", self.id))
                })?;
                JobState::Done(output)
            }
            State::Retrying => JobState::Retrying(failure(record.error)),
            State::Failed => JobState::Failed(failure(record.error)),
        })
    }

    /// Waits until the job is done or has failed, for at most `patience`. It polls the state ten times a second at first, and
    /// less often later, down to once a second. Waiting includes Lambda's retries, which may take minutes. [`Job`] has an
    /// example.
    ///
    /// # Errors
    /// The job's failure, or [`TaskErrorKind::TimedOut`] when it still runs after `patience`.
    pub async fn wait(&self, patience: Duration) -> Result<O, TaskError> {
        let until = tokio::time::Instant::now() + patience;
        let mut pause = Duration::from_millis(100);
        loop {
            match self.state().await? {
                JobState::Done(output) => return Ok(output),
                JobState::Failed(error) => return Err(error),
                JobState::Queued | JobState::Running | JobState::Retrying(_) => {}
            }
            // Waiting beyond `patience` would be useless, as the state can't be read again in time.
            if tokio::time::Instant::now() + pause > until {
                let why = format!("job `{}` is not done after {patience:?}", self.id);
                return Err(TaskError::new(TaskErrorKind::TimedOut, why));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(Duration::from_secs(1));
        }
    }
}
