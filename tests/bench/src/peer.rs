//! The installation of the peers: each one comes from PyPI into a Python environment of its own, with a
//! project beside it.

use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;
use lzap_testkit::{Python, target};

use lzap_testkit::shell::{Result, quiet_output};

/// A tool's environment, and the folder of its hello app.
pub(crate) struct Peer {
    pub(crate) python: Python,
    pub(crate) project: PathBuf,
}

impl Peer {
    /// An environment with `requirements`, and an empty project.
    pub(crate) fn new(name: &str, requirements: &str) -> Result<Self> {
        let python = Python::install(&target().join(format!("venv-{name}")), requirements)?;
        let project = target().join(format!("bench/{name}-hello"));
        if project.exists() {
            fs::remove_dir_all(&project)?;
        }
        fs::create_dir_all(&project)?;
        Ok(Self { python, project })
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, file: &str, text: &str) -> Result {
        let path = self.project.join(file);
        fs::create_dir_all(path.parent().unwrap_or(&self.project))?;
        Ok(fs::write(path, text)?)
    }

    /// A command in the project, with the programs of the environment found by name.
    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = self.python.command(program);
        command.args(args).current_dir(&self.project);
        on_path(&mut command);
        command
    }

    pub(crate) fn version(&self, package: &str) -> Result<String> {
        version(&self.python, package)
    }

    /// As in Lambda's names of its runtimes.
    pub(crate) fn python_version(&self) -> Result<String> {
        let script = "import sys; print('%d.%d' % sys.version_info[:2])";
        Ok(quiet_output(self.python.command("python").args(["-c", script]))?.trim().to_owned())
    }
}

/// The version of a package in an environment.
pub(crate) fn version(python: &Python, package: &str) -> Result<String> {
    let script = format!("import importlib.metadata as it; print(it.version('{package}'))");
    Ok(quiet_output(python.command("python").args(["-c", &script]))?.trim().to_owned())
}

fn on_path(command: &mut Command) {
    let program = Path::new(command.get_program());
    let folder = program.parent().unwrap_or(program).to_owned();
    let rest = std::env::var_os("PATH").unwrap_or_default();
    if let Ok(path) = std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&rest))) {
        command.env("PATH", path);
    }
}
