//! The path of a request in the events of an HTTP API, in both payload formats; without I/O.
//!
//! AWS documents none of it. The test data names the public captures that it is taken from.

use crate::percent::decode_bytes;

/// The path that the function gets; `None` where API Gateway refuses the request with 400.
///
/// The path is decoded, cut at a `?` that was encoded, and decoded again. The second decoding refuses a `%` that begins
/// no encoded byte. Dot segments, repeated slashes and control characters stay. Bytes that aren't UTF-8 become U+FFFD:
/// JSON has no bytes, and no capture shows what AWS does with them.
pub(crate) fn event_path(sent: &str) -> Option<String> {
    let mut decoded = decode_bytes(sent.as_bytes());
    if let Some(question_mark) = decoded.iter().position(|byte| *byte == b'?') {
        decoded.truncate(question_mark);
    }
    if has_bare_percent(&decoded) {
        return None;
    }
    Some(String::from_utf8_lossy(&decode_bytes(&decoded)).into_owned())
}

fn has_bare_percent(path: &[u8]) -> bool {
    path.iter().enumerate().filter(|(_, byte)| **byte == b'%').any(|(at, _)| {
        let digits = path.get(at + 1..at + 3).unwrap_or_default();
        digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn event_path_equals_what_was_captured_on_aws() {
        let captured = include_str!("../../../../tests/data/captured-on-aws.json");
        let captured: Value = serde_json::from_str(captured).expect("JSON");
        let paths = captured["http_api_paths"].as_array().expect("a list");
        assert_eq!(paths.len(), 10);
        for path in paths {
            let sent = path["sent"].as_str().expect("a path");
            assert_eq!(event_path(sent).as_deref(), path["arrives"].as_str(), "{sent}");
        }
    }

    #[test]
    fn event_path_of_odd_paths_keeps_all_but_encoding() {
        for (sent, arrives) in [
            ("/a/../b/./c//d", Some("/a/../b/./c//d")),
            ("/%2e%2e/uri", Some("/../uri")),
            ("/a%5Cb%0A%00", Some("/a\\b\n\0")),
            ("/100%2541", Some("/100A")),
            ("/%252541", Some("/%41")),
            ("/%FF", Some("/\u{fffd}")),
            ("/a+b", Some("/a+b")),
            ("/100%", None),
            ("/%zz", None),
            ("/%25", None),
            ("/a%3F%25", Some("/a")),
        ] {
            assert_eq!(event_path(sent).as_deref(), arrives, "{sent}");
        }
    }
}
