//! What every command promises, whichever cloud it talks to.

use serde_json::{Value, json};

use crate::clouds::Cloud;
use crate::support::Result;

/// Deploy, look, change, go back, delete: a stage's life, with what each command prints and what the cloud then has.
pub(crate) fn life_of_a_stage(cloud: &impl Cloud) -> Result {
    let before = inventory(cloud)?;
    assert!(before.is_empty(), "the cloud begins empty: {before:?}");
    not_deployed_yet(cloud)?;
    let first = cloud.deploy("deploy", "")?;
    assert!(all_actions(&first, "create"), "{first:#}");
    let after_first = inventory(cloud)?;
    for kind in ["api", "bucket", "function", "log group", "role", "rule"] {
        assert!(after_first.iter().any(|line| line.starts_with(kind)), "no {kind} in {after_first:#?}");
    }
    unchanged_is_nothing(cloud, &first)?;
    assert_eq!(inventory(cloud)?, after_first);
    let second = changed_setting(cloud, &first)?;
    back_and_forth(cloud, &first, &second)?;
    deleted(cloud)?;
    assert_eq!(inventory(cloud)?, Vec::<String>::new(), "undeploy leaves nothing");
    Ok(())
}

fn not_deployed_yet<C: Cloud>(cloud: &C) -> Result {
    let refused = cloud.run("update", &[], "")?.expect_code(2).json();
    let help = refused["error"]["help"].as_str().unwrap_or_default();
    assert!(help.contains(&format!("lzap deploy {}", C::STAGE)), "{refused:#}");
    let status = cloud.run("status", &[], "")?.expect_success().json();
    assert_eq!(status["deployed"], false);
    let plan = cloud.run("plan", &["--check"], "")?.expect_code(3).json();
    assert!(all_actions(&plan, "create"), "{plan:#}");
    assert!(inventory(cloud)?.is_empty(), "plan only reads");
    Ok(())
}

fn unchanged_is_nothing<C: Cloud>(cloud: &C, first: &Value) -> Result {
    let again = cloud.run("deploy", &[], "")?.expect_success().json();
    assert_eq!(again["changes"], json!([]), "{again:#}");
    assert_eq!(again["function"], first["function"]);
    assert_eq!(again["url"], first["url"]);
    let plan = cloud.run("plan", &["--check"], "")?.expect_success().json();
    assert_eq!(plan["changes"], json!([]));
    let status = cloud.run("status", &[], "")?.expect_success().json();
    assert_eq!(status["deployed"], true);
    assert_eq!(status["url"], first["url"]);
    assert_eq!(status["drift"], json!([]), "{status:#}");
    assert_eq!(status["artifact"]["sha256"], first["artifact"]["sha256"]);
    Ok(())
}

/// A setting changes: status calls it drift, update ships it as a new version.
fn changed_setting<C: Cloud>(cloud: &C, first: &Value) -> Result<Value> {
    let setting = "memory_mb = 640";
    let status = cloud.run("status", &[], setting)?.expect_success().json();
    let drift = status["drift"].to_string();
    assert!(drift.contains("memory") && drift.contains("640"), "{status:#}");
    let second = cloud.deploy("update", setting)?;
    assert!(all_actions(&second, "update") || second.to_string().contains("update"), "{second:#}");
    assert_ne!(second["function"]["version"], first["function"]["version"]);
    assert_eq!(second["url"], first["url"], "the URL stays");
    let live = json!({"FunctionName": format!("hello-{}", C::STAGE), "Qualifier": "live"});
    let seen = cloud.aws(&[("lambda", "get_function_configuration", live)])?;
    assert_eq!(seen[0]["MemorySize"], 640);
    Ok(second)
}

/// Rollback goes to the version that was live before; again, to a version by its number.
fn back_and_forth<C: Cloud>(cloud: &C, first: &Value, second: &Value) -> Result {
    let back = cloud.run("rollback", &[], "")?.expect_success().json();
    assert_eq!(back["function"]["version"], first["function"]["version"], "{back:#}");
    assert_eq!(live_version(cloud)?, first["function"]["version"]);
    let to = second["function"]["version"].as_str().unwrap_or_default();
    let forth = cloud.run("rollback", &["--to", to], "")?.expect_success().json();
    assert_eq!(forth["function"]["version"], second["function"]["version"]);
    assert_eq!(live_version(cloud)?, second["function"]["version"]);
    let refused = cloud.run("rollback", &["--to", "77"], "")?;
    assert!(refused.code != Some(0), "{refused}");
    assert!(refused.json()["error"]["message"].to_string().contains("77"), "{refused}");
    Ok(())
}

fn deleted<C: Cloud>(cloud: &C) -> Result {
    let before = inventory(cloud)?;
    let refused = cloud.run("undeploy", &[], "")?.expect_code(2).json();
    assert!(refused["error"]["help"].to_string().contains("--yes"), "{refused:#}");
    assert_eq!(inventory(cloud)?, before, "an unconfirmed undeploy touches nothing");
    let gone = cloud.run("undeploy", &["--yes"], "")?.expect_success().json();
    assert!(all_actions(&gone, "delete"), "{gone:#}");
    let status = cloud.run("status", &[], "")?.expect_success().json();
    assert_eq!(status["deployed"], false);
    let again = cloud.run("undeploy", &["--yes"], "")?.expect_success().json();
    assert_eq!(again["changes"], json!([]), "deleting what is gone is done already");
    Ok(())
}

/// Whether there are changes and each of them is `action`.
pub(crate) fn all_actions(report: &Value, action: &str) -> bool {
    let changes = report["changes"].as_array();
    changes
        .is_some_and(|changes| !changes.is_empty() && changes.iter().all(|change| change["action"] == action))
}

fn live_version<C: Cloud>(cloud: &C) -> Result<Value> {
    let alias = json!({"FunctionName": format!("hello-{}", C::STAGE), "Name": "live"});
    Ok(cloud.aws(&[("lambda", "get_alias", alias)])?[0]["FunctionVersion"].clone())
}

/// Everything in the cloud, one line each, sorted: as boto3 lists it.
pub(crate) fn inventory(cloud: &impl Cloud) -> Result<Vec<String>> {
    let lists = [
        ("bucket", "s3", "list_buckets", "Buckets", "Name"),
        ("role", "iam", "list_roles", "Roles", "RoleName"),
        ("function", "lambda", "list_functions", "Functions", "FunctionName"),
        ("api", "apigatewayv2", "get_apis", "Items", "Name"),
        ("rule", "events", "list_rules", "Rules", "Name"),
        ("log group", "logs", "describe_log_groups", "logGroups", "logGroupName"),
    ];
    let calls: Vec<_> = lists.iter().map(|(_, service, method, ..)| (*service, *method, json!({}))).collect();
    let answers = cloud.aws(&calls)?;
    let mut lines = Vec::new();
    for ((kind, _, _, list, name), answer) in lists.iter().zip(&answers) {
        for item in answer[*list].as_array().into_iter().flatten() {
            lines.push(format!("{kind} {}", item[*name].as_str().unwrap_or_default()));
        }
    }
    lines.sort();
    Ok(lines)
}
