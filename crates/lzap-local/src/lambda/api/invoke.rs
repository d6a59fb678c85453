//! `Invoke`

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::request::Call;
use crate::lambda::error::ApiError;
use crate::lambda::invocation::{Caller, InvocationKind, Invoked};
use crate::lambda::invoke;

/// Runs a function, queues the event, or only checks.
pub(super) async fn invoke_function(call: &Call<'_>, name: &str) -> Result<Response<Bytes>, ApiError> {
    let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok());
    let kind = match header("x-amz-invocation-type") {
        None | Some("RequestResponse") => InvocationKind::RequestResponse,
        Some("Event") => InvocationKind::Event,
        Some("DryRun") => InvocationKind::DryRun,
        Some(other) => {
            let constraint = "must satisfy enum value set: [Event, RequestResponse, DryRun]";
            return Err(ApiError::constraint(other, "invocationType", constraint));
        }
    };
    let context = header("x-amz-client-context").map(client_context).transpose()?;
    let wants_log = header("x-amz-log-type") == Some("Tail");
    let invoked = call
        .service
        .call(invoke::Call {
            reference: call.reference(name)?,
            payload: call.body.clone(),
            kind,
            caller: Caller::Identity,
            request_id: None,
            client_context: context,
            trace_id: header("x-amzn-trace-id").map(str::to_owned),
        })
        .await?;
    Ok(render_invoked(invoked, wants_log))
}

fn client_context(encoded: &str) -> Result<String, ApiError> {
    let decoded = BASE64_STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let fits = |text: &String| text.len() <= 3583 && HeaderValue::from_str(text).is_ok();
    decoded.filter(fits).ok_or_else(|| {
        ApiError::payload_not_json("Client context must be a valid Base64-encoded JSON object.")
    })
}

fn render_invoked(invoked: Invoked, wants_log: bool) -> Response<Bytes> {
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    };
    set("content-type", "application/json");
    set("x-amzn-requestid", &invoked.request_id);
    if invoked.status == 200 {
        set("x-amz-executed-version", &invoked.executed_version);
    }
    if let Some(error) = &invoked.function_error {
        set("x-amz-function-error", error);
    }
    if let Some(tail) = invoked.log_tail.filter(|_| wants_log) {
        set("x-amz-log-result", &BASE64_STANDARD.encode(tail));
    }
    let mut response = Response::new(invoked.payload);
    *response.status_mut() = StatusCode::from_u16(invoked.status).unwrap_or(StatusCode::OK);
    *response.headers_mut() = headers;
    response
}
