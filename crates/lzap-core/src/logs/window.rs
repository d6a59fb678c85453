//! Selects the period to ask for next, and drops the events that were shown before.
//!
//! Events appear in CloudWatch seconds after they were written, and not in the order of their times. So each round
//! reads again a period before the newest event, each tenth round reads a longer one for stragglers, and an event that
//! was shown before is recognized by its id. An event that arrives later than the longest period is never shown; no
//! event is shown twice.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::LogEvent;

/// The overlap of a round with the one before: it starts this long before the newest event.
pub const OVERLAP_MS: i64 = 15_000;
/// The longer overlap of each tenth round, for events that CloudWatch shows late.
pub const LATE_MS: i64 = 120_000;
/// A function that is silent for long isn't read from its last event on: no round begins earlier than this before now.
/// Generous, because "now" is this machine's idea of it and the events' times are not.
pub const IDLE_MS: i64 = 600_000;
/// The interval of the rounds that read the longer period.
const FAR_ROUND: u32 = 10;
/// Maximum number of remembered events. Beyond it the oldest are forgotten, and no round reads their time again.
const REMEMBERED: usize = 200_000;

/// The events that were read so far.
#[derive(Clone, Debug)]
pub struct Window {
    /// The beginning that the user chose, in milliseconds since 1970, like all times here.
    since_ms: i64,
    /// The time of the newest event so far; `None` before the first.
    newest_ms: Option<i64>,
    /// The number of complete rounds.
    rounds: u32,
    /// Time and key of each remembered event, so that the oldest come first.
    seen: BTreeSet<(i64, u64)>,
    /// Start of the period that may be read: older events were forgotten, or lie before the beginning.
    floor_ms: i64,
    /// The maximum of `seen`; smaller in tests.
    remembered: usize,
}

impl Window {
    /// An empty window that begins at `since_ms`.
    pub fn new(since_ms: i64) -> Self {
        Self {
            since_ms,
            newest_ms: None,
            rounds: 0,
            seen: BTreeSet::new(),
            floor_ms: since_ms,
            remembered: REMEMBERED,
        }
    }

    /// Begins a round at `now_ms`: the time from which on events are asked for, however many pages they fill.
    ///
    /// A round that failed halfway needs no special handling, because pages are ordered by time.
    pub fn begin_round(&mut self, now_ms: i64) -> i64 {
        // An event can have a time in the future: the writer's clock may be ahead.
        let newest = self.newest_ms.map(|newest| newest.min(now_ms));
        let back = |ms: i64| newest.map_or(self.since_ms, |newest| newest.saturating_sub(ms));
        // The first period is always read to its end, however long ago it was.
        let idle = if self.rounds == 0 { i64::MIN } else { now_ms.saturating_sub(IDLE_MS) };
        let far = self.rounds % FAR_ROUND == FAR_ROUND - 1;
        let from = back(if far { LATE_MS } else { OVERLAP_MS }).max(idle).max(self.floor_ms);
        self.forget_before(back(LATE_MS).max(idle));
        from
    }

    /// The round's last page was read.
    pub fn end_round(&mut self) {
        // Never 0 again, because round 0 is the first period.
        self.rounds = self.rounds.wrapping_add(1).max(1);
    }

    /// Returns the events that were not seen before, in the order given.
    pub fn take(&mut self, events: Vec<LogEvent>) -> Vec<LogEvent> {
        events.into_iter().filter(|event| self.is_new(event)).collect()
    }

    /// Remembers the event; returns whether it wasn't remembered before.
    fn is_new(&mut self, event: &LogEvent) -> bool {
        if event.timestamp_ms < self.floor_ms || !self.seen.insert((event.timestamp_ms, event_key(event))) {
            return false;
        }
        self.newest_ms = self.newest_ms.max(Some(event.timestamp_ms));
        // Forgetting an event without moving the floor would show it a second time.
        if self.seen.len() > self.remembered
            && let Some((oldest, _)) = self.seen.pop_first()
        {
            self.floor_ms = self.floor_ms.max(oldest.saturating_add(1));
        }
        true
    }

    /// Forgets the events before `ms`, which no round reads again.
    fn forget_before(&mut self, ms: i64) {
        self.floor_ms = self.floor_ms.max(ms);
        self.seen = self.seen.split_off(&(self.floor_ms, 0));
    }
}

/// Returns a hash instead of the id: ids are long and differ only at their end. Two different events with the
/// same millisecond and hash would hide one of them, with a probability of 1 in 2⁶⁴.
/// An event without an id is known by stream and text.
fn event_key(event: &LogEvent) -> u64 {
    let mut hasher = DefaultHasher::new();
    if event.id.is_empty() {
        (&event.stream, &event.message).hash(&mut hasher);
    } else {
        event.id.hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(id: usize, timestamp_ms: i64) -> LogEvent {
        LogEvent { id: id.to_string(), timestamp_ms, stream: String::new(), message: String::new() }
    }

    fn round(window: &mut Window, now_ms: i64) -> i64 {
        let from = window.begin_round(now_ms);
        window.end_round();
        from
    }

    fn ids(events: &[LogEvent]) -> Vec<&str> {
        events.iter().map(|event| event.id.as_str()).collect()
    }

    #[test]
    fn first_round_begins_at_since_and_later_rounds_overlap() {
        let mut window = Window::new(1_000);
        assert_eq!(round(&mut window, 500_000), 1_000);
        assert_eq!(round(&mut window, 500_000), 1_000, "nothing seen: nothing to skip");
        assert_eq!(ids(&window.take(vec![event(1, 400_000)])), ["1"]);
        assert_eq!(round(&mut window, 500_000), 400_000 - OVERLAP_MS);
        assert_eq!(round(&mut window, 2_000_000), 2_000_000 - IDLE_MS, "a silent function");
    }

    #[test]
    fn a_first_round_that_broke_off_is_taken_up_where_it_was() {
        let mut window = Window::new(1_000);
        window.begin_round(90_000_000);
        window.take(vec![event(1, 50_000)]);
        assert_eq!(window.begin_round(90_000_000), 50_000 - OVERLAP_MS, "however long ago that is");
    }

    #[test]
    fn a_tenth_round_looks_back_far() {
        let mut window = Window::new(0);
        window.begin_round(500_000);
        window.take(vec![event(1, 500_000)]);
        let starts: Vec<i64> = (0..20).map(|_| round(&mut window, 501_000)).collect();
        assert_eq!(starts.iter().filter(|start| **start == 500_000 - LATE_MS).count(), 2);
        assert_eq!(starts.iter().filter(|start| **start == 500_000 - OVERLAP_MS).count(), 18);
    }

    #[test]
    fn an_event_from_the_future_hides_nothing() {
        let mut window = Window::new(0);
        window.begin_round(100_000);
        window.take(vec![event(1, 9_000_000)]);
        assert_eq!(window.begin_round(100_000), 100_000 - OVERLAP_MS);
        assert_eq!(ids(&window.take(vec![event(1, 9_000_000), event(2, 99_000)])), ["2"]);
    }

    #[test]
    fn memory_is_bounded_and_nothing_comes_twice_for_it() {
        let mut window = Window { remembered: 10, ..Window::new(0) };
        window.begin_round(0);
        let all: Vec<_> = (0..100).map(|n| event(n, i64::try_from(n).unwrap_or_default())).collect();
        assert_eq!(window.take(all.clone()).len(), 100);
        assert!(window.seen.len() <= 10);
        assert_eq!(window.take(all), []);
        window.end_round();
        assert!(window.begin_round(1_000) >= 90, "no round goes back to what is forgotten");
    }

    proptest! {
        /// Whatever is written at `written` and appears up to 10 s later, in whichever order, is shown exactly once, and in
        /// the first round after it appeared; also where this machine's clock is a minute off.
        #[test]
        fn late_events_come_once(
            events in prop::collection::vec((0i64..60_000, 0i64..10_000), 0..200),
            skew in -60_000i64..60_000,
        ) {
            let base = 1_000_000_000;
            let mut window = Window::new(base);
            let mut shown = Vec::new();
            for second in 0..90 {
                let real = base + second * 1_000;
                let from = window.begin_round(real + skew);
                let page: Vec<_> = events
                    .iter()
                    .enumerate()
                    .map(|(id, (written, late))| (event(id, base + written), base + written + late))
                    .filter(|(event, appears)| *appears <= real && event.timestamp_ms >= from)
                    .map(|(event, _)| event)
                    .collect();
                shown.extend(window.take(page).into_iter().map(|event| event.id));
                window.end_round();
                let there = events.iter().filter(|(written, late)| base + written + late <= real).count();
                prop_assert_eq!(shown.len(), there, "all that is there, at once");
            }
            shown.sort();
            shown.dedup();
            prop_assert_eq!(shown.len(), events.len(), "nothing twice");
        }
    }
}
