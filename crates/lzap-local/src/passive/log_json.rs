//! Filter patterns for JSON events: `{ ($.user.id = 1) && ($.users[0].email = "*@example.com") }`.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>. A comparison with a field
//! that isn't there, or that holds an array or an object, never holds, `!=` included; regular expressions are refused.

use serde_json::Value;

use super::log_terms::read_quoted;

/// The condition of a pattern on an event.
#[derive(Debug, PartialEq)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// A field's value.
    Is(Selector, Test),
    Missing(Selector),
}

/// The way to a field.
type Selector = Vec<Step>;

#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
    /// Any element, or any field.
    Each,
}

#[derive(Debug, PartialEq)]
pub(super) enum Test {
    /// The very value: `IS NULL` and its like.
    Value(Value),
    /// A text, with `*` for anything; whether it must match.
    Text {
        pattern: String,
        equal: bool,
    },
    Number {
        operator: &'static str,
        number: f64,
    },
}

/// Longest first: each is looked for in turn.
const OPERATORS: [&str; 6] = [">=", "<=", "!=", ">", "<", "="];

impl Condition {
    /// Reads what stands between the braces.
    ///
    /// # Errors
    /// AWS would refuse it, or it has a regular expression.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text };
        let condition = parser.parse_any()?;
        parser.skip_spaces();
        if parser.rest.is_empty() { Ok(condition) } else { Err(parser.refuse_rest()) }
    }

    /// Returns whether `event` meets the condition.
    pub(super) fn holds(&self, event: &Value) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|it| it.holds(event)),
            Self::Any(conditions) => conditions.iter().any(|it| it.holds(event)),
            Self::Is(selector, test) => {
                select_values(event, selector).into_iter().any(|value| test.passes(value))
            }
            Self::Missing(selector) => select_values(event, selector).is_empty(),
        }
    }
}

fn select_values<'a>(value: &'a Value, selector: &[Step]) -> Vec<&'a Value> {
    let Some((step, rest)) = selector.split_first() else {
        return vec![value];
    };
    let next: Vec<&Value> = match (step, value) {
        (Step::Key(key), Value::Object(fields)) => fields.get(key).into_iter().collect(),
        (Step::Index(index), Value::Array(items)) => items.get(*index).into_iter().collect(),
        (Step::Each, Value::Array(items)) => items.iter().collect(),
        (Step::Each, Value::Object(fields)) => fields.values().collect(),
        _ => Vec::new(),
    };
    next.into_iter().flat_map(|value| select_values(value, rest)).collect()
}

impl Test {
    fn passes(&self, value: &Value) -> bool {
        match self {
            Self::Value(wanted) => value == wanted,
            Self::Text { pattern, equal } => {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Number(number) => number.to_string(),
                    Value::Bool(flag) => flag.to_string(),
                    _ => return false,
                };
                match_wildcard(pattern, &text) == *equal
            }
            Self::Number { operator, number } => {
                let Some(value) = value.as_f64() else { return false };
                match *operator {
                    ">=" => value >= *number,
                    "<=" => value <= *number,
                    ">" => value > *number,
                    "<" => value < *number,
                    "=" => value.total_cmp(number).is_eq(),
                    _ => value.total_cmp(number).is_ne(),
                }
            }
        }
    }
}

/// Returns whether `text` matches `pattern`, in which `*` matches any text.
fn match_wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn parse_any(&mut self) -> Result<Condition, String> {
        self.parse_joined("||", Self::parse_all, Condition::Any)
    }

    fn parse_all(&mut self) -> Result<Condition, String> {
        self.parse_joined("&&", Self::parse_one, Condition::All)
    }

    fn parse_joined(
        &mut self,
        operator: &str,
        part: fn(&mut Self) -> Result<Condition, String>,
        join: fn(Vec<Condition>) -> Condition,
    ) -> Result<Condition, String> {
        let mut parts = vec![part(self)?];
        while self.take_token(operator) {
            parts.push(part(self)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { join(parts) })
    }

    fn parse_one(&mut self) -> Result<Condition, String> {
        if self.take_token("(") {
            let inner = self.parse_any()?;
            return if self.take_token(")") { Ok(inner) } else { Err(self.refuse_rest()) };
        }
        let selector = self.parse_selector()?;
        if self.take_token("NOT EXISTS") {
            return Ok(Condition::Missing(selector));
        }
        for (words, value) in
            [("IS NULL", Value::Null), ("IS TRUE", Value::Bool(true)), ("IS FALSE", Value::Bool(false))]
        {
            if self.take_token(words) {
                return Ok(Condition::Is(selector, Test::Value(value)));
            }
        }
        let operator = OPERATORS.into_iter().find(|operator| self.take_token(operator));
        let operator = operator.ok_or_else(|| self.refuse_rest())?;
        Ok(Condition::Is(selector, self.parse_test(operator)?))
    }

    fn parse_test(&mut self, operator: &'static str) -> Result<Test, String> {
        self.skip_spaces();
        let equal = operator == "=";
        let is_equality = equal || operator == "!=";
        if let Some(phrase) = self.rest.strip_prefix('"') {
            let (pattern, after) = read_quoted(phrase).ok_or_else(|| self.refuse_rest())?;
            self.rest = after;
            return if is_equality { Ok(Test::Text { pattern, equal }) } else { Err(self.refuse_rest()) };
        }
        let word = self.take_word(|c| c.is_ascii_alphanumeric() || "_*.+-".contains(c));
        match word.parse::<f64>() {
            _ if word.is_empty() => Err(self.refuse_rest()),
            Ok(number) if number.is_finite() => Ok(Test::Number { operator, number }),
            _ if is_equality => Ok(Test::Text { pattern: word, equal }),
            _ => Err(self.refuse_rest()),
        }
    }

    /// `$.a.b[0]['c.d'].*`
    fn parse_selector(&mut self) -> Result<Selector, String> {
        if !self.take_token("$") {
            return Err(self.refuse_rest());
        }
        let mut steps = Vec::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix('.') {
                self.rest = rest;
                // `$.['a.b']`: the bracket is the next step.
                if !self.rest.starts_with('[') {
                    let key = self.take_word(|c| c.is_alphanumeric() || "_-*".contains(c));
                    steps.push(match key.as_str() {
                        "" => return Err(self.refuse_rest()),
                        "*" => Step::Each,
                        _ => Step::Key(key),
                    });
                }
            } else if let Some(rest) = self.rest.strip_prefix('[') {
                let (inside, after) = rest.split_once(']').ok_or_else(|| self.refuse_rest())?;
                steps.push(read_bracket(inside.trim()).ok_or_else(|| self.refuse_rest())?);
                self.rest = after;
            } else if steps.is_empty() {
                return Err(self.refuse_rest());
            } else {
                return Ok(steps);
            }
        }
    }

    /// Takes `token` where it stands next.
    fn take_token(&mut self, token: &str) -> bool {
        self.skip_spaces();
        let found = self.rest.strip_prefix(token);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn take_word(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn refuse_rest(&self) -> String {
        format!("Invalid filter pattern: cannot be read from '{}' on", self.rest.trim())
    }
}

fn read_bracket(inside: &str) -> Option<Step> {
    let quoted = |quote| inside.strip_prefix(quote)?.strip_suffix(quote);
    match quoted('\'').or_else(|| quoted('"')) {
        Some(key) => Some(Step::Key(key.to_owned())),
        None if inside == "*" => Some(Step::Each),
        None => inside.parse().ok().map(Step::Index),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(pattern: &str, event: &Value) -> bool {
        Condition::parse(pattern).expect("a condition").holds(event)
    }

    /// The examples of AWS's own page.
    #[test]
    fn fields_are_compared_as_aws_does() {
        let event = json!({
            "eventType": "UpdateTrail",
            "sourceIPAddress": "111.111.111.111",
            "arrayKey": ["value", "another value"],
            "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
            "SomeObject": null,
            "cluster.name": "c",
            "latency": 49.5,
            "ok": true,
        });
        for pattern in [
            "$.eventType = \"UpdateTrail\"",
            "$.eventType = UpdateTrail",
            "$.eventType = Update*",
            "$.eventType = *ateTr*",
            "$.sourceIPAddress != 123.123.*",
            "$.arrayKey[0] = \"value\"",
            "$.arrayKey[*] = \"another*\"",
            "$.objectList[1].id = 2",
            "$.['cluster.name'] = \"c\"",
            "$.SomeObject IS NULL",
            "$.SomeOtherObject NOT EXISTS",
            "$.ok IS TRUE",
            "$.latency < 50",
            "$.latency >= 4.95e+1",
            "$.latency != 50",
            "$.* = \"UpdateTrail\"",
        ] {
            assert!(holds(pattern, &event), "{pattern}");
        }
        for pattern in [
            "$.eventType = \"Update\"",
            "$.eventType != \"UpdateTrail\"",
            "$.arrayKey = \"value\"",
            "$.nothing != 1",
            "$.SomeObject NOT EXISTS",
            "$.latency > 49.5",
            "$.eventType > 5",
        ] {
            assert!(!holds(pattern, &event), "{pattern}");
        }
    }

    #[test]
    fn and_binds_closer_than_or() {
        let event = json!({"user": {"id": 1}, "actions": ["GET", "PUT"]});
        assert!(holds("($.user.id = 1) && ($.actions[0] = \"GET\")", &event));
        assert!(holds("$.user.id = 1 || $.actions[0] = x && $.actions[1] = x", &event));
        assert!(!holds("($.user.id = 1 || $.actions[0] = x) && $.actions[1] = x", &event));
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for pattern in [
            "",
            "level = 1",
            "$ = 1",
            "$.level",
            "$.level =",
            "$.level = \"open",
            "$.level == 1",
            "($.a = 1",
            "$.a = 1 &&",
            "$.a = 1 $.b = 2",
            "$.a > \"x\"",
            "$.a = %x%",
            "$.a[x] = 1",
        ] {
            assert!(Condition::parse(pattern).is_err(), "{pattern}");
        }
    }
}
