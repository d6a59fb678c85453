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
    Again(Duration),
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
    loop {
        attempt += 1;
        match next(send().await, attempt, delivery) {
            Next::Done(answer) => return Ok(answer),
            Next::Over(error) => return Err(error),
            Next::Again(wait) if Instant::now() + wait + MARGIN < until => {
                tokio::time::sleep(wait).await;
            }
            Next::Again(_) => {
                return Err(TaskError::new(
                    TaskErrorKind::Throttled,
                    format!(
                        "Lambda took no invocation in {attempt} attempts, and there is no time for another"
                    ),
                ));
            }
        }
    }
}

fn next(outcome: Outcome, attempt: u32, delivery: Delivery) -> Next {
    let wait = (FIRST * 2_u32.saturating_pow(attempt.saturating_sub(1).min(8))).min(LONGEST);
    match outcome {
        Outcome::Answered(answer) => Next::Done(answer),
        Outcome::Throttled { retry_after, .. } => Next::Again(retry_after.unwrap_or(wait)),
        Outcome::Lost(_) | Outcome::Unavailable(_)
            if delivery == Delivery::OnceOrMore && attempt < ATTEMPTS =>
        {
            Next::Again(wait)
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
        assert!(matches!(next(lost(), 1, Delivery::OnceOrMore), Next::Again(_)));
        assert!(matches!(next(lost(), ATTEMPTS, Delivery::OnceOrMore), Next::Over(_)));
        let Next::Over(error) = next(lost(), 1, Delivery::Once) else { panic!("sent again") };
        assert_eq!(error.kind(), TaskErrorKind::Unreachable);
    }

    #[test]
    fn throttles_cost_no_attempt_and_their_wait_is_obeyed() {
        let throttled =
            Outcome::Throttled { cause: Throttle::Concurrency, retry_after: Some(Duration::from_secs(7)) };
        let Next::Again(wait) = next(throttled, 50, Delivery::Once) else { panic!("given up") };
        assert_eq!(wait, Duration::from_secs(7));
    }
}
