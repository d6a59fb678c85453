//! Schedule expressions of `EventBridge` and the moments that they name. Pure: the time comes in as milliseconds.
//!
//! AWS: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>

mod cron;

use cron::Cron;

const MINUTE_MS: i64 = 60_000;

/// A schedule expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// Every so many milliseconds, counted from the rule's creation.
    Rate(i64),
    /// At the minutes that six fields name, in UTC.
    Cron(Cron),
}

impl Schedule {
    /// Reads `rate(4 minutes)` or `cron(0 3 * * ? *)`; `None` when AWS would refuse it.
    pub(crate) fn parse(expression: &str) -> Option<Self> {
        if let Some(rate) = expression.strip_prefix("rate(") {
            return parse_rate(rate.strip_suffix(')')?);
        }
        let fields = expression.strip_prefix("cron(")?.strip_suffix(')')?;
        Cron::parse(fields).map(Self::Cron)
    }

    /// The first moment after `now_ms` at which a rule fires that was made at `created_ms`.
    pub(crate) fn next(&self, created_ms: i64, now_ms: i64) -> Option<i64> {
        match self {
            Self::Rate(period) => {
                let elapsed = (now_ms - created_ms).max(0);
                Some(created_ms + (elapsed / period + 1) * period)
            }
            Self::Cron(cron) => cron.next(now_ms),
        }
    }
}

/// `1 minute`, `5 minutes`: the unit's number must agree with the value's.
fn parse_rate(rate: &str) -> Option<Schedule> {
    let (value, unit) = rate.split_once(' ')?;
    let value: i64 = value.parse().ok().filter(|_| value.bytes().all(|byte| byte.is_ascii_digit()))?;
    let minutes = match (unit, value) {
        ("minute", 1) => 1,
        ("hour", 1) => 60,
        ("day", 1) => 24 * 60,
        ("minutes", 2..) => value,
        ("hours", 2..) => value.checked_mul(60)?,
        ("days", 2..) => value.checked_mul(24 * 60)?,
        _ => return None,
    };
    minutes.checked_mul(MINUTE_MS).map(Schedule::Rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_checked_as_aws_does() {
        for good in [
            "rate(1 minute)",
            "rate(4 minutes)",
            "rate(1 hour)",
            "rate(12 hours)",
            "rate(1 day)",
            "rate(7 days)",
        ] {
            assert!(Schedule::parse(good).is_some(), "{good}");
        }
        let bad = [
            "rate(1 minutes)",
            "rate(4 minute)",
            "rate(0 minutes)",
            "rate(-1 minutes)",
            "rate(+2 minutes)",
            "rate(30 seconds)",
            "rate(1.5 hours)",
            "rate(4minutes)",
            "rate(4 minutes",
            "rate()",
            "4 minutes",
            "",
            "rate(9223372036854775807 days)",
        ];
        for bad in bad {
            assert_eq!(Schedule::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_rate_fires_first_one_period_after_creation() {
        let schedule = Schedule::parse("rate(4 minutes)").expect("a good rate");
        let created = 1_000;
        assert_eq!(schedule.next(created, created), Some(241_000));
        assert_eq!(schedule.next(created, 240_999), Some(241_000));
        assert_eq!(schedule.next(created, 241_000), Some(481_000));
        assert_eq!(schedule.next(created, 10_000_000), Some(10_081_000));
    }
}
