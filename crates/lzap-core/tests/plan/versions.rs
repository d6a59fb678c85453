//! Versions that aren't live: which of them a deploy keeps, and what a failed deploy leaves in `$LATEST`.

use super::*;

/// Applies the deploy of `wanted` up to its probe, which fails.
fn failed(wanted: &Stage, cloud: &Observed) -> Observed {
    let plan = plan(&Desired::Stage(Box::new(wanted.clone())), cloud).expect("a plan");
    let is_probe =
        |operation: &Operation| matches!(operation, Operation::Version(VersionOperation::Probe { .. }));
    let probe = plan.steps.iter().position(|step| is_probe(&step.operation)).expect("a probe");
    after(cloud, &plan, probe)
}

fn numbers(cloud: &Observed) -> Vec<&str> {
    cloud.versions.iter().map(|version| version.number.as_str()).collect()
}

#[test]
fn versions_that_any_alias_holds_survive_a_sweep() {
    let mut cloud = Observed::nothing(names());
    for code in 1..=12 {
        cloud = deployed(&stage(code, |_| ()), &cloud);
        if code == 1 {
            cloud.held.insert(VersionNumber::new("1"));
        }
    }
    assert_eq!(numbers(&cloud).first(), Some(&"3"), "ten are kept");
    cloud.held.insert(VersionNumber::new("3"));
    let plan: Plan = plan(&Desired::Stage(Box::new(stage(13, |_| ()))), &cloud).expect("a plan");
    let deletion = Operation::Version(VersionOperation::Delete(VersionNumber::new("3")));
    assert!(plan.steps.iter().all(|step| step.operation != deletion));
    assert!(plan.destructive_changes().is_empty(), "deleting old versions needs no confirmation");
}

#[test]
fn versions_that_were_live_outlast_those_that_failed_their_probe() {
    let mut cloud = Observed::nothing(names());
    let keep_five = |code| stage(code, |settings| settings.keep_versions = 5);
    for code in 1..=3 {
        cloud = deployed(&keep_five(code), &cloud);
    }
    for code in 4..=12 {
        cloud = failed(&keep_five(code), &cloud);
    }
    let cloud = deployed(&keep_five(13), &cloud);
    assert_eq!(numbers(&cloud), ["1", "2", "3", "12", "13"]);
    // Two rollbacks go back two deploys.
    let back = |cloud: &Observed| {
        after_all(cloud, &plan(&Desired::Version(Rollback::Previous), cloud).expect("a plan"))
    };
    assert_eq!(back(&back(&cloud)).alias.expect("an alias").version.as_str(), "2");
}

#[test]
fn a_failed_version_that_is_published_again_is_kept() {
    let keep_one = |code| stage(code, |settings| settings.keep_versions = 1);
    let cloud = deployed(&keep_one(1), &Observed::nothing(names()));
    let cloud = deployed(&keep_one(2), &failed(&keep_one(2), &cloud));
    assert_eq!(cloud.alias.as_ref().map(|alias| alias.version.as_str()), Some("2"));
    assert_eq!(numbers(&cloud), ["1", "2"]);
}

#[test]
fn settings_that_a_failed_deploy_has_left_are_no_change_by_hand() {
    let cloud = deployed(&stage(1, |_| ()), &Observed::nothing(names()));
    let mut cloud = failed(&stage(2, |settings| settings.memory_mb = 1024), &cloud);
    let next = |cloud: &Observed| {
        let plan = plan(&Desired::Stage(Box::new(stage(3, |_| ()))), cloud).expect("a plan");
        let changes = plan.changes();
        let fields = changes.iter().flat_map(|change| &change.fields);
        fields.map(|field| (field.field.clone(), field.origin.clone())).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(next(&cloud)["memory"], Origin::OtherVersion(VersionNumber::new("2")));
    // A change by hand after that is still one.
    cloud.function.as_mut().expect("a function").config.memory_mb = 2048;
    assert_eq!(next(&cloud)["memory"], Origin::Drift);
}
