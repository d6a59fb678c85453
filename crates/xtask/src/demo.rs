//! `cargo xtask demo`: the whole path in one command, on a cloud of its own, so that it never meets the user's.

use std::process::Command;
use std::time::Instant;

use fs_err as fs;
use hyper::Method;
use lzap_testkit::{csv, request, target, workspace};
use serde_json::Value;

use crate::shell::{Failure, Result, lzap, lzap_path, output};

const ROWS: usize = 100_000;
const IDS: usize = 1_000;
const SEED: u64 = 20_180_302;

/// Builds, deploys, sends a CSV, checks each sum.
pub(crate) fn run() -> Result {
    step("building lzap");
    let mut deploy = lzap()?;
    step("deploying examples/csv-group-sum to the embedded cloud");
    let report = output(on_demo_cloud(&mut deploy).args(["deploy", "local", "--output", "json"]))?;
    let report: Value = serde_json::from_str(&report)?;
    let url = report["url"].as_str().ok_or_else(|| Failure::new(format!("no URL in {report}")))?;

    let table = csv::sample(ROWS, IDS, SEED);
    let path = target().join("demo/sample.csv");
    fs::create_dir_all(target().join("demo"))?;
    fs::write(&path, &table)?;
    step(&format!("sending {ROWS} rows with {IDS} ids to {url}"));
    let began = Instant::now();
    let url_with_column = format!("{}/?value_column=value", url.trim_end_matches('/'));
    let response = request(&Method::PUT, &url_with_column, "text/csv", table.clone())?;
    let took = began.elapsed();
    let answer = response.text();
    if !response.status.is_success() {
        return Err(Failure::new(format!("{url} answered {}: {answer}", response.status)));
    }
    let checked = csv::check(&table, "value", &answer).map_err(Failure::new)?;

    println!();
    for line in answer.lines().take(6) {
        println!("    {line}");
    }
    println!("    … {checked} sums, each equal to an independent computation; {} ms\n", took.as_millis());
    println!("The app is live:    {url}");
    println!("Send it a CSV:      curl -T {} '{url}'", shown(&path));
    println!("Stop the cloud:     {} local stop", shown_command());
    Ok(())
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

fn shown(path: &std::path::Path) -> String {
    path.strip_prefix(workspace()).unwrap_or(path).display().to_string()
}

fn shown_command() -> String {
    format!("LZAP_STATE_DIR={} {}", shown(&target().join("demo/cloud")), shown(&lzap_path()))
}
