//! The parts of a step that every kind of resource shares: what it is for, which fields it changes, what it waits for.
//!
//! Each kind of resource has its own operations (see [`crate::resource`]), and a function that plans them through
//! [`Steps`]. So a kind can add steps of its own operations only, and no kind knows the list of all kinds.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::ids::VersionNumber;
use crate::names::Part;

/// A kind of resource, as its module declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceKind {
    /// Its name in output.
    pub name: &'static str,
    /// A new one needs no artifact, so it can be created while the compiler runs.
    pub is_prerequisite: bool,
    /// A deploy deletes old ones by itself, without asking.
    pub is_expendable: bool,
    /// Its word in the function's tag `lzap:kinds`, for a kind that not every stage has; see [`crate::resource::kinds`].
    pub tag: Option<&'static str>,
}

impl ResourceKind {
    /// A kind that waits for the artifact, and whose deletion must be confirmed.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, is_prerequisite: false, is_expendable: false, tag: None }
    }

    pub(crate) const fn prerequisite(self) -> Self {
        Self { is_prerequisite: true, ..self }
    }

    /// A kind that not every stage has.
    pub(crate) const fn optional(self, tag: &'static str) -> Self {
        Self { tag: Some(tag), ..self }
    }

    pub(crate) const fn expendable(self) -> Self {
        Self { is_expendable: true, ..self }
    }
}

/// One resource of a stage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceId {
    /// Its kind.
    pub kind: ResourceKind,
    /// Its name in AWS, or the id that AWS gave it.
    pub name: String,
}

/// The kind of change of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is created.
    Create,
    /// Some of its settings change.
    Update,
    /// It is deleted and created again.
    Replace,
    /// It is deleted.
    Delete,
}

impl Action {
    /// Its name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }
}

/// The change of one resource: what its steps are for. A resource has at most one change in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The resource.
    pub resource: ResourceId,
    /// The kind of change.
    pub action: Action,
}

impl Target {
    /// The change of the resource with this kind and name.
    pub(crate) fn new(kind: ResourceKind, name: impl Into<String>, action: Action) -> Self {
        Self { resource: ResourceId { kind, name: name.into() }, action }
    }
}

/// A setting that changes. Environment values never stand here, only that they differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// The setting.
    pub field: String,
    /// The observed value; `None` is unset.
    pub before: Option<String>,
    /// The desired value; `None` is unset.
    pub after: Option<String>,
    /// Why it differs.
    pub origin: Origin,
}

/// Why a setting differs from the desired state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The desired value has changed; or the reason can't be known.
    Wanted,
    /// The setting was changed outside lzap.
    Drift,
    /// A deploy of this version has set it, and the version isn't live: it failed its probe, or was rolled back.
    OtherVersion(VersionNumber),
}

impl FieldChange {
    /// A change from `before` to `after`.
    pub fn new(field: impl Into<String>, before: impl Display, after: impl Display) -> Self {
        Self::of(field, Some(before.to_string()), Some(after.to_string()))
    }

    /// A change between values of which one may be missing.
    pub fn of(field: impl Into<String>, before: Option<String>, after: Option<String>) -> Self {
        Self { field: field.into(), before, after, origin: Origin::Wanted }
    }

    /// The same change, of a setting that only a person can have changed.
    #[must_use]
    pub fn drifted(self) -> Self {
        Self { origin: Origin::Drift, ..self }
    }

    /// The same change, of a setting that the deploy of `version` has left.
    pub(crate) fn left_by(self, version: &VersionNumber) -> Self {
        Self { origin: Origin::OtherVersion(version.clone()), ..self }
    }
}

/// The tags that are missing or have another value. Tags that lzap doesn't set belong to the user, and stay.
pub(crate) fn missing_tags(
    observed: &BTreeMap<String, String>,
    desired: &BTreeMap<String, String>,
) -> Vec<FieldChange> {
    let differing = desired.iter().filter(|(key, value)| observed.get(*key) != Some(value));
    differing
        .map(|(key, value)| {
            FieldChange::of(format!("tags.{key}"), observed.get(key).cloned(), Some(value.clone()))
        })
        .collect()
}

/// The field of tags that AWS returns only by a call of their own, which an observation doesn't make.
pub(crate) fn unread_tags() -> FieldChange {
    FieldChange::of("tags", None, Some("this stage's".to_owned()))
}

/// A step's place in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepId(pub usize);

/// A step that a kind adds to a plan.
#[derive(Clone, Debug)]
pub struct NewStep<'a, O> {
    /// The change that it is a part of.
    pub target: &'a Target,
    /// The stage's function that the operation is for.
    pub part: Part,
    /// The operation of the step.
    pub operation: O,
    /// The fields that it changes.
    pub fields: Vec<FieldChange>,
    /// The steps that must end before it starts.
    pub after: Vec<StepId>,
}

/// A plan in the making, for the kind whose operations are `O`.
pub trait Steps<O> {
    /// Adds a step, and returns its place.
    fn push(&mut self, step: NewStep<'_, O>) -> StepId;

    /// Adds a step that changes no field of the app's function: it creates, deletes or tests something.
    fn add(&mut self, target: &Target, operation: O, after: impl IntoIterator<Item = StepId>) -> StepId {
        self.add_fields(target, operation, Vec::new(), after)
    }

    /// Adds a step that changes these fields.
    fn add_fields(
        &mut self,
        target: &Target,
        operation: O,
        fields: Vec<FieldChange>,
        after: impl IntoIterator<Item = StepId>,
    ) -> StepId {
        let after = after.into_iter().collect();
        self.push(NewStep { target, part: Part::App, operation, fields, after })
    }

    /// Adds steps that run one after the other, the first one after `after`, and returns the last.
    fn add_chain(
        &mut self,
        target: &Target,
        operations: Vec<(O, Vec<FieldChange>)>,
        after: Option<StepId>,
    ) -> Option<StepId> {
        operations
            .into_iter()
            .fold(after, |last, (operation, fields)| Some(self.add_fields(target, operation, fields, last)))
    }
}
