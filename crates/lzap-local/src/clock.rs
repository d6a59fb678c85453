//! The time, and how AWS writes it.
//!
//! Everything that depends on the time takes it as milliseconds since 1970, so that tests can choose it.

use jiff::Timestamp;

use crate::ports::Clock;

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        Timestamp::now().as_millisecond()
    }
}

/// `2026-11-22T19:47:52Z`, as control APIs write a time.
pub(crate) fn rfc3339(ms: i64) -> String {
    timestamp(ms).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `22/Nov/2026:19:47:52 +0000`, as API Gateway writes a request's time.
pub(crate) fn common_log(ms: i64) -> String {
    timestamp(ms).strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

/// For other ways to write a time.
pub(crate) fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_aws_does() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(common_log(1_700_000_000_123), "14/Nov/2023:22:13:20 +0000");
    }
}
