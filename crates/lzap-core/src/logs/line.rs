//! Reads one line of a function's log: Lambda's own lines, the runtime crate's JSON, or any other text.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html>, and for the JSON form of
//! Lambda's own lines <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html>.

use serde_json::{Map, Value};

/// The severity of a line, most severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A failure.
    Error,
    /// A possible problem.
    Warn,
    /// Normal operation.
    Info,
    /// Details for debugging.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// Returns the level in capitals, as `tracing` and Lambda write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        }
    }

    /// Reads a level in any case; `None` for a word that is none.
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_uppercase().as_str() {
            // Other loggers have more levels than `tracing`.
            "ERROR" | "FATAL" | "CRITICAL" => Some(Self::Error),
            "WARN" | "WARNING" => Some(Self::Warn),
            "INFO" => Some(Self::Info),
            "DEBUG" => Some(Self::Debug),
            "TRACE" => Some(Self::Trace),
            _ => None,
        }
    }
}

/// A parsed line.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// Lambda's `START` line of an invocation.
    Start {
        /// The invocation.
        request_id: String,
    },
    /// Lambda's `END` line of an invocation.
    End {
        /// The invocation.
        request_id: String,
    },
    /// Lambda's `REPORT` line, with the measurements of an invocation.
    Report(Report),
    /// Any other line of Lambda itself (`INIT_START`, `EXTENSION`, …).
    Platform(String),
    /// The function itself wrote the line.
    Said(Record),
}

/// The measurements of an invocation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The invocation.
    pub request_id: String,
    /// Run time in milliseconds.
    pub duration_ms: f64,
    /// Billed time in milliseconds: Lambda rounds the run time up.
    pub billed_ms: f64,
    /// The function's memory, in MB.
    pub memory_mb: u64,
    /// Maximum memory used, in MB.
    pub max_memory_mb: u64,
    /// Start time of the execution environment in milliseconds; only after a cold start.
    pub init_ms: Option<f64>,
    /// The kind of failure: `timeout`, or the error's type.
    pub failure: Option<String>,
}

/// A line that the function wrote.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Its severity, if the line has one.
    pub level: Option<Level>,
    /// The text.
    pub message: String,
    /// The invocation's id, if the line has one.
    pub request_id: Option<String>,
    /// The module path that wrote the line.
    pub target: Option<String>,
    /// The other fields of a JSON line.
    pub fields: Map<String, Value>,
}

/// The record that the runtime crate logs for each HTTP request.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    /// `GET`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The answer's status.
    pub status: u16,
    /// Time that the app took, in milliseconds.
    pub duration_ms: f64,
}

/// The target of the runtime crate's access lines.
const ACCESS: &str = "lzap::access";

impl Line {
    /// Reads one event's message. Never fails: what isn't recognized is text that the function wrote.
    pub fn parse(message: &str) -> Self {
        let message = message.trim_end();
        if let Some(Value::Object(object)) =
            message.starts_with('{').then(|| serde_json::from_str(message).ok()).flatten()
        {
            return parse_json_line(object, message);
        }
        let id = |rest: &str| rest.split_whitespace().next().unwrap_or_default().to_owned();
        if let Some(rest) = message.strip_prefix("START RequestId: ") {
            Self::Start { request_id: id(rest) }
        } else if let Some(rest) = message.strip_prefix("END RequestId: ") {
            Self::End { request_id: id(rest) }
        } else if message.starts_with("REPORT RequestId: ") {
            Self::Report(parse_report(message))
        } else if ["INIT_", "EXTENSION\t", "TELEMETRY\t", "LOGS\t"].iter().any(|it| message.starts_with(it)) {
            Self::Platform(message.to_owned())
        } else {
            Self::Said(Record {
                level: level_of(message),
                message: message.to_owned(),
                request_id: request_id_of(message),
                ..Record::default()
            })
        }
    }

    /// Returns the id of the invocation, if the line itself has one. Most lines don't: see [`super::weave`].
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Start { request_id } | Self::End { request_id } => Some(request_id),
            Self::Report(report) => Some(&report.request_id),
            Self::Platform(_) => None,
            Self::Said(record) => record.request_id.as_deref(),
        }
    }
}

impl Record {
    /// The HTTP request in an access record of the runtime crate; `None` for any other line.
    pub fn access(&self) -> Option<Access> {
        if self.target.as_deref() != Some(ACCESS) {
            return None;
        }
        let text = |key: &str| self.fields.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Access {
            method: text("method")?,
            path: text("path")?,
            status: self
                .fields
                .get("status")
                .and_then(Value::as_u64)
                .and_then(|it| u16::try_from(it).ok())?,
            duration_ms: self.fields.get("duration_ms").and_then(Value::as_f64).unwrap_or(0.0),
        })
    }
}

/// Parses `REPORT RequestId: …\tDuration: 2.31 ms\t…`; further lines (X-Ray's) have the same form.
fn parse_report(message: &str) -> Report {
    let field = |name: &str| {
        let mut parts = message.split(['\t', '\n']);
        parts.find_map(|part| part.trim().strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
    };
    let number = |name: &str| field(name).and_then(|value| value.split(' ').next()?.parse::<f64>().ok());
    let whole = |name: &str| field(name).and_then(|value| value.split(' ').next()?.parse::<u64>().ok());
    Report {
        request_id: field("REPORT RequestId").unwrap_or_default(),
        duration_ms: number("Duration").unwrap_or(0.0),
        billed_ms: number("Billed Duration").unwrap_or(0.0),
        memory_mb: whole("Memory Size").unwrap_or(0),
        max_memory_mb: whole("Max Memory Used").unwrap_or(0),
        init_ms: number("Init Duration"),
        // A status of `success` is no failure.
        failure: field("Error Type").or_else(|| field("Status").filter(|status| status != "success")),
    }
}

/// Reads a line that is a JSON object: Lambda's own, a logger's, or the app's data.
fn parse_json_line(mut object: Map<String, Value>, message: &str) -> Line {
    if let Some(kind) = object.get("type").and_then(Value::as_str).and_then(|it| it.strip_prefix("platform."))
        && let Some(record) = object.get("record")
    {
        return parse_platform_line(kind, record, message);
    }
    // `tracing`'s own JSON has the message among the fields.
    if let Some(Value::Object(fields)) = object.remove("fields") {
        object.extend(fields);
    }
    let mut take = |names: &[&str]| {
        names.iter().find_map(|name| match object.get(*name) {
            Some(Value::String(_)) => {
                object.shift_remove(*name).and_then(|it| it.as_str().map(str::to_owned))
            }
            _ => None,
        })
    };
    let level = take(&["level", "severity"]);
    let text = take(&["message", "msg"]);
    // JSON without these fields is the app's own data, not a log record.
    if level.is_none() && text.is_none() {
        return Line::Said(Record { message: message.to_owned(), ..Record::default() });
    }
    let target = take(&["target", "logger"]);
    let request_id = take(&["requestId", "request_id", "AWSRequestId"]);
    // The event has a timestamp of its own, so the line's is dropped.
    take(&["timestamp", "time"]);
    Line::Said(Record {
        level: level.as_deref().and_then(Level::parse),
        message: text.unwrap_or_default(),
        request_id,
        target,
        fields: object,
    })
}

/// Parses one of Lambda's own lines if the function's log format is JSON.
fn parse_platform_line(kind: &str, record: &Value, message: &str) -> Line {
    let request_id = record["requestId"].as_str().unwrap_or_default().to_owned();
    let metrics = &record["metrics"];
    match kind {
        "start" => Line::Start { request_id },
        "runtimeDone" => Line::End { request_id },
        "report" => Line::Report(Report {
            request_id,
            duration_ms: metrics["durationMs"].as_f64().unwrap_or(0.0),
            billed_ms: metrics["billedDurationMs"].as_f64().unwrap_or(0.0),
            memory_mb: metrics["memorySizeMB"].as_u64().unwrap_or(0),
            max_memory_mb: metrics["maxMemoryUsedMB"].as_u64().unwrap_or(0),
            init_ms: metrics["initDurationMs"].as_f64(),
            failure: record["errorType"]
                .as_str()
                .or_else(|| record["status"].as_str().filter(|status| *status != "success"))
                .map(str::to_owned),
        }),
        _ => Line::Platform(message.to_owned()),
    }
}

/// Finds the level of a plain line: a level's name near its beginning, or Lambda's and Rust's own words for a failure.
fn level_of(message: &str) -> Option<Level> {
    let panicked = message.starts_with("thread '") && message.contains("panicked at");
    let failed = message.contains("Task timed out after")
        || message.starts_with("RequestId: ") && message.contains(" Error: ");
    if panicked || failed {
        return Some(Level::Error);
    }
    // Three words: loggers put a time or a bracket before the level. Later words are prose.
    let words = message.split_whitespace().take(3);
    words.map(|word| word.trim_matches(|c: char| !c.is_ascii_alphabetic())).find_map(|word| {
        // `error` in lower case is part of a sentence.
        let is_upper = word.bytes().all(|b| b.is_ascii_uppercase());
        if is_upper { Level::parse(word) } else { None }
    })
}

/// Finds the request id in Lambda's own lines about a failure.
fn request_id_of(message: &str) -> Option<String> {
    if !message.starts_with("RequestId: ") && !message.contains("Task timed out after") {
        return None;
    }
    message.split_whitespace().take(3).find(|word| is_uuid(word)).map(str::to_owned)
}

/// Returns whether the word has the form of a UUID, as Lambda's request ids have.
fn is_uuid(word: &str) -> bool {
    let parts: Vec<usize> = word.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "0a1b2c3d-0000-4000-8000-0123456789ab";

    fn said(message: &str) -> Record {
        match Line::parse(message) {
            Line::Said(record) => record,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lambdas_own_lines_are_told_apart() {
        let start = format!("START RequestId: {ID} Version: 7\n");
        assert_eq!(Line::parse(&start), Line::Start { request_id: ID.to_owned() });
        assert_eq!(Line::parse(&format!("END RequestId: {ID}")), Line::End { request_id: ID.to_owned() });
        assert!(matches!(Line::parse("INIT_START Runtime Version: provided:al2023.v1"), Line::Platform(_)));
    }

    #[test]
    fn a_report_is_read_whatever_follows_it() {
        let line = format!(
            "REPORT RequestId: {ID}\tDuration: 2.31 ms\tBilled Duration: 5 ms\tMemory Size: 512 MB\tMax Memory Used: 18 \
             MB\tInit Duration: 2.40 ms\t\nXRAY TraceId: 1-2\tSegmentId: 3\tSampled: true\n"
        );
        let report = Report {
            request_id: ID.to_owned(),
            duration_ms: 2.31,
            billed_ms: 5.0,
            memory_mb: 512,
            max_memory_mb: 18,
            init_ms: Some(2.4),
            failure: None,
        };
        assert_eq!(Line::parse(&line), Line::Report(report.clone()));
        let json = format!(
            r#"{{"time":"t","type":"platform.report","record":{{"requestId":"{ID}","status":"success","metrics":
            {{"durationMs":2.31,"billedDurationMs":5,"memorySizeMB":512,"maxMemoryUsedMB":18,"initDurationMs":2.4}}}}}}"#
        );
        assert_eq!(Line::parse(&json), Line::Report(report));
    }

    #[test]
    fn a_failed_invocation_says_how() {
        let failure =
            |end: &str| match Line::parse(&format!("REPORT RequestId: {ID}\tDuration: 1.00 ms\t{end}")) {
                Line::Report(report) => report.failure,
                other => panic!("{other:?}"),
            };
        assert_eq!(failure("Status: timeout").as_deref(), Some("timeout"));
        assert_eq!(
            failure("Status: error\tError Type: Runtime.ExitError").as_deref(),
            Some("Runtime.ExitError")
        );
        assert_eq!(failure(""), None);
        let timeout = said(&format!("2026-11-24T08:00:00.000Z {ID} Task timed out after 3.00 seconds"));
        assert_eq!((timeout.level, timeout.request_id.as_deref()), (Some(Level::Error), Some(ID)));
        let exit = said(&format!("RequestId: {ID} Error: Runtime exited with error: exit status 1"));
        assert_eq!((exit.level, exit.request_id.as_deref()), (Some(Level::Error), Some(ID)));
    }

    #[test]
    fn the_runtime_crates_lines_are_unpacked() {
        let record = said(&format!(
            r#"{{"timestamp":"t","level":"INFO","target":"lzap::access","requestId":"{ID}","coldStart":true,
            "method":"GET","path":"/cart","status":200,"duration_ms":0.31,"message":"request"}}"#
        ));
        assert_eq!((record.level, record.message.as_str()), (Some(Level::Info), "request"));
        assert_eq!(record.request_id.as_deref(), Some(ID));
        let keys: Vec<&str> = record.fields.keys().map(String::as_str).collect();
        assert_eq!(keys, ["coldStart", "method", "path", "status", "duration_ms"]);
        let access = Access { method: "GET".into(), path: "/cart".into(), status: 200, duration_ms: 0.31 };
        assert_eq!(record.access(), Some(access));
    }

    #[test]
    fn tracings_own_json_and_plain_data_are_read_too() {
        let nested = said(r#"{"level":"WARN","fields":{"message":"low","stock":3},"target":"shop"}"#);
        assert_eq!((nested.level, nested.message.as_str()), (Some(Level::Warn), "low"));
        assert_eq!(nested.fields["stock"], 3);
        let data = said(r#"{"cart":[1,2]}"#);
        assert_eq!((data.level, data.message.as_str()), (None, r#"{"cart":[1,2]}"#));
        assert_eq!(said("{ not json").message, "{ not json");
    }

    #[test]
    fn a_plain_line_has_the_level_that_it_names() {
        for (line, level) in [
            ("ERROR it broke", Some(Level::Error)),
            ("[2026-11-24T08:00:00Z WARN  shop] low", Some(Level::Warn)),
            ("thread 'main' panicked at src/main.rs:3:5:", Some(Level::Error)),
            ("an error is not one", None),
            ("hello", None),
        ] {
            assert_eq!(said(line).level, level, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd(line in "(REPORT RequestId: |START RequestId: |\\{|RequestId: )?\\PC{0,60}") {
            let _ = Line::parse(&line);
        }
    }
}
