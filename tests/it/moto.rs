//! The command set against moto, which nobody here wrote: what lzap asks for is what AWS would have got.

mod safety;

use std::time::Duration;

use lzap_testkit::{ACCOUNT, Moto, Proxy, Recording};
use serde_json::{Value, json};

use crate::clouds::{Cloud, MotoCloud};
use crate::commands::{inventory, life_of_a_stage};
use crate::support::{HOST, REGION, Result, new_app};

#[test]
fn a_stage_lives_and_leaves_nothing() -> Result {
    life_of_a_stage(&MotoCloud::start()?)
}

/// Every resource has the settings that the documentation promises.
#[test]
fn resources_are_as_promised() -> Result {
    let cloud = MotoCloud::start()?;
    let report = cloud.deploy("deploy", "environment = { GREETING = \"hi\" }")?;
    let bucket = format!("lzap-{ACCOUNT}-{REGION}");
    let key = format!("hello/dev/{}.zip", report["artifact"]["sha256"].as_str().unwrap_or_default());
    let role = format!("hello-dev-{REGION}-lzap");
    let function = json!({"FunctionName": "hello-dev"});
    let live = json!({"FunctionName": "hello-dev", "Qualifier": "live"});
    let log_group = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/hello-dev");
    let seen = cloud.aws(&[
        ("s3", "get_public_access_block", json!({"Bucket": bucket})),
        ("s3", "get_bucket_tagging", json!({"Bucket": bucket})),
        ("s3", "head_object", json!({"Bucket": bucket, "Key": key})),
        ("iam", "get_role", json!({"RoleName": role})),
        ("iam", "get_role_policy", json!({"RoleName": role, "PolicyName": "lzap"})),
        ("lambda", "get_function", function),
        ("lambda", "get_function_configuration", live.clone()),
        ("lambda", "get_policy", live),
        ("logs", "describe_log_groups", json!({})),
        ("logs", "list_tags_for_resource", json!({"resourceArn": log_group})),
        ("iam", "list_attached_role_policies", json!({"RoleName": role})),
        ("s3", "get_bucket_encryption", json!({"Bucket": bucket})),
    ])?;
    let access = &seen[0]["PublicAccessBlockConfiguration"];
    for block in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"] {
        assert_eq!(access[block], true, "{access:#}");
    }
    assert!(!tag(&seen[1]["TagSet"], "lzap:managed").is_null(), "{:#}", seen[1]);
    assert_eq!(seen[2]["ContentLength"], report["artifact"]["bytes"]);
    owned(&seen[3]["Role"]["Tags"]);
    least_privilege(&seen[4]["PolicyDocument"]);
    assert_eq!(seen[10]["AttachedPolicies"], json!([]));
    let rule = &seen[11]["ServerSideEncryptionConfiguration"]["Rules"][0];
    assert_eq!(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256", "{:#}", seen[11]);
    let tags = &seen[5]["Tags"];
    assert_eq!((&tags["lzap:app"], &tags["lzap:stage"]), (&json!("hello"), &json!("dev")));
    function_settings(&seen[6]);
    assert_eq!(seen[8]["logGroups"][0]["retentionInDays"], 30);
    assert_eq!(seen[9]["tags"]["lzap:app"], "hello");
    gateway_and_rule(&cloud, &report, &seen[7])
}

fn tag(tags: &Value, key: &str) -> Value {
    let mut tags = tags.as_array().into_iter().flatten();
    tags.find(|tag| tag["Key"] == key).map_or(Value::Null, |tag| tag["Value"].clone())
}

fn owned(tags: &Value) {
    assert_eq!((tag(tags, "lzap:app"), tag(tags, "lzap:stage")), (json!("hello"), json!("dev")), "{tags:#}");
}

/// Its own log group, and nothing else.
fn least_privilege(policy: &Value) {
    let text = policy.to_string();
    assert!(text.contains("logs:PutLogEvents"), "{policy:#}");
    assert!(text.contains("log-group:/aws/lambda/hello-dev:"), "{policy:#}");
    assert!(!text.contains("\"*\""), "{policy:#}");
    for statement in policy["Statement"].as_array().into_iter().flatten() {
        assert!(!statement["Action"].to_string().contains('*'), "{statement:#}");
    }
}

fn function_settings(function: &Value) {
    assert_eq!(function["Runtime"], "provided.al2023");
    assert_eq!(function["Handler"], "bootstrap");
    assert_eq!(function["Architectures"], json!([HOST]));
    assert_eq!(function["MemorySize"], 512);
    assert_eq!(function["Timeout"], 30);
    let environment = &function["Environment"]["Variables"];
    assert_eq!(environment["GREETING"], "hi");
    assert_eq!(environment["LZAP_APP"], "hello");
    assert_eq!(environment["LZAP_STAGE"], "dev");
}

/// The API and the rule call the alias, and may; nothing calls `$LATEST`.
fn gateway_and_rule(cloud: &MotoCloud, report: &Value, policy: &Value) -> Result {
    let alias = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:hello-dev:live");
    let rule = "hello-dev-keep-warm";
    let rule_arn = format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}");
    let apis = cloud.aws(&[("apigatewayv2", "get_apis", json!({}))])?;
    let api = &apis[0]["Items"][0];
    let id = &api["ApiId"];
    let seen = cloud.aws(&[
        ("apigatewayv2", "get_routes", json!({"ApiId": id})),
        ("apigatewayv2", "get_integrations", json!({"ApiId": id})),
        ("apigatewayv2", "get_stages", json!({"ApiId": id})),
        ("events", "describe_rule", json!({"Name": rule})),
        ("events", "list_targets_by_rule", json!({"Rule": rule})),
        ("events", "list_tags_for_resource", json!({"ResourceARN": rule_arn})),
    ])?;
    assert_eq!((&api["Name"], &api["ProtocolType"]), (&json!("hello-dev"), &json!("HTTP")));
    assert_eq!(api["Tags"], json!({"lzap:app": "hello", "lzap:stage": "dev"}));
    assert_eq!(report["url"], api["ApiEndpoint"], "the URL is AWS's own, letter by letter");
    let (routes, integrations, stages) = (&seen[0]["Items"], &seen[1]["Items"], &seen[2]["Items"]);
    assert_eq!([routes, integrations, stages].map(|list| list.as_array().map(Vec::len)), [Some(1); 3]);
    assert_eq!(routes[0]["RouteKey"], "$default");
    let target = format!("integrations/{}", integrations[0]["IntegrationId"].as_str().unwrap_or_default());
    assert_eq!(routes[0]["Target"], target.as_str());
    let integration = &integrations[0];
    assert_eq!(integration["IntegrationType"], "AWS_PROXY");
    assert_eq!(integration["PayloadFormatVersion"], "2.0");
    assert!(integration["IntegrationUri"].as_str().unwrap_or_default().contains(&alias), "{integration:#}");
    assert_eq!((&stages[0]["StageName"], &stages[0]["AutoDeploy"]), (&json!("$default"), &json!(true)));
    assert_eq!(
        (&seen[3]["ScheduleExpression"], &seen[3]["State"]),
        (&json!("rate(4 minutes)"), &json!("ENABLED"))
    );
    let targets = seen[4]["Targets"].as_array().map_or(0, Vec::len);
    assert_eq!((targets, &seen[4]["Targets"][0]["Arn"]), (1, &json!(alias)));
    assert_eq!(seen[4]["Targets"][0]["Input"], r#"{"lzap":{"v":1,"kind":"warm"}}"#);
    owned(&seen[5]["Tags"]);
    let policy: Value = serde_json::from_str(policy["Policy"].as_str().unwrap_or_default())?;
    let callers: Vec<String> = policy["Statement"].as_array().into_iter().flatten().map(caller).collect();
    let api_arn = format!("arn:aws:execute-api:{REGION}:{ACCOUNT}:{}/*", id.as_str().unwrap_or_default());
    assert_eq!(callers.len(), 2, "{callers:?}");
    assert!(
        callers.iter().any(|it| it.starts_with(&format!("apigateway.amazonaws.com {api_arn}"))),
        "{callers:?}"
    );
    assert!(callers.contains(&format!("events.amazonaws.com {rule_arn}")), "{callers:?}");
    Ok(())
}

fn caller(statement: &Value) -> String {
    let source = &statement["Condition"]["ArnLike"]["AWS:SourceArn"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{} {}", text(&statement["Principal"]["Service"]), text(source))
}

/// How often lzap calls and how long the chain is; and that AWS's models allow each call.
#[test]
fn calls_are_few_and_legal() -> Result {
    let moto = Moto::start()?;
    // Long enough that a call which a busy machine sends late still overlaps with those beside it.
    let proxy = Proxy::start(moto.url(), Duration::from_millis(250))?;
    let url = proxy.url().to_owned();
    let cloud = MotoCloud::behind(moto, &url)?;
    let app = new_app("hello-counted")?;
    // What is made while the compiler runs costs no time, but would be counted.
    drop(cloud.run_in(app.path(), "package", &[], "")?.expect_success());
    let run = |command: &str, options: &[&str], extra: &str| -> Result<(Value, Recording)> {
        drop(proxy.take_recording());
        if command == "deploy" || command == "update" {
            cloud.expect_probe()?;
        }
        let report = cloud.run_in(app.path(), command, options, extra)?.expect_success().json();
        Ok((report, proxy.take_recording()))
    };

    let (first, recording) = run("deploy", &[], "")?;
    legal(&recording)?;
    within("first deploy", &recording, 36, 12)?;
    assert_eq!(first["aws_calls"], recording.calls().len(), "lzap counts as the proxy does");

    let (unchanged, recording) = run("deploy", &[], "")?;
    assert_eq!(unchanged["changes"], json!([]));
    assert_eq!(writes(&recording)?, Vec::<String>::new());
    legal(&recording)?;
    within("unchanged deploy", &recording, 16, 3)?;
    cloud.moto.queue_answers(REGION, &[])?;

    app.replace("src/main.rs", "Hello", "Hello again")?;
    drop(cloud.run_in(app.path(), "package", &[], "")?.expect_success());
    let (_, recording) = run("update", &[], "")?;
    legal(&recording)?;
    within("update of the code alone", &recording, 28, 12)?;

    for (command, options, extra, calls) in [
        // Without keep-warm the rule goes, which wants a yes.
        ("update", vec!["--yes"], "memory_mb = 1024\nkeep_warm = false\nenvironment = { A1 = \"b\" }", 34),
        ("status", vec![], "", 16),
        ("plan", vec![], "", 16),
        ("history", vec![], "", 10),
        ("rollback", vec![], "", 10),
        ("undeploy", vec!["--yes"], "", 30),
    ] {
        let (_, recording) = run(command, &options, extra)?;
        legal(&recording)?;
        // A kind of resource that goes is read after the function, and leaves the tag after its deletion: two calls more in a row.
        let depth = if command == "update" { 14 } else { 12 };
        within(command, &recording, calls, depth)?;
        if command == "status" || command == "plan" {
            assert_eq!(writes(&recording)?, Vec::<String>::new(), "{command} only reads");
        }
    }
    Ok(())
}

fn legal(recording: &Recording) -> Result {
    let wrong: Vec<_> =
        recording.check_calls()?.into_iter().filter(|call| !call.problems.is_empty()).collect();
    assert!(wrong.is_empty(), "AWS would refuse: {wrong:#?}");
    Ok(())
}

fn writes(recording: &Recording) -> Result<Vec<String>> {
    let checked = recording.check_calls()?.into_iter();
    Ok(checked.filter(|call| !call.is_read()).map(|call| call.operation).collect())
}

fn within(what: &str, recording: &Recording, calls: usize, depth: usize) -> Result {
    let operations: Vec<String> = recording.check_calls()?.into_iter().map(|call| call.operation).collect();
    let (made, deep) = (operations.len(), recording.critical_path_len());
    assert!(
        made <= calls && deep <= depth,
        "{what}: {made} calls (at most {calls}), {deep} deep (at most {depth}): {operations:#?}"
    );
    Ok(())
}

/// A version that doesn't answer its probe never gets the traffic.
#[test]
fn a_failed_probe_leaves_the_old_version_live() -> Result {
    let cloud = MotoCloud::start()?;
    let first = cloud.deploy("deploy", "")?;
    cloud.moto.queue_answers(
        REGION,
        &[json!({"errorType": "Runtime.ExitError", "errorMessage": "exit status 1"})],
    )?;
    let failed = cloud.run("update", &[], "memory_mb = 256")?.expect_code(7).json();
    assert!(failed["error"]["code"].as_str().unwrap_or_default().starts_with("lzap::"), "{failed:#}");
    let alias = json!({"FunctionName": "hello-dev", "Name": "live"});
    let seen = cloud.aws(&[("lambda", "get_alias", alias)])?;
    assert_eq!(seen[0]["FunctionVersion"], first["function"]["version"]);
    // Run again, it goes through.
    let mended = cloud.deploy("update", "memory_mb = 256")?;
    assert_ne!(mended["function"]["version"], first["function"]["version"]);
    Ok(())
}

/// What others have in the account stays: another stage, another app's objects, a function without tags.
#[test]
fn undeploy_takes_only_what_is_the_stages() -> Result {
    let cloud = MotoCloud::start()?;
    let bucket = format!("lzap-{ACCOUNT}-{REGION}");
    let theirs = json!({"Bucket": bucket, "Key": "other/dev/x.zip", "Body": "theirs"});
    let rule = json!({"Name": "hello-dev-theirs", "ScheduleExpression": "rate(1 hour)"});
    cloud.deploy("deploy", "")?;
    let made = cloud.aws(&[
        ("s3", "put_object", theirs),
        ("events", "put_rule", rule),
        ("logs", "create_log_group", json!({"logGroupName": "/aws/lambda/hello-dev-2"})),
    ])?;
    assert!(made.iter().all(|answer| answer["error"].is_null()), "{made:#?}");
    drop(cloud.run("undeploy", &["--yes"], "")?.expect_success());
    let left = inventory(&cloud)?;
    let bucket_line = format!("bucket {bucket}");
    assert_eq!(left, [bucket_line.as_str(), "log group /aws/lambda/hello-dev-2", "rule hello-dev-theirs"]);
    let objects = cloud.aws(&[("s3", "list_objects_v2", json!({"Bucket": bucket}))])?;
    assert_eq!(objects[0]["KeyCount"], 1, "{:#}", objects[0]);
    Ok(())
}

/// `--keep-logs` keeps the log group, and nothing else.
#[test]
fn logs_are_kept_when_asked() -> Result {
    let cloud = MotoCloud::start()?;
    cloud.deploy("deploy", "")?;
    drop(cloud.run("undeploy", &["--yes", "--keep-logs"], "")?.expect_success());
    assert_eq!(inventory(&cloud)?, ["log group /aws/lambda/hello-dev"]);
    Ok(())
}
