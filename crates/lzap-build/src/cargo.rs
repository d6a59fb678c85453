//! Reading what `cargo build` writes: its terminal lines, its progress bar and its JSON messages. Pure but for [`cargo_program`].

use std::ffi::OsString;

/// Returns the cargo to call: `CARGO`, which cargo itself sets for what it runs, else the one on PATH.
pub(crate) fn cargo_program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// One thing that cargo wrote to its error output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// The progress bar: units done, units in all, one that is being compiled.
    Progress { done: usize, total: usize, name: Option<String> },
    /// A status line that names a crate which is compiled now.
    Compiling { name: String, line: String },
    /// Another status line.
    Status(String),
    /// Anything else: warnings, errors, their source snippets.
    Text(String),
}

/// Cuts a byte stream into lines. The progress bar ends in a carriage return, everything else in a newline.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The bytes after the last complete line.
    rest: Vec<u8>,
}

impl Lines {
    /// Takes the next bytes in; returns the lines that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Said> {
        self.rest.extend_from_slice(bytes);
        let mut said = Vec::new();
        // A read can end in the middle of a line, or of a UTF-8 character: the rest waits for the next read.
        while let Some(end) = self.rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let line: Vec<u8> = self.rest.drain(..=end).take(end).collect();
            said.extend(classify_line(&String::from_utf8_lossy(&line)));
        }
        said
    }

    /// Returns the last line where no newline ended it.
    pub(crate) fn finish(&mut self) -> Option<Said> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() { None } else { classify_line(&String::from_utf8_lossy(&rest)) }
    }
}

/// The verbs of cargo's status lines, which stand right-aligned in twelve columns.
const VERBS: &[&str] = &[
    "Adding",
    "Blocking",
    "Building",
    "Checking",
    "Compiling",
    "Dirty",
    "Downgrading",
    "Downloaded",
    "Downloading",
    "Finished",
    "Fresh",
    "Ignored",
    "Locking",
    "Removing",
    "Replaced",
    "Running",
    "Unchanged",
    "Updating",
    "Waiting",
];

/// Returns the meaning of a line; `None` for the blanks with which cargo erases its progress bar.
fn classify_line(line: &str) -> Option<Said> {
    let plain = strip_ansi(line);
    let words = plain.trim_start();
    let verb = words.split_whitespace().next().unwrap_or_default();
    // Without counts it isn't the bar, and is classified like any other line.
    if verb == "Building"
        && let Some(progress) = parse_progress(words)
    {
        return Some(progress);
    }
    // The column is part of the test: the same word can begin a line of a diagnostic.
    let is_status = VERBS.contains(&verb) && plain.len() - words.len() + verb.len() == 12;
    let line = line.trim_end();
    match (is_status, verb) {
        (true, "Compiling") => {
            let name = words.split_whitespace().nth(1).unwrap_or_default().to_owned();
            Some(Said::Compiling { name, line: line.to_owned() })
        }
        // Cargo erases its bar by overwriting it with blanks.
        (_, "") if line.is_empty() && !plain.is_empty() => None,
        (true, _) => Some(Said::Status(line.to_owned())),
        (false, _) => Some(Said::Text(line.to_owned())),
    }
}

/// Reads `Building [====>   ] 12/87: syn, serde(build)`. Of the crates that are compiled at the same time,
/// only the first is kept, without the kind of its unit.
fn parse_progress(words: &str) -> Option<Said> {
    let (_, counts) = words.split_once("] ")?;
    let (counts, names) = counts.split_once(':').unwrap_or((counts, ""));
    let (done, total) = counts.trim().split_once('/')?;
    let name = names.split(',').next().map(|name| name.split('(').next().unwrap_or_default().trim());
    Some(Said::Progress {
        done: done.parse().ok()?,
        total: total.parse().ok()?,
        name: name.filter(|name| !name.is_empty()).map(ToOwned::to_owned),
    })
}

/// Takes out the escape sequences that set colors or erase: ESC `[`, parameters, and one byte from `@` to `~`
/// that ends the sequence. Of other sequences only ESC and the character after it are taken out.
fn strip_ansi(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(char) = rest.next() {
        if char != '\u{1b}' {
            plain.push(char);
        } else if rest.next() == Some('[') {
            rest.by_ref().find(|it| ('@'..='~').contains(it));
        }
    }
    plain
}

/// Returns the path of the binary `bin` when this JSON message says that it is built; `None` for other
/// messages, and for lines that aren't one.
pub(crate) fn find_built_binary(message: &str, bin: &str) -> Option<std::path::PathBuf> {
    let message: cargo_metadata::Message = serde_json::from_str(message).ok()?;
    let cargo_metadata::Message::CompilerArtifact(artifact) = message else {
        return None;
    };
    // The package's library may have the same name.
    let is_it = artifact.target.is_bin() && artifact.target.name == bin;
    artifact.executable.filter(|_| is_it).map(cargo_metadata::camino::Utf8PathBuf::into_std_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: &[&str]) -> Vec<Said> {
        let mut lines = Lines::default();
        let mut said: Vec<_> = chunks.iter().flat_map(|chunk| lines.push(chunk.as_bytes())).collect();
        said.extend(lines.finish());
        said
    }

    #[test]
    fn the_bar_gives_counts_and_a_crate() {
        let bar = "    Building [=====>      ] 12/87: syn, serde_json(build)   \r";
        assert_eq!(read(&[bar]), [Said::Progress { done: 12, total: 87, name: Some("syn".into()) }]);
    }

    #[test]
    fn a_line_may_come_in_pieces_and_in_color() {
        let said = read(&["\u{1b}[1m\u{1b}[92m   Compi", "ling\u{1b}[0m hello v0.1.0 (/x)\n"]);
        assert!(matches!(&said[..], [Said::Compiling { name, .. }] if name == "hello"), "{said:?}");
    }

    #[test]
    fn diagnostics_are_text_with_their_color_and_blank_lines_kept() {
        let said = read(&["\u{1b}[31merror\u{1b}[0m: no\n\n  Compiling is a word in this message\n"]);
        let text = |it: &str| Said::Text(it.to_owned());
        assert_eq!(
            said,
            [text("\u{1b}[31merror\u{1b}[0m: no"), text(""), text("  Compiling is a word in this message")]
        );
    }
}
