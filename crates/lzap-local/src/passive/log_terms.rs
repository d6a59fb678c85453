//! Filter patterns for text: terms that must, may or must not occur, bare or in quotes.

/// The terms of a pattern for text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
}

impl Terms {
    /// Reads `ERROR "two words" -debug` or `?a ?b`.
    ///
    /// # Errors
    /// AWS's message for terms that it refuses.
    pub(super) fn parse(pattern: &str) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut rest = pattern;
        while !rest.is_empty() {
            let (list, term) = match rest.as_bytes()[0] {
                b'?' => (&mut parsed.any, &rest[1..]),
                b'-' => (&mut parsed.none, &rest[1..]),
                _ => (&mut parsed.all, rest),
            };
            let (term, after) = if let Some(phrase) = term.strip_prefix('"') {
                read_quoted(phrase).ok_or("Invalid filter pattern: a quote is not closed")?
            } else {
                let (term, after) = term.split_once(char::is_whitespace).unwrap_or((term, ""));
                (read_bare_term(term)?, after)
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

    /// Returns whether the message has the terms that it must have.
    pub(super) fn match_text(&self, message: &str) -> bool {
        let has = |term: &String| message.contains(term.as_str());
        self.all.iter().all(has)
            && !self.none.iter().any(has)
            && (self.any.is_empty() || self.any.iter().any(has))
    }
}

/// Returns a term without quotes, which has letters, digits and `_` only.
fn read_bare_term(term: &str) -> Result<String, String> {
    if !term.is_empty() && term.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(term.to_owned());
    }
    Err(format!("Invalid character(s) in term '{term}'"))
}

/// Returns the text before the closing quote and the text after it; `None` without a closing quote. A backslash takes
/// the next character as it is.
pub(super) fn read_quoted(phrase: &str) -> Option<(String, &str)> {
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
