//! The operations on what belongs to an API: integrations, routes, stages, deployments.

use http::Method;
use serde_json::{Value, json};

use super::api::Api;
use super::error::ApiGatewayError;
use super::fields::{Fields, into_fields, new_id, read_text};
use super::integration::check_integration;
use super::matching;
use super::request::{Call, name_operation, render_page};
use crate::answer::{self, Answer};
use crate::clock::rfc3339;

/// Answers a request below `/v2/apis/{id}/`.
pub(super) fn answer_resource(
    api: &mut Api,
    path: &[&str],
    call: Call<'_>,
    now_ms: i64,
) -> Result<Answer, ApiGatewayError> {
    let create = *call.method == Method::POST;
    match path {
        ["integrations"] if create => create_integration(api, call.body),
        ["routes"] if create => create_route(api, call.body),
        ["stages"] if create => create_stage(api, call.body, now_ms),
        ["deployments"] if create => create_deployment(api, &call.body, now_ms),
        ["integrations" | "routes" | "stages" | "deployments"] if *call.method == Method::GET => {
            render_page(select_kind(api, path[0]).values(), &call.query)
        }
        [what @ ("integrations" | "routes" | "stages" | "deployments"), id] => {
            answer_one(api, what, id, call, now_ms)
        }
        _ => Err(ApiGatewayError::not_implemented(&name_operation(call.method, &call.segments))),
    }
}

fn select_kind<'a>(api: &'a mut Api, what: &str) -> &'a mut std::collections::BTreeMap<String, Fields> {
    match what {
        "integrations" => &mut api.integrations,
        "routes" => &mut api.routes,
        "stages" => &mut api.stages,
        _ => &mut api.deployments,
    }
}

fn answer_one(
    api: &mut Api,
    what: &str,
    id: &str,
    call: Call<'_>,
    now_ms: i64,
) -> Result<Answer, ApiGatewayError> {
    let singular = what.trim_end_matches('s');
    let missing = || ApiGatewayError::not_found(format!("Invalid {singular} identifier specified {id}"));
    let fields = select_kind(api, what).get(id).cloned().ok_or_else(missing)?;
    match *call.method {
        Method::GET => Ok(answer::build_json(200, &Value::Object(fields))),
        Method::PATCH => {
            let fields = update_fields(api, what, fields, call.body, now_ms)?;
            let answer = answer::build_json(200, &Value::Object(fields.clone()));
            select_kind(api, what).insert(id.to_owned(), fields);
            Ok(answer)
        }
        Method::DELETE => {
            refuse_delete(api, what, id, &fields)?;
            select_kind(api, what).remove(id);
            Ok(answer::build_empty(204))
        }
        _ => Err(ApiGatewayError::not_implemented(&name_operation(call.method, &call.segments))),
    }
}

fn update_fields(
    api: &Api,
    what: &str,
    mut fields: Fields,
    body: Fields,
    now_ms: i64,
) -> Result<Fields, ApiGatewayError> {
    let managed = fields.contains_key("apiGatewayManaged");
    if managed && (what == "stages" || body.contains_key("routeKey")) {
        return Err(ApiGatewayError::bad_request(format!("Cannot update {what} that API Gateway manages")));
    }
    if body.contains_key("routeKey") && read_text(&body, "routeKey") != read_text(&fields, "routeKey") {
        check_route(api, &body)?;
    }
    fields.extend(body.into_iter().filter(|(_, value)| !value.is_null()));
    match what {
        "integrations" => check_integration(&mut fields)?,
        "routes" => check_target(api, &fields)?,
        "stages" => {
            fields.insert("lastUpdatedDate".to_owned(), json!(rfc3339(now_ms)));
            set_deployment(&mut fields);
        }
        _ => {}
    }
    Ok(fields)
}

/// AWS: <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations.html>
fn refuse_delete(api: &Api, what: &str, id: &str, fields: &Fields) -> Result<(), ApiGatewayError> {
    if fields.contains_key("apiGatewayManaged") {
        return Err(ApiGatewayError::bad_request(format!("Cannot delete {what} that API Gateway manages")));
    }
    let target = format!("integrations/{id}");
    let user =
        api.routes.values().find(|route| what == "integrations" && read_text(route, "target") == target);
    user.map_or(Ok(()), |route| {
        let route = read_text(route, "routeId");
        Err(ApiGatewayError::conflict(format!(
            "Cannot delete Integration '{id}' due to it being referenced by Route '{route}'."
        )))
    })
}

fn create_integration(api: &mut Api, body: Fields) -> Result<Answer, ApiGatewayError> {
    let mut fields: Fields = body.into_iter().filter(|(_, value)| !value.is_null()).collect();
    check_integration(&mut fields)?;
    let id = new_id(7);
    fields.insert("integrationId".to_owned(), json!(id));
    let answer = answer::build_json(201, &Value::Object(fields.clone()));
    api.integrations.insert(id, fields);
    Ok(answer)
}

fn create_route(api: &mut Api, body: Fields) -> Result<Answer, ApiGatewayError> {
    check_route(api, &body)?;
    let mut fields = into_fields(json!({ "apiKeyRequired": false, "authorizationType": "NONE" }));
    fields.extend(body.into_iter().filter(|(_, value)| !value.is_null()));
    check_target(api, &fields)?;
    let id = new_id(7);
    fields.insert("routeId".to_owned(), json!(id));
    let answer = answer::build_json(201, &Value::Object(fields.clone()));
    api.routes.insert(id, fields);
    Ok(answer)
}

fn check_route(api: &Api, body: &Fields) -> Result<(), ApiGatewayError> {
    let key = read_text(body, "routeKey");
    matching::check_route_key(key).map_err(ApiGatewayError::bad_request)?;
    if api.routes.values().any(|route| read_text(route, "routeKey") == key) {
        return Err(ApiGatewayError::conflict(format!("Route with key {key} already exists for this API")));
    }
    Ok(())
}

fn check_target(api: &Api, fields: &Fields) -> Result<(), ApiGatewayError> {
    if read_text(fields, "authorizationType") != "NONE" {
        return Err(ApiGatewayError::not_implemented("routes with an authorizer"));
    }
    let Some(target) = fields.get("target").and_then(Value::as_str) else {
        return Ok(());
    };
    let known = target.strip_prefix("integrations/").is_some_and(|id| api.integrations.contains_key(id));
    if known {
        Ok(())
    } else {
        Err(ApiGatewayError::not_found(format!("Unable to find Integration by ID {target}")))
    }
}

fn create_stage(api: &mut Api, body: Fields, now_ms: i64) -> Result<Answer, ApiGatewayError> {
    let name = read_text(&body, "stageName").to_owned();
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if name != "$default" && (name.is_empty() || name.len() > 128 || !plain) {
        return Err(ApiGatewayError::bad_request("Stage name only allows a-zA-Z0-9_-"));
    }
    if api.stages.contains_key(&name) {
        return Err(ApiGatewayError::conflict("Stage already exists"));
    }
    let now = rfc3339(now_ms);
    let mut fields = into_fields(json!({
        "autoDeploy": false, "createdDate": now, "lastUpdatedDate": now,
        "defaultRouteSettings": { "detailedMetricsEnabled": false }, "routeSettings": {}, "stageVariables": {}, "tags": {},
    }));
    fields.extend(body.into_iter().filter(|(_, value)| !value.is_null()));
    set_deployment(&mut fields);
    let answer = answer::build_json(201, &Value::Object(fields.clone()));
    api.stages.insert(name, fields);
    Ok(answer)
}

/// A stage that deploys by itself always has a deployment.
fn set_deployment(fields: &mut Fields) {
    if fields.get("autoDeploy") == Some(&Value::Bool(true)) {
        fields.insert("deploymentId".to_owned(), json!(new_id(6)));
    }
}

fn create_deployment(api: &mut Api, body: &Fields, now_ms: i64) -> Result<Answer, ApiGatewayError> {
    let id = new_id(6);
    if let Some(name) = body.get("stageName").and_then(Value::as_str) {
        let stage = api
            .stages
            .get_mut(name)
            .ok_or_else(|| ApiGatewayError::not_found("Invalid stage identifier specified"))?;
        stage.insert("deploymentId".to_owned(), json!(id));
    }
    let mut fields = into_fields(json!({
        "autoDeployed": false, "createdDate": rfc3339(now_ms), "deploymentId": id, "deploymentStatus": "DEPLOYED",
    }));
    if let Some(description) = body.get("description").filter(|description| description.is_string()) {
        fields.insert("description".to_owned(), description.clone());
    }
    let answer = answer::build_json(201, &Value::Object(fields.clone()));
    api.deployments.insert(id, fields);
    Ok(answer)
}
