//! `cargo xtask bench runtime`: what lzap's runtime costs, beside the same app on `lambda_http`, without a log and with the
//! one that its template sets up, and a Flask app on Zappa's handler, all under AWS's Runtime Interface Emulator.
//!
//! The forms take turns, round by round, and of each figure the best counts. Warm requests are held by the emulator
//! itself, so its own ceiling (a function of fifty lines that answers a constant) stands beside them.

mod instructions;
mod page;
mod zappa;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fs_err as fs;
use lzap_testkit::{Rie, TempProject, apps_target, target, workspace};
use serde_json::{Value, json};

use self::instructions::Instructions;
use lzap_testkit::shell::{Failure, Result, lzap, quiet_output};

const ROUNDS: usize = 8;
const STARTS: usize = 10;
const REQUESTS: usize = 400;
/// The form that counts as 1.00 where instructions are compared.
const WITH_LOG: &str = "lambda_http with its log";

/// A function, as the emulator starts it.
struct Form {
    name: &'static str,
    command: Vec<OsString>,
    folder: PathBuf,
    event: Value,
    zip_bytes: Option<u64>,
    best: Option<Figures>,
    is_rust_app: bool,
    /// Counted for apps in Rust only: an interpreter under callgrind takes minutes.
    instructions: Option<Instructions>,
}

/// The measured figures of one app.
#[derive(Clone, Copy, Debug)]
struct Figures {
    /// From the first event to its answer: the process starts with it.
    cold: Duration,
    /// One of many requests, one after the other.
    warm: Duration,
    resident_bytes: u64,
}

impl Figures {
    fn best(self, other: Self) -> Self {
        Self {
            cold: self.cold.min(other.cold),
            warm: self.warm.min(other.warm),
            resident_bytes: self.resident_bytes.min(other.resident_bytes),
        }
    }
}

/// Builds all forms, measures them, prints the page and writes it to the docs.
pub(crate) fn run() -> Result {
    let folder = target().join("bench/runtime");
    fs::create_dir_all(&folder)?;
    println!("==> building");
    let bare = workspace().join("tests/fixtures/bare");
    let mut forms = vec![
        rust("lzap", "hello", &workspace().join("templates/hello"), &[], &folder)?,
        rust("lambda_http alone", "bare", &bare, &[], &folder)?,
        rust(WITH_LOG, "bare", &bare, &["log"], &folder)?,
        zappa::form()?,
        ceiling(&folder)?,
    ];
    for form in forms.iter_mut().filter(|form| form.is_rust_app) {
        println!("==> instructions of {}", form.name);
        form.instructions = Some(instructions::count(&form.command, &form.folder, &form.event)?);
    }
    for round in 1..=ROUNDS {
        println!("==> round {round} of {ROUNDS}");
        for form in &mut forms {
            let figures = measure(form)?;
            form.best = Some(form.best.map_or(figures, |best| best.best(figures)));
        }
    }
    let text = page::page(&forms)?;
    let docs = workspace().join("docs/benchmarks");
    fs::create_dir_all(&docs)?;
    fs::write(docs.join("runtime.md"), &text)?;
    println!("\n{text}\nwritten to docs/benchmarks/runtime.md");
    Ok(())
}

/// A crate, packaged as `lzap deploy` would for this machine.
fn rust(name: &'static str, package: &str, project: &Path, features: &[&str], folder: &Path) -> Result<Form> {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let config = format!(
        "[stage.dev]\nregion = \"{}\"\narchitecture = \"{architecture}\"\nfeatures = {features:?}\n",
        crate::REGION
    );
    let settings = TempProject::with_files("settings", &[("lzap.toml", &config)])?;
    let mut command = lzap()?;
    command.args(["package", "dev", "--output", "json", "--config"]).arg(settings.path().join("lzap.toml"));
    let report: Value = serde_json::from_str(&quiet_output(command.current_dir(project))?)?;
    let triple = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let program = folder.join([&[package], features].concat().join("-"));
    fs::copy(apps_target().join(triple).join("release").join(package), &program)?;
    Ok(Form {
        name,
        command: vec![program.into()],
        folder: folder.to_owned(),
        event: json!({
            "version": "2.0", "routeKey": "$default", "rawPath": "/", "rawQueryString": "",
            "headers": {"host": "localhost"}, "isBase64Encoded": false,
            "requestContext": {"stage": "$default", "http": {"method": "GET", "path": "/", "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1", "userAgent": "bench"}, "requestId": "1", "timeEpoch": 0, "time": "",
                "accountId": "1", "apiId": "1", "domainName": "localhost", "domainPrefix": "localhost", "routeKey": "$default"},
        }),
        zip_bytes: report["artifact"]["bytes"].as_u64(),
        best: None,
        is_rust_app: true,
        instructions: None,
    })
}

/// The least that a function can be: sockets and a constant.
fn ceiling(folder: &Path) -> Result<Form> {
    let program = folder.join("ceiling");
    let source = workspace().join("tests/bench/src/runtime/ceiling.rs");
    let mut compile = Command::new("rustc");
    compile.args(["--edition", "2024", "-O", "-o"]).arg(&program).arg(source);
    quiet_output(&mut compile)?;
    Ok(Form {
        name: "the emulator's own ceiling",
        command: vec![program.into()],
        folder: folder.to_owned(),
        event: json!({}),
        zip_bytes: None,
        best: None,
        is_rust_app: false,
        instructions: None,
    })
}

fn measure(form: &Form) -> Result<Figures> {
    let command: Vec<_> = form.command.iter().map(OsString::as_os_str).collect();
    let mut cold = Duration::MAX;
    let mut figures = None;
    for start in 1..=STARTS {
        let mut emulator = Rie::start_command(&command, &form.folder, "bench")?;
        let began = Instant::now();
        let answer = emulator.invoke(&form.event)?;
        cold = cold.min(began.elapsed());
        if answer["statusCode"] != 200 {
            return Err(Failure::new(format!("{} answered {answer}", form.name)));
        }
        if start == STARTS {
            let began = Instant::now();
            for _ in 0..REQUESTS {
                emulator.invoke(&form.event)?;
            }
            let warm = began.elapsed() / u32::try_from(REQUESTS)?;
            figures = Some(Figures { cold, warm, resident_bytes: resident(emulator.process_id())? });
        }
    }
    figures.map(|figures| Figures { cold, ..figures }).ok_or_else(|| Failure::new("nothing was measured"))
}

/// The most memory that the emulator's child ever had.
fn resident(parent: u32) -> Result<u64> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
    let mut most = 0;
    for thread in fs::read_dir(format!("/proc/{parent}/task"))? {
        let listed = fs::read_to_string(thread?.path().join("children")).unwrap_or_default();
        for child in listed.split_whitespace().chain(children.split_whitespace()) {
            let status = fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
            let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse().unwrap_or(0);
            most = most.max(kilobytes * 1024);
        }
    }
    Ok(most)
}
