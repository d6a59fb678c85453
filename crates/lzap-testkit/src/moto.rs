//! moto, the AWS mock from PyPI. It is independent of this project, so it can't share this project's errors.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use crate::child::Guarded;
use crate::http::{send_request, wait_until_answers};
use crate::python::Python;

/// A moto server of its own, on a free port, with an empty account.
#[derive(Debug)]
pub struct Moto {
    url: String,
    python: Python,
    _process: Guarded,
}

impl Moto {
    /// Starts a server and waits until it answers. Its Lambda runs no code: each invocation takes the next answer from
    /// a queue (moto's "simple" mode; the other one needs Docker).
    ///
    /// # Errors
    /// When Python or moto can't be set up, or the server doesn't come up.
    pub fn start() -> io::Result<Self> {
        Self::start_server(false)
    }

    /// Like [`Moto::start`], with the AWS managed policies, which some tools attach. Loading them makes the start
    /// slower.
    ///
    /// # Errors
    /// As [`Moto::start`].
    pub fn with_managed_policies() -> io::Result<Self> {
        Self::start_server(true)
    }

    fn start_server(managed_policies: bool) -> io::Result<Self> {
        let python = Python::ready()?;
        let port = crate::ports::free_port()?;
        let process = Guarded::spawn(
            python
                .command("moto_server")
                .args(["--host", "127.0.0.1", "--port", &port.to_string()])
                .env("MOTO_IAM_LOAD_MANAGED_POLICIES", managed_policies.to_string())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        let moto = Self { url: format!("http://127.0.0.1:{port}"), python, _process: process };
        wait_until_answers(&format!("{}/moto-api/", moto.url), Duration::from_mins(1))?;
        moto.post_control("config", &json!({"lambda": {"use_docker": false}}))?;
        Ok(moto)
    }

    /// Returns the endpoint of every service.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Queues the answers of the next invocations in `region`, one value each. With an empty
    /// queue moto returns the event.
    ///
    /// # Errors
    /// When moto refuses.
    pub fn queue_answers(&self, region: &str, answers: &[Value]) -> io::Result<()> {
        let results: Vec<String> = answers.iter().map(Value::to_string).collect();
        self.post_control("static/lambda-simple/response", &json!({"region": region, "results": results}))
    }

    /// Queues `count` valid answers to the probe that `lzap deploy` sends to a new version.
    ///
    /// # Errors
    /// When moto refuses.
    pub fn queue_probe_answers(&self, region: &str, count: usize) -> io::Result<()> {
        let answer = json!({"lzap": {"v": 1, "kind": "probe", "runtime": "0.1.0"}});
        self.queue_answers(region, &vec![answer; count])
    }

    /// Deletes all resources of the account.
    ///
    /// # Errors
    /// When moto refuses.
    pub fn reset(&self) -> io::Result<()> {
        self.post_control("reset", &Value::Null)
    }

    /// Calls the account with boto3; see [`Python::call_aws`].
    ///
    /// # Errors
    /// When boto3 itself fails.
    pub fn call_aws(&self, region: &str, calls: &[(&str, &str, Value)]) -> io::Result<Vec<Value>> {
        self.python.call_aws(&self.url, region, calls)
    }

    fn post_control(&self, path: &str, body: &Value) -> io::Result<()> {
        let url = format!("{}/moto-api/{path}", self.url);
        let response = send_request(&Method::POST, &url, "application/json", body.to_string())?;
        if response.status.is_success() {
            return Ok(());
        }
        Err(io::Error::other(format!("{url}: {} {}", response.status, response.text())))
    }
}
