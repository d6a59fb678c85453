//! The HTTP API and its parts.
//!
//! lzap creates an API without a target, then integration, route and stage by calls of their own; so each is
//! an operation here too. All of an API's requests take one route to one integration, the alias.

use lzap_core::ids::ApiId;
use lzap_core::resource::http_api::{
    AutoDeploy, DEFAULT, HttpApiOperation, ObservedApi, ObservedIntegration, ObservedRoute, PAYLOAD_FORMAT,
};
use lzap_core::resource::reference::{ApiRef, IntegrationRef};

use crate::{Model, NEW_ID};

impl Model {
    /// Changes an API or a part of it.
    pub(crate) fn apply_http_api(&mut self, operation: &HttpApiOperation) {
        let alias_arn = self.names().alias_arn();
        match operation {
            // Added at the end: the planner takes the first API as the oldest one.
            HttpApiOperation::Create(tags) => self.cloud.apis.push(ObservedApi {
                id: ApiId::new(NEW_ID),
                tags: tags.clone(),
                endpoint: format!("https://{NEW_ID}.example"),
                integrations: Vec::new(),
                routes: Vec::new(),
                default_stage: None,
            }),
            HttpApiOperation::CreateIntegration(api) => {
                let payload_format = PAYLOAD_FORMAT.to_owned();
                let new = ObservedIntegration { id: NEW_ID.to_owned(), uri: alias_arn, payload_format };
                self.api(api).integrations.push(new);
            }
            HttpApiOperation::UpdateIntegration { api, integration } => {
                let found = self.api(api).integrations.iter_mut().find(|it| it.id == *integration);
                let found = found.expect("the integration exists");
                found.uri = alias_arn;
                PAYLOAD_FORMAT.clone_into(&mut found.payload_format);
            }
            HttpApiOperation::CreateRoute { api, integration } => {
                let target = target(integration);
                let new = ObservedRoute { id: NEW_ID.to_owned(), key: DEFAULT.to_owned(), target };
                self.api(api).routes.push(new);
            }
            HttpApiOperation::UpdateRoute { api, route, integration } => {
                let found = self.api(api).routes.iter_mut().find(|it| it.id == *route);
                found.expect("the route exists").target = target(integration);
            }
            // The only setting of the stage that lzap manages. Without it, changes of routes don't take
            // effect by themselves.
            HttpApiOperation::CreateStage { api, .. } | HttpApiOperation::UpdateStage(api) => {
                self.api(api).default_stage = Some(AutoDeploy::On);
            }
            HttpApiOperation::Tag { api, tags } => {
                self.api(&ApiRef::Known(api.clone())).tags.extend(tags.clone());
            }
            HttpApiOperation::Delete(id) => self.cloud.apis.retain(|api| api.id != *id),
        }
    }

    // A test creates at most one API, so one id is enough.
    /// Returns an API by its id, or the one that this plan creates.
    ///
    /// # Panics
    /// There is no such API.
    fn api(&mut self, api: &ApiRef) -> &mut ObservedApi {
        let id = match api {
            ApiRef::Known(id) => id.clone(),
            ApiRef::Created => ApiId::new(NEW_ID),
        };
        self.cloud.apis.iter_mut().find(|api| api.id == id).expect("the API exists")
    }
}

/// Returns the target of a route as API Gateway writes it.
fn target(integration: &IntegrationRef) -> String {
    match integration {
        IntegrationRef::Known(id) => format!("integrations/{id}"),
        IntegrationRef::Created => format!("integrations/{NEW_ID}"),
    }
}
