//! The cargo commands of the test stages.
//!
//! All of them select the whole workspace and choose by target: cargo chooses the features of dependencies for the
//! packages that are selected, so that another selection would compile the AWS SDK again.

use std::process::Command;

use lzap_testkit::Python;
use lzap_testkit::shell::{Failure, Result, Tally, cargo, run_tests};

use crate::packages::read_packages;

/// The command set, driven as a user drives it: `tests/it`.
pub(super) const COMMAND_SET: &str = "e2e";
/// Test targets of this name need Python: moto, boto3, or the models of botocore.
pub(super) const CLOUD: &str = "cloud";
/// Test targets of this name run programs under QEMU.
pub(super) const QEMU: &str = "qemu";
/// The test of cross-compiled C, which has a `main` of its own.
pub(super) const ZIG: &str = "zig";

/// Functions of the embedded cloud that a Python interpreter runs.
const PYTHON_UNIT_TESTS: &str = "lambda::tests::";

/// `cargo test` for targets of the workspace. A snapshot that differs is a failure, never a new file, and nothing is
/// fetched.
fn cargo_test(targets: &[&str]) -> Command {
    let mut command = cargo();
    command.args(["test", "--workspace", "--locked"]).args(targets);
    command.env("INSTA_UPDATE", "no").env("CARGO_NET_OFFLINE", "true");
    command
}

/// Unit tests, and the integration tests of each crate that need neither Python nor QEMU.
pub(super) fn run_unit_tests(tally: &mut Tally) -> Result {
    let names = list_integration_targets()?;
    let special = [COMMAND_SET, CLOUD, QEMU, ZIG];
    let targets = names.iter().filter(|name| !special.contains(&name.as_str()));
    let mut command = cargo_test(&["--lib", "--bins"]);
    command.args(targets.flat_map(|name| ["--test", name]));
    run_tests(command.args(["--", "--skip", PYTHON_UNIT_TESTS]), tally)
}

/// The unit tests whose functions a Python interpreter runs.
pub(super) fn run_python_unit_tests(tally: &mut Tally) -> Result {
    run_tests(cargo_test(&["--lib"]).args(["--", PYTHON_UNIT_TESTS]), tally)
}

/// The examples in the API documentation.
pub(super) fn run_doc_tests(tally: &mut Tally) -> Result {
    run_tests(&mut cargo_test(&["--doc"]), tally)
}

/// The targets called `name`, in whatever crate; none is an error.
pub(super) fn run_targets(name: &str, tally: &mut Tally) -> Result {
    if !list_integration_targets()?.iter().any(|target| target == name) {
        return Err(Failure::new(format!("no test target is called `{name}`")));
    }
    run_tests(with_zig(&mut cargo_test(&["--test", name])), tally)
}

/// The modules of the command set's tests that `modules` name.
pub(super) fn run_command_set(modules: &[&str], tally: &mut Tally) -> Result {
    run_tests(with_zig(&mut command_set_tests(modules)), tally)
}

/// `cargo test` for modules of the command set's tests.
pub(super) fn command_set_tests(modules: &[&str]) -> Command {
    let mut command = cargo_test(&["--test", COMMAND_SET]);
    // A module's name is the beginning of its tests' names, but libtest looks for it anywhere in them.
    command.arg("--").args(modules.iter().map(|module| format!("{module}::")));
    command
}

/// Whether a target of this name exists in some crate.
pub(super) fn has_target(name: &str) -> Result<bool> {
    Ok(list_integration_targets()?.iter().any(|target| target == name))
}

/// zig is a Python package in the tests' environment; the tool finds it there. Without the environment, as in the quick
/// tier, the variable is not set.
pub(super) fn with_zig(command: &mut Command) -> &mut Command {
    if let Ok(python) = Python::ready() {
        command.env("CARGO_ZIGBUILD_PYTHON_PATH", python.command("python3").get_program());
    }
    command
}

/// The names of the workspace's integration test targets, each once.
fn list_integration_targets() -> Result<Vec<String>> {
    let packages = read_packages()?;
    let mut names: Vec<String> =
        packages.iter().flat_map(|package| package.test_targets().map(str::to_owned)).collect();
    names.sort();
    names.dedup();
    Ok(names)
}
