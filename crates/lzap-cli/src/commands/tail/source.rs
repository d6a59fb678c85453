//! A log group that is read: which part of it was, and what of that isn't shown yet.
//!
//! One round reads a group page by page, from the oldest time that may have new events to now. Events of
//! several groups are shown in the order of time, which needs a buffer in each.

use std::collections::VecDeque;

use jiff::Timestamp;
use lzap_aws::{AwsError, Clients, LogQuery, filter_log_events};
use lzap_core::logs::LogEvent;
use lzap_core::logs::window::Window;
use lzap_core::names::Names;

/// The position of a round in a group.
enum Reading {
    /// At its first page: each round begins here, also after one that failed.
    Begins,
    /// At the page with this token.
    Goes(String),
    /// At its end.
    Ended,
}

/// One log group.
pub(super) struct Source {
    /// The names of the stage's resources, of the app or of its workers.
    pub(super) names: Names,
    /// The time range to read, and the events that were read already.
    window: Window,
    /// The start of the current round's range, in milliseconds since 1970.
    from_ms: i64,
    /// The position in the current round.
    reading: Reading,
    /// Events that were read and wait for those of other groups, in the order of CloudWatch.
    unshown: VecDeque<LogEvent>,
}

impl Source {
    pub(super) fn new(names: Names, window: Window) -> Self {
        Self { names, window, from_ms: 0, reading: Reading::Ended, unshown: VecDeque::new() }
    }

    /// Begins to read again from the oldest time that may have new events. Events that wait to be shown stay.
    pub(super) fn begin_round(&mut self, now_ms: i64) {
        self.from_ms = self.window.begin_round(now_ms);
        self.reading = Reading::Begins;
    }

    /// Returns whether the group may have earlier events than the other groups, whose events then have to wait.
    pub(super) fn wants_page(&self) -> bool {
        self.unshown.is_empty() && !matches!(self.reading, Reading::Ended)
    }

    /// Reads the next page: one `logs:FilterLogEvents`. Returns whether the group exists; one that doesn't is
    /// at its end.
    pub(super) async fn read_page(&mut self, clients: &Clients, pattern: &str) -> Result<bool, AwsError> {
        let token = match &self.reading {
            Reading::Goes(token) => Some(token.as_str()),
            Reading::Begins | Reading::Ended => None,
        };
        let query = LogQuery { from_ms: self.from_ms, pattern, token };
        let page = filter_log_events(clients, &self.names, query).await?;
        let exists = page.is_some();
        let next = page.and_then(|page| {
            // Only what wasn't read in an earlier round, which the window knows.
            self.unshown.extend(self.window.take(page.events));
            page.next
        });
        // A missing group was not read, so its next round begins at the same time.
        if next.is_none() && exists {
            self.window.end_round();
        }
        self.reading = next.map_or(Reading::Ended, Reading::Goes);
        Ok(exists)
    }
}

/// Returns the events that can be shown, in the order of time: all up to the point where a group needs its next page.
pub(super) fn merge_events(sources: &mut [Source]) -> Vec<LogEvent> {
    let mut events = Vec::new();
    while !sources.iter().any(Source::wants_page) {
        let earliest = sources
            .iter_mut()
            .filter_map(|source| Some((source.unshown.front()?.timestamp_ms, &mut source.unshown)))
            .min_by_key(|(timestamp_ms, _)| *timestamp_ms);
        let Some((_, unshown)) = earliest else { break };
        events.extend(unshown.pop_front());
    }
    events
}

/// Returns the time in milliseconds since 1970, by the clock of this machine.
pub(super) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    use lzap_core::names::{Part, Place, RoleName};

    use super::*;

    fn source(reading: Reading, times: &[i64]) -> Source {
        let place = Place { partition: String::new(), account: String::new(), region: String::new() };
        let names = Names {
            app: "shop".to_owned(),
            stage: "dev".to_owned(),
            place,
            role: RoleName::default(),
            part: Part::App,
        };
        let event = |timestamp_ms: &i64| LogEvent {
            id: timestamp_ms.to_string(),
            timestamp_ms: *timestamp_ms,
            stream: String::new(),
            message: String::new(),
        };
        let unshown = times.iter().map(event).collect();
        Source { reading, unshown, ..Source::new(names, Window::new(0)) }
    }

    #[test]
    fn groups_are_merged_by_time_up_to_the_next_unread_page() {
        let mut sources =
            [source(Reading::Goes("more".to_owned()), &[1, 4]), source(Reading::Ended, &[2, 3, 9])];
        let times = |events: Vec<LogEvent>| events.iter().map(|event| event.timestamp_ms).collect::<Vec<_>>();
        assert_eq!(times(merge_events(&mut sources)), [1, 2, 3, 4], "the first group's next page may hold 5");
        sources[0].reading = Reading::Ended;
        assert_eq!(times(merge_events(&mut sources)), [9]);
        assert_eq!(times(merge_events(&mut sources)), [0_i64; 0]);
    }
}
