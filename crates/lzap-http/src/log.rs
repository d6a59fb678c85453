//! Logs: one JSON line per event in Lambda, readable lines on stderr anywhere else.
//!
//! An app that has set a global subscriber before `App::run` keeps it, and its panic hook too.

#[cfg(unix)]
use std::os::fd::AsFd as _;
use std::{
    env,
    error::Error as StdError,
    fmt::{self, Write as _},
    fs::File,
    io::{self, IsTerminal as _, Write as _},
    panic,
};

use lzap_invocation::SPAN_TARGET;
use serde::Serialize;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer, filter::Targets, fmt::format::Writer, fmt::time::FormatTime as _, fmt::time::SystemTime,
    layer::Context, layer::SubscriberExt as _, registry::LookupSpan, util::SubscriberInitExt as _,
};

/// The initial size of a line's buffer: most lines fit.
const LINE_BYTES: usize = 512;

/// The place where the program runs, which decides the format and the stream of its log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LogPlace {
    /// In Lambda: one JSON line per event, on stdout.
    Lambda,
    /// Anywhere else: readable lines on stderr.
    Local,
}

/// Installs a global `tracing` subscriber and, in Lambda, a panic hook that logs JSON. An app that has a subscriber already
/// keeps it, and its panic hook.
pub fn install_log(place: LogPlace) {
    if tracing::dispatcher::has_been_set() {
        return;
    }
    let variable = |name| env::var(name).ok();
    let (filter, bad) =
        choose_filter(variable("RUST_LOG").as_deref(), variable("AWS_LAMBDA_LOG_LEVEL").as_deref());
    let registry = tracing_subscriber::registry().with(filter);
    let installed = match place {
        LogPlace::Lambda => registry.with(JsonLines { output: LineOutput::open() }).try_init(),
        LogPlace::Local => {
            let color =
                io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            registry
                .with(tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(color))
                .try_init()
        }
    };
    if installed.is_ok() && place == LogPlace::Lambda {
        panic::set_hook(Box::new(log_panic));
    }
    if let Some(name) = bad {
        tracing::warn!(variable = name, "not a log filter; using `info`");
    }
}

/// Chooses the filter of `RUST_LOG`, else `AWS_LAMBDA_LOG_LEVEL` (which Lambda sets from the function's logging
/// configuration), else `info`; the second value is the variable that could not be understood.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>
fn choose_filter(rust_log: Option<&str>, lambda_level: Option<&str>) -> (Targets, Option<&'static str>) {
    let info = || Targets::new().with_default(Level::INFO);
    let (filter, bad) = match (rust_log.filter(|text| !text.is_empty()), lambda_level) {
        (Some(text), _) => text.parse().map_or_else(|_| (info(), Some("RUST_LOG")), |filter| (filter, None)),
        (None, Some(level)) if level.eq_ignore_ascii_case("fatal") => {
            (Targets::new().with_default(Level::ERROR), None)
        }
        (None, Some(level)) => level.parse::<Level>().map_or_else(
            |_| (info(), Some("AWS_LAMBDA_LOG_LEVEL")),
            |level| (Targets::new().with_default(level), None),
        ),
        (None, None) => (info(), None),
    };
    (filter.with_target(SPAN_TARGET, Level::ERROR), bad)
}

/// A panic as one JSON line, with the request it happened in.
fn log_panic(info: &panic::PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("a panic without a message");
    let location = info.location().map(ToString::to_string);
    tracing::error!(panic = message, location, "panicked");
}

/// Writes each event as one JSON object: `timestamp`, `level`, `target`, the invocation's `requestId` and `coldStart`,
/// then the event's own fields (`message` is one of them), then those of its spans, innermost first. The first value
/// of a name stays: a line always has its own request's id.
struct JsonLines {
    output: LineOutput,
}

/// Standard output without the buffer of [`io::Stdout`].
///
/// That buffer holds text that the app printed without a newline. Written through it, a JSON line would begin in the
/// middle of a line, and nothing that reads the log would recognize it. Such text now waits for its own newline.
struct LineOutput {
    /// `None` where the file descriptor can't be copied; then the buffer is used.
    file: Option<File>,
}

impl LineOutput {
    fn open() -> Self {
        #[cfg(unix)]
        let file = io::stdout().as_fd().try_clone_to_owned().ok().map(File::from);
        #[cfg(not(unix))]
        let file = None;
        Self { file }
    }

    /// Writes a whole line at once. An error is ignored, since there is no other place to report it.
    fn write_line(&self, line: &[u8]) {
        // The lock keeps the lines of the app's other threads out of this one.
        let mut stdout = io::stdout().lock();
        let _ = match &self.file {
            Some(file) => (&mut &*file).write_all(line),
            None => stdout.write_all(line),
        };
    }
}

impl<S> Layer<S> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        // Before the span is locked: code that formats a value may log.
        let mut more = Fields::default();
        record.record(&mut more);
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            fields.add_missing(&more);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line =
            Fields { json: Vec::with_capacity(LINE_BYTES), ends: Vec::with_capacity(LINE_BYTES / 32) };
        line.put("timestamp", &format_now());
        line.put("level", event.metadata().level().as_str());
        line.put("target", event.metadata().target());
        line.add_spans(&context, event, |target| target == SPAN_TARGET);
        event.record(&mut line);
        line.add_spans(&context, event, |target| target != SPAN_TARGET);
        self.output.write_line(&line.into_line());
    }
}

/// The time as RFC 3339 in UTC, as Lambda's own JSON log lines have it; empty if it can't be formatted.
fn format_now() -> String {
    let mut text = String::new();
    if SystemTime.format_time(&mut Writer::new(&mut text)).is_err() {
        text.clear();
    }
    text
}

/// Fields as JSON, `{"a":1,"b":2`, in the order in which they came; the first value of a name stays.
#[derive(Default)]
struct Fields {
    json: Vec<u8>,
    /// Each field's name, and where its part of `json` ends.
    ends: Vec<(&'static str, usize)>,
}

impl Fields {
    fn put(&mut self, name: &'static str, value: &(impl Serialize + ?Sized)) {
        self.add(name, |json| {
            serde_json::to_writer(&mut *json, name)?;
            json.push(b':');
            serde_json::to_writer(json, value)
        });
    }

    /// Adds a value's display text. A value whose formatting fails is left out: `serde_json` would panic.
    fn put_text(&mut self, name: &'static str, value: fmt::Arguments<'_>) {
        let mut text = String::new();
        if text.write_fmt(value).is_ok() {
            self.put(name, text.as_str());
        }
    }

    fn add(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>) {
        if self.ends.iter().any(|(known, _)| *known == name) {
            return;
        }
        let before = self.json.len();
        self.json.push(if before == 0 { b'{' } else { b',' });
        match write(&mut self.json) {
            Ok(()) => self.ends.push((name, self.json.len())),
            Err(_) => self.json.truncate(before),
        }
    }

    /// Adds the fields of those spans around `event` whose target is `wanted`.
    fn add_spans<S>(&mut self, context: &Context<'_, S>, event: &Event<'_>, wanted: impl Fn(&str) -> bool)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Self>()
                && wanted(span.metadata().target())
            {
                self.add_missing(fields);
            }
        }
    }

    fn add_missing(&mut self, others: &Self) {
        // After the brace or comma before each.
        let mut start = 1;
        for (name, end) in &others.ends {
            let part = others.json.get(start..*end).unwrap_or_default();
            self.add(name, |json| {
                json.extend_from_slice(part);
                Ok(())
            });
            start = end + 1;
        }
    }

    fn into_line(mut self) -> Vec<u8> {
        self.json.extend_from_slice(b"}\n");
        self.json
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_text(field.name(), format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), &value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn StdError + 'static)) {
        self.put_text(field.name(), format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choose_filter_prefers_rust_log_to_lambdas_level_and_that_to_info() {
        for (rust_log, lambda, expected) in [
            (None, None, Level::INFO),
            (None, Some("DEBUG"), Level::DEBUG),
            (None, Some("FATAL"), Level::ERROR),
            (Some("warn"), Some("DEBUG"), Level::WARN),
            (Some(""), Some("DEBUG"), Level::DEBUG),
        ] {
            let (filter, bad) = choose_filter(rust_log, lambda);
            assert_eq!(bad, None);
            assert!(filter.would_enable("shop", &expected), "{rust_log:?} {lambda:?}");
            let lower = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
            let next = lower.into_iter().find(|level| *level > expected);
            assert!(next.is_none_or(|level| !filter.would_enable("shop", &level)), "{rust_log:?} {lambda:?}");
        }
    }

    #[test]
    fn choose_filter_for_one_crate_keeps_the_request_id() {
        let (filter, bad) = choose_filter(Some("shop=debug"), None);
        assert_eq!(bad, None);
        assert!(filter.would_enable(SPAN_TARGET, &Level::ERROR));
        assert!(filter.would_enable(lzap_invocation::JOB_TARGET, &Level::ERROR));
        assert!(!filter.would_enable("hyper", &Level::ERROR));
    }

    #[test]
    fn choose_filter_of_a_bad_filter_names_the_variable_and_uses_info() {
        let (filter, bad) = choose_filter(Some("shop=loud"), None);
        assert_eq!(bad, Some("RUST_LOG"));
        assert!(filter.would_enable("shop", &Level::INFO));
    }

    /// A value whose formatting fails.
    struct Unprintable;

    impl fmt::Display for Unprintable {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Err(fmt::Error)
        }
    }

    #[test]
    fn fields_keep_the_first_value_of_a_name_and_skip_an_unprintable_one() {
        let mut span = Fields::default();
        span.put("level", "mine");
        span.put("requestId", "1");
        span.put("requestId", "2");
        let mut line = Fields::default();
        line.put("level", "INFO");
        line.put_text("a \"name\"", format_args!("{:?}", "text\n"));
        line.put_text("unprintable", format_args!("{Unprintable}"));
        line.add_missing(&span);
        line.put("share", &f64::NAN);
        let line = String::from_utf8(line.into_line()).expect("text");
        let expected = r#"{"level":"INFO","a \"name\"":"\"text\\n\"","requestId":"1","share":null}"#;
        assert_eq!(line, format!("{expected}\n"));
    }
}
