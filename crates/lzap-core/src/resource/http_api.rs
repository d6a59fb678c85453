//! The front `http-api`: an API Gateway HTTP API with one integration (the alias), one route (`$default`) and one stage
//! (`$default`, deployed automatically).
//!
//! AWS assigns the API's id, so an API is found by its tags. `CreateApi` has no idempotency token: if its response is
//! lost, the next deploy finds two APIs. So the call is never repeated, lzap uses the oldest API, and deletes the later
//! ones.

use std::collections::BTreeMap;

use crate::ids::ApiId;
use crate::names::{Names, is_ours};
use crate::resource::grant::{Grant, GrantScope, grants};
use crate::resource::reference::{ApiRef, IntegrationRef};
use crate::step::{Action, FieldChange, ResourceKind, StepId, Steps, Target, missing_tags};

/// The HTTP API.
pub const KIND: ResourceKind = ResourceKind::new("HTTP API").prerequisite().optional("http-api");
/// The route, and the stage, that take every request.
pub const DEFAULT: &str = "$default";
/// The event format that the runtime crate reads.
pub const PAYLOAD_FORMAT: &str = "2.0";

/// An HTTP API, as API Gateway has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedApi {
    /// The id that AWS assigned.
    pub id: ApiId,
    /// The URL that AWS assigned (`ApiEndpoint`), verbatim.
    pub endpoint: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its integrations.
    pub integrations: Vec<ObservedIntegration>,
    /// Its routes.
    pub routes: Vec<ObservedRoute>,
    /// The setting of its stage `$default`; `None` if the stage doesn't exist.
    pub default_stage: Option<AutoDeploy>,
}

/// The `AutoDeploy` setting of the API's stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoDeploy {
    /// API Gateway deploys each change of the API itself.
    On,
    /// A change waits for a deployment, which lzap doesn't make.
    Off,
}

/// An integration of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedIntegration {
    /// Its id.
    pub id: String,
    /// The ARN that it invokes.
    pub uri: String,
    /// The version of its event format.
    pub payload_format: String,
}

/// A route of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedRoute {
    /// Its id.
    pub id: String,
    /// Its key: `$default`.
    pub key: String,
    /// `integrations/ID`.
    pub target: String,
}

/// A write to an HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpApiOperation {
    /// `apigateway:CreateApi` with these tags.
    Create(BTreeMap<String, String>),
    /// `apigateway:CreateIntegration` on the alias.
    CreateIntegration(ApiRef),
    /// `apigateway:UpdateIntegration` to the alias.
    UpdateIntegration {
        /// The API.
        api: ApiRef,
        /// The integration's id.
        integration: String,
    },
    /// `apigateway:CreateRoute` for `$default`.
    CreateRoute {
        /// The API.
        api: ApiRef,
        /// Its target.
        integration: IntegrationRef,
    },
    /// `apigateway:UpdateRoute` for `$default`.
    UpdateRoute {
        /// The API.
        api: ApiRef,
        /// The route's id.
        route: String,
        /// Its target.
        integration: IntegrationRef,
    },
    /// `apigateway:CreateStage` for `$default`, deployed automatically.
    CreateStage {
        /// The API.
        api: ApiRef,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// `apigateway:UpdateStage` of `$default` to automatic deployment.
    UpdateStage(ApiRef),
    /// `apigateway:TagResource`.
    Tag {
        /// The API's id.
        api: ApiId,
        /// The tags.
        tags: BTreeMap<String, String>,
    },
    /// `apigateway:DeleteApi`, by id.
    Delete(ApiId),
}

grants! { HttpApiOperation {
    HttpApiOperation::Create(_) => ["apigateway:POST" on NewApi];
    HttpApiOperation::CreateIntegration(_) => ["apigateway:POST" on Integrations];
    HttpApiOperation::UpdateIntegration { .. } => ["apigateway:PATCH" on Integration];
    HttpApiOperation::CreateRoute { .. } => ["apigateway:POST" on Routes];
    HttpApiOperation::UpdateRoute { .. } => ["apigateway:PATCH" on Route];
    // The reference doesn't list apigateway:TagResource, but API Gateway demands it for a stage with tags:
    // <https://github.com/hashicorp/terraform-provider-aws/issues/20634>
    HttpApiOperation::CreateStage { .. } => [
        "apigateway:POST" on Stages,
        "apigateway:TagResource" on Stages,
        "apigateway:TagResource" on Stage
    ];
    HttpApiOperation::UpdateStage(_) => ["apigateway:PATCH" on Stage];
    HttpApiOperation::Tag { .. } => ["apigateway:POST" on ApiTags];
    HttpApiOperation::Delete(_) => ["apigateway:DELETE" on Api];
} }

/// The read actions of an observation.
pub(crate) const READS: &[Grant] = &[
    ("apigateway:GET", GrantScope::Apis),
    ("apigateway:GET", GrantScope::Integrations),
    ("apigateway:GET", GrantScope::Routes),
    ("apigateway:GET", GrantScope::Stage),
];

impl HttpApiOperation {
    /// The verb of a progress line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Create(_) => "creating",
            Self::CreateIntegration(_)
            | Self::UpdateIntegration { .. }
            | Self::CreateRoute { .. }
            | Self::UpdateRoute { .. }
            | Self::CreateStage { .. }
            | Self::UpdateStage(_)
            | Self::Tag { .. } => "setting",
            Self::Delete(_) => "deleting",
        }
    }
}

/// The API that the front's URL belongs to.
pub(crate) struct HttpApiSteps {
    pub(crate) api: ApiRef,
    /// The step after which it has an id.
    pub(crate) created: Option<StepId>,
    /// The steps after which it answers.
    pub(crate) complete: Vec<StepId>,
}

/// Creates the API, or updates what differs. Of several, the first is the one in use; the stage's others are deleted after
/// `switch`, the step that moves the traffic.
pub(crate) fn plan_http_api(
    steps: &mut impl Steps<HttpApiOperation>,
    names: &Names,
    tags: &BTreeMap<String, String>,
    observed: &[&ObservedApi],
    switch: Option<StepId>,
) -> HttpApiSteps {
    let [api, others @ ..] = observed else {
        let target = Target::new(KIND, names.api(), Action::Create);
        let new = ApiRef::Created;
        let created = steps.add(&target, HttpApiOperation::Create(tags.clone()), []);
        let integration = steps.add(&target, HttpApiOperation::CreateIntegration(new.clone()), [created]);
        let route = HttpApiOperation::CreateRoute { api: new.clone(), integration: IntegrationRef::Created };
        // The route needs the integration's id; the stage needs the API only, so both can be created at once.
        let routed = steps.add(&target, route, [integration]);
        let stage = HttpApiOperation::CreateStage { api: new.clone(), tags: tags.clone() };
        let staged = steps.add(&target, stage, [created]);
        return HttpApiSteps { api: new, created: Some(created), complete: vec![routed, staged] };
    };
    plan_updates(steps, names, tags, api);
    // An API that only has the stage's name belongs to another owner.
    let ours = others.iter().copied().filter(|api| is_ours(&api.tags, names));
    plan_deletion(steps, ours, switch.as_slice());
    HttpApiSteps { api: ApiRef::Known(api.id.clone()), created: None, complete: Vec::new() }
}

/// Deletes these APIs. Returns the steps.
pub(crate) fn plan_deletion<'a>(
    steps: &mut impl Steps<HttpApiOperation>,
    apis: impl Iterator<Item = &'a ObservedApi>,
    after: &[StepId],
) -> Vec<StepId> {
    apis.map(|api| {
        let operation = HttpApiOperation::Delete(api.id.clone());
        let url = FieldChange::of("url", Some(api.endpoint.clone()), None);
        steps.add_fields(&deletion_target(api), operation, vec![url], after.iter().copied())
    })
    .collect()
}

/// The deletion of an API.
pub(crate) fn deletion_target(api: &ObservedApi) -> Target {
    Target::new(KIND, api.id.as_str(), Action::Delete)
}

fn plan_updates(
    steps: &mut impl Steps<HttpApiOperation>,
    names: &Names,
    tags: &BTreeMap<String, String>,
    api: &ObservedApi,
) {
    let target = Target::new(KIND, names.api(), Action::Update);
    let tag_fields = missing_tags(&api.tags, tags);
    if !tag_fields.is_empty() {
        let operation = HttpApiOperation::Tag { api: api.id.clone(), tags: tags.clone() };
        steps.add_fields(&target, operation, tag_fields, []);
    }
    let last = steps.add_chain(&target, route_updates(api, &names.alias_arn()), None);
    let known = ApiRef::Known(api.id.clone());
    let stage = match api.default_stage {
        Some(AutoDeploy::On) => return,
        Some(AutoDeploy::Off) => {
            let field = FieldChange::new("automatic deployment", "off", "on").drifted();
            (HttpApiOperation::UpdateStage(known), vec![field])
        }
        None => {
            let field = FieldChange::of("stage", None, Some(DEFAULT.to_owned()));
            (HttpApiOperation::CreateStage { api: known, tags: tags.clone() }, vec![field])
        }
    };
    steps.add_chain(&target, vec![stage], last);
}

/// The operations that lead the route to the alias, the integration before the route that needs it.
fn route_updates(api: &ObservedApi, alias_arn: &str) -> Vec<(HttpApiOperation, Vec<FieldChange>)> {
    let known = ApiRef::Known(api.id.clone());
    let route = api.routes.iter().find(|route| route.key == DEFAULT);
    let routed = route.and_then(|route| {
        api.integrations.iter().find(|it| route.target == format!("integrations/{}", it.id))
    });
    let fits = |it: &ObservedIntegration| it.uri == alias_arn && it.payload_format == PAYLOAD_FORMAT;
    let mut updates = Vec::new();
    if let Some(routed) = routed {
        if !fits(routed) {
            let field = FieldChange::new("integration", &routed.uri, alias_arn).drifted();
            let integration = routed.id.clone();
            updates.push((HttpApiOperation::UpdateIntegration { api: known, integration }, vec![field]));
        }
        return updates;
    }
    let integration = if let Some(unused) = api.integrations.iter().find(|it| fits(it)) {
        IntegrationRef::Known(unused.id.clone())
    } else {
        let field = FieldChange::of("integration", None, Some(alias_arn.to_owned()));
        updates.push((HttpApiOperation::CreateIntegration(known.clone()), vec![field]));
        IntegrationRef::Created
    };
    let field = FieldChange::of("route", None, Some(DEFAULT.to_owned()));
    let operation = match route {
        Some(route) => HttpApiOperation::UpdateRoute { api: known, route: route.id.clone(), integration },
        None => HttpApiOperation::CreateRoute { api: known, integration },
    };
    updates.push((operation, vec![field]));
    updates
}
