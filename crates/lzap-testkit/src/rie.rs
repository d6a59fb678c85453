//! Functions under AWS's Runtime Interface Emulator, which is part of the `aws-sam-cli` wheel and needs no Docker.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hyper::Method;
use serde_json::Value;

use crate::child::Guarded;
use crate::http::{send_request, wait_until_answers};
use crate::tools::find_runtime_emulator;

/// A function that runs under the emulator.
#[derive(Debug)]
pub struct Rie {
    url: String,
    process: Guarded,
}

impl Rie {
    /// Starts `bootstrap` as the function `name`, under the emulator for this machine's architecture.
    ///
    /// # Errors
    /// When the emulator is not set up or does not come up.
    pub fn start(bootstrap: &Path, name: &str) -> io::Result<Self> {
        Self::start_command(&[bootstrap.as_os_str()], Path::new("/"), name)
    }

    /// Starts a function by `command` in `folder`, for example an interpreter with its script.
    ///
    /// # Errors
    /// As [`Rie::start`].
    pub fn start_command(command: &[&OsStr], folder: &Path, name: &str) -> io::Result<Self> {
        // By default all emulators use the same port for the Runtime API, so parallel tests need one each.
        let (port, runtime_api) = (crate::ports::free_port()?, crate::free_port()?);
        let process = Guarded::spawn(
            Command::new(find_runtime_emulator()?)
                .arg("--runtime-interface-emulator-address")
                .arg(format!("127.0.0.1:{port}"))
                .arg("--runtime-api-address")
                .arg(format!("127.0.0.1:{runtime_api}"))
                .args(command)
                .current_dir(folder)
                // Functions on Lambda don't see the variables of a developer's machine.
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

    /// Returns the process ID of the emulator. The function is its child.
    pub fn process_id(&mut self) -> u32 {
        self.process.child().id()
    }

    /// Invokes the function synchronously and returns its result or its error document.
    ///
    /// # Errors
    /// When the emulator fails or the answer isn't JSON.
    pub fn invoke(&self, event: &Value) -> io::Result<Value> {
        let url = format!("{}/2015-03-31/functions/function/invocations", self.url);
        let response = send_request(&Method::POST, &url, "application/json", event.to_string())?;
        serde_json::from_slice(&response.body)
            .map_err(|error| io::Error::other(format!("not JSON ({error}): {}", response.text())))
    }
}
