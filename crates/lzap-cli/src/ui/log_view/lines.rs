//! Events for people: time, request, level, message.
//!
//! ```text
//! 01:00:00.000 0a1b2c3d init  provided:al2023.v1
//! 01:00:00.002 0a1b2c3d WARN  low stock item="blue mug" left=3
//! 01:00:00.003 0a1b2c3d INFO  GET /cart 200 in 0.31 ms
//! 01:00:00.005 0a1b2c3d done  2.31 ms, billed 5 ms, 18 of 512 MB, cold start 2.40 ms
//! ```
//!
//! Everything that comes from the log passes [`strip_control_characters`] before it is printed: the
//! sender of a request chooses some of it.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use lzap_core::logs::line::{Level, Line, Record, Report};
use lzap_core::logs::{LogEvent, weave};
use serde_json::Value;

use crate::ui::text::strip_control_characters;

pub(super) const DIM: Style = Style::new().dimmed();
/// The colors of levels and statuses; [`DIM`] is for what Lambda adds.
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const GREEN: Style = AnsiColor::Green.on_default();
const BLUE: Style = AnsiColor::Blue.on_default();
/// The width of the text before each message: `14:03:44.123 4f1c2a9b INFO  `.
const INDENT: usize = 28;

/// Renders events one after the other. The event before decides whether the day is shown and whether a line continues it.
pub(super) struct Lines {
    clock: Clock,
    /// Set if the lines of Lambda between requests are shown too.
    verbose: bool,
    /// Set for the lines of one job, which show their chunk instead of their request: the chunks of a map run
    /// in many requests.
    by_chunk: bool,
    /// Stream and message of the event before; a continuation belongs to the same stream.
    above: Option<(String, String)>,
}

impl Lines {
    pub(super) fn new(zone: TimeZone, verbose: bool) -> Self {
        Self { clock: Clock::new(zone), verbose, by_chunk: false, above: None }
    }

    /// Changes the format to that of one job's lines.
    pub(super) fn by_chunk(self) -> Self {
        Self { by_chunk: true, ..self }
    }

    /// Formats an event; a line that continues the event above is indented below it, without time and label.
    pub(super) fn render_event(
        &mut self,
        event: &LogEvent,
        line: &Line,
        request_id: Option<&str>,
    ) -> Vec<String> {
        let continued = self.above.as_ref().is_some_and(|(stream, above)| {
            *stream == event.stream && weave::continues(above, &event.message)
        });
        self.above = Some((event.stream.clone(), event.message.clone()));
        // A panic's backtrace comes as an event for each line.
        if continued {
            return strip_control_characters(&event.message)
                .lines()
                .map(|text| format!("{:INDENT$}{text}", ""))
                .collect();
        }
        let Some((label, style, text)) = self.format_parts(line) else { return Vec::new() };
        let (day, time) = self.clock.at(event.timestamp_ms);
        let chunk = chunk_label(line).filter(|_| self.by_chunk);
        let id = chunk.unwrap_or_else(|| shorten_id(request_id.unwrap_or_default()));
        let mut rows = text.lines();
        let first = rows.next().unwrap_or_default();
        let head = format!("{DIM}{time} {id:<8}{DIM:#} {style}{label:<5}{style:#} {first}");
        day.into_iter().chain([head]).chain(rows.map(|row| format!("{:INDENT$}{row}", ""))).collect()
    }

    /// Returns the label, its color and the text; `None` for a line that is shown only with `--verbose`.
    fn format_parts(&self, line: &Line) -> Option<(&'static str, Style, String)> {
        match line {
            Line::Start { .. } => self.verbose.then(|| ("start", DIM, String::new())),
            Line::End { .. } => self.verbose.then(|| ("end", DIM, String::new())),
            Line::Report(report) if report.failure.is_some() => Some(("FAIL", RED, format_cost(report))),
            Line::Report(report) => Some(("done", DIM, format!("{DIM}{}{DIM:#}", format_cost(report)))),
            Line::Platform(text) => Some(format_platform_line(text)),
            Line::Said(record) => {
                let (label, style) = record.level.map_or(("", Style::new()), level_label);
                let told = |key: &str| self.by_chunk && TOLD_BY_CHUNK.contains(&key);
                Some((label, style, format_record(record, self.verbose, &told)))
            }
        }
    }
}

/// Fields that a job's lines don't repeat: the chunk stands in the column of the request id, and the command
/// names the job.
const TOLD_BY_CHUNK: [&str; 3] = ["job", "of_job", "chunk"];

/// Returns `#12` for a line of a job's twelfth chunk; `None` for a line outside of chunks.
fn chunk_label(line: &Line) -> Option<String> {
    let Line::Said(record) = line else { return None };
    record.fields.get("chunk").and_then(Value::as_u64).map(|chunk| format!("#{chunk}"))
}

/// Returns the text and the color of a level.
fn level_label(level: Level) -> (&'static str, Style) {
    let style = match level {
        Level::Error => RED,
        Level::Warn => YELLOW,
        Level::Info => GREEN,
        Level::Debug => BLUE,
        Level::Trace => DIM,
    };
    (level.as_str(), style)
}

/// Returns `2.31 ms, billed 5 ms, 18 of 512 MB, cold start 2.40 ms`, with Lambda's failure before it.
fn format_cost(report: &Report) -> String {
    let cold = report.init_ms.map(|ms| format!(", cold start {ms:.2} ms")).unwrap_or_default();
    let failure = report
        .failure
        .as_deref()
        .map(|failure| format!("{}: ", strip_control_characters(failure)))
        .unwrap_or_default();
    format!(
        "{failure}{:.2} ms, billed {:.0} ms, {} of {} MB{cold}",
        report.duration_ms, report.billed_ms, report.max_memory_mb, report.memory_mb
    )
}

/// Formats `INIT_START Runtime Version: provided:al2023.v1\tRuntime Version ARN: …` and the like. An
/// `INIT_REPORT` is shown as a failed start.
fn format_platform_line(text: &str) -> (&'static str, Style, String) {
    let text = strip_control_characters(text);
    if let Some(rest) = text.strip_prefix("INIT_START Runtime Version: ") {
        let version = rest.split('\t').next().unwrap_or_default();
        return ("init", DIM, format!("{DIM}{version}{DIM:#}"));
    }
    let text = text.replace('\t', ", ");
    match text.strip_prefix("INIT_REPORT ") {
        Some(rest) => ("FAIL", RED, format!("start: {rest}")),
        None => ("", DIM, format!("{DIM}{text}{DIM:#}")),
    }
}

/// Formats a record: a request as method, path and status; a panic with its place; else the message and its
/// fields.
fn format_record(record: &Record, verbose: bool, told: &dyn Fn(&str) -> bool) -> String {
    if let Some(access) = record.access() {
        let style = status_style(access.status);
        let what = strip_control_characters(&format!("{} {}", access.method, access.path));
        return format!(
            "{what} {style}{}{style:#} {DIM}in {:.2} ms{DIM:#}",
            access.status, access.duration_ms
        );
    }
    let target = record.target.as_deref().filter(|_| verbose);
    let target = target
        .map(|target| format!("{DIM}{}:{DIM:#} ", strip_control_characters(target)))
        .unwrap_or_default();
    if let (Some(Value::String(panic)), "panicked") = (record.fields.get("panic"), record.message.as_str()) {
        let place = record.fields.get("location").and_then(Value::as_str).unwrap_or("an unknown place");
        return format!(
            "{target}panicked at {}: {}",
            strip_control_characters(place),
            strip_control_characters(panic)
        );
    }
    let mut text = format!("{target}{}", strip_control_characters(&record.message));
    let mut below = String::new();
    for (key, value) in record.fields.iter().filter(|(key, _)| *key != "coldStart" && !told(key)) {
        let key = strip_control_characters(key);
        // Writing to a `String` can't fail.
        match value {
            Value::String(value) if value.contains('\n') => {
                let _ =
                    write!(below, "\n{DIM}{key}={DIM:#}\n{}", indent_lines(&strip_control_characters(value)));
            }
            Value::String(value) if !value.is_empty() && !value.contains([' ', '"', '=']) => {
                let _ = write!(text, " {DIM}{key}={DIM:#}{}", strip_control_characters(value));
            }
            value => {
                let _ = write!(text, " {DIM}{key}={DIM:#}{}", strip_control_characters(&value.to_string()));
            }
        }
    }
    text + &below
}

/// Returns the text with two blanks before each line.
fn indent_lines(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// Returns the color of an HTTP status: 5xx red, 4xx yellow, others green.
pub(super) fn status_style(status: u16) -> Style {
    match status {
        500.. => RED,
        400..500 => YELLOW,
        _ => GREEN,
    }
}

/// The color of a failed request's id.
pub(super) const FAILED: Style = RED;

/// Returns the first block of a request id: enough to tell requests apart on a screen.
pub(super) fn shorten_id(request_id: &str) -> String {
    strip_control_characters(request_id.split('-').next().unwrap_or_default()).chars().take(8).collect()
}

/// Times of day, with a line of its own where the day changes.
pub(super) struct Clock {
    zone: TimeZone,
    /// The day of the event before, in `zone`.
    day: Date,
}

impl Clock {
    /// Begins today, so that the first events of today have no line with the day.
    pub(super) fn new(zone: TimeZone) -> Self {
        let day = Timestamp::now().to_zoned(zone.clone()).date();
        Self { zone, day }
    }

    /// Returns a line with the day, if it isn't that of the event before, and the time of day with
    /// milliseconds.
    pub(super) fn at(&mut self, ms: i64) -> (Option<String>, String) {
        let time: Zoned = Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(self.zone.clone());
        let day = (time.date() != self.day).then(|| {
            self.day = time.date();
            format!("{DIM}{}{DIM:#}", time.strftime("%a %e %b %Y"))
        });
        (day, time.strftime("%H:%M:%S%.3f").to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0a1b2c3d-0000-4000-8000-0123456789ab";

    fn rows(messages: &[&str]) -> Vec<String> {
        rows_of(Lines::new(TimeZone::UTC, false), messages)
    }

    fn rows_of(mut lines: Lines, messages: &[&str]) -> Vec<String> {
        lines.clock.day = Date::constant(1970, 1, 1);
        let render = |(at, message): (usize, &&str)| {
            let event = LogEvent {
                id: String::new(),
                timestamp_ms: 3_600_000 + i64::try_from(at).unwrap_or(0),
                stream: "a".to_owned(),
                message: (*message).to_owned(),
            };
            let line = Line::parse(message);
            lines.render_event(&event, &line, line.request_id().or(Some(ID)))
        };
        let rows: Vec<String> = messages.iter().enumerate().flat_map(render).collect();
        rows.iter().map(|row| anstream::adapter::strip_str(row).to_string()).collect()
    }

    #[test]
    fn a_request_is_three_short_lines() {
        let access = format!(
            r#"{{"timestamp":"t","level":"INFO","target":"lzap::access","requestId":"{ID}","coldStart":false,"method":"GET","path":"/cart","status":200,"duration_ms":0.31,"message":"request"}}"#
        );
        let said = r#"{"level":"WARN","message":"low stock","item":"blue mug","left":3,"coldStart":true}"#;
        let shown = rows(&[
            "INIT_START Runtime Version: provided:al2023.v1\tRuntime Version ARN: arn:x",
            &format!("START RequestId: {ID} Version: 7"),
            said,
            &access,
            &format!("END RequestId: {ID}"),
            &format!(
                "REPORT RequestId: {ID}\tDuration: 2.31 ms\tBilled Duration: 5 ms\tMemory Size: 512 MB\tMax Memory Used: 18 MB\tInit Duration: 2.4 ms"
            ),
        ]);
        assert_eq!(
            shown,
            [
                "01:00:00.000 0a1b2c3d init  provided:al2023.v1",
                "01:00:00.002 0a1b2c3d WARN  low stock item=\"blue mug\" left=3",
                "01:00:00.003 0a1b2c3d INFO  GET /cart 200 in 0.31 ms",
                "01:00:00.005 0a1b2c3d done  2.31 ms, billed 5 ms, 18 of 512 MB, cold start 2.40 ms",
            ]
        );
    }

    #[test]
    fn the_lines_of_a_job_are_told_apart_by_their_chunks() {
        let shown = rows_of(
            Lines::new(TimeZone::UTC, false).by_chunk(),
            &[
                r#"{"level":"INFO","message":"summed","job":"0123","chunk":12,"rows":7}"#,
                r#"{"level":"WARN","message":"throttled","job":"0123"}"#,
            ],
        );
        assert_eq!(
            shown,
            ["01:00:00.000 #12      INFO  summed rows=7", "01:00:00.001 0a1b2c3d WARN  throttled"]
        );
    }

    #[test]
    fn a_stack_trace_stands_below_its_panic() {
        let shown = rows(&[
            "thread 'main' panicked at src/main.rs:3:5:",
            "no cart",
            "stack backtrace:",
            "   0: main",
        ]);
        let indent = " ".repeat(INDENT);
        assert_eq!(
            shown,
            [
                "01:00:00.000 0a1b2c3d ERROR thread 'main' panicked at src/main.rs:3:5:".to_owned(),
                format!("{indent}no cart"),
                format!("{indent}stack backtrace:"),
                format!("{indent}   0: main"),
            ]
        );
        let json = r#"{"level":"ERROR","message":"panicked","panic":"no cart\nat all","location":"src/main.rs:3:5"}"#;
        assert_eq!(
            rows(&[json]),
            [
                "01:00:00.000 0a1b2c3d ERROR panicked at src/main.rs:3:5: no cart".to_owned(),
                format!("{indent}at all"),
            ]
        );
    }

    #[test]
    fn what_a_stranger_sends_does_not_reach_the_terminal() {
        let shown = rows(&["red \u{1b}[31mherring\u{1b}[0m \u{1b}]0;title\u{7}\u{8}\u{9b}x"]);
        assert!(!shown[0].chars().any(char::is_control), "{shown:?}");
        assert!(shown[0].contains("red herring"), "{shown:?}");
    }

    #[test]
    fn another_day_is_told() {
        let mut clock = Clock { zone: TimeZone::UTC, day: Date::constant(1970, 1, 1) };
        assert_eq!(clock.at(1_000).0, None);
        let (day, time) = clock.at(86_400_000);
        assert_eq!(
            day.map(|day| anstream::adapter::strip_str(&day).to_string()).as_deref(),
            Some("Fri  2 Jan 1970")
        );
        assert_eq!(time, "00:00:00.000");
        assert_eq!(clock.at(86_400_001).0, None);
    }
}
