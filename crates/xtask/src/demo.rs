//! `cargo xtask demo`: the whole path in one command, on a cloud of its own, so that it never meets the user's.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use fs_err as fs;
use hyper::Method;
use lzap_testkit::{csv, request, target, workspace};
use serde_json::Value;

use crate::shell::{Failure, Result, grouped, lzap, lzap_path, output};

const ROWS: usize = 100_000;
const IDS: usize = 1_000;
const SEED: u64 = 20_180_302;

/// Builds, deploys, sends a CSV, checks each sum.
pub(crate) fn run() -> Result {
    step("building lzap (minutes the first time, as any Rust project)");
    let mut deploy = lzap()?;
    step("deploying examples/csv-group-sum to an embedded cloud");
    let report = output(on_demo_cloud(&mut deploy).args(["deploy", "local", "--output", "json"]))?;
    let report: Value = serde_json::from_str(&report)?;
    let url = report["url"].as_str().ok_or_else(|| Failure::new(format!("no URL in {report}")))?;

    let table = csv::sample(ROWS, IDS, SEED);
    let path = target().join("demo/sample.csv");
    fs::create_dir_all(target().join("demo"))?;
    fs::write(&path, &table)?;
    let url_with_column = format!("{}/?value_column=value", url.trim_end_matches('/'));
    step(&format!("sending {} rows with {} ids to {url_with_column}", grouped(ROWS), grouped(IDS)));
    let began = Instant::now();
    let response = request(&Method::PUT, &url_with_column, "text/csv", table.clone())?;
    let took = began.elapsed();
    let answer = response.text();
    if !response.status.is_success() {
        return Err(Failure::new(format!("{url} answered {}: {answer}", response.status)));
    }
    let checked = csv::check(&table, "value", &answer).map_err(Failure::new)?;

    println!("{}", response_summary(&answer, checked, took));
    println!("The app is live:  {url}");
    println!("Send it a CSV:    curl --data-binary @{} '{url_with_column}'", shown(&path));
    println!("Stop its cloud:   {}", on_demo_cloud_by_hand("local stop"));
    println!("Remove it all:    {}", on_demo_cloud_by_hand("local reset --yes"));
    Ok(())
}

fn response_summary(answer: &str, checked: usize, took: Duration) -> String {
    let first = answer.lines().take(6).collect::<Vec<_>>().join("\n    ");
    let checked = grouped(checked);
    format!(
        "\n    {first}\n    …\n\n{checked} sums in {} ms, each equal to an independent computation.\n",
        took.as_millis()
    )
}

fn step(text: &str) {
    println!("==> {text}");
}

fn on_demo_cloud(command: &mut Command) -> &mut Command {
    command
        .arg("--project")
        .arg(workspace().join("examples/csv-group-sum"))
        .env("LZAP_STATE_DIR", target().join("demo/cloud"))
}

/// A path as one could type it where the task was started.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

fn on_demo_cloud_by_hand(arguments: &str) -> String {
    format!("LZAP_STATE_DIR={} {} {arguments}", shown(&target().join("demo/cloud")), shown(&lzap_path()))
}
