//! Where things are in the repository.

use std::path::{Path, PathBuf};

/// The repository's root.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Cargo's target folder of the workspace, which also holds what the tests fetch.
pub fn target() -> PathBuf {
    workspace().join("target")
}

/// The target folder in which every app of the tests, each example and each template is built.
pub fn apps_target() -> PathBuf {
    target().join("apps")
}
