//! How many invocations may be in flight: found out, not configured.
//!
//! Pure. It starts at a guess and grows, with each answer and with each round trip without a refusal, until Lambda refuses
//! one; then it is as large as what Lambda did take at that moment, and grows by one each round. That measures the room
//! there is instead of halving towards it: after a burst into a full account, the window is right when the last refusal
//! is in. Refusals that are about the rate of requests slow the launches down and leave the window alone.

use std::time::Duration;

/// The first guess. A new account may have room for ten: then the refusals, which are free, say so within one round
/// trip. Where there is more room, each smaller guess costs a round more: the simulator's figures are in the guide.
const START: f64 = 100.0;
/// How many more for each answer, until the first refusal.
const GROWTH: f64 = 1.0;
/// Refusals come within one round trip, answers only when the work is done. A full window of which nothing was refused
/// for so long was taken, and is doubled: so a map of long chunks doesn't wait for its first answers to grow.
const QUIET: Duration = Duration::from_millis(50);
/// What 1,024 file descriptors leave for connections.
pub(crate) const MOST: usize = 900;
/// Refused this long with nothing in flight: somebody else has all the room.
const STUCK: Duration = Duration::from_secs(2);
/// How often a stuck window looks again.
const LOOK: Duration = Duration::from_secs(1);
/// Waits between refusals with nothing in flight.
const PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The slowest pace that refusals for the rate lead to, and the first step towards it.
const SLOWEST: Duration = Duration::from_millis(250);
const FIRST_PACE: Duration = Duration::from_millis(2);

/// The room for invocations, as far as it is known. Times are since an epoch of the owner's choice.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    size: f64,
    /// In flight, of all maps that share the window.
    in_flight: usize,
    /// Nothing was refused yet: it may grow fast.
    slow_start: bool,
    /// When it was full for the first time at this size.
    filled: Option<Duration>,
    /// Refusals since the last answer, and when the first of them came.
    refused: Option<(u32, Duration)>,
    /// No launch before.
    not_before: Duration,
    /// It doesn't grow before.
    not_larger_before: Duration,
    /// Between two launches.
    pace: Duration,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            size: START,
            in_flight: 0,
            slow_start: true,
            filled: None,
            refused: None,
            not_before: Duration::ZERO,
            not_larger_before: Duration::ZERO,
            pace: Duration::ZERO,
        }
    }
}

/// Whether something may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Now,
    /// Not before.
    At(Duration),
    /// When something in flight has ended.
    Later,
}

impl Window {
    /// Whether one more may be sent.
    pub(crate) fn room(&self, now: Duration) -> Room {
        if self.in_flight >= self.size() {
            self.doubles().map_or(Room::Later, Room::At)
        } else if now < self.not_before {
            Room::At(self.not_before)
        } else {
            Room::Now
        }
    }

    pub(crate) fn size(&self) -> usize {
        // At least one, at most MOST: a small positive number.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 900")]
        let size = self.size as usize;
        size.clamp(1, MOST)
    }

    /// How large it may become, as far as that is known: twice what Lambda last took, once it has refused something.
    pub(crate) fn most(&self) -> usize {
        if self.slow_start { MOST } else { (2 * self.size()).min(MOST) }
    }

    /// Refused for so long that only others can be in the way.
    pub(crate) fn is_stuck(&self, now: Duration) -> bool {
        self.in_flight == 0 && self.refused.is_some_and(|(_, since)| now.saturating_sub(since) >= STUCK)
    }

    /// When a full window is to be doubled, unless something is refused before.
    fn doubles(&self) -> Option<Duration> {
        let may = self.slow_start && self.size < most();
        self.filled.filter(|_| may).map(|filled| filled + QUIET)
    }

    /// Doubles a window of which nothing was refused.
    pub(crate) fn look(&mut self, now: Duration) {
        if self.in_flight >= self.size() && self.doubles().is_some_and(|then| now >= then) {
            self.size = (self.size * 2.0).min(most());
            self.filled = None;
        }
    }

    pub(crate) fn sent(&mut self, now: Duration) {
        // Long ago: that was another map.
        if self.refused.is_some_and(|(_, since)| now > since.max(self.not_before) + STUCK) {
            self.refused = None;
        }
        self.in_flight += 1;
        if self.in_flight >= self.size() {
            self.filled.get_or_insert(now);
        }
        if !self.pace.is_zero() {
            self.not_before = now + self.pace;
        }
    }

    /// An invocation was taken, however it went on.
    pub(crate) fn answered(&mut self, now: Duration) {
        self.gone();
        self.refused = None;
        if now >= self.not_larger_before {
            self.size = (self.size + if self.slow_start { GROWTH } else { 1.0 / self.size }).min(most());
        }
        self.pace = self.pace * 9 / 10;
        if self.pace < FIRST_PACE {
            self.pace = Duration::ZERO;
        }
    }

    /// Nothing is known about the room: the connection broke, or nobody waits any more.
    pub(crate) fn gone(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Refused because all environments are at work. What is still in flight is what there was room for: each that ends
    /// leaves its place to the next, and when Lambda says to wait, it is with asking for more than that.
    pub(crate) fn full(&mut self, now: Duration, retry_after: Option<Duration>) {
        self.gone();
        self.slow_start = false;
        self.size = self.size.min(count(self.in_flight).max(1.0));
        let (times, since) = self.refused.unwrap_or((0, now));
        self.refused = Some((times + 1, since));
        let wait = retry_after.unwrap_or_default();
        self.not_larger_before = self.not_larger_before.max(now + wait);
        if self.in_flight == 0 {
            let pause = (PAUSE * 2_u32.saturating_pow(times.min(8))).min(LONGEST_PAUSE);
            let pause = if self.is_stuck(now) { LOOK } else { pause };
            self.not_before = self.not_before.max(now + pause.max(wait));
        }
    }

    /// Refused because requests come too fast.
    pub(crate) fn too_fast(&mut self, now: Duration, retry_after: Option<Duration>) {
        self.gone();
        self.pace = (self.pace * 2).clamp(FIRST_PACE, SLOWEST);
        let (times, since) = self.refused.unwrap_or((0, now));
        self.refused = Some((times + 1, since));
        let wait = retry_after.filter(|wait| !wait.is_zero()).unwrap_or(self.pace);
        self.not_before = self.not_before.max(now + wait);
    }

    /// This process can't hold so many connections.
    pub(crate) fn out_of_files(&mut self) {
        self.gone();
        self.slow_start = false;
        self.size = (count(self.in_flight) / 2.0).max(1.0);
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most 900")]
fn count(in_flight: usize) -> f64 {
    in_flight as f64
}

fn most() -> f64 {
    count(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_burst_into_a_full_account_ends_at_what_there_is_room_for() {
        let mut window = Window::default();
        (0..100).for_each(|_| window.sent(Duration::ZERO));
        (0..90).for_each(|_| window.full(MS, None));
        assert_eq!((window.size(), window.room(MS)), (10, Room::Later));
        // A round of answers makes room for one more, as a look whether there is more.
        (0..11).for_each(|_| {
            window.answered(MS);
            window.sent(MS);
        });
        assert_eq!(window.size(), 11);
    }

    #[test]
    fn refusals_of_a_map_that_is_long_over_say_nothing_about_the_next() {
        let mut window = Window::default();
        let refused = |window: &mut Window, now| {
            window.sent(now);
            window.full(now, None);
            window.is_stuck(now)
        };
        let stuck: Vec<_> = (0..5).map(|n| refused(&mut window, n * 1000 * MS)).collect();
        assert_eq!(stuck, [false, false, true, true, true], "for two seconds");
        assert!(!refused(&mut window, 60_000 * MS), "that was another time");
    }

    #[test]
    fn a_full_window_of_which_nothing_is_refused_is_doubled_without_an_answer() {
        let mut window = Window::default();
        let fill = |window: &mut Window, now| {
            window.look(now);
            while window.room(now) == Room::Now {
                window.sent(now);
            }
            (window.size(), window.room(now))
        };
        assert_eq!(fill(&mut window, Duration::ZERO), (100, Room::At(QUIET)));
        assert_eq!(fill(&mut window, QUIET * 9 / 10), (100, Room::At(QUIET)));
        assert_eq!(fill(&mut window, QUIET), (200, Room::At(2 * QUIET)));
        assert_eq!(fill(&mut window, 3 * QUIET), (400, Room::At(4 * QUIET)));
        assert_eq!(window.most(), MOST);
        // There is room for 250: what is in flight says so, and from now on answers do.
        (0..150).for_each(|_| window.full(4 * QUIET, None));
        assert_eq!(fill(&mut window, 9 * QUIET), (250, Room::Later));
        assert_eq!(window.most(), 500);
    }

    #[test]
    fn it_never_grows_beyond_what_a_process_has_connections_for() {
        let mut window = Window::default();
        for round in 0..20 {
            window.look(round * QUIET);
            while window.room(round * QUIET) == Room::Now {
                window.sent(round * QUIET);
            }
        }
        assert_eq!((window.size(), window.room(20 * QUIET)), (MOST, Room::Later));
    }

    /// With a pause for each look, a map of short chunks would wait for most of its time.
    #[test]
    fn told_to_wait_it_goes_on_with_the_room_that_it_has() {
        let second = Duration::from_secs(1);
        let mut window = Window::default();
        (0..8).for_each(|_| window.sent(Duration::ZERO));
        (0..4).for_each(|_| window.full(MS, Some(second)));
        for round in 1..10 {
            window.answered(round * 100 * MS);
            assert_eq!(window.room(round * 100 * MS), Room::Now, "a place that was left is free");
            window.sent(round * 100 * MS);
            assert_eq!((window.size(), window.room(round * 100 * MS)), (4, Room::Later));
        }
        // Then it looks for more; and where nobody leaves a place, it waits.
        (0..4).for_each(|_| window.answered(2 * second));
        assert_eq!((window.size(), window.room(2 * second)), (4, Room::Now));
        window.sent(2 * second);
        window.full(2 * second, Some(second));
        assert_eq!(window.room(2 * second), Room::At(3 * second));
    }

    #[test]
    fn a_window_that_is_refused_alone_is_stuck_after_two_seconds_and_looks_once_a_second() {
        let mut window = Window::default();
        let (mut now, mut looks) = (Duration::ZERO, 0);
        while now < Duration::from_secs(12) {
            match window.room(now) {
                Room::Now => {
                    window.sent(now);
                    window.full(now, None);
                    looks += 1;
                }
                Room::At(then) => now = then,
                Room::Later => unreachable!("nothing is in flight"),
            }
        }
        assert!(window.is_stuck(now));
        assert!((14..24).contains(&looks), "{looks}");
        window.sent(now);
        window.answered(now);
        assert!(!window.is_stuck(now));
    }

    #[test]
    fn a_refusal_for_the_rate_slows_down_and_keeps_the_window() {
        let mut window = Window::default();
        window.sent(Duration::ZERO);
        window.too_fast(Duration::ZERO, None);
        assert_eq!((window.size(), window.room(Duration::ZERO)), (100, Room::At(2 * MS)));
        window.sent(2 * MS);
        window.too_fast(2 * MS, Some(Duration::from_secs(3)));
        assert_eq!(window.room(2 * MS), Room::At(Duration::from_secs(3) + 2 * MS));
    }
}
