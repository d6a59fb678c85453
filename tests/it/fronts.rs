//! The front changes, against both clouds: the new one works before the old one is deleted.

use lzap_testkit::LocalCloud;
use serde_json::{Value, json};

use crate::clouds::{Cloud, MotoCloud};
use crate::commands::inventory;
use crate::local::{get, url_of};
use crate::support::Result;

const URL: &str = "front = \"function-url\"";
const NONE: &str = "front = \"none\"";

/// The resources that a report says were changed: action and kind.
fn changes(report: &Value) -> Vec<String> {
    let changes = report["changes"].as_array().into_iter().flatten();
    let mut lines: Vec<String> = changes
        .map(|it| format!("{} {}", it["action"], it["resource"]).replace('"', ""))
        .filter(|line| !line.ends_with("function"))
        .collect();
    lines.sort();
    lines
}

fn has_api(cloud: &impl Cloud) -> Result<bool> {
    Ok(inventory(cloud)?.iter().any(|line| line.starts_with("api")))
}

fn statements(cloud: &impl Cloud) -> Result<Vec<String>> {
    let live = json!({"FunctionName": function(cloud), "Qualifier": "live"});
    let policy = &cloud.aws(&[("lambda", "get_policy", live)])?[0]["Policy"];
    let policy: Value = serde_json::from_str(policy.as_str().unwrap_or_default())?;
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let mut ids: Vec<String> =
        statements.map(|it| it["Sid"].as_str().unwrap_or_default().to_owned()).collect();
    ids.sort();
    Ok(ids)
}

fn function<C: Cloud>(_: &C) -> String {
    format!("hello-{}", C::STAGE)
}

/// From an HTTP API to a function URL, to no front, and back.
fn every_front_in_turn(cloud: &impl Cloud, works: impl Fn(&Value) -> Result<bool>) -> Result {
    let api = cloud.deploy("deploy", "")?;
    assert!(works(&api)?);
    let asked = cloud.run("deploy", &[], URL)?.expect_code(2).json();
    assert!(asked["error"]["help"].to_string().contains("--yes"), "{asked:#}");
    let old = url_of(&api);
    let plan = cloud.run("plan", &[], URL)?.expect_success();
    assert!(plan.stdout.contains(old), "the old URL is named: {plan}");

    let url = deploy(cloud, &["--yes"], URL)?;
    assert_ne!(url["url"], api["url"]);
    assert!(works(&url)?);
    assert_eq!(
        changes(&url),
        [
            "create function URL",
            "create permission",
            "create permission",
            "delete HTTP API",
            "delete permission"
        ]
    );
    assert!(!has_api(cloud)?);
    assert_eq!(statements(cloud)?, ["lzap-function-url", "lzap-function-url-invoke", "lzap-keep-warm"]);
    let again = deploy(cloud, &[], URL)?;
    assert_eq!((&again["changes"], &again["url"]), (&json!([]), &url["url"]));
    assert_eq!(cloud.run("status", &[], URL)?.expect_success().json()["url"], url["url"]);

    let kept = deploy(cloud, &["--keep-old-front"], "")?;
    assert_eq!(changes(&kept), ["create HTTP API", "create permission"]);
    assert!(works(&kept)? && works(&url)?, "both work");

    let none = deploy(cloud, &["--yes"], NONE)?;
    assert_eq!(none["url"], Value::Null, "{none:#}");
    assert!(!has_api(cloud)?);
    assert_eq!(statements(cloud)?, ["lzap-keep-warm"]);
    assert_eq!(deploy(cloud, &[], NONE)?["changes"], json!([]));

    deploy(cloud, &[], URL)?;
    drop(cloud.run("undeploy", &["--yes"], URL)?.expect_success());
    assert_eq!(inventory(cloud)?, Vec::<String>::new());
    Ok(())
}

fn deploy<C: Cloud>(cloud: &C, options: &[&str], settings: &str) -> Result<Value> {
    cloud.expect_probe()?;
    Ok(cloud.run("deploy", options, settings)?.expect_success().json())
}

/// Its URLs lead to no server.
#[test]
fn moto_every_front_in_turn() -> Result {
    every_front_in_turn(&MotoCloud::start()?, |_| Ok(true))
}

#[test]
fn local_every_front_in_turn() -> Result {
    every_front_in_turn(&LocalCloud::start()?, |report| Ok(get(url_of(report))?.status == 200))
}
