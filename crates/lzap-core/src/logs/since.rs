//! Parses the start of a log query: `10m`, or an RFC 3339 time.

use std::str::FromStr;

use jiff::Timestamp;

/// A point in time, or a distance back from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// So many milliseconds before now.
    Ago(i64),
    /// A time, in milliseconds since 1970.
    At(i64),
}

/// A text that is neither.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a duration nor a time: write `30s`, `10m`, `1h30m`, `2d`, or `2026-11-24T08:00:00Z`")]
pub struct SinceError;

impl Since {
    /// The point in time, in milliseconds since 1970; never before that.
    pub fn start_ms(self, now_ms: i64) -> i64 {
        match self {
            Self::Ago(ms) => now_ms.saturating_sub(ms).max(0),
            Self::At(ms) => ms.max(0),
        }
    }
}

impl FromStr for Since {
    type Err = SinceError;

    fn from_str(text: &str) -> Result<Self, SinceError> {
        let text = text.trim();
        match text.parse::<Timestamp>() {
            Ok(time) => Ok(Self::At(time.as_millisecond())),
            Err(_) => duration_ms(text).map(Self::Ago).ok_or(SinceError),
        }
    }
}

/// Returns the milliseconds of numbers with units, one or several: `90s`, `1h30m`. `None` for anything else,
/// and for a number without a unit.
fn duration_ms(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let unit = after.chars().next()?;
        let unit_ms = match unit {
            's' => 1_000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(unit_ms)?)?;
        rest = &after[unit.len_utf8()..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_times_are_read() {
        for (text, since) in [
            ("30s", Since::Ago(30_000)),
            ("10m", Since::Ago(600_000)),
            ("2h", Since::Ago(7_200_000)),
            ("1d", Since::Ago(86_400_000)),
            ("1h30m", Since::Ago(5_400_000)),
            ("0s", Since::Ago(0)),
            ("1970-01-01T00:00:01Z", Since::At(1_000)),
            ("1970-01-01T01:00:01.5+01:00", Since::At(1_500)),
        ] {
            assert_eq!(text.parse(), Ok(since), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "10",
            "m",
            "10x",
            "-5m",
            "1.5h",
            "yesterday",
            "10 m",
            "2026-11-24",
            "99999999999999999d",
            "5ö",
        ] {
            assert_eq!(text.parse::<Since>(), Err(SinceError), "{text}");
        }
    }

    #[test]
    fn a_start_is_never_before_all_time() {
        assert_eq!(Since::Ago(600_000).start_ms(1_000_000), 400_000);
        assert_eq!(Since::Ago(i64::MAX).start_ms(1_000), 0);
        assert_eq!(Since::At(7).start_ms(1_000_000), 7);
    }
}
