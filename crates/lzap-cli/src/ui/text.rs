//! Numbers and versions as people read them.

use std::time::Duration;

use lzap_core::resource::alias::Canary;

/// Returns `3.1 MiB`: binary units, as AWS's limits are.
pub(crate) fn format_bytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let exact = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", exact / 1024.0),
        _ => format!("{:.1} MiB", exact / 1_048_576.0),
    }
}

/// Returns `version 9 gets 10 % of the requests`.
pub(crate) fn describe_canary(canary: &Canary) -> String {
    format!("version {} gets {} % of the requests", canary.version, canary.percent)
}

/// Returns seconds with one decimal: `41.2s`.
pub(crate) fn format_seconds(duration: Duration) -> String {
    format!("{:.1}s", duration.as_secs_f64())
}

/// Returns the text without control characters and escape sequences. For text from outside, such as a log: who sends a
/// request chooses some of it, and must not be able to move the cursor, set colors or fill the clipboard.
pub(crate) fn strip_control_characters(text: &str) -> String {
    let plain = anstream::adapter::strip_str(text).to_string();
    plain.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// Returns the text with colors as the only escape sequences. For text that lzap or the compiler has colored, with parts
/// from outside.
pub(crate) fn keep_only_colors(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        kept.push_str(&strip_control_characters(&rest[..at]));
        let color = read_color(&rest[at..]);
        // Without the escape character itself, the rest of another sequence is plain text.
        kept.push_str(color.unwrap_or("\u{fffd}"));
        rest = &rest[at + color.map_or(1, str::len)..];
    }
    kept.push_str(&strip_control_characters(rest));
    kept
}

/// Returns the sequence for colors and styles (SGR) that the text begins with: `ESC [ 1 ; 31 m`.
fn read_color(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters[end..].starts_with('m').then(|| &text[..end + 3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colors_are_left_of_escape_sequences() {
        for (text, kept) in [
            ("plain\ttext\n", "plain\ttext\n"),
            ("\u{1b}[1;31merror\u{1b}[0m: no", "\u{1b}[1;31merror\u{1b}[0m: no"),
            ("a\u{1b}[2Jb", "a\u{fffd}[2Jb"),
            ("\u{1b}]52;c;cHduZWQ=\u{7}", "\u{fffd}]52;c;cHduZWQ="),
            ("\u{1b}]0;title\u{1b}\\", "\u{fffd}]0;title\u{fffd}\\"),
            ("cut\u{1b}", "cut\u{fffd}"),
            ("cut\u{1b}[31", "cut\u{fffd}[31"),
            ("\u{9b}2J back\u{8}\r", "\u{fffd}2J back\u{fffd}"),
        ] {
            assert_eq!(keep_only_colors(text), kept, "{text:?}");
        }
    }
}
