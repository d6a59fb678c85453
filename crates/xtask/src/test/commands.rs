//! The cargo commands that the test stages share.
//!
//! Each of them selects the whole workspace and chooses tests by target. cargo chooses the features of
//! dependencies for the selected packages, so a smaller selection would compile the AWS SDK again with other
//! features. Checks that run no tests of the workspace are in `stages.rs`.

use std::process::Command;

use lzap_testkit::Python;
use lzap_testkit::shell::{Failure, Result, Tally, cargo, run_tests};

use crate::packages::read_packages;

/// The test target of the whole command line, run as a user runs it: `tests/it`.
pub(super) const COMMAND_SET: &str = "e2e";
/// Test targets of this name need Python: moto, boto3, or the models of botocore.
pub(super) const CLOUD: &str = "cloud";
/// Test targets of this name run programs under QEMU.
pub(super) const QEMU: &str = "qemu";
/// The test of cross-compiled C, which has a `main` of its own.
pub(super) const ZIG: &str = "zig";

/// The unit tests of the embedded cloud whose functions are Python programs. They need Python, so the quick
/// tier skips them.
const PYTHON_UNIT_TESTS: &str = "lambda::tests::";

/// Returns `cargo test` for `targets` of the workspace.
fn cargo_test(targets: &[&str]) -> Command {
    let mut command = cargo();
    command.args(["test", "--workspace", "--locked"]).args(targets);
    // A snapshot that differs must fail the test, not leave a new file behind. Setup has fetched all crates,
    // so cargo needs no network here, and must fail rather than use one.
    command.env("INSTA_UPDATE", "no").env("CARGO_NET_OFFLINE", "true");
    command
}

/// Runs the unit tests, and the integration tests of each crate that need neither Python nor QEMU.
pub(super) fn run_unit_tests(tally: &mut Tally) -> Result {
    let names = list_integration_targets()?;
    let special = [COMMAND_SET, CLOUD, QEMU, ZIG];
    let targets = names.iter().filter(|name| !special.contains(&name.as_str()));
    let mut command = cargo_test(&["--lib", "--bins"]);
    command.args(targets.flat_map(|name| ["--test", name]));
    run_tests(command.args(["--", "--skip", PYTHON_UNIT_TESTS]), tally)
}

/// Runs the unit tests whose functions are Python programs.
pub(super) fn run_python_unit_tests(tally: &mut Tally) -> Result {
    run_tests(cargo_test(&["--lib"]).args(["--", PYTHON_UNIT_TESTS]), tally)
}

/// Runs the examples in the API documentation.
pub(super) fn run_doc_tests(tally: &mut Tally) -> Result {
    run_tests(&mut cargo_test(&["--doc"]), tally)
}

/// Runs the test targets called `name` in all crates. It is an error if there are none: a renamed target
/// would otherwise leave its stage without tests.
pub(super) fn run_targets(name: &str, tally: &mut Tally) -> Result {
    if !list_integration_targets()?.iter().any(|target| target == name) {
        return Err(Failure::new(format!("no test target is called `{name}`")));
    }
    run_tests(with_zig(&mut cargo_test(&["--test", name])), tally)
}

/// Returns `cargo test` for a module of the runtime crate's integration tests. Other crates have test targets of the same name,
/// but no module of this one.
pub(super) fn runtime_tests(module: &str) -> Command {
    let mut command = cargo_test(&["--test", "it"]);
    command.arg("--").arg(format!("{module}::"));
    command
}

/// Runs the given modules of the command set's tests.
pub(super) fn run_command_set(modules: &[&str], tally: &mut Tally) -> Result {
    run_tests(with_zig(&mut command_set_tests(modules)), tally)
}

/// Returns `cargo test` for the given modules of the command set's tests, or for all of them if `modules` is
/// empty.
pub(super) fn command_set_tests(modules: &[&str]) -> Command {
    let mut command = cargo_test(&["--test", COMMAND_SET]);
    // libtest looks for the text anywhere in a test's path. The `::` keeps `local` from matching a test that
    // is called `local_something`.
    command.arg("--").args(modules.iter().map(|module| format!("{module}::")));
    command
}

/// Returns whether some crate has a test target called `name`.
pub(super) fn has_target(name: &str) -> Result<bool> {
    Ok(list_integration_targets()?.iter().any(|target| target == name))
}

/// Sets the variable through which `lzap` finds zig, a Python package in the tests' environment. Leaves the
/// command unchanged if there is no such environment, as in the quick tier.
pub(super) fn with_zig(command: &mut Command) -> &mut Command {
    if let Ok(python) = Python::ready() {
        command.env("CARGO_ZIGBUILD_PYTHON_PATH", python.command("python3").get_program());
    }
    command
}

/// Returns the names of the workspace's integration test targets, sorted, each once.
fn list_integration_targets() -> Result<Vec<String>> {
    let packages = read_packages()?;
    let mut names: Vec<String> =
        packages.iter().flat_map(|package| package.test_targets().map(str::to_owned)).collect();
    names.sort();
    names.dedup();
    Ok(names)
}
