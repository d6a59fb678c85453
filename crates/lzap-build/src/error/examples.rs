//! One error of each kind, for the reference. Words in capitals stand for names.

use std::io;
use std::path::PathBuf;

use lzap_core::platform::Architecture;

use super::{BuildError, CargoSaid};

impl BuildError {
    /// Returns one error of each kind, for the reference.
    pub fn examples() -> Vec<Self> {
        let mut examples = Self::project_examples();
        examples.extend(Self::toolchain_examples());
        examples.extend(Self::artifact_examples());
        examples
    }

    /// Returns the errors about the project and its scaffold.
    fn project_examples() -> Vec<Self> {
        let (package, wanted) = (|| "PACKAGE".to_owned(), || "NAME".to_owned());
        let (packages, binaries) = (
            || vec!["PACKAGE".to_owned(), "OTHER".to_owned()],
            || vec!["BINARY".to_owned(), "OTHER".to_owned()],
        );
        vec![
            Self::NoManifest { dir: path("FOLDER") },
            Self::SeveralPackages { root: path("FOLDER"), packages: packages() },
            Self::UnknownPackage { wanted: wanted(), packages: packages() },
            Self::SeveralBinaries { package: package(), binaries: binaries() },
            Self::UnknownBinary { package: package(), wanted: wanted(), binaries: binaries() },
            Self::NoBinary { package: package() },
            Self::Metadata { source: CargoSaid("CARGO'S MESSAGE".to_owned()) },
            Self::UnknownTemplate { wanted: wanted(), templates: &["hello", "csv-group-sum"] },
            Self::CrateName { name: wanted(), why: "REASON".to_owned() },
            Self::NotEmpty { dir: path("FOLDER"), found: "FILE".to_owned() },
            Self::ConfigExists { path: path("lzap.toml") },
        ]
    }

    /// Returns the errors about cargo, the toolchain and the linkers.
    fn toolchain_examples() -> Vec<Self> {
        let triple = || "aarch64-unknown-linux-musl".to_owned();
        vec![
            Self::NoCargo { program: "cargo".to_owned(), source: io::ErrorKind::NotFound.into() },
            Self::CompileFailed {
                package: "PACKAGE".to_owned(),
                rendered: "THE COMPILER'S MESSAGES".to_owned(),
                advice: None,
            },
            Self::NoOutput { bin: "BINARY".to_owned() },
            Self::TargetMissing { triple: triple() },
            Self::TargetAdd { triple: triple(), source: CargoSaid("RUSTUP'S MESSAGE".to_owned()) },
            Self::NoRustLld { sysroot: path("SYSROOT") },
            Self::NoZig { reason: "REASON".to_owned() },
            Self::Zig { source: "REASON".into() },
            Self::NotNative { host: "x86_64-unknown-linux-gnu".to_owned(), wanted: Architecture::Arm64 },
        ]
    }

    /// Returns the errors about the binary and the zip.
    fn artifact_examples() -> Vec<Self> {
        vec![
            Self::NotAnExecutable { path: path("BINARY"), why: "REASON".to_owned() },
            Self::WrongArchitecture { found: Architecture::X86_64, wanted: Architecture::Arm64 },
            Self::GlibcTooNew { needed: (2, 39), symbol: Some("SYMBOL".to_owned()), available: (2, 34) },
            Self::SharedLibraries { libraries: vec!["LIBRARY".to_owned()] },
            Self::Loader { loader: "LOADER".to_owned() },
            Self::IncludeMissing { name: "ENTRY".to_owned(), path: path("PATH") },
            Self::IncludeLink { path: path("PATH"), why: "REASON" },
            Self::IncludeDestination { destination: "PATH".to_owned(), why: "REASON" },
            Self::TooLarge {
                bytes: 300 << 20,
                limit: 250 << 20,
                biggest: vec![("FILE".to_owned(), 200 << 20)],
            },
            Self::Zip { path: path("ZIP"), source: zip::result::ZipError::FileNotFound },
            Self::Io { action: "read FILE".to_owned(), source: io::ErrorKind::PermissionDenied.into() },
        ]
    }
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(name)
}
