//! Fires `EventBridge`'s scheduled rules.
//!
//! [`find_due_rules`] is pure: it gets rules and a period, and returns firings. The loop around it looks every quarter
//! of a second; what would have fired while the cloud was down is not made up for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::ACCOUNT;
use crate::clock::rfc3339;
use crate::lambda::{Caller, Invocation, InvocationKind, Lambda};
use crate::passive::events::{Events, Rule, Target};
use crate::ports::Clock;

const TICK: Duration = Duration::from_millis(250);

/// A target's call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Firing {
    /// The rule.
    pub(crate) rule_arn: String,
    /// The function.
    pub(crate) function_arn: String,
    /// The event.
    pub(crate) payload: String,
}

/// Returns the rules that fire after one time, up to and including another. A rule fires once at most, however long the
/// stretch.
pub(crate) fn find_due_rules(rules: &[Rule], after_ms: i64, until_ms: i64) -> Vec<Firing> {
    let mut firings = Vec::new();
    for rule in rules {
        let Some(at) = rule.schedule.next(rule.since_ms, after_ms).filter(|at| *at <= until_ms) else {
            continue;
        };
        firings.extend(rule.targets.iter().map(|target| Firing {
            rule_arn: rule.arn.clone(),
            function_arn: target.arn.clone(),
            payload: build_payload(rule, target, at),
        }));
    }
    firings
}

/// The target's own constant as it stands, else the event that `EventBridge` sends for schedules.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html>
fn build_payload(rule: &Rule, target: &Target, at_ms: i64) -> String {
    target.input.clone().unwrap_or_else(|| {
        json!({
            "version": "0",
            "id": uuid::Uuid::new_v4().to_string(),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT,
            "time": rfc3339(at_ms),
            "region": rule.region,
            "resources": [rule.arn],
            "detail": {},
        })
        .to_string()
    })
}

/// Fires rules until stopped.
pub(crate) async fn run(events: Arc<Events>, lambda: Lambda, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let mut after = clock.now_ms();
    while stop.run_until_cancelled(tokio::time::sleep(TICK)).await.is_some() {
        let now = clock.now_ms();
        for firing in find_due_rules(&events.scheduled().await, after, now) {
            fire_rule(&lambda, firing).await;
        }
        after = now.max(after);
    }
}

async fn fire_rule(lambda: &Lambda, firing: Firing) {
    let invocation = Invocation {
        function_arn: firing.function_arn.clone(),
        payload: Bytes::from(firing.payload),
        kind: InvocationKind::Event,
        caller: Caller::Service {
            principal: "events.amazonaws.com".to_owned(),
            source_arn: firing.rule_arn.clone(),
        },
        request_id: None,
    };
    match lambda.invoke(invocation).await {
        Ok(_) => tracing::info!(rule = firing.rule_arn, function = firing.function_arn, "a rule fired"),
        Err(error) => tracing::warn!(rule = firing.rule_arn, %error, "a rule could not call its target"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Schedule;

    fn rule(expression: &str, input: Option<&str>) -> Rule {
        Rule {
            region: "us-east-1".to_owned(),
            arn: "arn:aws:events:us-east-1:000000000000:rule/warm".to_owned(),
            schedule: Schedule::parse(expression).expect("a good expression"),
            since_ms: 1000,
            targets: vec![Target { arn: "arn:f".to_owned(), input: input.map(str::to_owned) }],
        }
    }

    #[test]
    fn a_constant_is_sent_as_it_stands() {
        let rules = [rule("rate(1 minute)", Some("{ \"lzap\" : 1 }"))];
        assert_eq!(find_due_rules(&rules, 1000, 60_999), []);
        let fired = find_due_rules(&rules, 60_999, 61_000);
        assert_eq!(
            fired.iter().map(|firing| firing.payload.as_str()).collect::<Vec<_>>(),
            ["{ \"lzap\" : 1 }"]
        );
        assert_eq!(find_due_rules(&rules, 61_000, 61_250), []);
    }

    #[test]
    fn the_standard_event_names_rule_and_moment() {
        let fired = find_due_rules(&[rule("cron(0 * * * ? *)", None)], 3_599_000, 3_600_000);
        let event: serde_json::Value = serde_json::from_str(&fired[0].payload).expect("JSON");
        assert_eq!(event["time"], "1970-01-01T01:00:00Z");
        assert_eq!(event["resources"][0], "arn:aws:events:us-east-1:000000000000:rule/warm");
        assert_eq!(event["detail-type"], "Scheduled Event");
    }

    #[test]
    fn a_long_pause_fires_once() {
        assert_eq!(find_due_rules(&[rule("rate(1 minute)", None)], 1000, 10_000_000).len(), 1);
    }
}
