//! Jobs: spawned tasks whose state and result can be read by id.
//!
//! A record is one small JSON object in S3, `{app}/{stage}/jobs/{id}.json`. It is written when the job is queued, when each
//! attempt starts, and when it ends. Under `cargo run` the records are in memory.

use std::env;
use std::fmt;
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::time::Duration;

use lzap_wire::env::LZAP_RETRIES;
use lzap_wire::job::{JobRecord, Lost, State, is_id};
use lzap_wire::limits::ASYNC_RETRIES;
use lzap_wire::task::Failure;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::context::now_ms;
use super::error::{TaskError, TaskErrorKind};
use super::id::random_id;
use crate::codec::json;
use crate::engine::shared;

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

/// The state of a job.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum JobState<O> {
    /// Lambda has queued the event.
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

/// The record of a job before its first attempt.
pub(crate) fn queued_record(job: &str, task: &str) -> JobRecord {
    JobRecord::queued(job, task, now_ms())
}

/// The record at the start of the next attempt, which Lambda stops at `deadline_ms`.
pub(crate) fn started_record(record: JobRecord, deadline_ms: Option<u64>) -> JobRecord {
    JobRecord {
        state: State::Running,
        attempt: record.attempt + 1,
        attempts: max_attempts(),
        started_ms: Some(now_ms()),
        deadline_ms,
        ended_ms: None,
        error: None,
        ..record
    }
}

/// The record at the end of an attempt.
pub(crate) fn ended_record(record: JobRecord, result: Result<&RawValue, &TaskError>) -> JobRecord {
    let record = JobRecord { ended_ms: Some(now_ms()), ..record };
    match result {
        Ok(value) => {
            JobRecord { state: State::Done, result: serde_json::from_str(value.get()).ok(), ..record }
        }
        Err(error) => {
            let state = if record.attempt < record.attempts { State::Retrying } else { State::Failed };
            JobRecord { state, error: Some(error.to_failure()), ..record }
        }
    }
}

/// The largest number of attempts of a job: one, and the retries that `lzap deploy` configured, or Lambda's default of two.
pub(crate) fn max_attempts() -> u32 {
    static ATTEMPTS: OnceLock<u32> = OnceLock::new();
    *ATTEMPTS.get_or_init(|| {
        1 + env::var(LZAP_RETRIES).ok().and_then(|text| text.parse().ok()).unwrap_or(ASYNC_RETRIES)
    })
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

    /// The id, 32 hex digits. `lzap invoke --job ID` shows the job.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A job by its id, which may come from a client. This reads no record.
    ///
    /// # Errors
    /// When `id` is not 32 hex digits.
    pub fn find(id: &str) -> Result<Self, TaskError> {
        if is_id(id) {
            return Ok(Self { id: id.to_owned(), output: PhantomData });
        }
        Err(TaskError::new(TaskErrorKind::BadInput, "a job's id has 32 hex digits"))
    }

    /// Writes the job's first record.
    pub(crate) async fn write_queued(&self, task: &str) -> Result<(), TaskError> {
        shared().jobs.write(&self.id, &queued_record(&self.id, task)).await
    }

    /// Records that the job will never run, so that readers of its state don't wait for it. A failed write is logged.
    pub(crate) async fn write_never_started(&self, task: &str, error: &TaskError) {
        // No attempts are allowed, so that the record's state is `failed` and not `retrying`.
        let never = JobRecord { attempts: 0, ..queued_record(&self.id, task) };
        let record = ended_record(never, Err(error));
        if let Err(error) = shared().jobs.write(&self.id, &record).await {
            tracing::warn!(job = self.id, %error, "the job's record says `queued`, and it will never run");
        }
    }
}

impl<O: DeserializeOwned> Job<O> {
    /// Reads the job's state, with one `s3:GetObject`.
    ///
    /// # Errors
    /// [`TaskErrorKind::NotFound`] when there is no record: it never existed, or is older than seven days.
    /// [`TaskErrorKind::BadOutput`] when the result has another type.
    pub async fn state(&self) -> Result<JobState<O>, TaskError> {
        let record = shared().jobs.read(&self.id).await?;
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
    /// less often later, down to once a second. Waiting includes Lambda's retries, which may take minutes.
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

#[cfg(all(test, feature = "map"))]
mod tests {
    use super::*;
    use crate::engine::Jobs;
    use crate::task::Task;
    use crate::testing::{Cloud, Fault};

    const SEVEN: Task<(), u32> = Task::__asynchronous("seven", |()| Box::pin(async { Ok(7) }));

    /// Starts a job whose first invocations have these faults, and returns the state in its record.
    async fn record_after(task: Task<(), u32>, faults: &'static [Fault]) -> State {
        let cloud = Cloud::new().task(SEVEN).fault(|attempt| faults.get(attempt.total - 1).copied());
        let states = cloud.run(async {
            task.job(()).await.expect_err("the caller got no answer");
            let Jobs::Memory(records) = &shared().jobs else { panic!("a test's jobs are in memory") };
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
