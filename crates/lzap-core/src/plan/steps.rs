//! A plan: its steps, each of them one operation, and the changes derived from them.
//!
//! The user sees [`Plan::changes`], and `lzap-aws` applies [`Plan::steps`]. A step carries the fields that it changes,
//! so there is no second list that could differ from what is applied.

use std::collections::BTreeMap;

use crate::names::Part;
use crate::resource::Operation;
use crate::resource::bucket::{self, BucketOperation};
use crate::resource::kinds::Kinds;
use crate::step::{Action, FieldChange, NewStep, Origin, ResourceId, StepId, Steps, Target};

/// The steps of a plan, in the order of their execution.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The operations. A step comes after all those that it waits for.
    pub steps: Vec<Step>,
}

/// One operation, and the change that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The resource that the step changes, and the kind of change.
    pub target: Target,
    /// The stage's function that the operation is for.
    pub part: Part,
    /// The operation, with all its settings: applying it needs no further decision.
    pub operation: Operation,
    /// The fields that it changes.
    pub fields: Vec<FieldChange>,
    /// The steps that must end before; each has a smaller id than this one.
    pub after: Vec<StepId>,
}

/// The change of a resource: all its steps together, as the user sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The resource.
    pub resource: ResourceId,
    /// The change of the resource.
    pub action: Action,
    /// The fields that change.
    pub fields: Vec<FieldChange>,
}

impl Step {
    /// True if `other` has the same operation, with any prerequisites. A later plan of the same command skips such a
    /// step.
    pub fn does_the_same_as(&self, other: &Self) -> bool {
        self.part == other.part && self.operation == other.operation
    }
}

impl Plan {
    /// The changes, each resource once, in the order of their first steps.
    pub fn changes(&self) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        let mut places: BTreeMap<&ResourceId, usize> = BTreeMap::new();
        for step in &self.steps {
            let place = *places.entry(&step.target.resource).or_insert_with(|| {
                let Target { resource, action } = step.target.clone();
                changes.push(Change { resource, action, fields: Vec::new() });
                changes.len() - 1
            });
            changes[place].fields.extend(step.fields.iter().cloned());
        }
        changes
    }

    /// The step with this id.
    ///
    /// # Panics
    /// The id is of another plan.
    pub fn step(&self, id: StepId) -> &Step {
        &self.steps[id.0]
    }

    /// Returns whether the observed state is the desired one.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The changes that the user must confirm: deletions and replacements, except for old versions and artifacts, which
    /// every deploy deletes.
    pub fn destructive_changes(&self) -> Vec<Change> {
        let is_destructive = |change: &Change| {
            matches!(change.action, Action::Delete | Action::Replace) && !change.resource.kind.is_expendable
        };
        self.changes().into_iter().filter(is_destructive).collect()
    }

    /// Returns whether a setting differs from what lzap last deployed, so that it was changed outside lzap.
    pub fn has_drift(&self) -> bool {
        self.steps.iter().flat_map(|step| &step.fields).any(|field| field.origin == Origin::Drift)
    }

    /// The steps that create prerequisites: resources that need no artifact, so that they can be created while the
    /// compiler runs. No resource that serves requests changes before the new version has passed its probe.
    #[must_use]
    pub fn prerequisites(&self) -> Self {
        self.part(|step| step.target.action == Action::Create && step.target.resource.kind.is_prerequisite)
    }

    /// The step that creates the bucket, which the lock needs.
    #[must_use]
    pub fn new_bucket(&self) -> Self {
        self.part(|step| step.operation == BucketOperation::Create.into())
    }

    /// The same, and the steps that tag a new bucket and block public access before the first upload.
    #[must_use]
    pub fn new_bucket_settings(&self) -> Self {
        let closing = [BucketOperation::Create, BucketOperation::Tag, BucketOperation::BlockPublicAccess]
            .map(Operation::from);
        let is_new =
            |target: &Target| target.resource.kind == bucket::KIND && target.action == Action::Create;
        self.part(|step| is_new(&step.target) && closing.contains(&step.operation))
    }

    /// The steps that `is_part` selects, without those that wait for a step outside the selection.
    fn part(&self, is_part: impl Fn(&Step) -> bool) -> Self {
        let mut places: BTreeMap<StepId, StepId> = BTreeMap::new();
        let mut steps = Vec::new();
        for (id, step) in self.steps.iter().enumerate() {
            let after: Option<Vec<StepId>> =
                step.after.iter().map(|before| places.get(before).copied()).collect();
            if let Some(after) = after.filter(|_| is_part(step)) {
                places.insert(StepId(id), StepId(steps.len()));
                steps.push(Step { after, ..step.clone() });
            }
        }
        Self { steps }
    }
}

/// Collects the steps of a plan.
#[derive(Default)]
pub(super) struct PlanBuilder {
    steps: Vec<Step>,
    /// The step that adds kinds to the function's tag, and those kinds: each write of these kinds waits for it.
    announcement: Option<(StepId, Kinds)>,
}

impl<O: Into<Operation>> Steps<O> for PlanBuilder {
    fn push(&mut self, step: NewStep<'_, O>) -> StepId {
        let NewStep { target, part, operation, fields, mut after } = step;
        // Added here, so that no kind's module can forget it: a resource whose kind isn't in the tag would become an
        // orphan.
        if let Some((announced, kinds)) = &self.announcement
            && kinds.has(target.resource.kind)
        {
            after.push(*announced);
        }
        self.steps.push(Step { target: target.clone(), part, operation: operation.into(), fields, after });
        StepId(self.steps.len() - 1)
    }
}

impl PlanBuilder {
    /// Makes all later steps of these kinds wait for `announced`.
    pub(super) fn announce(&mut self, announced: StepId, kinds: Kinds) {
        self.announcement = Some((announced, kinds));
    }

    /// The kinds of which the plan deletes something.
    pub(super) fn deleted_kinds(&self) -> Kinds {
        let deleting = self.steps.iter().filter(|step| step.target.action == Action::Delete);
        Kinds::of(deleting.map(|step| step.target.resource.kind))
    }

    /// The steps that delete something of these kinds.
    pub(super) fn deletions(&self, kinds: &Kinds) -> Vec<StepId> {
        let is_deletion =
            |step: &Step| step.target.action == Action::Delete && kinds.has(step.target.resource.kind);
        let steps = self.steps.iter().enumerate();
        steps.filter(|(_, step)| is_deletion(step)).map(|(id, _)| StepId(id)).collect()
    }

    /// All steps so far.
    pub(super) fn all(&self) -> Vec<StepId> {
        (0..self.steps.len()).map(StepId).collect()
    }

    pub(super) fn finish(self) -> Plan {
        Plan { steps: self.steps }
    }
}
