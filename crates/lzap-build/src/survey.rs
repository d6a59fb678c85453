//! The tools that there are to build with, for `lzap doctor`. Reads only: nothing is fetched or built.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use cargo_zigbuild::Zig;
use lzap_core::doctor::Linking;
use lzap_core::platform::{Architecture, Linker};
use tokio::process::Command;

use crate::error::{BuildError, CargoSaid};
use crate::linker;
use crate::project::Project;
use crate::toolchain::Toolchain;

/// The Rust that would build in a folder. An error is a finding of `lzap doctor`, and doesn't end it.
#[derive(Debug)]
pub struct Tools {
    /// rustc's version.
    pub rustc: Result<String, BuildError>,
    /// cargo's version.
    pub cargo: Result<String, BuildError>,
    /// Set if rustup is on `PATH`.
    pub rustup: bool,
}

/// Returns the Rust that would build in `dir`: its toolchain file counts. Runs rustc and cargo.
pub async fn find_tools(dir: &Path) -> Tools {
    let (rustc, cargo) = tokio::join!(Toolchain::of(dir), cargo_version(dir));
    Tools { rustc: rustc.map(|toolchain| toolchain.version), cargo, rustup: which::which("rustup").is_ok() }
}

/// Returns the version of the cargo that would build in `dir`.
async fn cargo_version(dir: &Path) -> Result<String, BuildError> {
    let program = crate::cargo::cargo_program();
    let mut command = Command::new(&program);
    command.arg("--version").current_dir(dir).stdin(Stdio::null()).kill_on_drop(true);
    let output = command
        .output()
        .await
        .map_err(|source| BuildError::NoCargo { program: program.to_string_lossy().into_owned(), source })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(BuildError::Metadata { source: CargoSaid(said) });
    }
    // `cargo 1.95.0 (…)`
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(said.split_whitespace().nth(1).unwrap_or_default().to_owned())
}

/// Returns how the project would be linked for `architecture`, and which of the tools for that are installed.
/// Runs rustc. The choice is that of a build before it has a binary to check.
///
/// # Errors
/// The linker that is wanted can't be; rustc can't be asked.
pub async fn survey_linking(
    project: &Project,
    wanted: Linker,
    architecture: Architecture,
) -> Result<Linking, BuildError> {
    let toolchain = Toolchain::of(&project.root).await?;
    let choice =
        linker::choose_linker(wanted, project.c_dependency.as_deref(), &toolchain.host, architecture)?;
    let triple = choice.triple(architecture);
    let linker_found = match choice.linker {
        Linker::RustLld => toolchain.ensure_rust_lld().is_ok(),
        Linker::Zig => Zig::find_zig().is_ok(),
        // rustc links through `cc` on Linux.
        Linker::Native | Linker::Auto => which::which("cc").is_ok(),
    };
    Ok(Linking {
        target_installed: toolchain.has_target(triple),
        linker_found,
        triple: triple.to_owned(),
        linker: choice.linker,
        reason: choice.reason,
    })
}

/// Returns the emulator (QEMU's, for single programs) that runs programs for `architecture` on another
/// processor; `None` if it isn't on `PATH`.
pub fn find_emulator(architecture: Architecture) -> Option<PathBuf> {
    let cpu = match architecture {
        Architecture::Arm64 => "aarch64",
        Architecture::X86_64 => "x86_64",
    };
    let names = [format!("qemu-{cpu}-static"), format!("qemu-{cpu}")];
    names.iter().find_map(|name| which::which(name).ok())
}

/// Returns the bytes that are free where `path` is, or will be; `None` if the system doesn't say. Space that
/// is reserved for root doesn't count.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let existing = path.ancestors().find(|it| it.exists())?;
    let stats = rustix::fs::statvfs(existing).ok()?;
    Some(stats.f_bavail.saturating_mul(stats.f_frsize))
}
