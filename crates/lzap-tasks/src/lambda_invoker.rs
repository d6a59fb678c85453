//! Invocations of other Lambdas: `lambda:Invoke`, and the outcome that each of its answers stands for.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use std::env;
use std::fmt;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use lzap_client::{
    AwsCredentials, Client, ClientError, ErrorKind, InvocationKind, Invoke, Invoked, Settings,
};
use lzap_wire::invoke::{FunctionFailure, ThrottleReason};
use lzap_wire::task::TIMED_OUT;
use serde::Deserialize;

use crate::client::{self, call_deadline};
use crate::error::TaskErrorKind;
use crate::invoker::{AttemptOutcome, Invoker};
use lzap_invocation::{Invocation, describe_error_chain};

/// Invokes one version of a function: this process's own, so that a deploy never mixes two versions, or its workers'.
pub struct LambdaInvoker {
    function: String,
    version: String,
    /// A test's client; the process's own unless set.
    client: Option<Client>,
}

impl fmt::Debug for LambdaInvoker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LambdaInvoker({}:{})", self.function, self.version)
    }
}

impl LambdaInvoker {
    /// For the version that this process runs. No connection is made before the first invocation.
    pub fn from_env() -> Self {
        let text = |name: &str| env::var(name).unwrap_or_default();
        Self {
            function: text("AWS_LAMBDA_FUNCTION_NAME"),
            version: text("AWS_LAMBDA_FUNCTION_VERSION"),
            client: None,
        }
    }

    /// The same client for `FUNCTION:VERSION`; `None` for a name without a colon.
    pub fn with_version(&self, qualified: &str) -> Option<Self> {
        let (function, version) = qualified.rsplit_once(':')?;
        Some(Self { function: function.to_owned(), version: version.to_owned(), client: self.client.clone() })
    }

    /// For tests: the Lambda at `url` must accept made-up credentials.
    ///
    /// # Errors
    /// When the URL is not one.
    pub fn at(url: &str, version: &str) -> Result<Self, ClientError> {
        let settings = Settings::new("eu-central-1", AwsCredentials::new("test", "test", None));
        let client = Client::new(&settings.with_lambda_endpoint(url))?;
        Ok(Self { function: "test".to_owned(), version: version.to_owned(), client: Some(client) })
    }

    async fn send(&self, event: Bytes, kind: InvocationKind) -> AttemptOutcome {
        match self.try_send(event, kind).await {
            Ok(answer) => read_answer(answer),
            Err(error) => self.read_error(&error),
        }
    }

    async fn try_send(&self, event: Bytes, kind: InvocationKind) -> Result<Invoked, ClientError> {
        let client = match &self.client {
            Some(client) => client,
            None => client::shared_client()?,
        };
        // Of the invocation, not of the environment: with several invocations at once there is none.
        let trace = Invocation::current().trace_id.map(|trace| trace.as_ref().to_owned());
        let qualifier = Some(self.version.clone());
        let invoke = Invoke { qualifier, kind, trace, ..Invoke::new(&self.function, event) };
        client.invoke(invoke, call_deadline()).await
    }

    fn read_error(&self, error: &ClientError) -> AttemptOutcome {
        let message = describe_error_chain(error);
        let refused = |kind, message| AttemptOutcome::Refused { kind, message };
        match error.kind() {
            ErrorKind::NotConnected if client::is_out_of_descriptors(error) => {
                AttemptOutcome::OutOfDescriptors
            }
            ErrorKind::NotConnected => AttemptOutcome::NotConnected(message),
            ErrorKind::TimedOut if !error.may_have_run() => AttemptOutcome::NotConnected(message),
            ErrorKind::TimedOut | ErrorKind::ResponseLost | ErrorKind::Unreadable => {
                AttemptOutcome::ResponseLost(message)
            }
            ErrorKind::Unavailable => AttemptOutcome::Unavailable(message),
            ErrorKind::TooLarge => AttemptOutcome::TooLarge(message),
            ErrorKind::Throttled => AttemptOutcome::Throttled {
                reason: read_throttle_reason(error.throttle_reason()),
                retry_after: error.retry_after(),
            },
            ErrorKind::Denied => refused(
                TaskErrorKind::Denied,
                format!(
                    "{message}; the function's role needs lambda:InvokeFunction on `{}:*`: run `lzap deploy`, which \
                     grants it unless `role_arn` names another role",
                    self.function
                ),
            ),
            _ if error.code() == Some("RecursiveInvocationException") => refused(
                TaskErrorKind::Recursion,
                format!(
                    "{message}; AWS stops loops of invocations: call fewer tasks from tasks, or allow the loop with \
                     `aws lambda put-function-recursion-config`"
                ),
            ),
            _ => refused(TaskErrorKind::Unreachable, message),
        }
    }
}

impl Invoker for LambdaInvoker {
    fn invoke(&self, event: Bytes) -> BoxFuture<'_, AttemptOutcome> {
        Box::pin(self.send(event, InvocationKind::RequestResponse))
    }

    fn invoke_async(&self, event: Bytes) -> BoxFuture<'_, AttemptOutcome> {
        Box::pin(self.send(event, InvocationKind::Event))
    }
}

fn read_throttle_reason(reason: Option<&str>) -> ThrottleReason {
    match reason {
        Some(
            "CallerRateLimitExceeded"
            | "FunctionInvocationRateLimitExceeded"
            | "ReservedFunctionInvocationRateLimitExceeded",
        ) => ThrottleReason::Rate,
        // Without a reason it is the limit that functions reach first.
        _ => ThrottleReason::Concurrency,
    }
}

/// Lambda answers 200 for a failed function too, with its error in a header and in the payload.
fn read_answer(answer: Invoked) -> AttemptOutcome {
    let Invoked { payload, function_error, request_id, .. } = answer;
    if function_error.is_none() {
        return AttemptOutcome::Answered(payload);
    }
    let error = serde_json::from_slice::<FunctionErrorPayload>(&payload).unwrap_or_default();
    let failure = match error.kind.as_str() {
        "Runtime.ExitError" | "Runtime.InvalidEntrypoint" | "Runtime.OutOfMemory" => FunctionFailure::Exit,
        "Sandbox.Timedout" | TIMED_OUT => FunctionFailure::Timeout,
        _ if error.message.contains("Task timed out after") => FunctionFailure::Timeout,
        _ if error.message.contains("Runtime exited") => FunctionFailure::Exit,
        "lzap::ResponseTooLarge" | "Function.ResponseSizeTooLarge" => {
            return AttemptOutcome::TooLarge(error.message);
        }
        _ => FunctionFailure::Error,
    };
    AttemptOutcome::Failed { failure, message: error.message, request_id }
}

/// A failed function's payload. Both fields are empty when it is not the JSON that Lambda documents.
#[derive(Default, Deserialize)]
#[serde(default)]
struct FunctionErrorPayload {
    #[serde(rename = "errorType")]
    kind: String,
    #[serde(rename = "errorMessage")]
    message: String,
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tokio::net::TcpListener;

    use super::*;
    use lzap_invocation::now_ms;

    /// Review of 2026-11: without an enforced timeout the call waited until Lambda stopped the process.
    #[tokio::test]
    async fn invoke_of_a_silent_peer_fails_before_the_invocations_deadline() {
        let silent = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", silent.local_addr().expect("an address"));
        let invoker = LambdaInvoker::at(&url, "1").expect("a URL");
        let time = Duration::from_millis(700);
        let deadline_ms = now_ms() + 700;
        let began = Instant::now();
        let sent = invoker.invoke(Bytes::from_static(b"{}"));
        let outcome = Invocation::at_depth(0, Some(deadline_ms)).scope(sent).await;
        assert!(matches!(outcome, AttemptOutcome::ResponseLost(_)), "{outcome:?}");
        assert!(began.elapsed() < time, "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn invoke_without_a_listener_reports_that_nothing_was_sent() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        drop(listener);
        let outcome = LambdaInvoker::at(&url, "1").expect("a URL").invoke(Bytes::from_static(b"{}")).await;
        assert!(matches!(outcome, AttemptOutcome::NotConnected(_)), "{outcome:?}");
    }

    #[test]
    fn read_answer_finds_timeouts_of_lambda_and_of_the_runtime() {
        for (kind, message, expected) in [
            (
                "Sandbox.Timedout",
                "RequestId: 1 Error: Task timed out after 3.00 seconds",
                FunctionFailure::Timeout,
            ),
            ("lzap::TimedOut", "the invocation reached its deadline", FunctionFailure::Timeout),
            ("lzap::TaskFailed", "failed: the disk is full", FunctionFailure::Error),
        ] {
            let payload = serde_json::json!({"errorType": kind, "errorMessage": message}).to_string().into();
            let answer = Invoked {
                status: 200,
                payload,
                function_error: Some("Unhandled".to_owned()),
                log_tail: None,
                executed_version: None,
                request_id: None,
            };
            let outcome = read_answer(answer);
            assert!(
                matches!(outcome, AttemptOutcome::Failed { failure, .. } if failure == expected),
                "{outcome:?}"
            );
        }
    }

    #[test]
    fn throttle_reasons_of_rates_are_told_from_those_of_concurrency() {
        assert_eq!(read_throttle_reason(Some("CallerRateLimitExceeded")), ThrottleReason::Rate);
        assert_eq!(
            read_throttle_reason(Some("ReservedFunctionConcurrentInvocationLimitExceeded")),
            ThrottleReason::Concurrency
        );
        assert_eq!(read_throttle_reason(None), ThrottleReason::Concurrency);
    }
}
