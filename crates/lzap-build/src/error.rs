//! Everything that can go wrong between a folder and a zip: what, why, and what to type next.
//!
//! Which exit code each one means is the command line's decision; [`BuildError::kind`] gives what it needs for that.

use std::path::PathBuf;

use lzap_core::platform::Architecture;
use miette::Diagnostic;
use thiserror::Error;

/// Whose turn it is to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The arguments, `lzap.toml` or the manifest are wrong: nothing was compiled.
    Usage,
    /// The compiler, the linker or the check of their result failed.
    Build,
}

/// Why there is no artifact, no project or no scaffold.
#[derive(Debug, Error, Diagnostic)]
pub enum BuildError {
    /// No `Cargo.toml` in the folder or above it.
    #[error("no Cargo.toml in {} or above it", dir.display())]
    #[diagnostic(
        code(lzap::build::no_manifest),
        help("go to your crate, or start one here: `lzap init --template hello`")
    )]
    NoManifest {
        /// Where the search began.
        dir: PathBuf,
    },

    /// The folder is a workspace, and which of its packages is meant isn't said.
    #[error("{} is a workspace with several packages: {}", root.display(), packages.join(", "))]
    #[diagnostic(
        code(lzap::build::several_packages),
        help("say which: `package = \"{}\"` in lzap.toml, or run lzap in that package's folder", packages.first().map_or("NAME", String::as_str))
    )]
    SeveralPackages {
        /// The workspace's folder.
        root: PathBuf,
        /// Its packages that have a binary, or all of them.
        packages: Vec<String>,
    },

    /// The named package isn't in the workspace.
    #[error("there is no package `{wanted}` here; there is: {}", packages.join(", "))]
    #[diagnostic(
        code(lzap::build::unknown_package),
        help("correct `package` in lzap.toml, or leave it out in the package's own folder")
    )]
    UnknownPackage {
        /// The name that was asked for.
        wanted: String,
        /// The names that would do.
        packages: Vec<String>,
    },

    /// The package has several binaries and no `default-run`.
    #[error("package `{package}` has several binaries: {}", binaries.join(", "))]
    #[diagnostic(
        code(lzap::build::several_binaries),
        help("say which is the app: `bin = \"{}\"` in lzap.toml", binaries.first().map_or("NAME", String::as_str))
    )]
    SeveralBinaries {
        /// The package.
        package: String,
        /// Its binaries.
        binaries: Vec<String>,
    },

    /// The named binary isn't in the package.
    #[error("package `{package}` has no binary `{wanted}`; it has: {}", binaries.join(", "))]
    #[diagnostic(
        code(lzap::build::unknown_binary),
        help("correct `bin` in lzap.toml or `--bin`; leave it out when the package has one binary")
    )]
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
    #[diagnostic(
        code(lzap::build::no_binary),
        help(
            "add a `src/main.rs` that runs your app, or name another package: `package = \"…\"` in lzap.toml"
        )
    )]
    NoBinary {
        /// The package.
        package: String,
    },

    /// `cargo metadata` failed; cargo's own words are in the cause.
    #[error("cargo can't read the project")]
    #[diagnostic(
        code(lzap::build::metadata),
        help(
            "run `cargo metadata --format-version 1` in the project to see the same; offline, `cargo fetch` must have run once"
        )
    )]
    Metadata {
        /// What cargo said.
        source: CargoSaid,
    },

    /// There is no cargo to call.
    #[error("`{program}` can't be run")]
    #[diagnostic(
        code(lzap::build::no_cargo),
        help("install Rust from https://rustup.rs, or put it on PATH; `CARGO` names another cargo")
    )]
    NoCargo {
        /// The program that was tried.
        program: String,
        /// Why it didn't start.
        source: std::io::Error,
    },

    /// rustc refused the user's code.
    #[error("the build of `{package}` failed\n\n{rendered}")]
    #[diagnostic(code(lzap::build::compile_failed))]
    CompileFailed {
        /// The package.
        package: String,
        /// Cargo's and rustc's messages as they would stand on a terminal.
        rendered: String,
        /// What to do next.
        #[help]
        advice: String,
    },

    /// Cargo ended well and built no such binary.
    #[error("cargo built no binary `{bin}`")]
    #[diagnostic(
        code(lzap::build::no_output),
        help(
            "a `required-features` of the binary may be missing: list them as `features = […]` in lzap.toml"
        )
    )]
    NoOutput {
        /// The binary.
        bin: String,
    },

    /// Rust's standard library for the target is missing, and nothing here can fetch it.
    #[error("Rust's standard library for {triple} isn't installed, and there is no rustup to add it")]
    #[diagnostic(
        code(lzap::build::target_missing),
        help(
            "install rustup, and lzap adds the target: `curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh`; or install your distribution's package with the {triple} standard library"
        )
    )]
    TargetMissing {
        /// The target.
        triple: String,
    },

    /// `rustup target add` failed.
    #[error("`rustup target add {triple}` failed")]
    #[diagnostic(
        code(lzap::build::target_add),
        help("run `rustup target add {triple}` in the project's folder; it needs the network once")
    )]
    TargetAdd {
        /// The target.
        triple: String,
        /// What rustup said.
        source: CargoSaid,
    },

    /// The toolchain has no `rust-lld`.
    #[error("the linker `rust-lld` isn't in the toolchain at {}", sysroot.display())]
    #[diagnostic(
        code(lzap::build::no_rust_lld),
        help(
            "install Rust from https://rustup.rs, whose toolchains bring it; or set `linker = \"zig\"` in lzap.toml"
        )
    )]
    NoRustLld {
        /// Where the toolchain is.
        sysroot: PathBuf,
    },

    /// A C dependency or the configuration wants zig, and it isn't installed.
    #[error("zig isn't installed, and this build needs it: {reason}")]
    #[diagnostic(
        code(lzap::build::no_zig),
        help(
            "pip install ziglang    (in an environment whose `python3` is on PATH; a `zig` on PATH does as well)"
        )
    )]
    NoZig {
        /// Why zig was chosen.
        reason: String,
    },

    /// Setting zig up as a linker failed.
    #[error("zig can't be set up as the linker")]
    #[diagnostic(
        code(lzap::build::zig),
        help(
            "check that `python3 -m ziglang version` or `zig version` works, and that your cache folder is writable"
        )
    )]
    Zig {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// `linker = "native"` for another kind of machine than this one.
    #[error("the native toolchain of {host} can't build for {wanted}")]
    #[diagnostic(
        code(lzap::build::not_native),
        help("leave `linker` out of lzap.toml (lzap then chooses), or set `architecture` to this machine's")
    )]
    NotNative {
        /// This machine's triple.
        host: String,
        /// The stage's architecture.
        wanted: Architecture,
    },

    /// The file isn't a 64-bit little-endian ELF executable.
    #[error("{} isn't a Linux executable: {why}", path.display())]
    #[diagnostic(
        code(lzap::build::not_an_executable),
        help("Lambda starts a 64-bit ELF program; build one with `lzap package`")
    )]
    NotAnExecutable {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: String,
    },

    /// The binary is for another processor.
    #[error("the binary is for {found}, the stage for {wanted}")]
    #[diagnostic(
        code(lzap::build::wrong_architecture),
        help("set `architecture = \"{found}\"` in the stage, or build for {wanted}")
    )]
    WrongArchitecture {
        /// The binary's.
        found: Architecture,
        /// The stage's.
        wanted: Architecture,
    },

    /// The binary needs a newer glibc than Lambda's runtime has.
    #[error("the binary needs GLIBC_{}.{}{}, and Lambda's runtime has {}.{}", needed.0, needed.1, symbol.as_ref().map(|s| format!(" (for `{s}`)")).unwrap_or_default(), available.0, available.1)]
    #[diagnostic(
        code(lzap::build::glibc),
        help("set `linker = \"zig\"` in lzap.toml (it pins glibc {}.{}; `pip install ziglang`), or \"rust-lld\" where no dependency compiles C", available.0, available.1)
    )]
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
    #[diagnostic(
        code(lzap::build::shared_libraries),
        help(
            "link them statically: most `-sys` crates have a feature named `vendored`, `bundled` or `static` for that"
        )
    )]
    SharedLibraries {
        /// Their names, as the loader looks for them.
        libraries: Vec<String>,
    },

    /// The binary asks for a program loader that Lambda's runtime lacks.
    #[error("the binary asks for the loader {loader}, which Lambda's runtime lacks")]
    #[diagnostic(
        code(lzap::build::loader),
        help("set `linker = \"zig\"` in lzap.toml, or \"rust-lld\" where no dependency compiles C")
    )]
    Loader {
        /// The loader's path.
        loader: String,
    },

    /// An `include` names something that isn't there.
    #[error("`include` in lzap.toml names `{name}`, and {} doesn't exist", path.display())]
    #[diagnostic(
        code(lzap::build::include_missing),
        help("paths of `include` start at the package's folder; correct the entry or make the file")
    )]
    IncludeMissing {
        /// The entry.
        name: String,
        /// Where it was looked for.
        path: PathBuf,
    },

    /// An included link leads nowhere, in a circle, or out of the project; or the entry itself leaves it.
    #[error("`include` in lzap.toml leads to {}, {why}", path.display())]
    #[diagnostic(
        code(lzap::build::include_link),
        help("copy the file into the package's folder, or leave it out of `include`")
    )]
    IncludeLink {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },

    /// An included file can't be named in the zip.
    #[error("`include` in lzap.toml would write `{destination}` into the zip, {why}")]
    #[diagnostic(
        code(lzap::build::include_destination),
        help(
            "destinations are relative, `/`-separated, without `..`, each used once; `bootstrap` is the app itself"
        )
    )]
    IncludeDestination {
        /// The name in the zip.
        destination: String,
        /// What is wrong with it.
        why: &'static str,
    },

    /// More than Lambda takes.
    #[error("the files in the zip come to {} unpacked, and Lambda takes {}; the biggest: {}", megabytes(*bytes), megabytes(*limit), biggest.iter().map(|(name, size)| format!("{name} ({})", megabytes(*size))).collect::<Vec<_>>().join(", "))]
    #[diagnostic(
        code(lzap::build::too_large),
        help("take files out of `include` in lzap.toml and read them from S3 instead")
    )]
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
    #[diagnostic(
        code(lzap::build::zip),
        help("check that the folder is writable and the disk isn't full, then run it again")
    )]
    Zip {
        /// The zip.
        path: PathBuf,
        /// Why.
        source: zip::result::ZipError,
    },

    /// No template of that name.
    #[error("there is no template `{wanted}`")]
    #[diagnostic(code(lzap::build::unknown_template), help("one of: {}", templates.join(", ")))]
    UnknownTemplate {
        /// The name that was asked for.
        wanted: String,
        /// Those that there are.
        templates: &'static [&'static str],
    },

    /// The name can't be a crate's.
    #[error("`{name}` can't be the name of a crate: {why}")]
    #[diagnostic(
        code(lzap::build::crate_name),
        help(
            "use a folder whose name is letters, digits, `-` and `_`, beginning with a letter: `lzap init my-app --template hello`"
        )
    )]
    CrateName {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: String,
    },

    /// A template needs an empty folder.
    #[error("{} isn't empty: it has {found}", dir.display())]
    #[diagnostic(
        code(lzap::build::not_empty),
        help(
            "start a template in a new folder (`lzap init NAME --template hello`), or leave `--template` out to set up the crate that is here"
        )
    )]
    NotEmpty {
        /// The folder.
        dir: PathBuf,
        /// One thing that is in it.
        found: String,
    },

    /// `lzap.toml` is there already.
    #[error("{} is there already", path.display())]
    #[diagnostic(code(lzap::build::config_exists), help("edit it, or write it anew: `lzap init --force`"))]
    ConfigExists {
        /// The file.
        path: PathBuf,
    },

    /// The file system refused something.
    #[error("can't {action}")]
    #[diagnostic(
        code(lzap::build::io),
        help("check the path, its permissions and the free space, then run it again")
    )]
    Io {
        /// What was tried, as a verb phrase.
        action: String,
        /// Why not; names the path.
        source: std::io::Error,
    },
}

impl BuildError {
    /// Returns whether the user's input or the build is to blame.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoManifest { .. }
            | Self::SeveralPackages { .. }
            | Self::UnknownPackage { .. }
            | Self::SeveralBinaries { .. }
            | Self::UnknownBinary { .. }
            | Self::NoBinary { .. }
            | Self::Metadata { .. }
            | Self::NotNative { .. }
            | Self::IncludeMissing { .. }
            | Self::IncludeLink { .. }
            | Self::IncludeDestination { .. }
            | Self::UnknownTemplate { .. }
            | Self::CrateName { .. }
            | Self::NotEmpty { .. }
            | Self::ConfigExists { .. } => ErrorKind::Usage,
            _ => ErrorKind::Build,
        }
    }

    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        |source| Self::Io { action, source }
    }
}

/// What another program wrote to its error output, kept as a cause.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct CargoSaid(pub(crate) String);

/// AWS counts a megabyte as 1024 × 1024 bytes.
fn megabytes(bytes: u64) -> String {
    const MB: u64 = 1024 * 1024;
    format!("{}.{} MB", bytes / MB, bytes % MB * 10 / MB)
}
