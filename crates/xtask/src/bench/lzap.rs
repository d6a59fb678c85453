//! This project's side of the benchmark.

use std::path::PathBuf;
use std::process::Command;

use fs_err as fs;
use lzap_testkit::target;

use super::{Measured, REGION, Stand};
use crate::shell::{Failure, Result, lzap, quiet_output};

/// A hello app made by `lzap init`.
pub(super) struct Lzap {
    project: PathBuf,
}

impl Lzap {
    /// A fresh app for this machine's architecture, compiled.
    pub(super) fn new() -> Result<Self> {
        let project = target().join("bench/bench-hello");
        if project.exists() {
            fs::remove_dir_all(&project)?;
        }
        fs::create_dir_all(&project)?;
        let this = Self { project };
        quiet_output(&mut this.command(&["init", "--template", "hello", "--yes"])?)?;
        let host = if cfg!(target_arch = "aarch64") { "\"arm64\"" } else { "\"x86_64\"" };
        this.replace("lzap.toml", "architecture = \"arm64\"", &format!("architecture = {host}"))?;
        this.compile()?;
        Ok(this)
    }

    /// First deploy, the same again, new code, undeploy.
    pub(super) fn measure(&self, stand: &Stand) -> Result<Vec<Measured>> {
        let deploy = || self.command(&["deploy", "dev", "--no-touch", "--output", "json"]);
        stand.moto.queue_probe_answers(REGION, 1)?;
        let mut measured = vec![
            stand.measure("first deploy", &mut deploy()?)?,
            stand.measure("again, nothing changed", &mut deploy()?)?,
        ];
        self.replace("src/main.rs", "Hello", "Hello again")?;
        self.compile()?;
        stand.moto.queue_probe_answers(REGION, 1)?;
        measured.push(stand.measure("new code", &mut deploy()?)?);
        let undeploy = ["undeploy", "dev", "--yes", "--output", "json"];
        measured.push(stand.measure("undeploy", &mut self.command(&undeploy)?)?);
        self.replace("src/main.rs", "Hello again", "Hello")?;
        self.compile()?;
        Ok(measured)
    }

    fn compile(&self) -> Result {
        quiet_output(&mut self.command(&["package", "dev"])?).map(drop)
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

    fn command(&self, args: &[&str]) -> Result<Command> {
        let mut command = lzap()?;
        command.args(args).current_dir(&self.project).env("CI", "true");
        // Of its own, so that no test run at the same time makes it wait or compile again.
        command.env("CARGO_TARGET_DIR", target().join("bench/build"));
        Ok(command)
    }
}
