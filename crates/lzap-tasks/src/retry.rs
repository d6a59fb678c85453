//! Retries of a single task's invocation.
//!
//! The client itself never retries `lambda:Invoke`: only the caller knows whether a task may run twice.

use std::time::Duration;

use bytes::Bytes;
use lzap_invocation::Invocation;
use lzap_wire::invoke::FunctionFailure;
use tokio::time::Instant;

use crate::error::{TaskError, TaskErrorKind};
use crate::invoker::{AttemptOutcome, Delivery};

/// Attempts in all that end with a lost response, a failed connection or a 5xx answer. Throttled attempts don't count, because
/// only time limits them.
const ATTEMPTS: u32 = 4;
/// The wait after the first attempt; it doubles with each attempt.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The wait stops doubling here. A wait that Lambda asks for may be longer.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The time for which throttled attempts are repeated when no deadline ends them.
const PATIENCE: Duration = Duration::from_mins(1);
/// The time that the answer needs to arrive: no attempt is made closer to the deadline.
const ANSWER_MARGIN: Duration = Duration::from_millis(300);

/// The decision after an attempt.
#[derive(Debug)]
enum Decision {
    Return(Bytes),
    /// Send again, after `wait` if Lambda names one; without the time for that, the error has this kind and this cause.
    Retry {
        wait: Option<Duration>,
        kind: TaskErrorKind,
        cause: String,
    },
    Fail(TaskError),
}

/// Sends until there is an answer, an error that a retry does not change, or no time left.
pub(crate) async fn send_until_answered<F>(
    send: impl Fn() -> F,
    delivery: Delivery,
) -> Result<Bytes, TaskError>
where
    F: Future<Output = AttemptOutcome>,
{
    let until = Instant::now() + Invocation::current().time_left().unwrap_or(PATIENCE);
    let (mut attempts, mut counted) = (0, 0);
    let mut may_have_run = false;
    loop {
        let outcome = send().await;
        attempts += 1;
        counted += u32::from(!matches!(outcome, AttemptOutcome::Throttled { .. }));
        may_have_run |= matches!(outcome, AttemptOutcome::ResponseLost(_) | AttemptOutcome::Unavailable(_));
        match decide(outcome, counted, delivery) {
            Decision::Return(answer) => return Ok(answer),
            Decision::Fail(error) => return Err(with_history(error, may_have_run)),
            Decision::Retry { wait, kind, cause } => {
                let wait = wait.unwrap_or_else(|| backoff(attempts));
                if Instant::now() + wait + ANSWER_MARGIN >= until {
                    let why = format!("{cause}, and after {attempts} attempts there is no time for another");
                    return Err(with_history(TaskError::new(kind, why), may_have_run));
                }
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// The wait after this number of attempts.
fn backoff(attempts: u32) -> Duration {
    (FIRST_WAIT * 2_u32.saturating_pow(attempts.saturating_sub(1).min(8))).min(LONGEST_WAIT)
}

/// The last attempt's error says nothing about earlier attempts, of which one may have run the task.
fn with_history(error: TaskError, may_have_run: bool) -> TaskError {
    match error.kind() {
        TaskErrorKind::Unreachable | TaskErrorKind::Crashed | TaskErrorKind::TimedOut => error,
        _ if may_have_run => TaskError::new(
            TaskErrorKind::Unreachable,
            format!("an attempt's answer was lost, so the task may have run; then: {error}"),
        ),
        _ => error,
    }
}

fn decide(outcome: AttemptOutcome, counted: u32, delivery: Delivery) -> Decision {
    let retry = |cause| Decision::Retry { wait: None, kind: TaskErrorKind::Unreachable, cause };
    let fail = |cause| Decision::Fail(TaskError::new(TaskErrorKind::Unreachable, cause));
    match outcome {
        AttemptOutcome::Answered(answer) => Decision::Return(answer),
        AttemptOutcome::Throttled { retry_after, .. } => Decision::Retry {
            wait: retry_after,
            kind: TaskErrorKind::Throttled,
            cause: "Lambda throttled the call: the concurrency limit or the rate limit is reached".to_owned(),
        },
        // The task did not run, so it may be sent again whatever its delivery.
        AttemptOutcome::NotConnected(cause) if counted < ATTEMPTS => retry(cause),
        AttemptOutcome::OutOfDescriptors if counted < ATTEMPTS => retry(NO_DESCRIPTOR.to_owned()),
        AttemptOutcome::OutOfDescriptors => fail(NO_DESCRIPTOR.to_owned()),
        AttemptOutcome::ResponseLost(cause) | AttemptOutcome::Unavailable(cause)
            if delivery == Delivery::AtLeastOnce && counted < ATTEMPTS =>
        {
            retry(cause)
        }
        AttemptOutcome::NotConnected(cause)
        | AttemptOutcome::ResponseLost(cause)
        | AttemptOutcome::Unavailable(cause) => fail(cause),
        AttemptOutcome::Failed { failure, message, request_id } => {
            Decision::Fail(function_error(failure, &message).with_request_id(request_id))
        }
        AttemptOutcome::TooLarge(why) => Decision::Fail(TaskError::new(TaskErrorKind::TooLarge, why)),
        AttemptOutcome::Refused { kind, message } => Decision::Fail(TaskError::new(kind, message)),
    }
}

const NO_DESCRIPTOR: &str =
    "lambda:Invoke was not sent: the process has no file descriptor left for a connection";

/// A failed function's error, with the setting that helps.
fn function_error(failure: FunctionFailure, message: &str) -> TaskError {
    match failure {
        FunctionFailure::Exit => TaskError::new(
            TaskErrorKind::Crashed,
            format!("the task's process ended: {message}; if it ran out of memory, raise `memory_mb`"),
        ),
        FunctionFailure::Timeout => TaskError::new(
            TaskErrorKind::TimedOut,
            format!("the task exceeded its timeout: {message}; raise `timeout_secs`, or do less in one task"),
        ),
        FunctionFailure::Error => {
            TaskError::new(TaskErrorKind::Crashed, format!("the task's Lambda failed: {message}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lzap_invocation::now_ms;
    use lzap_wire::invoke::ThrottleReason;

    #[test]
    fn lost_response_is_sent_again_only_with_at_least_once_delivery() {
        let lost = || AttemptOutcome::ResponseLost("reset".to_owned());
        assert!(matches!(decide(lost(), 1, Delivery::AtLeastOnce), Decision::Retry { .. }));
        assert!(matches!(decide(lost(), ATTEMPTS, Delivery::AtLeastOnce), Decision::Fail(_)));
        let Decision::Fail(error) = decide(lost(), 1, Delivery::AtMostOnce) else { panic!("sent again") };
        assert_eq!(error.kind(), TaskErrorKind::Unreachable);
    }

    #[test]
    fn failed_connection_is_retried_with_either_delivery_until_attempts_are_used_up() {
        let refused = || AttemptOutcome::NotConnected("connection refused".to_owned());
        for delivery in [Delivery::AtMostOnce, Delivery::AtLeastOnce] {
            assert!(matches!(decide(refused(), 1, delivery), Decision::Retry { .. }));
            assert!(matches!(decide(refused(), ATTEMPTS, delivery), Decision::Fail(_)));
        }
    }

    #[test]
    fn throttled_attempt_waits_as_long_as_lambda_says_and_does_not_count() {
        let throttled = AttemptOutcome::Throttled {
            reason: ThrottleReason::Concurrency,
            retry_after: Some(Duration::from_secs(7)),
        };
        let Decision::Retry { wait, .. } = decide(throttled, 50, Delivery::AtMostOnce) else {
            panic!("given up")
        };
        assert_eq!(wait, Some(Duration::from_secs(7)));
    }

    #[tokio::test]
    async fn without_time_for_another_attempt_the_last_failure_is_returned() {
        for (outcome, kind) in [
            (AttemptOutcome::ResponseLost("reset".to_owned()), TaskErrorKind::Unreachable),
            (AttemptOutcome::Unavailable("ServiceException".to_owned()), TaskErrorKind::Unreachable),
            (
                AttemptOutcome::Throttled { reason: ThrottleReason::Rate, retry_after: None },
                TaskErrorKind::Throttled,
            ),
        ] {
            let soon = Invocation::at_depth(0, Some(now_ms() + 200));
            let send = || std::future::ready(outcome.clone());
            let sent = soon.scope(send_until_answered(send, Delivery::AtLeastOnce));
            let error = sent.await.expect_err("no answer");
            assert_eq!(error.kind(), kind, "{error}");
        }
    }

    /// Throttled attempts counted once, so that after four of them nothing else was retried.
    #[tokio::test(start_paused = true)]
    async fn lost_response_after_many_throttled_attempts_is_retried() {
        let throttled = AttemptOutcome::Throttled { reason: ThrottleReason::Rate, retry_after: None };
        let mut outcomes = vec![throttled; 6];
        outcomes.push(AttemptOutcome::ResponseLost("reset".to_owned()));
        outcomes.push(AttemptOutcome::Answered(Bytes::from_static(b"7")));
        let outcomes = std::sync::Mutex::new(outcomes.into_iter());
        let send = || std::future::ready(outcomes.lock().expect("no panic").next().expect("one more"));
        let answer = send_until_answered(send, Delivery::AtLeastOnce).await.expect("an answer");
        assert_eq!(answer, Bytes::from_static(b"7"));
    }
}
