//! Settings for asynchronous invocations.

use serde::Deserialize;
use serde_json::{Value, json};

use super::reply::Reply;
use super::request::Call;
use crate::lambda::error::ApiError;
use crate::lambda::state::{EventInvoke, FunctionRef};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    maximum_retry_attempts: Option<u32>,
    maximum_event_age_in_seconds: Option<u32>,
    destination_config: Value,
}

/// `PutFunctionEventInvokeConfig`
pub(super) fn put_config(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    let body: Body = call.json()?;
    let wanted = EventInvoke {
        retries: body.maximum_retry_attempts,
        max_age_secs: body.maximum_event_age_in_seconds,
        on_failure: read_destination(&body.destination_config)?,
        modified_ms: call.service.now_ms(),
    };
    call.service.state().put_event_invoke(&reference, wanted.clone())?;
    Ok(Reply::ok(render_config(&reference, &wanted)))
}

/// `GetFunctionEventInvokeConfig`
pub(super) fn get_config(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    let state = call.service.state();
    Ok(Reply::ok(render_config(&reference, state.get_event_invoke(&reference)?)))
}

/// `DeleteFunctionEventInvokeConfig`
pub(super) fn delete_config(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    call.service.state().delete_event_invoke(&call.reference(name)?)?;
    Ok(Reply::empty())
}

/// The ARN of the failure destination, a function. The embedded cloud refuses AWS's other destinations.
fn read_destination(config: &Value) -> Result<Option<String>, ApiError> {
    let arn = |way: &str| config.pointer(&format!("/{way}/Destination")).and_then(Value::as_str);
    let refuse = |what: &str| Err(ApiError::invalid(format!("the embedded cloud does not implement {what}")));
    if arn("OnSuccess").is_some_and(|arn| !arn.is_empty()) {
        return refuse("DestinationConfig.OnSuccess");
    }
    match arn("OnFailure").filter(|arn| !arn.is_empty()) {
        Some(arn) if arn.split(':').nth(2) != Some("lambda") => {
            refuse("destinations of failures other than Lambda functions")
        }
        found => Ok(found.map(str::to_owned)),
    }
}

fn render_config(reference: &FunctionRef, config: &EventInvoke) -> Value {
    let failure = config.on_failure.as_ref().map_or_else(|| json!({}), |arn| json!({ "Destination": arn }));
    let qualifier = reference.qualifier.as_deref().unwrap_or("$LATEST");
    let mut body = json!({
        "LastModified": config.modified_ms / 1000,
        "FunctionArn": format!("{}:{qualifier}", reference.arn),
        "DestinationConfig": { "OnSuccess": {}, "OnFailure": failure },
    });
    if let Some(retries) = config.retries {
        body["MaximumRetryAttempts"] = json!(retries);
    }
    if let Some(age) = config.max_age_secs {
        body["MaximumEventAgeInSeconds"] = json!(age);
    }
    body
}
