//! The instant by which a call must have ended.

use std::time::Duration;

use tokio::time::Instant;

/// The instant by which a call must have ended, with an answer or an error.
///
/// The client keeps no margin: a caller that must answer by itself subtracts what that takes.
///
/// The clock is tokio's and monotonic, so that a corrected wall clock ends no call. It may stand still while an execution
/// environment is frozen: take the deadline from the invocation (`Lambda-Runtime-Deadline-Ms`), and take it anew for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// A call that ends by `instant`.
    pub fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// A call that ends within `time` from now; within 30 years where `time` is longer, since `Instant` may overflow.
    pub fn after(time: Duration) -> Self {
        const LONGEST: Duration = Duration::from_hours(262_800);
        Self(Instant::now() + time.min(LONGEST))
    }

    /// The instant itself.
    pub fn instant(self) -> Instant {
        self.0
    }

    /// The time that is left; zero when there is none.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}
