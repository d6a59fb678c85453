//! The waits before another attempt, as data, and the one loop that applies them.
//!
//! The SDK itself repeats requests after network errors and throttling, a few times. This module repeats calls for
//! reasons that only a deploy knows to be temporary: a role that is too new, a function that is still changing.
//!
//! | for | temporary | at most |
//! |---|---|---|
//! | [`THROTTLED`] | throttling | 1 min |
//! | [`CONFLICT`] | throttling, and another change of the resource in progress | 1 min |
//! | [`PROPAGATION`] | and "not found" of a resource that was just created | 20 s |
//! | [`ROLE`] | and a new role that Lambda can't assume or use yet | 1 min |
//! | [`FUNCTION_STATE`] | and "not found", and a function whose last change hasn't taken effect | 5 min |
//!
//! Each row but the first includes the errors of `CONFLICT`. All other errors end the call at once.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use futures::future::BoxFuture;
use lzap_core::event::Event;
use lzap_core::step::StepId;
use lzap_wire::env::LZAP_TEST_TIME_SCALE;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::error::{AwsError, Kind};

/// The waits of a kind of call: how they grow, when they end, and which errors they are for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retry {
    /// The wait before the second attempt.
    first_wait: Duration,
    /// The factor by which each wait is longer than the one before.
    factor: f64,
    /// The longest wait.
    max_wait: Duration,
    /// The time after the first attempt from which on no further attempt starts. An attempt that runs then
    /// still counts.
    give_up_after: Duration,
    /// The reason why an error is temporary, for the progress line; `None` if it is permanent.
    reason: fn(&AwsError) -> Option<&'static str>,
}

/// For any idempotent write: AWS throttles it, or another change of the resource is in progress.
pub(crate) const CONFLICT: Retry = Retry {
    first_wait: Duration::from_millis(200),
    factor: 1.6,
    max_wait: Duration::from_secs(3),
    give_up_after: Duration::from_mins(1),
    reason: conflict_reason,
};

/// For a write that isn't idempotent: only throttling, which AWS answers before it applies anything.
pub(crate) const THROTTLED: Retry = Retry { reason: throttled_reason, ..CONFLICT };

/// For a write that names the role: IAM takes 5 to 30 s to propagate a new one.
///
/// AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html> ("changes that I make are not always
/// immediately visible"). One call more costs less than a second of waiting after the role has propagated.
pub(crate) const ROLE: Retry = Retry { max_wait: Duration::from_secs(1), reason: role_reason, ..CONFLICT };

/// For a write to a resource that was just created, and that AWS has not propagated everywhere.
// A resource that is still missing after 20 s counts as deleted by another program.
pub(crate) const PROPAGATION: Retry =
    Retry { give_up_after: Duration::from_secs(20), reason: propagation_reason, ..CONFLICT };

/// For a function to become `Active`, or its update `Successful`: mostly a second, sometimes minutes.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>
pub(crate) const FUNCTION_STATE: Retry = Retry {
    factor: 1.4,
    max_wait: Duration::from_secs(2),
    give_up_after: Duration::from_mins(5),
    reason: state_reason,
    ..CONFLICT
};

/// Reports the waits of one step, and ends them when the plan is stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress<'a>(Option<Listener<'a>>);

/// The step that waits, and where its events go.
#[derive(Clone, Copy, Debug)]
struct Listener<'a> {
    step: StepId,
    events: &'a UnboundedSender<Event>,
    stop: &'a CancellationToken,
}

impl<'a> Progress<'a> {
    /// Returns the progress of a step. Its waits are shown, and end when `stop` is cancelled.
    pub(crate) fn of(step: StepId, events: &'a UnboundedSender<Event>, stop: &'a CancellationToken) -> Self {
        Self(Some(Listener { step, events, stop }))
    }

    /// Returns the progress of a retry outside a step: its events go nowhere, and nothing ends its waits.
    pub(crate) fn silent() -> Self {
        Self(None)
    }

    /// Sends an event of the step. A dropped receiver is no reason to stop.
    pub(crate) fn tell(&self, event: impl FnOnce(StepId) -> Event) {
        if let Some(listener) = self.0 {
            let _ = listener.events.send(event(listener.step));
        }
    }

    /// Waits; returns `false` if the plan was stopped during the wait.
    pub(crate) async fn wait(&self, duration: Duration) -> bool {
        let Some(listener) = self.0 else {
            sleep(duration).await;
            return true;
        };
        tokio::select! {
            // `biased`: a plan that is already stopped must not wait once more by chance.
            biased;
            () = listener.stop.cancelled() => false,
            () = sleep(duration) => true,
        }
    }
}

/// Calls `attempt` until it succeeds or fails for good. An error that `retry` has a reason for is tried again; the last
/// error is returned.
///
/// Boxed here, in a frame of its own: the futures of the SDK are large, and a function that makes many kinds of calls
/// would hold the space of all of them at once.
pub(crate) fn again<'a, T, F, Fut>(
    retry: Retry,
    progress: Progress<'a>,
    attempt: F,
) -> BoxFuture<'a, Result<T, AwsError>>
where
    T: Send + 'a,
    F: FnMut() -> Fut + Send + 'a,
    Fut: Future<Output = Result<T, AwsError>> + Send + 'a,
{
    Box::pin(call_until_final(retry, progress, attempt))
}

/// The loop of [`again`]. An attempt that has begun is never cut off: only the waits end at a stop.
async fn call_until_final<T, F, Fut>(
    retry: Retry,
    progress: Progress<'_>,
    mut attempt: F,
) -> Result<T, AwsError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, AwsError>>,
{
    let started = Instant::now();
    let (mut wait, give_up_after) = (scaled(retry.first_wait), scaled(retry.give_up_after));
    loop {
        let error = match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let Some(reason) = (retry.reason)(&error) else {
            return Err(error);
        };
        // Checks before the wait: a wait whose attempt would come too late only delays the error.
        if started.elapsed() + wait > give_up_after {
            return Err(error);
        }
        let elapsed = started.elapsed();
        progress.tell(|step| Event::StepWaiting { step, reason, elapsed });
        if !progress.wait(wait).await {
            return Err(error);
        }
        wait = wait.mul_f64(retry.factor).min(scaled(retry.max_wait));
    }
}

/// `wait`, shortened in lzap's own tests ([`LZAP_TEST_TIME_SCALE`]).
pub(crate) fn scaled(wait: Duration) -> Duration {
    static SCALE: OnceLock<Option<f64>> = OnceLock::new();
    // Read once: the process environment doesn't change, and reading it takes a lock.
    let scale = SCALE.get_or_init(|| std::env::var(LZAP_TEST_TIME_SCALE).ok()?.parse().ok());
    // Clamped to 1: the variable can shorten waits, never prolong them.
    scale.map_or(wait, |scale| wait.mul_f64(scale.clamp(0.0, 1.0)))
}

/// Reasons for any idempotent write.
fn conflict_reason(error: &AwsError) -> Option<&'static str> {
    match error.kind() {
        Kind::Throttled => Some("for AWS to stop throttling"),
        Kind::Conflict => Some("for another change to end"),
        _ => None,
    }
}

/// Reasons for a write that must not be applied twice: a throttled request was rejected before it did
/// anything.
fn throttled_reason(error: &AwsError) -> Option<&'static str> {
    if error.kind() == Kind::Throttled { conflict_reason(error) } else { None }
}

/// Reasons for a write that makes Lambda use the role.
fn role_reason(error: &AwsError) -> Option<&'static str> {
    match error.kind() {
        Kind::RoleNotReady => Some("for the new role to be usable"),
        Kind::KmsDenied => Some("for the role's key grant"),
        _ => conflict_reason(error),
    }
}

/// Reasons for a call about a resource that was just created: "not found" can mean "not yet".
fn propagation_reason(error: &AwsError) -> Option<&'static str> {
    match error.kind() {
        Kind::NotFound => Some("for what was just made to be seen"),
        _ => conflict_reason(error),
    }
}

/// Reasons for reads of a function's state.
fn state_reason(error: &AwsError) -> Option<&'static str> {
    match error.kind() {
        Kind::NotReady => Some("for Lambda to finish"),
        Kind::NotFound => Some("for what was just made to be seen"),
        _ => conflict_reason(error),
    }
}
