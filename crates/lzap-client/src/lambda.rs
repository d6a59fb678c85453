//! `lambda:Invoke`.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use std::env;

use aws_smithy_types::base64;
use bytes::Bytes;
use http::{HeaderMap, Method};
use lzap_wire::limits::SYNC_PAYLOAD_BYTES;

use crate::call::{ApiCall, Service};
use crate::client::Client;
use crate::deadline::Deadline;
use crate::encode::{encode_label, encode_query};
use crate::error::ClientError;
use crate::error_body::{ErrorFormat, read_request_id};
use crate::retry::RetryPolicy;
use crate::sign::SigningStyle;

/// Lambda sends nothing while a function runs, for 15 minutes or longer: only the deadline and TCP's keepalive end the wait.
static LAMBDA: Service =
    Service { name: "lambda", style: SigningStyle::Common, errors: ErrorFormat::Json, silence: None };

/// Twice Lambda's limit for an answer: emulators don't enforce it. It bounds the memory that a wrong endpoint can take.
const MAX_ANSWER_BYTES: u64 = 2 * SYNC_PAYLOAD_BYTES;

/// The variable in which Lambda's runtime keeps the trace header of the invocation that it handles.
const TRACE: &str = "_X_AMZN_TRACE_ID";

/// The invocation type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InvocationKind {
    /// Synchronous (`RequestResponse`): the answer is the function's.
    #[default]
    RequestResponse,
    /// Asynchronous (`Event`): the answer says that Lambda has queued the event.
    Event,
}

/// An invocation.
#[derive(Clone, Debug)]
pub struct Invoke {
    /// The function's name or ARN.
    pub function: String,
    /// A version or an alias; `$LATEST` without.
    pub qualifier: Option<String>,
    /// Synchronous or asynchronous.
    pub kind: InvocationKind,
    /// Asks for the last 4 KB of the log. Lambda takes it in synchronous invocations only.
    pub has_log_tail: bool,
    /// The event: JSON, 6 MB at most (1 MB asynchronous).
    pub payload: Bytes,
    /// The trace header to pass on (`x-amzn-trace-id`), by which Lambda recognizes loops of invocations. Without one,
    /// it is that of the environment (`_X_AMZN_TRACE_ID`), which is right where one process handles one invocation at a
    /// time.
    pub trace: Option<String>,
}

impl Invoke {
    /// A synchronous invocation of `function`.
    pub fn new(function: &str, payload: impl Into<Bytes>) -> Self {
        Self {
            function: function.to_owned(),
            qualifier: None,
            kind: InvocationKind::RequestResponse,
            has_log_tail: false,
            payload: payload.into(),
            trace: None,
        }
    }
}

/// Lambda's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoked {
    /// The HTTP status: 200, or 202 for an asynchronous invocation.
    pub status: u16,
    /// The function's answer; its error as JSON when [`Invoked::function_error`] is set.
    pub payload: Bytes,
    /// Set when the function failed or died: `Unhandled`, or `Handled`.
    pub function_error: Option<String>,
    /// The last 4 KB of the log, when it was asked for.
    pub log_tail: Option<String>,
    /// The version that ran.
    pub executed_version: Option<String>,
    /// AWS's id of the request, which is also in the function's log.
    pub request_id: Option<String>,
}

impl Client {
    /// Invokes a function. A function that fails is an answer, see [`Invoked::function_error`].
    ///
    /// Nothing is retried, except for a request that Lambda refused because this machine's clock is wrong.
    ///
    /// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
    ///
    /// # Errors
    /// When Lambda refuses or there is no answer by the deadline. [`ClientError::may_have_run`] says whether the
    /// function may have run all the same; a throttled invocation has not, see [`ClientError::throttle_reason`].
    pub async fn invoke(&self, invoke: Invoke, deadline: Deadline) -> Result<Invoked, ClientError> {
        let endpoint = &self.caller().lambda;
        let qualifier = invoke.qualifier.as_deref();
        let query: Vec<_> = qualifier.map(|qualifier| ("Qualifier", qualifier)).into_iter().collect();
        let path = format!("/2015-03-31/functions/{}/invocations", encode_label(&invoke.function));
        let mut call = ApiCall {
            service: &LAMBDA,
            operation: "lambda:Invoke",
            method: Method::POST,
            origin: endpoint.origin.clone(),
            target: format!("{}{path}{}", endpoint.base_path, encode_query(&query)),
            headers: Vec::new(),
            body: invoke.payload,
            max_bytes: MAX_ANSWER_BYTES,
            // An invocation may have run when its answer is lost, and only the caller knows whether it may run twice.
            retry: RetryPolicy::Never,
        };
        // As the SDK for Rust sends it; Lambda takes any.
        call.add_header("content-type", "application/octet-stream")?;
        let kind = match invoke.kind {
            InvocationKind::RequestResponse => "RequestResponse",
            InvocationKind::Event => "Event",
        };
        call.add_header("x-amz-invocation-type", kind)?;
        if invoke.has_log_tail {
            call.add_header("x-amz-log-type", "Tail")?;
        }
        if let Some(trace) = invoke.trace.or_else(|| env::var(TRACE).ok()).filter(|trace| !trace.is_empty()) {
            call.add_header("x-amzn-trace-id", &trace)?;
        }
        let answer = self.caller().call(&call, deadline).await?;
        Ok(read_invoked(answer.status.as_u16(), &answer.headers, answer.body))
    }
}

/// An answer's headers as fields. A log that is not base64 is left out: it is no reason to lose the answer.
fn read_invoked(status: u16, headers: &HeaderMap, payload: Bytes) -> Invoked {
    let header = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let log = header("x-amz-log-result").and_then(|log| base64::decode(log).ok());
    Invoked {
        status,
        payload,
        function_error: header("x-amz-function-error"),
        log_tail: log.map(|log| String::from_utf8_lossy(&log).into_owned()),
        executed_version: header("x-amz-executed-version"),
        request_id: read_request_id(headers),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn read_invoked_decodes_the_log_and_survives_a_broken_one() {
        for (log, decoded) in [("U1RBUlQK", Some("START\n")), ("%%%", None)] {
            let headers = [
                ("x-amz-log-result", log),
                ("x-amz-function-error", "Unhandled"),
                ("x-amz-executed-version", "7"),
                ("x-amzn-requestid", "id-1"),
            ];
            let headers = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            let invoked = read_invoked(200, &headers, Bytes::from_static(b"{}"));
            assert_eq!(invoked.log_tail.as_deref(), decoded);
            assert_eq!(invoked.function_error.as_deref(), Some("Unhandled"));
            assert_eq!(invoked.executed_version.as_deref(), Some("7"));
            assert_eq!(invoked.request_id.as_deref(), Some("id-1"));
        }
    }
}
