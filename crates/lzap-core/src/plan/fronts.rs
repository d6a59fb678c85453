//! The plan of the fronts: the desired one is created or updated; then, after it has answered a request, those that the stage
//! had before are deleted.

use crate::desired::Stage;
use crate::names::is_ours;
use crate::observed::Observed;
use crate::plan::steps::PlanBuilder;
use crate::resource::front::{Front, FrontOperation};
use crate::resource::http_api::ObservedApi;
use crate::resource::permission::Caller;
use crate::resource::reference::{ApiRef, UrlRef};
use crate::resource::{http_api, permission};
use crate::step::{StepId, Steps, Target};

/// The desired front.
struct PlannedFront {
    url: UrlRef,
    /// The steps after which it answers.
    ready: Vec<StepId>,
}

/// Plans the fronts. `alias`: the step after which the alias can be invoked.
pub(super) fn plan(steps: &mut PlanBuilder, stage: &Stage, observed: &Observed, alias: Option<StepId>) {
    let front = match stage.front {
        Front::HttpApi => Some(plan_http_api(steps, stage, observed, alias)),
        Front::None => None,
    };
    if stage.keep_old_front {
        return;
    }
    if stage.front != Front::HttpApi {
        delete_http_apis(steps, stage, observed, (front.as_ref(), alias));
    }
}

fn plan_http_api(
    steps: &mut PlanBuilder,
    stage: &Stage,
    observed: &Observed,
    alias: Option<StepId>,
) -> PlannedFront {
    let api = http_api::plan(steps, &stage.names, &stage.tags, &observed.apis);
    let after: Vec<StepId> = alias.into_iter().chain(api.created).collect();
    let caller = Caller::Api(api.api);
    let permitted = permission::plan(steps, &stage.names, &caller, &observed.permissions, &after);
    let url = match observed.api() {
        Some(api) => UrlRef::Known(api.endpoint.clone()),
        None => UrlRef::Created,
    };
    PlannedFront { url, ready: api.complete.into_iter().chain(alias).chain(permitted).collect() }
}

fn delete_http_apis(
    steps: &mut PlanBuilder,
    stage: &Stage,
    observed: &Observed,
    (front, alias): (Option<&PlannedFront>, Option<StepId>),
) {
    let ours: Vec<&ObservedApi> =
        observed.apis.iter().filter(|api| is_ours(&api.tags, &stage.names)).collect();
    let Some(first) = ours.first() else { return };
    let after = request(steps, stage, &http_api::deletion_target(first), front, alias);
    let deleted = http_api::plan_deletion(steps, ours.into_iter(), &after);
    let statement = Caller::Api(ApiRef::Created).statement();
    if observed.permissions.contains_key(&statement) {
        permission::plan_removal(steps, &statement, &deleted);
    }
}

/// Requests the new front, for the deletion of an old one. Returns the steps that the deletion waits for.
fn request(
    steps: &mut PlanBuilder,
    stage: &Stage,
    target: &Target,
    front: Option<&PlannedFront>,
    alias: Option<StepId>,
) -> Vec<StepId> {
    let Some(PlannedFront { url, ready }) = front else { return alias.into_iter().collect() };
    let operation = FrontOperation::Request { url: url.clone(), path: stage.touch_path.clone() };
    vec![steps.add(target, operation, ready.iter().copied())]
}
