//! The platform's own words: log lines and error bodies, as AWS writes them.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html>

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::lambda::hex::encode_hex;

/// Bytes.
pub(crate) const MB: u64 = 1024 * 1024;

/// A failed invocation: what the caller gets, and what the report says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// For example `Runtime.ExitError`.
    pub(crate) kind: String,
    /// The JSON body for the caller.
    pub(crate) body: Bytes,
    /// The line that the platform logs; `None` for an error that the function logs itself.
    pub(crate) log: Option<String>,
    /// `timeout` or `error`, in the `REPORT` line.
    pub(crate) status: &'static str,
}

impl Failure {
    /// The platform ended the invocation, with a sentence that names the request.
    pub(crate) fn platform(kind: &str, request_id: &str, sentence: &str) -> Self {
        let message = format!("RequestId: {request_id} Error: {sentence}");
        Self::new(kind, &message, "error")
    }

    /// The function ran out of its time.
    pub(crate) fn timeout(request_id: &str, now: &str, timeout: Duration) -> Self {
        Self::new("Sandbox.Timedout", &format_timeout(request_id, now, timeout), "timeout")
    }

    /// The function's own error, passed on as it came.
    pub(crate) fn own(body: Bytes) -> Self {
        let kind = serde_json::from_slice::<Value>(&body)
            .ok()
            .and_then(|body| body.get("errorType")?.as_str().map(str::to_owned));
        Self { kind: kind.unwrap_or_else(|| "Unknown".to_owned()), body, log: None, status: "error" }
    }

    /// The answer was larger than an answer may be.
    pub(crate) fn response_too_large(limit: usize) -> Self {
        let message = format!("Response payload size exceeded maximum allowed payload size ({limit} bytes).");
        Self::new("Function.ResponseSizeTooLarge", &message, "error")
    }

    fn new(kind: &str, message: &str, status: &'static str) -> Self {
        let body = json!({ "errorType": kind, "errorMessage": message }).to_string().into();
        let log = if status == "timeout" { message.to_owned() } else { format!("{message}\n{kind}") };
        Self { kind: kind.to_owned(), body, log: Some(log), status }
    }
}

/// The numbers of a `REPORT` line.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) duration: Duration,
    /// Cold starts only.
    pub(crate) init: Option<Duration>,
    pub(crate) memory_mb: u32,
    pub(crate) peak_bytes: u64,
}

/// `INIT_START …`.
pub(crate) fn format_init_start(runtime: &str, region: &str) -> String {
    let id = encode_hex(&Sha256::digest(runtime));
    let version = runtime.replacen('.', ":", 1);
    format!(
        "INIT_START Runtime Version: {version}.v1\tRuntime Version ARN: arn:aws:lambda:{region}::runtime:{id}"
    )
}

/// `INIT_REPORT …`, written when a start failed.
pub(crate) fn format_init_report(duration: Duration, phase: &str, failure: &Failure) -> String {
    let kind =
        if failure.status == "timeout" { String::new() } else { format!("\tError Type: {}", failure.kind) };
    format!(
        "INIT_REPORT Init Duration: {:.2} ms\tPhase: {phase}\tStatus: {}{kind}",
        to_millis(duration),
        failure.status
    )
}

/// `START …`.
pub(crate) fn format_start(request_id: &str, version: &str) -> String {
    format!("START RequestId: {request_id} Version: {version}")
}

/// `END …`.
pub(crate) fn format_end(request_id: &str) -> String {
    format!("END RequestId: {request_id}")
}

/// `… Task timed out after 3.00 seconds`.
pub(crate) fn format_timeout(request_id: &str, now: &str, timeout: Duration) -> String {
    format!("{now} {request_id} Task timed out after {:.2} seconds", timeout.as_secs_f64())
}

/// `REPORT …`. A cold start's init is billed with the first invocation.
pub(crate) fn format_report(request_id: &str, report: &Report, failure: Option<&Failure>) -> String {
    let billed = to_millis(report.duration + report.init.unwrap_or_default()).ceil();
    let mut line = format!(
        "REPORT RequestId: {request_id}\tDuration: {:.2} ms\tBilled Duration: {billed:.0} ms\tMemory Size: {} MB\tMax \
         Memory Used: {} MB",
        to_millis(report.duration),
        report.memory_mb,
        report.peak_bytes.div_ceil(MB),
    );
    // Writing to a String cannot fail.
    if let Some(init) = report.init {
        let _ = write!(line, "\tInit Duration: {:.2} ms", to_millis(init));
    }
    match failure {
        Some(failure) if failure.status == "timeout" => line.push_str("\tStatus: timeout"),
        Some(failure) => {
            let _ = write!(line, "\tStatus: error\tError Type: {}", failure.kind);
        }
        None => {}
    }
    line
}

fn to_millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
