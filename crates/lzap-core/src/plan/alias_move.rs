//! The plans that move the alias and nothing else: a rollback, and the end of a canary. One write each.

use crate::desired::{CanaryEnding, Rollback};
use crate::history::{self, Direction};
use crate::ids::VersionNumber;
use crate::observed::Observed;
use crate::plan::error::PlanError;
use crate::plan::steps::{Plan, PlanBuilder};
use crate::resource::alias::{self, ObservedAlias};

/// A rollback without a version ends a canary where one runs: that is the version to get rid of.
pub(super) fn plan_rollback(rollback: &Rollback, observed: &Observed) -> Result<Plan, PlanError> {
    let alias = deployed_alias(observed)?;
    let existing = || observed.versions.iter().map(|v| v.number.as_str()).collect::<Vec<_>>().join(" ");
    let version = match rollback {
        Rollback::To(version) if observed.version(version).is_some() => version.clone(),
        Rollback::To(version) => {
            return Err(PlanError::NoSuchVersion { version: version.clone(), existing: existing() });
        }
        Rollback::Previous if alias.canary.is_some() => {
            return plan_canary_ending(CanaryEnding::Abort, observed);
        }
        Rollback::Previous => history::parse(&alias.description)
            .into_iter()
            .find(|version| *version != alias.version && observed.version(version).is_some())
            .ok_or_else(|| PlanError::NothingBefore { live: alias.version.clone(), existing: existing() })?,
    };
    if version == alias.version && alias.canary.is_none() {
        return Ok(Plan::default());
    }
    Ok(plan_move(alias, &version, Direction::Back))
}

/// All of the traffic for a canary, or none.
pub(super) fn plan_canary_ending(ending: CanaryEnding, observed: &Observed) -> Result<Plan, PlanError> {
    let alias = deployed_alias(observed)?;
    let Some(canary) = &alias.canary else {
        return Err(PlanError::NoCanary { stage: observed.names.stage.clone(), live: alias.version.clone() });
    };
    Ok(match ending {
        CanaryEnding::Abort => plan_move(alias, &alias.version, Direction::Stay),
        CanaryEnding::Promote => plan_move(alias, &canary.version, Direction::Forward),
    })
}

fn deployed_alias(observed: &Observed) -> Result<&ObservedAlias, PlanError> {
    observed.alias.as_ref().ok_or_else(|| PlanError::not_deployed(&observed.names))
}

fn plan_move(alias: &ObservedAlias, version: &VersionNumber, direction: Direction) -> Plan {
    let mut steps = PlanBuilder::default();
    alias::plan_move(&mut steps, alias, version, direction);
    steps.finish()
}
