//! The rules.
//!
//! EventBridge's rules for keep-warm and for each schedule; every rule has one target of lzap's, the alias.

use lzap_core::ids::RuleName;
use lzap_core::names::{KEEP_WARM, TARGET};
use lzap_core::resource::rule::{ObservedRule, RuleOperation, RuleTarget};

use crate::Model;

impl Model {
    /// Changes a rule or its targets.
    pub(crate) fn apply_rule(&mut self, operation: &RuleOperation) {
        match operation {
            RuleOperation::Put { rule, schedule, tags } => {
                let is_served = *rule == *KEEP_WARM || self.cloud.alias.is_some();
                assert!(is_served, "a schedule comes after the version that has its task");
                // `PutRule` replaces the rule's settings and keeps its targets.
                let before = self.cloud.rules.remove(rule);
                assert!(before.is_none() || tags.is_empty(), "EventBridge takes tags for a new rule only");
                let ours = before.as_ref().is_none_or(|rule| rule.ours);
                let targets = before.map(|rule| rule.targets).unwrap_or_default();
                let live = ObservedRule { schedule: schedule.clone(), enabled: true, targets, ours };
                self.cloud.rules.insert(rule.clone(), live);
            }
            // A target with the same id is replaced; targets of others stay.
            RuleOperation::PutTarget { rule, input } => {
                let arn = self.names().alias_arn();
                let rule = self.rule(rule);
                rule.targets.retain(|target| target.id != TARGET);
                rule.targets.push(RuleTarget { id: TARGET.to_owned(), arn, input: input.clone() });
            }
            // Tags of an existing rule need a call of their own.
            RuleOperation::Tag { rule, .. } => self.rule(rule).ours = true,
            RuleOperation::RemoveTargets { rule, ids } => {
                self.rule(rule).targets.retain(|target| !ids.contains(&target.id));
            }
            RuleOperation::Delete(rule) => {
                assert!(self.rule(rule).targets.is_empty(), "the targets are removed first");
                self.cloud.rules.remove(rule);
            }
        }
    }

    /// Returns a rule by its name within the stage.
    ///
    /// # Panics
    /// It doesn't exist.
    fn rule(&mut self, name: &RuleName) -> &mut ObservedRule {
        self.cloud.rules.get_mut(name).expect("the rule exists")
    }
}
