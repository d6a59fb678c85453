//! Paths in the repository.

use std::path::{Path, PathBuf};

/// Returns the root of the repository.
pub fn workspace() -> PathBuf {
    // Fixed at compile time, since a test's current folder is the root of its own package.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Returns Cargo's target folder of the workspace. The tools that `cargo xtask setup` downloads are in it too.
pub fn target() -> PathBuf {
    workspace().join("target")
}

/// Returns the target folder for the apps of the tests, the examples and the templates. They share it, so that their
/// dependencies are compiled once.
pub fn apps_target() -> PathBuf {
    target().join("apps")
}
