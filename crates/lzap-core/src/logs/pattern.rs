//! A filter pattern as a user types it, made into one that CloudWatch reads the same way.
//!
//! CloudWatch takes a bare term of letters, digits and `_` only, and refuses or misreads anything else that isn't quoted.
//! So `--filter /users/7` becomes `"/users/7"`; patterns that are more than terms go through as they are.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>

/// Characters that CloudWatch takes at most.
///
/// AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>
const MOST_CHARS: usize = 1024;

/// A pattern for CloudWatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The pattern that CloudWatch gets.
    pub text: String,
    /// A warning if CloudWatch accepts the pattern but probably doesn't do what the user means.
    pub warning: Option<&'static str>,
}

/// A pattern that CloudWatch would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A quote without its partner.
    #[error("a quote is opened and not closed")]
    OpenQuote,
    /// `{` without `}`, `[` without `]`, `%` without `%`.
    #[error("`{open}` is opened and not closed with `{close}`")]
    Unclosed {
        /// The opening delimiter.
        open: char,
        /// The closing delimiter.
        close: char,
    },
    /// Nothing after a `?` or a `-`.
    #[error("a `?` or `-` stands before no term")]
    NoTerm,
    /// Longer than CloudWatch takes.
    #[error("the pattern has {0} characters, and CloudWatch takes {MOST_CHARS}")]
    TooLong(usize),
}

/// The pattern of the lines that [`super::request`] reads: the runtime crate's access records, and Lambda's own
/// reports, as text or as JSON.
pub const REQUESTS: &str = r#"?"lzap::access" ?"REPORT RequestId" ?"platform.report""#;

/// The pattern that finds the lines of one job, or of one map: the runtime crate puts the id into each of them, and into
/// those of a map's chunks also the id of the job that the map runs in. `id` is 32 hex digits, so there is nothing to
/// escape.
pub fn of_job(id: &str) -> String {
    format!("{{ ($.job = \"{id}\") || ($.of_job = \"{id}\") }}")
}

/// Reads what the user typed: terms, `"phrases"`, `?any`, `-none`, or a JSON (`{…}`), column (`[…]`) or regular
/// expression (`%…%`) pattern as a whole.
///
/// # Errors
/// CloudWatch would refuse the pattern.
pub fn pattern(typed: &str) -> Result<Pattern, PatternError> {
    let typed = typed.trim();
    let mut warning = None;
    let text = match typed.chars().next() {
        Some('{') => require_closed(typed, '{', '}')?,
        Some('[') => require_closed(typed, '[', ']')?,
        Some('%') => require_closed(typed, '%', '%')?,
        _ => {
            let terms = split_terms(typed)?;
            let optional = terms.iter().filter(|term| term.starts_with('?')).count();
            if optional > 0 && optional < terms.len() {
                warning = Some(
                    "CloudWatch ignores `?` terms beside other terms: write all of them with `?`, or none",
                );
            }
            terms.join(" ")
        }
    };
    let chars = text.chars().count();
    if chars > MOST_CHARS { Err(PatternError::TooLong(chars)) } else { Ok(Pattern { text, warning }) }
}

/// Returns the pattern as it is, if it ends with `close`. What stands between is CloudWatch's to check.
fn require_closed(typed: &str, open: char, close: char) -> Result<String, PatternError> {
    let ends = typed.len() > 1 && typed.ends_with(close);
    if ends { Ok(typed.to_owned()) } else { Err(PatternError::Unclosed { open, close }) }
}

/// Splits the text into terms with their signs, quoted if they must be.
fn split_terms(typed: &str) -> Result<Vec<String>, PatternError> {
    let mut terms = Vec::new();
    let mut rest = typed;
    while !rest.is_empty() {
        let sign = if rest.starts_with(['?', '-']) { &rest[..1] } else { "" };
        let body = &rest[sign.len()..];
        let (term, after) = if let Some(phrase) = body.strip_prefix('"') {
            let end = closing_quote(phrase).ok_or(PatternError::OpenQuote)?;
            (format!("\"{}\"", &phrase[..end]), &phrase[end + 1..])
        } else {
            let end = body.find(char::is_whitespace).unwrap_or(body.len());
            (quote_bare_term(&body[..end])?, &body[end..])
        };
        terms.push(format!("{sign}{term}"));
        rest = after.trim_start();
    }
    Ok(terms)
}

/// Returns the term, quoted if CloudWatch wouldn't take it bare. A quote or backslash in it is escaped.
fn quote_bare_term(word: &str) -> Result<String, PatternError> {
    if word.is_empty() {
        return Err(PatternError::NoTerm);
    }
    if word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Ok(word.to_owned());
    }
    Ok(format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// Finds the end of a phrase: the first quote without a backslash before it.
fn closing_quote(phrase: &str) -> Option<usize> {
    let mut escaped = false;
    phrase.char_indices().find_map(|(at, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(typed: &str) -> String {
        pattern(typed).expect("a pattern").text
    }

    #[test]
    fn what_cloudwatch_would_misread_is_quoted() {
        for (typed, sent) in [
            ("ERROR", "ERROR"),
            ("two words", "two words"),
            ("/users/7", "\"/users/7\""),
            ("not-found", "\"not-found\""),
            ("a=b -debug ?x.y", "\"a=b\" -debug ?\"x.y\""),
            ("-\"two words\" \"a \\\" b\"", "-\"two words\" \"a \\\" b\""),
            ("grüße", "\"grüße\""),
            ("say\"hi\"", "\"say\\\"hi\\\"\""),
            ("  ", ""),
        ] {
            assert_eq!(text(typed), sent, "{typed}");
        }
    }

    #[test]
    fn other_kinds_go_through_as_they_are() {
        for typed in ["{ $.level = \"ERROR\" }", "[ip, user, status = 4*]", "%5\\d\\d%"] {
            assert_eq!(text(typed), typed);
        }
    }

    #[test]
    fn what_cloudwatch_would_refuse_is_refused_here() {
        for (typed, error) in [
            ("\"open", PatternError::OpenQuote),
            ("{ $.level = \"ERROR\"", PatternError::Unclosed { open: '{', close: '}' }),
            ("%", PatternError::Unclosed { open: '%', close: '%' }),
            ("a - b", PatternError::NoTerm),
        ] {
            assert_eq!(pattern(typed), Err(error), "{typed}");
        }
        assert_eq!(pattern(&"x".repeat(2000)), Err(PatternError::TooLong(2000)));
    }

    #[test]
    fn ignored_terms_are_told() {
        assert!(pattern("ERROR ?WARN").expect("a pattern").warning.is_some());
        assert!(pattern("?ERROR ?WARN").expect("a pattern").warning.is_none());
        assert_eq!(pattern(REQUESTS), Ok(Pattern { text: REQUESTS.to_owned(), warning: None }));
    }

    proptest! {
        #[test]
        fn a_pattern_that_was_read_reads_the_same(typed in "[ a-z?\"\\\\/-]{0,20}") {
            if let Ok(first) = pattern(&typed) {
                prop_assert_eq!(pattern(&first.text).map(|again| again.text), Ok(first.text));
            }
        }
    }
}
