//! The clock of a process's maps.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::Instant;

/// The time since the first use of this clock. All maps of the process share one window, so they need a common origin. In
/// tests with a paused clock, time is virtual.
pub(crate) fn now() -> Duration {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    EPOCH.get_or_init(Instant::now).elapsed()
}
