//! The number of invocations that may be in flight. It is measured, because Lambda has no operation that returns the
//! available concurrency.
//!
//! The window starts at a guess, and grows with each answer and with each round trip without throttling. When Lambda
//! throttles an invocation, the window shrinks to the number in flight at that moment, and from then on grows by one per
//! round. Halving, as TCP does, was not used: the number in flight is what Lambda accepted, so after a burst into a full
//! account the window is right as soon as the last throttled answer arrives. Throttling by the request rate delays
//! launches and leaves the window unchanged.
//!
//! This module is pure: the caller passes the time.

use std::time::Duration;

use lzap_wire::invoke::ThrottleReason;

use crate::attempt::AttemptEnd;

/// The first window. A new account may have a concurrency limit of 10; then throttled answers, which cost nothing, shrink
/// the window within one round trip. In a larger account, a smaller start would cost an additional round trip. The guide
/// has the simulator's figures.
const START: f64 = 100.0;
/// The growth per answer until the first throttled one: the window doubles with each round of answers.
const GROWTH: f64 = 1.0;
/// The time after which a full window without throttling doubles. Throttled answers arrive within one round trip, the others
/// only when the work is done, so a map of long chunks must not wait for answers to grow.
const DOUBLING_DELAY: Duration = Duration::from_millis(50);
/// The largest window: each invocation needs a connection, and a Lambda process has 1,024 file descriptors.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const MAX_IN_FLIGHT: usize = 900;
/// Throttling for this long with nothing in flight means that other callers use all concurrency.
const STUCK_AFTER: Duration = Duration::from_secs(2);
/// The time between launches of a stuck window: one probe a second finds out when concurrency is free again.
const STUCK_PAUSE: Duration = Duration::from_secs(1);
/// The wait after the first throttled launch with nothing in flight. It doubles up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The longest and the shortest time between launches after throttling by the request rate: 4 to 500 a second.
const LONGEST_PACE: Duration = Duration::from_millis(250);
const FIRST_PACE: Duration = Duration::from_millis(2);

/// The measured limit for invocations in flight. Times count from an epoch that the owner chooses.
#[derive(Clone, Debug)]
pub struct Window {
    size: f64,
    /// Of all maps that share the window, since they share the account's concurrency.
    in_flight: usize,
    /// No launch was throttled yet, so the window grows fast.
    slow_start: bool,
    /// The time at which the window was first full since it last doubled; `None` if it was not.
    filled: Option<Duration>,
    /// The number of throttled launches since the last answer, and the time of the first.
    throttled: Option<(u32, Duration)>,
    /// The earliest time of the next launch, after throttling or a lack of file descriptors.
    not_before: Duration,
    /// The earliest time at which the window may grow: Lambda's `Retry-After` delays growth, not replacements.
    not_larger_before: Duration,
    /// The time between two launches; zero while the request rate is not throttled.
    pace: Duration,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            size: START,
            in_flight: 0,
            slow_start: true,
            filled: None,
            throttled: None,
            not_before: Duration::ZERO,
            not_larger_before: Duration::ZERO,
            pace: Duration::ZERO,
        }
    }
}

/// The answer to a map that wants to send one more invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// At once.
    Now,
    /// From this time on.
    At(Duration),
    /// After an invocation in flight has ended, of this map or of another one that shares the window.
    Later,
}

impl Window {
    /// The capacity of the window at `now`. It does not reserve the place: [`Self::record_launch`] does.
    pub fn capacity(&self, now: Duration) -> Capacity {
        if self.in_flight >= self.size() {
            self.next_doubling().map_or(Capacity::Later, Capacity::At)
        } else if now < self.not_before {
            Capacity::At(self.not_before)
        } else {
            Capacity::Now
        }
    }

    /// The largest number of invocations in flight: 1 to [`MAX_IN_FLIGHT`].
    pub fn size(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 900")]
        let size = self.size as usize;
        size.clamp(1, MAX_IN_FLIGHT)
    }

    /// The size that the window can reach soon: [`MAX_IN_FLIGHT`] before the first throttled launch, then twice the current size.
    /// The plan uses it to choose the number of chunks.
    pub fn max_size(&self) -> usize {
        if self.slow_start { MAX_IN_FLIGHT } else { (2 * self.size()).min(MAX_IN_FLIGHT) }
    }

    /// True after two seconds of throttling with nothing in flight: other callers use all concurrency.
    pub fn is_stuck(&self, now: Duration) -> bool {
        self.in_flight == 0
            && self.throttled.is_some_and(|(_, since)| now.saturating_sub(since) >= STUCK_AFTER)
    }

    /// The time at which a full window doubles, unless a launch is throttled before.
    fn next_doubling(&self) -> Option<Duration> {
        // After throttling the limit is known, and doubling would only be throttled again.
        let may = self.slow_start && self.size < max_f64();
        self.filled.filter(|_| may).map(|filled| filled + DOUBLING_DELAY)
    }

    /// Doubles a full window if its time has come. Must run before [`Self::capacity`], which does not change anything.
    pub fn double_if_due(&mut self, now: Duration) {
        if self.in_flight >= self.size() && self.next_doubling().is_some_and(|then| now >= then) {
            self.size = (self.size * 2.0).min(max_f64());
            self.filled = None;
        }
    }

    /// Takes a place in the window.
    pub fn record_launch(&mut self, now: Duration) {
        // Throttling that ended long ago belongs to another map, and says nothing about the present.
        // Measured from the last planned launch, since a stuck window itself waits between launches.
        if self.throttled.is_some_and(|(_, since)| now > since.max(self.not_before) + STUCK_AFTER) {
            self.throttled = None;
        }
        self.in_flight += 1;
        if self.in_flight >= self.size() {
            // Only the first time counts. Later launches at the same size replace ended ones.
            self.filled.get_or_insert(now);
        }
        if !self.pace.is_zero() {
            self.not_before = now + self.pace;
        }
    }

    /// Records the end of an invocation with what it says about the available concurrency.
    pub fn record_end(&mut self, now: Duration, end: &AttemptEnd) {
        match end {
            AttemptEnd::Throttled { reason: ThrottleReason::Concurrency, retry_after } => {
                self.record_concurrency_throttle(now, *retry_after);
            }
            AttemptEnd::Throttled { reason: ThrottleReason::Rate, retry_after } => {
                self.record_rate_throttle(now, *retry_after);
            }
            AttemptEnd::OutOfDescriptors => self.record_descriptor_shortage(now),
            // These ends say nothing about concurrency: the request may not have reached Lambda.
            AttemptEnd::ResponseLost(_)
            | AttemptEnd::NotSent(_)
            | AttemptEnd::LambdaUnusable { .. }
            | AttemptEnd::TooLarge { .. } => {
                self.release_place();
            }
            _ => self.record_answer(now),
        }
    }

    /// Records an invocation that Lambda accepted, whatever its result.
    pub fn record_answer(&mut self, now: Duration) {
        self.release_place();
        self.throttled = None;
        if now >= self.not_larger_before {
            self.size = (self.size + if self.slow_start { GROWTH } else { 1.0 / self.size }).min(max_f64());
        }
        // Each answer shortens the pace by a tenth, so that it settles near the allowed rate.
        self.pace = self.pace * 9 / 10;
        if self.pace < FIRST_PACE {
            self.pace = Duration::ZERO;
        }
    }

    /// Records the end of an invocation that says nothing about concurrency: its connection broke, or its map was dropped.
    pub fn release_place(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Records a launch that was throttled by the concurrency limit. The invocations still in flight are what the limit
    /// allows: each end frees a place for the next launch. `retry_after` therefore delays growth, not those launches.
    pub fn record_concurrency_throttle(&mut self, now: Duration, retry_after: Option<Duration>) {
        self.release_place();
        self.slow_start = false;
        // The throttled launch is no longer counted in `in_flight`.
        self.size = self.size.min(to_f64(self.in_flight).max(1.0));
        let (times, since) = self.throttled.unwrap_or((0, now));
        self.throttled = Some((times + 1, since));
        let wait = retry_after.unwrap_or_default();
        self.not_larger_before = self.not_larger_before.max(now + wait);
        // With invocations in flight, their ends trigger the next launch. Without any, only time can.
        if self.in_flight == 0 {
            let pause = (PAUSE * 2_u32.saturating_pow(times.min(8))).min(LONGEST_PAUSE);
            let pause = if self.is_stuck(now) { STUCK_PAUSE } else { pause };
            self.not_before = self.not_before.max(now + pause.max(wait));
        }
    }

    /// Records a launch that was throttled by the request rate.
    pub fn record_rate_throttle(&mut self, now: Duration, retry_after: Option<Duration>) {
        self.release_place();
        // Doubling finds an allowed rate within a few throttled launches, even for large maps.
        self.pace = (self.pace * 2).clamp(FIRST_PACE, LONGEST_PACE);
        let (times, since) = self.throttled.unwrap_or((0, now));
        self.throttled = Some((times + 1, since));
        let wait = retry_after.filter(|wait| !wait.is_zero()).unwrap_or(self.pace);
        self.not_before = self.not_before.max(now + wait);
    }

    /// Records that the process had no file descriptor for a connection, and halves the window. The app needs descriptors too.
    /// The pause keeps the next launch from failing at once in the same way.
    pub(crate) fn record_descriptor_shortage(&mut self, now: Duration) {
        self.release_place();
        self.not_before = self.not_before.max(now + PAUSE);
        self.slow_start = false;
        self.size = (to_f64(self.in_flight) / 2.0).max(1.0);
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most 900")]
fn to_f64(in_flight: usize) -> f64 {
    in_flight as f64
}

fn max_f64() -> f64 {
    to_f64(MAX_IN_FLIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn burst_into_a_full_account_shrinks_the_window_to_the_accepted_launches() {
        let mut window = Window::default();
        (0..100).for_each(|_| window.record_launch(Duration::ZERO));
        (0..90).for_each(|_| window.record_concurrency_throttle(MS, None));
        assert_eq!((window.size(), window.capacity(MS)), (10, Capacity::Later));
        // A round of answers grows the window by one, to measure whether more is available.
        (0..11).for_each(|_| {
            window.record_answer(MS);
            window.record_launch(MS);
        });
        assert_eq!(window.size(), 11);
    }

    #[test]
    fn throttling_of_an_earlier_map_does_not_make_the_window_stuck() {
        let mut window = Window::default();
        let refused = |window: &mut Window, now| {
            window.record_launch(now);
            window.record_concurrency_throttle(now, None);
            window.is_stuck(now)
        };
        let stuck: Vec<_> = (0..5).map(|n| refused(&mut window, n * 1000 * MS)).collect();
        assert_eq!(stuck, [false, false, true, true, true], "for two seconds");
        assert!(!refused(&mut window, 60_000 * MS), "that was another time");
    }

    #[test]
    fn full_window_without_throttling_doubles_before_the_first_answer() {
        let mut window = Window::default();
        let fill = |window: &mut Window, now| {
            window.double_if_due(now);
            while window.capacity(now) == Capacity::Now {
                window.record_launch(now);
            }
            (window.size(), window.capacity(now))
        };
        assert_eq!(fill(&mut window, Duration::ZERO), (100, Capacity::At(DOUBLING_DELAY)));
        assert_eq!(fill(&mut window, DOUBLING_DELAY * 9 / 10), (100, Capacity::At(DOUBLING_DELAY)));
        assert_eq!(fill(&mut window, DOUBLING_DELAY), (200, Capacity::At(2 * DOUBLING_DELAY)));
        assert_eq!(fill(&mut window, 3 * DOUBLING_DELAY), (400, Capacity::At(4 * DOUBLING_DELAY)));
        assert_eq!(window.max_size(), MAX_IN_FLIGHT);
        // Lambda accepts 250: the window takes that size, and grows with answers from now on.
        (0..150).for_each(|_| window.record_concurrency_throttle(4 * DOUBLING_DELAY, None));
        assert_eq!(fill(&mut window, 9 * DOUBLING_DELAY), (250, Capacity::Later));
        assert_eq!(window.max_size(), 500);
    }

    #[test]
    fn window_never_grows_above_the_connection_limit() {
        let mut window = Window::default();
        for round in 0..20 {
            window.double_if_due(round * DOUBLING_DELAY);
            while window.capacity(round * DOUBLING_DELAY) == Capacity::Now {
                window.record_launch(round * DOUBLING_DELAY);
            }
        }
        assert_eq!((window.size(), window.capacity(20 * DOUBLING_DELAY)), (MAX_IN_FLIGHT, Capacity::Later));
    }

    /// With a pause at each throttled launch, a map of short chunks would wait most of the time.
    #[test]
    fn retry_after_delays_growth_and_not_launches_into_free_places() {
        let second = Duration::from_secs(1);
        let mut window = Window::default();
        (0..8).for_each(|_| window.record_launch(Duration::ZERO));
        (0..4).for_each(|_| window.record_concurrency_throttle(MS, Some(second)));
        for round in 1..10 {
            window.record_answer(round * 100 * MS);
            assert_eq!(window.capacity(round * 100 * MS), Capacity::Now, "an ended invocation frees a place");
            window.record_launch(round * 100 * MS);
            assert_eq!((window.size(), window.capacity(round * 100 * MS)), (4, Capacity::Later));
        }
        // After the wait it launches one more. Throttled with nothing in flight, it waits.
        (0..4).for_each(|_| window.record_answer(2 * second));
        assert_eq!((window.size(), window.capacity(2 * second)), (4, Capacity::Now));
        window.record_launch(2 * second);
        window.record_concurrency_throttle(2 * second, Some(second));
        assert_eq!(window.capacity(2 * second), Capacity::At(3 * second));
    }

    #[test]
    fn stuck_window_launches_once_a_second() {
        let mut window = Window::default();
        let (mut now, mut launches) = (Duration::ZERO, 0);
        while now < Duration::from_secs(12) {
            match window.capacity(now) {
                Capacity::Now => {
                    window.record_launch(now);
                    window.record_concurrency_throttle(now, None);
                    launches += 1;
                }
                Capacity::At(then) => now = then,
                Capacity::Later => unreachable!("nothing is in flight"),
            }
        }
        assert!(window.is_stuck(now));
        assert!((14..24).contains(&launches), "{launches}");
        window.record_launch(now);
        window.record_answer(now);
        assert!(!window.is_stuck(now));
    }

    #[test]
    fn rate_throttling_delays_launches_and_keeps_the_window() {
        let mut window = Window::default();
        window.record_launch(Duration::ZERO);
        window.record_rate_throttle(Duration::ZERO, None);
        assert_eq!((window.size(), window.capacity(Duration::ZERO)), (100, Capacity::At(2 * MS)));
        window.record_launch(2 * MS);
        window.record_rate_throttle(2 * MS, Some(Duration::from_secs(3)));
        assert_eq!(window.capacity(2 * MS), Capacity::At(Duration::from_secs(3) + 2 * MS));
    }
}
