//! The embedded cloud, as `lzap local start` starts it.

use std::io;
use std::path::Path;

use serde_json::Value;

use crate::lzap::Lzap;
use crate::python::Python;

/// A machine whose embedded cloud stops when the value is dropped, whoever started it.
#[derive(Debug)]
pub struct LocalCloud {
    lzap: Lzap,
}

impl LocalCloud {
    /// A new machine; its cloud is started by the first command that needs it.
    ///
    /// # Errors
    /// When its folders can't be made.
    pub fn idle() -> io::Result<Self> {
        Ok(Self::on_machine(Lzap::new()?))
    }

    /// The same on a machine of the caller's making.
    #[must_use]
    pub fn on_machine(lzap: Lzap) -> Self {
        // Port 0: any free one, so that tests don't meet each other or the user's own cloud.
        Self { lzap: lzap.env("LZAP_LOCAL_PORT", "0") }
    }

    /// A new machine whose cloud runs.
    ///
    /// # Errors
    /// When it doesn't start.
    pub fn start() -> io::Result<Self> {
        let cloud = Self::idle()?;
        drop(cloud.lzap.run(cloud.lzap.home(), &["local", "start"])?.expect_success());
        Ok(cloud)
    }

    /// The tool on this machine.
    pub fn lzap(&self) -> &Lzap {
        &self.lzap
    }

    /// What `lzap local status` says.
    ///
    /// # Errors
    /// When it can't be run.
    pub fn read_status(&self) -> io::Result<Value> {
        Ok(self.lzap.run(self.lzap.home(), &["local", "status", "--output", "json"])?.json())
    }

    /// The endpoint of every service.
    ///
    /// # Errors
    /// When the cloud isn't running.
    pub fn read_url(&self) -> io::Result<String> {
        let status = self.read_status()?;
        let endpoint = status["endpoint"].as_str().map(str::to_owned);
        endpoint.ok_or_else(|| io::Error::other(format!("no endpoint in {status}")))
    }

    /// Looks at the cloud through boto3; see [`Python::call_aws`].
    ///
    /// # Errors
    /// When boto3 itself fails.
    pub fn call_aws(&self, region: &str, calls: &[(&str, &str, Value)]) -> io::Result<Vec<Value>> {
        Python::ready()?.call_aws(&self.read_url()?, region, calls)
    }

    /// Runs the AWS CLI against the cloud.
    ///
    /// # Errors
    /// When it can't be started; a refusal is an answer.
    pub fn run_aws_cli(&self, folder: &Path, args: &[&str]) -> io::Result<std::process::Output> {
        // Not the script `aws`, whose first line breaks where the path of the environment has a blank.
        Python::ready()?
            .command("python")
            .args([
                "-m",
                "awscli",
                "--endpoint-url",
                &self.read_url()?,
                "--region",
                "us-east-1",
                "--output",
                "json",
            ])
            .args(args)
            .current_dir(folder)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .output()
    }
}

impl Drop for LocalCloud {
    fn drop(&mut self) {
        // A cloud that never ran has nothing to stop.
        drop(self.lzap.run(self.lzap.home(), &["local", "stop"]));
    }
}
