//! The workers: what goes where first, which version calls which, and what is left when they go.

use lzap_core::desired::{CanaryEnding, Desired, Rollback, Stage};
use lzap_core::ids::VersionNumber;
use lzap_core::names::Part;
use lzap_core::observed::Observed;
use lzap_core::plan::{Plan, PlanError, Step, plan};
use lzap_core::resource::Operation;
use lzap_core::resource::alias::AliasOperation;
use lzap_core::resource::artifact::ArtifactOperation;
use lzap_core::resource::function::FunctionOperation;
use lzap_core::resource::reference::VersionRef;
use lzap_core::resource::role::RoleOperation;
use lzap_core::resource::version::ObservedVersion;
use lzap_core::resource::version::VersionOperation;
use lzap_core::resource::workers::ObservedWorkers;
use lzap_core::settings::{Settings, Workers};
use lzap_core::step::StepId;
use lzap_core::uses::Uses;
use lzap_sim::after_all;

use crate::{UNDEPLOY, deployed, names, stage_using};

const MAP: Uses = Uses { tasks: true, map: true, workers: false };

/// Fails if a plan deleted a version of the workers that a kept version of the app calls. A plan may delete the workers'
/// function with all its versions: then the app's old versions run their maps in the app's own function, also when the
/// workers are created again, since Lambda never uses a version number twice.
pub(crate) fn assert_called_workers_are_kept(before: &Observed, after: &Observed) {
    if after.workers.function.is_none() {
        return;
    }
    for called in after.versions.iter().filter_map(|version| version.config.workers.as_ref()) {
        let is_called = |it: &ObservedVersion| VersionRef::Known(it.number.clone()) == *called;
        let existed = before.workers.versions.iter().any(is_called);
        let exists = after.workers.versions.iter().any(is_called);
        assert!(exists || !existed, "{called:?} is called, and was deleted");
    }
}

fn with(code: u8, workers: Option<Workers>, edit: impl FnOnce(&mut Settings)) -> Stage {
    stage_using(code, MAP, |settings| {
        settings.workers = workers;
        edit(settings);
    })
}

fn big(code: u8) -> Stage {
    with(code, Some(Workers { memory_mb: Some(1769), concurrency: Some(50) }), |_| ())
}

fn planned(stage: Stage, cloud: &Observed) -> Plan {
    plan(&Desired::Stage(Box::new(stage)), cloud).expect("a plan")
}

fn place(plan: &Plan, wanted: impl Fn(&Step) -> bool) -> StepId {
    StepId(plan.steps.iter().position(wanted).expect("the step exists"))
}

fn of(part: Part, wanted: impl Fn(&Operation) -> bool) -> impl Fn(&Step) -> bool {
    move |step| step.part == part && wanted(&step.operation)
}

#[test]
fn the_workers_answer_before_the_app_that_calls_them_goes_live() {
    let plan = planned(big(1), &Observed::nothing(names()));
    let published = place(
        &plan,
        of(Part::Workers, |call| matches!(call, Operation::Version(VersionOperation::Publish { .. }))),
    );
    let probed = place(
        &plan,
        of(Part::Workers, |call| matches!(call, Operation::Version(VersionOperation::Probe { .. }))),
    );
    let app = place(
        &plan,
        of(Part::App, |call| matches!(call, Operation::Function(FunctionOperation::Create { .. }))),
    );
    let release = place(
        &plan,
        of(Part::App, |call| matches!(call, Operation::Version(VersionOperation::Publish { .. }))),
    );
    assert!(plan.step(app).after.contains(&published), "the app names their version");
    assert!(plan.step(release).after.contains(&probed), "nothing goes live before they answered");
    let reserved = place(
        &plan,
        of(Part::Workers, |call| *call == Operation::Function(FunctionOperation::PutConcurrency(50))),
    );
    assert!(plan.step(release).after.contains(&reserved));
    let cloud = deployed(&big(1), &Observed::nothing(names()));
    let workers = cloud.workers.function.as_ref().expect("the workers");
    assert_eq!((workers.config.memory_mb, workers.concurrency), (1769, Some(50)));
    let app = cloud.live().expect("a live version");
    assert_eq!(
        (app.config.memory_mb, &app.config.workers),
        (512, &Some(VersionRef::Known(VersionNumber::new("1"))))
    );
    let policy = cloud.role.expect("a role").policy.expect("a policy").to_string();
    for arn in ["function:shop-dev-workers:*", "log-group:/aws/lambda/shop-dev-workers:*"] {
        assert!(policy.contains(arn), "no {arn} in {policy}");
    }
}

/// New code is a new version of both, and the old pair stays for a rollback; other settings of the workers alone are too.
#[test]
fn each_version_of_the_app_keeps_its_workers() {
    let first = deployed(&big(1), &Observed::nothing(names()));
    let second = deployed(&big(2), &first);
    let calls = |cloud: &Observed| cloud.live().and_then(|live| live.config.workers.clone());
    assert_eq!(calls(&second), Some(VersionRef::Known(VersionNumber::new("2"))));
    let back = plan(&Desired::Version(Rollback::Previous), &second).expect("a plan");
    let back = after_all(&second, &back);
    assert_eq!(calls(&back), Some(VersionRef::Known(VersionNumber::new("1"))));
    assert_called_workers_are_kept(&second, &back);
    let more = with(2, Some(Workers { memory_mb: Some(3538), concurrency: Some(50) }), |_| ());
    let plan = planned(more.clone(), &second);
    assert!(
        !plan
            .steps
            .iter()
            .any(|step| matches!(step.operation, Operation::Artifact(ArtifactOperation::Upload(_)))),
        "{plan:#?}"
    );
    assert_eq!(calls(&deployed(&more, &second)), Some(VersionRef::Known(VersionNumber::new("3"))));
}

/// The old version names workers that do not exist, though there are workers again.
#[test]
fn workers_created_again_leave_old_versions_in_reach_of_a_rollback() {
    let second = deployed(&big(2), &deployed(&big(1), &Observed::nothing(names())));
    let without = deployed(&with(2, None, |_| ()), &second);
    let again = deployed(&big(2), &without);
    let old = again.version(&VersionNumber::new("2")).expect("the version before the last two");
    assert_eq!(old.config.workers, Some(VersionRef::Known(VersionNumber::new("2"))));
    assert!(again.workers.versions.iter().all(|version| version.number != *"2"), "its workers are gone");
    assert!(planned(big(2), &again).is_empty());
    let back = plan(&Desired::Version(Rollback::To(VersionNumber::new("2"))), &again).expect("a plan");
    assert_called_workers_are_kept(&again, &after_all(&again, &back));
}

#[test]
fn what_is_reserved_changes_without_a_new_version() {
    let cloud = deployed(&big(1), &Observed::nothing(names()));
    for (concurrency, call) in [
        (Some(7), Operation::Function(FunctionOperation::PutConcurrency(7))),
        (None, Operation::Function(FunctionOperation::DeleteConcurrency)),
    ] {
        let stage = with(1, Some(Workers { memory_mb: Some(1769), concurrency }), |_| ());
        let steps = planned(stage, &cloud).steps;
        let calls: Vec<_> = steps.into_iter().map(|step| (step.part, step.operation)).collect();
        assert_eq!(calls, [(Part::Workers, call)]);
    }
}

#[test]
fn workers_that_are_no_longer_wanted_go_once_nothing_live_calls_them() {
    let cloud = deployed(&big(1), &Observed::nothing(names()));
    let without = with(1, None, |_| ());
    let plan = planned(without.clone(), &cloud);
    assert!(!plan.destructive_changes().is_empty(), "it asks first");
    let switch =
        place(&plan, of(Part::App, |call| matches!(call, Operation::Alias(AliasOperation::Update { .. }))));
    let deleted =
        place(&plan, of(Part::Workers, |call| *call == Operation::Function(FunctionOperation::Delete)));
    assert!(plan.step(deleted).after.contains(&switch));
    let after = deployed(&without, &cloud);
    assert_eq!(after.workers, ObservedWorkers::default());
    assert!(!Uses::of_tags(&after.function.expect("a function").tags).workers);
}

/// Beside a canary the version that calls them still serves; once it is promoted, the next deploy takes them away.
#[test]
fn workers_stay_as_long_as_a_version_with_traffic_calls_them() {
    let cloud = deployed(&big(1), &Observed::nothing(names()));
    let canary = Stage { canary: Some(10), ..with(2, None, |_| ()) };
    let shared = deployed(&canary, &cloud);
    assert!(shared.workers.function.is_some(), "the live version calls them");
    assert!(planned(canary, &shared).is_empty());
    let promote = plan(&Desired::Canary(CanaryEnding::Promote), &shared).expect("a plan");
    let promoted = after_all(&shared, &promote);
    assert_eq!(deployed(&with(2, None, |_| ()), &promoted).workers.function, None);
}

#[test]
fn an_app_without_maps_has_no_workers() {
    let stage =
        stage_using(1, Uses { map: false, ..MAP }, |settings| settings.workers = Some(Workers::default()));
    assert_eq!(deployed(&stage, &Observed::nothing(names())).workers.function, None);
}

#[test]
fn an_undeploy_takes_the_workers_after_the_app_and_before_the_role() {
    let cloud = deployed(&big(1), &Observed::nothing(names()));
    let gone = plan(&UNDEPLOY, &cloud).expect("a plan");
    let app = place(&gone, of(Part::App, |call| *call == Operation::Function(FunctionOperation::Delete)));
    let workers =
        place(&gone, of(Part::Workers, |call| *call == Operation::Function(FunctionOperation::Delete)));
    let role = place(&gone, of(Part::App, |call| *call == Operation::Role(RoleOperation::Delete)));
    assert!(gone.step(workers).after.contains(&app) && gone.step(role).after.contains(&workers));
    assert_eq!(after_all(&cloud, &gone).remains(), Vec::<String>::new());
}

#[test]
fn workers_of_another_stage_are_left_alone() {
    let mut cloud = deployed(&big(1), &Observed::nothing(names()));
    let theirs = cloud.workers.function.as_mut().expect("the workers");
    theirs.tags.clear();
    "arn:aws:iam::123456789012:role/theirs".clone_into(&mut theirs.config.role_arn);
    let refused = plan(&Desired::Stage(Box::new(big(1))), &cloud);
    assert!(matches!(refused, Err(PlanError::NotOurs { .. })), "{refused:?}");
    let gone = plan(&UNDEPLOY, &cloud).expect("a plan");
    assert!(after_all(&cloud, &gone).workers.function.is_some());
}
