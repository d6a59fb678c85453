//! The filter patterns of CloudWatch Logs: terms that must, may or must not occur; conditions on fields of JSON events
//! are [`log_json`](super::log_json)'s.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>. Patterns for
//! space-delimited events and regular expressions are refused, not ignored.

use super::log_json::Condition;

/// What a pattern has at most.
///
/// AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>
const MOST_CHARS: usize = 1024;

/// A pattern.
#[derive(Debug, PartialEq)]
pub(super) enum Pattern {
    /// For text.
    Terms(Terms),
    /// For JSON.
    Json(Condition),
}

/// Terms.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
}

impl Pattern {
    /// Reads `ERROR "two words" -debug`, `?a ?b` or `{ $.field = "value" }`.
    ///
    /// # Errors
    /// AWS's message for a pattern that it refuses, or ours for one of a kind that is missing here.
    pub(super) fn parse(pattern: &str) -> Result<Self, String> {
        let pattern = pattern.trim();
        if pattern.chars().count() > MOST_CHARS {
            return Err(format!(
                "1 validation error detected: Value at 'filterPattern' failed to satisfy constraint: Member must have length less than or equal to {MOST_CHARS}"
            ));
        }
        match pattern.chars().next() {
            Some('{') if !pattern.ends_with('}') => {
                Err("Invalid filter pattern: if it starts with '{' it must end with '}'".to_owned())
            }
            Some('{') => Condition::parse(&pattern[1..pattern.len() - 1]).map(Self::Json),
            Some('[' | '%') => Err(
                "Invalid filter pattern: lzap's embedded cloud knows no patterns for space-delimited events and no regular expressions"
                    .to_owned(),
            ),
            _ => Terms::parse(pattern).map(Self::Terms),
        }
    }

    /// Whether a message matches.
    pub(super) fn matches(&self, message: &str) -> bool {
        match self {
            Self::Terms(terms) => terms.match_text(message),
            Self::Json(condition) => serde_json::from_str(message).is_ok_and(|event| condition.holds(&event)),
        }
    }
}

impl Terms {
    fn parse(pattern: &str) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut rest = pattern;
        while !rest.is_empty() {
            let (list, term) = match rest.as_bytes()[0] {
                b'?' => (&mut parsed.any, &rest[1..]),
                b'-' => (&mut parsed.none, &rest[1..]),
                _ => (&mut parsed.all, rest),
            };
            let (term, after) = if let Some(phrase) = term.strip_prefix('"') {
                quoted(phrase).ok_or("Invalid filter pattern: a quote is not closed")?
            } else {
                let (term, after) = term.split_once(char::is_whitespace).unwrap_or((term, ""));
                (bare(term)?, after)
            };
            list.push(term);
            rest = after.trim_start();
        }
        if !(parsed.all.is_empty() && parsed.none.is_empty()) {
            // "If you combine "?" with other filter patterns, all question mark terms will be ignored."
            parsed.any.clear();
        }
        Ok(parsed)
    }

    fn match_text(&self, message: &str) -> bool {
        let has = |term: &String| message.contains(term.as_str());
        self.all.iter().all(has)
            && !self.none.iter().any(has)
            && (self.any.is_empty() || self.any.iter().any(has))
    }
}

/// A term without quotes: nothing but letters, digits and `_`.
fn bare(term: &str) -> Result<String, String> {
    if !term.is_empty() && term.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(term.to_owned());
    }
    Err(format!("Invalid character(s) in term '{term}'"))
}

/// What stands before the closing quote, and what follows it; a backslash takes the next character as it is.
pub(super) fn quoted(phrase: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = phrase.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((text, &phrase[at + 1..])),
            '\\' => text.push(chars.next()?.1),
            _ => text.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, message: &str) -> bool {
        Pattern::parse(pattern).expect("a pattern").matches(message)
    }

    #[test]
    fn terms_must_may_or_must_not_occur() {
        assert!(matches("", "anything"));
        assert!(matches("ERROR shop", "shop: ERROR 7"));
        assert!(!matches("ERROR shop", "ERROR 7"));
        assert!(matches("\"ERROR 7\"", "shop: ERROR 7"));
        assert!(!matches("\"ERROR 7\"", "ERROR: 7"));
        assert!(matches("?a ?b", "xbx"));
        assert!(!matches("?a ?b", "xcx"));
        assert!(!matches("x -b", "xbx"));
        assert!(matches("x -\"b b\"", "xbx"));
        assert!(matches("\"say \\\"hi\\\"\"", "they say \"hi\""));
    }

    #[test]
    fn question_marks_beside_other_terms_count_for_nothing() {
        assert!(matches("?ERROR ?ARGUMENTS REQUEST", "[INFO] REQUEST FAILED"));
    }

    #[test]
    fn what_aws_refuses_is_refused() {
        for pattern in ["a/b", "not-found", "\"open", "{ $.level = \"ERROR\"", "a -", "x\"y\""] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
        assert_eq!(Pattern::parse("a/b"), Err("Invalid character(s) in term 'a/b'".to_owned()));
        assert!(Pattern::parse(&"x".repeat(MOST_CHARS + 1)).is_err());
    }

    #[test]
    fn what_is_missing_here_is_refused_too() {
        assert!(Pattern::parse("[ip, user]").is_err());
        assert!(Pattern::parse("%ERR.*%").is_err());
    }

    #[test]
    fn json_patterns_match_json_events_only() {
        assert!(matches("{ $.level = \"ERROR\" }", r#"{"level":"ERROR"}"#));
        assert!(!matches("{ $.level = \"ERROR\" }", "level ERROR"));
    }
}
