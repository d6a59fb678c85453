//! The plans that move nothing but the alias: a rollback, and the end of a canary. One write each.

use crate::desired::{Ending, Rollback};
use crate::history;
use crate::names::ALIAS;
use crate::observed::{Alias, Observed};
use crate::plan::{Builder, PlanError};
use crate::step::{Action, Call, Direction, FieldChange, Plan, Resource, VersionRef};

/// A rollback without a version ends a canary where one runs: that is the version that somebody wants to be rid of.
pub(super) fn rollback(rollback: &Rollback, observed: &Observed) -> Result<Plan, PlanError> {
    let alias = alias(observed)?;
    let existing = || observed.versions.iter().map(|v| v.number.as_str()).collect::<Vec<_>>().join(" ");
    let target = match rollback {
        Rollback::To(version) if observed.version(version).is_some() => version.clone(),
        Rollback::To(version) => {
            return Err(PlanError::NoSuchVersion { version: version.clone(), existing: existing() });
        }
        Rollback::Previous if alias.canary.is_some() => return ending(Ending::Abort, observed),
        Rollback::Previous => history::parse(&alias.description)
            .into_iter()
            .find(|version| *version != alias.version && observed.version(version).is_some())
            .ok_or_else(|| PlanError::NothingBefore { live: alias.version.clone(), existing: existing() })?,
    };
    if target == alias.version && alias.canary.is_none() {
        return Ok(Plan::default());
    }
    let mut fields = Vec::new();
    if target != alias.version {
        fields.push(FieldChange::new("version", &alias.version, &target));
    }
    fields.extend(canary_ends(alias));
    Ok(write(alias, fields, target, Direction::Back))
}

/// All of the traffic for a canary, or none.
pub(super) fn ending(ending: Ending, observed: &Observed) -> Result<Plan, PlanError> {
    let alias = alias(observed)?;
    let Some(canary) = &alias.canary else {
        return Err(PlanError::NoCanary { stage: observed.names.stage.clone(), live: alias.version.clone() });
    };
    let mut fields: Vec<FieldChange> = canary_ends(alias).into_iter().collect();
    Ok(match ending {
        Ending::Abort => write(alias, fields, alias.version.clone(), Direction::Stay),
        Ending::Promote => {
            fields.insert(0, FieldChange::new("version", &alias.version, &canary.version));
            write(alias, fields, canary.version.clone(), Direction::Forward)
        }
    })
}

fn alias(observed: &Observed) -> Result<&Alias, PlanError> {
    observed.alias.as_ref().ok_or_else(|| PlanError::not_deployed(&observed.names))
}

fn canary_ends(alias: &Alias) -> Option<FieldChange> {
    let canary = alias.canary.as_ref()?;
    Some(FieldChange::of("canary", Some(format!("version {} at {} %", canary.version, canary.percent)), None))
}

fn write(alias: &Alias, fields: Vec<FieldChange>, version: String, direction: Direction) -> Plan {
    let mut builder = Builder::default();
    let change = builder.change_fields(Resource::Alias, ALIAS.to_owned(), Action::Update, fields);
    let call = Call::UpdateAlias {
        version: VersionRef::Known(version),
        canary: None,
        live: alias.version.clone(),
        description: alias.description.clone(),
        direction,
    };
    builder.step(change, call, []);
    builder.finish()
}
