//! Crates in temporary folders. They have no dependencies from a registry, so they compile in a second and offline.

use std::path::{Path, PathBuf};

use lzap_build::BuildError;
use lzap_build::project::{self, Project, Selection};
use lzap_core::explain::{CommandContext, Explained as _};
use tempfile::TempDir;

/// Writes `files` (path, text) into a new temporary folder.
pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        write(dir.path(), name, text);
    }
    dir
}

pub(crate) fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs_err::create_dir_all(path.parent().expect("a folder")).expect("make a folder");
    fs_err::write(&path, text).expect("write a file");
    path
}

/// A manifest for `name`, with `rest` at its end.
pub(crate) fn manifest(name: &str, rest: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"1.2.3\"\nedition = \"2024\"\n{rest}")
}

pub(crate) const MAIN: &str = "fn main() {\n    println!(\"hello\");\n}\n";

pub(crate) fn find(dir: &Path) -> Result<Project, BuildError> {
    project::find_project(&Selection { dir, package: None, bin: None, features: &[] })
}

/// Finds the project, and builds it in its own folder whatever `CARGO_TARGET_DIR` says, since tests run side by side.
pub(crate) fn project(dir: &Path) -> Project {
    let mut project = find(dir).expect("a project");
    project.target_dir = dir.join("target");
    project
}

/// The error as the user would read it: what, causes, help.
pub(crate) fn told(error: &BuildError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}\ncause: {error}");
        cause = error.source();
    }
    let help = error.help(&CommandContext::new("package", Some("dev")));
    format!("{text}\nhelp: {help}")
}
