//! Time that passes between processes: milliseconds since 1970, by the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970. Two processes have no other clock in common, so deadlines pass between them in this form.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, to_millis)
}

/// The duration in whole milliseconds, rounded down.
pub fn to_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
