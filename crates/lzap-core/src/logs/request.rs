//! The lines of one request together: what the runtime crate logs for it, and what Lambda reports.

use std::collections::{BTreeMap, VecDeque};

use super::line::{Access, Line, Report};
use super::{LogEvent, weave};

/// An HTTP request, or another invocation (a keep-warm ping, a probe).
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Time of its last line, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Lambda's id of the invocation.
    pub request_id: String,
    /// The log stream of the execution environment.
    pub stream: String,
    /// The HTTP request and its status; `None` if the runtime crate logged nothing: no HTTP request, or the function
    /// failed.
    pub access: Option<Access>,
    /// The measurements; `None` until Lambda has logged its `REPORT` line.
    pub report: Option<Report>,
}

/// Maximum number of requests that wait for their report.
const OPEN: usize = 10_000;

/// Collects requests from the lines of a log.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    /// Requests that wait for their report, by id.
    open: BTreeMap<String, Request>,
    /// Their ids in the order in which they began, completed ones among them.
    order: VecDeque<String>,
}

impl Requests {
    /// Returns the requests that these events complete, in the order of their reports. A report without an
    /// access record before it is an invocation that is no HTTP request.
    pub fn take(&mut self, events: Vec<LogEvent>) -> Vec<Request> {
        let lines: Vec<(LogEvent, Line)> = weave::in_order(events)
            .into_iter()
            .map(|event| {
                let line = Line::parse(&event.message);
                (event, line)
            })
            .collect();
        // Access records first: one can have the same millisecond as its report, and come after it.
        for (event, line) in &lines {
            if let Line::Said(record) = line
                && let (Some(access), Some(id)) = (record.access(), &record.request_id)
            {
                self.begin_request(event, id, access);
            }
        }
        lines
            .into_iter()
            .filter_map(|(event, line)| match line {
                Line::Report(report) => Some(self.complete_request(event, report)),
                _ => None,
            })
            .collect()
    }

    /// Returns the requests without a report, oldest first, and forgets them.
    pub fn rest(&mut self) -> Vec<Request> {
        let mut rest: Vec<Request> = std::mem::take(&mut self.open).into_values().collect();
        rest.sort_by_key(|request| request.timestamp_ms);
        self.order.clear();
        rest
    }

    /// Remembers a request until its report comes.
    fn begin_request(&mut self, event: &LogEvent, id: &str, access: Access) {
        let request = Request {
            timestamp_ms: event.timestamp_ms,
            request_id: id.to_owned(),
            stream: event.stream.clone(),
            access: Some(access),
            report: None,
        };
        if self.open.insert(id.to_owned(), request).is_none() {
            self.order.push_back(id.to_owned());
        }
        // Requests that never get a report (the function was deleted) must not fill the memory of a long `lzap tail`.
        while self.open.len() > OPEN || self.order.len() > 2 * OPEN {
            let Some(oldest) = self.order.pop_front() else { break };
            self.open.remove(&oldest);
        }
    }

    /// Joins the report with the access record of the same invocation, if there was one.
    fn complete_request(&mut self, event: LogEvent, report: Report) -> Request {
        let begun = self.open.remove(&report.request_id);
        Request {
            timestamp_ms: event.timestamp_ms,
            request_id: report.request_id.clone(),
            stream: event.stream,
            access: begun.and_then(|request| request.access),
            report: Some(report),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(timestamp_ms: i64, message: String) -> LogEvent {
        LogEvent { id: String::new(), timestamp_ms, stream: "a".to_owned(), message }
    }

    fn access(id: &str, at: i64, path: &str) -> LogEvent {
        event(
            at,
            format!(
                r#"{{"level":"INFO","target":"lzap::access","requestId":"{id}","method":"GET","path":"{path}","status":200,"duration_ms":1,"message":"request"}}"#
            ),
        )
    }

    fn report(id: &str, at: i64) -> LogEvent {
        event(at, format!("REPORT RequestId: {id}\tDuration: 2.00 ms\tBilled Duration: 2 ms"))
    }

    fn shown(requests: &[Request]) -> Vec<(&str, Option<&str>, bool)> {
        let path = |it: &'_ Request| it.access.as_ref().map(|access| access.path.clone());
        requests
            .iter()
            .map(|it| {
                let known = path(it).is_some_and(|path| path == "/cart").then_some("/cart");
                (it.request_id.as_str(), known, it.report.is_some())
            })
            .collect()
    }

    #[test]
    fn a_request_is_complete_with_its_report() {
        let mut requests = Requests::default();
        assert_eq!(requests.take(vec![access("1", 10, "/cart")]), []);
        let done = requests.take(vec![report("2", 11), report("1", 12)]);
        assert_eq!(shown(&done), [("2", None, true), ("1", Some("/cart"), true)]);
        assert_eq!(requests.rest(), []);
    }

    #[test]
    fn lines_of_one_millisecond_find_each_other_in_any_order() {
        let mut requests = Requests::default();
        let done = requests.take(vec![report("1", 10), access("1", 10, "/cart")]);
        assert_eq!(shown(&done), [("1", Some("/cart"), true)]);
    }

    #[test]
    fn what_has_no_report_yet_is_the_rest() {
        let mut requests = Requests::default();
        requests.take(vec![access("2", 20, "/cart"), access("1", 10, "/cart")]);
        let rest = requests.rest();
        assert_eq!(shown(&rest), [("1", Some("/cart"), false), ("2", Some("/cart"), false)]);
        assert_eq!(requests.rest(), []);
    }

    #[test]
    fn memory_is_bounded() {
        let mut requests = Requests::default();
        for n in 0..OPEN + 10 {
            requests.take(vec![access(&n.to_string(), 0, "/cart")]);
        }
        assert_eq!(requests.open.len(), OPEN);
        assert!(!requests.open.contains_key("0"), "the oldest goes first");
    }
}
