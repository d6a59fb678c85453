//! The runtime crate `lzap` as a dependency of the user's crate: a path into a checkout, or a version.

use std::path::{Path, PathBuf};

/// The source of the runtime crate in the `Cargo.toml` of a new crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LzapSource {
    /// The checkout that this program was built from.
    Path(PathBuf),
    /// The registry.
    Version(&'static str),
}

impl LzapSource {
    /// Returns the path of the checkout if it still exists, else the version of this program.
    pub(super) fn find() -> Self {
        // A program built from a checkout writes a path: its version of `lzap` may not be published yet.
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lzap");
        match checkout.canonicalize() {
            Ok(path) if path.join("Cargo.toml").is_file() => Self::Path(path),
            _ => Self::Version(env!("CARGO_PKG_VERSION")),
        }
    }
}

/// Returns the line for `[dependencies]`, without a newline.
pub(crate) fn lzap_dependency() -> String {
    match LzapSource::find() {
        LzapSource::Path(path) => {
            format!("lzap = {{ path = {} }}", toml_edit::Value::from(path.to_string_lossy().as_ref()))
        }
        LzapSource::Version(version) => format!("lzap = \"{version}\""),
    }
}
