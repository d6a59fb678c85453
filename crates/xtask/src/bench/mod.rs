//! `cargo xtask bench deploy`: what a deploy costs in calls, round trips and seconds, beside zappa.
//!
//! Both tools deploy their hello app to the same mock of AWS, through the same proxy, which adds [`DELAY`] to each call
//! as a network would. The app is compiled before the clock starts; what is left of the build (finding that nothing is
//! to be compiled) is in the wall time and taken off in the tool time. zappa's packaging counts: it is what that tool
//! does on each deploy.

pub(crate) mod linkers;
mod lzap;
mod page;
mod zappa;

use std::process::Command;
use std::time::{Duration, Instant};

use fs_err as fs;
use lzap_testkit::{Moto, Proxy, workspace};
use serde_json::Value;

use crate::shell::{Result, quiet_output};

/// What the proxy adds to each call.
const DELAY: Duration = Duration::from_millis(50);
/// How often the whole series runs; the fastest of each step counts, since a busy machine only ever adds.
const ROUNDS: usize = 3;
const REGION: &str = "eu-central-1";

/// One command of one tool, measured.
struct Measured {
    what: &'static str,
    calls: usize,
    writes: usize,
    depth: usize,
    uploaded: usize,
    /// From the command's start to its end.
    wall: f64,
    /// The same without the build.
    tool: f64,
}

/// The cloud, and the proxy through which it is seen.
struct Stand {
    moto: Moto,
    proxy: Proxy,
}

impl Stand {
    fn new() -> Result<Self> {
        let moto = Moto::start()?;
        let proxy = Proxy::start(moto.url(), DELAY)?;
        // zappa asks for it on each update, and moto doesn't know it.
        proxy.stub("/urls", r#"{"FunctionUrlConfigs":[]}"#);
        Ok(Self { moto, proxy })
    }

    /// Runs `command` against the cloud with the clock on.
    fn measure(&self, what: &'static str, command: &mut Command) -> Result<Measured> {
        drop(self.proxy.take());
        against(command, self.proxy.url());
        let began = Instant::now();
        let report = quiet_output(command)?;
        let wall = began.elapsed().as_secs_f64();
        let recording = self.proxy.take();
        let checked = recording.checked()?;
        println!("    {what}: {} calls, {wall:.1} s", checked.len());
        Ok(Measured {
            what,
            calls: checked.len(),
            writes: checked.iter().filter(|call| !call.is_read()).count(),
            depth: recording.depth(),
            uploaded: recording.calls().iter().map(|call| call.body.len()).sum(),
            wall,
            tool: wall - build_seconds(&report),
        })
    }
}

/// Dummy credentials, and nothing of the user's own.
fn against(command: &mut Command, endpoint: &str) {
    for name in ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"] {
        command.env_remove(name);
    }
    command.envs([
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]);
}

/// What the report of a command says that it spent on the build; zappa reports nothing and builds nothing.
fn build_seconds(report: &str) -> f64 {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    report["seconds"]["build"].as_f64().unwrap_or(0.0)
}

/// Measures both tools, prints the table and writes it to the docs.
pub(crate) fn deploy() -> Result {
    println!("==> compiling the hello app, installing zappa");
    let ours = lzap::Lzap::new()?;
    let theirs = zappa::Zappa::new()?;
    let (mut our_runs, mut their_runs) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        println!("==> lzap, round {round} of {ROUNDS}");
        keep_fastest(&mut our_runs, ours.measure(&Stand::new()?)?);
        println!("==> zappa, round {round} of {ROUNDS}");
        keep_fastest(&mut their_runs, theirs.measure(&Stand::new()?)?);
    }
    let text = page::page(&our_runs, &their_runs, &theirs.versions()?);
    let folder = workspace().join("docs/benchmarks");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("deploy.md"), &text)?;
    println!("\n{text}\nwritten to docs/benchmarks/deploy.md");
    Ok(())
}

/// Replaces each step by the new run of it, where that was faster.
fn keep_fastest(kept: &mut Vec<Measured>, round: Vec<Measured>) {
    if kept.is_empty() {
        *kept = round;
        return;
    }
    for (best, new) in kept.iter_mut().zip(round) {
        if new.wall < best.wall {
            *best = new;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(wall: f64) -> Measured {
        Measured { what: "deploy", calls: 1, writes: 0, depth: 1, uploaded: 0, wall, tool: wall }
    }

    #[test]
    fn the_fastest_run_of_each_step_is_kept() {
        let mut kept = Vec::new();
        keep_fastest(&mut kept, vec![run(2.0), run(3.0)]);
        keep_fastest(&mut kept, vec![run(1.0), run(4.0)]);
        assert_eq!(kept.iter().map(|run| run.wall.round()).collect::<Vec<_>>(), [1.0, 3.0]);
    }

    #[test]
    fn the_build_is_read_from_the_report() {
        assert!((build_seconds(r#"{"seconds": {"build": 0.25}}"#) - 0.25).abs() < 1e-9);
        assert!(build_seconds("Deployed!").abs() < 1e-9);
    }
}
