//! Folders for user projects that vanish with their value.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use tempfile::TempDir;

/// An empty folder with a name of its own choice, somewhere temporary.
#[derive(Debug)]
pub struct TempProject {
    path: PathBuf,
    _root: TempDir,
}

impl TempProject {
    /// An empty folder called `name`. Choose a name per test: crates that are made in it are called after it, and all
    /// of them share one target folder.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn empty(name: &str) -> io::Result<Self> {
        let root = TempDir::new()?;
        let path = root.path().join(name);
        fs::create_dir(&path)?;
        Ok(Self { path, _root: root })
    }

    /// A folder called `name` with `files`, given as path and text.
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

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file `path`.
    ///
    /// # Errors
    /// When it isn't there.
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

    /// Replaces `from`, which must be there, by `to` in the file `path`.
    ///
    /// # Errors
    /// When the file or the text in it is missing.
    pub fn replace(&self, path: &str, from: &str, to: &str) -> io::Result<()> {
        let text = self.read(path)?;
        if !text.contains(from) {
            return Err(io::Error::other(format!("no `{from}` in {path}:\n{text}")));
        }
        self.write(path, &text.replace(from, to))
    }
}
