//! Versions with real traffic: a canary gets its share and ends either way, a sick one gets none, old ones go.

use std::path::Path;

use lzap_testkit::LocalCloud;
use serde_json::{Value, json};

use super::{get, run, url_of};
use crate::clouds::Cloud;
use crate::support::{Result, new_app, settings};

#[test]
fn a_canary_gets_its_share_of_the_traffic_and_ends_either_way() -> Result {
    let cloud = LocalCloud::idle()?;
    let app = new_app("hello-canary")?;
    let first = run(&cloud, app.path(), &["deploy", "local"])?;
    let no_canary = cloud.lzap().run(app.path(), &["deploy", "local", "--promote"])?.expect_code(2);
    assert!(no_canary.stderr.contains("--canary"), "{no_canary}");

    app.replace("src/main.rs", "Hello", "Canary")?;
    let begun = run(&cloud, app.path(), &["deploy", "local", "--canary", "50%"])?;
    assert_eq!(begun["canary"], json!({"version": "2", "percent": 50}), "{begun:#}");
    assert_eq!(begun["function"]["version"], "1", "version 1 is still live: {begun:#}");
    status_shows_the_canary(&cloud, app.path())?;
    let answers = (0..60).map(|_| Ok(get(url_of(&first))?.text())).collect::<Result<Vec<_>>>()?;
    let canaries = answers.iter().filter(|answer| answer.contains("Canary")).count();
    // Half of 60; one in 10^8 falls outside.
    assert!((8..=52).contains(&canaries), "{canaries} of 60");
    let history = run(&cloud, app.path(), &["history", "local"])?;
    let states = [&history["versions"][0]["state"], &history["versions"][1]["state"]];
    assert_eq!(states, [&json!("canary"), &json!("live")], "{history:#}");

    app.replace("src/main.rs", "Canary", "Third")?;
    let refused = cloud.lzap().run(app.path(), &["update", "local"])?.expect_code(2);
    assert!(refused.stderr.contains("--promote"), "a canary is ended before something else: {refused}");

    run(&cloud, app.path(), &["deploy", "local", "--abort"])?;
    assert!(
        (0..10).map(|_| get(url_of(&first))).all(|answer| answer.is_ok_and(|a| a.text().contains("Hello")))
    );
    run(&cloud, app.path(), &["deploy", "local", "--canary", "10"])?;
    let promoted = run(&cloud, app.path(), &["deploy", "local", "--promote"])?;
    assert!(
        (0..10).map(|_| get(url_of(&first))).all(|answer| answer.is_ok_and(|a| a.text().contains("Third")))
    );
    let back = run(&cloud, app.path(), &["rollback", "local"])?;
    assert_ne!(back["function"]["version"], promoted["function"]["version"]);
    assert!(get(url_of(&first))?.text().contains("Hello"));
    Ok(())
}

/// The status of a stage with a canary, and while `lzap.toml` differs from it.
fn status_shows_the_canary(cloud: &LocalCloud, app: &Path) -> Result {
    let status = run(cloud, app, &["status", "local"])?;
    assert_eq!(status["canary"], json!({"version": "2", "percent": 50}), "{status:#}");
    assert_eq!(status["drift"], json!([]), "it is compared with the canary: {status:#}");
    let config = settings("[stage.local]\nmemory_mb = 300\n")?;
    let config = config.path().join("lzap.toml").display().to_string();
    let text = cloud.lzap().run(app, &["status", "local", "--config", &config])?.expect_success();
    for line in ["canary    version 2 gets 50 % of the requests", "drift     unknown: lzap.toml has changed"]
    {
        assert!(text.stdout.contains(line), "{line}\n{text}");
    }
    Ok(())
}

/// A version whose health path fails gets no traffic, although it starts.
#[test]
fn a_version_that_is_not_healthy_gets_no_traffic() -> Result {
    let cloud = LocalCloud::idle()?;
    let app = new_app("hello-health")?;
    let first = run(&cloud, app.path(), &["deploy", "local"])?;
    app.write("lzap.toml", "[stage.local]\nhealth_path = \"/nowhere\"\nmemory_mb = 256\n")?;
    let refused = cloud.lzap().run(app.path(), &["update", "local"])?.expect_code(7);
    assert!(refused.stderr.contains("GET /nowhere answered 404"), "{refused}");
    let status = run(&cloud, app.path(), &["status", "local"])?;
    assert_eq!(status["function"]["version"], first["function"]["version"], "{status:#}");
    app.write("lzap.toml", "[stage.local]\n")?;
    let plan = cloud.lzap().run(app.path(), &["plan", "local"])?.expect_success();
    assert!(plan.stdout.contains("(left by version 2, which isn't live)"), "{plan}");
    app.write("lzap.toml", "[stage.local]\nhealth_path = \"/\"\nmemory_mb = 256\n")?;
    let healthy = run(&cloud, app.path(), &["update", "local"])?;
    assert_ne!(healthy["function"]["version"], first["function"]["version"]);
    Ok(())
}

/// How often each command calls, against the embedded cloud.
#[test]
fn calls_stay_within_their_budgets() -> Result {
    let cloud = LocalCloud::idle()?;
    let app = new_app("hello-budget")?;
    let calls = |args: &[&str]| -> Result<u64> {
        let args = [&args[..1], &["local"], &args[1..]].concat();
        Ok(run(&cloud, app.path(), &args)?["aws_calls"].as_u64().unwrap_or(u64::MAX))
    };
    let mut budgets = vec![("first deploy", calls(&["deploy"])?, 36), ("unchanged", calls(&["deploy"])?, 16)];
    app.replace("src/main.rs", "Hello", "Goodbye")?;
    budgets.push(("code only", calls(&["update"])?, 28));
    budgets.push(("rollback", calls(&["rollback"])?, 10));
    budgets.push(("undeploy", calls(&["undeploy", "--yes"])?, 30));
    for (what, made, budget) in budgets {
        assert!(made <= budget, "{what}: {made} calls, at most {budget}");
    }
    Ok(())
}

/// (moto counts versions anew when one is gone, so only this cloud can show it.) Old versions and their zips go, never one that an alias holds; the history says which was live.
#[test]
fn old_versions_are_swept_up_and_history_tells_the_rest() -> Result {
    let cloud = LocalCloud::idle()?;
    let setting = |memory: u32| format!("keep_versions = 2\nmemory_mb = {memory}");
    cloud.deploy("deploy", &setting(128))?;
    let alias = json!({"FunctionName": "hello-local", "Name": "pinned", "FunctionVersion": "1"});
    Cloud::aws(&cloud, &[("lambda", "create_alias", alias)])?;
    for memory in [256, 384, 512, 640] {
        cloud.deploy("update", &setting(memory))?;
    }
    let listed = Cloud::aws(
        &cloud,
        &[("lambda", "list_versions_by_function", json!({"FunctionName": "hello-local"}))],
    )?;
    let numbers: Vec<&str> = listed[0]["Versions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|v| v["Version"].as_str())
        .collect();
    assert_eq!(numbers, ["$LATEST", "1", "4", "5"], "two are kept, and the one that an alias holds");
    let history = cloud.run("history", &[], &setting(640))?.expect_success().json();
    let states: Vec<(&Value, &Value)> = history["versions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|version| (&version["version"], &version["state"]))
        .collect();
    let expected = [("5", json!("live")), ("4", json!("was_live")), ("1", json!("was_live"))];
    let expected: Vec<(Value, Value)> = expected.map(|(number, state)| (json!(number), state)).to_vec();
    assert_eq!(states, expected.iter().map(|(number, state)| (number, state)).collect::<Vec<_>>());
    assert_eq!(cloud.run("deploy", &[], &setting(640))?.expect_success().json()["changes"], json!([]));
    Ok(())
}

#[test]
fn status_lists_what_a_first_deploy_that_failed_has_made() -> Result {
    let cloud = LocalCloud::idle()?;
    let app = new_app("hello-half")?;
    app.write("lzap.toml", "[stage.local]\nhealth_path = \"/nowhere\"\n")?;
    let refused = cloud.lzap().run(app.path(), &["deploy", "local"])?.expect_code(7);
    assert!(refused.stderr.contains("GET /nowhere answered 404"), "{refused}");
    let status = run(&cloud, app.path(), &["status", "local"])?;
    assert_eq!(status["deployed"], false);
    let exists = status["exists"].as_array().cloned().unwrap_or_default();
    for found in ["function hello-half-local", "role hello-half-local"] {
        let begins = |line: &Value| line.as_str().is_some_and(|line| line.starts_with(found));
        assert!(exists.iter().any(begins), "{found}: {status:#}");
    }
    run(&cloud, app.path(), &["undeploy", "local", "--yes"])?;
    let status = run(&cloud, app.path(), &["status", "local"])?;
    assert_eq!(status["exists"], json!([]), "{status:#}");
    Ok(())
}

/// One stage that can't be read hides none of the others.
#[test]
fn status_of_all_stages_has_a_block_for_each() -> Result {
    let cloud = LocalCloud::idle()?;
    let app = new_app("hello-all")?;
    app.write(
        "lzap.toml",
        "[stage.broken]\nprofile = \"nobody\"\nregion = \"eu-central-1\"\n[stage.local]\n",
    )?;
    let outcome = cloud.lzap().run(app.path(), &["status", "--all", "--output", "json"])?;
    assert!(outcome.code != Some(0), "{outcome}");
    let stages = &outcome.json()["stages"];
    assert_eq!((&stages[0]["stage"], &stages[1]["stage"]), (&json!("broken"), &json!("local")), "{stages:#}");
    assert!(stages[0]["error"]["help"].is_string(), "{stages:#}");
    assert_eq!(stages[1]["deployed"], false, "{stages:#}");
    Ok(())
}
