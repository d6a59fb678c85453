//! The rules of integrations, which `CreateApi` applies too when it makes one.

use serde_json::{Value, json};

use super::error::ApiGatewayError;
use super::fields::{Fields, read_text};

/// Checks an integration, and fills in AWS's defaults.
pub(super) fn check_integration(fields: &mut Fields) -> Result<(), ApiGatewayError> {
    match read_text(fields, "integrationType") {
        "AWS_PROXY" => {}
        kind @ ("HTTP_PROXY" | "AWS" | "HTTP" | "MOCK") => {
            return Err(ApiGatewayError::not_implemented(&format!(
                "CreateIntegration with integrationType {kind}"
            )));
        }
        _ => return Err(ApiGatewayError::bad_request("Invalid integration type")),
    }
    if !fields.get("integrationSubtype").is_none_or(Value::is_null) {
        return Err(ApiGatewayError::not_implemented("CreateIntegration with an integrationSubtype"));
    }
    if read_function_arn(read_text(fields, "integrationUri")).is_none() {
        return Err(ApiGatewayError::bad_request("Invalid function ARN or invalid uri"));
    }
    if !matches!(read_text(fields, "payloadFormatVersion"), "1.0" | "2.0") {
        return Err(ApiGatewayError::bad_request(
            "PayloadFormatVersion must be 1.0 or 2.0 for an AWS_PROXY integration",
        ));
    }
    let defaults = [
        ("connectionType", json!("INTERNET")),
        ("integrationMethod", json!("POST")),
        ("timeoutInMillis", json!(30_000)),
    ];
    for (key, value) in defaults {
        fields.entry(key).or_insert(value);
    }
    let timeout = fields.get("timeoutInMillis").and_then(Value::as_u64).unwrap_or_default();
    if (50..=30_000).contains(&timeout) {
        Ok(())
    } else {
        Err(ApiGatewayError::bad_request("Timeout should be between 50 and 30000 ms"))
    }
}

/// Returns the function of an integration's URI, which is its ARN or API Gateway's path to it.
pub(super) fn read_function_arn(uri: &str) -> Option<String> {
    let arn = match uri.split_once("/functions/") {
        Some((_, rest)) => rest.strip_suffix("/invocations")?,
        None => uri,
    };
    (arn.starts_with("arn:") && arn.contains(":lambda:") && arn.contains(":function:"))
        .then(|| arn.to_owned())
}
