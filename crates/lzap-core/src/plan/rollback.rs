//! The plan of a rollback: one alias write.

use crate::desired::Rollback;
use crate::history;
use crate::names::ALIAS;
use crate::observed::Observed;
use crate::plan::{Builder, PlanError};
use crate::step::{Action, Call, Direction, FieldChange, Plan, Resource, VersionRef};

pub(super) fn plan(rollback: &Rollback, observed: &Observed) -> Result<Plan, PlanError> {
    let Some(alias) = &observed.alias else {
        return Err(PlanError::not_deployed(&observed.names));
    };
    let existing = || observed.versions.iter().map(|v| v.number.as_str()).collect::<Vec<_>>().join(" ");
    let target = match rollback {
        Rollback::To(version) if observed.version(version).is_some() => version.clone(),
        Rollback::To(version) => {
            return Err(PlanError::NoSuchVersion { version: version.clone(), existing: existing() });
        }
        Rollback::Previous => history::parse(&alias.description)
            .into_iter()
            .find(|version| *version != alias.version && observed.version(version).is_some())
            .ok_or_else(|| PlanError::NothingBefore { live: alias.version.clone(), existing: existing() })?,
    };
    let mut builder = Builder::default();
    if target != alias.version {
        let fields = vec![FieldChange::new("version", &alias.version, &target)];
        let change = builder.change_fields(Resource::Alias, ALIAS.to_owned(), Action::Update, fields);
        let call = Call::UpdateAlias {
            version: VersionRef::Known(target),
            live: alias.version.clone(),
            description: alias.description.clone(),
            direction: Direction::Back,
        };
        builder.step(change, call, []);
    }
    Ok(builder.finish())
}
