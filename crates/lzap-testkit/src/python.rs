//! The virtual environment at `target/venv`: moto, boto3, the AWS CLI, and the scripts in `python/`.
//!
//! It is made on first use, by whoever comes first; the others wait at a file lock. A changed `requirements.txt` makes
//! it anew.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fs_err as fs;
use serde_json::Value;

use crate::paths::{target, workspace};

/// A Python with the packages of a requirements file.
#[derive(Clone, Debug)]
pub struct Python {
    venv: PathBuf,
}

impl Python {
    /// The tests' own environment, made when it is missing.
    ///
    /// # Errors
    /// When there is no Python 3, or the packages can't be fetched; the text says which command failed.
    pub fn ready() -> io::Result<Self> {
        Self::with_requirements(
            &target().join("venv"),
            &fs::read_to_string(scripts().join("requirements.txt"))?,
        )
    }

    /// An environment at `venv` with the packages that `requirements` lists.
    ///
    /// # Errors
    /// As [`Python::ready`].
    pub fn with_requirements(venv: &Path, requirements: &str) -> io::Result<Self> {
        fs::create_dir_all(target())?;
        let lock = fs::File::create(venv.with_extension("lock"))?;
        lock.file().lock()?;
        let stamp = venv.join("requirements.txt");
        if fs::read_to_string(&stamp).ok().as_deref() != Some(requirements) {
            if venv.exists() {
                fs::remove_dir_all(venv)?;
            }
            make_venv(venv)?;
            let wanted = venv.join("wanted.txt");
            fs::write(&wanted, requirements)?;
            let pip = venv.join("bin/pip");
            run(Command::new(pip).args(["install", "--quiet", "--requirement"]).arg(&wanted))?;
            fs::rename(wanted, stamp)?;
        }
        Ok(Self { venv: venv.to_owned() })
    }

    /// A command that runs `program` of this environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.venv.join("bin").join(program));
        command.env("VIRTUAL_ENV", &self.venv).env_remove("PYTHONPATH").env_remove("PYTHONHOME");
        command
    }

    /// What one of the scripts in `python/` prints when it reads `input`, whatever its exit code.
    ///
    /// # Errors
    /// When it can't be started or prints nothing; the text has its complaint.
    pub fn script(&self, name: &str, input: &str) -> io::Result<String> {
        let mut child = self
            .command("python")
            .arg(scripts().join(name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().ok_or_else(|| io::Error::other("no stdin"))?;
        let input = input.to_owned();
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output()?;
        drop(writer.join());
        if output.stdout.is_empty() && !output.status.success() {
            return Err(io::Error::other(format!("{name}: {}", String::from_utf8_lossy(&output.stderr))));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Asks the cloud at `endpoint` through boto3; one answer per `(service, method, parameters)`.
    ///
    /// A refusal is an answer too: `{"error": CODE, "status": HTTP STATUS}`.
    ///
    /// # Errors
    /// When boto3 itself fails.
    pub fn aws(&self, endpoint: &str, region: &str, calls: &[(&str, &str, Value)]) -> io::Result<Vec<Value>> {
        let input = serde_json::json!({"endpoint": endpoint, "region": region, "calls": calls});
        let answer = self.script("aws.py", &input.to_string())?;
        Ok(serde_json::from_str(&answer)?)
    }
}

pub(crate) fn scripts() -> PathBuf {
    workspace().join("crates/lzap-testkit/python")
}

/// Debian splits `venv` off into a package of its own, so that the plain way may fail on a bare machine.
fn make_venv(venv: &Path) -> io::Result<()> {
    let plain = || run(Command::new("python3").args(["-m", "venv"]).arg(venv));
    let Err(first) = plain() else { return Ok(()) };
    let apt = run(Command::new("apt-get").args(["update", "--quiet"])).and_then(|()| {
        run(Command::new("apt-get").args(["install", "--quiet", "--yes", "python3-venv", "python3-pip"]))
    });
    let Err(second) = apt.and_then(|()| plain()) else {
        return Ok(());
    };
    let pip = run(Command::new("python3").args(["-m", "pip", "install", "--quiet", "--user", "virtualenv"]));
    pip.and_then(|()| run(Command::new("python3").args(["-m", "virtualenv"]).arg(venv))).map_err(|third| {
        io::Error::other(format!("no virtual environment for Python:\n{first}\n{second}\n{third}"))
    })
}

/// Runs a command quietly; on failure the error has all that it said.
pub(crate) fn run(command: &mut Command) -> io::Result<()> {
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
