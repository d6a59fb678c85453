//! The package and the binary that are meant, with the facts from `cargo metadata` about them.
//!
//! Not here: what the crates in the binary say about linking (`dependencies`), compiling ([`crate::compile`]).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_metadata::{CargoOpt, Metadata, MetadataCommand, Package, Target};
use lzap_core::platform::Architecture;

use crate::dependencies;
use crate::error::{BuildError, CargoSaid};

pub use crate::dependencies::LzapDependency;

/// The user's choice of the binary that is the app.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// The folder in which the search begins; a `Cargo.toml` in a folder above is found too.
    pub dir: &'a Path,
    /// The package, in a workspace with several.
    pub package: Option<&'a str>,
    /// The binary, in a package with several.
    pub bin: Option<&'a str>,
    /// Cargo features on top of the default ones; they decide which dependencies there are.
    pub features: &'a [String],
}

/// A package, one of its binaries, and what goes into that.
#[derive(Clone, Debug)]
pub struct Project {
    /// The package's folder.
    pub root: PathBuf,
    /// The workspace's folder; the same for a package that stands alone.
    pub workspace_root: PathBuf,
    /// The folder of cargo's results (`CARGO_TARGET_DIR` and cargo's configuration count).
    pub target_dir: PathBuf,
    /// The package's name.
    pub package: String,
    /// The binary's name.
    pub bin: String,
    /// The binary's source file.
    pub main: PathBuf,
    /// The package's version.
    pub version: String,
    /// The features to build with, from the selection.
    pub features: Vec<String>,
    /// The names of the package's own dependencies, those of build scripts and tests apart.
    pub dependencies: BTreeSet<String>,
    /// The web framework among the package's own dependencies.
    pub framework: Option<&'static str>,
    /// The package's dependency on the runtime crate `lzap`; `None` where it has none yet.
    pub lzap: Option<LzapDependency>,
    /// A crate in the binary that compiles C or links a system library; for messages.
    pub c_dependency: Option<String>,
    /// The change that takes OpenSSL out of the binary, if it is in it; for messages.
    pub without_openssl: Option<String>,
}

/// Returns the project that `selection` means. Runs `cargo metadata` twice; the second run fetches what isn't
/// in cargo's cache yet.
///
/// # Errors
/// The selection doesn't name one binary, or cargo can't read the project (exit code 2);
/// [`BuildError::NoCargo`] without cargo.
pub fn find_project(selection: &Selection<'_>) -> Result<Project, BuildError> {
    let manifest = nearest_manifest(selection.dir)?;
    // First without dependencies, which needs no network: a wrong selection fails at once.
    let outline = read_metadata(&manifest, MetadataCommand::new().no_deps())?;
    let package = select_package(&outline, &manifest, selection.package)?;
    let bin = select_binary(package, selection.bin)?;
    let full = read_metadata(
        package.manifest_path.as_std_path(),
        MetadataCommand::new()
            .features(CargoOpt::SomeFeatures(selection.features.to_vec()))
            .other_options(platform_options()),
    )?;
    let found = dependencies::read_dependencies(&full, &package.id);
    Ok(Project {
        root: parent_folder(package.manifest_path.as_std_path()),
        workspace_root: outline.workspace_root.clone().into_std_path_buf(),
        target_dir: outline.target_directory.clone().into_std_path_buf(),
        package: package.name.to_string(),
        bin: bin.name.clone(),
        main: bin.src_path.clone().into_std_path_buf(),
        version: package.version.to_string(),
        features: selection.features.to_vec(),
        dependencies: found.direct,
        framework: found.framework,
        lzap: found.lzap,
        c_dependency: found.c_dependency,
        without_openssl: found.without_openssl,
    })
}

/// Returns the name of the package that `selection` means. Runs `cargo metadata` without dependencies, so nothing is
/// fetched.
///
/// # Errors
/// The selection names no package, or cargo can't read the project (exit code 2); [`BuildError::NoCargo`] without cargo.
pub fn find_package_name(selection: &Selection<'_>) -> Result<String, BuildError> {
    let manifest = nearest_manifest(selection.dir)?;
    let outline = read_metadata(&manifest, MetadataCommand::new().no_deps())?;
    Ok(select_package(&outline, &manifest, selection.package)?.name.to_string())
}

/// Returns the exact lines that a crate without `lzap` needs, in the manifest and in the source. Dependencies
/// that the package has are left out.
pub fn lines_to_add(project: &Project) -> String {
    let main = project.main.strip_prefix(&project.root).unwrap_or(&project.main).display();
    let dependencies: String = [
        ("axum", "axum = \"0.8\"\n".to_owned()),
        ("lzap", format!("{}\n", crate::scaffold::lzap_dependency())),
        ("tokio", "tokio = { version = \"1\", features = [\"macros\", \"rt\"] }\n".to_owned()),
    ]
    .into_iter()
    .filter(|(name, _)| !project.dependencies.contains(*name))
    .map(|(_, line)| line)
    .collect();
    let note = match project.framework {
        None | Some("axum") => String::new(),
        Some(other) => format!(
            "    // {other} brings its own server; lzap runs an axum `Router`, or any other\n    \
             // `tower::Service<http::Request<_>>`, so the routes move into one of these.\n"
        ),
    };
    format!(
        "In Cargo.toml:\n\n[dependencies]\n{dependencies}\nIn {main}, instead of starting a server:\n\n\
         #[tokio::main(flavor = \"current_thread\")]\nasync fn main() -> Result<(), lzap::Error> {{\n{note}    \
         let router = axum::Router::new(); // your routes\n    lzap::App::new(router).run().await\n}}\n"
    )
}

/// Returns the nearest `Cargo.toml`, in `dir` or in a folder above it, as cargo itself searches.
fn nearest_manifest(dir: &Path) -> Result<PathBuf, BuildError> {
    let start = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    start
        .ancestors()
        .map(|folder| folder.join("Cargo.toml"))
        .find(|manifest| manifest.is_file())
        .ok_or(BuildError::NoManifest { dir: start })
}

/// Returns the options that leave out the dependencies of other platforms. Both architectures count, because the
/// stages of an app may differ in theirs.
fn platform_options() -> Vec<String> {
    [Architecture::Arm64, Architecture::X86_64]
        .into_iter()
        .flat_map(|it| ["--filter-platform".to_owned(), it.musl_triple().to_owned()])
        .collect()
}

/// Runs `cargo metadata` in the manifest's folder: cargo takes its configuration, and rustup the toolchain,
/// from where they run.
fn read_metadata(manifest: &Path, command: &mut MetadataCommand) -> Result<Metadata, BuildError> {
    let program = crate::cargo::cargo_program();
    let command = command.manifest_path(manifest).current_dir(parent_folder(manifest)).cargo_path(&program);
    command.exec().map_err(|error| match error {
        cargo_metadata::Error::Io(source) => {
            BuildError::NoCargo { program: program.to_string_lossy().into_owned(), source }
        }
        cargo_metadata::Error::CargoMetadata { stderr } => {
            BuildError::Metadata { source: CargoSaid(stderr.trim().to_owned()) }
        }
        other => BuildError::Metadata { source: CargoSaid(other.to_string()) },
    })
}

/// Returns the wanted package; else the package of the manifest, or the only one of the workspace that has a
/// binary.
fn select_package<'m>(
    outline: &'m Metadata,
    manifest: &Path,
    wanted: Option<&str>,
) -> Result<&'m Package, BuildError> {
    let members = outline.workspace_packages();
    if let Some(wanted) = wanted {
        return members.iter().copied().find(|package| package.name.as_str() == wanted).ok_or_else(|| {
            BuildError::UnknownPackage { wanted: wanted.to_owned(), packages: package_names(&members) }
        });
    }
    if let Some(here) =
        members.iter().copied().find(|package| same_file(package.manifest_path.as_std_path(), manifest))
    {
        return Ok(here);
    }
    let with_binary: Vec<_> =
        members.iter().copied().filter(|package| package.targets.iter().any(Target::is_bin)).collect();
    match (with_binary.as_slice(), members.as_slice()) {
        ([only], _) | ([], [only]) => Ok(*only),
        ([], _) => Err(several_packages_error(outline, &members)),
        _ => Err(several_packages_error(outline, &with_binary)),
    }
}

/// Returns the error for a workspace in which lzap can't choose a package.
fn several_packages_error(outline: &Metadata, packages: &[&Package]) -> BuildError {
    BuildError::SeveralPackages {
        root: outline.workspace_root.clone().into_std_path_buf(),
        packages: package_names(packages),
    }
}

/// Returns the wanted binary; else cargo's `default-run`, or the only binary of the package.
fn select_binary<'p>(package: &'p Package, wanted: Option<&str>) -> Result<&'p Target, BuildError> {
    let binaries: Vec<&Target> = package.targets.iter().filter(|target| target.is_bin()).collect();
    let names = || binaries.iter().map(|target| target.name.clone()).collect::<Vec<_>>();
    let name = package.name.to_string();
    if binaries.is_empty() {
        return Err(BuildError::NoBinary { package: name });
    }
    if let Some(wanted) = wanted.or(package.default_run.as_deref()) {
        return binaries.iter().copied().find(|target| target.name == wanted).ok_or_else(|| {
            BuildError::UnknownBinary { package: name, wanted: wanted.to_owned(), binaries: names() }
        });
    }
    match binaries.as_slice() {
        [only] => Ok(*only),
        _ => Err(BuildError::SeveralBinaries { package: name, binaries: names() }),
    }
}

/// Returns the names of the packages, sorted.
fn package_names(packages: &[&Package]) -> Vec<String> {
    let mut names: Vec<_> = packages.iter().map(|package| package.name.to_string()).collect();
    names.sort();
    names
}

/// Returns whether two paths lead to the same file, through links too. Paths that can't be resolved are
/// compared as they are.
fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// Returns the folder of a manifest.
fn parent_folder(manifest: &Path) -> PathBuf {
    manifest.parent().unwrap_or(Path::new("/")).to_owned()
}
