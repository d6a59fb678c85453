//! From the desired state and the observed state to the steps between them: `plan(desired, observed)`.
//!
//! Pure: no I/O, no clock, no randomness. The properties that hold, and are tested in `tests/plan/`: planning
//! again after a plan was applied plans nothing; any part of a plan applied and planned again gives the
//! rest; nothing is deleted while something points to it; after an undeploy nothing remains; every change has a step.
//!
//! `deploy` plans a whole stage, `alias_move` a rollback and the end of a canary, `undeploy` the deletions. How one kind of
//! resource is planned stands in its module in [`crate::resource`].

mod alias_move;
mod deploy;
mod error;
mod explain;
mod fronts;
mod ownership;
mod steps;
mod undeploy;

use crate::desired::{Desired, StageFacts};
use crate::observed::Observed;
use crate::resource::artifact::Artifact;
use ownership::{refuse_foreign, refuse_foreign_parts, refuse_moved_role};

pub use error::PlanError;
pub use steps::{Change, Plan, Step};

/// Plans the way from `observed` to `desired`.
///
/// # Errors
/// A resource with the stage's name belongs to another owner; a rollback has no version to go to.
pub fn plan(desired: &Desired, observed: &Observed) -> Result<Plan, PlanError> {
    match desired {
        Desired::Stage(stage) => {
            refuse_moved_role(stage, observed)?;
            if !stage.adopt {
                refuse_foreign(observed)?;
                refuse_foreign_parts(observed, stage)?;
            }
            deploy::plan_deploy(stage, observed)
        }
        Desired::Version(rollback) => {
            refuse_foreign(observed)?;
            alias_move::plan_rollback(rollback, observed)
        }
        Desired::Canary(ending) => {
            refuse_foreign(observed)?;
            alias_move::plan_canary_ending(*ending, observed)
        }
        Desired::Nothing(undeploy) => {
            if !undeploy.adopt {
                refuse_foreign(observed)?;
            }
            Ok(undeploy::plan_undeploy(*undeploy, observed))
        }
    }
}

/// Plans a deploy of `artifact`. `plan`, `deploy` and `status` all make their plan here.
///
/// # Errors
/// As [`plan`].
pub fn plan_deploy(
    facts: &StageFacts<'_>,
    artifact: Artifact,
    observed: &Observed,
) -> Result<Plan, PlanError> {
    plan(&Desired::Stage(Box::new(facts.desired(artifact))), observed)
}
