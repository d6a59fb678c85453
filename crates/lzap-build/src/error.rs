//! The errors between a folder and a zip.
//!
//! Codes, causes and help are in `explain`, the examples for the reference in `examples`.

mod examples;
mod explain;

use std::path::PathBuf;

use lzap_core::platform::Architecture;
use thiserror::Error;

/// The reason why there is no artifact, no project or no scaffold.
#[derive(Debug, Error)]
pub enum BuildError {
    /// No `Cargo.toml` in the folder or above it.
    #[error("no Cargo.toml in {} or above it", dir.display())]
    NoManifest {
        /// The folder in which the search began.
        dir: PathBuf,
    },

    /// The folder is a workspace, and which of its packages is meant isn't said.
    #[error("{} is a workspace with several packages: {}", root.display(), packages.join(", "))]
    SeveralPackages {
        /// The workspace's folder.
        root: PathBuf,
        /// Its packages that have a binary, or all of them.
        packages: Vec<String>,
    },

    /// The named package isn't in the workspace.
    #[error("there is no package `{wanted}` here; there is: {}", packages.join(", "))]
    UnknownPackage {
        /// The name that was asked for.
        wanted: String,
        /// The names that would do.
        packages: Vec<String>,
    },

    /// The package has several binaries and no `default-run`.
    #[error("package `{package}` has several binaries: {}", binaries.join(", "))]
    SeveralBinaries {
        /// The package.
        package: String,
        /// Its binaries.
        binaries: Vec<String>,
    },

    /// The named binary isn't in the package.
    #[error("package `{package}` has no binary `{wanted}`; it has: {}", binaries.join(", "))]
    UnknownBinary {
        /// The package.
        package: String,
        /// The name that was asked for.
        wanted: String,
        /// Its binaries.
        binaries: Vec<String>,
    },

    /// The package is a library only.
    #[error("package `{package}` has no binary, so there is nothing that Lambda could start")]
    NoBinary {
        /// The package.
        package: String,
    },

    /// `cargo metadata` failed; cargo's own words are in the cause.
    #[error("cargo can't read the project")]
    Metadata {
        /// Cargo's error output.
        source: CargoSaid,
    },

    /// There is no cargo to call.
    #[error("`{program}` can't be run")]
    NoCargo {
        /// The program that was tried.
        program: String,
        /// Why it didn't start.
        source: std::io::Error,
    },

    /// rustc refused the user's code.
    #[error("the build of `{package}` failed\n\n{rendered}")]
    CompileFailed {
        /// The package.
        package: String,
        /// Cargo's and rustc's messages as they would stand on a terminal.
        rendered: String,
        /// The fix, for the failures whose messages are known.
        advice: Option<String>,
    },

    /// Cargo ended well and built no such binary.
    #[error("cargo built no binary `{bin}`")]
    NoOutput {
        /// The binary.
        bin: String,
    },

    /// Rust's standard library for the target is missing, and nothing here can fetch it.
    #[error("Rust's standard library for {triple} isn't installed, and there is no rustup to add it")]
    TargetMissing {
        /// The target.
        triple: String,
    },

    /// `rustup target add` failed.
    #[error("`rustup target add {triple}` failed")]
    TargetAdd {
        /// The target.
        triple: String,
        /// The error output of rustup.
        source: CargoSaid,
    },

    /// The toolchain has no `rust-lld`.
    #[error("the linker `rust-lld` isn't in the toolchain at {}", sysroot.display())]
    NoRustLld {
        /// The folder of the toolchain.
        sysroot: PathBuf,
    },

    /// A C dependency or the configuration wants zig, and it isn't installed.
    #[error("zig isn't installed, and this build needs it: {reason}")]
    NoZig {
        /// Why zig was chosen.
        reason: String,
    },

    /// Setting zig up as a linker failed.
    #[error("zig can't be set up as the linker")]
    Zig {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// `linker = "native"` for another kind of machine than this one.
    #[error("the native toolchain of {host} can't build for {wanted}")]
    NotNative {
        /// This machine's triple.
        host: String,
        /// The stage's architecture.
        wanted: Architecture,
    },

    /// The file isn't a 64-bit little-endian ELF executable.
    #[error("{} isn't a Linux executable: {why}", path.display())]
    NotAnExecutable {
        /// The file.
        path: PathBuf,
        /// A clause that says what it is instead.
        why: String,
    },

    /// The binary is for another processor.
    #[error("the binary is for {found}, the stage for {wanted}")]
    WrongArchitecture {
        /// The binary's.
        found: Architecture,
        /// The stage's.
        wanted: Architecture,
    },

    /// The binary needs a newer glibc than Lambda's runtime has.
    #[error("the binary needs GLIBC_{}.{}{}, and Lambda's runtime has {}.{}", needed.0, needed.1, symbol.as_ref().map(|s| format!(" (for `{s}`)")).unwrap_or_default(), available.0, available.1)]
    GlibcTooNew {
        /// The newest version that the binary asks for.
        needed: (u16, u16),
        /// One symbol that asks for it.
        symbol: Option<String>,
        /// The runtime's.
        available: (u16, u16),
    },

    /// The binary needs shared libraries that Lambda's runtime lacks.
    #[error("the binary needs shared libraries that Lambda's runtime lacks: {}", libraries.join(", "))]
    SharedLibraries {
        /// Their names, as the loader looks for them.
        libraries: Vec<String>,
    },

    /// The binary asks for a program loader that Lambda's runtime lacks.
    #[error("the binary asks for the loader {loader}, which Lambda's runtime lacks")]
    Loader {
        /// The loader's path.
        loader: String,
    },

    /// An `include` names something that isn't there.
    #[error("`include` in lzap.toml names `{name}`, and {} doesn't exist", path.display())]
    IncludeMissing {
        /// The entry.
        name: String,
        /// The path at which it was looked for.
        path: PathBuf,
    },

    /// An included link leads nowhere, in a circle, or out of the project; or the entry itself leaves it.
    #[error("`include` in lzap.toml leads to {}, {why}", path.display())]
    IncludeLink {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },

    /// An included file can't be named in the zip.
    #[error("`include` in lzap.toml would write `{destination}` into the zip, {why}")]
    IncludeDestination {
        /// The name in the zip.
        destination: String,
        /// What is wrong with it.
        why: &'static str,
    },

    /// The files are larger than Lambda takes, which Lambda itself would report only after the upload.
    #[error("the files in the zip come to {} unpacked, and Lambda takes {}; the biggest: {}", format_megabytes(*bytes), format_megabytes(*limit), biggest.iter().map(|(name, size)| format!("{name} ({})", format_megabytes(*size))).collect::<Vec<_>>().join(", "))]
    TooLarge {
        /// All files together.
        bytes: u64,
        /// Lambda's limit.
        limit: u64,
        /// The biggest files, biggest first.
        biggest: Vec<(String, u64)>,
    },

    /// Writing the zip failed.
    #[error("can't write the zip {}", path.display())]
    Zip {
        /// The zip.
        path: PathBuf,
        /// Why.
        source: zip::result::ZipError,
    },

    /// No template of that name.
    #[error("there is no template `{wanted}`")]
    UnknownTemplate {
        /// The name that was asked for.
        wanted: String,
        /// The names of the templates.
        templates: &'static [&'static str],
    },

    /// The name can't be a crate's.
    #[error("`{name}` can't be the name of a crate: {why}")]
    CrateName {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: String,
    },

    /// A template needs an empty folder.
    #[error("{} isn't empty: it has {found}", dir.display())]
    NotEmpty {
        /// The folder.
        dir: PathBuf,
        /// One thing that is in it.
        found: String,
    },

    /// `lzap.toml` is there already.
    #[error("{} is there already", path.display())]
    ConfigExists {
        /// The file.
        path: PathBuf,
    },

    /// The file system refused something.
    #[error("can't {action}")]
    Io {
        /// The operation that failed, as a verb phrase.
        action: String,
        /// Why not; names the path.
        source: std::io::Error,
    },
}

impl BuildError {
    /// Returns a function that wraps an I/O error; `action` completes the sentence "can't …".
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        |source| Self::Io { action, source }
    }
}

/// The error output of another program, kept as a cause.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct CargoSaid(pub(crate) String);

/// AWS counts a megabyte as 1024 × 1024 bytes.
fn format_megabytes(bytes: u64) -> String {
    const MB: u64 = 1024 * 1024;
    format!("{}.{} MB", bytes / MB, bytes % MB * 10 / MB)
}
