//! A deploy that cannot break what is live: the lock, interrupts, drift, what is somebody else's, old versions.

use std::time::Duration;

use lzap_testkit::{ACCOUNT, Lzap, Moto, Proxy, Running};
use serde_json::{Value, json};

use crate::clouds::{Cloud, MotoCloud};
use crate::support::{HOST, REGION, Result, hello, settings};

const PATIENCE: Duration = Duration::from_mins(5);

fn bucket() -> String {
    format!("lzap-{ACCOUNT}-{REGION}")
}

/// A lock of another machine, put an instant ago.
fn foreign_lock(cloud: &MotoCloud) -> Result {
    let holder = json!({
        "nonce": "theirs", "owner": "jane", "host": "ci-7", "boot_id": "another", "pid": 4711,
        "command": "update dev", "since": "2026-11-24T08:00:00Z", "ci_run": "https://ci.example/run/9"
    });
    let put = json!({"Bucket": bucket(), "Key": "hello/dev/lock", "Body": holder.to_string()});
    let put = cloud.aws(&[("s3", "put_object", put)])?;
    assert!(put[0]["error"].is_null(), "{put:#?}");
    Ok(())
}

fn keys(cloud: &MotoCloud) -> Result<Vec<String>> {
    let listed = cloud.aws(&[("s3", "list_objects_v2", json!({"Bucket": bucket()}))])?;
    let objects = listed[0]["Contents"].as_array().cloned().unwrap_or_default();
    Ok(objects.iter().filter_map(|object| object["Key"].as_str()).map(str::to_owned).collect())
}

/// Starts a command without waiting for it.
fn spawn(cloud: &MotoCloud, args: &[&str], extra: &str) -> Result<Running> {
    let place = format!("region = \"{REGION}\"\narchitecture = \"{HOST}\"\n");
    let settings = settings(&format!("app = \"hello\"\n\n[stage.dev]\n{place}{extra}\n"))?;
    // The tool reads its configuration at once; the folder must only outlive that.
    let config = settings.path().join("lzap.toml");
    let kept = cloud.lzap().home().join("spawned.toml");
    fs_err::copy(config, &kept)?;
    let (project, kept) = (hello()?.display().to_string(), kept.display().to_string());
    let options = ["dev", "--no-touch", "--project", &project, "--config", &kept];
    cloud.lzap().spawn(settings.path(), &[&args[..1], &options, &args[1..]].concat())
}

#[test]
fn another_machines_lock_refuses_a_deploy_and_unlock_takes_it_away() -> Result {
    let cloud = MotoCloud::start()?;
    cloud.deploy("deploy", "")?;
    foreign_lock(&cloud)?;
    for (command, options) in [("update", vec![]), ("rollback", vec![]), ("undeploy", vec!["--yes"])] {
        let refused = cloud.run(command, &options, "memory_mb = 256")?.expect_code(6).json();
        let (message, help) = (refused["error"]["message"].to_string(), refused["error"]["help"].to_string());
        assert!(message.contains("jane") && message.contains("ci-7"), "{command}: {refused:#}");
        assert!(help.contains("lzap unlock dev") && help.contains("--wait"), "{command}: {refused:#}");
    }
    let asked = cloud.run("unlock", &[], "")?.expect_code(2);
    assert!(asked.stderr.contains("https://ci.example/run/9"), "{asked}");
    let unlocked = cloud.run("unlock", &["--yes"], "")?.expect_success().json();
    assert_eq!(unlocked["holder"]["owner"], "jane");
    assert_eq!(cloud.run("unlock", &["--yes"], "")?.expect_success().json()["holder"], Value::Null);
    cloud.deploy("update", "memory_mb = 256")?;
    assert!(!keys(&cloud)?.contains(&"hello/dev/lock".to_owned()), "the lock is given back");
    Ok(())
}

#[test]
fn a_deploy_that_waits_goes_on_when_the_lock_is_free() -> Result {
    let cloud = MotoCloud::start()?;
    cloud.deploy("deploy", "")?;
    foreign_lock(&cloud)?;
    cloud.expect_probe()?;
    let waiting = spawn(&cloud, &["update", "--wait"], "memory_mb = 256")?;
    waiting.wait_until_printed("Waiting for `lzap update dev` of jane", PATIENCE)?;
    cloud.aws(&[("s3", "delete_object", json!({"Bucket": bucket(), "Key": "hello/dev/lock"}))])?;
    drop(waiting.wait_for_exit(PATIENCE)?.expect_success());
    let live = json!({"FunctionName": "hello-dev", "Qualifier": "live"});
    assert_eq!(cloud.aws(&[("lambda", "get_function_configuration", live)])?[0]["MemorySize"], 256);
    Ok(())
}

/// The first Ctrl-C lets the running calls end, gives the lock back and says how to go on.
#[test]
fn an_interrupted_deploy_ends_in_order_and_is_taken_up() -> Result {
    let moto = Moto::start()?;
    let proxy = Proxy::start(moto.url(), Duration::from_millis(400))?;
    let url = proxy.url().to_owned();
    let cloud = MotoCloud::behind(moto, &url)?;
    drop(cloud.run("package", &[], "")?.expect_success());
    let running = spawn(&cloud, &["deploy"], "")?;
    running.wait_until_printed("10 to create", PATIENCE)?;
    // In the middle of making things.
    while proxy.count_calls() < 14 {
        std::thread::sleep(Duration::from_millis(20));
    }
    running.interrupt()?;
    let outcome = running.wait_for_exit(PATIENCE)?.expect_code(130);
    assert!(outcome.stderr.contains("steps done; `lzap deploy "), "{outcome}");
    assert!(outcome.stderr.contains("does the rest"), "{outcome}");
    assert!(!keys(&cloud)?.contains(&"hello/dev/lock".to_owned()), "the lock is given back");
    cloud.deploy("deploy", "")?;
    assert_eq!(cloud.run("deploy", &[], "")?.expect_success().json()["changes"], json!([]));
    Ok(())
}

/// What somebody changed in the console is told with both values, and put back.
#[test]
fn a_change_by_hand_is_drift_and_is_put_back() -> Result {
    let cloud = MotoCloud::start()?;
    cloud.deploy("deploy", "")?;
    cloud.aws(&[
        (
            "lambda",
            "update_function_configuration",
            json!({"FunctionName": "hello-dev", "MemorySize": 3008, "Timeout": 7}),
        ),
        ("events", "disable_rule", json!({"Name": "hello-dev-keep-warm"})),
        (
            "logs",
            "put_retention_policy",
            json!({"logGroupName": "/aws/lambda/hello-dev", "retentionInDays": 1}),
        ),
    ])?;
    let status = cloud.run("status", &[], "")?.expect_success().json();
    let drift = status["drift"].as_array().cloned().unwrap_or_default();
    let fields: Vec<&Value> =
        drift.iter().flat_map(|change| change["fields"].as_array().into_iter().flatten()).collect();
    for (field, before, after) in [
        ("memory", "3008 MB", "512 MB"),
        ("timeout", "7 s", "30 s"),
        ("state", "disabled", "enabled"),
        ("retention", "1 day", "30 days"),
    ] {
        let found = fields.iter().find(|found| found["field"] == field);
        let found = found.unwrap_or_else(|| panic!("{field} is not in {status:#}"));
        assert_eq!((&found["before"], &found["after"]), (&json!(before), &json!(after)), "{found:#}");
    }
    let memory = fields.iter().find(|found| found["field"] == "memory").map(|found| &found["drift"]);
    assert_eq!(memory, Some(&json!(true)), "the live version still has what lzap had set");
    let deployed = cloud.run("deploy", &[], "")?.expect_success();
    assert!(deployed.stderr.contains("settings that were changed outside lzap are set back"), "{deployed}");
    let seen =
        cloud.aws(&[("lambda", "get_function_configuration", json!({"FunctionName": "hello-dev"}))])?;
    assert_eq!((&seen[0]["MemorySize"], &seen[0]["Timeout"]), (&json!(512), &json!(30)));
    assert_eq!(cloud.run("status", &[], "")?.expect_success().json()["drift"], json!([]));
    Ok(())
}

/// What has the stage's names but nobody's tags is refused before anything is touched, and taken over when asked.
#[test]
fn what_is_somebody_elses_is_refused_and_adopted_when_asked() -> Result {
    let cloud = MotoCloud::start()?;
    let group = json!({"logGroupName": "/aws/lambda/hello-dev"});
    cloud.aws(&[("logs", "create_log_group", group)])?;
    let refused = cloud.run("deploy", &[], "")?.expect_code(2).json();
    assert_eq!(refused["error"]["code"], "lzap::plan::not_ours");
    assert!(refused["error"]["help"].to_string().contains("--adopt"), "{refused:#}");
    let buckets = cloud.aws(&[("s3", "list_buckets", json!({}))])?;
    assert_eq!(buckets[0]["Buckets"], json!([]), "nothing was touched");
    cloud.expect_probe()?;
    drop(cloud.run("deploy", &["--adopt"], "")?.expect_success());
    let arn = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/hello-dev");
    let tags = cloud.aws(&[("logs", "list_tags_for_resource", json!({"resourceArn": arn}))])?;
    assert_eq!(tags[0]["tags"]["lzap:stage"], "dev", "{tags:#?}");
    assert_eq!(cloud.run("deploy", &[], "")?.expect_success().json()["changes"], json!([]));
    Ok(())
}

/// Stages in other regions, all of them with one command; us-east-1 has a bucket without a location.
#[test]
fn all_stages_in_their_regions() -> Result {
    let cloud = MotoCloud::start()?;
    let stages = format!(
        "app = \"hello\"\n[stage.dev]\narchitecture = \"{HOST}\"\nregion = \"{REGION}\"\n\
         [stage.production]\nextends = \"dev\"\nregion = \"us-east-1\"\nmemory_mb = 1024\n"
    );
    let settings = settings(&stages)?;
    let config = settings.path().join("lzap.toml").display().to_string();
    let project = hello()?.display().to_string();
    // The environment's region would win over each stage's own.
    let lzap = Lzap::with_endpoint(cloud.moto.url(), "")?;
    let run = |args: &[&str]| {
        let options = ["--all", "--output", "json", "--project", &project, "--config", &config];
        lzap.run(settings.path(), &[args, &options].concat())
    };
    for region in [REGION, "us-east-1"] {
        cloud.moto.queue_probe_answers(region, 1)?;
    }
    let refused = run(&["deploy", "--no-touch", "dev"])?;
    assert_eq!(refused.code, Some(2), "--all and a stage exclude each other: {refused}");
    let deployed = run(&["deploy", "--no-touch"])?.expect_success().json();
    assert_eq!(deployed["stages"].as_array().map(Vec::len), Some(2), "{deployed:#}");
    let status = run(&["status"])?.expect_success().json();
    let regions: Vec<&Value> =
        status["stages"].as_array().into_iter().flatten().map(|stage| &stage["region"]).collect();
    assert_eq!(regions, [REGION, "us-east-1"], "{status:#}");
    let buckets = cloud.aws(&[("s3", "list_buckets", json!({}))])?;
    assert_eq!(buckets[0]["Buckets"].as_array().map(Vec::len), Some(2), "one for each region");
    let gone = run(&["undeploy", "--yes"])?.expect_success().json();
    assert_eq!(gone["stages"].as_array().map(Vec::len), Some(2), "{gone:#}");
    Ok(())
}
