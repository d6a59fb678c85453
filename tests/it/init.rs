//! `lzap init`: from nothing, or from a crate that is there.

use std::process::Command;

use lzap_testkit::{Lzap, TempProject};
use serde_json::json;

use crate::support::Result;

const MANIFEST: &str = "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n";

#[test]
fn a_template_becomes_a_crate_that_cargo_understands() -> Result {
    for template in ["hello", "csv-group-sum"] {
        let project = TempProject::empty("my-shop")?;
        let lzap = Lzap::new()?;
        let made = lzap.run(project.path(), &["init", "--template", template, "--yes"])?.expect_success();
        assert!(made.stderr.contains("lzap deploy local"), "the next command is named: {made}");
        let metadata = Command::new("cargo")
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(project.path())
            .output()?;
        let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout)?;
        // A template may have a further crate beside the app.
        let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
        let is_named = packages.iter().any(|package| package["name"] == "my-shop");
        assert!(is_named, "the crate is called after its folder: {packages:?}");
        let settings =
            lzap.run(project.path(), &["config", "local", "--output", "json"])?.expect_success().json();
        assert_eq!(settings["app"], "my-shop", "{settings:#}");
    }
    Ok(())
}

#[test]
fn hello_says_hello_once() -> Result {
    let project = TempProject::empty("say")?;
    drop(Lzap::new()?.run(project.path(), &["init", "--template", "hello", "--yes"])?.expect_success());
    assert_eq!(project.read("src/main.rs")?.matches("Hello").count(), 1);
    Ok(())
}

#[test]
fn a_path_is_made() -> Result {
    let project = TempProject::empty("above")?;
    drop(
        Lzap::new()?
            .run(project.path(), &["init", "below", "--template", "hello", "--yes"])?
            .expect_success(),
    );
    assert!(project.read("below/Cargo.toml")?.contains("name = \"below\""));
    Ok(())
}

#[test]
fn a_long_name_is_cut_to_one_that_fits() -> Result {
    let long = format!("shop-{}", "x".repeat(195));
    let project = TempProject::empty("above")?;
    let lzap = Lzap::new()?;
    let made = lzap.run(project.path(), &["init", &long, "--template", "hello", "--yes"])?.expect_success();
    assert!(made.stderr.contains("a name of 200 characters is too long"), "{made}");
    let manifest = MANIFEST.replace("shop", &long);
    let own =
        TempProject::with_files("own", &[("Cargo.toml", &manifest), ("src/main.rs", "fn main() {}\n")])?;
    drop(lzap.run(own.path(), &["init", "--yes"])?.expect_success());
    for folder in [&project.path().join(&long), own.path()] {
        let config = lzap.run(folder, &["config", "dev", "--output", "json"])?.expect_success().json();
        assert_eq!(config["app"].as_str().map(str::len), Some(40), "{config:#}");
    }
    Ok(())
}

#[test]
fn nothing_is_overwritten_without_force() -> Result {
    let files = [("Cargo.toml", MANIFEST), ("src/main.rs", "fn main() {}\n"), ("lzap.toml", "# mine\n")];
    let project = TempProject::with_files("shop", &files)?;
    let lzap = Lzap::new()?;
    let refused = lzap.run(project.path(), &["init", "--yes"])?.expect_code(2);
    assert!(refused.stderr.contains("--force"), "{refused}");
    assert_eq!(project.read("lzap.toml")?, "# mine\n");
    drop(lzap.run(project.path(), &["init", "--yes", "--force"])?.expect_success());
    assert!(project.read("lzap.toml")?.contains("[stage.dev]"));
    let refused = lzap.run(project.path(), &["init", "--template", "hello", "--yes"])?;
    assert_eq!(refused.code, Some(2), "{refused}");
    assert_eq!(project.read("src/main.rs")?, "fn main() {}\n");
    Ok(())
}

#[test]
fn a_crate_without_lzap_is_told_what_to_add_and_left_alone() -> Result {
    let main = "fn main() {}\n";
    let project = TempProject::with_files("shop", &[("Cargo.toml", MANIFEST), ("src/main.rs", main)])?;
    let lzap = Lzap::new()?;
    let made = lzap.run(project.path(), &["init", "--yes"])?.expect_success();
    assert!(made.stderr.contains("lzap = "), "{made}");
    assert!(made.stderr.contains("lzap::App"), "{made}");
    assert_eq!(
        (project.read("Cargo.toml")?.as_str(), project.read("src/main.rs")?.as_str()),
        (MANIFEST, main)
    );
    let refused = lzap.run(project.path(), &["deploy", "local"])?.expect_code(2);
    assert!(refused.stderr.contains("lzap = "), "the same lines: {refused}");
    Ok(())
}

#[test]
fn the_region_comes_from_the_environment_or_the_profile() -> Result {
    let make =
        || TempProject::with_files("shop", &[("Cargo.toml", MANIFEST), ("src/main.rs", "fn main() {}\n")]);
    let set_region = |project: &TempProject| -> Result<Option<String>> {
        let text = project.read("lzap.toml")?;
        Ok(text.lines().find(|line| line.starts_with("region")).map(str::to_owned))
    };
    let project = make()?;
    drop(Lzap::new()?.run(project.path(), &["init", "--yes"])?.expect_success());
    assert_eq!(set_region(&project)?, None, "no region is invented");
    assert!(project.read("lzap.toml")?.contains("architecture = \"arm64\""));

    let project = make()?;
    let lzap = Lzap::new()?.env("AWS_REGION", "ap-southeast-2");
    drop(lzap.run(project.path(), &["init", "--yes"])?.expect_success());
    assert!(set_region(&project)?.is_some_and(|line| line.contains("ap-southeast-2")));

    let project = make()?;
    let lzap = Lzap::new()?;
    fs_err::create_dir_all(lzap.home().join(".aws"))?;
    fs_err::write(lzap.home().join(".aws/config"), "[default]\nregion = sa-east-1\n")?;
    let report = lzap.run(project.path(), &["init", "--yes", "--output", "json"])?.expect_success().json();
    assert!(set_region(&project)?.is_some_and(|line| line.contains("sa-east-1")), "{report:#}");
    assert!(
        !project.read("lzap.toml")?.lines().any(|line| line.starts_with("profile")),
        "no profile unless chosen"
    );
    assert_ne!(report, json!(null));
    Ok(())
}
