//! Caching scripts in place of cargo and rustc, for tests that deploy one project a thousand times.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fs_err as fs;
use tempfile::TempDir;

use crate::lzap::Lzap;

/// Scripts in place of `cargo` and `rustc`. The first call with given arguments runs the real program and stores both
/// output streams (cargo reads rustc's standard error too); later calls print them. The project must not change.
#[derive(Debug)]
pub struct RememberedCargo {
    folder: TempDir,
}

impl RememberedCargo {
    /// Writes the scripts, with an empty cache.
    ///
    /// # Errors
    /// When its files can't be made.
    pub fn new() -> io::Result<Self> {
        let remembered = Self { folder: TempDir::new()? };
        for (program, variable) in [("cargo", "CARGO"), ("rustc", "RUSTC")] {
            let real = std::env::var_os(variable).map_or_else(|| PathBuf::from(program), PathBuf::from);
            let path = remembered.script_path(program);
            let memory = remembered.folder.path().join(format!("{program}-answer-"));
            fs::write(&path, format_script(&real, &memory))?;
            fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        }
        Ok(remembered)
    }

    /// Makes `lzap` use these scripts.
    pub fn apply_to(&self, lzap: Lzap) -> Lzap {
        let path = |program| self.script_path(program).display().to_string();
        lzap.env("CARGO", &path("cargo")).env("RUSTC", &path("rustc"))
    }

    fn script_path(&self, program: &str) -> PathBuf {
        self.folder.path().join(program)
    }
}

/// Returns the text of the script for the program `real`. Its cache files begin with `memory`.
fn format_script(real: &Path, memory: &Path) -> String {
    let (real, memory) = (quote_path(real), quote_path(memory));
    // `$$` and `mv` keep concurrent calls from reading half-written files. Standard output moves last, because its file
    // marks the answer as complete. A failed call isn't stored.
    format!(
        r#"#!/bin/sh
set -e
memory={memory}$(echo "$*" | cksum | tr ' ' -)
if [ ! -e "$memory" ]; then
  {real} "$@" > "$memory.$$" 2> "$memory.stderr.$$" ||
    {{ cat "$memory.stderr.$$" >&2; cat "$memory.$$"; exit 101; }}
  mv "$memory.stderr.$$" "$memory.stderr"
  mv "$memory.$$" "$memory"
fi
cat "$memory.stderr" >&2
exec cat "$memory"
"#
    )
}

/// Quotes a path as one word for a POSIX shell.
fn quote_path(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quote_path_keeps_blanks_and_quotes_in_one_word() {
        assert_eq!(quote_path(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }
}
