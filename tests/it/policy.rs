//! `lzap policy`, proved: each call that a stage's life makes is allowed by it, and nothing in it is left over.
//!
//! What a call needs is written down in [`needs`], apart from what lzap believes, and weighed in [`iam`].

mod iam;
mod needs;

use std::collections::BTreeSet;
use std::time::Duration;

use fs_err as fs;
use lzap_testkit::{ACCOUNT, Lzap, Moto, Proxy, TempProject, workspace};
use serde_json::{Value, json};

use crate::clouds::{Cloud, MotoCloud};
use crate::support::{REGION, Result};
use iam::Policy;
use needs::{Life, Need};

const ROLE: &str = "hello-dev-eu-central-1-lzap";
const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/boundary";

/// What the policy allows although the life of [`a_life_needs_all_of_it_and_nothing_else`] doesn't ask for it.
const SPARE: &[(&str, &str, &str)] = &[
    ("Bucket", "s3:GetEncryptionConfiguration", "a bucket that may be half made"),
    ("Bucket", "s3:GetLifecycleConfiguration", "a bucket that may be half made"),
    ("Function", "lambda:GetFunctionConfiguration", "a wait; moto's functions are ready at once"),
    ("LogGroup", "logs:FilterLogEvents", "`tail`; the last lines of the log, when the live URL answers 5xx"),
    ("LogGroupTags", "logs:ListTagsForResource", "whether a log group of that name is the stage's own"),
    ("Stage", "apigateway:PATCH", "a stage that waits for deployments; moto has no UpdateStage"),
    ("Role", "iam:DetachRolePolicy", "a policy that somebody attached by hand"),
    ("Rule", "events:ListTagsForResource", "whether a rule of that name is the stage's own"),
];

/// moto behind the recording proxy.
struct World {
    cloud: MotoCloud,
    proxy: Proxy,
}

impl World {
    fn start() -> Result<Self> {
        let moto = Moto::start()?;
        let proxy = Proxy::start(moto.url(), Duration::ZERO)?;
        let cloud = MotoCloud::behind(moto, proxy.url())?;
        Ok(Self { cloud, proxy })
    }

    /// Runs a command that must succeed, and answers what its calls needed.
    fn needs(&self, life: Life<'_>, command: &str, options: &[&str], extra: &str) -> Result<Vec<Need>> {
        drop(self.proxy.take_recording());
        self.cloud.expect_probe()?;
        drop(self.cloud.run(command, options, extra)?.expect_success());
        self.cloud.moto.queue_answers(REGION, &[])?;
        needs::of(&self.proxy.take_recording(), life)
    }

    fn policy(&self, extra: &str) -> Result<Policy> {
        Ok(Policy::new(self.cloud.run("policy", &[], extra)?.expect_success().json()))
    }

    /// Changes the cloud behind lzap's back.
    fn drift(&self, calls: &[(&str, &str, Value)]) -> Result<Vec<Value>> {
        let answers = self.cloud.aws(calls)?;
        let refused: Vec<_> = answers.iter().filter(|answer| !answer["error"].is_null()).collect();
        assert!(refused.is_empty(), "{refused:#?}");
        Ok(answers)
    }
}

/// What of the policy each need used; a need that nothing allows fails the test.
fn used(policy: &Policy, needs: &[Need]) -> BTreeSet<(String, String)> {
    let mut used = BTreeSet::new();
    for need in needs {
        let allowing = policy.allowing(need);
        assert!(!allowing.is_empty(), "the policy denies {need:#?}\n{policy}");
        used.extend(allowing.into_iter().map(|sid| (sid, need.action.clone())));
    }
    used
}

/// Deploy, look, drift and its repair, new settings, new code, back, delete.
#[test]
fn a_life_needs_all_of_it_and_nothing_else() -> Result {
    let world = World::start()?;
    let policy = world.policy("")?;
    let life = Life { path: "/", boundary: None };
    let mut needs = world.needs(life, "deploy", &[], "")?;
    needs.extend(world.needs(life, "status", &[], "")?);
    needs.extend(world.needs(life, "plan", &[], "")?);
    break_the_role_and_the_route(&world)?;
    needs.extend(world.needs(life, "deploy", &[], "")?);
    break_the_integration(&world)?;
    needs.extend(world.needs(life, "deploy", &[], "")?);
    // The same binary in another zip.
    needs.extend(world.needs(
        life,
        "update",
        &[],
        "include = [\"Cargo.toml\"]\ntags = { team = \"web\" }",
    )?);
    needs.extend(world.needs(life, "update", &["--yes"], "memory_mb = 1024\nkeep_warm = false")?);
    let settled = "memory_mb = 1024\nkeep_warm = false\n";
    needs.extend(world.needs(life, "update", &[], &format!("{settled}[stage.dev.async]\nretries = 1"))?);
    needs.extend(world.needs(life, "update", &["--yes"], settled)?);
    let with_url = format!("{settled}front = \"function-url\"\n");
    needs.extend(world.needs(life, "update", &["--yes"], &with_url)?);
    let private = json!({"FunctionName": "hello-dev", "Qualifier": "live", "AuthType": "AWS_IAM"});
    drop(world.drift(&[("lambda", "update_function_url_config", private)])?);
    needs.extend(world.needs(life, "update", &[], &with_url)?);
    needs.extend(world.needs(life, "update", &["--yes"], settled)?);
    needs.extend(world.needs(life, "rollback", &[], "")?);
    needs.extend(world.needs(life, "undeploy", &["--yes"], "")?);

    let used = used(&policy, &needs);
    let spare: BTreeSet<_> =
        SPARE.iter().map(|(sid, action, _)| ((*sid).to_owned(), (*action).to_owned())).collect();
    let unused: BTreeSet<_> = policy.grants().difference(&used).cloned().collect();
    assert_eq!(unused, spare, "left: what no call needed; right: what the test says so of (SPARE)");
    Ok(())
}

fn break_the_role_and_the_route(world: &World) -> Result {
    let apis = world.drift(&[("apigatewayv2", "get_apis", json!({}))])?;
    let id = &apis[0]["Items"][0]["ApiId"];
    let routes = world.drift(&[("apigatewayv2", "get_routes", json!({"ApiId": id}))])?;
    let route = &routes[0]["Items"][0]["RouteId"];
    let others = TRUST.replace("lambda", "ec2");
    let bucket = format!("lzap-{ACCOUNT}-{REGION}");
    drop(world.drift(&[
        ("s3", "delete_public_access_block", json!({"Bucket": bucket})),
        ("iam", "update_assume_role_policy", json!({"RoleName": ROLE, "PolicyDocument": others})),
        ("iam", "put_role_permissions_boundary", json!({"RoleName": ROLE, "PermissionsBoundary": BOUNDARY})),
        (
            "apigatewayv2",
            "update_route",
            json!({"ApiId": id, "RouteId": route, "Target": "integrations/none"}),
        ),
    ])?);
    Ok(())
}

fn break_the_integration(world: &World) -> Result {
    let apis = world.drift(&[("apigatewayv2", "get_apis", json!({}))])?;
    let id = &apis[0]["Items"][0]["ApiId"];
    let integrations = world.drift(&[("apigatewayv2", "get_integrations", json!({"ApiId": id}))])?;
    let integration = &integrations[0]["Items"][0]["IntegrationId"];
    let other = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:other");
    let change = json!({"ApiId": id, "IntegrationId": integration, "IntegrationUri": other});
    drop(world.drift(&[("apigatewayv2", "update_integration", change)])?);
    Ok(())
}

/// What the workers need is in the policy of a stage that has some, and in no other.
#[test]
fn workers_need_what_the_policy_with_them_allows() -> Result {
    let world = World::start()?;
    let (few, more) = ("[stage.dev.workers]\nconcurrency = 4", "[stage.dev.workers]\nmemory_mb = 256");
    let folder = workspace().join("tests/fixtures/map");
    let policy = world.policy(few)?;
    let mut needs = Vec::new();
    for (command, options, extra) in [
        ("deploy", &[][..], few),
        ("deploy", &[][..], more),
        ("status", &[][..], more),
        ("deploy", &["--yes"][..], ""),
        ("deploy", &[][..], few),
        ("undeploy", &["--yes"][..], few),
    ] {
        drop(world.proxy.take_recording());
        // The workers are probed as the app is.
        world.cloud.expect_probe()?;
        world.cloud.expect_probe()?;
        drop(world.cloud.run_in(&folder, command, options, extra)?.expect_success());
        world.cloud.moto.queue_answers(REGION, &[])?;
        needs.extend(needs::of(&world.proxy.take_recording(), Life { path: "/", boundary: None })?);
    }
    let used = used(&policy, &needs);
    for action in ["lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency"] {
        assert!(used.contains(&("Workers".to_owned(), action.to_owned())), "{action}: {used:#?}");
    }
    let without = world.policy("")?.to_string();
    assert!(!without.contains("workers") && !without.contains("Concurrency"), "{without}");
    Ok(())
}

/// With an existing role IAM is never called, and all that is needed of it is to pass it on.
#[test]
fn with_an_existing_role_iam_is_left_alone() -> Result {
    let world = World::start()?;
    let role = json!({"RoleName": "app", "Path": "/team/", "AssumeRolePolicyDocument": TRUST});
    let made = world.drift(&[("iam", "create_role", role)])?;
    let arn = made[0]["Role"]["Arn"].as_str().unwrap_or_default().to_owned();
    let extra = format!("role_arn = \"{arn}\"");
    let policy = world.policy(&extra)?;
    let life = Life { path: "/team/", boundary: None };
    let mut needs = world.needs(life, "deploy", &[], &extra)?;
    let function =
        world.drift(&[("lambda", "get_function_configuration", json!({"FunctionName": "hello-dev"}))])?;
    assert_eq!(function[0]["Role"], arn.as_str());
    needs.extend(world.needs(life, "update", &[], &format!("memory_mb = 1024\n{extra}"))?);
    needs.extend(world.needs(life, "rollback", &[], &extra)?);
    needs.extend(world.needs(life, "undeploy", &["--yes"], &extra)?);
    drop(used(&policy, &needs));
    let iam: BTreeSet<&str> =
        needs.iter().map(|need| need.action.as_str()).filter(|action| action.starts_with("iam:")).collect();
    assert_eq!(iam, BTreeSet::from(["iam:PassRole"]));
    let grants = policy.grants();
    assert_eq!(grants.iter().filter(|(_, action)| action.starts_with("iam:")).count(), 1, "{grants:?}");
    let roles = world.drift(&[("iam", "list_roles", json!({}))])?;
    assert_eq!(roles[0]["Roles"].as_array().map(Vec::len), Some(1), "the user's role stays: {roles:#?}");
    Ok(())
}

const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
    "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;

/// Path, boundary and statements are what the file says; a boundary that somebody takes away is put back; a path that
/// changes is refused before anything is.
#[test]
fn the_role_is_what_the_file_says() -> Result {
    let world = World::start()?;
    let role = format!(
        "role_path = \"/team/\"\nrole_permissions_boundary = \"{BOUNDARY}\"\nrole_statements = \
         [{{ actions = [\"s3:GetObject\"], resources = [\"arn:aws:s3:::uploads/*\"] }}]"
    );
    let policy = world.policy(&role)?;
    let life = Life { path: "/team/", boundary: Some(BOUNDARY) };
    let mut needs = world.needs(life, "deploy", &[], &role)?;
    let name = json!({"RoleName": ROLE});
    let inline = json!({"RoleName": ROLE, "PolicyName": "lzap"});
    let seen = world.drift(&[
        ("iam", "get_role", name.clone()),
        ("iam", "get_role_policy", inline),
        ("iam", "delete_role_permissions_boundary", name.clone()),
    ])?;
    assert_eq!(seen[0]["Role"]["Path"], "/team/");
    assert_eq!(seen[0]["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"], BOUNDARY);
    let statements = &seen[1]["PolicyDocument"]["Statement"];
    assert_eq!(statements[1]["Resource"], json!(["arn:aws:s3:::uploads/*"]), "{statements:#}");

    let status = world.cloud.run("status", &[], &role)?.expect_success().json();
    assert!(status["drift"].to_string().contains("permissions boundary"), "{status:#}");
    needs.extend(world.needs(life, "deploy", &[], &role)?);
    let again = world.drift(&[("iam", "get_role", name)])?;
    assert_eq!(again[0]["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"], BOUNDARY);
    let plan = world.cloud.run("plan", &["--check"], &role)?.expect_success().json();
    assert_eq!(plan["changes"], json!([]), "what was made is what was meant");

    let moved = role.replace("/team/", "/");
    let refused = world.cloud.run("deploy", &[], &moved)?.expect_code(2).json();
    assert_eq!(refused["error"]["code"], "lzap::plan::role_path", "{refused:#}");
    assert!(refused["error"]["help"].to_string().contains("/team/"), "{refused:#}");
    needs.extend(world.needs(life, "undeploy", &["--yes"], &role)?);
    let used = used(&policy, &needs);
    for action in ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"] {
        assert!(used.contains(&("BoundedRole".to_owned(), action.to_owned())), "{action}: {used:#?}");
    }
    Ok(())
}

const CONFIG: &str = "app = \"shop\"\n[stage.dev]\nregion = \"eu-central-1\"\n";

/// No credentials, no network, no endpoint: the account is said, the region stands in the file.
#[test]
fn with_the_account_said_aws_is_not_asked() -> Result {
    let project = TempProject::with_files("shop", &[("lzap.toml", CONFIG)])?;
    let run = |args: &[&str]| Lzap::new()?.run(project.path(), &[&["policy"], args].concat());
    let text = run(&["dev", "--account", ACCOUNT])?.expect_success();
    let json = run(&["dev", "--account", ACCOUNT, "--output", "json"])?.expect_success();
    assert_eq!(text.json(), json.json(), "stdout is the document, whatever the format");
    assert!(text.stderr.is_empty(), "{text}");
    let local = run(&["local"])?.expect_success().json().to_string();
    assert!(local.contains("function:shop-local") && local.contains(":000000000000:"), "{local}");
    assert_eq!(run(&["dev"])?.code, Some(5), "without an account, the credentials have to say it");
    for wrong in [&["dev", "--account", "12"][..], &["dev", "--github", "acme"], &["dev", "--branch", "main"]]
    {
        drop(run(wrong)?.expect_code(2));
    }
    Ok(())
}

/// `--github` gives three documents, and as text says where each goes.
#[test]
fn a_workflow_on_github_gets_all_that_it_needs() -> Result {
    let project = TempProject::with_files("shop", &[("lzap.toml", CONFIG)])?;
    let args = ["policy", "dev", "--account", ACCOUNT, "--github", "acme/shop", "--branch", "release"];
    let json =
        Lzap::new()?.run(project.path(), &[&args[..], &["--output", "json"]].concat())?.expect_success();
    let report = json.json();
    let plain = Lzap::new()?.run(project.path(), &args[..4])?.expect_success().json();
    assert_eq!(report["policy"], plain);
    let condition = &report["trust_policy"]["Statement"][0]["Condition"]["StringEquals"];
    assert_eq!(
        condition["token.actions.githubusercontent.com:sub"], "repo:acme/shop:ref:refs/heads/release",
        "{report:#}"
    );
    let workflow = report["workflow"].as_str().unwrap_or_default();
    assert!(workflow.contains("lzap update dev"), "{workflow}");
    assert!(json.stderr.contains("--github"), "how to say a newer repository: {json}");
    let text = Lzap::new()?.run(project.path(), &args)?.expect_success().stdout;
    for part in ["policy.json", "trust.json", ".github/workflows/deploy-dev.yml", workflow] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    Ok(())
}

/// Each wildcard that is left is on the page with its reason, and nothing else is.
#[test]
fn every_wildcard_is_explained() -> Result {
    let page = fs::read_to_string(workspace().join("docs/permissions.md"))?;
    let (deploying, function) = page.split_once("## What the function may do").unwrap_or_default();
    let project = TempProject::with_files("shop", &[("lzap.toml", CONFIG)])?;
    let run = |args: &[&str]| Lzap::new()?.run(project.path(), args);
    let policy = run(&["policy", "dev", "--account", ACCOUNT])?.expect_success().json();
    assert_eq!(explained(deploying), wildcards(&policy), "left: docs/permissions.md; right: `lzap policy`");

    let cloud = MotoCloud::start()?;
    drop(cloud.deploy("deploy", "")?);
    let inline = json!({"RoleName": ROLE, "PolicyName": "lzap"});
    let role = cloud.aws(&[("iam", "get_role_policy", inline)])?;
    let found = wildcards(&role[0]["PolicyDocument"]).into_iter();
    let found: BTreeSet<String> = found.map(|arn| arn.replace("hello-dev", "shop-dev")).collect();
    assert_eq!(explained(function), found, "left: docs/permissions.md; right: the function's role");

    // What the page shows for lzap.toml is taken.
    let block =
        function.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
    project.write("lzap.toml", &format!("{CONFIG}{block}"))?;
    let listed = run(&["config", "dev"])?.expect_success();
    assert!(listed.stdout.contains("s3:GetObject, s3:PutObject on"), "{listed}");
    Ok(())
}

/// The resources of the rows that have a reason.
fn explained(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter(|line| line.starts_with("| `arn:"));
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    cells.filter(|row| row[2].len() > 5).map(|row| row[1].trim_matches('`').to_owned()).collect()
}

/// The resources of a policy that have a wildcard; an action never has one.
fn wildcards(policy: &Value) -> BTreeSet<String> {
    let mut resources = BTreeSet::new();
    for statement in policy["Statement"].as_array().into_iter().flatten() {
        let strings = |value: &Value| match value {
            Value::Array(several) => several.clone(),
            one => vec![one.clone()],
        };
        for action in strings(&statement["Action"]) {
            assert!(!action.to_string().contains('*'), "{statement:#}");
        }
        for resource in strings(&statement["Resource"]) {
            resources.insert(resource.as_str().unwrap_or_default().to_owned());
        }
    }
    resources.into_iter().filter(|resource| resource.contains('*')).collect()
}
