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

/// The one target folder that every test app, example and template is built in.
pub fn apps_target() -> PathBuf {
    target().join("apps")
}
