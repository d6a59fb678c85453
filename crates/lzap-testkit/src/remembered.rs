//! A cargo and a rustc that answer as they did the first time, for tests that deploy one project a thousand times.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use fs_err as fs;
use tempfile::TempDir;

use crate::lzap::Lzap;

/// Stands in for `cargo` and `rustc`: asked for the first time it runs the real one and keeps what it prints, asked
/// again it prints that. Only for a project that doesn't change meanwhile.
#[derive(Debug)]
pub struct RememberedCargo {
    folder: TempDir,
}

impl RememberedCargo {
    /// One that remembers nothing yet.
    ///
    /// # Errors
    /// When its files can't be made.
    pub fn new() -> io::Result<Self> {
        let remembered = Self { folder: TempDir::new()? };
        for (program, variable) in [("cargo", "CARGO"), ("rustc", "RUSTC")] {
            let real = std::env::var_os(variable).map_or_else(|| PathBuf::from(program), PathBuf::from);
            let path = remembered.path(program);
            let memory = remembered.folder.path().join(format!("{program}-answer-")).display().to_string();
            let real = real.display();
            fs::write(
                &path,
                format!(
                    "#!/bin/sh\nset -e\nmemory={memory}$(echo \"$*\" | cksum | tr ' ' -)\n\
                 [ -e $memory ] || {{ {real} \"$@\" > $memory.$$; mv $memory.$$ $memory; }}\nexec cat $memory\n"
                ),
            )?;
            fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        }
        Ok(remembered)
    }

    /// `lzap` with this cargo.
    pub fn with(&self, lzap: Lzap) -> Lzap {
        let path = |program| self.path(program).display().to_string();
        lzap.env("CARGO", &path("cargo")).env("RUSTC", &path("rustc"))
    }

    fn path(&self, program: &str) -> PathBuf {
        self.folder.path().join(program)
    }
}
