//! The command set against the embedded cloud, where the deployed code really runs.

mod parallel;
mod tasks;
mod versions;

use std::path::Path;

use hyper::Method;
use lzap_testkit::{LocalCloud, Lzap, Response, TempProject, csv, send_request};
use serde_json::{Value, json};

use crate::commands::{inventory, life_of_a_stage};
use crate::support::{Result, csv_group_sum, hello, new_app};

fn run(cloud: &LocalCloud, folder: &Path, args: &[&str]) -> Result<Value> {
    let args = [args, &["--output", "json"]].concat();
    Ok(cloud.lzap().run(folder, &args)?.expect_success().json())
}

pub(crate) fn get(url: &str) -> Result<Response> {
    send_request(&Method::GET, url, "text/plain", "")
}

pub(crate) fn url_of(report: &Value) -> &str {
    report["url"].as_str().unwrap_or_default()
}

#[test]
fn a_stage_lives_and_leaves_nothing() -> Result {
    life_of_a_stage(&LocalCloud::start()?)
}

/// The first minutes with lzap: nothing but a folder, and no account.
#[test]
fn from_an_empty_folder_to_a_url_and_back() -> Result {
    let cloud = LocalCloud::idle()?;
    let app = TempProject::empty("hello-first-minutes")?;
    drop(cloud.lzap().run(app.path(), &["init", "--template", "hello", "--yes"])?.expect_success());
    let deployed = run(&cloud, app.path(), &["deploy", "local"])?;
    let answer = get(url_of(&deployed))?;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("Hello"), "{}", answer.text());

    app.replace("src/main.rs", "Hello", "Goodbye")?;
    let updated = run(&cloud, app.path(), &["update", "local"])?;
    assert_eq!(url_of(&updated), url_of(&deployed), "the URL stays");
    let answer = get(url_of(&updated))?;
    assert!(answer.text().contains("Goodbye"), "{}", answer.text());

    let back = run(&cloud, app.path(), &["rollback", "local"])?;
    assert!(get(url_of(&back))?.text().contains("Hello"));

    run(&cloud, app.path(), &["undeploy", "local", "--yes"])?;
    assert_eq!(inventory(&cloud)?, Vec::<String>::new());
    assert!(get(url_of(&deployed)).is_err(), "nothing answers there any more");
    Ok(())
}

/// A proxy elsewhere can't reach this machine's loopback addresses.
#[test]
fn a_proxy_is_not_asked_for_the_embedded_cloud() -> Result {
    let proxied = ["HTTP_PROXY", "http_proxy", "ALL_PROXY"]
        .into_iter()
        .fold(Lzap::new()?, |lzap, variable| lzap.env(variable, "http://127.0.0.1:9"));
    run(&LocalCloud::on_machine(proxied), hello()?, &["status", "local"])?;
    Ok(())
}

/// The reference app on a table of the mission's size, each sum compared with exact arithmetic.
#[test]
fn a_csv_of_100_000_rows_is_summed() -> Result {
    let cloud = LocalCloud::idle()?;
    let app = csv_group_sum()?;
    let deployed = run(&cloud, &app, &["deploy", "local"])?;
    let url = format!("{}/?value_column=value", url_of(&deployed).trim_end_matches('/'));
    for (rows, ids, seed) in [(100_000, 1_000, 1), (10, 10, 2), (100_000, 1, 3)] {
        let table = csv::sample(rows, ids, seed);
        let answer = send_request(&Method::PUT, &url, "text/csv", table.clone())?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(csv::check(&table, "value", &answer.text()), Ok(ids), "{rows} rows");
    }
    let page = get(url_of(&deployed))?;
    assert_eq!(page.status, 200);
    assert!(page.text().to_lowercase().contains("<form"), "{}", page.text());
    let refused = send_request(&Method::PUT, &url, "text/csv", "id,value\na,1\nb,x\n")?;
    assert_eq!(refused.status.as_u16() / 100, 4, "{}", refused.text());
    Ok(())
}

/// The state survives a restart; `reset` is what deletes it.
#[test]
fn the_cloud_stops_starts_and_is_reset() -> Result {
    let cloud = LocalCloud::start()?;
    let home = cloud.lzap().home().to_owned();
    let again = run(&cloud, &home, &["local", "start"])?;
    assert_eq!(again["pid"], cloud.read_status()?["pid"], "starting what runs changes nothing");
    let deployed = run(&cloud, hello()?, &["deploy", "local"])?;
    let before = inventory(&cloud)?;
    run(&cloud, &home, &["local", "stop"])?;
    assert_eq!(cloud.read_status()?["running"], false);
    assert!(get(url_of(&deployed)).is_err(), "a stopped cloud serves nothing");
    run(&cloud, &home, &["local", "start"])?;
    assert_eq!(inventory(&cloud)?, before);
    assert_eq!(get(url_of(&deployed))?.status, 200, "and at the same URL");
    let status = cloud.read_status()?;
    assert_eq!((&status["functions"], &status["apis"][0]["url"]), (&json!(1), &deployed["url"]));

    let refused = cloud.lzap().run(&home, &["local", "reset"])?.expect_code(2);
    assert!(refused.stderr.contains("--yes"), "{refused}");
    run(&cloud, &home, &["local", "reset", "--yes"])?;
    run(&cloud, &home, &["local", "start"])?;
    assert_eq!(inventory(&cloud)?, Vec::<String>::new());
    Ok(())
}

/// An account with less than AWS's thousand, to see what an app does when it is throttled.
#[test]
fn the_limit_of_concurrent_invocations_can_be_set() -> Result {
    let cloud = LocalCloud::idle()?;
    let home = cloud.lzap().home().to_owned();
    let started = run(&cloud, &home, &["local", "start", "--concurrency", "3"])?;
    assert_eq!(started["concurrency"], 3, "{started:#}");
    let again = cloud.lzap().run(&home, &["local", "start", "--concurrency", "4"])?.expect_success();
    assert!(again.stderr.contains("it runs 3 invocations at once, not 4"), "{again}");
    run(&cloud, &home, &["local", "stop"])?;
    let set = LocalCloud::on_machine(Lzap::new()?.env("LZAP_LOCAL_CONCURRENCY", "5"));
    run(&set, hello()?, &["deploy", "local"])?;
    assert_eq!(set.read_status()?["concurrency"], 5, "the variable holds for a cloud that a deploy starts");
    Ok(())
}

/// Several invocations in one process, as on Lambda Managed Instances; kept by a start that doesn't set it.
#[test]
fn the_concurrency_of_an_environment_can_be_set_and_is_kept() -> Result {
    let cloud = LocalCloud::idle()?;
    let home = cloud.lzap().home().to_owned();
    for refused in ["0", "1601", "many"] {
        let start = ["local", "start", "--environment-concurrency", refused];
        let outcome = cloud.lzap().run(&home, &start)?.expect_code(2);
        assert!(outcome.stderr.contains("--environment-concurrency"), "{outcome}");
    }
    assert_eq!(run(&cloud, &home, &["local", "start"])?["environment_concurrency"], 1);
    let other =
        cloud.lzap().run(&home, &["local", "start", "--environment-concurrency", "8"])?.expect_success();
    let warning =
        "each environment takes 1 invocation at once, not 8: run `lzap local stop`, then this command again";
    assert!(other.stderr.contains(warning), "{other}");
    run(&cloud, &home, &["local", "stop"])?;
    let started = run(&cloud, &home, &["local", "start", "--environment-concurrency", "8"])?;
    assert_eq!(started["environment_concurrency"], 8, "{started:#}");
    run(&cloud, &home, &["local", "stop"])?;
    run(&cloud, hello()?, &["deploy", "local"])?;
    assert_eq!(cloud.read_status()?["environment_concurrency"], 8, "a deploy starts it as it was");
    let text = cloud.lzap().run(&home, &["local", "status"])?.expect_success();
    assert!(text.stdout.contains("8 in an environment"), "{text}");
    run(&cloud, &home, &["local", "stop"])?;
    assert_eq!(
        run(&cloud, &home, &["local", "start", "--environment-concurrency", "1"])?["environment_concurrency"],
        1
    );
    Ok(())
}

/// The AWS CLI drives it, and sees what lzap deployed.
#[test]
fn the_aws_cli_sees_and_calls_what_is_deployed() -> Result {
    let cloud = LocalCloud::idle()?;
    run(&cloud, hello()?, &["deploy", "local"])?;
    let folder = TempProject::empty("cli")?;
    let aws = |args: &[&str]| -> Result<Value> {
        let output = cloud.run_aws_cli(folder.path(), args)?;
        assert!(output.status.success(), "aws {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
    };
    let function = aws(&["lambda", "get-function", "--function-name", "hello-local", "--qualifier", "live"])?;
    assert_eq!(function["Configuration"]["Runtime"], "provided.al2023");
    let probe = r#"{"lzap":{"v":1,"kind":"probe"}}"#;
    let name = ["--function-name", "hello-local", "--qualifier", "live"];
    let payload = ["--payload", probe, "answer.json"];
    let invoked = aws(&[&["lambda", "invoke"], &name[..], &payload[..]].concat())?;
    assert_eq!(invoked["StatusCode"], 200);
    let answer: Value = serde_json::from_str(&folder.read("answer.json")?)?;
    assert_eq!(answer["lzap"]["kind"], "probe");
    aws(&["s3", "mb", "s3://my-own-bucket"])?;
    folder.write("a.txt", "some text")?;
    aws(&["s3", "cp", "a.txt", "s3://my-own-bucket/a.txt"])?;
    aws(&["s3", "cp", "s3://my-own-bucket/a.txt", "b.txt"])?;
    assert_eq!(folder.read("b.txt")?, "some text");
    let logs = ["logs", "filter-log-events", "--log-group-name", "/aws/lambda/hello-local"];
    let events = aws(&logs)?.to_string();
    assert!(events.contains("REPORT RequestId"), "{events}");
    Ok(())
}

/// A panic in the app is an answer, and the cloud goes on.
#[test]
fn a_panic_is_a_500_that_tells_nothing() -> Result {
    let cloud = LocalCloud::idle()?;
    let app = new_app("hello-panics")?;
    let source = app.read("src/main.rs")?;
    let route = source.lines().find(|line| line.contains("Hello")).unwrap_or_default().to_owned();
    let literal = route.split('"').find(|part| part.contains("Hello")).unwrap_or_default();
    let panics = route.replace(&format!("\"{literal}\""), "panic!(\"the secret\")");
    app.replace("src/main.rs", &route, &panics)?;
    let refused = cloud.lzap().run(app.path(), &["deploy", "local", "--output", "json"])?;
    // The touch after the deploy meets the panic and says so.
    let refused = refused.expect_code(1);
    let url = cloud.read_status()?["apis"][0]["url"].as_str().unwrap_or_default().to_owned();
    let answer = get(&url)?;
    assert_eq!(answer.status, 500, "{refused}");
    assert!(!answer.text().contains("secret"), "{}", answer.text());
    assert_eq!(cloud.read_status()?["running"], true);
    Ok(())
}
