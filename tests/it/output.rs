//! One deploy in the three forms of its output: for a terminal, plain, and as JSON. All three say the same.

use lzap_testkit::{Outcome, redact};

use crate::clouds::{Cloud as _, MotoCloud};
use crate::support::{HOST, REGION, Result, hello, settings};

const COLORS: &str = r"\x1b\[[0-9;]*m";

/// A first deploy to an empty account, with these options.
fn deploy(options: &[&str]) -> Result<Outcome> {
    let cloud = MotoCloud::start()?;
    let text = format!("app = \"hello\"\n\n[stage.dev]\nregion = \"{REGION}\"\narchitecture = \"{HOST}\"\n");
    let settings = settings(&text)?;
    let config = settings.path().join("lzap.toml").display().to_string();
    let project = hello()?.display().to_string();
    let place = ["--project", &project, "--config", &config];
    // A build that has something to do creates the prerequisites beside it, and says so.
    drop(cloud.lzap().run(settings.path(), &[&["package", "dev"], &place[..]].concat())?.expect_success());
    cloud.expect_probe()?;
    let args = [&["deploy", "dev", "--no-touch"], &place[..], options].concat();
    Ok(cloud.lzap().run(settings.path(), &args)?.expect_success())
}

#[track_caller]
fn assert_snapshot(name: &str, text: &str, keeps_colors: bool) {
    let mut filters = redact::snapshot_filters();
    filters.retain(|(pattern, _)| !keeps_colors || *pattern != COLORS);
    // A terminal's escape character is invisible in a snapshot.
    filters.insert(0, (r"\x1b", "␛"));
    filters.extend([
        (r"\b[a-z0-9]{8}\.execute-api", "[API].execute-api"),
        (r"\b(x86_64|arm64)\b", "[ARCHITECTURE]"),
        (r#""(build|package|apply|total|bytes|aws_calls)": [0-9.]+"#, r#""$1": [NUMBER]"#),
    ]);
    insta::with_settings!({filters => filters, omit_expression => true, prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn one_deploy_as_terminal_plain_and_json() -> Result {
    let terminal = deploy(&["--color", "always"])?;
    let plain = deploy(&["--color", "never"])?;
    let json = deploy(&["--output", "json"])?;
    let both = |outcome: &Outcome| format!("{}--- stdout\n{}", outcome.stderr, outcome.stdout);
    assert_snapshot("deploy_terminal", &both(&terminal), true);
    assert_snapshot("deploy_plain", &both(&plain), false);
    assert_snapshot("deploy_json", &json.stdout, false);

    assert!(!plain.stderr.contains('\u{1b}'), "{plain}");
    assert_eq!(plain.stdout.lines().count(), 1, "stdout is the URL alone: {plain}");
    let report = json.json();
    for change in report["changes"].as_array().into_iter().flatten() {
        let (kind, name) =
            (change["resource"].as_str().unwrap_or_default(), change["name"].as_str().unwrap_or_default());
        let line =
            plain.stderr.lines().find(|line| line.contains(&format!("+ {kind}")) && line.contains(name));
        assert!(line.is_some(), "{kind} {name} is not in {plain}");
    }
    Ok(())
}
