//! `cargo xtask bench unchanged`: the time that lzap itself adds to a deploy that changes nothing.
//!
//! A release build of the tool deploys an unchanged hello app to a mock of AWS, behind a proxy that delays each answer.
//! From the wall time are taken cargo's own time, which a script around `cargo` measures in the same run, and the delay
//! of the calls that wait for each other. The rest is lzap's and the mock's.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;
use fs_err as fs;
use lzap_testkit::shell::{Failure, Result, call, cargo, quiet_output};
use lzap_testkit::{Moto, Proxy, target};

use crate::REGION;
use crate::deploy::{DELAY, Lzap, set_account};
use crate::features::children_processor_secs;

/// The number of runs.
#[derive(Args)]
pub(crate) struct Options {
    /// Deploys that are measured; the median counts
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
}

/// The seconds of one deploy.
struct Run {
    wall: f64,
    /// All of cargo's runs: its metadata, and a build without changes.
    cargo: f64,
    /// Wall time without cargo's and without the delay of the calls.
    own: f64,
    /// lzap's processor time, with that of its child processes.
    processor: f64,
}

/// Measures, and prints the medians.
pub(crate) fn run(options: &Options) -> Result {
    println!("==> compiling the tool and the app");
    call(cargo().args(["build", "--release", "--locked", "-p", "lzap-cli"]))?;
    let app = Lzap::new()?;
    let timed = TimedCargo::new()?;
    let moto = Moto::with_managed_policies()?;
    let proxy = Proxy::start(moto.url(), DELAY)?;
    moto.queue_probe_answers(REGION, 1)?;
    let deploy = || deploy_command(&app, &timed, proxy.url());
    quiet_output(&mut deploy())?;
    // The second run finds each file in the page cache.
    quiet_output(&mut deploy())?;

    let mut runs = Vec::new();
    for _ in 0..options.runs {
        drop(proxy.take_recording());
        timed.clear()?;
        let processor_before = children_processor_secs()?;
        let began = Instant::now();
        quiet_output(&mut deploy())?;
        let wall = began.elapsed().as_secs_f64();
        let processor = children_processor_secs()? - processor_before;
        let recording = proxy.take_recording();
        if recording.check_calls()?.iter().any(|call| !call.is_read()) {
            return Err(Failure::new("a deploy without changes has written something".to_owned()));
        }
        let waits = u32::try_from(recording.critical_path_len())?;
        let cargo = timed.total()?.as_secs_f64();
        let own = wall - cargo - (DELAY * waits).as_secs_f64();
        runs.push(Run { wall, cargo, own, processor });
    }
    print_table(&runs);
    Ok(())
}

fn print_table(runs: &[Run]) {
    let show = |name: &str, value: fn(&Run) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        let at = |part: usize| values[(values.len() - 1) * part / 4];
        println!("{name:<44} {:.3} s ({:.3} to {:.3})", at(2), at(1), at(3));
    };
    println!("\nmedian of {} runs (half of them lie between):", runs.len());
    show("wall time", |run| run.wall);
    show("cargo", |run| run.cargo);
    show("without cargo and the delay of the calls", |run| run.own);
    show("processor time, with cargo's", |run| run.processor);
}

fn deploy_command(app: &Lzap, timed: &TimedCargo, endpoint: &str) -> Command {
    let mut command = Command::new(target().join("release/lzap"));
    command.args(["deploy", "dev", "--no-touch", "--output", "json"]);
    app.set_project(&mut command);
    command.env("CARGO", &timed.script);
    set_account(&mut command, endpoint);
    command
}

/// A `cargo` that appends the microseconds of each of its runs to a file. In bash, which knows the time: a run of `date`
/// would count as lzap's.
struct TimedCargo {
    script: PathBuf,
    times: PathBuf,
}

impl TimedCargo {
    fn new() -> Result<Self> {
        let folder = target().join("bench/timed-cargo");
        fs::create_dir_all(&folder)?;
        let (script, times) = (folder.join("cargo"), folder.join("times"));
        let text = format!(
            "#!/bin/bash\nbegan=${{EPOCHREALTIME/./}}\n{} \"$@\"\nstatus=$?\necho $((${{EPOCHREALTIME/./}} - began)) >> {}\nexit $status\n",
            quote(Path::new(env!("CARGO"))),
            quote(&times),
        );
        fs::write(&script, text)?;
        fs::set_permissions(&script, Permissions::from_mode(0o755))?;
        Ok(Self { script, times })
    }

    fn clear(&self) -> Result {
        Ok(fs::write(&self.times, "")?)
    }

    fn total(&self) -> Result<Duration> {
        let text = fs::read_to_string(&self.times)?;
        let micros: std::result::Result<Vec<u64>, _> = text.lines().map(str::parse).collect();
        Ok(Duration::from_micros(micros?.iter().sum()))
    }
}

/// Quotes a path for `sh`.
fn quote(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
