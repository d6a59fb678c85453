//! Header values in JSON: each byte is the character of the same number (Latin-1), in both directions.
//!
//! A header value is bytes, and JSON has only text. This mapping loses nothing. Text with a character beyond U+00FF can't
//! come from it; a front that decodes UTF-8 sends such text, so it becomes UTF-8 bytes again.

use std::borrow::Cow;

use http::{HeaderValue, header::InvalidHeaderValue};

/// The header value that a text of an event stands for.
pub(super) fn decode_value(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    if text.is_ascii() {
        return HeaderValue::from_str(text);
    }
    match text.chars().map(|char| u8::try_from(u32::from(char))).collect::<Result<Vec<u8>, _>>() {
        Ok(bytes) => HeaderValue::from_bytes(&bytes),
        Err(_) => HeaderValue::from_bytes(text.as_bytes()),
    }
}

/// The text of an answer that stands for a header value.
pub(super) fn encode_value(value: &HeaderValue) -> Cow<'_, str> {
    let bytes = value.as_bytes();
    match str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encode_then_decode_of_any_header_byte_gives_the_byte() {
        let bytes: Vec<u8> = (32..=255).filter(|byte| *byte != 127).chain([b'\t']).collect();
        let value = HeaderValue::from_bytes(&bytes).expect("a header value");
        assert_eq!(decode_value(&encode_value(&value)).expect("a header value"), value);
    }

    #[test]
    fn decode_of_text_beyond_latin_1_gives_utf_8() {
        assert_eq!(decode_value("Srī").expect("a header value").as_bytes(), "Srī".as_bytes());
        assert!(decode_value("line\nbreak").is_err());
    }
}
