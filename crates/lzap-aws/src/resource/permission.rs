//! The alias's resource policy: see `lzap_core::resource::permission`.
//!
//! It says who may invoke the alias: the API, the rules, or everyone through the function URL. AWS:
//! <https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html>

use std::collections::BTreeMap;

use aws_sdk_lambda::types::FunctionUrlAuthType;
use lzap_core::ids::StatementId;
use lzap_core::names::{ALIAS, Names};
use lzap_core::resource::permission::{Permission, PermissionCondition, PermissionOperation};
use serde_json::Value;

use super::step::{Created, StepContext, too_early};
use crate::clients::{Attempts, Clients};
use crate::error::{Absent, AwsError, Named};
use crate::retry::{CONFLICT, PROPAGATION, again};

/// Applies one operation. A permission of an API names the API's id, which may be known only since a step
/// before. The alias may be new, so that "not found" can mean "not yet".
pub(crate) async fn apply_permission(
    context: StepContext<'_>,
    operation: &PermissionOperation,
) -> Result<Created, AwsError> {
    let StepContext { clients, names, progress, .. } = context;
    match operation {
        PermissionOperation::Add(caller) => {
            let permission = caller.permission(names, context.created.api_id.as_ref());
            let permission = permission.ok_or_else(|| too_early("apigateway:CreateApi"))?;
            let statement = caller.statement();
            again(PROPAGATION, progress, || add_permission(clients, names, &statement, &permission)).await?;
        }
        PermissionOperation::Remove(statement) => {
            again(CONFLICT, progress, || remove_permission(clients, names, statement)).await?;
        }
    }
    Ok(Created::Nothing)
}

/// `lambda:AddPermission` on the alias: it counts for calls of the alias's ARN, and not for the function's
/// own. AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>
async fn add_permission(
    clients: &Clients,
    names: &Names,
    statement: &StatementId,
    permission: &Permission,
) -> Result<(), AwsError> {
    // Adding a statement that exists is a 409; after a lost response it is a success.
    let attempts = Attempts::default();
    let call = clients
        .lambda()
        .add_permission()
        .function_name(names.function())
        .qualifier(ALIAS)
        .statement_id(statement)
        .action(&permission.action)
        .principal(&permission.principal);
    let call = match &permission.condition {
        PermissionCondition::Source(arn) => call.source_arn(arn),
        PermissionCondition::UrlAuthType(auth) => {
            call.function_url_auth_type(FunctionUrlAuthType::from(auth.as_str()))
        }
        PermissionCondition::ViaUrl => call.invoked_via_function_url(true),
        PermissionCondition::Other => call,
    };
    let outcome = call.customize().interceptor(attempts.clone()).send().await.named("lambda:AddPermission");
    attempts.accept_own_creation(outcome).map(drop)
}

/// `lambda:RemovePermission` from the alias. A missing statement is a success.
async fn remove_permission(
    clients: &Clients,
    names: &Names,
    statement: &StatementId,
) -> Result<(), AwsError> {
    let call = clients
        .lambda()
        .remove_permission()
        .function_name(names.function())
        .qualifier(ALIAS)
        .statement_id(statement);
    call.send().await.named("lambda:RemovePermission").or_gone()
}

/// `lambda:GetPolicy` of the alias: returns its statements by id; empty if there is no policy.
pub(crate) async fn get_policy(
    clients: &Clients,
    names: &Names,
) -> Result<BTreeMap<StatementId, Permission>, AwsError> {
    const OPERATION: &str = "lambda:GetPolicy";
    let call = clients.lambda().get_policy().function_name(names.function()).qualifier(ALIAS);
    let answer = call.send().await.named(OPERATION).found()?;
    let Some(text) = answer.and_then(|answer| answer.policy) else {
        return Ok(BTreeMap::new());
    };
    let policy: Value = serde_json::from_str(&text)
        .map_err(|error| AwsError::broken(OPERATION, format!("the policy is no JSON: {error}")))?;
    Ok(parse_statements(&policy))
}

/// Returns the statements by id. One without an id can't be lzap's, nor be removed by it.
fn parse_statements(policy: &Value) -> BTreeMap<StatementId, Permission> {
    let statements = policy.get("Statement").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    statements
        .iter()
        .filter_map(|statement| {
            Some((StatementId::new(statement.get("Sid")?.as_str()?), parse_statement(statement)))
        })
        .collect()
}

/// Reads one statement. A part of another form than Lambda's becomes empty, so that it equals no statement of
/// lzap's.
fn parse_statement(statement: &Value) -> Permission {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let principal = match statement.get("Principal") {
        // AWS writes `{"Service": …}` for a service, and plain `*` for everyone.
        Some(Value::Object(map)) => map.get("Service"),
        other => other,
    };
    Permission {
        action: text(statement.get("Action")),
        principal: text(principal),
        condition: parse_condition(statement),
    }
}

/// Reads the condition, under any operator. Some emulators write the members of `AddPermission` next to the action
/// instead.
fn parse_condition(statement: &Value) -> PermissionCondition {
    let value = |key: &str| condition_value(statement, &format!("lambda:{key}")).or(statement.get(key));
    if let Some(arn) = condition_value(statement, "AWS:SourceArn").and_then(Value::as_str) {
        return PermissionCondition::Source(arn.to_owned());
    }
    if let Some(auth) = value("FunctionUrlAuthType").and_then(Value::as_str) {
        return PermissionCondition::UrlAuthType(auth.to_owned());
    }
    match value("InvokedViaFunctionUrl") {
        Some(via) if via == &Value::Bool(true) || via.as_str() == Some("true") => PermissionCondition::ViaUrl,
        _ => PermissionCondition::Other,
    }
}

/// Finds the value of a condition key under any operator. AWS ignores the key's case.
fn condition_value<'a>(statement: &'a Value, key: &str) -> Option<&'a Value> {
    let operators = statement.get("Condition")?.as_object()?;
    let mut conditions = operators.values().filter_map(Value::as_object).flatten();
    conditions.find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A policy as Lambda writes it.
    #[test]
    fn a_statement_is_its_action_its_principal_and_its_condition() {
        let source = "arn:aws:execute-api:eu-central-1:123456789012:abc123defg/*/*";
        let policy = json!({
            "Version": "2012-10-17",
            "Id": "default",
            "Statement": [{
                "Sid": "lzap-http-api",
                "Effect": "Allow",
                "Principal": { "Service": "apigateway.amazonaws.com" },
                "Action": "lambda:InvokeFunction",
                "Resource": "arn:aws:lambda:eu-central-1:123456789012:function:shop-dev:live",
                "Condition": { "ArnLike": { "AWS:SourceArn": source } }
            }, {
                "Sid": "by-hand", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction"
            }, {
                "Sid": "via", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction",
                "Condition": { "Bool": { "lambda:InvokedViaFunctionUrl": "true" } }
            }, {
                "Sid": "emulated", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction",
                "FunctionUrlAuthType": "NONE"
            }]
        });
        let found = parse_statements(&policy);
        let allows = |principal: &str, condition| Permission {
            action: "lambda:InvokeFunction".to_owned(),
            principal: principal.to_owned(),
            condition,
        };
        let api = allows("apigateway.amazonaws.com", PermissionCondition::Source(source.to_owned()));
        assert_eq!(found.get("lzap-http-api"), Some(&api));
        let by_hand = allows("*", PermissionCondition::Other);
        assert_eq!(found.get("by-hand"), Some(&by_hand));
        assert_eq!(found.get("via"), Some(&allows("*", PermissionCondition::ViaUrl)));
        let public = PermissionCondition::UrlAuthType("NONE".to_owned());
        assert_eq!(found.get("emulated"), Some(&allows("*", public)));
        assert_eq!(parse_statements(&json!({})), BTreeMap::new());
    }
}
