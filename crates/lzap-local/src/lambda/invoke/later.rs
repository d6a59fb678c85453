//! Asynchronous invocations: each runs at least once, is retried by the function's settings, and goes to the failure
//! destination when it is given up.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>

use std::array::IntoIter;
use std::iter::Take;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use lzap_wire::limits::ASYNC_MAX_AGE_SECS;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Call, Outcome};
use crate::clock::rfc3339;
use crate::lambda::error::ApiError;
use crate::lambda::invocation::{Caller, InvocationKind};
use crate::lambda::service::LambdaService;
use crate::lambda::state::{EventInvoke, FunctionRef};

/// Retries of a failed asynchronous invocation, and the wait before each. AWS waits one minute, then two.
const ASYNC_WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
/// AWS's names for the reasons to give an event up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    RetriesExhausted,
    EventAgeExceeded,
}

/// The retries and the time that an event has left. An attempt without a free environment costs time only.
#[derive(Debug)]
struct Patience {
    /// Until when it may be tried; the cloud's end ends it earlier.
    until: Instant,
    waits: Take<IntoIter<Duration, 2>>,
}

impl Patience {
    /// For an event that comes in now.
    fn new(settings: &EventInvoke, now: Instant) -> Self {
        let secs = settings.max_age_secs.unwrap_or(*ASYNC_MAX_AGE_SECS.end());
        let retries = settings.retries.map_or(ASYNC_WAITS.len(), |retries| retries as usize);
        let until = now + Duration::from_secs(secs.into());
        Self { until, waits: ASYNC_WAITS.into_iter().take(retries) }
    }

    /// Returns the wait after a failure of the function.
    fn after_failure(&mut self, now: Instant) -> Result<Duration, Condition> {
        let wait = self.waits.next().ok_or(Condition::RetriesExhausted)?;
        self.if_young(wait, now)
    }

    /// The same where nothing ran.
    fn after_refusal(&self, now: Instant) -> Result<Duration, Condition> {
        self.if_young(ASYNC_WAITS[0], now)
    }

    fn if_young(&self, wait: Duration, now: Instant) -> Result<Duration, Condition> {
        if now < self.until { Ok(wait) } else { Err(Condition::EventAgeExceeded) }
    }
}

/// An event that is given up, and the result of its last attempt.
struct GivenUp {
    condition: Condition,
    attempts: u32,
    version: String,
    answer: Option<Bytes>,
}

impl LambdaService {
    /// Runs an asynchronous invocation: at least once, more when the function fails. Boxed: the call of the
    /// failure destination is another asynchronous invocation.
    pub(super) fn run_later(self: Arc<Self>, call: Call, request_id: Uuid) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let settings = self.state().event_invoke(&call.reference).cloned().unwrap_or_default();
            let Some(given_up) = self.attempts(&call, request_id, &settings).await else { return };
            let condition = given_up.condition;
            tracing::warn!(%request_id, ?condition, "an asynchronous invocation is given up");
            if let Some(destination) = &settings.on_failure {
                self.tell(destination, &call, request_id, &given_up);
            }
        })
    }

    /// Runs the event until an attempt succeeds. Returns the last failure when it is given up.
    async fn attempts(
        self: &Arc<Self>,
        call: &Call,
        request_id: Uuid,
        settings: &EventInvoke,
    ) -> Option<GivenUp> {
        let mut patience = Patience::new(settings, Instant::now());
        let mut last = GivenUp {
            condition: Condition::RetriesExhausted,
            attempts: 0,
            version: String::new(),
            answer: None,
        };
        loop {
            let attempt = match self.resolve(&call.reference, request_id) {
                Ok(resolved) => {
                    last.version.clone_from(&resolved.version.name);
                    self.run(call, resolved, request_id).await
                }
                Err(error) => Err(error),
            };
            let wait = match attempt {
                Ok(Outcome { result: Ok(_), .. }) => return None,
                Ok(Outcome { result: Err(failure), .. }) => {
                    last.attempts += 1;
                    last.answer = Some(failure.body);
                    patience.after_failure(Instant::now())
                }
                Err(ApiError { status: 404, .. }) => return Some(last),
                Err(_) => patience.after_refusal(Instant::now()),
            };
            let wait = match wait {
                Ok(wait) => wait,
                Err(condition) => return Some(GivenUp { condition, ..last }),
            };
            tokio::select! {
                () = self.host.stop.cancelled() => return None,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Invokes the failure destination with the record that AWS sends.
    /// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
    fn tell(self: &Arc<Self>, destination: &str, call: &Call, request_id: Uuid, last: &GivenUp) {
        let read = |bytes: &Bytes| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
        let mut record = json!({
            "version": "1.0",
            "timestamp": rfc3339(self.now_ms()),
            "requestContext": {
                "requestId": request_id.to_string(),
                "functionArn": call.reference.full(),
                "condition": format!("{:?}", last.condition),
                "approximateInvokeCount": last.attempts,
            },
            "requestPayload": read(&call.payload),
        });
        if let Some(answer) = &last.answer {
            record["responseContext"] =
                json!({"statusCode": 200, "executedVersion": last.version, "functionError": "Unhandled"});
            record["responsePayload"] = read(answer);
        }
        let region = destination.split(':').nth(3).unwrap_or_default();
        let Ok(reference) = FunctionRef::parse(destination, None, region, &self.config.account) else {
            tracing::warn!(destination, "the destination of a failure is no function");
            return;
        };
        let told = Call {
            reference,
            payload: record.to_string().into(),
            kind: InvocationKind::Event,
            caller: Caller::Identity,
            request_id: None,
            client_context: None,
            trace_id: None,
        };
        self.host.tasks.spawn(Arc::clone(self).run_later(told, Uuid::new_v4()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_failure_is_tried_again_however_long_the_attempt_took() {
        let began = Instant::now();
        let mut patience = Patience::new(&EventInvoke::default(), began);
        assert_eq!(patience.after_failure(began + HOUR), Ok(ASYNC_WAITS[0]));
        assert_eq!(patience.after_failure(began + 2 * HOUR), Ok(ASYNC_WAITS[1]));
        assert_eq!(patience.after_failure(began + 3 * HOUR), Err(Condition::RetriesExhausted));
        assert_eq!(patience.after_refusal(began + 5 * HOUR), Ok(ASYNC_WAITS[0]));
        assert_eq!(patience.after_refusal(began + 6 * HOUR), Err(Condition::EventAgeExceeded));
    }

    #[test]
    fn the_functions_settings_say_how_often_and_how_long() {
        let settings = EventInvoke { retries: Some(1), max_age_secs: Some(60), ..EventInvoke::default() };
        let (began, minute) = (Instant::now(), Duration::from_mins(1));
        assert_eq!(
            Patience::new(&settings, began).after_failure(began + minute),
            Err(Condition::EventAgeExceeded)
        );
        let mut patience = Patience::new(&settings, began);
        assert_eq!(patience.after_failure(began + minute / 2), Ok(ASYNC_WAITS[0]));
        assert_eq!(patience.after_failure(began + minute / 2), Err(Condition::RetriesExhausted));
    }
}
