//! What an invocation passes on to the code it runs: how deep the chain is, and how long there is.

use std::future::Future;
#[cfg(feature = "map")]
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::error::{TaskError, TaskErrorKind};
#[cfg(feature = "map")]
use crate::map::JobAttempt;

/// How many tasks may stand between a request and a task. AWS stops chains of about sixteen invocations.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>
pub(crate) const MAX_DEPTH: u32 = 4;

/// How long an HTTP API waits, less what the way back takes.
const HTTP_API: Duration = Duration::from_secs(28);

/// What holds for one invocation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Invocation {
    /// Tasks above this one.
    pub(crate) depth: u32,
    /// When it must have answered, in milliseconds since 1970; none under `cargo run`.
    pub(crate) deadline_ms: Option<u64>,
    /// Of which job this is an attempt.
    #[cfg(feature = "map")]
    pub(crate) job: Option<Arc<JobAttempt>>,
}

tokio::task_local! {
    static CURRENT: Invocation;
}

impl Invocation {
    /// An HTTP request: the gateway waits thirty seconds, whatever the function's timeout.
    pub(crate) fn http(deadline_ms: u64) -> Self {
        let gateway = now_ms().saturating_add(millis(HTTP_API));
        Self::until(0, Some(deadline_ms.min(gateway)))
    }

    /// One that is nobody's job.
    pub(crate) fn until(depth: u32, deadline_ms: Option<u64>) -> Self {
        Self { depth, deadline_ms, ..Self::default() }
    }

    /// Runs `future` in this invocation.
    pub(crate) async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }
}

/// The invocation that the calling code runs in; an empty one outside of any.
pub(crate) fn current() -> Invocation {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// The depth of a task called from here.
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

pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
