//! The plan of an undeploy: what calls goes before what is called, the bucket last.

use crate::desired::Undeploy;
use crate::observed::Observed;
use crate::plan::Builder;
use crate::plan::deploy::delete_rule;
use crate::step::{Action, Call, Plan, Resource, StepId};

pub(super) fn plan(undeploy: Undeploy, observed: &Observed) -> Plan {
    let names = &observed.names;
    let mut builder = Builder::default();
    if let Some(rule) = &observed.rule {
        delete_rule(&mut builder, names.keep_warm_rule(), rule);
    }
    for api in &observed.apis {
        let change = builder.change(Resource::Api, api.id.clone(), Action::Delete);
        builder.step(change, Call::DeleteApi(api.id.clone()), []);
    }
    let callers: Vec<StepId> = (0..builder.plan.steps.len()).collect();
    let function = observed.function.as_ref().map(|_| {
        let change = builder.change(Resource::Function, names.function(), Action::Delete);
        builder.step(change, Call::DeleteFunction, callers)
    });
    if let Some(role) = &observed.role {
        let change = builder.change(Resource::Role, names.role(), Action::Delete);
        let emptied = role.policy.is_some().then(|| builder.step(change, Call::DeleteRolePolicy, function));
        builder.step(change, Call::DeleteRole, emptied.or(function));
    }
    if observed.log_group.is_some() && undeploy == Undeploy::Everything {
        let change = builder.change(Resource::LogGroup, names.log_group(), Action::Delete);
        builder.step(change, Call::DeleteLogGroup, function);
    }
    bucket(&mut builder, observed, function);
    builder.finish()
}

/// The stage's objects; then the bucket itself, if lzap made it and no other stage uses it.
fn bucket(builder: &mut Builder, observed: &Observed, function: Option<StepId>) {
    let names = &observed.names;
    let Some(bucket) = &observed.bucket else { return };
    let mut emptied = function;
    if !bucket.objects.is_empty() {
        let change = builder.change(Resource::Artifact, names.prefix(), Action::Delete);
        emptied = Some(builder.step(change, Call::DeleteObjects(bucket.objects.clone()), function));
    }
    if bucket.managed {
        let change = builder.change(Resource::Bucket, names.bucket(), Action::Delete);
        builder.step(change, Call::DeleteBucketIfEmpty, emptied);
    }
}
