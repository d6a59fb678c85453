//! Decides which failed attempts are retried, and when. Pure.

use std::time::{Duration, SystemTime};

use crate::error::ErrorKind;

/// Attempts at most, the first one included. The waits between four are 350 ms on average and 700 ms at most: an
/// invocation that waits for S3 is billed meanwhile.
const ATTEMPTS: u32 = 4;
/// The longest wait before the second attempt; each further one may be twice as long.
const FIRST: Duration = Duration::from_millis(100);
/// No wait is longer, unless AWS asks for it. Four attempts never come near it: it holds for larger numbers of attempts.
const LONGEST: Duration = Duration::from_secs(5);
/// AWS accepts signatures that are 5 minutes off at most (S3: 15). Below this the clock is not what is wrong. The minute
/// between is for the time that the request was under way.
///
/// AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>
const SKEW: Duration = Duration::from_mins(4);

/// The effect of a second execution of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryPolicy {
    /// Only the caller knows: no attempt is made again.
    Never,
    /// Nothing that the first one didn't: all transient failures are retried.
    Idempotent,
    /// The condition of a write fails after its own success, so that only attempts that did nothing are retried.
    UnlessItMayHaveRun,
}

/// The facts about a failed attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedAttempt {
    pub(crate) kind: ErrorKind,
    pub(crate) may_have_run: bool,
    pub(crate) retry_after: Option<Duration>,
    /// 1 for the first.
    pub(crate) number: u32,
}

/// The wait before the next attempt; none when the failure is final. `jitter` is from 0 to 1.
pub(crate) fn plan_retry(
    policy: RetryPolicy,
    failed: FailedAttempt,
    remaining: Duration,
    jitter: f64,
) -> Option<Duration> {
    if policy == RetryPolicy::Never || failed.number >= ATTEMPTS {
        return None;
    }
    if failed.may_have_run && policy == RetryPolicy::UnlessItMayHaveRun {
        return None;
    }
    let is_transient = matches!(
        failed.kind,
        // A conflict of writes is not settled yet; S3 asks to try again.
        ErrorKind::NotConnected
            | ErrorKind::ResponseLost
            | ErrorKind::Throttled
            | ErrorKind::Unavailable
            | ErrorKind::Conflict
    );
    // Full jitter: hundreds of calls that failed together must not come back together.
    let longest = (FIRST * 2_u32.saturating_pow(failed.number.saturating_sub(1))).min(LONGEST);
    let wait = failed.retry_after.unwrap_or_else(|| longest.mul_f64(jitter.clamp(0.0, 1.0)));
    // A wait that ends at the deadline leaves no time for an attempt: the error comes at once, with its cause.
    (is_transient && wait < remaining).then_some(wait)
}

/// The time of the server when a refusal is due to this machine's clock.
///
/// `code` is missing in answers to HEAD, whose 403 says nothing else. The request was refused before anything was done.
pub(crate) fn detect_skew(
    status: u16,
    code: Option<&str>,
    server: Option<SystemTime>,
    signed: SystemTime,
) -> Option<SystemTime> {
    let server = server?;
    let distance = server.duration_since(signed).unwrap_or_else(|error| error.duration());
    let is_about_time = match code {
        Some(code) => matches!(
            code,
            "RequestTimeTooSkewed"
                | "RequestExpired"
                | "RequestInTheFuture"
                | "InvalidSignatureException"
                | "SignatureDoesNotMatch"
                | "AuthFailure"
        ),
        None => true,
    };
    (matches!(status, 400 | 401 | 403) && is_about_time && distance > SKEW).then_some(server)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LONG: Duration = Duration::from_mins(10);

    fn failed(kind: ErrorKind, may_have_run: bool) -> FailedAttempt {
        FailedAttempt { kind, may_have_run, retry_after: None, number: 1 }
    }

    #[test]
    fn plan_retry_retries_transient_failures_and_no_others() {
        use ErrorKind::{
            Conflict, Denied, NotConnected, NotFound, PreconditionFailed, Refused, ResponseLost, Throttled,
            TimedOut, TooLarge, Unavailable, Unreadable,
        };
        let retried =
            |policy, kind, may_have_run| plan_retry(policy, failed(kind, may_have_run), LONG, 0.5).is_some();
        for kind in [NotConnected, ResponseLost, Throttled, Unavailable, Conflict] {
            assert!(retried(RetryPolicy::Idempotent, kind, true), "{kind:?}");
            assert!(!retried(RetryPolicy::Never, kind, false), "{kind:?}");
            assert!(!retried(RetryPolicy::UnlessItMayHaveRun, kind, true), "{kind:?}");
            assert!(retried(RetryPolicy::UnlessItMayHaveRun, kind, false), "{kind:?}");
        }
        for kind in
            [Denied, NotFound, PreconditionFailed, Refused, TimedOut, TooLarge, Unreadable, ErrorKind::Config]
        {
            assert!(!retried(RetryPolicy::Idempotent, kind, false), "{kind:?}");
        }
    }

    #[test]
    fn plan_retry_obeys_what_aws_asks_for_and_the_deadline() {
        let asked = FailedAttempt {
            retry_after: Some(Duration::from_secs(7)),
            ..failed(ErrorKind::Throttled, false)
        };
        let plan =
            |remaining| plan_retry(RetryPolicy::Idempotent, asked, Duration::from_secs(remaining), 0.1);
        assert_eq!(plan(8), Some(Duration::from_secs(7)));
        assert_eq!(plan(7), None);
    }

    proptest! {
        #[test]
        fn plan_retry_is_bounded(number in 1_u32..100, jitter in 0.0_f64..=1.0, millis in 0_u64..20_000) {
            let attempt = FailedAttempt { number, ..failed(ErrorKind::Unavailable, true) };
            let remaining = Duration::from_millis(millis);
            match plan_retry(RetryPolicy::Idempotent, attempt, remaining, jitter) {
                Some(wait) => prop_assert!(number < ATTEMPTS && wait < remaining && wait <= LONGEST),
                None => prop_assert!(number >= ATTEMPTS || remaining <= LONGEST),
            }
        }
    }

    #[test]
    fn detect_skew_needs_a_refusal_and_a_large_difference() {
        let now = SystemTime::now();
        let far = now + Duration::from_mins(10);
        for (status, code, server, expected) in [
            (403, Some("RequestTimeTooSkewed"), Some(far), true),
            (403, Some("InvalidSignatureException"), Some(now - Duration::from_mins(10)), true),
            (403, None, Some(far), true),
            (403, Some("AccessDenied"), Some(far), false),
            (403, Some("SignatureDoesNotMatch"), Some(now + Duration::from_secs(200)), false),
            (500, Some("RequestExpired"), Some(far), false),
            (403, Some("RequestExpired"), None, false),
        ] {
            assert_eq!(detect_skew(status, code, server, now).is_some(), expected, "{status} {code:?}");
        }
    }
}
