//! `lzap config`: what is in effect, and what may stand in the file.

use lzap_testkit::{Lzap, TempProject};
use serde_json::Value;

use crate::support::Result;

const FILE: &str = "app = \"shop\"\ndefault_stage = \"dev\"\n\n[stage.dev]\nregion = \"eu-central-1\"\nmemory_mb = 256\n\n\
                    [stage.production]\nextends = \"dev\"\nmemory_mb = 1024\n";

fn setting(report: &Value, key: &str) -> (String, String) {
    let mut rows = report["settings"].as_array().into_iter().flatten();
    let row = rows.find(|row| row["key"] == key).cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    (text(&row["value"]), text(&row["origin"]))
}

#[test]
fn each_setting_says_where_it_comes_from() -> Result {
    let project = TempProject::with_files("shop", &[("lzap.toml", FILE)])?;
    let lzap = Lzap::new()?.env("AWS_REGION", "us-west-2");
    let report =
        lzap.run(project.path(), &["config", "production", "--output", "json"])?.expect_success().json();
    assert_eq!((&report["app"], &report["stage"]), (&Value::from("shop"), &Value::from("production")));
    assert!(setting(&report, "memory_mb").0.contains("1024"), "{report:#}");
    assert!(setting(&report, "memory_mb").1.contains("production"), "{report:#}");
    assert!(setting(&report, "timeout_secs").1.contains("default"), "{report:#}");
    // A stage belongs to a region: the file comes before the environment.
    assert_eq!(setting(&report, "region"), ("eu-central-1".to_owned(), "lzap.toml [stage.dev]".to_owned()));
    let text = lzap.run(project.path(), &["config", "dev", "--resolved"])?.expect_success();
    assert!(text.stdout.contains("256"), "{text}");
    assert_eq!(text.stderr.matches("AWS_REGION=us-west-2 is not used").count(), 1, "{text}");
    Ok(())
}

#[test]
fn flags_before_or_after_the_command_come_first() -> Result {
    let project = TempProject::with_files("shop", &[("lzap.toml", FILE)])?;
    let lzap = Lzap::new()?.env("AWS_REGION", "us-west-2").env("AWS_PROFILE", "ci");
    let flags = ["--region", "ap-south-1", "--profile", "work"];
    let command = ["config", "dev", "--output", "json"];
    for args in [[&flags[..], &command].concat(), [&command[..], &flags].concat()] {
        let outcome = lzap.run(project.path(), &args)?.expect_success();
        let report = outcome.json();
        let expected = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
        assert_eq!(setting(&report, "region"), expected("ap-south-1", "flag --region"));
        assert_eq!(setting(&report, "profile"), expected("work", "flag --profile"));
        assert!(!outcome.stderr.contains("AWS_REGION"), "{outcome}");
    }
    Ok(())
}

/// A port where nothing listens: the commands get as far as their first call to AWS.
#[test]
fn commands_that_find_a_stage_work_with_other_keys_wrong_and_without_its_table() -> Result {
    let text = "app = \"shop\"\n[stage.dev]\nregion = \"eu-central-1\"\nmemory_mb = 5\n";
    let project = TempProject::with_files("shop", &[("lzap.toml", text)])?;
    let lzap = Lzap::with_endpoint("http://127.0.0.1:9", "eu-central-1")?;
    for command in ["status", "undeploy", "rollback", "tail"] {
        let outcome = lzap.run(project.path(), &[command, "dev", "--yes"])?.expect_code(5);
        assert!(outcome.stderr.contains("lzap.toml:4: memory_mb = 5 is out of range"), "{outcome}");
        drop(lzap.run(project.path(), &[command, "gone", "--yes"])?.expect_code(2));
        let flags = [command, "gone", "--yes", "--region", "eu-west-1"];
        drop(lzap.run(project.path(), &flags)?.expect_code(5));
    }
    drop(lzap.run(project.path(), &["plan", "dev"])?.expect_code(2));
    Ok(())
}

#[test]
fn the_schema_describes_every_key() -> Result {
    let project = TempProject::empty("nothing")?;
    let schema = Lzap::new()?.run(project.path(), &["config", "--schema"])?.expect_success().json();
    let mut described = 0;
    let objects =
        std::iter::once(&schema).chain(schema["$defs"].as_object().into_iter().flat_map(|all| all.values()));
    for (key, property) in objects.filter_map(|object| object["properties"].as_object()).flatten() {
        let about = property["description"].as_str().unwrap_or_default();
        assert!(about.len() > 5, "`{key}` has no description: {property:#}");
        described += 1;
    }
    assert!(described > 12, "only {described} keys in {schema:#}");
    Ok(())
}

#[test]
fn completions_are_scripts() -> Result {
    let project = TempProject::empty("nothing")?;
    for shell in ["bash", "zsh", "fish"] {
        let script = Lzap::new()?.run(project.path(), &["completions", shell])?.expect_success();
        assert!(script.stdout.contains("undeploy"), "{script}");
    }
    Ok(())
}
