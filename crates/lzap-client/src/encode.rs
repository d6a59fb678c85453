//! Percent-encoding, as signatures want it: all but letters, digits and `-_.~` is encoded, byte by byte.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

// RFC 3986 calls the rest "unreserved". JavaScript's and Java's encoders leave more, which breaks signatures.
const LABEL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const KEY: &AsciiSet = &LABEL.remove(b'/');

/// One segment of a path, or a name or value of a query.
pub(crate) fn encode_label(text: &str) -> String {
    utf8_percent_encode(text, LABEL).to_string()
}

/// The key of an object: its slashes stay, also doubled ones, and dot segments are not resolved.
pub(crate) fn encode_key(key: &str) -> String {
    utf8_percent_encode(key, KEY).to_string()
}

/// Decodes a key that S3 encoded for a listing: `+` stands for a blank.
pub(crate) fn decode_listed(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// A query of these pairs; empty without any.
pub(crate) fn encode_query(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encode_label(name), encode_label(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn encode_key_keeps_slashes_and_dots_and_encodes_the_rest() {
        for (key, encoded) in [
            ("a/b.csv", "a/b.csv"),
            ("a b", "a%20b"),
            ("a+b%2F", "a%2Bb%252F"),
            ("é", "%C3%A9"),
            ("//a//../.", "//a//../."),
            ("a?b#c&d=e", "a%3Fb%23c%26d%3De"),
            ("~-_.*'()!", "~-_.%2A%27%28%29%21"),
        ] {
            assert_eq!(encode_key(key), encoded);
        }
    }

    proptest! {
        #[test]
        fn decode_listed_undoes_encode_key(key in ".*") {
            prop_assert_eq!(decode_listed(&encode_key(&key)), key.clone());
            prop_assert!(encode_key(&key).bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}
