//! The alias's settings for asynchronous invocations: maximum retry attempts, maximum event age, failure destination.
//!
//! Their type is [`AsyncConfig`]. AWS checks the destination against the permissions of the execution role.

use crate::asynchronous::AsyncConfig;
use crate::names::ALIAS;
use crate::resource::grant::{Grant, GrantScope, grants};
use crate::step::{Action, FieldChange, ResourceKind, StepId, Steps, Target};

/// The settings for asynchronous invocations.
pub const KIND: ResourceKind = ResourceKind::new("async").optional("async");

/// A write to the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventInvokeOperation {
    /// `lambda:PutFunctionEventInvokeConfig` of the alias.
    Put(AsyncConfig),
    /// `lambda:DeleteFunctionEventInvokeConfig` of the alias.
    Delete,
}

grants! { EventInvokeOperation {
    EventInvokeOperation::Put(_) => ["lambda:PutFunctionEventInvokeConfig" on Function];
    EventInvokeOperation::Delete => ["lambda:DeleteFunctionEventInvokeConfig" on Function];
} }

/// The read actions of an observation.
pub(crate) const READS: &[Grant] = &[("lambda:GetFunctionEventInvokeConfig", GrantScope::Function)];

impl EventInvokeOperation {
    /// The verb of a progress line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Put(_) => "setting",
            Self::Delete => "deleting",
        }
    }
}

/// Sets the differing settings, or deletes all of them so that AWS's defaults apply.
pub(crate) fn plan_event_invoke(
    steps: &mut impl Steps<EventInvokeOperation>,
    desired: Option<&AsyncConfig>,
    observed: Option<&AsyncConfig>,
    after: Vec<StepId>,
) {
    match (desired, observed) {
        (None, None) => {}
        (desired, observed) if desired == observed => {}
        (None, Some(_)) => {
            steps.add(&Target::new(KIND, ALIAS, Action::Delete), EventInvokeOperation::Delete, after);
        }
        (Some(desired), observed) => {
            let action = if observed.is_some() { Action::Update } else { Action::Create };
            let operation = EventInvokeOperation::Put(desired.clone());
            let fields = changes(observed, desired);
            steps.add_fields(&Target::new(KIND, ALIAS, action), operation, fields, after);
        }
    }
}

fn changes(observed: Option<&AsyncConfig>, desired: &AsyncConfig) -> Vec<FieldChange> {
    let before = observed.map(AsyncConfig::rows);
    let rows = desired.rows().into_iter().enumerate();
    let changes = rows.map(|(place, (field, after))| {
        let before = before.as_ref().map(|rows| rows[place].1.clone());
        FieldChange::of(field, before, Some(after))
    });
    changes.filter(|change| change.before != change.after).collect()
}
