//! The context of an invocation, as task-local values: the depth of the chain of tasks, and the deadline.

use std::future::Future;
#[cfg(feature = "map")]
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lzap_client::Deadline;

use super::error::{TaskError, TaskErrorKind};
#[cfg(feature = "map")]
use crate::map::JobAttempt;

/// The deepest chain of tasks that call tasks. Lambda stops a chain after about 16 invocations; this limit is lower, so that
/// the error names the cause.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>
pub(crate) const MAX_DEPTH: u32 = 4;

/// The time between a call's deadline and its invocation's.
const ANSWER_MARGIN: Duration = Duration::from_millis(100);

/// The longest that a call may take where no deadline ends it: a function's longest run, and the way there and back.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html> (read 2026-11).
const LONGEST_CALL: Duration = Duration::from_secs(1805);

/// The time that an HTTP API waits for an answer (30 s), minus time for the way back.
///
/// AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const HTTP_API_WAIT: Duration = Duration::from_secs(28);

/// The context of one invocation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Invocation {
    /// The number of tasks above this one in the chain.
    pub(crate) depth: u32,
    /// The time by which it must answer, in milliseconds since 1970; `None` under `cargo run`.
    pub(crate) deadline_ms: Option<u64>,
    /// The attempt of a job that this invocation is; `None` for others.
    #[cfg(feature = "map")]
    pub(crate) job: Option<Arc<JobAttempt>>,
}

tokio::task_local! {
    static CURRENT: Invocation;
}

impl Invocation {
    /// The context of an HTTP request. The gateway waits for 30 s at most, even if the function's timeout is longer.
    pub(crate) fn for_http(deadline_ms: u64) -> Self {
        let gateway = now_ms().saturating_add(to_millis(HTTP_API_WAIT));
        // The gateway's wait began before this process got the request, so the constant leaves two seconds.
        Self::with_deadline(0, Some(deadline_ms.min(gateway)))
    }

    /// The context of an invocation that is no job.
    pub(crate) fn with_deadline(depth: u32, deadline_ms: Option<u64>) -> Self {
        Self { depth, deadline_ms, ..Self::default() }
    }

    /// Runs `future` with this context.
    pub(crate) async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }
}

/// The context of the calling code; an empty one outside of invocations.
pub(crate) fn current() -> Invocation {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// The depth of a task that the calling code calls.
///
/// # Errors
/// [`TaskErrorKind::TooDeep`] above [`MAX_DEPTH`].
pub(crate) fn next_depth() -> Result<u32, TaskError> {
    let depth = current().depth + 1;
    if depth > MAX_DEPTH {
        return Err(TaskError::new(
            TaskErrorKind::TooDeep,
            format!("tasks call tasks more than {MAX_DEPTH} deep: fan out from one place instead"),
        ));
    }
    Ok(depth)
}

/// The deadline of an AWS call within the current invocation: the invocation's own, less the time in which the call's error
/// becomes an answer.
pub(crate) fn call_deadline() -> Deadline {
    let end = current().deadline_ms;
    let left = end.map(|end| Duration::from_millis(end.saturating_sub(now_ms())));
    Deadline::after(left.map_or(LONGEST_CALL, |left| left.saturating_sub(ANSWER_MARGIN)))
}

/// Milliseconds since 1970. Deadlines pass between processes, so they use the wall clock.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, to_millis)
}

/// Whole milliseconds.
pub(crate) fn to_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
