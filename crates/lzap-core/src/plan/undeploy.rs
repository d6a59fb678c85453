//! The plan of an undeploy: what calls goes before what is called, the bucket last.

use crate::desired::Undeploy;
use crate::names::{KEEP_WARM, Part};
use crate::observed::{Function, Observed, Role, is_ours};
use crate::plan::Builder;
use crate::plan::deploy::delete_rule;
use crate::step::{Action, Call, Plan, Resource, StepId};

pub(super) fn plan(undeploy: Undeploy, observed: &Observed) -> Plan {
    let names = &observed.names;
    let mut builder = Builder::default();
    for (name, rule) in &observed.rules {
        // Others' rules may begin with the stage's name: only the one name is nobody else's.
        if rule.ours || (undeploy.adopt && name == KEEP_WARM) {
            delete_rule(&mut builder, names, name, rule, &[]);
        }
    }
    for api in observed.apis.iter().filter(|api| is_ours(&api.tags, names) || undeploy.adopt) {
        let change = builder.change(Resource::Api, api.id.clone(), Action::Delete);
        builder.step(change, Call::DeleteApi(api.id.clone()), []);
    }
    let callers: Vec<StepId> = (0..builder.plan.steps.len()).collect();
    let function = observed.function.as_ref().map(|_| {
        let change = builder.change(Resource::Function, names.function(), Action::Delete);
        builder.step(change, Call::DeleteFunction, callers)
    });
    let workers = workers(&mut builder, undeploy, observed, function);
    if let Some(role) = &observed.role {
        delete_role(&mut builder, names.role(), role, function.into_iter().chain(workers).collect());
    }
    if observed.log_group.as_ref().is_some_and(|group| group.ours || undeploy.adopt) && !undeploy.keep_logs {
        let change = builder.change(Resource::LogGroup, names.log_group(), Action::Delete);
        builder.step(change, Call::DeleteLogGroup, function);
    }
    bucket(&mut builder, observed, function);
    builder.finish()
}

/// The workers go after the app, which calls them. Answers the step after which nothing of theirs runs.
fn workers(
    builder: &mut Builder,
    undeploy: Undeploy,
    observed: &Observed,
    app: Option<StepId>,
) -> Option<StepId> {
    let names = observed.names.workers();
    let found = &observed.workers;
    let is_ours = |live: &&Function| is_ours(&live.tags, &names) || undeploy.adopt;
    let gone = found.function.as_ref().filter(is_ours).map(|_| {
        let change = builder.change(Resource::Workers, names.function(), Action::Delete);
        builder.step(change, Call::DeleteFunction.of(Part::Workers), app)
    });
    let log_group = found.log_group.as_ref().filter(|group| group.ours || undeploy.adopt);
    if log_group.is_some() && !undeploy.keep_logs {
        let change = builder.change(Resource::LogGroup, names.log_group(), Action::Delete);
        builder.step(change, Call::DeleteLogGroup.of(Part::Workers), gone.or(app));
    }
    gone
}

/// A role goes only without policies: lzap's own, and whatever somebody added.
fn delete_role(builder: &mut Builder, name: String, role: &Role, functions: Vec<StepId>) {
    let change = builder.change(Resource::Role, name, Action::Delete);
    let inline = role.inline.iter().map(|name| Call::DeleteRolePolicy(name.clone()));
    let attached = role.attached.iter().map(|arn| Call::DetachRolePolicy(arn.clone()));
    let emptied: Vec<StepId> =
        inline.chain(attached).map(|call| builder.step(change, call, functions.clone())).collect();
    builder.step(change, Call::DeleteRole, functions.into_iter().chain(emptied));
}

/// The stage's objects, the lock last of all; then the bucket itself, if lzap made it and no other stage uses it.
fn bucket(builder: &mut Builder, observed: &Observed, function: Option<StepId>) {
    let names = &observed.names;
    let Some(bucket) = &observed.bucket else { return };
    let lock = names.lock_key();
    let keys: Vec<String> =
        bucket.objects.iter().map(|object| object.key.clone()).filter(|key| *key != lock).collect();
    let deletes_bucket = bucket.managed && (bucket.empty || !bucket.objects.is_empty());
    if !keys.is_empty() {
        let change = builder.change(Resource::Artifact, names.prefix(), Action::Delete);
        builder.step(change, Call::DeleteObjects(keys), function);
    }
    if deletes_bucket {
        let change = builder.change(Resource::Bucket, names.bucket(), Action::Delete);
        let all: Vec<StepId> = (0..builder.plan.steps.len()).collect();
        let unlocked = builder.step(change, Call::DeleteObjects(vec![lock]), all);
        builder.step(change, Call::DeleteBucketIfEmpty, [unlocked]);
    }
}
