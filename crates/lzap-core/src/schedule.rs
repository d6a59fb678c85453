//! Schedules: the times of a task, in the form of `lzap.toml` and in `EventBridge`'s.
//!
//! [`rate`] and [`cron`] refuse what `EventBridge` would refuse. [`crate::desired`] turns a schedule into a rule;
//! [`crate::check`] knows the limits on names and inputs.

use serde_json::Value;

use crate::text::count;

/// A task that a rule invokes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The suffix of the rule's name; the task's name unless set.
    pub name: String,
    /// The task.
    pub task: String,
    /// When, as `EventBridge` writes it: `rate(1 hour)` or `cron(0 12 * * ? *)`.
    pub expression: String,
    /// The input of the task.
    pub input: Value,
}

impl Schedule {
    /// `nightly: cleanup, cron(0 3 * * ? *)`.
    pub(crate) fn text(&self) -> String {
        let name = if self.name == self.task { String::new() } else { format!("{}: ", self.name) };
        format!("{name}{}, {}", self.task, self.expression)
    }
}

/// Returns `rate(1 hour)` for `1 hour`. AWS wants a singular unit for 1 only; lzap accepts both forms and writes the
/// right one.
///
/// AWS: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>
///
/// # Errors
/// The text to write instead.
pub fn rate(text: &str) -> Result<String, String> {
    let help = || {
        "write a whole number from 1 and `minutes`, `hours` or `days`: `1 hour`; an hour of the day is a `cron`"
            .to_owned()
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let [number, unit] = words.as_slice() else {
        return Err(help());
    };
    let number: u32 = number.parse().ok().filter(|number| *number > 0).ok_or_else(help)?;
    // `1 hours` and `2 hour` are accepted: the right form is generated below.
    let unit = unit.strip_suffix('s').unwrap_or(unit);
    if !["minute", "hour", "day"].contains(&unit) {
        return Err(help());
    }
    Ok(format!("rate({})", count(number, unit)))
}

/// A field of a cron expression.
struct Field {
    name: &'static str,
    values: std::ops::RangeInclusive<u32>,
    /// Names of the values, the first one's first.
    names: &'static [&'static str],
    /// Words that are valid as a whole field.
    words: &'static [&'static str],
    /// Characters that may follow a value.
    suffixes: &'static [char],
}

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// AWS: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>
const FIELDS: [Field; 6] = [
    Field { name: "minutes", values: 0..=59, names: &[], words: &[], suffixes: &[] },
    Field { name: "hours", values: 0..=23, names: &[], words: &[], suffixes: &[] },
    Field { name: "day of month", values: 1..=31, names: &[], words: &["?", "L", "LW"], suffixes: &['W'] },
    Field { name: "month", values: 1..=12, names: MONTHS, words: &[], suffixes: &[] },
    Field { name: "day of week", values: 1..=7, names: DAYS, words: &["?", "L"], suffixes: &['L'] },
    Field { name: "year", values: 1970..=2199, names: &[], words: &[], suffixes: &[] },
];

/// `cron(0 12 * * ? *)` for `0 12 * * ? *`; the time is UTC.
///
/// # Errors
/// The text to write instead.
pub fn cron(text: &str) -> Result<String, String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [_, _, day_of_month, _, day_of_week, _] = fields.as_slice() else {
        return Err(format!(
            "AWS wants six fields, and these are {}: minutes, hours, day of month, month, day of week, year (UTC), \
             as in `0 12 * * ? *`",
            fields.len()
        ));
    };
    for (field, text) in FIELDS.iter().zip(&fields) {
        if !field.stands_alone(text) && !text.split(',').all(|item| field.allows(item)) {
            if text.split(',').any(|item| field.stands_alone(item.split('/').next().unwrap_or_default())) {
                return Err(format!(
                    "`{text}` can't be the {}: AWS takes `L`, `W`, `#` and `?` only alone, without `,` and `/`",
                    field.name
                ));
            }
            let (first, last) = (field.values.start(), field.values.end());
            return Err(format!(
                "`{text}` can't be the {}: AWS allows {first} to {last}, `*`, `-`, `,`, `/`",
                field.name
            ));
        }
    }
    match (*day_of_month, *day_of_week) {
        // AWS wants exactly one `?`.
        ("?", "?") => Err("one of day of month and day of week has to say a day: `*` for each".to_owned()),
        ("?", _) | (_, "?") => Ok(format!("cron({})", fields.join(" "))),
        _ => Err("AWS wants a `?` as the day of month or as the day of week, whichever the other decides"
            .to_owned()),
    }
}

impl Field {
    /// True if the text is valid as the whole field, and only so: the last day, the weekday next to a day, the third Friday.
    /// AWS refuses a list of them, and a step.
    fn stands_alone(&self, text: &str) -> bool {
        self.words.contains(&text) || self.is_special(text)
    }

    /// True if one of the items between commas is valid.
    fn allows(&self, item: &str) -> bool {
        let (base, step) = item.split_once('/').map_or((item, None), |(base, step)| (base, Some(step)));
        let good_step = step.is_none_or(|step| step.parse::<u32>().is_ok_and(|step| step > 0));
        good_step && (base == "*" || self.is_range(base))
    }

    fn is_range(&self, text: &str) -> bool {
        match text.split_once('-') {
            None => self.value(text).is_some(),
            Some((first, last)) => match (self.value(first), self.value(last)) {
                // A range of days can pass the end of the week: `FRI-MON`.
                (Some(first), Some(last)) => first <= last || self.names == DAYS,
                _ => false,
            },
        }
    }

    /// `15W` is the weekday next to the 15th, `6L` the last Friday, `6#3` the third one.
    fn is_special(&self, text: &str) -> bool {
        let suffixed = self.suffixes.iter().find_map(|suffix| text.strip_suffix(*suffix));
        let numbered = || {
            let (day, number) = text.split_once('#').filter(|_| self.names == DAYS)?;
            number.parse::<u32>().ok().filter(|number| (1..=5).contains(number))?;
            self.value(day)
        };
        // `#` works for days of the week only.
        suffixed.is_some_and(|value| self.value(value).is_some()) || numbered().is_some()
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named =
            self.names.iter().zip(self.values.clone()).find(|(name, _)| name.eq_ignore_ascii_case(text));
        named.map(|(_, value)| value).or_else(|| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|value| digits && self.values.contains(value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_unit_in_whichever_number() {
        for (text, expression) in [
            ("1 hour", "rate(1 hour)"),
            ("1 hours", "rate(1 hour)"),
            ("5 minute", "rate(5 minutes)"),
            (" 7  days ", "rate(7 days)"),
        ] {
            assert_eq!(rate(text).as_deref(), Ok(expression));
        }
        for text in
            ["", "hour", "0 hours", "-1 hour", "1.5 hours", "1 week", "1 hour ago", "rate(1 hour)", "30 s"]
        {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    /// The examples of the page, and some more.
    #[test]
    fn a_cron_expression_is_what_eventbridge_takes() {
        for text in [
            "0 10 * * ? *",
            "15 12 * * ? *",
            "0 18 ? * MON-FRI *",
            "0 8 1 * ? *",
            "0/15 * * * ? *",
            "0/10 * ? * MON-FRI *",
            "0/5 8-17 ? * mon-fri *",
            "0 9 ? * 2#1 *",
            "0 0 L * ? 2030-2035",
            "0 0 15W 1,6 ? *",
            "0 0 ? * 6L *",
            "0 0 ? * FRI-MON *",
            "0 0 LW * ? *",
            "0 0 1-15/2,20 * ? *",
        ] {
            assert_eq!(cron(text), Ok(format!("cron({text})")));
        }
    }

    #[test]
    fn what_eventbridge_would_refuse_says_why() {
        for (text, why) in [
            ("0 12 * * ?", "these are 5"),
            ("0 12 * * * *", "wants a `?`"),
            ("0 12 ? * ? *", "has to say a day"),
            ("60 12 * * ? *", "`60` can't be the minutes: AWS allows 0 to 59"),
            ("0 24 * * ? *", "the hours"),
            ("0 0 0 * ? *", "the day of month"),
            ("0 0 ? * 0 *", "the day of week"),
            ("0 0 ? * MON#6 *", "the day of week"),
            ("0 0 * JANUARY ? *", "the month"),
            ("0 0 * * ? 1969", "the year"),
            ("*/0 * * * ? *", "the minutes"),
            ("5-1 * * * ? *", "the minutes"),
            ("1,,2 * * * ? *", "the minutes"),
            // One of a list is another expression to AWS.
            ("0 0 ? * 2#1,2#3 *", "only alone"),
            ("0 0 ? * 6L,2 *", "only alone"),
            ("0 0 ? * 2#1/2 *", "only alone"),
            ("0 0 ? * L,MON *", "only alone"),
            ("0 0 L,15 * ? *", "only alone"),
            ("0 0 1W,15W * ? *", "only alone"),
            ("0 0 15W/2 * ? *", "only alone"),
            ("0 0 LW,15 * ? *", "only alone"),
            ("0 0 ?,15 * ? *", "only alone"),
            ("0 0 1-5W * ? *", "the day of month"),
        ] {
            let help = cron(text).expect_err(text);
            assert!(help.contains(why), "{text}: {help}");
        }
    }
}
