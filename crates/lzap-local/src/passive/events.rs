//! `EventBridge`: `winterbaume-eventbridge`, with the checks and tags that its rules lack.
//!
//! Answered or checked here: rule names, schedule expressions, the target limit, constant inputs, tags given to
//! `PutRule`, and when a rule was made (rates count from there). Firing is `scheduler`'s; what is put on a bus with
//! `PutEvents` reaches no rule.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::Request;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use winterbaume_core::StatefulService as _;
use winterbaume_eventbridge::{EventBridgeService, EventsStateView};

use super::{ask_json, forward, json_body, json_operation, named_501};
use crate::ACCOUNT;
use crate::answer::{self, Answer};
use crate::schedule::Schedule;

/// AWS: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>
const TARGETS_PER_RULE: usize = 5;
/// AWS: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html>
const INPUT_BYTES: usize = 8192;

/// `EventBridge`.
#[derive(Default)]
pub(crate) struct Events {
    service: EventBridgeService,
    /// Region and rule to what its rate counts from.
    schedules: Mutex<BTreeMap<String, Scheduled>>,
}

/// Since when a rule has its schedule.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Scheduled {
    expression: String,
    since_ms: i64,
}

/// A scheduled rule that is switched on.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// Its region.
    pub(crate) region: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// When it fires.
    pub(crate) schedule: Schedule,
    /// The time from which its rate counts.
    pub(crate) since_ms: i64,
    /// The functions that it calls.
    pub(crate) targets: Vec<Target>,
}

/// A function that a rule calls.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The target's ARN.
    pub(crate) arn: String,
    /// Sent instead of the event.
    pub(crate) input: Option<String>,
}

/// The state, for the store.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct SavedEvents {
    regions: BTreeMap<String, EventsStateView>,
    schedules: BTreeMap<String, Scheduled>,
}

impl Events {
    /// Answers one request.
    pub(crate) async fn handle(&self, region: &str, request: Request<Bytes>, now_ms: i64) -> Answer {
        let operation = json_operation(&request);
        let body = match json_body(&request) {
            Ok(body) => body,
            Err(refusal) => return *refusal,
        };
        if let Some(refusal) = self.refuse(region, &operation, &body).await {
            return refusal;
        }
        let known = self.rule_exists(region, read_text(&body, "Name")).await;
        let answer = forward(&self.service, &format_host(region), request).await;
        if operation == "PutRule" && answer.status().is_success() {
            self.remember(region, &body, now_ms);
            if !known {
                self.tag(region, &body, &answer).await;
            }
        }
        named_501("events", &operation, answer)
    }

    /// Returns AWS's refusal of a request that the emulated service would accept.
    async fn refuse(&self, region: &str, operation: &str, body: &Value) -> Option<Answer> {
        match operation {
            "PutRule" => refuse_rule(body),
            "PutTargets" => self.refuse_targets(region, body).await,
            "TagResource" | "UntagResource" | "ListTagsForResource" => {
                let arn = read_text(body, "ResourceARN");
                let name = arn.rsplit('/').next().unwrap_or_default();
                let missing = arn.contains(":rule/") && !self.rule_exists(region, name).await;
                missing.then(|| not_found(name))
            }
            _ => None,
        }
    }

    async fn refuse_targets(&self, region: &str, body: &Value) -> Option<Answer> {
        let view = self.service.snapshot(ACCOUNT, region).await;
        let name = read_text(body, "Rule");
        let Some(rule) = view.rules.get(name) else {
            return Some(not_found(name));
        };
        let targets = body["Targets"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut ids: Vec<_> = rule.targets.iter().map(|target| target.id.as_str()).collect();
        ids.extend(targets.iter().map(|target| read_text(target, "Id")));
        ids.sort_unstable();
        ids.dedup();
        if ids.len() > TARGETS_PER_RULE {
            let message = "The requested resource exceeds the maximum number allowed.";
            return Some(answer::aws_json_error(400, "LimitExceededException", message));
        }
        targets.iter().find_map(refuse_target)
    }

    async fn rule_exists(&self, region: &str, name: &str) -> bool {
        !name.is_empty() && self.service.snapshot(ACCOUNT, region).await.rules.contains_key(name)
    }

    /// A rate counts from the moment that the rule got it.
    fn remember(&self, region: &str, body: &Value, now_ms: i64) {
        let mut schedules = self.schedules.lock().unwrap_or_else(PoisonError::into_inner);
        let key = format!("{region}/{}", read_text(body, "Name"));
        let expression = read_text(body, "ScheduleExpression").to_owned();
        if schedules.get(&key).is_none_or(|known| known.expression != expression) {
            schedules.insert(key, Scheduled { expression, since_ms: now_ms });
        }
    }

    /// `PutRule` tags a new rule, and leaves the tags of one that exists alone.
    async fn tag(&self, region: &str, body: &Value, answer: &Answer) {
        let Some(tags) = body.get("Tags").filter(|tags| tags.as_array().is_some_and(|tags| !tags.is_empty()))
        else {
            return;
        };
        let made: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let ask = json!({ "ResourceARN": made["RuleArn"], "Tags": tags });
        ask_json(&self.service, &format_host(region), "AWSEvents.TagResource", &ask).await;
    }

    /// The scheduled rules that are on, of all regions.
    pub(crate) async fn scheduled(&self) -> Vec<Rule> {
        let schedules = self.schedules.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut regions: HashMap<&str, EventsStateView> = HashMap::new();
        let mut rules = Vec::new();
        for (key, scheduled) in &schedules {
            let Some((region, name)) = key.split_once('/') else {
                continue;
            };
            if !regions.contains_key(region) {
                regions.insert(region, self.service.snapshot(ACCOUNT, region).await);
            }
            let Some(rule) = regions.get(region).and_then(|view| view.rules.get(name)) else {
                continue;
            };
            let Some(schedule) = rule.schedule_expression.as_deref().and_then(Schedule::parse) else {
                continue;
            };
            if rule.state != "ENABLED" {
                continue;
            }
            rules.push(Rule {
                region: region.to_owned(),
                arn: rule.arn.clone(),
                schedule,
                since_ms: scheduled.since_ms,
                targets: rule
                    .targets
                    .iter()
                    .map(|target| Target { arn: target.arn.clone(), input: target.input.clone() })
                    .collect(),
            });
        }
        rules
    }

    /// The state, for the store.
    pub(crate) async fn snapshot(&self) -> SavedEvents {
        let mut schedules = self.schedules.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut regions = BTreeMap::new();
        for region in
            schedules.keys().filter_map(|key| key.split_once('/')).map(|(region, _)| region.to_owned())
        {
            let view = self.service.snapshot(ACCOUNT, &region).await;
            regions.insert(region, view);
        }
        let lives = |key: &str| {
            key.split_once('/').and_then(|(region, name)| regions.get(region)?.rules.get(name)).is_some()
        };
        schedules.retain(|key, _| lives(key));
        SavedEvents { regions, schedules }
    }

    /// Takes up a state that was saved.
    pub(crate) async fn restore(&self, saved: SavedEvents) -> Result<(), String> {
        for (region, view) in saved.regions {
            self.service.restore(ACCOUNT, &region, view).await.map_err(|error| error.to_string())?;
        }
        *self.schedules.lock().unwrap_or_else(PoisonError::into_inner) = saved.schedules;
        Ok(())
    }
}

fn format_host(region: &str) -> String {
    format!("events.{region}.amazonaws.com")
}

fn read_text<'a>(body: &'a Value, key: &str) -> &'a str {
    body[key].as_str().unwrap_or_default()
}

fn not_found(rule: &str) -> Answer {
    let message = format!("Rule {rule} does not exist on EventBus default.");
    answer::aws_json_error(400, "ResourceNotFoundException", &message)
}

fn refuse_invalid(message: &str) -> Answer {
    answer::aws_json_error(400, "ValidationException", message)
}

/// AWS: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>
fn refuse_rule(body: &Value) -> Option<Answer> {
    let name = read_text(body, "Name");
    let good = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if !good || name.is_empty() || name.len() > lzap_wire::limits::RULE_NAME_CHARS {
        return Some(refuse_invalid(&format!(
            "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+ and have length less than or equal to 64"
        )));
    }
    let schedule = read_text(body, "ScheduleExpression");
    if schedule.is_empty() && read_text(body, "EventPattern").is_empty() {
        return Some(refuse_invalid("Parameter(s) EventPattern or ScheduleExpression must be specified."));
    }
    let bad = !schedule.is_empty() && Schedule::parse(schedule).is_none();
    bad.then(|| refuse_invalid("Parameter ScheduleExpression is not valid."))
}

fn refuse_target(target: &Value) -> Option<Answer> {
    let (id, arn, input) = (read_text(target, "Id"), read_text(target, "Arn"), target["Input"].as_str()?);
    if !arn.starts_with("arn:") {
        return Some(refuse_invalid(&format!(
            "Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."
        )));
    }
    if input.len() > INPUT_BYTES {
        return Some(refuse_invalid(
            "1 validation error detected: Value at 'targets.1.member.input' failed to satisfy constraint: Member must have length less than or equal to 8192",
        ));
    }
    let broken = serde_json::from_str::<Value>(input).is_err();
    broken.then(|| refuse_invalid(&format!("JSON syntax error in input for target {id}.")))
}
