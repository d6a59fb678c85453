//! AWS's six-field cron: minutes, hours, day of month, month, day of week, year; with `? L W #`.
//!
//! AWS: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html>

use jiff::civil::{Date, DateTime, Weekday};
use jiff::{Timestamp, tz::TimeZone};

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// AWS's last year.
const LAST_YEAR: i16 = 2199;

/// A cron expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cron {
    minutes: Vec<u16>,
    hours: Vec<u16>,
    day: Day,
    months: Vec<u16>,
    years: Vec<u16>,
}

/// The days of a month: one of the two day fields is always `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Day {
    OfMonth(Vec<u16>),
    /// `L`
    Last,
    /// `LW`
    LastWeekday,
    /// `15W`: the weekday nearest to that day, in the same month.
    NearestWeekday(u16),
    /// 1 is Sunday.
    OfWeek(Vec<u16>),
    /// `6L`: the month's last such day.
    LastOfWeek(u16),
    /// `3#2`: the month's second Tuesday.
    NthOfWeek(u16, u16),
}

impl Cron {
    /// Reads six fields; `None` when AWS would refuse them.
    pub(super) fn parse(fields: &str) -> Option<Self> {
        let fields: Vec<_> = fields.split_whitespace().collect();
        let [minutes, hours, day_of_month, month, day_of_week, year] = fields.as_slice() else {
            return None;
        };
        let day = match (*day_of_month, *day_of_week) {
            ("?", "?") => return None,
            ("?", field) => day_of_week_field(field)?,
            (field, "?") => day_of_month_field(field)?,
            _ => return None,
        };
        Some(Self {
            minutes: read_values(minutes, 0, 59, &[])?,
            hours: read_values(hours, 0, 23, &[])?,
            day,
            months: read_values(month, 1, 12, &MONTHS)?,
            years: read_values(year, 1970, LAST_YEAR.unsigned_abs(), &[])?,
        })
    }

    /// The first matching minute after `now_ms`, in UTC.
    pub(super) fn next(&self, now_ms: i64) -> Option<i64> {
        let now = Timestamp::from_millisecond(now_ms).ok()?.to_zoned(TimeZone::UTC).datetime();
        let today = self.days_of_month(now.date()).contains(&now.day().unsigned_abs().into());
        if let Some(time) = today.then(|| self.time_after(now)).flatten() {
            return to_ms(now.date(), time);
        }
        let mut date = now.date().tomorrow().ok()?;
        while date.year() <= LAST_YEAR {
            let after = |day: &&u16| **day >= u16::from(date.day().unsigned_abs());
            if let Some(day) = self.days_of_month(date).iter().find(after) {
                let date = Date::new(date.year(), date.month(), i8::try_from(*day).ok()?).ok()?;
                return to_ms(date, (*self.hours.first()?, *self.minutes.first()?));
            }
            date = date.last_of_month().tomorrow().ok()?;
        }
        None
    }

    /// The first matching hour and minute of a day after this minute of it.
    fn time_after(&self, now: DateTime) -> Option<(u16, u16)> {
        let (hour, minute) = (u16::from(now.hour().unsigned_abs()), u16::from(now.minute().unsigned_abs()));
        let times =
            self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
        times.into_iter().find(|time| *time > (hour, minute))
    }

    /// The matching days of the month that this date is in, ascending.
    fn days_of_month(&self, date: Date) -> Vec<u16> {
        let in_year = self.years.contains(&date.year().unsigned_abs());
        if !in_year || !self.months.contains(&u16::from(date.month().unsigned_abs())) {
            return Vec::new();
        }
        let last = u16::from(date.days_in_month().unsigned_abs());
        (1..=last).filter(|day| self.matches(date.first_of_month(), *day, last)).collect()
    }

    fn matches(&self, first: Date, day: u16, last: u16) -> bool {
        // Days of the week count from Sunday, which is 1.
        let first_weekday = u16::from(first.weekday().to_sunday_zero_offset().unsigned_abs());
        let weekday = (first_weekday + day - 1) % 7 + 1;
        match &self.day {
            Day::OfMonth(days) => days.contains(&day),
            Day::Last => day == last,
            Day::LastWeekday => Some(day) == nearest_weekday(first, last, last),
            Day::NearestWeekday(target) => Some(day) == nearest_weekday(first, *target, last),
            Day::OfWeek(days) => days.contains(&weekday),
            Day::LastOfWeek(target) => weekday == *target && day + 7 > last,
            Day::NthOfWeek(target, nth) => weekday == *target && (day - 1) / 7 + 1 == *nth,
        }
    }
}

fn to_ms(date: Date, (hour, minute): (u16, u16)) -> Option<i64> {
    let time = date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// The Monday to Friday nearest to a day, without leaving the month.
fn nearest_weekday(first: Date, target: u16, last: u16) -> Option<u16> {
    let target = (target <= last).then_some(target)?;
    let date = Date::new(first.year(), first.month(), i8::try_from(target).ok()?).ok()?;
    Some(match date.weekday() {
        Weekday::Saturday if target == 1 => 3,
        Weekday::Saturday => target - 1,
        Weekday::Sunday if target == last => target - 2,
        Weekday::Sunday => target + 1,
        _ => target,
    })
}

fn day_of_month_field(field: &str) -> Option<Day> {
    Some(match field {
        "L" => Day::Last,
        "LW" | "WL" => Day::LastWeekday,
        _ => match field.strip_suffix('W') {
            Some(day) => Day::NearestWeekday(read_number(day, &[]).filter(|day| (1..=31).contains(day))?),
            None => Day::OfMonth(read_values(field, 1, 31, &[])?),
        },
    })
}

fn day_of_week_field(field: &str) -> Option<Day> {
    let weekday = |text: &str| read_number(text, &DAYS).filter(|day| (1..=7).contains(day));
    if let Some((day, nth)) = field.split_once('#') {
        let nth = read_number(nth, &[]).filter(|nth| (1..=5).contains(nth))?;
        return Some(Day::NthOfWeek(weekday(day)?, nth));
    }
    match field.strip_suffix('L') {
        Some("") => Some(Day::OfWeek(vec![7])),
        Some(day) => weekday(day).map(Day::LastOfWeek),
        None => read_values(field, 1, 7, &DAYS).map(Day::OfWeek),
    }
}

/// The values of one field, ascending: `*`, `5`, `1-5`, `MON-FRI`, `0/15`, `1,2`.
fn read_values(field: &str, low: u16, high: u16, names: &[&str]) -> Option<Vec<u16>> {
    let mut found = Vec::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(read_number(step, &[]).filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (read_number(from, names)?, read_number(to, names)?),
            None if range == "*" => (low, high),
            None => {
                read_number(range, names).map(|value| (value, if step.is_some() { high } else { value }))?
            }
        };
        if from < low || from > high || to < low || to > high {
            return None;
        }
        // A range may wrap around the end: FRI-MON.
        let all: Box<dyn Iterator<Item = u16>> =
            if from <= to { Box::new(from..=to) } else { Box::new((from..=high).chain(low..=to)) };
        found.extend(all.step_by(usize::from(step.unwrap_or(1))));
    }
    found.sort_unstable();
    found.dedup();
    Some(found)
}

/// A number, or a name's place counted from 1.
fn read_number(text: &str, names: &[&str]) -> Option<u16> {
    if let Some(place) = names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
        return u16::try_from(place + 1).ok();
    }
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next moments after a time, as text.
    fn check(fields: &str, after: &str, expected: &[&str]) {
        let cron = Cron::parse(fields).expect("a good expression");
        let mut now = after.parse::<Timestamp>().expect("a good time").as_millisecond();
        for expected in expected {
            now = cron.next(now).expect("another moment");
            assert_eq!(crate::clock::rfc3339(now), *expected, "{fields}");
        }
    }

    #[test]
    fn moments_are_those_of_awss_examples() {
        check("0 10 * * ? *", "2026-11-22T10:00:00Z", &["2026-11-23T10:00:00Z", "2026-11-24T10:00:00Z"]);
        check("15 12 * * ? *", "2026-11-22T10:00:00Z", &["2026-11-22T12:15:00Z"]);
        // 2026-11-22 is a Sunday.
        check(
            "0 18 ? * MON-FRI *",
            "2026-11-20T17:59:59Z",
            &["2026-11-20T18:00:00Z", "2026-11-23T18:00:00Z"],
        );
        check("0 8 1 * ? *", "2026-12-02T00:00:00Z", &["2027-01-01T08:00:00Z", "2027-02-01T08:00:00Z"]);
        check("0/15 * * * ? *", "2026-11-22T10:07:03Z", &["2026-11-22T10:15:00Z", "2026-11-22T10:30:00Z"]);
        check(
            "5/30 8-9 ? * 1 2027",
            "2026-11-22T00:00:00Z",
            &["2027-01-03T08:05:00Z", "2027-01-03T08:35:00Z"],
        );
    }

    #[test]
    fn last_nearest_and_nth_days() {
        check("0 0 L * ? *", "2028-02-01T00:00:00Z", &["2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z"]);
        // 2026-08-01 is a Saturday, 2026-11-15 a Sunday, 2027-02-28 a Sunday.
        check("0 0 1W 8 ? *", "2026-07-01T00:00:00Z", &["2026-08-03T00:00:00Z"]);
        check("0 0 15W 11 ? *", "2026-11-01T00:00:00Z", &["2026-11-16T00:00:00Z"]);
        check("0 0 LW 2 ? *", "2027-01-01T00:00:00Z", &["2027-02-26T00:00:00Z"]);
        check("0 0 ? * 3#2 *", "2026-11-01T00:00:00Z", &["2026-11-10T00:00:00Z", "2026-12-08T00:00:00Z"]);
        check("0 0 ? * 6L *", "2026-11-01T00:00:00Z", &["2026-11-27T00:00:00Z"]);
        check("0 0 ? * FRI-SUN *", "2026-11-19T00:00:00Z", &["2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"]);
    }

    #[test]
    fn what_aws_refuses_is_refused() {
        let bad = [
            "0 3 * * * *",
            "0 3 ? * ? *",
            "0 3 * * ?",
            "60 3 * * ? *",
            "0 24 * * ? *",
            "0 3 0 * ? *",
            "0 3 32 * ? *",
            "0 3 * 13 ? *",
            "0 3 ? * 8 *",
            "0 3 ? * 2#6 *",
            "0 3 * * ? 1969",
            "a 3 * * ? *",
            "0/0 3 * * ? *",
            "",
            "0 3 40W * ? *",
            "-1 3 * * ? *",
        ];
        for bad in bad {
            assert_eq!(Cron::parse(bad), None, "{bad}");
        }
        let never = Cron::parse("0 0 31 2 ? *").expect("well formed");
        assert_eq!(never.next(0), None);
        assert_eq!(Cron::parse("0 0 1 1 ? 2020").expect("well formed").next(1_700_000_000_000), None);
    }
}
