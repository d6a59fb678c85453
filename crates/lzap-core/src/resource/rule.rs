//! The EventBridge rules: keep-warm and the schedules. Each invokes the alias with a constant input.
//!
//! EventBridge accepts tags for a new rule only, and deletes a rule only without targets. A rule's name begins with the
//! stage's, and so may the names of others' rules: those without the stage's tags are never touched.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{RuleName, VersionNumber};
use crate::names::{Names, TARGET};
use crate::resource::grant::{Grant, GrantScope, grants};
use crate::resource::version::{VersionOperation, plan_task_probe};
use crate::step::{Action, FieldChange, ResourceKind, StepId, Steps, Target, unread_tags};

/// A rule.
pub const KIND: ResourceKind = ResourceKind::new("rule").prerequisite().optional("rule");

/// The desired rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredRule {
    /// `rate(4 minutes)`.
    pub schedule: String,
    /// The JSON text that the function gets.
    pub input: String,
    /// The task that it invokes; none for keep-warm.
    pub task: Option<String>,
}

/// A rule, as EventBridge has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedRule {
    /// Its schedule.
    pub schedule: String,
    /// The rule is enabled.
    pub enabled: bool,
    /// Its targets.
    pub targets: Vec<RuleTarget>,
    /// It is this stage's: by its tags, or because it has keep-warm's name and invokes this stage's alias.
    pub ours: bool,
}

/// A target of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleTarget {
    /// Its id.
    pub id: String,
    /// The ARN that it invokes.
    pub arn: String,
    /// Its constant input.
    pub input: String,
}

/// A write to a rule, which is named by the end of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleOperation {
    /// `events:PutRule`, enabled.
    Put {
        /// The rule.
        rule: RuleName,
        /// Its schedule.
        schedule: String,
        /// Its tags; empty for a rule that exists.
        tags: BTreeMap<String, String>,
    },
    /// `events:PutTargets`: the alias.
    PutTarget {
        /// The rule.
        rule: RuleName,
        /// The constant input.
        input: String,
    },
    /// `events:TagResource`.
    Tag {
        /// The rule.
        rule: RuleName,
        /// The tags.
        tags: BTreeMap<String, String>,
    },
    /// `events:RemoveTargets`.
    RemoveTargets {
        /// The rule.
        rule: RuleName,
        /// The targets' ids.
        ids: Vec<String>,
    },
    /// `events:DeleteRule`.
    Delete(RuleName),
}

grants! { RuleOperation {
    RuleOperation::Put { .. } => ["events:PutRule" on Rule, "events:TagResource" on Rule];
    RuleOperation::PutTarget { .. } => ["events:PutTargets" on Rule];
    RuleOperation::Tag { .. } => ["events:TagResource" on Rule];
    RuleOperation::RemoveTargets { .. } => ["events:RemoveTargets" on Rule];
    RuleOperation::Delete(_) => ["events:DeleteRule" on Rule];
} }

/// The read actions of an observation.
pub(crate) const READS: &[Grant] = &[
    ("events:ListRules", GrantScope::Rules),
    ("events:ListTargetsByRule", GrantScope::Rule),
    ("events:ListTagsForResource", GrantScope::Rule),
];

impl RuleOperation {
    /// The verb of a progress line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Put { .. } | Self::PutTarget { .. } | Self::Tag { .. } => "setting",
            Self::RemoveTargets { .. } | Self::Delete(_) => "deleting",
        }
    }
}

/// The state of the stage that a rule's plan depends on.
pub(crate) struct RuleContext<'a> {
    pub(crate) names: &'a Names,
    pub(crate) tags: &'a BTreeMap<String, String>,
    /// The tags of the function have changed, and so have those of the rules, which aren't read.
    pub(crate) has_new_tags: bool,
    /// The version to ask for its tasks; `None` when the plan publishes one, which is asked anyway.
    pub(crate) live_version: Option<&'a VersionNumber>,
    /// The tasks that schedules invoke.
    pub(crate) tasks: &'a BTreeSet<String>,
    /// The step after which the alias can be invoked.
    pub(crate) alias: Option<StepId>,
    /// The stage's rules, by the end of their names.
    pub(crate) observed: &'a BTreeMap<RuleName, ObservedRule>,
}

/// Creates and updates the stage's rules, and deletes those that it no longer has. A schedule is created after its task was
/// found in the live version. Returns the step that looked for it, where the plan publishes no version.
pub(crate) fn plan_rules(
    steps: &mut (impl Steps<RuleOperation> + Steps<VersionOperation>),
    context: &RuleContext<'_>,
    desired: &BTreeMap<RuleName, DesiredRule>,
) -> Option<StepId> {
    let mut probed = None;
    for (name, rule) in desired {
        probed = plan_rule(steps, context, name, rule, probed).or(probed);
    }
    // Old rules are deleted after the new ones were found to be possible.
    let after: Vec<StepId> = probed.into_iter().chain(context.alias).collect();
    let is_stale = |(name, rule): &(&RuleName, &ObservedRule)| rule.ours && !desired.contains_key(*name);
    for (name, rule) in context.observed.iter().filter(is_stale) {
        plan_deletion(steps, context.names, name, rule, &after);
    }
    probed
}

fn plan_rule(
    steps: &mut (impl Steps<RuleOperation> + Steps<VersionOperation>),
    context: &RuleContext<'_>,
    name: &RuleName,
    desired: &DesiredRule,
    probed: Option<StepId>,
) -> Option<StepId> {
    let observed = context.observed.get(name);
    let action = if observed.is_some() { Action::Update } else { Action::Create };
    let target = Target::new(KIND, context.names.rule(name), action);
    if observed.is_some_and(|rule| !rule.ours || context.has_new_tags) {
        let operation = RuleOperation::Tag { rule: name.clone(), tags: context.tags.clone() };
        steps.add_fields(&target, operation, vec![unread_tags()], []);
    }
    let rule_fields = rule_changes(desired, observed);
    let target_fields = target_changes(desired, observed, &context.names.alias_arn());
    let needs_probe = desired.task.is_some() && target_fields.is_some() && probed.is_none();
    let version = context.live_version.filter(|_| needs_probe);
    let probe = version.map(|version| plan_task_probe(steps, &target, version, context.tasks.clone()));
    let probed = probed.or(probe);
    let ready: Vec<StepId> = probed.into_iter().chain(context.alias).collect();
    // The keep-warm rule can be created before the alias exists; a schedule's rule waits for the probe of its task.
    let put_after = if desired.task.is_some() { ready.clone() } else { Vec::new() };
    let put = rule_fields.map(|fields| {
        let tags = if observed.is_none() { context.tags.clone() } else { BTreeMap::new() };
        let operation = RuleOperation::Put { rule: name.clone(), schedule: desired.schedule.clone(), tags };
        steps.add_fields(&target, operation, fields, put_after)
    });
    if let Some(fields) = target_fields {
        let operation = RuleOperation::PutTarget { rule: name.clone(), input: desired.input.clone() };
        steps.add_fields(&target, operation, fields, put.into_iter().chain(ready));
    }
    probe
}

/// The changes of the rule itself; `None` when it is as desired.
fn rule_changes(desired: &DesiredRule, observed: Option<&ObservedRule>) -> Option<Vec<FieldChange>> {
    let Some(observed) = observed else {
        let schedule = FieldChange::of("schedule", None, Some(desired.schedule.clone()));
        // A new keep-warm rule is shown without its schedule, which is a default; a task's schedule is shown.
        return Some(desired.task.iter().map(|_| schedule.clone()).collect());
    };
    let mut fields = Vec::new();
    if observed.schedule != desired.schedule {
        fields.push(FieldChange::new("schedule", &observed.schedule, &desired.schedule));
    }
    if !observed.enabled {
        fields.push(FieldChange::new("state", "disabled", "enabled").drifted());
    }
    (!fields.is_empty()).then_some(fields)
}

/// The changes of its target; `None` when it is as desired.
fn target_changes(
    desired: &DesiredRule,
    observed: Option<&ObservedRule>,
    alias_arn: &str,
) -> Option<Vec<FieldChange>> {
    let Some(observed) = observed else { return Some(Vec::new()) };
    let target = observed.targets.iter().find(|target| target.id == TARGET).or(observed.targets.first());
    match target {
        Some(target) if target.id == TARGET && target.arn == alias_arn => (target.input != desired.input)
            .then(|| vec![FieldChange::new("input", &target.input, &desired.input)]),
        other => {
            let input =
                desired.task.as_ref().map_or("a warm ping".to_owned(), |task| format!("task `{task}`"));
            let before = other.map(|target| target.arn.clone());
            Some(vec![FieldChange::of("target", before, Some(format!("the alias, with {input}")))])
        }
    }
}

/// Deletes a rule after its targets, because EventBridge refuses the deletion of a rule that has any. Returns the last
/// step.
pub(crate) fn plan_deletion(
    steps: &mut impl Steps<RuleOperation>,
    names: &Names,
    name: &RuleName,
    rule: &ObservedRule,
    after: &[StepId],
) -> StepId {
    let target = Target::new(KIND, names.rule(name), Action::Delete);
    let ids: Vec<String> = rule.targets.iter().map(|target| target.id.clone()).collect();
    let remove = RuleOperation::RemoveTargets { rule: name.clone(), ids };
    let removed = (!rule.targets.is_empty()).then(|| steps.add(&target, remove, after.iter().copied()));
    let after = removed.map_or_else(|| after.to_vec(), |removed| vec![removed]);
    steps.add(&target, RuleOperation::Delete(name.clone()), after)
}
