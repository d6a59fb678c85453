//! Two clocks: one that AWS agrees with, and one that notices a freeze.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The time that AWS accepts: this machine's, plus a correction.
///
/// The correction is kept, and not the server's time: the clock goes on between calls. It lasts as long as the client, so
/// that one refused request corrects all later ones.
#[derive(Debug, Default)]
pub(crate) struct SigningClock {
    offset_ms: AtomicI64,
}

impl SigningClock {
    /// The time to sign with. A clock that is off by more than what `SystemTime` can express is used as it is.
    pub(crate) fn now(&self) -> SystemTime {
        let now = SystemTime::now();
        // Relaxed: a call that still reads the old offset is refused, and then corrects it by itself.
        let offset = self.offset_ms.load(Ordering::Relaxed);
        let distance = Duration::from_millis(offset.unsigned_abs());
        let shifted = if offset < 0 { now.checked_sub(distance) } else { now.checked_add(distance) };
        shifted.unwrap_or(now)
    }

    /// Takes AWS's time, which is `server`, as right from now on. The error is the age of the answer and the second to
    /// which `Date` is cut: nothing beside the minutes that AWS allows.
    pub(crate) fn set_server_time(&self, server: SystemTime) {
        self.offset_ms.store(unix_millis(server) - unix_millis(SystemTime::now()), Ordering::Relaxed);
    }
}

/// Milliseconds since 1970. Far below overflow, so that two of them can be subtracted.
fn unix_millis(time: SystemTime) -> i64 {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX / 4)
}

/// A moment on both clocks of this machine. Lambda freezes an execution environment between invocations; the monotonic
/// clock may stand still meanwhile, the wall clock is right afterwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) monotonic: Instant,
    pub(crate) wall: SystemTime,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now() }
    }

    /// The time from `earlier` to here, by the clock that says more.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let monotonic = self.monotonic.saturating_duration_since(earlier.monotonic);
        // A wall clock that was set back says nothing.
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        monotonic.max(wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correct_makes_now_the_time_of_the_server() {
        let clock = SigningClock::default();
        for server in
            [SystemTime::now() + Duration::from_hours(24), SystemTime::now() - Duration::from_mins(10)]
        {
            clock.set_server_time(server);
            let difference = clock.now().duration_since(server).unwrap_or_else(|error| error.duration());
            assert!(difference < Duration::from_secs(5), "{difference:?}");
        }
    }

    #[test]
    fn since_counts_the_time_of_a_freeze() {
        let before = Moment::now();
        let frozen = Moment { wall: before.wall + Duration::from_mins(1), ..before };
        assert_eq!(frozen.since(before), Duration::from_mins(1));
        let set_back = Moment { wall: before.wall - Duration::from_mins(1), ..before };
        assert_eq!(set_back.since(before), Duration::ZERO);
    }
}
