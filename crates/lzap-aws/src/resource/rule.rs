//! The rules, each with its target: see `lzap_core::resource::rule`.
//!
//! AWS: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Operations.html>

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::{RuleState, Tag, Target};
use lzap_core::ids::RuleName;
use lzap_core::names::{KEEP_WARM, Names, TARGET};
use lzap_core::resource::rule::{ObservedRule, RuleOperation, RuleTarget};

use super::deletion::delete_and_confirm;
use super::step::{Created, StepContext};
use crate::clients::Clients;
use crate::error::{Absent, AwsError, Named};
use crate::retry::{CONFLICT, PROPAGATION, again};

/// Applies one operation. Targets and tags may follow the rule's creation, so that "not found" can mean "not
/// yet".
pub(crate) async fn apply_rule(
    context: StepContext<'_>,
    operation: &RuleOperation,
) -> Result<Created, AwsError> {
    let StepContext { clients, names, progress, .. } = context;
    match operation {
        RuleOperation::Put { rule, schedule, tags } => {
            again(CONFLICT, progress, || put_rule(clients, names, rule, schedule, tags)).await?;
        }
        RuleOperation::PutTarget { rule, input } => {
            again(PROPAGATION, progress, || put_target(clients, names, rule, input)).await?;
        }
        RuleOperation::Tag { rule, tags } => {
            again(PROPAGATION, progress, || tag_rule(clients, names, rule, tags)).await?;
        }
        RuleOperation::RemoveTargets { rule, ids } => {
            again(CONFLICT, progress, || remove_targets(clients, names, rule, ids)).await?;
        }
        RuleOperation::Delete(rule) => {
            let is_there = async || Ok(list_rules(clients, names).await?.contains_key(rule));
            let delete = || delete_and_confirm(delete_rule(clients, names, rule), is_there());
            again(PROPAGATION, progress, delete).await?;
        }
    }
    Ok(Created::Nothing)
}

/// `events:ListRules`, all pages: the rules whose names begin with the stage's prefix, without their targets, keyed by
/// the rest of the name. AWS: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListRules.html>
pub(crate) async fn list_rules(
    clients: &Clients,
    names: &Names,
) -> Result<BTreeMap<RuleName, ObservedRule>, AwsError> {
    let prefix = names.rule(&RuleName::new(""));
    let mut rules = BTreeMap::new();
    let mut token = None;
    loop {
        let call = clients.events().list_rules().name_prefix(&prefix).set_next_token(token);
        let page = call.send().await.named("events:ListRules")?;
        rules.extend(page.rules().iter().filter_map(|rule| {
            let live = ObservedRule {
                schedule: rule.schedule_expression().unwrap_or_default().to_owned(),
                enabled: rule.state() == Some(&RuleState::Enabled),
                targets: Vec::new(),
                // The owner is known only after the rule's tags are read.
                ours: false,
            };
            // Rules of a stage such as `dev-2` begin with the prefix of `dev` too; their tags show it.
            Some((RuleName::new(rule.name()?.strip_prefix(&prefix)?), live))
        }));
        token = page.next_token().map(str::to_owned);
        if token.is_none() {
            return Ok(rules);
        }
    }
}

/// `events:ListTagsForResource` of the rule; empty if the rule doesn't exist.
pub(crate) async fn rule_tags(
    clients: &Clients,
    names: &Names,
    rule: &RuleName,
) -> Result<BTreeMap<String, String>, AwsError> {
    let call = clients.events().list_tags_for_resource().resource_arn(names.rule_arn(rule));
    let answer = call.send().await.named("events:ListTagsForResource").found()?;
    let tags = answer.and_then(|answer| answer.tags).unwrap_or_default();
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// `events:TagResource` on the rule.
async fn tag_rule(
    clients: &Clients,
    names: &Names,
    rule: &RuleName,
    tags: &BTreeMap<String, String>,
) -> Result<(), AwsError> {
    const OPERATION: &str = "events:TagResource";
    let tags = event_tags(OPERATION, tags)?;
    let call = clients.events().tag_resource().resource_arn(names.rule_arn(rule)).set_tags(Some(tags));
    call.send().await.named(OPERATION).map(drop)
}

/// Converts tags to EventBridge's type. The builder only fails without key and value.
fn event_tags(operation: &'static str, tags: &BTreeMap<String, String>) -> Result<Vec<Tag>, AwsError> {
    let tags: Result<Vec<Tag>, _> =
        tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    tags.map_err(|error| AwsError::broken(operation, error.to_string()))
}

/// `events:ListTargetsByRule`; empty if the rule doesn't exist. One page: a rule has at most five targets.
pub(crate) async fn list_targets(
    clients: &Clients,
    names: &Names,
    rule: &RuleName,
) -> Result<Vec<RuleTarget>, AwsError> {
    let call = clients.events().list_targets_by_rule().rule(names.rule(rule));
    let answer = call.send().await.named("events:ListTargetsByRule").found()?;
    let targets = answer.and_then(|answer| answer.targets).unwrap_or_default();
    Ok(targets
        .into_iter()
        .map(|target| RuleTarget { id: target.id, arn: target.arn, input: target.input.unwrap_or_default() })
        .collect())
}

/// `events:PutRule`, enabled. It replaces schedule and state, and keeps the targets. AWS accepts tags only
/// for a new rule. AWS: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>
async fn put_rule(
    clients: &Clients,
    names: &Names,
    rule: &RuleName,
    schedule: &str,
    tags: &BTreeMap<String, String>,
) -> Result<(), AwsError> {
    const OPERATION: &str = "events:PutRule";
    let tags = event_tags(OPERATION, tags)?;
    let call = clients
        .events()
        .put_rule()
        .name(names.rule(rule))
        .description(rule_description(names, rule))
        .schedule_expression(schedule)
        .state(RuleState::Enabled)
        // An existing rule gets its tags by `TagResource`.
        .set_tags((!tags.is_empty()).then_some(tags));
    call.send().await.named(OPERATION).map(drop)
}

/// Returns the text that people see in the console.
fn rule_description(names: &Names, rule: &RuleName) -> String {
    match rule.as_str() {
        KEEP_WARM => format!("lzap: keeps {} warm", names.function()),
        schedule => format!("lzap: schedule {schedule} of {}", names.function()),
    }
}

/// `events:PutTargets`: the alias, with a constant input. A target with the same id is replaced. AWS:
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html>
async fn put_target(clients: &Clients, names: &Names, rule: &RuleName, input: &str) -> Result<(), AwsError> {
    const OPERATION: &str = "events:PutTargets";
    let target = Target::builder().id(TARGET).arn(names.alias_arn()).input(input).build();
    let target = target.map_err(|error| AwsError::broken(OPERATION, error.to_string()))?;
    let call = clients.events().put_targets().rule(names.rule(rule)).targets(target);
    let answer = call.send().await.named(OPERATION)?;
    let failed = answer.failed_entries().first();
    let failed = failed.map(|entry| (entry.error_code(), entry.error_message()));
    all_entries(OPERATION, answer.failed_entry_count(), failed)
}

/// `events:RemoveTargets`, which must come before `DeleteRule`: EventBridge deletes no rule with targets.
/// AWS: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RemoveTargets.html>
async fn remove_targets(
    clients: &Clients,
    names: &Names,
    rule: &RuleName,
    ids: &[String],
) -> Result<(), AwsError> {
    const OPERATION: &str = "events:RemoveTargets";
    let call = clients.events().remove_targets().rule(names.rule(rule)).set_ids(Some(ids.to_vec()));
    // A rule that doesn't exist has no targets to remove.
    let Some(answer) = call.send().await.named(OPERATION).found()? else {
        return Ok(());
    };
    let failed = answer.failed_entries().first();
    let failed = failed.map(|entry| (entry.error_code(), entry.error_message()));
    all_entries(OPERATION, answer.failed_entry_count(), failed)
}

/// `events:DeleteRule`.
async fn delete_rule(clients: &Clients, names: &Names, rule: &RuleName) -> Result<(), AwsError> {
    clients.events().delete_rule().name(names.rule(rule)).send().await.named("events:DeleteRule").map(drop)
}

/// Fails with the first failed entry. Both target operations answer 200 even if entries failed; only the
/// count tells.
fn all_entries(
    operation: &'static str,
    failed: i32,
    first: Option<(Option<&str>, Option<&str>)>,
) -> Result<(), AwsError> {
    if failed == 0 {
        return Ok(());
    }
    let (code, message) = first.unwrap_or_default();
    Err(AwsError::entry(operation, code.unwrap_or("FailedEntry"), message.unwrap_or("no reason given")))
}
