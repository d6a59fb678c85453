//! Temporary folders for user projects.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use tempfile::TempDir;

/// A temporary folder whose name the test chooses. Dropping the value deletes it.
#[derive(Debug)]
pub struct TempProject {
    path: PathBuf,
    _root: TempDir,
}

impl TempProject {
    /// Makes an empty folder called `name`. Each test needs a name of its own: `lzap init` names the crate after the
    /// folder, and all these crates share one target folder.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn empty(name: &str) -> io::Result<Self> {
        let root = TempDir::new()?;
        let path = root.path().join(name);
        fs::create_dir(&path)?;
        Ok(Self { path, _root: root })
    }

    /// Makes a folder called `name` with `files`, which are pairs of path and text.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn with_files(name: &str, files: &[(&str, &str)]) -> io::Result<Self> {
        let project = Self::empty(name)?;
        for (path, text) in files {
            project.write(path, text)?;
        }
        Ok(project)
    }

    /// Returns the absolute path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file `path`.
    ///
    /// # Errors
    /// When it is missing or not UTF-8.
    pub fn read(&self, path: &str) -> io::Result<String> {
        fs::read_to_string(self.path.join(path))
    }

    /// Writes `text` to the file `path`, making the folders above it.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, path: &str, text: &str) -> io::Result<()> {
        let path = self.path.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)
    }

    /// Replaces each occurrence of `from` in the file `path` by `to`.
    ///
    /// # Errors
    /// When the file or the text in it is missing.
    pub fn replace(&self, path: &str, from: &str, to: &str) -> io::Result<()> {
        let text = self.read(path)?;
        // A test whose replacement has no effect would pass without testing anything.
        if !text.contains(from) {
            return Err(io::Error::other(format!("no `{from}` in {path}:\n{text}")));
        }
        self.write(path, &text.replace(from, to))
    }
}
