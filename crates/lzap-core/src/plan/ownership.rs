//! Refuses to change resources that have the stage's names and belong to another owner.

use std::collections::BTreeMap;

use crate::desired::Stage;
use crate::names::{Names, is_ours};
use crate::observed::Observed;
use crate::plan::error::PlanError;
use crate::resource::front::Front;

/// The function and the role identify a stage: without its tags they belong to another stage.
pub(super) fn refuse_foreign(observed: &Observed) -> Result<(), PlanError> {
    let names = &observed.names;
    let is_foreign = |tags: Option<&BTreeMap<String, String>>| tags.is_some_and(|tags| !is_ours(tags, names));
    if is_foreign(observed.function.as_ref().map(|function| &function.tags)) {
        return Err(not_ours(observed, "function", names.function()));
    }
    if is_foreign(observed.role.as_ref().map(|role| &role.tags)) {
        return Err(not_ours(observed, "role", names.role()));
    }
    Ok(())
}

/// The other resources that a deploy changes. An undeploy leaves those without the stage's tags alone.
pub(super) fn refuse_foreign_parts(observed: &Observed, stage: &Stage) -> Result<(), PlanError> {
    let names = &observed.names;
    if observed.log_group.as_ref().is_some_and(|group| !group.ours) {
        return Err(not_ours(observed, "log group", names.log_group()));
    }
    let workers = observed.workers.function.as_ref().filter(|_| stage.workers.is_some());
    if workers.is_some_and(|live| !is_ours(&live.tags, names)) {
        return Err(not_ours(observed, "function", names.workers().function()));
    }
    let mut rules = observed.rules.iter();
    if let Some((name, _)) = rules.find(|(name, rule)| !rule.ours && stage.rules.contains_key(*name)) {
        return Err(not_ours(observed, "rule", names.rule(name)));
    }
    // An API with the stage's name is in the way only of a stage that is to have one.
    match observed.api().filter(|_| stage.front == Front::HttpApi) {
        Some(api) if !is_ours(&api.tags, names) => {
            Err(not_ours(observed, "HTTP API", format!("{} ({})", names.api(), api.id)))
        }
        _ => Ok(()),
    }
}

fn not_ours(observed: &Observed, resource: &'static str, name: String) -> PlanError {
    let Names { app, stage, .. } = observed.names.clone();
    PlanError::NotOurs { resource, name, app, stage }
}

/// A role that exists can't change its path.
pub(super) fn refuse_moved_role(stage: &Stage, observed: &Observed) -> Result<(), PlanError> {
    match (&stage.role, &observed.role) {
        (Some(wanted), Some(live)) if wanted.path != live.path => Err(PlanError::RolePath {
            role: stage.names.role(),
            live: live.path.clone(),
            wanted: wanted.path.clone(),
            stage: stage.names.stage.clone(),
        }),
        _ => Ok(()),
    }
}
