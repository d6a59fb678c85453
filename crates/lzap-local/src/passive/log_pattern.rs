//! The filter patterns of CloudWatch Logs for plain text: terms that must, may or must not occur.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>. JSON and regular
//! expression patterns are refused, not ignored.

/// A text pattern.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pattern {
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
}

impl Pattern {
    /// Reads `ERROR "two words" -debug ?a ?b`; `None` for patterns of other kinds.
    pub(crate) fn parse(pattern: &str) -> Option<Self> {
        let mut parsed = Self::default();
        let mut rest = pattern.trim();
        while !rest.is_empty() {
            let (list, term) = match rest.as_bytes()[0] {
                b'?' => (&mut parsed.any, &rest[1..]),
                b'-' => (&mut parsed.none, &rest[1..]),
                b'{' | b'[' | b'%' => return None,
                _ => (&mut parsed.all, rest),
            };
            let (term, after) = match term.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => term.split_once(char::is_whitespace).unwrap_or((term, "")),
            };
            list.push(term.to_owned());
            rest = after.trim_start();
        }
        Some(parsed)
    }

    /// Whether a message matches.
    pub(crate) fn matches(&self, message: &str) -> bool {
        let has = |term: &String| message.contains(term.as_str());
        self.all.iter().all(has)
            && !self.none.iter().any(has)
            && (self.any.is_empty() || self.any.iter().any(has))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_must_may_or_must_not_occur() {
        let matches = |pattern, message| Pattern::parse(pattern).expect("a text pattern").matches(message);
        assert!(matches("", "anything"));
        assert!(matches("ERROR shop", "shop: ERROR 7"));
        assert!(!matches("ERROR shop", "ERROR 7"));
        assert!(matches("\"ERROR 7\"", "shop: ERROR 7"));
        assert!(!matches("\"ERROR 7\"", "ERROR: 7"));
        assert!(matches("?a ?b", "xbx"));
        assert!(!matches("x -b", "xbx"));
        assert_eq!(Pattern::parse("{ $.level = \"ERROR\" }"), None);
        assert_eq!(Pattern::parse("\"open"), None);
    }
}
