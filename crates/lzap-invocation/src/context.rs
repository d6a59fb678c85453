//! The context of one invocation, as a task-local value.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::now_ms;
use crate::job_attempt::JobAttempt;

/// The time before an invocation's deadline at which its work must have ended, so that its answer still arrives.
pub const ANSWER_MARGIN: Duration = Duration::from_millis(250);

/// The context of one invocation. Cloning it is cheap, because the ids are shared.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    /// The request's id, in each line of its log: Lambda's, or a random one under `cargo run`; empty outside of requests.
    pub request_id: Arc<str>,
    /// The trace header of AWS X-Ray; `None` without one.
    pub trace_id: Option<Arc<str>>,
    /// 0 in an HTTP request, 1 in a task that it calls, and one more in each task that a task calls.
    pub depth: u32,
    /// The time by which the work must have ended, in milliseconds since 1970; `None` without a limit.
    pub deadline_ms: Option<u64>,
    /// The attempt of a job that this invocation is; `None` for others.
    pub job: Option<Arc<JobAttempt>>,
}

tokio::task_local! {
    static CURRENT: Invocation;
}

impl Invocation {
    /// The context of the calling code; an empty one outside of invocations.
    pub fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_default()
    }

    /// The calling code's context at another depth, with another deadline, and outside of any job.
    #[must_use]
    pub fn at_depth(depth: u32, deadline_ms: Option<u64>) -> Self {
        Self { depth, deadline_ms, job: None, ..Self::current() }
    }

    /// Runs `future` with this context. Task-local values don't pass to spawned tasks.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// Runs `function` with this context, for work on a thread of its own.
    pub fn sync_scope<T>(self, function: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, function)
    }

    /// The time until the deadline, and zero after it; `None` without a deadline.
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline_ms.map(|end| Duration::from_millis(end.saturating_sub(now_ms())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn invocations_at_the_same_time_have_contexts_of_their_own() {
        let one = |depth| {
            Invocation { depth, ..Invocation::default() }.scope(async {
                tokio::task::yield_now().await;
                Invocation::current().depth
            })
        };
        assert_eq!(tokio::join!(one(1), one(2)), (1, 2));
        assert_eq!(Invocation::current().depth, 0);
    }

    #[test]
    fn time_left_is_zero_after_the_deadline() {
        let past = Invocation { deadline_ms: Some(1), ..Invocation::default() };
        assert_eq!(past.time_left(), Some(Duration::ZERO));
        assert_eq!(Invocation::default().time_left(), None);
    }
}
