//! Invocations through AWS Lambda: `Invoke`, and what its answers mean.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use std::env;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_lambda::operation::RequestId as _;
use aws_sdk_lambda::operation::invoke::{InvokeError, InvokeOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, ThrottleReason};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::Deserialize;

use super::{Death, Engine, Outcome, Throttle, client};
use crate::task::error::TaskErrorKind;

/// A version of a function: this very one, invoked by itself, so that no deploy mixes two; or that of its workers.
pub(crate) struct LambdaEngine {
    function: String,
    qualifier: String,
    client: Arc<OnceLock<Client>>,
}

impl fmt::Debug for LambdaEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LambdaEngine({}:{})", self.function, self.qualifier)
    }
}

impl LambdaEngine {
    /// Of the function that this process belongs to. Nothing is connected yet.
    pub(crate) fn from_env() -> Self {
        let text = |name: &str| env::var(name).unwrap_or_default();
        Self {
            function: text("AWS_LAMBDA_FUNCTION_NAME"),
            qualifier: text("AWS_LAMBDA_FUNCTION_VERSION"),
            client: Arc::default(),
        }
    }

    /// The same connections, to `FUNCTION:VERSION`.
    #[cfg(feature = "map")]
    pub(crate) fn to(&self, called: &str) -> Option<Self> {
        let (function, qualifier) = called.rsplit_once(':')?;
        let client = Arc::clone(&self.client);
        Some(Self { function: function.to_owned(), qualifier: qualifier.to_owned(), client })
    }

    /// At a port of this machine, as if this process were of that version.
    #[cfg(feature = "map")]
    pub(crate) fn at(url: &str, version: &str) -> Self {
        let client = OnceLock::from(client::local_lambda(url));
        Self { function: "test".to_owned(), qualifier: version.to_owned(), client: Arc::new(client) }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| client::lambda(&client::Basics::from_env()))
    }

    async fn send(&self, event: Bytes, kind: InvocationType) -> Outcome {
        let request = self
            .client()
            .invoke()
            .function_name(&self.function)
            .qualifier(&self.qualifier)
            .invocation_type(kind)
            .payload(Blob::new(event));
        match request.send().await {
            Ok(output) => answered(output),
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&self, error: &SdkError<InvokeError>) -> Outcome {
        match error {
            SdkError::ServiceError(service) => {
                let retry_after = service.raw().headers().get("retry-after").and_then(seconds);
                self.refused(service.err(), service.raw().status().as_u16(), retry_after)
            }
            _ => Outcome::Lost(format!("lambda:Invoke was not answered: {}", client::said(error))),
        }
    }

    fn refused(&self, error: &InvokeError, status: u16, retry_after: Option<Duration>) -> Outcome {
        let code = error.code().unwrap_or("Unknown");
        let text = error.message().unwrap_or("AWS gave no reason");
        let request = error.request_id().unwrap_or("-");
        let message = format!("lambda:Invoke answered {code}: {text} (request {request})");
        match error {
            InvokeError::TooManyRequestsException(throttle) => Outcome::Throttled {
                cause: cause(throttle.reason()),
                retry_after: throttle.retry_after_seconds().and_then(seconds).or(retry_after),
            },
            InvokeError::RequestTooLargeException(_) => Outcome::TooLarge(message),
            InvokeError::RecursiveInvocationException(_) => Outcome::Refused {
                kind: TaskErrorKind::Recursion,
                message: format!(
                    "{message}; AWS stops loops of invocations: call fewer tasks from tasks, or allow it with \
                     `aws lambda put-function-recursion-config`"
                ),
            },
            _ if status == 413 => Outcome::TooLarge(message),
            _ if status == 429 => Outcome::Throttled { cause: Throttle::Rate, retry_after },
            _ if status >= 500 => Outcome::Unavailable(message),
            _ if status == 403 => Outcome::Refused {
                kind: TaskErrorKind::Denied,
                message: format!(
                    "{message}; the function's role needs lambda:InvokeFunction on `{}:*`: `lzap deploy` gives it \
                     unless `role_arn` names another role",
                    self.function
                ),
            },
            _ => Outcome::Refused { kind: TaskErrorKind::Unreachable, message },
        }
    }
}

impl Engine for LambdaEngine {
    fn invoke(&self, event: Bytes) -> BoxFuture<'_, Outcome> {
        Box::pin(self.send(event, InvocationType::RequestResponse))
    }

    fn start(&self, event: Bytes) -> BoxFuture<'_, Outcome> {
        Box::pin(self.send(event, InvocationType::Event))
    }
}

fn seconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

fn cause(reason: Option<&ThrottleReason>) -> Throttle {
    match reason {
        Some(
            ThrottleReason::CallerRateLimitExceeded
            | ThrottleReason::FunctionInvocationRateLimitExceeded
            | ThrottleReason::ReservedFunctionInvocationRateLimitExceeded,
        ) => Throttle::Rate,
        _ => Throttle::Concurrency,
    }
}

/// A function that died is a 200 with a flag.
fn answered(output: InvokeOutput) -> Outcome {
    let request_id = output.request_id().map(str::to_owned);
    let payload = output.payload.map(Blob::into_inner).unwrap_or_default();
    if output.function_error.is_none() {
        return Outcome::Answered(payload.into());
    }
    let died = serde_json::from_slice::<Died>(&payload).unwrap_or_default();
    let how = match died.kind.as_str() {
        "Runtime.ExitError" | "Runtime.InvalidEntrypoint" | "Runtime.OutOfMemory" => Death::Exit,
        "Sandbox.Timedout" => Death::Timeout,
        _ if died.message.contains("Task timed out after") => Death::Timeout,
        _ if died.message.contains("Runtime exited") => Death::Exit,
        "lzap::ResponseTooLarge" | "Function.ResponseSizeTooLarge" => return Outcome::TooLarge(died.message),
        _ => Death::Error,
    };
    Outcome::Died { how, message: died.message, request_id }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Died {
    #[serde(rename = "errorType")]
    kind: String,
    #[serde(rename = "errorMessage")]
    message: String,
}
