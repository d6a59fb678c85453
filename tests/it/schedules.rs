//! Schedules and what tasks need, in both clouds: rules that come and go, and the bucket, the role, the environment.

use lzap_testkit::LocalCloud;
use serde_json::{Value, json};

use crate::clouds::{Cloud, MotoCloud};
use crate::support::{Result, TASKS, changes, tasks};

/// The app's own configuration and its schedules.
struct World<C>(C);

impl<C: Cloud> World<C> {
    fn run(&self, command: &str, options: &[&str], schedules: &str) -> Result<lzap_testkit::Outcome> {
        self.0.expect_tasks(TASKS)?;
        let schedules = schedules.replace("[[schedule]]", &format!("[[stage.{}.schedule]]", C::STAGE));
        self.0.run_in(&tasks(), command, options, &format!("keep_warm = false\n{schedules}"))
    }

    /// The changes of a deploy, each as `action resource name`.
    fn deploy(&self, schedules: &str) -> Result<Vec<String>> {
        let report = self.run("deploy", &["--yes"], schedules)?.expect_success().json();
        Ok(changes(&report))
    }

    /// The rules, and for each its schedule.
    fn rules(&self) -> Result<Vec<String>> {
        let answer = &self.0.aws(&[("events", "list_rules", json!({}))])?[0];
        let rules = answer["Rules"].as_array().into_iter().flatten();
        let text = |rule: &Value, key: &str| rule[key].as_str().unwrap_or_default().to_owned();
        Ok(rules.map(|rule| format!("{} {}", text(rule, "Name"), text(rule, "ScheduleExpression"))).collect())
    }

    /// Who may call the alias, by statement id.
    fn callers(&self) -> Result<Vec<String>> {
        let alias = json!({"FunctionName": format!("hello-{}", C::STAGE), "Qualifier": "live"});
        let answer = &self.0.aws(&[("lambda", "get_policy", alias)])?[0];
        let policy: Value = serde_json::from_str(answer["Policy"].as_str().unwrap_or_default())?;
        let statements = policy["Statement"].as_array().into_iter().flatten();
        let mut ids: Vec<String> =
            statements.filter_map(|it| it["Sid"].as_str().map(str::to_owned)).collect();
        ids.sort();
        Ok(ids)
    }
}

const CLEANUP: &str = "[[schedule]]\ntask = \"cleanup\"\nrate = \"1 hour\"\ninput = { days = 30 }\n";
const NIGHTLY: &str = "[[schedule]]\ntask = \"echo\"\nname = \"nightly\"\ncron = \"0 3 * * ? *\"\n";

fn schedules_come_change_and_go<C: Cloud>(cloud: C) -> Result {
    let stage = C::STAGE;
    let world = World(cloud);
    let first = world.deploy(CLEANUP)?;
    assert!(first.contains(&format!("create rule hello-{stage}-cleanup")), "{first:?}");
    assert_eq!(world.rules()?, [format!("hello-{stage}-cleanup rate(1 hour)")]);
    let rule = json!({"Rule": format!("hello-{stage}-cleanup")});
    let targets = &world.0.aws(&[("events", "list_targets_by_rule", rule)])?[0]["Targets"];
    assert_eq!(
        targets[0]["Input"],
        r#"{"lzap":{"v":1,"kind":"task","task":"cleanup","mode":"spawn"},"data":{"days":30}}"#
    );
    assert!(targets[0]["Arn"].as_str().is_some_and(|arn| arn.ends_with(&format!("hello-{stage}:live"))));
    assert_eq!(world.callers()?, ["lzap-http-api", "lzap-schedule-cleanup"]);
    assert_eq!(world.deploy(CLEANUP)?, Vec::<String>::new());

    // One more: the other is left alone. Then one changes, and one goes.
    let both = world.deploy(&format!("{CLEANUP}{NIGHTLY}"))?;
    assert_eq!(
        both,
        [format!("create rule hello-{stage}-nightly"), "create permission lzap-schedule-nightly".to_owned()]
    );
    let status = world.run("status", &[], &format!("{CLEANUP}{NIGHTLY}"))?.expect_success().json();
    assert_eq!(status["drift"], json!([]), "{status:#}");
    assert_eq!(status["schedules"][1]["schedule"], "cron(0 3 * * ? *)", "{status:#}");
    let slower = world.deploy(&format!("{}{NIGHTLY}", CLEANUP.replace("1 hour", "2 hours")))?;
    assert_eq!(slower, [format!("update rule hello-{stage}-cleanup")]);
    let fewer = world.deploy(NIGHTLY)?;
    assert_eq!(
        fewer,
        [format!("delete rule hello-{stage}-cleanup"), "delete permission lzap-schedule-cleanup".to_owned()]
    );
    assert_eq!(world.rules()?, [format!("hello-{stage}-nightly cron(0 3 * * ? *)")]);

    by_hand_is_put_back(&world)?;
    // What only begins with the same name is somebody else's.
    let theirs = json!({"Name": format!("hello-{stage}-2-keep-warm"), "ScheduleExpression": "rate(1 hour)"});
    world.0.aws(&[("events", "put_rule", theirs)])?;
    assert_eq!(world.deploy(NIGHTLY)?, Vec::<String>::new());
    drop(world.run("undeploy", &["--yes"], "")?.expect_success());
    assert_eq!(world.rules()?, [format!("hello-{stage}-2-keep-warm rate(1 hour)")]);
    Ok(())
}

fn by_hand_is_put_back<C: Cloud>(world: &World<C>) -> Result {
    let rule = json!({"Name": format!("hello-{}-nightly", C::STAGE)});
    world.0.aws(&[("events", "disable_rule", rule)])?;
    let status = world.run("status", &[], NIGHTLY)?.expect_success().json();
    let field = &status["drift"][0]["fields"][0];
    assert_eq!((&field["field"], &field["drift"]), (&json!("state"), &json!(true)), "{status:#}");
    assert_eq!(world.deploy(NIGHTLY)?, [format!("update rule hello-{}-nightly", C::STAGE)]);
    Ok(())
}

#[test]
fn schedules_come_change_and_go_in_moto() -> Result {
    schedules_come_change_and_go(MotoCloud::start()?)
}

#[test]
fn schedules_come_change_and_go_in_the_embedded_cloud() -> Result {
    schedules_come_change_and_go(LocalCloud::start()?)
}

/// Whether a version is new or not: a schedule whose task isn't there ends the deploy before anything calls it.
fn a_missing_task_ends_the_deploy<C: Cloud>(cloud: C) -> Result {
    let world = World(cloud);
    world.deploy(CLEANUP)?;
    let misspelt = CLEANUP.replace("cleanup", "claenup");
    for extra in ["", "memory_mb = 300\n"] {
        let refused = world.run("deploy", &["--yes"], &format!("{extra}{misspelt}"))?.expect_code(7).json();
        assert_eq!(refused["error"]["code"], "lzap::aws::no_task", "{refused:#}");
        let help = refused["error"]["help"].as_str().unwrap_or_default();
        assert!(help.starts_with("did you mean `cleanup`?") && help.contains("fail, nap"), "{refused:#}");
        assert_eq!(world.rules()?, [format!("hello-{}-cleanup rate(1 hour)", C::STAGE)]);
        let alias = json!({"FunctionName": format!("hello-{}", C::STAGE), "Name": "live"});
        assert_eq!(world.0.aws(&[("lambda", "get_alias", alias)])?[0]["FunctionVersion"], "1");
    }
    Ok(())
}

#[test]
fn a_missing_task_ends_the_deploy_in_moto() -> Result {
    a_missing_task_ends_the_deploy(MotoCloud::start()?)
}

#[test]
fn a_missing_task_ends_the_deploy_in_the_embedded_cloud() -> Result {
    a_missing_task_ends_the_deploy(LocalCloud::start()?)
}

/// A rollback leaves the schedules alone, and says which of them will fail.
fn a_rollback_behind_a_task_says_so<C: Cloud>(cloud: C) -> Result {
    let world = World(cloud);
    drop(world.0.deploy("deploy", "keep_warm = false")?);
    world.deploy(CLEANUP)?;
    world.0.expect_tasks(&[])?;
    let schedules =
        format!("keep_warm = false\n{}", CLEANUP.replace("[[", &format!("[[stage.{}.", C::STAGE)));
    let back = world.0.run_in(&tasks(), "rollback", &[], &schedules)?.expect_success();
    assert!(back.stderr.contains("calls task `cleanup`, which version 1 doesn't have"), "{back}");
    assert_eq!(back.json()["missing_tasks"], json!(["cleanup"]), "{back}");
    world.0.expect_tasks(TASKS)?;
    let forth = world.0.run_in(&tasks(), "rollback", &["--to", "2"], &schedules)?.expect_success();
    assert!(!forth.stderr.contains("warning"), "{forth}");
    Ok(())
}

#[test]
fn a_rollback_behind_a_task_says_so_in_moto() -> Result {
    a_rollback_behind_a_task_says_so(MotoCloud::start()?)
}

#[test]
fn a_rollback_behind_a_task_says_so_in_the_embedded_cloud() -> Result {
    a_rollback_behind_a_task_says_so(LocalCloud::start()?)
}

/// The feature `tasks` of `lzap` decides: the bucket's name, its rules, the role, a tag.
fn what_tasks_need_is_there<C: Cloud>(cloud: C) -> Result {
    let world = World(cloud);
    drop(world.0.deploy("deploy", "keep_warm = false")?);
    let function = json!({"FunctionName": format!("hello-{}", C::STAGE)});
    let role = json!({"RoleName": format!("hello-{}-{}-lzap", C::STAGE, C::REGION), "PolicyName": "lzap"});
    let look = || -> Result<(Value, String)> {
        let mut seen = world
            .0
            .aws(&[("lambda", "get_function", function.clone()), ("iam", "get_role_policy", role.clone())])?;
        let policy = seen.pop().unwrap_or_default()["PolicyDocument"].to_string();
        Ok((seen.pop().unwrap_or_default(), policy))
    };
    let (plain, policy) = look()?;
    assert!(plain["Configuration"]["Environment"]["Variables"]["LZAP_BUCKET"].is_null(), "{plain:#}");
    assert!(!policy.contains("InvokeFunction") && plain["Tags"]["lzap:uses"].is_null(), "{policy}");

    world.deploy("")?;
    let (with, policy) = look()?;
    let bucket = with["Configuration"]["Environment"]["Variables"]["LZAP_BUCKET"].clone();
    assert!(bucket.as_str().is_some_and(|bucket| bucket.starts_with("lzap-")), "{with:#}");
    assert_eq!(with["Tags"]["lzap:uses"], "tasks");
    assert!(policy.contains("InvokeFunction") && policy.contains("/jobs/*"), "{policy}");
    assert!(!policy.contains("spill"), "{policy}");
    let rules = &world.0.aws(&[("s3", "get_bucket_lifecycle_configuration", json!({"Bucket": bucket}))])?[0];
    let ids: Vec<&str> =
        rules["Rules"].as_array().into_iter().flatten().filter_map(|it| it["ID"].as_str()).collect();
    assert_eq!(ids, ["lzap-unfinished-uploads", "lzap-keep-1d", "lzap-keep-7d"], "{rules:#}");
    let job = &rules["Rules"][2];
    assert_eq!(
        (&job["Filter"]["Tag"], &job["Expiration"]["Days"]),
        (&json!({"Key": "lzap:keep", "Value": "7d"}), &json!(7))
    );
    let status = world.run("status", &[], "")?.expect_success().json();
    assert_eq!(status["drift"], json!([]), "a build isn't needed to tell: {status:#}");
    assert_eq!(world.deploy("")?, Vec::<String>::new());
    Ok(())
}

#[test]
fn what_tasks_need_is_there_in_moto() -> Result {
    what_tasks_need_is_there(MotoCloud::start()?)
}

#[test]
fn what_tasks_need_is_there_in_the_embedded_cloud() -> Result {
    what_tasks_need_is_there(LocalCloud::start()?)
}

/// A bucket that has other rules, perhaps a person's: they stay.
#[test]
fn rules_of_the_bucket_are_added_to_those_that_are_there() -> Result {
    let world = World(MotoCloud::start()?);
    drop(world.0.deploy("deploy", "")?);
    let bucket = format!("lzap-{}-{}", lzap_testkit::ACCOUNT, crate::support::REGION);
    let rule =
        json!({"ID": "mine", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 3}});
    let own = json!({"Bucket": bucket, "LifecycleConfiguration": {"Rules": [rule]}});
    world.0.aws(&[("s3", "put_bucket_lifecycle_configuration", own)])?;
    let changes = world.deploy("")?;
    assert!(changes.contains(&format!("update bucket {bucket}")), "{changes:?}");
    let rules = &world.0.aws(&[("s3", "get_bucket_lifecycle_configuration", json!({"Bucket": bucket}))])?[0];
    let ids: Vec<&str> =
        rules["Rules"].as_array().into_iter().flatten().filter_map(|it| it["ID"].as_str()).collect();
    assert_eq!(ids, ["mine", "lzap-keep-1d", "lzap-keep-7d"], "{rules:#}");
    Ok(())
}

const ASYNC: &str = "retries = 1\nmax_age_secs = 120\n";

/// The settings for events that nobody waits for come, change, are put back, and go.
fn events_that_nobody_waits_for<C: Cloud>(cloud: C) -> Result {
    let table = |lines: &str| format!("[stage.{}.async]\n{lines}", C::STAGE);
    let world = World(cloud);
    let config = || -> Result<Value> {
        let alias = json!({"FunctionName": format!("hello-{}", C::STAGE), "Qualifier": "live"});
        Ok(world.0.aws(&[("lambda", "get_function_event_invoke_config", alias)])?.remove(0))
    };
    let first = world.deploy(&table(ASYNC))?;
    assert!(first.contains(&"create async live".to_owned()), "{first:?}");
    let seen = config()?;
    assert_eq!(
        (&seen["MaximumRetryAttempts"], &seen["MaximumEventAgeInSeconds"]),
        (&json!(1), &json!(120)),
        "{seen:#}"
    );
    assert_eq!(world.deploy(&table(ASYNC))?, Vec::<String>::new());
    // The app is told how often: that is a new version.
    let function = format!("update function hello-{}", C::STAGE);
    let expected = [function.as_str(), "update alias live", "update async live"];
    assert_eq!(world.deploy(&table("retries = 0\n"))?, expected);
    let by_hand = json!({
        "FunctionName": format!("hello-{}", C::STAGE), "Qualifier": "live", "MaximumRetryAttempts": 2,
    });
    world.0.aws(&[("lambda", "put_function_event_invoke_config", by_hand)])?;
    let status = world.run("status", &[], &table("retries = 0\n"))?.expect_success().json();
    assert_eq!(status["drift"][0]["fields"][0]["field"], "retries", "{status:#}");
    assert_eq!(world.deploy(&table("retries = 0\n"))?, ["update async live"]);
    let without = world.deploy("")?;
    assert!(without.contains(&"delete async live".to_owned()), "{without:?}");
    assert!(!config()?["error"].is_null());
    assert_eq!(world.deploy("")?, Vec::<String>::new());
    Ok(())
}

#[test]
fn events_that_nobody_waits_for_in_moto() -> Result {
    events_that_nobody_waits_for(MotoCloud::start()?)
}

#[test]
fn events_that_nobody_waits_for_in_the_embedded_cloud() -> Result {
    events_that_nobody_waits_for(LocalCloud::start()?)
}
