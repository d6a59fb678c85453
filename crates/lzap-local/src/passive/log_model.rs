//! Log groups as kept in memory: their streams and events.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::answer::{self, Answer};

/// The number of newest events that a group keeps.
pub(super) const EVENTS_PER_GROUP: usize = 50_000;

/// Region and name of a log group.
pub(crate) type GroupId = (String, String);

/// The streams and events of a log group.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) streams: BTreeMap<String, Stream>,
    /// By time, then by arrival.
    pub(super) events: BTreeMap<(i64, u64), Event>,
    arrived: u64,
}

/// The times of a stream and of its events, in Unix milliseconds.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) created: i64,
    pub(super) first: Option<i64>,
    pub(super) last: Option<i64>,
    pub(super) ingested: Option<i64>,
}

/// A log event; its time is its key in the group.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) stream: String,
    pub(super) message: String,
    pub(super) ingested_ms: i64,
}

/// The error of a refused request: code and message.
#[derive(Debug)]
pub(crate) struct LogsError(pub(super) &'static str, pub(super) Cow<'static, str>);

impl LogsError {
    /// The group doesn't exist.
    pub(crate) fn no_group() -> Self {
        Self("ResourceNotFoundException", "The specified log group does not exist.".into())
    }

    /// The stream doesn't exist.
    pub(super) fn no_stream() -> Self {
        Self("ResourceNotFoundException", "The specified log stream does not exist.".into())
    }
}

impl From<LogsError> for Answer {
    fn from(LogsError(code, message): LogsError) -> Self {
        answer::aws_json_error(400, code, &message)
    }
}

impl Group {
    /// Adds a stream that was created at `created`, unless the group has it.
    pub(super) fn add_stream(&mut self, name: String, created: i64) {
        self.streams.entry(name).or_insert(Stream { created, ..Stream::default() });
    }

    /// Adds an event of the time `ms`, and drops the oldest one when the group has too many.
    pub(super) fn add_event(&mut self, ms: i64, event: Event) {
        let stream = self.streams.entry(event.stream.clone()).or_default();
        stream.first = Some(stream.first.map_or(ms, |first| first.min(ms)));
        stream.last = Some(stream.last.map_or(ms, |last| last.max(ms)));
        stream.ingested = Some(event.ingested_ms);
        self.arrived += 1;
        self.events.insert((ms, self.arrived), event);
        if self.events.len() > EVENTS_PER_GROUP {
            self.events.pop_first();
        }
    }
}
