//! A function's log for people (a line each, in color) and for programs (JSON lines): events, or whole requests.
//!
//! `json` has the format for programs, `lines` that of events for people, `requests` the table of
//! `--requests`. Which line means what is decided in `lzap_core::logs`.

mod json;
mod lines;
mod requests;

use jiff::tz::TimeZone;
use lzap_core::logs::line::Line;
use lzap_core::logs::request::Requests;
use lzap_core::logs::{LogEvent, weave};

use lines::Lines;
use requests::Table;

/// Turns events into the lines that stdout gets.
pub(crate) struct LogView {
    /// The request that each execution environment works on.
    current: weave::Requests,
    /// Set if requests are shown instead of events: collects the events of those that aren't complete yet.
    requests: Option<Requests>,
    /// The format; it never changes while the log is followed.
    form: Form,
}

/// The format of the output.
enum Form {
    /// One JSON object in each line.
    Json,
    /// One readable line for each event.
    Lines(Lines),
    /// One row for each request.
    Table(Table),
}

/// The unit of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Each event.
    Events,
    /// Each event of one job, told apart by its chunks. All execution environments that worked on the job
    /// have written them.
    Job,
    /// Each request, when Lambda has reported its end.
    Requests,
}

impl LogView {
    /// Returns a view of JSON lines. A job has no form of its own there: each line has all fields.
    pub(crate) fn json(what: What) -> Self {
        Self::new(what, Form::Json)
    }

    /// Returns a view of readable lines, with times of `zone`; `verbose` shows what Lambda says between
    /// requests too.
    pub(crate) fn text(what: What, zone: TimeZone, verbose: bool) -> Self {
        match what {
            What::Events => Self::new(what, Form::Lines(Lines::new(zone, verbose))),
            What::Job => Self::new(what, Form::Lines(Lines::new(zone, verbose).by_chunk())),
            What::Requests => Self::new(what, Form::Table(Table::new(zone))),
        }
    }

    fn new(what: What, form: Form) -> Self {
        let requests = (what == What::Requests).then(Requests::default);
        Self { current: weave::Requests::default(), requests, form }
    }

    /// Returns the lines for some more events. With `--requests` these are the requests that the events
    /// complete.
    pub(crate) fn format_events(&mut self, events: Vec<LogEvent>) -> Vec<String> {
        if let Some(requests) = &mut self.requests {
            let complete = requests.take(events);
            return complete.iter().flat_map(|request| self.form.format_request(request)).collect();
        }
        let mut lines = Vec::new();
        // Environments write to streams of their own, so events of several requests are mixed.
        for event in weave::in_order(events) {
            let line = Line::parse(&event.message);
            let request = self.current.of(&event, &line);
            lines.extend(self.form.format_event(&event, &line, request.as_deref()));
        }
        lines
    }

    /// Returns the lines for what is still unfinished when nothing more will come: requests without a report.
    pub(crate) fn format_unfinished(&mut self) -> Vec<String> {
        let rest = self.requests.as_mut().map(Requests::rest).unwrap_or_default();
        rest.iter().flat_map(|request| self.form.format_request(request)).collect()
    }
}

impl Form {
    /// Formats one event. A table never gets one: it is used for requests only.
    fn format_event(&mut self, event: &LogEvent, line: &Line, request_id: Option<&str>) -> Vec<String> {
        match self {
            Self::Lines(lines) => lines.render_event(event, line, request_id),
            Self::Json | Self::Table(_) => vec![json::event_to_json(event, line, request_id).to_string()],
        }
    }

    /// Formats one request. Only the table has a text form of requests.
    fn format_request(&mut self, request: &lzap_core::logs::request::Request) -> Vec<String> {
        match self {
            Self::Table(table) => table.render(request),
            Self::Json | Self::Lines(_) => vec![json::request_to_json(request).to_string()],
        }
    }
}
