//! The log group of the app's function, and that of the worker function.
//!
//! lzap creates it before the function runs, because a log group that Lambda creates has no retention and no tags.

use std::collections::BTreeMap;

use crate::names::{Names, Part};
use crate::resource::grant::{Grant, GrantScope, grants};
use crate::step::FieldChange;
use crate::step::{Action, NewStep, ResourceKind, StepId, Steps, Target, unread_tags};
use crate::text::count;

/// A log group.
pub const KIND: ResourceKind = ResourceKind::new("log group").prerequisite();

/// The desired log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DesiredLogGroup<'a> {
    pub(crate) part: Part,
    pub(crate) retention_days: u16,
    pub(crate) tags: &'a BTreeMap<String, String>,
    /// The tags of its function have changed; its own are the same, and aren't read.
    pub(crate) has_new_tags: bool,
}

/// The log group, as CloudWatch Logs has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedLogGroup {
    /// Days that logs are kept; `None` keeps them forever.
    pub retention_days: Option<u16>,
    /// The group belongs to this stage: by its own tags, or by those of its function.
    pub ours: bool,
}

/// A write to a log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogGroupOperation {
    /// `logs:CreateLogGroup` with these tags.
    Create(BTreeMap<String, String>),
    /// `logs:PutRetentionPolicy`, in days.
    PutRetention(u16),
    /// `logs:TagResource`.
    Tag(BTreeMap<String, String>),
    /// `logs:DeleteLogGroup`.
    Delete,
}

grants! { LogGroupOperation {
    LogGroupOperation::Create(_) => ["logs:CreateLogGroup" on LogGroup, "logs:TagResource" on LogGroupTags];
    LogGroupOperation::PutRetention(_) => ["logs:PutRetentionPolicy" on LogGroup];
    LogGroupOperation::Tag(_) => ["logs:TagResource" on LogGroupTags];
    LogGroupOperation::Delete => ["logs:DeleteLogGroup" on LogGroup];
} }

/// The read actions of an observation and of `lzap tail`.
pub(crate) const READS: &[Grant] = &[
    ("logs:DescribeLogGroups", GrantScope::LogGroups),
    ("logs:ListTagsForResource", GrantScope::LogGroupTags),
    ("logs:FilterLogEvents", GrantScope::LogGroup),
];

impl LogGroupOperation {
    /// The verb of a progress line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Create(_) | Self::PutRetention(_) | Self::Tag(_) => "setting",
            Self::Delete => "deleting",
        }
    }
}

/// Creates or updates the log group. Returns the last step.
pub(crate) fn plan_log_group(
    steps: &mut impl Steps<LogGroupOperation>,
    names: &Names,
    desired: &DesiredLogGroup<'_>,
    observed: Option<&ObservedLogGroup>,
) -> Option<StepId> {
    let name = names.of(desired.part).log_group();
    let put_retention = LogGroupOperation::PutRetention(desired.retention_days);
    let mut add = |target: &Target, operation, fields, after: Option<StepId>| {
        let after = after.into_iter().collect();
        steps.push(NewStep { target, part: desired.part, operation, fields, after })
    };
    let Some(observed) = observed else {
        let target = Target::new(KIND, name, Action::Create);
        let created = add(&target, LogGroupOperation::Create(desired.tags.clone()), Vec::new(), None);
        // `CreateLogGroup` takes no retention, so a second call sets it.
        return Some(add(&target, put_retention, Vec::new(), Some(created)));
    };
    let target = Target::new(KIND, name, Action::Update);
    let mut last = None;
    // Comparing its tags would need a call of its own in every deploy.
    if !observed.ours || desired.has_new_tags {
        let tag = LogGroupOperation::Tag(desired.tags.clone());
        last = Some(add(&target, tag, vec![unread_tags()], None));
    }
    if observed.retention_days != Some(desired.retention_days) {
        let before = observed.retention_days.map_or_else(|| "for ever".to_owned(), |days| count(days, "day"));
        let field = FieldChange::new("retention", before, count(desired.retention_days, "day"));
        last = Some(add(&target, put_retention, vec![field], last));
    }
    last
}

/// Deletes a log group, after its function.
pub(crate) fn plan_deletion(
    steps: &mut impl Steps<LogGroupOperation>,
    names: &Names,
    part: Part,
    after: Option<StepId>,
) {
    let target = Target::new(KIND, names.of(part).log_group(), Action::Delete);
    let after = after.into_iter().collect();
    steps.push(NewStep {
        target: &target,
        part,
        operation: LogGroupOperation::Delete,
        fields: Vec::new(),
        after,
    });
}
