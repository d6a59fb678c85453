//! Properties of the planner, over generated stages and clouds; no AWS, no network, no clock.

mod fronts;
mod roles;
mod schedules;
mod uses;
mod versions;
mod workers;

use std::collections::BTreeMap;

use base64::Engine as _;
use lzap_core::asynchronous::AsyncConfig;
use lzap_core::config::KeepWarm;
use lzap_core::desired::{self, CanaryEnding, Desired, Rollback, Stage, Undeploy};
use lzap_core::ids::VersionNumber;
use lzap_core::names::{KEEP_WARM, Names, Part, Place, RoleName, hex};
use lzap_core::observed::Observed;
use lzap_core::plan::{Plan, PlanError, plan};
use lzap_core::platform::Architecture;
use lzap_core::resource::Operation;
use lzap_core::resource::alias::{AliasOperation, Canary};
use lzap_core::resource::artifact::{Artifact, ArtifactOperation};
use lzap_core::resource::front::Front;
use lzap_core::resource::function::{FunctionConfig, FunctionOperation};
use lzap_core::resource::http_api::AutoDeploy;
use lzap_core::resource::kinds::Kinds;
use lzap_core::resource::version::VersionOperation;
use lzap_core::resource::{event_invoke, function, function_url, http_api, rule, workers as worker_function};
use lzap_core::role::{MadeRole, RoleSetting, Statement};
use lzap_core::schedule::{Schedule, rate};
use lzap_core::settings::{Overrides, Settings, Workers, resolve};
use lzap_core::step::{Action, Origin, ResourceKind};
use lzap_core::uses::Uses;
use lzap_sim::tags;
use lzap_sim::{after, after_all};
use proptest::prelude::*;
use serde_json::json;

fn names() -> Names {
    Names {
        app: "shop".to_owned(),
        stage: "dev".to_owned(),
        place: Place {
            partition: "aws".to_owned(),
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
        },
        role: RoleName::default(),
        part: Part::App,
    }
}

fn stage(code: u8, edit: impl FnOnce(&mut Settings)) -> Stage {
    stage_using(code, Uses::default(), edit)
}

fn stage_using(code: u8, uses: Uses, edit: impl FnOnce(&mut Settings)) -> Stage {
    let config = lzap_core::config::parse("[stage.dev]\n").expect("a stage without settings is fine");
    let overrides = Overrides { package: "shop".to_owned(), ..Overrides::default() };
    let mut settings = resolve(&config, &overrides).expect("the defaults resolve");
    edit(&mut settings);
    let digest = [code; 32];
    let artifact = Artifact {
        path: "shop.zip".into(),
        sha256: hex(&digest),
        code_sha256: base64::engine::general_purpose::STANDARD.encode(digest),
        bytes: 1000,
    };
    let names = Names { role: settings.role.name(), ..names() };
    desired::stage(&settings, names, artifact, format!("commit{code} | me | now"), uses)
}

fn deployed(stage: &Stage, from: &Observed) -> Observed {
    let plan = plan(&Desired::Stage(Box::new(stage.clone())), from).expect("a plan");
    after_all(from, &plan)
}

const UNDEPLOY: Desired = Desired::Nothing(Undeploy { keep_logs: false, adopt: false });
const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/boundary";

fn made(path: &str, boundary: Option<&str>, actions: &[&str]) -> RoleSetting {
    let statement = |action: &&str| Statement {
        actions: vec![(*action).to_owned()],
        resources: vec!["arn:aws:s3:::uploads/*".to_owned()],
        conditions: BTreeMap::new(),
    };
    RoleSetting::Made(MadeRole {
        path: path.to_owned(),
        permissions_boundary: boundary.map(str::to_owned),
        statements: actions.iter().map(statement).collect(),
    })
}

fn any_role() -> impl Strategy<Value = RoleSetting> {
    prop_oneof![
        (any::<bool>(), any::<bool>()).prop_map(|(bounded, reads)| {
            made("/", bounded.then_some(BOUNDARY), if reads { &["s3:GetObject"] } else { &[] })
        }),
        Just(RoleSetting::Existing("arn:aws:iam::123456789012:role/team/shop".to_owned())),
    ]
}

fn hourly(name: &str, hours: u32, task: &str) -> Schedule {
    Schedule {
        name: name.to_owned(),
        task: task.to_owned(),
        expression: rate(&format!("{hours} hours")).expect("a rate"),
        input: json!({"by": name}),
    }
}

fn any_front() -> impl Strategy<Value = Front> {
    proptest::sample::select(Front::ALL).prop_map(|(front, _)| front)
}

prop_compose! {
    fn any_stage()(
        code in 0..3_u8,
        memory_mb in 128..200_u32,
        arm in any::<bool>(),
        warm in prop_oneof![Just(KeepWarm::Off), (1..6_u32).prop_map(KeepWarm::Every)],
        days in prop_oneof![Just(7_u16), Just(30)],
        keep in 1..4_u32,
        team in proptest::option::of("[a-c]"),
        variable in proptest::option::of("[a-c]"),
        role in any_role(),
        (tasks, map) in any::<(bool, bool)>(),
        workers in proptest::option::of((proptest::option::of(128..131_u32), proptest::option::of(1..3_u32))),
        (retries, front) in (proptest::option::of(0..3_u32), any_front()),
        schedules in proptest::collection::btree_map("[a-c]", (1..3_u32, "[xy]"), 0..3),
    ) -> Stage {
        stage_using(code, Uses { tasks, map, workers: false }, |settings| {
            settings.memory_mb = memory_mb;
            settings.architecture = if arm { Architecture::Arm64 } else { Architecture::X86_64 };
            settings.keep_warm = warm;
            settings.log_retention_days = days;
            settings.keep_versions = keep;
            settings.asynchronous =
                retries.map(|retries| AsyncConfig { retries, max_age_secs: 60, on_failure: None });
            settings.schedules = schedules.into_iter().map(|(name, (hours, task))| hourly(&name, hours, &task)).collect();
            settings.tags = team.map(|value| ("team".to_owned(), value)).into_iter().collect();
            settings.role = role;
            settings.front = front;
            settings.workers = workers.map(|(memory_mb, concurrency)| Workers { memory_mb, concurrency });
            settings.environment = variable.map(|value| ("MODE".to_owned(), value)).into_iter().collect();
        })
    }
}

/// A cloud somewhere between nothing and deployed: the first steps of some plans, one after the other.
fn any_cloud() -> impl Strategy<Value = Observed> {
    proptest::collection::vec((any_stage(), 0..40_usize), 0..4).prop_map(|deploys| {
        deploys.into_iter().fold(Observed::nothing(names()), |cloud, (stage, steps)| {
            let plan = plan(&Desired::Stage(Box::new(stage)), &cloud).expect("a plan");
            after(&cloud, &plan, steps)
        })
    })
}

proptest! {
    // Half of the cases, so that the crate's tests take less than 3 s; `exhaustive fuzz` runs a hundred times as many.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 2, ..ProptestConfig::default() })]

    #[test]
    fn planning_again_after_a_deploy_plans_nothing(stage in any_stage(), cloud in any_cloud()) {
        let after = deployed(&stage, &cloud);
        let again = plan(&Desired::Stage(Box::new(stage)), &after).expect("a plan");
        prop_assert!(again.is_empty(), "planned again: {:?}", again.changes());
        prop_assert!(again.steps.is_empty());
    }

    #[test]
    fn any_part_of_a_plan_planned_again_gives_the_rest(stage in any_stage(), cloud in any_cloud(), steps in 0..40_usize) {
        let desired = Desired::Stage(Box::new(stage.clone()));
        let first = plan(&desired, &cloud).expect("a plan");
        let whole = deployed(&stage, &cloud);
        let part = after(&cloud, &first, steps);
        let resumed = deployed(&stage, &part);
        prop_assert_eq!(whole.live().map(|v| (&v.config, &v.code_sha256)), resumed.live().map(|v| (&v.config, &v.code_sha256)));
        prop_assert_eq!(whole.apis.len(), resumed.apis.len());
        prop_assert_eq!(whole.function_url, resumed.function_url);
        prop_assert_eq!(whole.permissions, resumed.permissions);
        prop_assert_eq!(whole.rules, resumed.rules);
        prop_assert_eq!(whole.asynchronous, resumed.asynchronous);
        prop_assert_eq!(whole.role, resumed.role);
        prop_assert_eq!(whole.workers.log_group, resumed.workers.log_group);
    }

    #[test]
    fn prerequisites_are_part_of_the_plan_and_need_no_artifact(stage in any_stage(), cloud in any_cloud()) {
        let whole = plan(&Desired::Stage(Box::new(stage.clone())), &cloud).expect("a plan");
        let mut draft = stage.clone();
        draft.artifact = Artifact::pending();
        let early = plan(&Desired::Stage(Box::new(draft)), &cloud).expect("a plan").prerequisites();
        for step in &early.steps {
            prop_assert!(whole.steps.iter().any(|other| other.operation == step.operation), "{:?}", step.operation);
            prop_assert_eq!(step.target.action, Action::Create);
        }
        // Whatever becomes of the build, the next deploy takes up what was made.
        let after = deployed(&stage, &after_all(&cloud, &early));
        prop_assert!(plan(&Desired::Stage(Box::new(stage)), &after).expect("a plan").is_empty());
    }

    #[test]
    fn sweep_keeps_configured_number_of_versions_and_those_aliases_hold(
        stage in any_stage(), cloud in any_cloud(),
    ) {
        let after = deployed(&stage, &cloud);
        let keep = usize::try_from(stage.keep_versions).expect("a small number");
        prop_assert!(after.versions.len() <= keep + after.held.len() + 1);
        for held in &after.held {
            prop_assert!(after.version(held).is_some(), "an alias holds version {held}, which is gone");
        }
        workers::assert_called_workers_are_kept(&cloud, &after);
        let zips = after.bucket.map(|bucket| bucket.objects).unwrap_or_default();
        prop_assert!(zips.len() <= after.versions.len(), "a zip that no version has: {zips:?}");
    }

    #[test]
    fn a_canary_takes_its_share_and_ends_either_way(cloud in any_cloud(), percent in 1..100_u8) {
        let cloud = deployed(&stage(1, |_| ()), &cloud);
        let live = cloud.alias.as_ref().expect("an alias").version.clone();
        let mut next = stage(7, |_| ());
        next.canary = Some(percent);
        let shared = deployed(&next, &cloud);
        let alias = shared.alias.clone().expect("an alias");
        prop_assert_eq!(&alias.version, &live);
        prop_assert_eq!(alias.canary.as_ref().map(|canary| canary.percent), Some(percent));
        prop_assert!(plan(&Desired::Stage(Box::new(next)), &shared).expect("a plan").is_empty());
        let refused = plan(&Desired::Stage(Box::new(stage(8, |_| ()))), &shared);
        let is_refused = matches!(refused, Err(PlanError::CanaryRuns { .. }));
        prop_assert!(is_refused);
        let end = |ending| {
            let plan = plan(&Desired::Canary(ending), &shared).expect("a plan");
            after_all(&shared, &plan).alias.expect("an alias")
        };
        let canary = alias.canary.map(|canary| canary.version).expect("a canary");
        let promoted = end(CanaryEnding::Promote);
        prop_assert_eq!((promoted.version, promoted.canary), (canary, None));
        let aborted = end(CanaryEnding::Abort);
        prop_assert_eq!((aborted.version, aborted.canary), (live, None));
    }

    #[test]
    fn steps_only_wait_for_earlier_ones(stage in any_stage(), cloud in any_cloud()) {
        let plan = plan(&Desired::Stage(Box::new(stage)), &cloud).expect("a plan");
        for (id, step) in plan.steps.iter().enumerate() {
            prop_assert!(step.after.iter().all(|earlier| earlier.0 < id));
        }
    }

    #[test]
    fn each_change_has_a_step_and_all_its_fields(stage in any_stage(), cloud in any_cloud()) {
        let plan = plan(&Desired::Stage(Box::new(stage)), &cloud).expect("a plan");
        let changes = plan.changes();
        for change in &changes {
            let steps = || plan.steps.iter().filter(|step| step.target.resource == change.resource);
            prop_assert!(steps().count() > 0);
            prop_assert!(steps().all(|step| step.target.action == change.action), "{change:?}");
            let fields: Vec<_> = steps().flat_map(|step| step.fields.clone()).collect();
            prop_assert_eq!(&fields, &change.fields);
            // An update without a field would be a change that a person can't see; the worker function's new version is
            // the exception, whose settings may be those of `$LATEST`.
            let is_visible = change.action != Action::Update || !fields.is_empty();
            prop_assert!(is_visible || change.resource.kind == worker_function::KIND, "{change:?}");
        }
    }

    #[test]
    fn deploy_leaves_exactly_the_stages_kinds_in_the_tag(stage in any_stage(), cloud in any_cloud()) {
        let after = deployed(&stage, &cloud);
        let tags = after.function.as_ref().expect("a function").tags.clone();
        let kinds = Kinds::of_tags(&tags).expect("the tag");
        prop_assert_eq!(kinds.has(http_api::KIND), stage.front == Front::HttpApi);
        prop_assert_eq!(kinds.has(function_url::KIND), stage.front == Front::FunctionUrl);
        prop_assert_eq!(kinds.has(rule::KIND), !stage.rules.is_empty());
        prop_assert_eq!(kinds.has(event_invoke::KIND), stage.asynchronous.is_some());
        prop_assert_eq!(kinds.has(worker_function::KIND), stage.workers.is_some());
    }

    #[test]
    fn traffic_moves_only_after_the_probe(stage in any_stage(), cloud in any_cloud()) {
        let plan = plan(&Desired::Stage(Box::new(stage)), &cloud).expect("a plan");
        for step in &plan.steps {
            if matches!(step.operation, Operation::Alias(AliasOperation::Create(_) | AliasOperation::Update { .. })) {
                let probed = step.after.iter().any(|id| matches!(plan.step(*id).operation, Operation::Version(VersionOperation::Probe { .. })));
                prop_assert!(probed);
            }
        }
    }

    #[test]
    fn an_undeploy_leaves_nothing_from_wherever_it_starts(cloud in any_cloud()) {
        let gone = plan(&UNDEPLOY, &cloud).expect("a plan");
        let after = after_all(&cloud, &gone);
        prop_assert_eq!(after.remains(), Vec::<String>::new());
        prop_assert!(plan(&UNDEPLOY, &after).expect("a plan").is_empty());
    }

    #[test]
    fn an_interrupted_undeploy_can_be_finished(cloud in any_cloud(), steps in 0..20_usize) {
        let first = plan(&UNDEPLOY, &cloud).expect("a plan");
        let part = after(&cloud, &first, steps);
        let rest = plan(&UNDEPLOY, &part).expect("a plan");
        prop_assert_eq!(after_all(&part, &rest).remains(), Vec::<String>::new());
    }
}

fn calls(plan: &Plan) -> Vec<&Operation> {
    plan.steps.iter().map(|step| &step.operation).collect()
}

#[test]
fn a_first_deploy_creates_each_resource_once() {
    let plan =
        plan(&Desired::Stage(Box::new(stage(1, |_| ()))), &Observed::nothing(names())).expect("a plan");
    let mut kinds: Vec<_> =
        plan.changes().iter().map(|change| (change.resource.kind.name, change.action)).collect();
    kinds.sort_by_key(|(kind, _)| *kind);
    let once = [
        "HTTP API",
        "alias",
        "artifact",
        "bucket",
        "function",
        "log group",
        "permission",
        "permission",
        "role",
        "rule",
    ];
    assert_eq!(kinds, once.map(|kind| (kind, Action::Create)));
}

#[test]
fn memory_change_shows_both_values_and_keeps_the_code() {
    let cloud = deployed(&stage(1, |_| ()), &Observed::nothing(names()));
    let wanted = stage(1, |settings| settings.memory_mb = 1024);
    let plan = plan(&Desired::Stage(Box::new(wanted)), &cloud).expect("a plan");
    let function =
        plan.changes().into_iter().find(|c| c.resource.kind == function::KIND).expect("the function changes");
    let field = &function.fields[0];
    assert_eq!(
        (field.field.as_str(), field.before.as_deref(), field.after.as_deref()),
        ("memory", Some("512 MB"), Some("1024 MB"))
    );
    assert!(!plan.steps.iter().any(|s| matches!(
        s.operation,
        Operation::Function(FunctionOperation::UpdateCode { .. })
            | Operation::Artifact(ArtifactOperation::Upload(_))
    )));
}

#[test]
fn environment_values_never_stand_in_a_plan() {
    let cloud = deployed(&stage(1, |_| ()), &Observed::nothing(names()));
    let wanted = stage(1, |settings| {
        settings.environment.insert("TOKEN".to_owned(), "s3cret".to_owned());
    });
    let plan = plan(&Desired::Stage(Box::new(wanted)), &cloud).expect("a plan");
    assert!(format!("{:?}", plan.changes()).contains("environment.TOKEN"));
    assert!(!format!("{:?}", plan.changes()).contains("s3cret"));
}

#[test]
fn rollback_is_one_write_and_next_deploy_moves_forward() {
    let first = deployed(&stage(1, |_| ()), &Observed::nothing(names()));
    let second = deployed(&stage(2, |_| ()), &first);
    let back = plan(&Desired::Version(Rollback::Previous), &second).expect("a plan");
    assert_eq!(back.steps.len(), 1);
    let rolled = after(&second, &back, 1);
    assert_eq!(rolled.alias.as_ref().map(|alias| alias.version.as_str()), Some("1"));
    let forward = deployed(&stage(2, |_| ()), &rolled);
    assert_eq!(forward.alias.as_ref().map(|alias| alias.version.as_str()), Some("2"));
    assert_eq!(forward.versions.len(), 2, "AWS answers the version that exists");
}

#[test]
fn a_rollback_with_nowhere_to_go_says_what_exists() {
    let cloud = deployed(&stage(1, |_| ()), &Observed::nothing(names()));
    let previous = plan(&Desired::Version(Rollback::Previous), &cloud);
    assert!(matches!(previous, Err(PlanError::NothingBefore { .. })), "{previous:?}");
    let missing = plan(&Desired::Version(Rollback::To(VersionNumber::new("9"))), &cloud);
    assert!(matches!(missing, Err(PlanError::NoSuchVersion { .. })), "{missing:?}");
    let nothing = plan(&Desired::Version(Rollback::Previous), &Observed::nothing(names()));
    assert!(matches!(nothing, Err(PlanError::NotDeployed { .. })), "{nothing:?}");
}

#[test]
fn what_carries_other_tags_is_refused() {
    let mut cloud = deployed(&stage(1, |_| ()), &Observed::nothing(names()));
    let function = cloud.function.as_mut().expect("a function");
    function.tags = tags("shop", "production");
    let refused = plan(&UNDEPLOY, &cloud);
    assert!(matches!(refused, Err(PlanError::NotOurs { resource: "function", .. })), "{refused:?}");
}

#[test]
fn drift_in_the_console_is_put_back() {
    let wanted = stage(1, |_| ());
    let mut cloud = deployed(&wanted, &Observed::nothing(names()));
    cloud.function.as_mut().expect("a function").config =
        FunctionConfig { timeout_secs: 3, environment: BTreeMap::new(), ..wanted.function.clone() };
    cloud.rules.get_mut(KEEP_WARM).expect("a rule").enabled = false;
    cloud.apis[0].default_stage = Some(AutoDeploy::Off);
    cloud.apis[0].integrations[0].uri = "arn:aws:lambda:eu-central-1:123456789012:function:other".to_owned();
    let plan = plan(&Desired::Stage(Box::new(wanted)), &cloud).expect("a plan");
    let changed: Vec<ResourceKind> = plan.changes().iter().map(|change| change.resource.kind).collect();
    assert_eq!(changed, [function::KIND, http_api::KIND, rule::KIND]);
    let by_hand = plan.changes().iter().flat_map(|change| &change.fields).all(|f| f.origin == Origin::Drift);
    assert!(by_hand, "all of it was changed by hand: {:#?}", plan.changes());
}

#[test]
fn a_setting_that_is_wanted_now_is_no_drift() {
    let cloud = deployed(&stage(1, |_| ()), &Observed::nothing(names()));
    let wanted = stage(1, |settings| settings.memory_mb = 1024);
    let plan = plan(&Desired::Stage(Box::new(wanted)), &cloud).expect("a plan");
    assert!(!plan.has_drift(), "{:#?}", plan.changes());
}

/// Takes a resource's tags away.
type Untag = fn(&mut Observed);

/// A resource of any kind with the stage's names and without tags is refused; `--adopt` takes it over, and an undeploy
/// without it leaves it alone.
#[test]
fn what_carries_no_tags_is_refused_or_adopted() {
    let wanted = stage(1, |_| ());
    let whole = deployed(&wanted, &Observed::nothing(names()));
    let untag: [(&str, Untag); 5] = [
        ("function", |cloud| cloud.function.as_mut().expect("a function").tags.clear()),
        ("role", |cloud| cloud.role.as_mut().expect("a role").tags.clear()),
        ("log group", |cloud| cloud.log_group.as_mut().expect("a log group").ours = false),
        ("rule", |cloud| cloud.rules.get_mut(KEEP_WARM).expect("a rule").ours = false),
        ("HTTP API", |cloud| cloud.apis[0].tags.clear()),
    ];
    for (kind, untag) in untag {
        let mut cloud = whole.clone();
        untag(&mut cloud);
        let refused = plan(&Desired::Stage(Box::new(wanted.clone())), &cloud);
        assert!(
            matches!(&refused, Err(PlanError::NotOurs { resource, .. }) if *resource == kind),
            "{kind}: {refused:?}"
        );
        let mut adopting = wanted.clone();
        adopting.adopt = true;
        let adopted = deployed(&adopting, &cloud);
        let again = plan(&Desired::Stage(Box::new(wanted.clone())), &adopted).expect("it is ours now");
        assert!(again.is_empty(), "{kind}: {:#?}", again.changes());
        if let Ok(undeploy) = plan(&UNDEPLOY, &cloud) {
            let after = after_all(&cloud, &undeploy);
            let kept = [after.log_group.is_some(), !after.rules.is_empty(), !after.apis.is_empty()];
            assert_eq!(kept.iter().filter(|kept| **kept).count(), 1, "{kind} is left alone");
        }
    }
}

#[test]
fn a_rollback_ends_a_canary_before_it_goes_back() {
    let mut cloud = deployed(&stage(2, |_| ()), &deployed(&stage(1, |_| ()), &Observed::nothing(names())));
    cloud.alias.as_mut().expect("an alias").canary =
        Some(Canary { version: VersionNumber::new("2"), percent: 5 });
    let plan = plan(&Desired::Version(Rollback::Previous), &cloud).expect("a plan");
    let after = after_all(&cloud, &plan).alias.expect("an alias");
    assert_eq!((after.version.as_str(), after.canary), ("2", None));
}
