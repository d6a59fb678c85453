//! `cargo xtask demo`: builds the tool, deploys the reference app, sends a CSV to it, and checks the answer.
//!
//! The demo starts an embedded cloud that shares neither ports nor state with the user's own. It needs Rust
//! and none of the tests' tools. The tests of the same path are in `tests/it`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fs_err as fs;
use lzap_testkit::shell::{
    Failure, QUICK_BUILD, Result, call, cargo, group_digits, lzap_command, lzap_path, output, quiet_output,
};
use lzap_testkit::{csv, target, workspace};
use serde_json::Value;

use crate::setup::disk;

/// Data rows of the CSV that is sent: about 2.8 MB. Lambda accepts at most 6 MB in one request.
const ROWS: usize = 100_000;
/// Distinct ids among the rows, so the number of sums in the answer.
const IDS: usize = 1_000;
/// A fixed seed, so that every run sends the same file and the printed `curl` command repeats it.
const SEED: u64 = 20_180_302;

/// Builds `lzap`, deploys `examples/csv-group-sum`, and compares every sum in its answer with one computed
/// here.
///
/// The CSV stays at `target/demo/sample.csv` and the cloud keeps running, so that the printed commands work.
/// The first run takes minutes, nearly all of them for compiling.
pub(crate) fn run() -> Result {
    disk::require_space(disk::DEMO)?;
    print_step("building lzap (minutes the first time, as any Rust project)");
    // Only this package, unlike the tests' build: a newcomer's first command must not compile what only tests
    // use.
    call(cargo().args(["build", "--quiet", "--package", "lzap-cli"]))?;
    let mut deploy = lzap_command();
    stop_earlier_cloud()?;
    print_step("deploying examples/csv-group-sum to an embedded cloud, compiled without optimization");
    // An optimized build of the app takes twice as long, and the demo measures no speed.
    deploy.envs(QUICK_BUILD);
    let report = output(use_demo_cloud(&mut deploy).args(["deploy", "local", "--output", "json"]))?;
    let report: Value = serde_json::from_str(&report)?;
    let url = report["url"].as_str().ok_or_else(|| Failure::new(format!("no URL in {report}")))?;

    let table = csv::sample(ROWS, IDS, SEED);
    let path = target().join("demo/sample.csv");
    fs::create_dir_all(target().join("demo"))?;
    fs::write(&path, &table)?;
    let url_with_column = format!("{}/?value_column=value", url.trim_end_matches('/'));
    print_step(&format!(
        "sending {} rows with {} ids to {url_with_column}",
        group_digits(ROWS),
        group_digits(IDS)
    ));
    let began = Instant::now();
    let answer = put_csv(&url_with_column, &table)?;
    let took = began.elapsed();
    let checked = csv::check(&table, "value", &answer).map_err(Failure::new)?;

    println!("{}", summarize_answer(&answer, checked, took));
    println!("The app is live:  {url}");
    println!("Send it a CSV:    curl --data-binary @{} '{url_with_column}'", show_path(&path));
    println!("Stop its cloud:   {}", show_lzap_command("local stop"));
    println!("Remove it all:    {}", show_lzap_command("local reset --yes"));
    Ok(())
}

/// Sends `table` in one PUT request and returns the app's answer. An HTTP status other than 2xx is an error
/// that contains the answer.
fn put_csv(url: &str, table: &str) -> Result<String> {
    // Otherwise ureq turns a 4xx or 5xx status into an error without the body, and the body has the app's
    // reason.
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent.put(url).header("content-type", "text/csv").send(table)?;
    let answer = response.body_mut().read_to_string()?;
    if response.status().is_success() {
        return Ok(answer);
    }
    Err(Failure::new(format!("{url} answered {}: {answer}", response.status())))
}

/// Returns the first lines of the answer and how many sums were checked, as printed text.
fn summarize_answer(answer: &str, checked: usize, took: Duration) -> String {
    // The header and five ids: enough to see the format.
    let first = answer.lines().take(6).collect::<Vec<_>>().join("\n    ");
    let checked = group_digits(checked);
    format!(
        "\n    {first}\n    …\n\n{checked} sums in {} ms, each equal to an independent computation.\n",
        took.as_millis()
    )
}

/// Prints one line of progress, marked as `cargo xtask setup` and `test` mark theirs.
fn print_step(text: &str) {
    println!("==> {text}");
}

/// Stops the demo's cloud of an earlier run; does nothing when none is running.
///
/// The running cloud may be an older build of the tool than the one just built. Its state stays on disk, so
/// that the same stage is deployed again at the same URL.
fn stop_earlier_cloud() -> Result {
    let mut stop = lzap_command();
    quiet_output(stop.args(["local", "stop"]).env("LZAP_STATE_DIR", state_dir()))?;
    Ok(())
}

/// The folder in which the demo's cloud keeps its state, apart from the user's own cloud.
fn state_dir() -> PathBuf {
    target().join("demo/cloud")
}

/// Points an `lzap` command at the reference app and at the demo's cloud.
fn use_demo_cloud(command: &mut Command) -> &mut Command {
    command
        .arg("--project")
        .arg(workspace().join("examples/csv-group-sum"))
        .env("LZAP_STATE_DIR", state_dir())
        // Any free port: the user's own cloud may be listening on the usual one.
        .env("LZAP_LOCAL_PORT", "0")
}

/// Formats a path as one word of a shell command: relative to the current folder where possible, quoted if it
/// contains whitespace.
fn show_path(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let path = path.strip_prefix(here).unwrap_or(path).display().to_string();
    if path.contains(char::is_whitespace) { format!("'{path}'") } else { path }
}

/// Formats the shell command that runs `lzap ARGUMENTS` on the demo's cloud.
fn show_lzap_command(arguments: &str) -> String {
    let (state, lzap) = (state_dir(), lzap_path());
    format!("LZAP_STATE_DIR={} {} {arguments}", show_path(&state), show_path(&lzap))
}
