//! The HTTP API, its integration, its route and its stage: see `lzap_core::resource::http_api`.
//!
//! AWS: <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/api-reference.html>

use std::collections::BTreeMap;

use aws_sdk_apigatewayv2::types::{IntegrationType, ProtocolType};
use aws_smithy_types::retry::RetryConfig;
use futures::future::{try_join_all, try_join3};
use lzap_core::ids::ApiId;
use lzap_core::names::{Names, TAG_APP, is_ours};
use lzap_core::resource::http_api::{
    AutoDeploy, DEFAULT, HttpApiOperation, ObservedApi, ObservedIntegration, ObservedRoute, PAYLOAD_FORMAT,
};
use lzap_wire::limits::HTTP_API_TIMEOUT_SECS;

use super::deletion::delete_and_confirm;
use super::step::{Created, StepContext};
use crate::clients::{Attempts, Clients};
use crate::error::{Absent, AwsError, Named};
use crate::retry::{CONFLICT, PROPAGATION, Progress, THROTTLED, again};

/// The longest integration timeout of an HTTP API. AWS doesn't raise this quota.
const TIMEOUT_MILLIS: i32 = HTTP_API_TIMEOUT_SECS.cast_signed() * 1000;

/// Applies one operation.
///
/// A part may be created right after its API, so that "not found" can mean "not yet". The creation of the API
/// is repeated only when it was throttled: a second API would be another one, with another URL.
pub(crate) async fn apply_http_api(
    context: StepContext<'_>,
    operation: &HttpApiOperation,
) -> Result<Created, AwsError> {
    let StepContext { clients, names, progress, .. } = context;
    match operation {
        HttpApiOperation::Create(tags) => {
            let (id, url) = again(THROTTLED, progress, || create_api(clients, names, tags)).await?;
            return Ok(Created::Front { url, api_id: Some(id) });
        }
        HttpApiOperation::CreateIntegration(api) => {
            let api = context.resolve_api(api)?;
            let created = again(PROPAGATION, progress, || create_integration(clients, names, api)).await?;
            return Ok(Created::Integration(created));
        }
        HttpApiOperation::UpdateIntegration { api, integration } => {
            let api = context.resolve_api(api)?;
            again(CONFLICT, progress, || update_integration(clients, names, api, integration)).await?;
        }
        HttpApiOperation::CreateRoute { api, integration } => {
            let (api, integration) = (context.resolve_api(api)?, context.resolve_integration(integration)?);
            again(PROPAGATION, progress, || create_route(clients, api, integration)).await?;
        }
        HttpApiOperation::UpdateRoute { api, route, integration } => {
            let (api, integration) = (context.resolve_api(api)?, context.resolve_integration(integration)?);
            again(PROPAGATION, progress, || update_route(clients, api, route, integration)).await?;
        }
        HttpApiOperation::CreateStage { api, tags } => {
            let api = context.resolve_api(api)?;
            again(PROPAGATION, progress, || create_stage(clients, api, tags)).await?;
        }
        HttpApiOperation::UpdateStage(api) => {
            let api = context.resolve_api(api)?;
            again(CONFLICT, progress, || update_stage(clients, api)).await?;
        }
        HttpApiOperation::Tag { api, tags } => {
            again(CONFLICT, progress, || tag_api(clients, names, api, tags)).await?;
        }
        HttpApiOperation::Delete(api) => {
            let is_there = async || Ok(list_apis(clients, names).await?.iter().any(|found| found.id == *api));
            again(PROPAGATION, progress, || delete_and_confirm(delete_api(clients, api), is_there())).await?;
        }
    }
    Ok(Created::Nothing)
}

/// `apigateway:CreateApi`: id and endpoint.
///
/// It has no idempotency token, so it is repeated only after it was throttled: a lost answer would leave a twin. The next deploy
/// finds what was made by its tags.
async fn create_api(
    clients: &Clients,
    names: &Names,
    tags: &BTreeMap<String, String>,
) -> Result<(ApiId, String), AwsError> {
    const OPERATION: &str = "apigateway:CreateApi";
    let call = clients
        .apigateway()
        .create_api()
        .name(names.api())
        .description(format!("lzap: {}, stage {}", names.app, names.stage))
        .protocol_type(ProtocolType::Http)
        .set_tags(Some(tags.clone().into_iter().collect()));
    let api = call.customize().config_override(disable_sdk_retries()).send().await.named(OPERATION)?;
    match (api.api_id(), api.api_endpoint()) {
        (Some(id), Some(endpoint)) => Ok((ApiId::new(id), endpoint.to_owned())),
        _ => Err(AwsError::broken(OPERATION, "no id or no endpoint in the answer")),
    }
}

/// Returns the configuration of a call that the SDK must not repeat: after a lost response it would create a
/// second one.
fn disable_sdk_retries() -> aws_sdk_apigatewayv2::config::Builder {
    aws_sdk_apigatewayv2::config::Builder::new().retry_config(RetryConfig::disabled())
}

/// `apigateway:CreateIntegration` on the alias: its id. As [`create_api`] it is repeated only after an answer that says
/// that nothing was made; after a lost answer the next deploy finds what was made by what it calls.
async fn create_integration(clients: &Clients, names: &Names, api: &ApiId) -> Result<String, AwsError> {
    const OPERATION: &str = "apigateway:CreateIntegration";
    let call = clients
        .apigateway()
        .create_integration()
        .api_id(api)
        .integration_type(IntegrationType::AwsProxy)
        .integration_uri(names.alias_arn())
        .payload_format_version(PAYLOAD_FORMAT)
        .timeout_in_millis(TIMEOUT_MILLIS);
    let integration =
        call.customize().config_override(disable_sdk_retries()).send().await.named(OPERATION)?;
    integration.integration_id.ok_or_else(|| AwsError::broken(OPERATION, "no id in the answer"))
}

/// `apigateway:UpdateIntegration` to the alias.
async fn update_integration(
    clients: &Clients,
    names: &Names,
    api: &ApiId,
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

/// `apigateway:CreateRoute` for `$default`, which takes all requests. A second route of the same key is
/// refused, so the call may be repeated.
async fn create_route(clients: &Clients, api: &ApiId, integration: &str) -> Result<(), AwsError> {
    let attempts = Attempts::default();
    let call = clients
        .apigateway()
        .create_route()
        .api_id(api)
        .route_key(DEFAULT)
        .target(integration_target(integration));
    let outcome = call.customize().interceptor(attempts.clone()).send().await.named("apigateway:CreateRoute");
    attempts.accept_own_creation(outcome).map(drop)
}

/// `apigateway:UpdateRoute`.
async fn update_route(
    clients: &Clients,
    api: &ApiId,
    route: &str,
    integration: &str,
) -> Result<(), AwsError> {
    let call = clients
        .apigateway()
        .update_route()
        .api_id(api)
        .route_id(route)
        .route_key(DEFAULT)
        .target(integration_target(integration));
    call.send().await.named("apigateway:UpdateRoute").map(drop)
}

/// `apigateway:CreateStage` for `$default`, deployed automatically. Its name isn't a part of the URL's path.
async fn create_stage(
    clients: &Clients,
    api: &ApiId,
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
    attempts.accept_own_creation(outcome).map(drop)
}

/// `apigateway:UpdateStage` of `$default` to automatic deployment.
async fn update_stage(clients: &Clients, api: &ApiId) -> Result<(), AwsError> {
    let call = clients.apigateway().update_stage().api_id(api).stage_name(DEFAULT).auto_deploy(true);
    call.send().await.named("apigateway:UpdateStage").map(drop)
}

/// `apigateway:TagResource` on the API.
async fn tag_api(
    clients: &Clients,
    names: &Names,
    api: &ApiId,
    tags: &BTreeMap<String, String>,
) -> Result<(), AwsError> {
    let call = clients
        .apigateway()
        .tag_resource()
        .resource_arn(names.api_arn(api))
        .set_tags(Some(tags.clone().into_iter().collect()));
    call.send().await.named("apigateway:TagResource").map(drop)
}

/// `apigateway:DeleteApi`, which deletes its routes, its integration and its stage too.
async fn delete_api(clients: &Clients, api: &ApiId) -> Result<(), AwsError> {
    clients.apigateway().delete_api().api_id(api).send().await.named("apigateway:DeleteApi").map(drop)
}

/// Returns the target of a route as API Gateway writes it.
fn integration_target(integration: &str) -> String {
    format!("integrations/{integration}")
}

/// Maximum number of items per page; API Gateway takes the number as text.
const PAGE: &str = "100";

/// Returns the APIs with the stage's tags, oldest first; if there is none, those that have the stage's name
/// and no stage's tags. `GetApis`, all pages: API Gateway has no search by tag or name, so this reads all
/// APIs of the region. Their parts are still missing: see [`with_parts`].
pub(crate) async fn list_apis(clients: &Clients, names: &Names) -> Result<Vec<ObservedApi>, AwsError> {
    let (mut ours, mut nobodys) = (Vec::new(), Vec::new());
    let mut token = None;
    loop {
        let call = clients.apigateway().get_apis().max_results(PAGE).set_next_token(token);
        let page = call.send().await.named("apigateway:GetApis")?;
        for api in page.items() {
            let Some(found) = empty_api(api) else { continue };
            let made = api.created_date().map(|date| (date.secs(), date.subsec_nanos()));
            if is_ours(&found.tags, names) {
                ours.push((made, found));
            } else if api.name() == Some(&names.api()) && !found.tags.contains_key(TAG_APP) {
                nobodys.push((made, found));
            }
        }
        token = page.next_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    // The oldest of several is the one in use: a repeated `CreateApi` made the others.
    let mut apis = if ours.is_empty() { nobodys } else { ours };
    apis.sort_by(|(left, a), (right, b)| (left, &a.id).cmp(&(right, &b.id)));
    Ok(apis.into_iter().map(|(_, api)| api).collect())
}

/// Returns the API without its parts; `None` if the answer has no id, without which it can't be used.
fn empty_api(api: &aws_sdk_apigatewayv2::types::Api) -> Option<ObservedApi> {
    Some(ObservedApi {
        id: ApiId::new(api.api_id()?),
        endpoint: api.api_endpoint().unwrap_or_default().to_owned(),
        tags: api.tags().cloned().unwrap_or_default().into_iter().collect(),
        integrations: Vec::new(),
        routes: Vec::new(),
        default_stage: None,
    })
}

/// Reads the parts of each of `apis`, all at the same time.
pub(crate) async fn with_parts(
    clients: &Clients,
    apis: Vec<ObservedApi>,
) -> Result<Vec<ObservedApi>, AwsError> {
    try_join_all(apis.into_iter().map(|api| read_parts(clients, api))).await
}

/// Reads integrations, routes and the stage of one API, all at the same time: three calls or more.
async fn read_parts(clients: &Clients, api: ObservedApi) -> Result<ObservedApi, AwsError> {
    // The API was listed, so "not found" means that its parts haven't propagated yet, or that it was deleted meanwhile:
    // it must never look like an empty API.
    let (integrations, routes, default_stage) = try_join3(
        again(PROPAGATION, Progress::silent(), || get_integrations(clients, &api.id)),
        again(PROPAGATION, Progress::silent(), || get_routes(clients, &api.id)),
        get_stage(clients, &api.id),
    )
    .await?;
    Ok(ObservedApi { integrations, routes, default_stage, ..api })
}

/// `apigateway:GetIntegrations`, all pages.
async fn get_integrations(clients: &Clients, api: &ApiId) -> Result<Vec<ObservedIntegration>, AwsError> {
    let mut integrations = Vec::new();
    let mut token = None;
    loop {
        let call =
            clients.apigateway().get_integrations().api_id(api).max_results(PAGE).set_next_token(token);
        let page = call.send().await.named("apigateway:GetIntegrations")?;
        integrations.extend(page.items().iter().map(|item| ObservedIntegration {
            id: item.integration_id().unwrap_or_default().to_owned(),
            uri: item.integration_uri().unwrap_or_default().to_owned(),
            payload_format: item.payload_format_version().unwrap_or_default().to_owned(),
        }));
        token = page.next_token().map(str::to_owned);
        if token.is_none() {
            return Ok(integrations);
        }
    }
}

/// `apigateway:GetRoutes`, all pages.
async fn get_routes(clients: &Clients, api: &ApiId) -> Result<Vec<ObservedRoute>, AwsError> {
    let mut routes = Vec::new();
    let mut token = None;
    loop {
        let call = clients.apigateway().get_routes().api_id(api).max_results(PAGE).set_next_token(token);
        let page = call.send().await.named("apigateway:GetRoutes")?;
        routes.extend(page.items().iter().map(|item| ObservedRoute {
            id: item.route_id().unwrap_or_default().to_owned(),
            key: item.route_key().unwrap_or_default().to_owned(),
            target: item.target().unwrap_or_default().to_owned(),
        }));
        token = page.next_token().map(str::to_owned);
        if token.is_none() {
            return Ok(routes);
        }
    }
}

/// `apigateway:GetStage` of `$default`; `None` if it doesn't exist, as after a deploy that was killed before
/// it.
async fn get_stage(clients: &Clients, api: &ApiId) -> Result<Option<AutoDeploy>, AwsError> {
    let call = clients.apigateway().get_stage().api_id(api).stage_name(DEFAULT);
    let stage = call.send().await.named("apigateway:GetStage").found()?;
    Ok(stage.map(|stage| if stage.auto_deploy() == Some(true) { AutoDeploy::On } else { AutoDeploy::Off }))
}
