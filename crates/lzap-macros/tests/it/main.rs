//! Compiles packages that know the crate `lzap` under different names: `tests/fixtures/names`.

use std::process::Command;

use lzap_testkit::shell::{cargo, quiet_output};
use lzap_testkit::{apps_target, workspace};

/// Returns `cargo check` for the packages. It compiles `lzap` into the target folder of all apps.
fn cargo_check(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.current_dir(workspace().join("tests/fixtures/names"));
    command.args(["check", "--quiet", "--locked", "--offline", "--all-targets"]).args(arguments);
    command.env("CARGO_TARGET_DIR", apps_target());
    command
}

#[test]
fn tasks_compile_under_every_name_of_the_dependency() {
    quiet_output(&mut cargo_check(&["--workspace"])).unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn re_exported_attribute_without_path_reports_the_option_to_add() {
    let mut check = cargo_check(&["--package", "re-export", "--features", "without-path"]);
    let failure = quiet_output(&mut check).expect_err("the macro can't know the path").to_string();
    for text in
        ["`Cargo.toml`", "cargo add lzap --features tasks", "#[lzap::task(crate = \"company::lzap\")]"]
    {
        assert!(failure.contains(text), "no `{text}` in {failure}");
    }
}
