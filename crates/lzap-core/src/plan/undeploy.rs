//! The plan of an undeploy: callers are deleted before what they call, the bucket last.

use crate::desired::Undeploy;
use crate::names::{KEEP_WARM, Part, is_ours};
use crate::observed::Observed;
use crate::plan::steps::{Plan, PlanBuilder};
use crate::resource::{artifact, bucket, function, function_url, http_api, log_group, role, rule, workers};
use crate::step::{Action, StepId, Target};

pub(super) fn plan_undeploy(undeploy: Undeploy, observed: &Observed) -> Plan {
    let names = &observed.names;
    let mut steps = PlanBuilder::default();
    for (name, rule) in &observed.rules {
        // The prefix alone proves nothing: another stage's rules can start with this stage's name. Only the keep-warm
        // rule's name is unambiguous.
        if rule.ours || (undeploy.adopt && name == KEEP_WARM) {
            rule::plan_deletion(&mut steps, names, name, rule, &[]);
        }
    }
    let ours = observed.apis.iter().filter(|api| is_ours(&api.tags, names) || undeploy.adopt);
    http_api::plan_deletion(&mut steps, ours, &[]);
    if let Some(found) = &observed.function_url {
        function_url::plan_deletion(&mut steps, found, &[]);
    }
    // A caller without its function would fail with every event until it is deleted too.
    let callers = steps.all();
    let function = observed.function.as_ref().map(|_| {
        let target = Target::new(function::KIND, names.function(), Action::Delete);
        function::plan_deletion(&mut steps, &target, Part::App, callers)
    });
    let workers = plan_workers(&mut steps, undeploy, observed, function);
    if let Some(role) = &observed.role {
        let functions: Vec<StepId> = function.into_iter().chain(workers).collect();
        // A running function needs its role to the end.
        role::plan_deletion(&mut steps, names.role(), role, &functions);
    }
    let log_group = observed.log_group.as_ref().filter(|group| group.ours || undeploy.adopt);
    if log_group.is_some() && !undeploy.keep_logs {
        log_group::plan_deletion(&mut steps, names, Part::App, function);
    }
    if let Some(found) = &observed.bucket {
        let lock = names.lock_key();
        // The lock is deleted last, together with the bucket: it protects the undeploy until then.
        let keys = found.objects.iter().map(|object| object.key.clone()).filter(|key| *key != lock);
        artifact::plan_deletion(&mut steps, names, keys.collect(), function);
        let all = steps.all();
        bucket::plan_deletion(&mut steps, names, found, all);
    }
    steps.finish()
}

/// Deletes the worker function after the app's, which calls it. Returns the last step that deletes it.
fn plan_workers(
    steps: &mut PlanBuilder,
    undeploy: Undeploy,
    observed: &Observed,
    app: Option<StepId>,
) -> Option<StepId> {
    let names = &observed.names;
    let found = &observed.workers;
    let ours = found.function.as_ref().filter(|it| is_ours(&it.tags, names) || undeploy.adopt);
    let deleted = ours.map(|_| {
        let target = Target::new(workers::KIND, names.workers().function(), Action::Delete);
        function::plan_deletion(steps, &target, Part::Workers, app.into_iter().collect())
    });
    let log_group = found.log_group.as_ref().filter(|group| group.ours || undeploy.adopt);
    if log_group.is_some() && !undeploy.keep_logs {
        log_group::plan_deletion(steps, names, Part::Workers, deleted.or(app));
    }
    deleted
}
