//! Making and changing an HTTP API.

use std::collections::BTreeMap;

use aws_sdk_apigatewayv2::types::{IntegrationType, ProtocolType};
use aws_smithy_types::retry::RetryConfig;
use lzap_core::names::Names;
use lzap_wire::limits::HTTP_API_TIMEOUT_SECS;

use super::{DEFAULT, PAYLOAD_FORMAT};
use crate::clients::{Attempts, Clients};
use crate::error::{Absent, AwsError, Named};

/// The longest that an HTTP API waits.
const TIMEOUT_MILLIS: i32 = HTTP_API_TIMEOUT_SECS.cast_signed() * 1000;

/// `apigateway:CreateApi`: id and endpoint.
///
/// It has no idempotency token, so it is sent once and never again: a lost answer would leave a twin. The next deploy
/// finds what was made by its tags.
pub(crate) async fn create_api(
    clients: &Clients,
    names: &Names,
    tags: &BTreeMap<String, String>,
) -> Result<(String, String), AwsError> {
    const OPERATION: &str = "apigateway:CreateApi";
    let call = clients
        .apigateway()
        .create_api()
        .name(names.api())
        .description(format!("lzap: {}, stage {}", names.app, names.stage))
        .protocol_type(ProtocolType::Http)
        .set_tags(Some(tags.clone().into_iter().collect()));
    let once = aws_sdk_apigatewayv2::config::Builder::new().retry_config(RetryConfig::disabled());
    let api = call.customize().config_override(once).send().await.named(OPERATION)?;
    match (api.api_id(), api.api_endpoint()) {
        (Some(id), Some(endpoint)) => Ok((id.to_owned(), endpoint.to_owned())),
        _ => Err(AwsError::broken(OPERATION, "no id or no endpoint in the answer")),
    }
}

/// `apigateway:CreateIntegration` on the alias: its id.
///
/// Sent once, as [`create_api`] is: an API may have any number of integrations, so that a second one would stay. The
/// next deploy finds what was made by where it leads.
pub(crate) async fn create_integration(
    clients: &Clients,
    names: &Names,
    api: &str,
) -> Result<String, AwsError> {
    const OPERATION: &str = "apigateway:CreateIntegration";
    let call = clients
        .apigateway()
        .create_integration()
        .api_id(api)
        .integration_type(IntegrationType::AwsProxy)
        .integration_uri(names.alias_arn())
        .payload_format_version(PAYLOAD_FORMAT)
        .timeout_in_millis(TIMEOUT_MILLIS);
    let once = aws_sdk_apigatewayv2::config::Builder::new().retry_config(RetryConfig::disabled());
    let integration = call.customize().config_override(once).send().await.named(OPERATION)?;
    integration.integration_id.ok_or_else(|| AwsError::broken(OPERATION, "no id in the answer"))
}

/// `apigateway:UpdateIntegration` to the alias.
pub(crate) async fn update_integration(
    clients: &Clients,
    names: &Names,
    api: &str,
    integration: &str,
) -> Result<(), AwsError> {
    let call = clients
        .apigateway()
        .update_integration()
        .api_id(api)
        .integration_id(integration)
        .integration_type(IntegrationType::AwsProxy)
        .integration_uri(names.alias_arn())
        .payload_format_version(PAYLOAD_FORMAT)
        .timeout_in_millis(TIMEOUT_MILLIS);
    call.send().await.named("apigateway:UpdateIntegration").map(drop)
}

/// `apigateway:CreateRoute` for `$default`.
pub(crate) async fn create_route(clients: &Clients, api: &str, integration: &str) -> Result<(), AwsError> {
    let attempts = Attempts::default();
    let call = clients.apigateway().create_route().api_id(api).route_key(DEFAULT).target(target(integration));
    let outcome = call.customize().interceptor(attempts.clone()).send().await.named("apigateway:CreateRoute");
    attempts.settle(outcome).map(drop)
}

/// `apigateway:UpdateRoute`.
pub(crate) async fn update_route(
    clients: &Clients,
    api: &str,
    route: &str,
    integration: &str,
) -> Result<(), AwsError> {
    let call = clients
        .apigateway()
        .update_route()
        .api_id(api)
        .route_id(route)
        .route_key(DEFAULT)
        .target(target(integration));
    call.send().await.named("apigateway:UpdateRoute").map(drop)
}

/// `apigateway:CreateStage` for `$default`, deployed automatically.
pub(crate) async fn create_stage(
    clients: &Clients,
    api: &str,
    tags: &BTreeMap<String, String>,
) -> Result<(), AwsError> {
    let attempts = Attempts::default();
    let call = clients
        .apigateway()
        .create_stage()
        .api_id(api)
        .stage_name(DEFAULT)
        .auto_deploy(true)
        .set_tags(Some(tags.clone().into_iter().collect()));
    let outcome = call.customize().interceptor(attempts.clone()).send().await.named("apigateway:CreateStage");
    attempts.settle(outcome).map(drop)
}

/// `apigateway:UpdateStage` of `$default` to automatic deployment.
pub(crate) async fn update_stage(clients: &Clients, api: &str) -> Result<(), AwsError> {
    let call = clients.apigateway().update_stage().api_id(api).stage_name(DEFAULT).auto_deploy(true);
    call.send().await.named("apigateway:UpdateStage").map(drop)
}

/// `apigateway:TagResource` on the API.
pub(crate) async fn tag_api(
    clients: &Clients,
    names: &Names,
    api: &str,
    tags: &BTreeMap<String, String>,
) -> Result<(), AwsError> {
    let call = clients
        .apigateway()
        .tag_resource()
        .resource_arn(names.api_arn(api))
        .set_tags(Some(tags.clone().into_iter().collect()));
    call.send().await.named("apigateway:TagResource").map(drop)
}

/// `apigateway:DeleteApi`, with all that it consists of.
pub(crate) async fn delete_api(clients: &Clients, api: &str) -> Result<(), AwsError> {
    clients.apigateway().delete_api().api_id(api).send().await.named("apigateway:DeleteApi").or_gone()
}

fn target(integration: &str) -> String {
    format!("integrations/{integration}")
}
