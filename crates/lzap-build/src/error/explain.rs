//! The table of [`BuildError`]: code, exit code, likely cause, help.

use std::borrow::Cow;

use lzap_core::exit::Exit;
use lzap_core::explain::{CommandContext, Explained};

use super::BuildError;

impl BuildError {
    /// Returns the code, which `lzap explain` takes and `--output json` prints.
    fn static_code(&self) -> &'static str {
        match self {
            Self::NoManifest { .. } => "lzap::build::no_manifest",
            Self::SeveralPackages { .. } => "lzap::build::several_packages",
            Self::UnknownPackage { .. } => "lzap::build::unknown_package",
            Self::SeveralBinaries { .. } => "lzap::build::several_binaries",
            Self::UnknownBinary { .. } => "lzap::build::unknown_binary",
            Self::NoBinary { .. } => "lzap::build::no_binary",
            Self::Metadata { .. } => "lzap::build::metadata",
            Self::NoCargo { .. } => "lzap::build::no_cargo",
            Self::CompileFailed { .. } => "lzap::build::compile_failed",
            Self::NoOutput { .. } => "lzap::build::no_output",
            Self::TargetMissing { .. } => "lzap::build::target_missing",
            Self::TargetAdd { .. } => "lzap::build::target_add",
            Self::NoRustLld { .. } => "lzap::build::no_rust_lld",
            Self::NoZig { .. } => "lzap::build::no_zig",
            Self::Zig { .. } => "lzap::build::zig",
            Self::NotNative { .. } => "lzap::build::not_native",
            Self::NotAnExecutable { .. } => "lzap::build::not_an_executable",
            Self::WrongArchitecture { .. } => "lzap::build::wrong_architecture",
            Self::GlibcTooNew { .. } => "lzap::build::glibc",
            Self::SharedLibraries { .. } => "lzap::build::shared_libraries",
            Self::Loader { .. } => "lzap::build::loader",
            Self::IncludeMissing { .. } => "lzap::build::include_missing",
            Self::IncludeLink { .. } => "lzap::build::include_link",
            Self::IncludeDestination { .. } => "lzap::build::include_destination",
            Self::TooLarge { .. } => "lzap::build::too_large",
            Self::Zip { .. } => "lzap::build::zip",
            Self::UnknownTemplate { .. } => "lzap::build::unknown_template",
            Self::CrateName { .. } => "lzap::build::crate_name",
            Self::NotEmpty { .. } => "lzap::build::not_empty",
            Self::ConfigExists { .. } => "lzap::build::config_exists",
            Self::Io { .. } => "lzap::build::io",
        }
    }

    /// Returns when the error occurs.
    fn static_why(&self) -> &'static str {
        match self {
            Self::NoManifest { .. } => "The command needs a crate, and was started outside of one.",
            Self::SeveralPackages { .. } => "Several packages have a binary, and lzap deploys one.",
            Self::UnknownPackage { .. } => "The workspace has no package of this name.",
            Self::SeveralBinaries { .. } => "Cargo.toml has several binaries and no `default-run`.",
            Self::UnknownBinary { .. } => "The package has no binary of this name.",
            Self::NoBinary { .. } => "The package is only a library.",
            Self::Metadata { .. } => {
                "`cargo metadata` failed: a Cargo.toml is wrong, or a dependency is neither downloaded nor reachable."
            }
            Self::NoCargo { .. } => "Rust is not installed, or not on PATH.",
            Self::CompileFailed { .. } => "The compiler or the linker reported errors.",
            Self::NoOutput { .. } => {
                "Cargo skips a binary whose `required-features` are not turned on, and reports no error."
            }
            Self::TargetMissing { .. } => {
                "Cross-compiling needs the standard library of Lambda's target, and only rustup can add it."
            }
            Self::TargetAdd { .. } => {
                "rustup could not download the standard library of the target, for example without a network."
            }
            Self::NoRustLld { .. } => "Some distributions leave `rust-lld` out of Rust.",
            Self::NoZig { .. } => {
                "zig is the C compiler and linker for dependencies that compile C, and was not found."
            }
            Self::Zig { .. } => {
                "zig was found, and could not be started, or its cache folder could not be written."
            }
            Self::NotNative { .. } => {
                "`linker = \"native\"` uses this machine's own toolchain, which builds for this machine's architecture only."
            }
            Self::NotAnExecutable { .. } => {
                "Lambda starts 64-bit little-endian ELF executables. The file is another format."
            }
            Self::WrongArchitecture { .. } => {
                "The binary was built for another processor than the stage's `architecture`."
            }
            Self::GlibcTooNew { .. } => {
                "The binary was linked against this machine's glibc, which is newer than the one of Lambda's runtime."
            }
            Self::SharedLibraries { .. } => {
                "The binary loads libraries at its start that this machine has and Lambda's runtime doesn't."
            }
            Self::Loader { .. } => {
                "The binary was linked for a system whose program loader is at another path than on Lambda."
            }
            Self::IncludeMissing { .. } => "The file or folder doesn't exist.",
            Self::IncludeLink { .. } => {
                "lzap packs only files of the project, so that no file of this machine is published by accident."
            }
            Self::IncludeDestination { .. } => {
                "The path in the zip is absolute, leaves the zip's folder, is used twice, or is the app's own."
            }
            Self::TooLarge { .. } => "Lambda limits the unpacked size of all files.",
            Self::Zip { .. } => "The zip could not be written to the target folder.",
            Self::UnknownTemplate { .. } => "lzap has no template of this name.",
            Self::CrateName { .. } => {
                "A new crate is named after its folder, and cargo doesn't allow that name."
            }
            Self::NotEmpty { .. } => "A template writes a new crate, and never into a folder with files.",
            Self::ConfigExists { .. } => "`lzap init` doesn't overwrite an lzap.toml unless told to.",
            Self::Io { .. } => "The operating system refused to read or write a file.",
        }
    }

    /// Returns the help of the errors that were found before anything was compiled; `None` for the others.
    fn usage_help(&self, command: &CommandContext) -> Option<String> {
        let again = command.again();
        Some(match self {
            Self::NoManifest { .. } => {
                format!(
                    "type `{again}` in your crate's folder, or start a crate here: `lzap init --template hello`"
                )
            }
            Self::SeveralPackages { packages, .. } => format!(
                "write `package = \"{}\"` into lzap.toml, or type `{again}` in that package's folder",
                packages.first().map_or("NAME", String::as_str)
            ),
            Self::UnknownPackage { .. } => {
                "correct `package` in lzap.toml, or leave it out in the package's own folder".to_owned()
            }
            Self::SeveralBinaries { binaries, .. } => format!(
                "write which one is the app into lzap.toml: `bin = \"{}\"`",
                binaries.first().map_or("NAME", String::as_str)
            ),
            Self::UnknownBinary { .. } => {
                "correct `bin` in lzap.toml, or leave it out if the package has only one binary".to_owned()
            }
            Self::NoBinary { .. } => {
                "add a `src/main.rs` that runs your app, or name another package: `package = \
                 \"NAME\"` in lzap.toml"
                    .to_owned()
            }
            Self::Metadata { .. } => format!(
                "type `cargo metadata --format-version 1` in the project for the full message (offline, type `cargo \
                 fetch` once with a network); then `{again}`"
            ),
            Self::NotNative { .. } => {
                "leave `linker` out of lzap.toml, so that lzap chooses, or set `architecture` to \
                 this machine's"
                    .to_owned()
            }
            Self::IncludeMissing { .. } => {
                "paths of `include` start at the package's folder: correct the entry, or create the file"
                    .to_owned()
            }
            Self::IncludeLink { .. } => {
                "copy the file into the package's folder, or take it out of `include`".to_owned()
            }
            Self::IncludeDestination { .. } => {
                "write a relative path with `/` and without `..`, each one once; \
                 `bootstrap` is the app itself"
                    .to_owned()
            }
            Self::UnknownTemplate { templates, .. } => {
                format!("type `lzap init --template NAME` with one of: {}", templates.join(", "))
            }
            Self::CrateName { .. } => {
                "use a folder whose name starts with a letter and has only letters, digits, `-` \
                 and `_`: `lzap init my-app --template hello`"
                    .to_owned()
            }
            Self::NotEmpty { .. } => {
                "start a template in a new folder: `lzap init NAME --template hello`; to set up the \
                 crate in this folder, type `lzap init`"
                    .to_owned()
            }
            Self::ConfigExists { .. } => "edit it, or write it again: `lzap init --force`".to_owned(),
            _ => return None,
        })
    }

    /// Returns the help of the errors of toolchain, build and packing.
    fn build_help(&self, again: &str) -> String {
        match self {
            Self::NoCargo { .. } => format!(
                "install Rust from https://rustup.rs, or put it on PATH (`CARGO` names another cargo); then type `{again}`"
            ),
            Self::CompileFailed { advice: Some(advice), .. } => format!("{advice}; then type `{again}`"),
            Self::CompileFailed { advice: None, .. } => format!("fix the errors above, then type `{again}`"),
            Self::NoOutput { .. } => {
                "list the `required-features` of the binary as `features = [\"NAME\"]` in lzap.toml".to_owned()
            }
            Self::TargetMissing { triple } => format!(
                "install rustup, and lzap adds the target: `curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh`; \
                 or install your distribution's package with the {triple} standard library; then type `{again}`"
            ),
            Self::TargetAdd { triple, .. } => format!(
                "type `rustup target add {triple}` in the project's folder (it needs the network once), then `{again}`"
            ),
            Self::NoRustLld { .. } => {
                "install Rust from https://rustup.rs, whose toolchains include it; or set `linker = \"zig\"` in lzap.toml"
                    .to_owned()
            }
            Self::NoZig { .. } => format!(
                "type `pip install ziglang` in an environment whose `python3` is on PATH, or put `zig` on PATH; then \
                 `{again}`"
            ),
            Self::Zig { .. } => format!(
                "check that `python3 -m ziglang version` or `zig version` works and that your cache folder is writable, \
                 then type `{again}`"
            ),
            Self::NotAnExecutable { .. } => "Lambda starts a 64-bit ELF program: build one with `lzap package`".to_owned(),
            Self::WrongArchitecture { found, wanted } => {
                format!("set `architecture = \"{found}\"` in the stage, or build for {wanted}")
            }
            Self::GlibcTooNew { available: (major, minor), .. } => format!(
                "set `linker = \"zig\"` in lzap.toml (it pins glibc {major}.{minor}; `pip install ziglang`), or \
                 \"rust-lld\" if no dependency compiles C"
            ),
            Self::SharedLibraries { .. } => "link them statically: most `-sys` crates have a feature `vendored`, \
                 `bundled` or `static` for it"
                .to_owned(),
            Self::Loader { .. } => {
                "set `linker = \"zig\"` in lzap.toml, or \"rust-lld\" if no dependency compiles C".to_owned()
            }
            Self::TooLarge { .. } => "take files out of `include` in lzap.toml, and read them from S3 instead".to_owned(),
            Self::Zip { .. } => {
                format!("check that the folder is writable and the disk has space, then type `{again}`")
            }
            // The others have their help in `usage_help`; they are listed so that a new kind doesn't compile without help.
            Self::Io { .. }
            | Self::NoManifest { .. }
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
            | Self::ConfigExists { .. } => {
                format!("check the path, its permissions and the free space, then type `{again}`")
            }
        }
    }
}

impl Explained for BuildError {
    fn code(&self) -> Cow<'static, str> {
        self.static_code().into()
    }

    /// Mistakes in arguments, lzap.toml and Cargo.toml are usage errors: nothing was compiled.
    fn exit(&self) -> Exit {
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
            | Self::ConfigExists { .. } => Exit::Usage,
            Self::NoCargo { .. }
            | Self::CompileFailed { .. }
            | Self::NoOutput { .. }
            | Self::TargetMissing { .. }
            | Self::TargetAdd { .. }
            | Self::NoRustLld { .. }
            | Self::NoZig { .. }
            | Self::Zig { .. }
            | Self::NotAnExecutable { .. }
            | Self::WrongArchitecture { .. }
            | Self::GlibcTooNew { .. }
            | Self::SharedLibraries { .. }
            | Self::Loader { .. }
            | Self::TooLarge { .. }
            | Self::Zip { .. }
            | Self::Io { .. } => Exit::Build,
        }
    }

    fn why(&self) -> Cow<'static, str> {
        self.static_why().into()
    }

    fn help(&self, command: &CommandContext) -> String {
        self.usage_help(command).unwrap_or_else(|| self.build_help(&command.again()))
    }
}
