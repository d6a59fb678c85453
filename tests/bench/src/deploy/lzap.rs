//! This project's side of the benchmark.

use std::path::PathBuf;
use std::process::Command;

use fs_err as fs;
use lzap_testkit::target;

use super::{Stand, Step, Tool};
use crate::REGION;
use lzap_testkit::shell::{Failure, Result, lzap, quiet_output};

/// A hello app made by `lzap init`.
pub(crate) struct Lzap {
    project: PathBuf,
}

impl Lzap {
    /// A fresh app for this machine's architecture.
    pub(crate) fn new() -> Result<Self> {
        let project = target().join("bench/bench-hello");
        if project.exists() {
            fs::remove_dir_all(&project)?;
        }
        fs::create_dir_all(&project)?;
        let this = Self { project };
        quiet_output(&mut this.lzap(&["init", "--template", "hello", "--yes"])?)?;
        let host = if cfg!(target_arch = "aarch64") { "\"arm64\"" } else { "\"x86_64\"" };
        this.replace("lzap.toml", "architecture = \"arm64\"", &format!("architecture = {host}"))?;
        Ok(this)
    }

    /// Changes the text that the app answers from `from` to `to`, and compiles the app.
    fn greet(&self, from: &str, to: &str) -> Result {
        self.replace("src/main.rs", from, to)?;
        quiet_output(&mut self.lzap(&["package", "dev"])?).map(drop)
    }

    fn replace(&self, file: &str, from: &str, to: &str) -> Result {
        let path = self.project.join(file);
        let text = fs::read_to_string(&path)?;
        if !text.contains(from) {
            return Err(Failure::new(format!("no `{from}` in {}", path.display())));
        }
        fs::write(path, text.replace(from, to))?;
        Ok(())
    }

    fn lzap(&self, args: &[&str]) -> Result<Command> {
        let mut command = lzap()?;
        self.set_project(command.args(args));
        Ok(command)
    }

    /// Lets the command run in the project.
    pub(crate) fn set_project(&self, command: &mut Command) {
        command.current_dir(&self.project).env("CI", "true");
        // Of its own, so that no test run at the same time makes it wait or compile again.
        command.env("CARGO_TARGET_DIR", target().join("bench/build"));
    }
}

impl Tool for Lzap {
    fn name(&self) -> &'static str {
        "lzap"
    }

    fn version(&self) -> Result<String> {
        Ok(format!("lzap {} (a debug build)", env!("CARGO_PKG_VERSION")))
    }

    fn command(&self, step: Step, stand: &Stand) -> Result<Option<Command>> {
        match step {
            Step::First => self.greet("Hello", "Hello")?,
            Step::Code => self.greet("Hello", "Hello again")?,
            Step::Unchanged => {}
            // For the next round.
            Step::Delete => self.greet("Hello again", "Hello")?,
        }
        if matches!(step, Step::First | Step::Code) {
            stand.moto.queue_probe_answers(REGION, 1)?;
        }
        let args: &[&str] = match step {
            Step::Delete => &["undeploy", "dev", "--yes", "--output", "json"],
            _ => &["deploy", "dev", "--no-touch", "--output", "json"],
        };
        Ok(Some(self.lzap(args)?))
    }
}
