//! Events and requests as JSON, one line each. Their fields are part of the command line's contract.

use jiff::Timestamp;
use lzap_core::logs::LogEvent;
use lzap_core::logs::line::{Level, Line, Report};
use lzap_core::logs::request::Request;
use serde_json::{Value, json};

use crate::ui::report::add_fields;

/// Returns one event as an object. `type` says which kind of line it is; lines of Lambda's report and of the
/// app's logger have further fields.
pub(super) fn event_to_json(event: &LogEvent, line: &Line, request_id: Option<&str>) -> Value {
    let (kind, level, message) = match line {
        Line::Start { .. } => ("start", None, &event.message),
        Line::End { .. } => ("end", None, &event.message),
        Line::Report(_) => ("report", None, &event.message),
        Line::Platform(text) => ("platform", None, text),
        Line::Said(record) => ("log", record.level, &record.message),
    };
    // These fields are there for every event, so that `jq` needs no test for them.
    let common = json!({
        "timestamp": format_time(event.timestamp_ms),
        "level": level.map(Level::as_str),
        "message": message,
        "request_id": request_id,
        "stream": event.stream,
        "type": kind,
    });
    match line {
        Line::Report(it) => add_fields(common, report_to_json(it)),
        Line::Said(record) if record.target.is_some() || !record.fields.is_empty() => {
            add_fields(common, json!({"target": record.target, "fields": record.fields}))
        }
        _ => common,
    }
}

/// Returns one request as an object. The fields of HTTP are null for an invocation that is no HTTP request.
pub(super) fn request_to_json(request: &Request) -> Value {
    let access = request.access.as_ref();
    let common = json!({
        "timestamp": format_time(request.timestamp_ms),
        "request_id": request.request_id,
        "stream": request.stream,
        "method": access.map(|it| it.method.as_str()),
        "path": access.map(|it| it.path.as_str()),
        "status": access.map(|it| it.status),
        "app_ms": access.map(|it| it.duration_ms),
    });
    add_fields(common, request.report.as_ref().map_or_else(|| report_fields(None), report_to_json))
}

/// Returns the fields of Lambda's report.
fn report_to_json(report: &Report) -> Value {
    report_fields(Some(report))
}

/// Returns the fields of Lambda's report: milliseconds and megabytes. All of them are there whether or not
/// Lambda has reported; then they are null.
fn report_fields(report: Option<&Report>) -> Value {
    json!({
        "duration_ms": report.map(|it| it.duration_ms),
        "billed_ms": report.map(|it| it.billed_ms),
        "memory_mb": report.map(|it| it.memory_mb),
        "max_memory_mb": report.map(|it| it.max_memory_mb),
        "cold_start": report.map(|it| it.init_ms.is_some()),
        "init_ms": report.and_then(|it| it.init_ms),
        "failure": report.and_then(|it| it.failure.as_deref()),
    })
}

/// Formats milliseconds since 1970 as RFC 3339 in UTC, with milliseconds. A time that can't be is shown as
/// 1970.
fn format_time(ms: i64) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
