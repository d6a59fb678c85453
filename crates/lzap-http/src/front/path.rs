//! Paths of HTTP APIs: the stage's prefix goes, and what can't stand in a URL's path is encoded again.

use std::borrow::Cow;

/// Uppercase, as RFC 3986 (section 2.1) recommends for percent-encoded bytes.
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Encodes a decoded path, so that decoding it once gives the event's path again.
///
/// A `%` in a decoded path is always the character itself, so it becomes `%25` whatever follows it. RFC 3986 (section
/// 3.3) names the characters that need no encoding.
pub(super) fn encode_path(decoded: &str) -> Cow<'_, str> {
    if decoded.bytes().all(is_path_byte) {
        return Cow::Borrowed(decoded);
    }
    let mut encoded = String::with_capacity(decoded.len() + 16);
    for byte in decoded.bytes() {
        push_encoded(&mut encoded, byte, is_path_byte);
    }
    Cow::Owned(encoded)
}

/// Appends a name or value of a query, encoded. Only unreserved characters stay (RFC 3986, section 2.3).
pub(super) fn push_query_text(query: &mut String, text: &str) {
    for byte in text.bytes() {
        push_encoded(query, byte, is_unreserved);
    }
}

/// The path without the stage that an HTTP API puts before it. A path that doesn't begin with the stage stays.
pub(super) fn strip_stage<'a>(path: &'a str, stage: &str) -> &'a str {
    if stage.is_empty() || stage == "$default" {
        return path;
    }
    let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
    match rest {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

fn push_encoded(text: &mut String, byte: u8, is_kept: fn(u8) -> bool) {
    if is_kept(byte) {
        text.push(char::from(byte));
    } else {
        text.push('%');
        text.push(char::from(HEX[usize::from(byte >> 4)]));
        text.push(char::from(HEX[usize::from(byte & 15)]));
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// True for the bytes that stay as they are in a path. `%` doesn't: here it never begins an encoded byte.
fn is_path_byte(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@' | b'/'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encode_path_of_a_decoded_path_encodes_what_a_url_path_cannot_hold() {
        for (decoded, encoded) in [
            ("/plain/a-b_c.d~e", "/plain/a-b_c.d~e"),
            ("/!$&'()*+,;=:@", "/!$&'()*+,;=:@"),
            ("/a#b", "/a%23b"),
            ("/a?b", "/a%3Fb"),
            ("/100%", "/100%25"),
            ("/%41", "/%2541"),
            ("/a b\\c\n\0", "/a%20b%5Cc%0A%00"),
            ("/../a/./b//c", "/../a/./b//c"),
            ("/λ", "/%CE%BB"),
        ] {
            assert_eq!(encode_path(decoded), encoded);
        }
    }

    #[test]
    fn strip_stage_removes_a_whole_segment_only() {
        for (path, stage, stripped) in [
            ("/prod/uri", "prod", "/uri"),
            ("/prod", "prod", "/"),
            ("/prod/", "prod", "/"),
            ("/production", "prod", "/production"),
            ("/uri", "prod", "/uri"),
            ("/prod/prod", "prod", "/prod"),
            ("/$default/uri", "$default", "/$default/uri"),
            ("/uri", "", "/uri"),
        ] {
            assert_eq!(strip_stage(path, stage), stripped, "{path}");
        }
    }
}
