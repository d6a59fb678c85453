//! Requests for people: a table that grows, the request itself last, since it may be long.
//!
//! ```text
//! time         id        status    duration    billed   memory cold start  request
//! 01:00:00.005 0a1b2c3d     200     2.31 ms      5 ms    18 MB    2.40 ms  GET /cart
//! 01:00:04.118 5e6f7a8b timeout  3000.00 ms   3000 ms    18 MB             timeout
//! ```
//!
//! A row is printed once and never changed: a request appears when Lambda has reported its end.

use jiff::tz::TimeZone;
use lzap_core::logs::request::Request;

use crate::ui::text::strip_control_characters;

use super::lines::{Clock, DIM, FAILED, shorten_id, status_style};

/// Renders requests one after the other, the first below a header.
pub(super) struct Table {
    clock: Clock,
    /// Set once the header was printed, which isn't before the first request.
    headed: bool,
}

impl Table {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self { clock: Clock::new(zone), headed: false }
    }

    /// Returns the row of a request, below the header for the first one and below the day where it changes.
    pub(super) fn render(&mut self, request: &Request) -> Vec<String> {
        let mut rows = Vec::new();
        if !self.headed {
            self.headed = true;
            rows.push(format!(
                "{DIM}{:<12} {:<8} {:>7} {:>11} {:>9} {:>8} {:>10}  request{DIM:#}",
                "time", "id", "status", "duration", "billed", "memory", "cold start"
            ));
        }
        let (day, time) = self.clock.at(request.timestamp_ms);
        rows.extend(day);
        let (status, style) = describe_status(request);
        let report = request.report.as_ref();
        let column = |text: Option<String>| text.unwrap_or_default();
        rows.push(format!(
            "{DIM}{time} {:<8}{DIM:#} {style}{status:>7}{style:#} {:>11} {:>9} {:>8} {:>10}  {}",
            shorten_id(&request.request_id),
            column(report.map(|it| format!("{:.2} ms", it.duration_ms))),
            column(report.map(|it| format!("{:.0} ms", it.billed_ms))),
            column(report.map(|it| format!("{} MB", it.max_memory_mb))),
            column(report.and_then(|it| it.init_ms).map(|ms| format!("{ms:.2} ms"))),
            describe_request(request),
        ));
        rows
    }
}

/// Returns the HTTP status of the answer, or the failure that Lambda reported, which wins: the app may have
/// answered before it was stopped. A minus stands for an invocation without either.
fn describe_status(request: &Request) -> (String, anstyle::Style) {
    let failure = request.report.as_ref().and_then(|report| report.failure.as_deref());
    match (failure, &request.access) {
        (Some("timeout"), _) => ("timeout".to_owned(), FAILED),
        (Some(_), _) => ("error".to_owned(), FAILED),
        (None, Some(access)) => (access.status.to_string(), status_style(access.status)),
        (None, None) => ("-".to_owned(), DIM),
    }
}

/// Returns method and path; without an HTTP request, the failure or a note.
fn describe_request(request: &Request) -> String {
    let failure = request.report.as_ref().and_then(|report| report.failure.as_deref());
    match (&request.access, failure) {
        (Some(access), _) => strip_control_characters(&format!("{} {}", access.method, access.path)),
        (None, Some(failure)) => strip_control_characters(failure),
        (None, None) => format!("{DIM}no HTTP request (keep-warm or probe){DIM:#}"),
    }
}

#[cfg(test)]
mod tests {
    use lzap_core::logs::line::{Access, Report};

    use super::*;

    #[test]
    fn a_row_for_each_request_under_one_header() {
        let mut table = Table::new(TimeZone::UTC);
        let report = Report {
            request_id: "0a1b2c3d-x".into(),
            duration_ms: 2.314,
            billed_ms: 5.0,
            memory_mb: 512,
            max_memory_mb: 18,
            init_ms: Some(2.4),
            failure: None,
        };
        let access = Access { method: "GET".into(), path: "/cart".into(), status: 200, duration_ms: 0.3 };
        let request = Request {
            timestamp_ms: jiff::Timestamp::now().as_millisecond(),
            request_id: report.request_id.clone(),
            stream: "a".into(),
            access: Some(access),
            report: Some(report.clone()),
        };
        let timeout = Report { failure: Some("timeout".into()), ..report };
        let broken = Request { access: None, report: Some(timeout), ..request.clone() };
        let ping = Request { access: None, report: None, ..request.clone() };
        let rows: Vec<String> =
            [request, broken, ping].iter().flat_map(|request| table.render(request)).collect();
        let ends: Vec<String> = rows
            .iter()
            .map(|row| anstream::adapter::strip_str(row).to_string().chars().skip(13).collect())
            .collect();
        assert_eq!(
            ends,
            [
                "id        status    duration    billed   memory cold start  request",
                "0a1b2c3d     200     2.31 ms      5 ms    18 MB    2.40 ms  GET /cart",
                "0a1b2c3d timeout     2.31 ms      5 ms    18 MB    2.40 ms  timeout",
                "0a1b2c3d       -                                            no HTTP request (keep-warm or probe)",
            ]
        );
    }
}
