//! A list of exceptions: one path per line, with the reason behind a `#`.

use std::collections::BTreeMap;
use std::path::Path;

use fs_err as fs;
use lzap_testkit::shell::Result;

/// The lines of a list.
#[derive(Debug, Default)]
pub(super) struct List {
    /// The file's path in the repository.
    pub(super) path: String,
    /// Paths of Rust items, and why each is allowed.
    lines: BTreeMap<String, String>,
}

impl List {
    /// Reads the list in the file `path` below `root`.
    ///
    /// # Errors
    /// When it can't be read.
    pub(super) fn read(root: &Path, path: &str) -> Result<Self> {
        Ok(Self::parse(path, &fs::read_to_string(root.join(path))?))
    }

    /// Reads the list in `text`. Lines that begin with `#` are comments.
    pub(super) fn parse(path: &str, text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let split = lines.map(|line| line.split_once('#').unwrap_or((line, "")));
        let lines = split.map(|(name, reason)| (name.trim().to_owned(), reason.trim().to_owned()));
        Self { path: path.to_owned(), lines: lines.collect() }
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.lines.contains_key(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.lines.keys().map(String::as_str)
    }

    /// The lines without a reason.
    pub(super) fn problems(&self) -> impl Iterator<Item = String> {
        let bare = self.lines.iter().filter(|(_, reason)| reason.is_empty());
        bare.map(|(name, _)| format!("{name}: no reason behind a `#` in {}", self.path))
    }
}
