//! `cargo xtask bench features`: what each feature of the runtime crate adds to an app: compile time, size, cold start.
//!
//! One app (`tests/fixtures/features`) is built by `lzap package` with each feature, each time from nothing. Compile times are
//! processor times, which other programs on the machine change less than wall times. Cold starts are measured under the
//! stand-in for Lambda's Runtime API of the benchmark `linkers`. The apps take turns, and of each figure the smallest counts:
//! a busy machine only ever adds.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use fs_err as fs;
use lzap_testkit::shell::{Failure, Result, lzap, quiet_output};
use lzap_testkit::{TempProject, target, workspace};
use serde_json::Value;

use crate::linkers::Function;

/// Builds of each app.
const BUILDS: usize = 2;
const ROUNDS: usize = 10;
/// Cold starts of each app in each round.
const STARTS: usize = 10;
const APP: &str = "features";
/// The features, as the table names them.
const FEATURES: [&str; 3] = ["(none)", "tasks", "map"];
/// Linux counts a process's time in hundredths of a second, whatever the kernel.
const TICKS_PER_SECOND: f64 = 100.0;

/// The app with one of the features.
struct Built {
    feature: &'static str,
    program: PathBuf,
    compile_secs: f64,
    zip_bytes: u64,
    bootstrap_bytes: u64,
    cold: Duration,
}

/// Builds the apps, measures them, prints the table and writes it to the docs.
pub(crate) fn run() -> Result {
    let mut built: Vec<Built> = Vec::new();
    for number in 1..=BUILDS {
        for (place, feature) in FEATURES.into_iter().enumerate() {
            println!("==> building with {feature}, {number} of {BUILDS}");
            let app = build(feature)?;
            match built.get_mut(place) {
                Some(before) => before.compile_secs = before.compile_secs.min(app.compile_secs),
                None => built.push(app),
            }
        }
    }
    for round in 1..=ROUNDS {
        println!("==> round {round} of {ROUNDS}");
        for app in &mut built {
            for _ in 0..STARTS {
                app.cold = app.cold.min(Function::start(Command::new(&app.program))?.cold());
            }
        }
    }
    let text = page(&built);
    let docs = workspace().join("docs/benchmarks");
    fs::create_dir_all(&docs)?;
    fs::write(docs.join("features.md"), &text)?;
    println!("\n{text}\nwritten to docs/benchmarks/features.md");
    Ok(())
}

/// Builds the app in an empty target folder.
fn build(feature: &'static str) -> Result<Built> {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let chosen: &[&str] = if feature == FEATURES[0] { &[] } else { &[feature] };
    let config = format!(
        "[stage.dev]\nregion = \"{}\"\narchitecture = \"{architecture}\"\nfeatures = {chosen:?}\n",
        crate::REGION
    );
    let settings = TempProject::with_files("settings", &[("lzap.toml", &config)])?;
    let folder = target().join("bench/features").join(feature.trim_matches(['(', ')']));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut command = lzap()?;
    command.args(["package", "dev", "--output", "json", "--config"]).arg(settings.path().join("lzap.toml"));
    command.current_dir(workspace().join("tests/fixtures").join(APP)).env("CARGO_TARGET_DIR", &folder);
    let before = children_processor_secs()?;
    let report: Value = serde_json::from_str(&quiet_output(&mut command)?)?;
    let compile_secs = children_processor_secs()? - before;
    let zip_bytes = report["artifact"]["bytes"].as_u64();
    let triple = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let program = folder.join(triple).join("release").join(APP);
    Ok(Built {
        feature,
        compile_secs,
        zip_bytes: zip_bytes.ok_or_else(|| Failure::new(format!("no size in {report}")))?,
        bootstrap_bytes: fs::metadata(&program)?.len(),
        program,
        cold: Duration::MAX,
    })
}

/// User and system time of all child processes that have ended, and of their children: fields 16 and 17 of
/// `/proc/self/stat`.
pub(crate) fn children_processor_secs() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, after_name) = stat.rsplit_once(')').unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(13).take(2).map(str::parse::<u32>);
    Ok(f64::from(ticks.sum::<std::result::Result<u32, _>>()?) / TICKS_PER_SECOND)
}

/// The table, how it came about, and what it doesn't show.
fn page(built: &[Built]) -> String {
    let mut table =
        "| feature | compile time | bootstrap | zip | cold start |\n|---|---:|---:|---:|---:|\n".to_owned();
    for app in built {
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| {} | {:.0} s | {} | {} | {:.1} ms |",
            if app.feature == FEATURES[0] { app.feature.to_owned() } else { format!("`{}`", app.feature) },
            app.compile_secs,
            megabytes(app.bootstrap_bytes),
            megabytes(app.zip_bytes),
            app.cold.as_secs_f64() * 1e3
        );
    }
    format!(
        "# The features of the runtime crate\n\n\
         <!-- Written by `cargo xtask bench features`. -->\n\n\
         An app of one route, built by `lzap package` with each feature. With `tasks` the route calls a task, and with `map`\n\
         it maps one.\n\n\
         {table}\n\
         - **compile time**: processor time of a build from nothing, with all dependencies, in the release profile of the\n  \
           template; the smaller of {BUILDS} builds. On several cores it takes less wall time.\n\
         - **bootstrap**: the static binary; **zip**: what a deploy uploads.\n\
         - **cold start**: from the process's start until it asks for its first event, under a stand-in for Lambda's Runtime\n  \
           API on the same machine; the smallest of {starts} starts, in which the apps take turns. AWS adds the start of the\n  \
           environment. Differences of less than half a millisecond are noise.\n\n\
         ## How to repeat it\n\n\
         ```console\n$ cargo xtask bench features\n```\n",
        starts = ROUNDS * STARTS
    )
}

#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_has_a_row_for_each_feature() {
        let app = |feature| Built {
            feature,
            program: PathBuf::new(),
            compile_secs: 61.4,
            zip_bytes: 951_000,
            bootstrap_bytes: 2_300_000,
            cold: Duration::from_micros(840),
        };
        let text = page(&FEATURES.map(app));
        assert!(text.contains("| (none) | 61 s | 2.30 MB | 0.95 MB | 0.8 ms |\n| `tasks` |"), "{text}");
    }
}
