//! A moto account that can be copied with all its resources, and compared with another one.

use std::io::{self, BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use crate::child::Guarded;
use crate::http::{send_request, wait_until_answers};
use crate::python::{Python, scripts_folder};

/// A moto account on a server of its own. A copy costs milliseconds, because `python/account.py` forks, so a test can
/// run many cases from the same state.
#[derive(Debug)]
pub struct Account {
    url: String,
    /// The process group of the first server and all its copies; it ends when the last copy is dropped.
    group: Arc<Guarded>,
}

impl Account {
    /// Starts a server with an empty account. Lambda in `region` answers the next `probes` invocations as the runtime
    /// crate answers a probe.
    ///
    /// # Errors
    /// When Python or moto can't be set up, or the server doesn't come up.
    pub fn start_empty(region: &str, probes: usize) -> io::Result<Self> {
        let mut command = Python::ready()?.command("python");
        command.arg(scripts_folder().join("account.py")).arg(region);
        let mut process =
            Guarded::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()))?;
        // The server binds a free port by itself and prints it as its first line, so no other process can take
        // the port in between.
        let stdout = process.child().stdout.take().ok_or_else(|| io::Error::other("no stdout"))?;
        let mut port = String::new();
        BufReader::new(stdout).read_line(&mut port)?;
        let account = Self { url: format!("http://127.0.0.1:{}", port.trim()), group: Arc::new(process) };
        wait_until_answers(&account.url, Duration::from_mins(1))?;
        let answer = json!({"lzap": {"v": 1, "kind": "probe", "runtime": "0.1.0"}}).to_string();
        let answers = json!({"region": region, "results": vec![answer; probes]});
        account.post_control("moto-api/static/lambda-simple/response", &answers.to_string())?;
        Ok(account)
    }

    /// The endpoint of every service.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Starts a copy of this account with its present resources. No request to this account may be in flight.
    ///
    /// # Errors
    /// When the server doesn't answer.
    pub fn start_copy(&self) -> io::Result<Self> {
        let answer: Value = serde_json::from_str(&self.post_control("lzap/copy", "")?)?;
        let copy =
            Self { url: format!("http://127.0.0.1:{}", answer["port"]), group: Arc::clone(&self.group) };
        Ok(copy)
    }

    /// Reads all resources and their settings with boto3. IDs that AWS generates and times are left out, so that two
    /// accounts can be compared.
    ///
    /// # Errors
    /// When the server doesn't answer.
    pub fn dump_resources(&self) -> io::Result<Value> {
        Ok(serde_json::from_str(&self.post_control("lzap/dump", "")?)?)
    }

    fn post_control(&self, path: &str, body: &str) -> io::Result<String> {
        let url = format!("{}/{path}", self.url);
        let response = send_request(&Method::POST, &url, "application/json", body.to_owned())?;
        if response.status.is_success() {
            return Ok(response.text());
        }
        Err(io::Error::other(format!("{url}: {} {}", response.status, response.text())))
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        // An error is expected: the server exits without an answer. The first server ends with its process group.
        drop(self.post_control("lzap/exit", ""));
    }
}
