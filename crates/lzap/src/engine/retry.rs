//! What a single task's caller tries again.
//!
//! The SDK's own retries are off: its throttling bucket, shared by all calls, is empty after a hundred.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{Death, Delivery, Outcome};
use crate::task::context;
use crate::task::error::{TaskError, TaskErrorKind};

/// Attempts after a lost connection or a 5xx.
const ATTEMPTS: u32 = 4;
/// The first wait; each is twice the one before.
const FIRST: Duration = Duration::from_millis(100);
/// The longest.
const LONGEST: Duration = Duration::from_secs(2);
/// How long throttles are waited for when nothing else sets an end.
const PATIENCE: Duration = Duration::from_mins(1);
/// What the way back takes.
const MARGIN: Duration = Duration::from_millis(300);

/// What to do after an attempt.
#[derive(Debug)]
enum Next {
    Done(Bytes),
    /// After so long, because of this.
    Again {
        wait: Duration,
        kind: TaskErrorKind,
        why: String,
    },
    Over(TaskError),
}

/// Sends until there is an answer, or no sense in sending again.
pub(super) async fn until_answered<F>(send: impl Fn() -> F, delivery: Delivery) -> Result<Bytes, TaskError>
where
    F: Future<Output = Outcome>,
{
    let deadline = context::current().deadline_ms;
    let left = deadline.map(|end| Duration::from_millis(end.saturating_sub(context::now_ms())));
    let until = Instant::now() + left.unwrap_or(PATIENCE);
    let mut attempt = 0;
    let mut may_have_run = false;
    loop {
        attempt += 1;
        let outcome = send().await;
        may_have_run |= matches!(outcome, Outcome::Lost(_) | Outcome::Unavailable(_));
        // That the last attempt was refused says nothing about those before.
        let told = |error: TaskError| match error.kind() {
            TaskErrorKind::Unreachable | TaskErrorKind::Crashed | TaskErrorKind::TimedOut => error,
            _ if may_have_run => TaskError::new(
                TaskErrorKind::Unreachable,
                format!("an attempt's answer was lost, so the task may have run; then: {error}"),
            ),
            _ => error,
        };
        match next(outcome, attempt, delivery) {
            Next::Done(answer) => return Ok(answer),
            Next::Over(error) => return Err(told(error)),
            Next::Again { wait, .. } if Instant::now() + wait + MARGIN < until => {
                tokio::time::sleep(wait).await;
            }
            Next::Again { kind, why, .. } => {
                let why = format!("{why}, and after {attempt} attempts there is no time for another");
                return Err(told(TaskError::new(kind, why)));
            }
        }
    }
}

fn next(outcome: Outcome, attempt: u32, delivery: Delivery) -> Next {
    let wait = (FIRST * 2_u32.saturating_pow(attempt.saturating_sub(1).min(8))).min(LONGEST);
    match outcome {
        Outcome::Answered(answer) => Next::Done(answer),
        Outcome::Throttled { retry_after, .. } => Next::Again {
            wait: retry_after.unwrap_or(wait),
            kind: TaskErrorKind::Throttled,
            why: "Lambda had no room".to_owned(),
        },
        Outcome::Lost(why) | Outcome::Unavailable(why)
            if delivery == Delivery::OnceOrMore && attempt < ATTEMPTS =>
        {
            Next::Again { wait, kind: TaskErrorKind::Unreachable, why }
        }
        Outcome::Lost(why) | Outcome::Unavailable(why) => {
            Next::Over(TaskError::new(TaskErrorKind::Unreachable, why))
        }
        Outcome::Died { how, message, request_id } => {
            Next::Over(death(how, &message).with_request_id(request_id))
        }
        Outcome::TooLarge(why) => Next::Over(TaskError::new(TaskErrorKind::TooLarge, why)),
        Outcome::Refused { kind, message } => Next::Over(TaskError::new(kind, message)),
    }
}

/// A dead function, as an error.
pub(crate) fn death(how: Death, message: &str) -> TaskError {
    match how {
        Death::Exit => TaskError::new(
            TaskErrorKind::Crashed,
            format!("the task's Lambda died: {message}; if it ran out of memory, raise `memory_mb`"),
        ),
        Death::Timeout => TaskError::new(
            TaskErrorKind::TimedOut,
            format!("the task's Lambda ran out of time: {message}; raise `timeout_secs`, or do less"),
        ),
        Death::Error => {
            TaskError::new(TaskErrorKind::Crashed, format!("the task's Lambda failed: {message}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Throttle;

    #[test]
    fn what_may_have_run_is_sent_again_only_when_that_is_harmless() {
        let lost = || Outcome::Lost("reset".to_owned());
        assert!(matches!(next(lost(), 1, Delivery::OnceOrMore), Next::Again { .. }));
        assert!(matches!(next(lost(), ATTEMPTS, Delivery::OnceOrMore), Next::Over(_)));
        let Next::Over(error) = next(lost(), 1, Delivery::Once) else { panic!("sent again") };
        assert_eq!(error.kind(), TaskErrorKind::Unreachable);
    }

    #[test]
    fn throttles_cost_no_attempt_and_their_wait_is_obeyed() {
        let throttled =
            Outcome::Throttled { cause: Throttle::Concurrency, retry_after: Some(Duration::from_secs(7)) };
        let Next::Again { wait, .. } = next(throttled, 50, Delivery::Once) else { panic!("given up") };
        assert_eq!(wait, Duration::from_secs(7));
    }

    #[tokio::test]
    async fn without_time_for_another_attempt_the_last_one_s_failure_is_told() {
        for (outcome, kind) in [
            (Outcome::Lost("reset".to_owned()), TaskErrorKind::Unreachable),
            (Outcome::Unavailable("ServiceException".to_owned()), TaskErrorKind::Unreachable),
            (Outcome::Throttled { cause: Throttle::Rate, retry_after: None }, TaskErrorKind::Throttled),
        ] {
            let soon = context::Invocation::until(0, Some(context::now_ms() + 200));
            let send = || std::future::ready(outcome.clone());
            let error = soon.scope(until_answered(send, Delivery::OnceOrMore)).await.expect_err("no answer");
            assert_eq!(error.kind(), kind, "{error}");
        }
    }
}
