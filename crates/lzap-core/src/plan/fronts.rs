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

/// Plans the fronts. `alias`: the step after which the alias can be invoked.
pub(super) fn plan_fronts(
    steps: &mut PlanBuilder,
    stage: &Stage,
    observed: &Observed,
    alias: Option<StepId>,
) {
    let fronts = Fronts { stage, observed, alias };
    let front = match stage.front {
        Front::HttpApi => Some(fronts.plan_http_api(steps)),
        Front::FunctionUrl => Some(fronts.plan_function_url(steps)),
        Front::None => None,
    };
    // Clients may still use the URL of the old front.
    if stage.keep_old_front {
        return;
    }
    if stage.front != Front::HttpApi {
        fronts.delete_http_apis(steps, front.as_ref());
    }
    if stage.front != Front::FunctionUrl {
        fronts.delete_function_url(steps, front.as_ref());
    }
}

/// The desired front.
struct PlannedFront {
    url: UrlRef,
    /// The steps that must end before it can respond.
    ready: Vec<StepId>,
}

struct Fronts<'a> {
    stage: &'a Stage,
    observed: &'a Observed,
    /// The step after which the alias can be invoked.
    alias: Option<StepId>,
}

impl Fronts<'_> {
    fn plan_http_api(&self, steps: &mut PlanBuilder) -> PlannedFront {
        let Stage { names, tags, .. } = self.stage;
        let api = http_api::plan_http_api(steps, names, tags, &self.observed.apis_by_use(), self.alias);
        let after: Vec<StepId> = self.alias.into_iter().chain(api.created).collect();
        let permitted = self.permit(steps, &Caller::Api(api.api), &after);
        let url = match self.observed.api() {
            Some(api) => UrlRef::Known(api.endpoint.clone()),
            None => UrlRef::Created,
        };
        PlannedFront { url, ready: api.complete.into_iter().chain(self.alias).chain(permitted).collect() }
    }

    /// Adds both permissions before the URL, which answers 403 without them.
    fn plan_function_url(&self, steps: &mut PlanBuilder) -> PlannedFront {
        let mut ready: Vec<StepId> = self.alias.into_iter().collect();
        let permitted =
            [Caller::UrlRequest, Caller::UrlInvocation].map(|caller| self.permit(steps, &caller, &ready));
        ready.extend(permitted.into_iter().flatten());
        let observed = self.observed.function_url.as_ref();
        let (url, answers) = function_url::plan_function_url(steps, observed, ready.clone());
        ready.extend(answers);
        PlannedFront { url, ready }
    }

    fn permit(&self, steps: &mut PlanBuilder, caller: &Caller, after: &[StepId]) -> Option<StepId> {
        permission::plan_permission(steps, &self.stage.names, caller, &self.observed.permissions, after)
    }

    fn delete_http_apis(&self, steps: &mut PlanBuilder, front: Option<&PlannedFront>) {
        let is_deletable = |api: &&ObservedApi| is_ours(&api.tags, &self.stage.names);
        let ours: Vec<&ObservedApi> = self.observed.apis.iter().filter(is_deletable).collect();
        let mut after: Vec<StepId> = self.alias.into_iter().collect();
        if let Some(first) = ours.first() {
            after = self.request(steps, &http_api::deletion_target(first), front);
            after = http_api::plan_deletion(steps, ours.into_iter(), &after);
        }
        // After the API, which would answer 500 without its permission.
        self.remove_permission(steps, &Caller::Api(ApiRef::Created), &after);
    }

    fn delete_function_url(&self, steps: &mut PlanBuilder, front: Option<&PlannedFront>) {
        let deleted = self.observed.function_url.as_ref().map(|found| {
            let after = self.request(steps, &function_url::deletion_target(), front);
            function_url::plan_deletion(steps, found, &after)
        });
        // The statements are removed even if the URL is gone: an earlier deploy may have ended between the two deletions.
        let after: Vec<StepId> = deleted.or(self.alias).into_iter().collect();
        for caller in [Caller::UrlRequest, Caller::UrlInvocation] {
            self.remove_permission(steps, &caller, &after);
        }
    }

    fn remove_permission(&self, steps: &mut PlanBuilder, caller: &Caller, after: &[StepId]) {
        let statement = caller.statement();
        if self.observed.permissions.contains_key(&statement) {
            permission::plan_removal(steps, &statement, after);
        }
    }

    /// Requests the new front before the deletion of an old one, unless the deploy turns the request off. Returns the
    /// steps that the deletion waits for.
    fn request(&self, steps: &mut PlanBuilder, target: &Target, front: Option<&PlannedFront>) -> Vec<StepId> {
        let Some(PlannedFront { url, ready }) = front else { return self.alias.into_iter().collect() };
        let Some(path) = self.stage.touch_path.clone() else { return ready.clone() };
        let operation = FrontOperation::Request { url: url.clone(), path };
        vec![steps.add(target, operation, ready.iter().copied())]
    }
}
