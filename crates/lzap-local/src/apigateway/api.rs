//! An HTTP API: its own fields, its resources, and the route of a request.

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::ApiGatewayError;
use super::fields::{Fields, into_fields, new_id, read_text, take_text};
use super::integration::{check_integration, read_function_arn};
use super::matching::{self, Matched};
use super::request::CallContext;
use crate::clock::rfc3339;

/// An HTTP API.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Api {
    /// The region of its creation.
    pub(crate) region: String,
    /// Its port on loopback.
    pub(crate) port: u16,
    /// The answer of `GetApi`.
    pub(crate) fields: Fields,
    /// By id.
    pub(crate) integrations: BTreeMap<String, Fields>,
    /// By id.
    pub(crate) routes: BTreeMap<String, Fields>,
    /// By name.
    pub(crate) stages: BTreeMap<String, Fields>,
    /// By id.
    #[serde(default)]
    pub(crate) deployments: BTreeMap<String, Fields>,
}

/// The target of a request.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    /// The function, with its qualifier.
    pub(crate) function_arn: String,
    /// The ARN of the caller, for the function's policy.
    pub(crate) source_arn: String,
    /// The route.
    pub(crate) route_key: String,
    /// The stage.
    pub(crate) stage: String,
    /// The values of the route's `{names}`.
    pub(crate) path_parameters: Fields,
    /// The stage's variables.
    pub(crate) stage_variables: Fields,
    /// `1.0` or `2.0`.
    pub(crate) payload_version: String,
    /// The limit of the integration for the function's answer.
    pub(crate) timeout_ms: u64,
}

impl Api {
    /// `CreateApi`; with a target it makes integration, route and stage as well.
    /// AWS: <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html>
    pub(super) fn create(
        id: &str,
        mut body: Fields,
        context: CallContext<'_>,
    ) -> Result<Self, ApiGatewayError> {
        let name = read_text(&body, "name");
        if name.is_empty() || name.len() > 128 {
            return Err(ApiGatewayError::bad_request("Invalid API name: between 1 and 128 characters"));
        }
        match read_text(&body, "protocolType") {
            "HTTP" => {}
            "WEBSOCKET" => {
                return Err(ApiGatewayError::not_implemented("CreateApi with protocolType WEBSOCKET"));
            }
            _ => {
                return Err(ApiGatewayError::bad_request(
                    "Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]",
                ));
            }
        }
        let target = take_text(&mut body, "target");
        let route_key = take_text(&mut body, "routeKey").unwrap_or_else(|| "$default".to_owned());
        let mut fields = make_defaults(id, context);
        fields.extend(body.into_iter().filter(|(_, value)| !value.is_null()));
        let mut api = Self {
            region: context.region.to_owned(),
            port: 0,
            fields,
            integrations: BTreeMap::new(),
            routes: BTreeMap::new(),
            stages: BTreeMap::new(),
            deployments: BTreeMap::new(),
        };
        api.set_port(context.port);
        if let Some(target) = target {
            api.quick_create(&target, &route_key, context.now_ms)?;
        }
        Ok(api)
    }

    fn quick_create(&mut self, target: &str, route_key: &str, now_ms: i64) -> Result<(), ApiGatewayError> {
        let integration = new_id(7);
        let mut fields = into_fields(json!({
            "integrationType": "AWS_PROXY",
            "integrationUri": target,
            "payloadFormatVersion": "2.0",
        }));
        check_integration(&mut fields)?;
        fields.insert("integrationId".to_owned(), json!(integration));
        fields.insert("apiGatewayManaged".to_owned(), json!(true));
        matching::check_route_key(route_key).map_err(ApiGatewayError::bad_request)?;
        let route = new_id(7);
        let deployment = new_id(6);
        let now = rfc3339(now_ms);
        let route_fields = json!({
            "apiGatewayManaged": true, "apiKeyRequired": false, "authorizationType": "NONE", "routeId": route,
            "routeKey": route_key, "target": format!("integrations/{integration}"),
        });
        let stage = json!({
            "apiGatewayManaged": true, "autoDeploy": true, "createdDate": now, "lastUpdatedDate": now,
            "defaultRouteSettings": { "detailedMetricsEnabled": false }, "deploymentId": deployment,
            "routeSettings": {}, "stageName": "$default", "stageVariables": {}, "tags": {},
        });
        self.integrations.insert(integration, fields);
        self.routes.insert(route, into_fields(route_fields));
        self.stages.insert("$default".to_owned(), into_fields(stage));
        Ok(())
    }

    /// `UpdateApi`; a target changes the integration that quick-create made.
    pub(super) fn update(&mut self, mut body: Fields) -> Result<(), ApiGatewayError> {
        if let Some(target) = take_text(&mut body, "target") {
            let managed =
                self.integrations.values_mut().find(|fields| fields.contains_key("apiGatewayManaged"));
            let managed =
                managed.ok_or_else(|| ApiGatewayError::bad_request("The API was not made with a target"))?;
            read_function_arn(&target)
                .ok_or_else(|| ApiGatewayError::bad_request("Invalid function ARN or invalid uri"))?;
            managed.insert("integrationUri".to_owned(), json!(target));
        }
        body.remove("routeKey");
        self.fields.extend(body.into_iter().filter(|(_, value)| !value.is_null()));
        Ok(())
    }

    /// Moves the API to a port.
    pub(super) fn set_port(&mut self, port: u16) {
        self.port = port;
        self.fields.insert("apiEndpoint".to_owned(), json!(format!("http://localhost:{port}")));
    }

    /// Finds the target of a request. A path that starts with a stage's name goes to that stage, any other to
    /// `$default`.
    pub(super) fn resolve_route(&self, id: &str, method: &Method, path: &str) -> Option<Resolved> {
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let (stage, rest) = match self.stages.get_key_value(first).filter(|(name, _)| *name != "$default") {
            Some((name, _)) => {
                (name.as_str(), path.trim_start_matches('/').strip_prefix(first).unwrap_or_default())
            }
            None => ("$default", path),
        };
        let stage_fields = self.stages.get(stage)?;
        let deployed = stage_fields.get("autoDeploy") == Some(&Value::Bool(true))
            || stage_fields.get("deploymentId").is_some_and(Value::is_string);
        let keys = self.routes.values().map(|route| read_text(route, "routeKey"));
        let Matched { key, parameters } =
            matching::find_best_route(keys, method, rest).filter(|_| deployed)?;
        let route = self.routes.values().find(|route| read_text(route, "routeKey") == key)?;
        let integration = read_text(route, "target").strip_prefix("integrations/")?;
        let integration = self.integrations.get(integration)?;
        let variables =
            stage_fields.get("stageVariables").and_then(Value::as_object).cloned().unwrap_or_default();
        Some(Resolved {
            function_arn: read_function_arn(read_text(integration, "integrationUri"))?,
            source_arn: self.source_arn(id, stage, method, key),
            route_key: key.to_owned(),
            stage: stage.to_owned(),
            path_parameters: parameters,
            stage_variables: variables,
            payload_version: read_text(integration, "payloadFormatVersion").to_owned(),
            timeout_ms: integration.get("timeoutInMillis").and_then(Value::as_u64).unwrap_or(30_000),
        })
    }

    /// AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
    fn source_arn(&self, id: &str, stage: &str, method: &Method, key: &str) -> String {
        let route = match key.split_once(' ') {
            Some((_, path)) => format!("{method}{path}"),
            None => "$default".to_owned(),
        };
        format!("arn:aws:execute-api:{}:{}:{id}/{stage}/{route}", self.region, crate::ACCOUNT)
    }
}

fn make_defaults(id: &str, context: CallContext<'_>) -> Fields {
    into_fields(json!({
        "apiId": id,
        "apiKeySelectionExpression": "$request.header.x-api-key",
        "createdDate": rfc3339(context.now_ms),
        "disableExecuteApiEndpoint": false,
        "ipAddressType": "ipv4",
        "routeSelectionExpression": "$request.method $request.path",
        "tags": {},
    }))
}
