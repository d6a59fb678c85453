//! `lzap doctor`: each thing that can be missing is found, named, and has a command that mends it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use fs_err as fs;
use lzap_testkit::{ACCOUNT, LocalCloud, Lzap, Moto, Outcome, Proxy, TempProject};
use serde_json::{Value, json};

use crate::stub::{self, Answer};
use crate::support::{HOST, REGION, Result, hello, settings};

fn doctor(lzap: &Lzap, folder: &Path, args: &[&str]) -> Result<Outcome> {
    lzap.run(folder, &[&["doctor", "--output", "json"], args].concat())
}

/// The checks called `name`.
fn checks(outcome: &Outcome, name: &str) -> Vec<Value> {
    let document = outcome.json();
    let all = document["checks"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|check| check["name"] == name).collect()
}

/// The one check called `name`.
#[track_caller]
fn check(outcome: &Outcome, name: &str) -> Value {
    let mut found = checks(outcome, name);
    assert_eq!(found.len(), 1, "{name}\n{outcome}");
    found.remove(0)
}

#[track_caller]
fn is(outcome: &Outcome, name: &str, status: &str) -> Value {
    let found = check(outcome, name);
    assert_eq!(found["status"], status, "{name}\n{outcome}");
    found
}

#[track_caller]
fn helps(check: &Value, with: &str) {
    assert!(check["help"].as_str().is_some_and(|help| help.contains(with)), "no `{with}` in {check:#}");
}

/// moto with the limits of an account that it doesn't know, and a machine whose AWS it is.
struct Account {
    _moto: Moto,
    proxy: Proxy,
    lzap: Lzap,
}

impl Account {
    fn new(limits: &Value) -> Result<Self> {
        let moto = Moto::start()?;
        let proxy = Proxy::start(moto.url(), Duration::ZERO)?;
        proxy.add_stub("/account-settings", &limits.to_string());
        let lzap = Lzap::with_endpoint(proxy.url(), REGION)?;
        Ok(Self { _moto: moto, proxy, lzap })
    }
}

fn limits(concurrency: u64, unreserved: u64, code_bytes: u64) -> Value {
    json!({
        "AccountLimit": {
            "ConcurrentExecutions": concurrency,
            "UnreservedConcurrentExecutions": unreserved,
            "TotalCodeSize": 80_530_636_800_u64,
        },
        "AccountUsage": {"TotalCodeSize": code_bytes, "FunctionCount": 3},
    })
}

/// A configuration for the hello app with a stage that this machine can build for.
fn config() -> Result<TempProject> {
    settings(&format!("app = \"hello\"\n[stage.dev]\nregion = \"{REGION}\"\narchitecture = \"{HOST}\"\n"))
}

fn of_hello<'a>(config: &'a str, project: &'a str) -> Vec<&'a str> {
    vec!["--config", config, "--project", project]
}

#[test]
fn a_healthy_machine_and_account() -> Result {
    let account = Account::new(&limits(1000, 1000, 1 << 30))?;
    let (config, project) = (config()?, hello()?.display().to_string());
    let file = config.path().join("lzap.toml").display().to_string();
    let outcome = doctor(&account.lzap, config.path(), &of_hello(&file, &project))?.expect_success();
    for name in [
        "rust",
        "config",
        "crate",
        "target",
        "linker",
        "region",
        "credentials",
        "clock",
        "concurrency",
        "code storage",
        "bucket",
    ] {
        is(&outcome, name, "ok");
    }
    let caller = check(&outcome, "credentials");
    assert!(
        caller["detail"].as_str().is_some_and(|it| it.contains(ACCOUNT) && it.contains("arn:aws:")),
        "{caller:#}"
    );
    let writes: Vec<String> = account
        .proxy
        .take_recording()
        .check_calls()?
        .into_iter()
        .filter(|call| !call.is_read() || !call.problems.is_empty())
        .map(|call| call.operation)
        .collect();
    assert_eq!(writes, Vec::<String>::new(), "it only reads, and legally");
    let text = account.lzap.run(config.path(), &[&["doctor"], &of_hello(&file, &project)[..]].concat())?;
    let text = text.expect_success();
    assert!(text.stdout.lines().any(|line| line.trim_start().starts_with("ok  rust ")), "{text}");
    assert!(text.stderr.contains("nothing is wrong"), "{text}");
    Ok(())
}

/// Without a project, the machine and the account are still worth a look.
#[test]
fn no_project() -> Result {
    let account = Account::new(&limits(1000, 1000, 0))?;
    let folder = TempProject::empty("nothing")?;
    let outcome = doctor(&account.lzap, folder.path(), &[])?.expect_success();
    helps(&is(&outcome, "config", "skipped"), "lzap init");
    is(&outcome, "rust", "ok");
    is(&outcome, "credentials", "ok");
    assert_eq!(checks(&outcome, "target"), Vec::<Value>::new());
    Ok(())
}

/// One problem, with its command; what depends on it is skipped.
#[test]
fn no_credentials_and_no_region() -> Result {
    let folder = TempProject::empty("nothing")?;
    let lzap = Lzap::new()?.env("AWS_REGION", REGION);
    let outcome = doctor(&lzap, folder.path(), &[])?.expect_code(1);
    helps(&is(&outcome, "credentials", "problem"), "aws configure");
    is(&outcome, "limits", "skipped");
    is(&outcome, "bucket", "skipped");
    is(&outcome, "clock", "skipped");
    let problems = outcome.json()["checks"].to_string().matches("\"problem\"").count();
    assert_eq!(problems, 1, "{outcome}");

    let outcome = doctor(&Lzap::new()?, folder.path(), &[])?.expect_code(1);
    helps(&is(&outcome, "region", "problem"), "AWS_REGION");
    is(&outcome, "credentials", "problem");
    Ok(())
}

#[test]
fn nobody_answers() -> Result {
    let lzap = Lzap::with_endpoint("http://127.0.0.1:9", REGION)?;
    let folder = TempProject::empty("nothing")?;
    let outcome = doctor(&lzap, folder.path(), &[])?.expect_code(1);
    let problem = is(&outcome, "credentials", "problem");
    assert!(problem["detail"].as_str().is_some_and(|it| it.contains("could not be reached")), "{problem:#}");
    helps(&problem, "AWS_ENDPOINT_URL");
    Ok(())
}

#[test]
fn the_stage_local_needs_no_account() -> Result {
    let cloud = LocalCloud::start()?;
    let outcome = doctor(cloud.lzap(), hello()?, &["local"])?.expect_success();
    is(&outcome, "aws", "skipped");
    is(&outcome, "target", "ok");
    let running = is(&outcome, "local", "note");
    assert!(
        running["detail"].as_str().is_some_and(|it| it.contains(&cloud.read_url().unwrap_or_default())),
        "{running:#}"
    );
    assert_eq!(checks(&outcome, "credentials"), Vec::<Value>::new());
    Ok(())
}

/// An account with little left is warned of, which is no failure.
#[test]
fn a_small_or_full_account() -> Result {
    let account = Account::new(&limits(10, 10, 70 << 30))?;
    let folder = TempProject::empty("nothing")?;
    let outcome = doctor(&account.lzap, folder.path(), &[])?.expect_success();
    helps(&is(&outcome, "concurrency", "warning"), "servicequotas");
    helps(&is(&outcome, "code storage", "warning"), "delete");
    Ok(())
}

/// Every broken stage is named, whichever stage is meant.
#[test]
fn every_stage_is_checked() -> Result {
    let account = Account::new(&limits(1000, 1000, 0))?;
    let project = TempProject::with_files(
        "shop",
        &[(
            "lzap.toml",
            "app = \"shop\"\ndefault_stage = \"dev\"\n[stage.dev]\n[stage.big]\nmemory_mb = 20000\n[stage.wide]\n\
             role_statements = [{ actions = [\"s3:*\"], resources = [\"arn:aws:s3:::shop/*\"] }]\n[stage.long]\ntimeout_secs = 1000\n",
        )],
    )?;
    let outcome = doctor(&account.lzap, project.path(), &[])?.expect_code(1);
    let found = checks(&outcome, "config");
    let details: Vec<&str> = found.iter().filter_map(|it| it["detail"].as_str()).collect();
    assert!(details.iter().any(|it| it.starts_with("stage big: ") && it.contains("20000")), "{details:#?}");
    assert!(details.iter().any(|it| it.starts_with("stage long: ")), "{details:#?}");
    assert!(found.iter().any(|it| it["status"] == "warning"), "stage wide: {found:#?}");
    let unknown = doctor(&account.lzap, project.path(), &["prodution"])?.expect_code(1);
    is(&unknown, "credentials", "ok");
    Ok(())
}

/// A toolchain without the target: found before a build, with the one command that adds it.
#[test]
fn a_missing_target() -> Result {
    let (config, project) = (config()?, hello()?.display().to_string());
    let file = config.path().join("lzap.toml").display().to_string();
    let tools = TempProject::empty("tools")?;
    // A rustc that is the real one, but for where it says that it lives.
    let script = format!(
        "#!/bin/sh\nif [ \"$1 $2\" = \"--print sysroot\" ]; then echo {}; else exec rustc \"$@\"; fi\n",
        tools.path().display()
    );
    let rustc = tools.path().join("rustc-elsewhere");
    fs::write(&rustc, script)?;
    fs::set_permissions(&rustc, std::fs::Permissions::from_mode(0o755))?;
    let lzap = Lzap::new()?.env("RUSTC", &rustc.display().to_string());
    let args = [&["local"], &of_hello(&file, &project)[..]].concat();
    let outcome = doctor(&lzap, config.path(), &args)?;
    let target = check(&outcome, "target");
    assert!(["warning", "problem"].contains(&target["status"].as_str().unwrap_or_default()), "{outcome}");
    let cpu = if HOST == "arm64" { "aarch64" } else { HOST };
    helps(&target, &format!("rustup target add {cpu}-unknown-linux-musl"));
    Ok(())
}

/// A machine without Rust, and with nothing but a project.
#[test]
fn no_rust() -> Result {
    let lzap = Lzap::new()?.env("PATH", "/nonexistent").env("CARGO", "cargo");
    let folder = TempProject::empty("nothing")?;
    let outcome = doctor(&lzap, folder.path(), &["local"])?.expect_code(1);
    let rust = is(&outcome, "rust", "problem");
    helps(&rust, "rustup");
    is(&outcome, "rustup", "warning");
    Ok(())
}

#[test]
fn a_wrong_clock() -> Result {
    let url = stub::serve(|_| Answer { date: "Thu, 01 Jan 2026 00:00:00 GMT", ..Answer::identity() })?;
    let account = Account::new(&limits(1000, 1000, 0))?;
    let lzap = Lzap::with_endpoint(account.proxy.url(), REGION)?.env("AWS_ENDPOINT_URL_STS", &url);
    let folder = TempProject::empty("nothing")?;
    let outcome = doctor(&lzap, folder.path(), &[])?.expect_code(1);
    let clock = is(&outcome, "clock", "problem");
    assert!(clock["detail"].as_str().is_some_and(|it| it.contains("ahead of AWS")), "{clock:#}");
    helps(&clock, "timedatectl");
    is(&outcome, "credentials", "ok");
    Ok(())
}
