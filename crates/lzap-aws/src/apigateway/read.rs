//! What an HTTP API looks like.

use futures::future::{try_join_all, try_join3};
use lzap_core::names::{Names, TAG_APP};
use lzap_core::observed::{Api, AutoDeploy, Integration, Route, is_ours};

use super::DEFAULT;
use crate::clients::Clients;
use crate::error::{Absent, AwsError, Named};

/// The most that a page holds; API Gateway takes the number as text.
const PAGE: &str = "100";

/// The APIs with the stage's tags, oldest first; where there is none, those that have its name and no stage's tags.
/// `GetApis`, all pages: there is no look-up by tag or name, so all of the region's APIs are read.
pub(crate) async fn list_apis(clients: &Clients, names: &Names) -> Result<Vec<Api>, AwsError> {
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
    let mut apis = if ours.is_empty() { nobodys } else { ours };
    apis.sort_by(|(left, a), (right, b)| (left, &a.id).cmp(&(right, &b.id)));
    Ok(apis.into_iter().map(|(_, api)| api).collect())
}

fn empty_api(api: &aws_sdk_apigatewayv2::types::Api) -> Option<Api> {
    Some(Api {
        id: api.api_id()?.to_owned(),
        endpoint: api.api_endpoint().unwrap_or_default().to_owned(),
        tags: api.tags().cloned().unwrap_or_default().into_iter().collect(),
        integrations: Vec::new(),
        routes: Vec::new(),
        default_stage: None,
    })
}

/// What each of `apis` consists of, all read at the same time.
pub(crate) async fn with_parts(clients: &Clients, apis: Vec<Api>) -> Result<Vec<Api>, AwsError> {
    try_join_all(apis.into_iter().map(|api| parts(clients, api))).await
}

async fn parts(clients: &Clients, api: Api) -> Result<Api, AwsError> {
    let (integrations, routes, default_stage) = try_join3(
        get_integrations(clients, &api.id),
        get_routes(clients, &api.id),
        get_stage(clients, &api.id),
    )
    .await?;
    Ok(Api { integrations, routes, default_stage, ..api })
}

/// `apigateway:GetIntegrations`, all pages.
async fn get_integrations(clients: &Clients, api: &str) -> Result<Vec<Integration>, AwsError> {
    let mut integrations = Vec::new();
    let mut token = None;
    loop {
        let call =
            clients.apigateway().get_integrations().api_id(api).max_results(PAGE).set_next_token(token);
        let Some(page) = call.send().await.named("apigateway:GetIntegrations").found()? else {
            return Ok(integrations);
        };
        integrations.extend(page.items().iter().map(|item| Integration {
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
async fn get_routes(clients: &Clients, api: &str) -> Result<Vec<Route>, AwsError> {
    let mut routes = Vec::new();
    let mut token = None;
    loop {
        let call = clients.apigateway().get_routes().api_id(api).max_results(PAGE).set_next_token(token);
        let Some(page) = call.send().await.named("apigateway:GetRoutes").found()? else {
            return Ok(routes);
        };
        routes.extend(page.items().iter().map(|item| Route {
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

/// `apigateway:GetStage` of `$default`.
async fn get_stage(clients: &Clients, api: &str) -> Result<Option<AutoDeploy>, AwsError> {
    let call = clients.apigateway().get_stage().api_id(api).stage_name(DEFAULT);
    let stage = call.send().await.named("apigateway:GetStage").found()?;
    Ok(stage.map(|stage| if stage.auto_deploy() == Some(true) { AutoDeploy::On } else { AutoDeploy::Off }))
}
