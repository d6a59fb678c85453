//! Asynchronous invocations: run at least once, tried again as the function's settings say, and told of when given up.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Call, Outcome};
use crate::clock::rfc3339;
use crate::lambda::error::ApiError;
use crate::lambda::state::{EventInvoke, FunctionRef};
use crate::lambda::{Caller, Inner, InvocationKind};

/// Retries of a failed asynchronous invocation, and the wait before each. AWS waits one minute, then two.
const ASYNC_WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
/// How long an asynchronous invocation is tried again when it is throttled. On AWS six hours.
const ASYNC_PATIENCE: Duration = Duration::from_mins(1);

/// Why an event is given up, as AWS calls it.
#[derive(Clone, Copy, Debug)]
enum Condition {
    RetriesExhausted,
    EventAgeExceeded,
}

/// An event that isn't tried again, and how the last attempt went.
struct GivenUp {
    condition: Condition,
    attempts: u32,
    version: String,
    answer: Option<Bytes>,
}

impl Inner {
    /// Runs an asynchronous invocation: at least once, more when the function fails. Boxed: what is told of a failure is
    /// another asynchronous invocation.
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

    /// Tries until it succeeds; else how it failed.
    async fn attempts(
        self: &Arc<Self>,
        call: &Call,
        request_id: Uuid,
        settings: &EventInvoke,
    ) -> Option<GivenUp> {
        let patience = settings.max_age_secs.map_or(ASYNC_PATIENCE, |secs| Duration::from_secs(secs.into()));
        let too_old = Instant::now() + patience;
        let mut last = GivenUp {
            condition: Condition::RetriesExhausted,
            attempts: 0,
            version: String::new(),
            answer: None,
        };
        let retries = settings.retries.map_or(ASYNC_WAITS.len(), |retries| retries as usize);
        let mut waits = ASYNC_WAITS.iter().copied().take(retries);
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
                    match waits.next() {
                        None => return Some(last),
                        wait => wait,
                    }
                }
                Err(ApiError { status: 404, .. }) => return Some(last),
                Err(_) => Some(ASYNC_WAITS[0]),
            };
            let Some(wait) = wait.filter(|_| Instant::now() < too_old) else {
                return Some(GivenUp { condition: Condition::EventAgeExceeded, ..last });
            };
            tokio::select! {
                () = self.host.stop.cancelled() => return None,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Sends the function that is told of failures the record that AWS sends.
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
            client_context: None,
            trace_id: None,
        };
        self.host.tasks.spawn(Arc::clone(self).run_later(told, Uuid::new_v4()));
    }
}
