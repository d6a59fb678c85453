//! Schedules: only what changed is touched, nothing foreign ever, and no task is asked for before it was seen.

use std::collections::BTreeMap;

use lzap_core::desired::{Desired, Undeploy};
use lzap_core::ids::RuleName;
use lzap_core::names::KEEP_WARM;
use lzap_core::observed::Observed;
use lzap_core::plan::{Plan, PlanError, plan};
use lzap_core::resource::Operation;
use lzap_core::resource::permission::PermissionOperation;
use lzap_core::resource::reference::VersionRef;
use lzap_core::resource::rule::ObservedRule;
use lzap_core::resource::rule::RuleOperation;
use lzap_core::resource::version::VersionOperation;
use lzap_core::schedule::Schedule;
use lzap_core::step::StepId;
use lzap_sim::after_all;

use crate::{calls, deployed, hourly, names, stage};

/// What is called when a plan goes from one set of schedules to another, the code staying as it is.
fn rescheduled(before: &[Schedule], after: &[Schedule]) -> Plan {
    let with = |schedules: &[Schedule]| stage(1, |settings| settings.schedules = schedules.to_vec());
    let cloud = deployed(&with(before), &Observed::nothing(names()));
    plan(&Desired::Stage(Box::new(with(after))), &cloud).expect("a plan")
}

#[test]
fn only_the_schedules_that_changed_are_touched() {
    let (a, b) = (hourly("a", 1, "x"), hourly("b", 1, "y"));
    let slower = rescheduled(&[a.clone(), b.clone()], &[a.clone(), hourly("b", 2, "y")]);
    assert!(
        matches!(calls(&slower).as_slice(), [Operation::Rule(RuleOperation::Put { rule, schedule, .. })] if rule == "b" && schedule == "rate(2 hours)"),
        "{slower:#?}"
    );
    assert!(slower.destructive_changes().is_empty());
    let fewer = rescheduled(&[a.clone(), b.clone()], std::slice::from_ref(&a));
    let statement = "lzap-schedule-b";
    assert!(
        matches!(calls(&fewer).as_slice(), [Operation::Rule(RuleOperation::RemoveTargets { rule, .. }), Operation::Rule(RuleOperation::Delete(gone)), Operation::Permission(PermissionOperation::Remove(id))]
            if rule == "b" && gone == "b" && *id == *statement),
        "{fewer:#?}"
    );
    assert!(!fewer.destructive_changes().is_empty());
    assert!(rescheduled(&[a.clone(), b.clone()], &[b, a]).is_empty(), "their order means nothing");
}

/// Without a new version, no probe would ask the live one whether it has the task.
#[test]
fn a_schedule_comes_after_its_task_was_seen() {
    let new = rescheduled(&[], &[hourly("a", 1, "x")]);
    let asked = calls(&new);
    let [
        Operation::Version(VersionOperation::Probe { version: VersionRef::Known(version), tasks, .. }),
        rest @ ..,
    ] = asked.as_slice()
    else {
        panic!("the live version is asked first: {new:#?}")
    };
    assert_eq!((version.as_str(), tasks.iter().map(String::as_str).collect::<Vec<_>>()), ("1", vec!["x"]));
    assert_eq!(rest.len(), 3, "rule, target and permission");
    let waits =
        |step: &lzap_core::plan::Step| step.after.contains(&StepId(0)) || step.after.contains(&StepId(1));
    assert!(new.steps.iter().skip(1).all(waits), "{new:#?}");
    // One instead of another: the old one is there until the new one's task was seen.
    let other = rescheduled(&[hourly("a", 1, "x")], &[hourly("b", 1, "y")]);
    let looked = other
        .steps
        .iter()
        .position(|step| matches!(step.operation, Operation::Version(VersionOperation::Probe { .. })));
    let removed = other
        .steps
        .iter()
        .find(|step| matches!(step.operation, Operation::Rule(RuleOperation::RemoveTargets { .. })));
    assert_eq!(removed.map(|step| step.after.clone()), looked.map(|step| vec![StepId(step)]), "{other:#?}");
    let first = stage(1, |settings| settings.schedules = vec![hourly("a", 1, "x"), hourly("b", 1, "y")]);
    let first = plan(&Desired::Stage(Box::new(first)), &Observed::nothing(names())).expect("a plan");
    let probes: Vec<_> = calls(&first)
        .into_iter()
        .filter(|call| matches!(call, Operation::Version(VersionOperation::Probe { .. })))
        .collect();
    assert!(
        matches!(probes.as_slice(), [Operation::Version(VersionOperation::Probe { version: VersionRef::Published, tasks, .. })] if tasks.len() == 2),
        "{probes:#?}"
    );
    let early = first.prerequisites();
    let schedules = |call: &&Operation| matches!(call, Operation::Rule(RuleOperation::Put { rule, .. }) if rule != KEEP_WARM);
    assert_eq!(calls(&early).into_iter().filter(schedules).count(), 0, "{early:#?}");
}

/// A rule whose name begins with the stage's may be another stage's, or a person's.
#[test]
fn foreign_rules_are_never_touched() {
    let scheduled = stage(1, |settings| settings.schedules = vec![hourly("a", 1, "x")]);
    let mut cloud = deployed(&scheduled, &Observed::nothing(names()));
    let theirs = ObservedRule { ours: false, ..cloud.rules["a"].clone() };
    cloud.rules.insert(RuleName::new("2-keep-warm"), theirs.clone());
    assert!(plan(&Desired::Stage(Box::new(scheduled)), &cloud).expect("a plan").is_empty());
    for adopt in [false, true] {
        let undeploy = Desired::Nothing(Undeploy { keep_logs: false, adopt });
        let gone = plan(&undeploy, &cloud).expect("a plan");
        let after = after_all(&cloud, &gone);
        assert_eq!(after.rules, BTreeMap::from([(RuleName::new("2-keep-warm"), theirs.clone())]));
    }
    let wanted = stage(1, |settings| settings.schedules = vec![hourly("2-keep-warm", 1, "x")]);
    let refused = plan(&Desired::Stage(Box::new(wanted)), &cloud);
    assert!(matches!(refused, Err(PlanError::NotOurs { resource: "rule", .. })), "{refused:?}");
}

#[test]
fn a_schedule_that_was_changed_by_hand_is_put_back() {
    let wanted = stage(1, |settings| settings.schedules = vec![hourly("a", 1, "x")]);
    let mut cloud = deployed(&wanted, &Observed::nothing(names()));
    let rule = cloud.rules.get_mut("a").expect("a rule");
    rule.enabled = false;
    rule.targets[0].input = "{}".to_owned();
    let back = plan(&Desired::Stage(Box::new(wanted)), &cloud).expect("a plan");
    let changes = back.changes();
    let fields: Vec<&str> = changes[0].fields.iter().map(|field| field.field.as_str()).collect();
    assert_eq!((changes.len(), fields), (1, vec!["state", "input"]));
}
