//! The embedded cloud as a process that `lzap local start` runs in the background.

use std::io;
use std::path::Path;

use serde_json::Value;

use crate::lzap::Lzap;
use crate::python::Python;

/// A machine whose embedded cloud stops when the value is dropped, also when another command started it.
#[derive(Debug)]
pub struct LocalCloud {
    lzap: Lzap,
}

impl LocalCloud {
    /// A new machine without a running cloud; the first command that needs the cloud starts it.
    ///
    /// # Errors
    /// When its folders can't be made.
    pub fn idle() -> io::Result<Self> {
        Ok(Self::on_machine(Lzap::new()?))
    }

    /// Like [`LocalCloud::idle`], on the machine `lzap`.
    #[must_use]
    pub fn on_machine(lzap: Lzap) -> Self {
        // Port 0 means any free one: parallel tests and the developer's own cloud must not share a port.
        Self { lzap: lzap.env("LZAP_LOCAL_PORT", "0") }
    }

    /// Starts the cloud on a new machine, and waits until it is ready.
    ///
    /// # Errors
    /// When the folders can't be made or `lzap` can't be run.
    ///
    /// # Panics
    /// When `lzap local start` fails.
    pub fn start() -> io::Result<Self> {
        let cloud = Self::idle()?;
        drop(cloud.lzap.run(cloud.lzap.home(), &["local", "start"])?.expect_success());
        Ok(cloud)
    }

    /// The tool on this machine.
    pub fn lzap(&self) -> &Lzap {
        &self.lzap
    }

    /// Runs `lzap local status` and returns its JSON document.
    ///
    /// # Errors
    /// When it can't be run.
    pub fn read_status(&self) -> io::Result<Value> {
        Ok(self.lzap.run(self.lzap.home(), &["local", "status", "--output", "json"])?.json())
    }

    /// Returns the endpoint of every service. This runs a command; the port isn't known before the cloud runs.
    ///
    /// # Errors
    /// When the cloud isn't running.
    pub fn read_url(&self) -> io::Result<String> {
        let status = self.read_status()?;
        let endpoint = status["endpoint"].as_str().map(str::to_owned);
        endpoint.ok_or_else(|| io::Error::other(format!("no endpoint in {status}")))
    }

    /// Runs `lzap local env` and returns its JSON document: endpoint, region and access key. Starts the cloud when it
    /// isn't running.
    ///
    /// # Errors
    /// When it can't be run.
    pub fn read_environment(&self) -> io::Result<Value> {
        Ok(self.lzap.run(self.lzap.home(), &["local", "env", "--output", "json"])?.json())
    }

    /// Calls the cloud with boto3; see [`Python::call_aws`].
    ///
    /// # Errors
    /// When boto3 itself fails.
    pub fn call_aws(&self, region: &str, calls: &[(&str, &str, Value)]) -> io::Result<Vec<Value>> {
        let environment = self.read_environment()?;
        let text = |name: &str| environment[name].as_str().unwrap_or_default();
        let key = (text("access_key_id"), text("secret_access_key"));
        Python::ready()?.call_aws_with(text("endpoint"), region, key, calls)
    }

    /// Runs the AWS CLI against the cloud.
    ///
    /// # Errors
    /// When it can't be started. A failed AWS call is no error here; its exit code is in the output.
    pub fn run_aws_cli(&self, folder: &Path, args: &[&str]) -> io::Result<std::process::Output> {
        let environment = self.read_environment()?;
        let text = |name: &str| environment[name].as_str().unwrap_or_default();
        // Not the script `aws`: its `#!` line doesn't work when the path of the environment has a blank.
        Python::ready()?
            .command("python")
            .args([
                "-m",
                "awscli",
                "--endpoint-url",
                text("endpoint"),
                "--region",
                "us-east-1",
                "--output",
                "json",
            ])
            .args(args)
            .current_dir(folder)
            .env("AWS_ACCESS_KEY_ID", text("access_key_id"))
            .env("AWS_SECRET_ACCESS_KEY", text("secret_access_key"))
            .output()
    }
}

impl Drop for LocalCloud {
    fn drop(&mut self) {
        // The command fails when the cloud never ran; then there is nothing to stop.
        drop(self.lzap.run(self.lzap.home(), &["local", "stop"]));
    }
}
