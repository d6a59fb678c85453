//! The service as its callers see it: requests in, answers out, processes and log lines in between.

mod concurrency;
mod control;
mod environments;
mod run;

use std::io::{Cursor, Write as _};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{Lambda, LambdaConfig};
use crate::keys::Keys;
use crate::ports::{Clock, LogEvent, Logs, Objects, Ports, Roles};

pub(super) const ROLE: &str = "arn:aws:iam::000000000000:role/shop";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

type Lines = Arc<Mutex<Vec<(String, String)>>>;

/// Stands for S3, IAM, `CloudWatch` Logs and the clock.
struct Rest {
    lines: Lines,
}

impl Logs for Rest {
    fn put<'a>(
        &'a self,
        region: &'a str,
        group: &'a str,
        stream: &'a str,
        events: Vec<LogEvent>,
    ) -> BoxFuture<'a, ()> {
        let mut lines = self.lines.lock().expect("no test panics while it holds this");
        lines.extend(events.into_iter().map(|event| (format!("{region} {group} {stream}"), event.message)));
        async {}.boxed()
    }
}

impl Objects for Rest {
    fn get<'a>(&'a self, bucket: &'a str, key: &'a str) -> BoxFuture<'a, Option<Bytes>> {
        async move {
            (bucket == "artifacts" && key == "app.zip").then(|| zip(&[("bootstrap", 0o755, "#!/bin/sh\n")]))
        }
        .boxed()
    }
}

impl Roles for Rest {
    fn trust_policy<'a>(&'a self, role_arn: &'a str) -> BoxFuture<'a, Option<String>> {
        async move {
            match role_arn {
                ROLE => Some(TRUST.to_owned()),
                "arn:aws:iam::000000000000:role/other" => Some(TRUST.replace("lambda.", "ec2.")),
                _ => None,
            }
        }
        .boxed()
    }
}

impl Clock for Rest {
    fn now_ms(&self) -> i64 {
        jiff::Timestamp::now().as_millisecond()
    }
}

/// A running service in a folder of its own.
pub(super) struct Cloud {
    pub(super) lambda: Lambda,
    pub(super) folder: TempDir,
    lines: Lines,
}

impl Cloud {
    pub(super) async fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let (lambda, lines) = start_in(&folder, None, Duration::from_mins(1)).await;
        Self { lambda, folder, lines }
    }

    /// One with a function `shop` that is active and runs the tests' worker.
    pub(super) async fn with_function(settings: Value) -> Self {
        let cloud = Self::start().await;
        cloud.create("shop", settings).await;
        cloud
    }

    /// Creates a function from the tests' worker, and waits until it is active.
    pub(super) async fn create(&self, name: &str, settings: Value) {
        let created =
            self.send("POST", "/2015-03-31/functions", &function(name, &worker_zip(), settings)).await;
        assert_eq!(created.status, 201, "{}", created.body);
        self.settled(name).await;
    }

    /// Waits until nothing is pending or in progress.
    pub(super) async fn settled(&self, name: &str) {
        let path = format!("/2015-03-31/functions/{name}/configuration");
        loop {
            let shown = self.send("GET", &path, &Value::Null).await.body;
            if shown["State"] == "Active" && shown["LastUpdateStatus"] == "Successful" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(super) async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let bytes = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let request = Request::builder().method(method).uri(path).body(bytes).expect("a request");
        Answer::of(self.lambda.handle("eu-west-1", request).await)
    }

    /// Invokes `name` (with a query, perhaps) and asks for the log.
    pub(super) async fn invoke(&self, name: &str, event: &Value) -> Answer {
        self.invoke_with(name, event, &[]).await
    }

    pub(super) async fn invoke_with(&self, name: &str, event: &Value, headers: &[(&str, &str)]) -> Answer {
        let (name, query) = name.split_once('?').unwrap_or((name, ""));
        let mut request = Request::builder()
            .method("POST")
            .uri(format!("/2015-03-31/functions/{name}/invocations?{query}"))
            .header("x-amz-log-type", "Tail");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from(event.to_string())).expect("a request");
        Answer::of(self.lambda.handle("eu-west-1", request).await)
    }

    /// All log lines so far whose stream contains `stream`.
    pub(super) fn lines(&self, stream: &str) -> Vec<String> {
        let lines = self.lines.lock().expect("no test panics while it holds this");
        lines.iter().filter(|(name, _)| name.contains(stream)).map(|(_, line)| line.clone()).collect()
    }

    pub(super) fn streams(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .lines
            .lock()
            .expect("no test panics while it holds this")
            .iter()
            .map(|(n, _)| n.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Starts a service in `folder`, on what was saved.
pub(super) async fn start_in(
    folder: &TempDir,
    saved: Option<Value>,
    idle_expiry: Duration,
) -> (Lambda, Lines) {
    let lines = Lines::default();
    let rest = Arc::new(Rest { lines: Arc::clone(&lines) });
    let config = LambdaConfig {
        concurrency: None,
        environment_concurrency: 1,
        account: "000000000000".to_owned(),
        state_dir: folder.path().to_owned(),
        endpoint: "http://127.0.0.1:4510".to_owned(),
        key: Keys::random().function,
        host_architecture: "x86_64",
        idle_expiry,
    };
    let ports = Ports { logs: rest.clone(), objects: rest.clone(), roles: rest.clone(), clock: rest };
    (Lambda::start(config, ports, saved).await.expect("the service starts"), lines)
}

/// An answer, read.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Value,
}

impl Answer {
    fn of(response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Self { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Status and code: what a client decides by.
    pub(super) fn error(&self) -> (u16, &str) {
        (self.status, self.header("x-amzn-errortype").unwrap_or_default())
    }

    pub(super) fn log(&self) -> String {
        let tail = BASE64_STANDARD.decode(self.header("x-amz-log-result").unwrap_or_default());
        String::from_utf8(tail.expect("base64")).expect("text")
    }
}

/// A `CreateFunction` body; `settings` are laid over it.
pub(super) fn function(name: &str, zip: &[u8], settings: Value) -> Value {
    let mut body = json!({
        "FunctionName": name,
        "Runtime": "provided.al2023",
        "Role": ROLE,
        "Handler": "bootstrap",
        "Code": { "ZipFile": BASE64_STANDARD.encode(zip) },
    });
    if let (Some(body), Value::Object(settings)) = (body.as_object_mut(), settings) {
        body.extend(settings);
    }
    body
}

pub(super) fn zip(files: &[(&str, u32, &str)]) -> Bytes {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, text) in files {
        let options = SimpleFileOptions::default().unix_permissions(*mode);
        writer.start_file(*name, options).expect("a zip entry");
        writer.write_all(text.as_bytes()).expect("a zip entry");
    }
    writer.finish().expect("a zip").into_inner().into()
}

/// The tests' worker, for the Python that is installed here.
pub(super) fn worker_zip() -> Bytes {
    let found = Command::new("python3").args(["-c", "import sys; print(sys.executable, end='')"]).output();
    let python = String::from_utf8(found.expect("python3 is installed").stdout).expect("a path");
    let script = include_str!("tests/bootstrap.py");
    zip(&[("bootstrap", 0o755, &format!("#!{python} -IS\n{script}")), ("data/rates.csv", 0o644, "a,b\n")])
}

/// Waits until `true`, for ten seconds at most.
pub(super) async fn eventually(mut is: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) {
        if is() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

/// True if a process of this id exists.
pub(super) fn alive(pid: &Value) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}
