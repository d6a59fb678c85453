//! From what should be and what is to what to do: `plan(desired, observed)`.
//!
//! Pure: no I/O, no clock, no randomness. The properties that hold, and are tested in `tests/plan.rs`: planning
//! again after the plan was carried out plans nothing; any part of a plan carried out and planned again gives the
//! rest; nothing is deleted while something points to it; after an undeploy nothing remains.
//!
//! `deploy` plans a whole stage, `alias` a rollback and the end of a canary, `undeploy` the deletions; `diff` says what
//! differs.

mod alias;
mod deploy;
mod diff;
mod undeploy;

use std::collections::BTreeMap;

use crate::desired::{Desired, Stage};
use crate::names::Names;
use crate::observed::{Observed, is_ours};
use crate::step::{Action, Call, Change, FieldChange, Plan, Resource, Step, StepId};

/// What to do to get from `observed` to `desired`.
///
/// # Errors
/// A resource with the stage's name belongs to somebody else; a rollback has nowhere to go.
pub fn plan(desired: &Desired, observed: &Observed) -> Result<Plan, PlanError> {
    match desired {
        Desired::Stage(stage) => {
            refuse_moved_role(stage, observed)?;
            if !stage.adopt {
                refuse_foreign(observed)?;
                refuse_foreign_parts(observed, stage)?;
            }
            deploy::plan(stage, observed)
        }
        Desired::Version(rollback) => {
            refuse_foreign(observed)?;
            alias::rollback(rollback, observed)
        }
        Desired::Canary(ending) => {
            refuse_foreign(observed)?;
            alias::ending(*ending, observed)
        }
        Desired::Nothing(undeploy) => {
            if !undeploy.adopt {
                refuse_foreign(observed)?;
            }
            Ok(undeploy::plan(*undeploy, observed))
        }
    }
}

/// No plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum PlanError {
    /// The name is taken.
    #[error("{resource} `{name}` exists, but does not carry the tags of app `{app}`, stage `{stage}`")]
    #[diagnostic(
        code(lzap::plan::not_ours),
        help(
            "lzap touches nothing that it did not make: rename the app or the stage in lzap.toml, or take it over with `--adopt`"
        )
    )]
    NotOurs {
        /// Which kind of resource.
        resource: &'static str,
        /// Its name.
        name: String,
        /// The app.
        app: String,
        /// The stage.
        stage: String,
    },
    /// The role is under another path.
    #[error("role `{role}` exists under the path `{live}`, and AWS can't move it to `{wanted}`")]
    #[diagnostic(
        code(lzap::plan::role_path),
        help(
            "write `role_path = \"{live}\"` into lzap.toml, or make it anew: `lzap undeploy {stage}`, then deploy again"
        )
    )]
    RolePath {
        /// The role.
        role: String,
        /// Where it is.
        live: String,
        /// Where it should be.
        wanted: String,
        /// The stage.
        stage: String,
    },
    /// The stage isn't there.
    #[error("stage `{stage}` of `{app}` is not deployed")]
    #[diagnostic(code(lzap::plan::not_deployed), help("type `lzap deploy {stage}`"))]
    NotDeployed {
        /// The app.
        app: String,
        /// The stage.
        stage: String,
    },
    /// Nothing was live before.
    #[error("no version that was live before version {live} still exists")]
    #[diagnostic(
        code(lzap::plan::nothing_before),
        help("name one with `lzap rollback --to VERSION`; these exist: {existing}")
    )]
    NothingBefore {
        /// The live version.
        live: String,
        /// The versions that exist.
        existing: String,
    },
    /// A canary gets a part of the traffic, and isn't what is being deployed.
    #[error("version {version} gets {percent} % of the traffic as a canary")]
    #[diagnostic(
        code(lzap::plan::canary_runs),
        help("end it first: `lzap deploy {stage} --promote` or `lzap deploy {stage} --abort`")
    )]
    CanaryRuns {
        /// The canary.
        version: String,
        /// Its share.
        percent: u8,
        /// The stage.
        stage: String,
    },
    /// There is no canary to end.
    #[error("no canary runs: version {live} gets all of the traffic")]
    #[diagnostic(code(lzap::plan::no_canary), help("begin one with `lzap deploy {stage} --canary 10%`"))]
    NoCanary {
        /// The stage.
        stage: String,
        /// The live version.
        live: String,
    },
    /// The version isn't there.
    #[error("version {version} does not exist")]
    #[diagnostic(code(lzap::plan::no_such_version), help("these exist: {existing}"))]
    NoSuchVersion {
        /// The version asked for.
        version: String,
        /// The versions that exist.
        existing: String,
    },
}

impl PlanError {
    pub(crate) fn not_deployed(names: &Names) -> Self {
        Self::NotDeployed { app: names.app.clone(), stage: names.stage.clone() }
    }
}

/// The function and the role are what carries a stage: without its tags they are somebody else's stage.
fn refuse_foreign(observed: &Observed) -> Result<(), PlanError> {
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

/// What a deploy would change beside them. An undeploy leaves these where they are.
fn refuse_foreign_parts(observed: &Observed, stage: &Stage) -> Result<(), PlanError> {
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
    match observed.api() {
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
fn refuse_moved_role(stage: &Stage, observed: &Observed) -> Result<(), PlanError> {
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

/// Collects changes and steps.
#[derive(Default)]
pub(crate) struct Builder {
    plan: Plan,
}

impl Builder {
    pub(crate) fn change(&mut self, resource: Resource, name: String, action: Action) -> usize {
        self.change_fields(resource, name, action, Vec::new())
    }

    pub(crate) fn change_fields(
        &mut self,
        resource: Resource,
        name: String,
        action: Action,
        fields: Vec<FieldChange>,
    ) -> usize {
        self.plan.changes.push(Change { resource, name, action, fields });
        self.plan.changes.len() - 1
    }

    pub(crate) fn step(
        &mut self,
        change: usize,
        call: Call,
        after: impl IntoIterator<Item = StepId>,
    ) -> StepId {
        self.plan.steps.push(Step { change, call, after: after.into_iter().collect() });
        self.plan.steps.len() - 1
    }

    pub(crate) fn finish(self) -> Plan {
        self.plan
    }
}
