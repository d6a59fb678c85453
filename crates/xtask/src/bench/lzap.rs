//! This project's side of the benchmark.

use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;
use lzap_testkit::target;

use super::{Measured, REGION, Stand};
use crate::shell::{Failure, Result, call, lzap};

/// First deploy, the same again, new code, undeploy.
pub(super) fn measure(stand: &Stand) -> Result<Vec<Measured>> {
    let project = project()?;
    compile(&project)?;
    stand.moto.queue_probe_answers(REGION, 1)?;
    let mut measured = vec![
        stand.measure("first deploy", &mut in_project(&project, &["deploy", "dev", "--no-touch"])?)?,
        stand.measure(
            "deploy, nothing changed",
            &mut in_project(&project, &["deploy", "dev", "--no-touch"])?,
        )?,
    ];
    let source = project.join("src/main.rs");
    let text = fs::read_to_string(&source)?;
    fs::write(&source, text.replace("Hello", "Hello again"))?;
    compile(&project)?;
    stand.moto.queue_probe_answers(REGION, 1)?;
    let update = ["update", "dev", "--no-touch"];
    measured.push(stand.measure("update, new code", &mut in_project(&project, &update)?)?);
    measured.push(stand.measure("undeploy", &mut in_project(&project, &["undeploy", "dev", "--yes"])?)?);
    Ok(measured)
}

/// A fresh hello app for this machine's architecture, so that it shares what the tests have compiled.
fn project() -> Result<PathBuf> {
    let folder = target().join("bench/bench-hello");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    call(lzap()?.args(["init", "--template", "hello", "--yes"]).current_dir(&folder))?;
    let settings = folder.join("lzap.toml");
    let text = fs::read_to_string(&settings)?;
    let host = if cfg!(target_arch = "aarch64") { "\"arm64\"" } else { "\"x86_64\"" };
    if !text.contains("architecture = \"arm64\"") {
        return Err(Failure::new(format!("no architecture in {}", settings.display())));
    }
    fs::write(settings, text.replace("architecture = \"arm64\"", &format!("architecture = {host}")))?;
    Ok(folder)
}

fn compile(project: &Path) -> Result {
    call(in_project(project, &["package", "dev"])?.stdout(std::process::Stdio::null()))
}

fn in_project(project: &Path, args: &[&str]) -> Result<Command> {
    let mut command = lzap()?;
    command.args(args).current_dir(project).env("CI", "true");
    Ok(command)
}
