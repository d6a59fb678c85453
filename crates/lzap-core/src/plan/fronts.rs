//! The plan of the fronts: it creates or updates the desired front; after that front has answered a request, it deletes
//! the fronts that the stage had before.

use crate::desired::Stage;
use crate::names::is_ours;
use crate::observed::Observed;
use crate::plan::steps::PlanBuilder;
use crate::resource::front::{Front, FrontOperation};
use crate::resource::http_api::ObservedApi;
use crate::resource::permission::Caller;
use crate::resource::reference::{ApiRef, UrlRef};
use crate::resource::{function_url, http_api, permission};
use crate::step::{StepId, Steps, Target};

/// The desired front.
struct PlannedFront {
    url: UrlRef,
    /// The steps that must end before it can respond.
    ready: Vec<StepId>,
}

/// Plans the fronts. `alias`: the step after which the alias can be invoked.
pub(super) fn plan_fronts(
    steps: &mut PlanBuilder,
    stage: &Stage,
    observed: &Observed,
    alias: Option<StepId>,
) {
    let front = match stage.front {
        Front::HttpApi => Some(plan_http_api(steps, stage, observed, alias)),
        Front::FunctionUrl => Some(plan_function_url(steps, stage, observed, alias)),
        Front::None => None,
    };
    // Clients may still use the URL of the old front.
    if stage.keep_old_front {
        return;
    }
    if stage.front != Front::HttpApi {
        delete_http_apis(steps, stage, observed, (front.as_ref(), alias));
    }
    if stage.front != Front::FunctionUrl {
        delete_function_url(steps, stage, observed, (front.as_ref(), alias));
    }
}

/// Adds both permissions before the URL, which answers 403 without them.
fn plan_function_url(
    steps: &mut PlanBuilder,
    stage: &Stage,
    observed: &Observed,
    alias: Option<StepId>,
) -> PlannedFront {
    let after: Vec<StepId> = alias.into_iter().collect();
    let permitted = [Caller::UrlRequest, Caller::UrlInvocation].map(|caller| {
        permission::plan_permission(steps, &stage.names, &caller, &observed.permissions, &after)
    });
    let after: Vec<StepId> = after.into_iter().chain(permitted.into_iter().flatten()).collect();
    let (url, answers) =
        function_url::plan_function_url(steps, observed.function_url.as_ref(), after.clone());
    PlannedFront { url, ready: after.into_iter().chain(answers).collect() }
}

fn delete_function_url(
    steps: &mut PlanBuilder,
    stage: &Stage,
    observed: &Observed,
    (front, alias): (Option<&PlannedFront>, Option<StepId>),
) {
    let deleted = observed.function_url.as_ref().map(|found| {
        let after = request(steps, stage, &function_url::deletion_target(), front, alias);
        function_url::plan_deletion(steps, found, &after)
    });
    // The statements are removed even if the URL is gone: an earlier deploy may have ended between the two deletions.
    let after: Vec<StepId> = deleted.or(alias).into_iter().collect();
    for caller in [Caller::UrlRequest, Caller::UrlInvocation] {
        remove_permission(steps, observed, &caller, &after);
    }
}

fn remove_permission(steps: &mut PlanBuilder, observed: &Observed, caller: &Caller, after: &[StepId]) {
    let statement = caller.statement();
    if observed.permissions.contains_key(&statement) {
        permission::plan_removal(steps, &statement, after);
    }
}

fn plan_http_api(
    steps: &mut PlanBuilder,
    stage: &Stage,
    observed: &Observed,
    alias: Option<StepId>,
) -> PlannedFront {
    let api = http_api::plan_http_api(steps, &stage.names, &stage.tags, &observed.apis);
    let after: Vec<StepId> = alias.into_iter().chain(api.created).collect();
    let caller = Caller::Api(api.api);
    let permitted = permission::plan_permission(steps, &stage.names, &caller, &observed.permissions, &after);
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
    let mut after: Vec<StepId> = alias.into_iter().collect();
    if let Some(first) = ours.first() {
        after = request(steps, stage, &http_api::deletion_target(first), front, alias);
        after = http_api::plan_deletion(steps, ours.into_iter(), &after);
    }
    // After the API, which would answer 500 without its permission.
    remove_permission(steps, observed, &Caller::Api(ApiRef::Created), &after);
}

/// Requests the new front before the deletion of an old one, unless the deploy turns the request off. Returns the steps
/// that the deletion waits for.
fn request(
    steps: &mut PlanBuilder,
    stage: &Stage,
    target: &Target,
    front: Option<&PlannedFront>,
    alias: Option<StepId>,
) -> Vec<StepId> {
    let Some(PlannedFront { url, ready }) = front else { return alias.into_iter().collect() };
    let Some(path) = stage.touch_path.clone() else { return ready.clone() };
    let operation = FrontOperation::Request { url: url.clone(), path };
    vec![steps.add(target, operation, ready.iter().copied())]
}
