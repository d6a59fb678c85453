//! A function's log, as far as it can be understood without reading it: when to ask for what, which events are new,
//! what a line is.
//!
//! `lzap tail` walks it in this order: [`since`] (where to begin) and [`pattern`] (what CloudWatch is asked for) →
//! [`window`] (the next stretch of time, and which of its events were not shown yet) → [`weave`] (their order) →
//! [`mod@line`] (what each says) → [`request`] (lines of one request together). Fetching is `lzap-aws`'s, showing is
//! `lzap-cli`'s.

pub mod line;
pub mod pattern;
pub mod request;
pub mod since;
pub mod weave;
pub mod window;

/// An event of a log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// CloudWatch's id of the event: the same each time the event is read.
    pub id: String,
    /// Time of the line in milliseconds since 1970, by the writer's clock.
    pub timestamp_ms: i64,
    /// The log stream; each execution environment writes one.
    pub stream: String,
    /// The text, without the newline at its end.
    pub message: String,
}
