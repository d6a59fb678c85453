//! An invocation that the user asked for: a task's event, or any other.
//!
//! In contrast to [`crate::probe`], nothing is known about the function: its time, its answer, whether it may
//! run twice.

use std::time::Duration;

use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use lzap_core::names::Names;
use lzap_wire::limits::TIMEOUT_SECS;
use serde_json::Value;

use crate::clients::Clients;
use crate::error::{Absent, AwsError, Named};
use crate::probe::{MARGIN_SECS, function_error, log_lines};
use crate::retry::{Progress, THROTTLED, again};

/// The target of an invocation, and its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invocation<'a> {
    /// The alias, or a version's number.
    pub qualifier: &'a str,
    /// The event, as JSON text.
    pub payload: &'a str,
    /// The invocation type: wait for the response or not.
    pub wait: Wait,
}

/// The invocation type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Synchronous: waits for the response, for as long as a function may run.
    Answer,
    /// Asynchronous: Lambda queues the event, and invokes the function at least once.
    Queued,
}

/// The result of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoked {
    /// The function's response or its error; empty for an asynchronous invocation.
    pub payload: Vec<u8>,
    /// The error of a function that failed: `errorType: errorMessage`.
    pub function_error: Option<String>,
    /// The end of the function's log, 4 KB at most.
    pub log: Vec<String>,
    /// The version that ran; Lambda doesn't return it for an asynchronous invocation.
    pub version: Option<String>,
    /// Lambda's id of the invocation, which is also in the log.
    pub request_id: String,
}

/// `lambda:Invoke`; `None` if the function or the version doesn't exist. One call, repeated while Lambda throttles it,
/// which happens before the function runs. No other error is repeated: the function may have run.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
///
/// # Errors
/// The call was refused, or AWS didn't respond.
pub async fn invoke(
    clients: &Clients,
    names: &Names,
    invocation: Invocation<'_>,
) -> Result<Option<Invoked>, AwsError> {
    let outcome =
        again(THROTTLED, Progress::silent(), || invoke_once(clients, names, invocation)).await.found();
    outcome.map_err(|error| clients.explain(error))
}

/// Sends one request. The SDK's own retries are off, so that [`invoke`] alone decides what is repeated.
async fn invoke_once(
    clients: &Clients,
    names: &Names,
    invocation: Invocation<'_>,
) -> Result<Invoked, AwsError> {
    let Invocation { qualifier, payload, wait } = invocation;
    // The longest timeout that a function can have, because its own isn't read here. The SDK sets no read timeout by
    // default.
    let patience = Duration::from_secs(u64::from(TIMEOUT_SECS.end() + MARGIN_SECS));
    let timeouts = TimeoutConfig::builder().read_timeout(patience).build();
    let call = clients
        .lambda()
        .invoke()
        .function_name(names.function())
        .qualifier(qualifier)
        .payload(Blob::new(payload));
    let call = match wait {
        Wait::Answer => call.invocation_type(InvocationType::RequestResponse).log_type(LogType::Tail),
        Wait::Queued => call.invocation_type(InvocationType::Event),
    };
    // The SDK repeats a request after a lost connection, and the function would run twice.
    let config =
        aws_sdk_lambda::config::Builder::new().timeout_config(timeouts).retry_config(RetryConfig::disabled());
    let answer = call.customize().config_override(config).send().await.named("lambda:Invoke")?;
    let payload = answer.payload().map(|blob| blob.as_ref().to_vec()).unwrap_or_default();
    let value: Option<Value> = serde_json::from_slice(&payload).ok();
    Ok(Invoked {
        function_error: answer.function_error().map(|_| function_error(value.as_ref(), &payload)),
        log: answer.log_result().map(log_lines).unwrap_or_default(),
        version: answer.executed_version().map(str::to_owned),
        request_id: answer.request_id().unwrap_or_default().to_owned(),
        payload,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answering, names};

    const CALL: Invocation<'static> =
        Invocation { qualifier: "live", payload: r#"{"a":1}"#, wait: Wait::Answer };

    #[tokio::test(start_paused = true)]
    async fn only_a_throttle_is_tried_again() {
        let throttle = (429, r#"TooManyRequestsException|{"Reason":"ConcurrentInvocationLimitExceeded"}"#);
        let (clients, requests) = answering(&[throttle, throttle, (200, r#"{"b":2}"#)]);
        let invoked = invoke(&clients, &names(), CALL).await.expect("an answer").expect("a function");
        assert_eq!((invoked.payload.as_slice(), invoked.function_error), (&br#"{"b":2}"#[..], None));
        assert_eq!(requests.lock().expect("no test panics here").len(), 3);
        let (clients, requests) = answering(&[(500, r#"ServiceException|{"message":"oops"}"#)]);
        let error = invoke(&clients, &names(), CALL).await.expect_err("an error");
        assert!(error.to_string().contains("lambda:Invoke"), "{error}");
        assert_eq!(requests.lock().expect("no test panics here").len(), 1, "it may have run");
    }

    #[tokio::test]
    async fn a_missing_function_is_no_error() {
        let (clients, _) =
            answering(&[(404, r#"ResourceNotFoundException|{"message":"Function not found"}"#)]);
        assert_eq!(invoke(&clients, &names(), CALL).await.expect("no error"), None);
    }
}
