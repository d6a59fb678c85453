//! The environment of a measurement: a mock of AWS with AWS's propagation delays, behind a proxy that records
//! each call and delays it.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fs_err as fs;
use lzap_testkit::{Checked, Moto, Proxy, Python, Recording, SlowAws, Waits, target};
use serde_json::Value;

use super::{Figures, Outcome, Step};
use crate::{REGION, peer};
use lzap_testkit::shell::Result;

/// The delay that the proxy adds to each call.
pub(crate) const DELAY: Duration = Duration::from_millis(50);
pub(super) const WAITS: Waits = Waits::TYPICAL;

/// An account of its own, empty at first.
pub(super) struct Stand {
    pub(super) moto: Moto,
    pub(super) slow: SlowAws,
    proxy: Proxy,
}

/// One run of a command.
struct Run {
    figures: Figures,
    /// The operation at which it failed.
    failed_at: Option<String>,
}

impl Stand {
    pub(super) fn new() -> Result<Self> {
        let moto = Moto::with_managed_policies()?;
        let slow = SlowAws::start(moto.url(), WAITS)?;
        let proxy = Proxy::start(slow.url(), DELAY)?;
        // zappa asks for it on each update, and moto doesn't know it.
        proxy.add_stub("/urls", r#"{"FunctionUrlConfigs":[]}"#);
        Ok(Self { moto, slow, proxy })
    }

    /// Runs `command` with the clock on. A command that fails is typed once more, as one would; both runs count then.
    pub(super) fn measure(&self, tool: &str, step: Step, command: &mut Command) -> Result<Outcome> {
        let first = self.run(tool, step, command)?;
        let Some(refused_at) = first.failed_at else {
            return Ok(Outcome::Done(first.figures, None));
        };
        let second = self.run(tool, step, command)?;
        Ok(match second.failed_at {
            Some(operation) => Outcome::Refused(operation),
            None => Outcome::Done(first.figures.and(second.figures), Some(refused_at)),
        })
    }

    fn run(&self, tool: &str, step: Step, command: &mut Command) -> Result<Run> {
        drop(self.proxy.take_recording());
        set_account(command, self.proxy.url());
        let began = Instant::now();
        let output = command.stdin(Stdio::null()).output()?;
        let wall = began.elapsed().as_secs_f64();
        let recording = self.proxy.take_recording();
        let checked = recording.check_calls()?;
        let report = String::from_utf8_lossy(&output.stdout);
        let figures = figures(&recording, &checked, wall - build_seconds(&report));
        println!("    {}: {} calls, {:.1} s", step.title(), figures.calls, figures.seconds);
        note(tool, step, &timeline(&recording, &checked))?;
        if output.status.success() {
            return Ok(Run { figures, failed_at: None });
        }
        let said = String::from_utf8_lossy(&output.stderr);
        println!("    {}: {}{report}", output.status, said);
        Ok(Run { figures, failed_at: Some(failed_at(&recording, &checked)) })
    }
}

impl Figures {
    /// One after the other.
    fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            writes: self.writes + other.writes,
            depth: self.depth + other.depth,
            uploaded: self.uploaded + other.uploaded,
            seconds: self.seconds + other.seconds,
        }
    }
}

fn figures(recording: &Recording, checked: &[Checked], seconds: f64) -> Figures {
    Figures {
        calls: checked.len(),
        writes: checked.iter().filter(|call| !call.is_read()).count(),
        depth: recording.critical_path_len(),
        uploaded: recording.calls().iter().map(|call| call.body.len()).sum(),
        seconds,
    }
}

/// Sets dummy credentials for the mock at `endpoint`, and removes those of the user.
pub(crate) fn set_account(command: &mut Command, endpoint: &str) {
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

/// Returns the seconds that a command spent on the build, according to its report. The peers report nothing
/// and build nothing.
fn build_seconds(report: &str) -> f64 {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    report["seconds"]["build"].as_f64().unwrap_or(0.0)
}

/// The last operation that was refused, or else the last one.
fn failed_at(recording: &Recording, checked: &[Checked]) -> String {
    let calls = || recording.calls().iter().zip(checked);
    let refused = calls().rfind(|(call, _)| call.status >= 400);
    refused.or_else(|| calls().next_back()).map_or("the start", |(_, checked)| &checked.operation).to_owned()
}

/// Formats each call with its start and duration in seconds, to show where a slow deploy spent its time.
fn timeline(recording: &Recording, checked: &[Checked]) -> String {
    let zero = recording.calls().first().map(|call| call.start).unwrap_or_default();
    let mut text = String::new();
    for (call, checked) in recording.calls().iter().zip(checked) {
        let at = call.start.saturating_sub(zero).as_secs_f64();
        let long = call.end.saturating_sub(call.start).as_secs_f64();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{at:7.3} +{long:5.3} {} {}", call.status, checked.operation);
    }
    text
}

fn note(tool: &str, step: Step, text: &str) -> Result {
    let folder = target().join("bench/calls");
    fs::create_dir_all(&folder)?;
    let name = step.title().replace([',', ' '], "-").replace("--", "-");
    Ok(fs::write(folder.join(format!("{tool}-{name}.txt")), text)?)
}

/// Returns the versions of the programs that every measurement uses.
pub(super) fn versions() -> Result<String> {
    Ok(format!("moto {}", peer::version(&Python::ready()?, "moto")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_is_read_from_the_report() {
        assert!((build_seconds(r#"{"seconds": {"build": 0.25}}"#) - 0.25).abs() < 1e-9);
        assert!(build_seconds("Deployed!").abs() < 1e-9);
    }

    #[test]
    fn a_step_typed_twice_costs_both() {
        let one = Figures { calls: 3, writes: 1, depth: 2, uploaded: 100, seconds: 1.5 };
        let both = Figures { calls: 6, writes: 2, depth: 4, uploaded: 200, seconds: 3.0 };
        assert_eq!(one.and(one), both);
    }
}
