//! Percent-encoding, the way AWS does it: only letters, digits and `-_.~` stay.

use std::fmt::Write as _;

/// Encodes every byte that isn't unreserved (RFC 3986).
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Decodes `%XX`; what isn't valid UTF-8 afterwards becomes replacement characters.
pub(crate) fn decode(text: &str) -> String {
    String::from_utf8_lossy(&decode_bytes(text.as_bytes())).into_owned()
}

/// Decodes a value of a query string or form, where `+` is a space.
pub(crate) fn decode_form(text: &str) -> String {
    decode(&text.replace('+', " "))
}

/// The pairs of a query string or form, in order.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (decode_form(name), decode_form(value))
    })
}

/// Decodes `%XX` to bytes. A `%` without two hexadecimal digits stays.
pub(crate) fn decode_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).filter(|_| byte == b'%');
        let value = pair.and_then(hex_value);
        decoded.push(value.unwrap_or(byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    decoded
}

/// The byte that two hexadecimal digits stand for. `from_str_radix` would take `+1` too.
fn hex_value(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_of_an_encoded_text_gives_the_text() {
        for text in ["a b/c", "ä%é", "100%", "%zz", ""] {
            assert_eq!(decode(&encode(text)), text);
        }
        assert_eq!(decode("%zz%4%+1"), "%zz%4%+1");
        assert_eq!(
            pairs("a=1+2&b&c=%26").collect::<Vec<_>>(),
            [
                ("a".to_owned(), "1 2".to_owned()),
                ("b".to_owned(), String::new()),
                ("c".to_owned(), "&".to_owned()),
            ]
        );
    }
}
