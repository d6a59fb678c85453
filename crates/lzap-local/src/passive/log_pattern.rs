//! The filter patterns of CloudWatch Logs. [`log_terms`](super::log_terms) has the patterns for text, and
//! [`log_json`](super::log_json) those for JSON events.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>. Patterns for
//! space-delimited events and regular expressions are refused, not ignored.

use super::log_json::Condition;
use super::log_terms::Terms;

/// The most characters of a pattern.
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

    /// Returns whether a message matches.
    pub(super) fn matches(&self, message: &str) -> bool {
        match self {
            Self::Terms(terms) => terms.match_text(message),
            Self::Json(condition) => serde_json::from_str(message).is_ok_and(|event| condition.holds(&event)),
        }
    }
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
