//! From what should be and what is to what to do: `plan(desired, observed)`.
//!
//! Pure: no I/O, no clock, no randomness. The properties that hold, and are tested in `tests/plan.rs`: planning
//! again after the plan was carried out plans nothing; any part of a plan carried out and planned again gives the
//! rest; nothing is deleted while something points to it; after an undeploy nothing remains.
//!
//! `deploy` plans a whole stage, `rollback` one alias write, `undeploy` the deletions; `diff` says what differs.

mod deploy;
mod diff;
mod rollback;
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
    refuse_foreign(observed)?;
    match desired {
        Desired::Stage(stage) => {
            refuse_moved_role(stage, observed)?;
            Ok(deploy::plan(stage, observed))
        }
        Desired::Version(rollback) => rollback::plan(rollback, observed),
        Desired::Nothing(undeploy) => Ok(undeploy::plan(*undeploy, observed)),
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
            "lzap touches nothing that it did not make: rename the app or the stage in lzap.toml, or delete that {resource}"
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

fn refuse_foreign(observed: &Observed) -> Result<(), PlanError> {
    let names = &observed.names;
    let check = |resource, name: String, tags: Option<&BTreeMap<String, String>>| match tags {
        Some(tags) if !is_ours(tags, names) => {
            Err(PlanError::NotOurs { resource, name, app: names.app.clone(), stage: names.stage.clone() })
        }
        _ => Ok(()),
    };
    check("function", names.function(), observed.function.as_ref().map(|f| &f.tags))?;
    check("role", names.role(), observed.role.as_ref().map(|r| &r.tags))
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
