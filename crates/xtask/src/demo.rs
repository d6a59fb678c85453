//! `cargo xtask demo`: the whole path in one command, in an embedded cloud of its own, which shares neither ports nor
//! state with the user's. It needs Rust and nothing else.

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

const ROWS: usize = 100_000;
const IDS: usize = 1_000;
const SEED: u64 = 20_180_302;

/// Builds, deploys, sends a CSV, checks each sum.
pub(crate) fn run() -> Result {
    disk::require_space(disk::DEMO)?;
    print_step("building lzap (minutes the first time, as any Rust project)");
    // Of the workspace only what the tool needs: the first command of a newcomer compiles nothing for tests.
    call(cargo().args(["build", "--quiet", "--package", "lzap-cli"]))?;
    let mut deploy = lzap_command();
    stop_earlier_cloud()?;
    print_step("deploying examples/csv-group-sum to an embedded cloud, compiled without optimization");
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

/// Sends `table` and returns the app's answer.
fn put_csv(url: &str, table: &str) -> Result<String> {
    // A status that is not a success has a text that says why.
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent.put(url).header("content-type", "text/csv").send(table)?;
    let answer = response.body_mut().read_to_string()?;
    if response.status().is_success() {
        return Ok(answer);
    }
    Err(Failure::new(format!("{url} answered {}: {answer}", response.status())))
}

fn summarize_answer(answer: &str, checked: usize, took: Duration) -> String {
    let first = answer.lines().take(6).collect::<Vec<_>>().join("\n    ");
    let checked = group_digits(checked);
    format!(
        "\n    {first}\n    …\n\n{checked} sums in {} ms, each equal to an independent computation.\n",
        took.as_millis()
    )
}

fn print_step(text: &str) {
    println!("==> {text}");
}

/// Stops the demo's cloud of an earlier run, which may be another build of the tool. Its state stays, so that the same
/// stage is deployed again at the same URL.
fn stop_earlier_cloud() -> Result {
    let mut stop = lzap_command();
    quiet_output(stop.args(["local", "stop"]).env("LZAP_STATE_DIR", state_dir()))?;
    Ok(())
}

fn state_dir() -> PathBuf {
    target().join("demo/cloud")
}

fn use_demo_cloud(command: &mut Command) -> &mut Command {
    command
        .arg("--project")
        .arg(workspace().join("examples/csv-group-sum"))
        .env("LZAP_STATE_DIR", state_dir())
        // Any free port: the usual one may be the user's own cloud's.
        .env("LZAP_LOCAL_PORT", "0")
}

/// A path as one word of a shell, relative to where the task was started.
fn show_path(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let path = path.strip_prefix(here).unwrap_or(path).display().to_string();
    if path.contains(char::is_whitespace) { format!("'{path}'") } else { path }
}

/// The command that runs `lzap ARGUMENTS` on the demo's cloud.
fn show_lzap_command(arguments: &str) -> String {
    let (state, lzap) = (state_dir(), lzap_path());
    format!("LZAP_STATE_DIR={} {} {arguments}", show_path(&state), show_path(&lzap))
}
