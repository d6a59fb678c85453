//! AWS's own Runtime Interface Emulator, from inside the `aws-sam-cli` wheel: needs no Docker.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use fs_err as fs;
use hyper::Method;
use serde_json::Value;

use crate::child::Guarded;
use crate::http::{request, wait_until_answers};
use crate::paths::target;
use crate::python::{Python, run};

/// The wheel that holds the emulator for both architectures.
const WHEEL: &str = "aws-sam-cli==1.170.0";

/// Takes the two emulators out of the wheel in the folder given, and nothing else.
const UNZIP: &str = "
import glob, os, shutil, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(os.path.join(sys.argv[1], '*.whl'))[0])
for name in wheel.namelist():
    if name.startswith('samcli/local/rapid/aws-lambda-rie-'):
        path = os.path.join(sys.argv[1], os.path.basename(name))
        with wheel.open(name) as source, open(path + '.part', 'wb') as file:
            shutil.copyfileobj(source, file)
        os.chmod(path + '.part', 0o755)
        os.rename(path + '.part', path)
";

/// A `bootstrap` that runs under the emulator.
#[derive(Debug)]
pub struct Rie {
    url: String,
    process: Guarded,
}

impl Rie {
    /// Starts `bootstrap` under the emulator of this machine's architecture, as the function `name`.
    ///
    /// # Errors
    /// When the emulator can't be fetched or doesn't come up.
    pub fn start(bootstrap: &Path, name: &str) -> io::Result<Self> {
        Self::run(&[bootstrap.as_os_str()], Path::new("/"), name)
    }

    /// The same for a function that is started by a command in a folder, as an interpreter's is.
    ///
    /// # Errors
    /// As [`Rie::start`].
    pub fn run(command: &[&OsStr], folder: &Path, name: &str) -> io::Result<Self> {
        let (port, runtime_api) = (crate::free_port()?, crate::free_port()?);
        let process = Guarded::spawn(
            Command::new(binary()?)
                .arg("--runtime-interface-emulator-address")
                .arg(format!("127.0.0.1:{port}"))
                .arg("--runtime-api-address")
                .arg(format!("127.0.0.1:{runtime_api}"))
                .args(command)
                .current_dir(folder)
                .env_clear()
                .env("AWS_LAMBDA_FUNCTION_NAME", name)
                .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
                .env("AWS_LAMBDA_FUNCTION_TIMEOUT", "10")
                .env("AWS_REGION", "us-east-1")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        let url = format!("http://127.0.0.1:{port}");
        wait_until_answers(&url, Duration::from_secs(20))?;
        Ok(Self { url, process })
    }

    /// The emulator's process; the function is its child.
    pub fn id(&mut self) -> u32 {
        self.process.child().id()
    }

    /// Invokes the function and returns what it answers.
    ///
    /// # Errors
    /// When the emulator fails or the answer isn't JSON.
    pub fn invoke(&self, event: &Value) -> io::Result<Value> {
        let url = format!("{}/2015-03-31/functions/function/invocations", self.url);
        let response = request(&Method::POST, &url, "application/json", event.to_string())?;
        serde_json::from_slice(&response.body)
            .map_err(|error| io::Error::other(format!("not JSON ({error}): {}", response.text())))
    }
}

/// The emulator's path; fetched when it isn't there.
fn binary() -> io::Result<PathBuf> {
    let name = if cfg!(target_arch = "aarch64") { "aws-lambda-rie-arm64" } else { "aws-lambda-rie-x86_64" };
    let folder = target().join("rie");
    fs::create_dir_all(&folder)?;
    let lock = fs::File::create(folder.join("lock"))?;
    lock.file().lock()?;
    let path = folder.join(name);
    if !path.exists() {
        let python = Python::ready()?;
        run(python.command("pip").args(["download", "--quiet", "--no-deps", WHEEL, "--dest"]).arg(&folder))?;
        run(python.command("python").args(["-c", UNZIP]).arg(&folder))?;
    }
    Ok(path)
}
