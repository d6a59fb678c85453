//! The Rust toolchain of the project: which machine this is, and which targets it can build for.
//!
//! Everything runs in the project's folder, so that its `rust-toolchain.toml` counts.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::error::{BuildError, CargoSaid};
use crate::event::{BuildEvent, OnEvent};

/// The toolchain that builds the project.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// This machine's target triple.
    pub(crate) host: String,
    /// rustc's version.
    pub(crate) version: String,
    /// The folder of the toolchain, with its targets and linkers.
    sysroot: PathBuf,
    /// The project's folder, in which rustup runs: its toolchain file counts.
    dir: PathBuf,
}

impl Toolchain {
    /// Returns the toolchain that builds in the folder `dir`. Runs rustc twice, at the same time.
    ///
    /// # Errors
    /// [`BuildError::NoCargo`] without rustc; [`BuildError::Metadata`] with rustup's words, as for a toolchain that
    /// isn't installed.
    pub async fn of(dir: &Path) -> Result<Self, BuildError> {
        let (about, sysroot) =
            tokio::try_join!(run_rustc(dir, &["-vV"]), run_rustc(dir, &["--print", "sysroot"]))?;
        // `-vV` writes one `NAME: VALUE` per line.
        let field =
            |name: &str| about.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        Ok(Self {
            host: field("host:").to_owned(),
            version: field("release:").to_owned(),
            sysroot: PathBuf::from(sysroot.trim()),
            dir: dir.to_owned(),
        })
    }

    /// Adds the standard library for `triple` through rustup where it is missing. That changes the user's
    /// toolchain and needs the network, so it is reported first.
    pub(crate) async fn ensure_target(&self, triple: &str, on_event: OnEvent<'_>) -> Result<(), BuildError> {
        if self.has_target(triple) {
            return Ok(());
        }
        let Ok(rustup) = which::which("rustup") else {
            return Err(BuildError::TargetMissing { triple: triple.to_owned() });
        };
        on_event(BuildEvent::AddingTarget(triple.to_owned()));
        let mut command = Command::new(rustup);
        command.args(["target", "add", triple]);
        let (succeeded, said) =
            run_rustup(&mut command, &self.dir).await.map_err(BuildError::io("start rustup"))?;
        // Another toolchain than rustup's may be first on PATH: then rustup succeeds, and the target is still missing.
        match (succeeded, self.has_target(triple)) {
            (true, true) => Ok(()),
            (true, false) => Err(BuildError::TargetMissing { triple: triple.to_owned() }),
            (false, _) => Err(BuildError::TargetAdd {
                triple: triple.to_owned(),
                source: CargoSaid(said.trim().to_owned()),
            }),
        }
    }

    /// Fails if rustc won't find the linker that comes with it.
    pub(crate) fn ensure_rust_lld(&self) -> Result<(), BuildError> {
        let name = format!("rust-lld{}", std::env::consts::EXE_SUFFIX);
        let shipped = self.rustlib(&self.host).join("bin").join(&name);
        if shipped.is_file() || which::which(&name).is_ok() {
            return Ok(());
        }
        Err(BuildError::NoRustLld { sysroot: self.sysroot.clone() })
    }

    /// Returns whether the standard library for `triple` is installed. Looks at the folder, so it works
    /// without rustup too.
    pub(crate) fn has_target(&self, triple: &str) -> bool {
        self.rustlib(triple).join("lib").is_dir()
    }

    /// Returns the folder of a target in the toolchain. It exists only if the target is installed.
    fn rustlib(&self, triple: &str) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(triple)
    }
}

/// Runs rustc in `dir`, and returns its output.
async fn run_rustc(dir: &Path, args: &[&str]) -> Result<String, BuildError> {
    // Cargo uses this variable too, so both see the same compiler.
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(&program);
    command.args(args).current_dir(dir).stdin(Stdio::null()).kill_on_drop(true);
    let output = command
        .output()
        .await
        .map_err(|source| BuildError::NoCargo { program: program.to_string_lossy().into_owned(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    // A toolchain file can name one that isn't installed; rustup's words say so.
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(BuildError::Metadata { source: CargoSaid(said) })
}

/// Runs rustup in `dir`, and returns whether it succeeded and its error output.
async fn run_rustup(command: &mut Command, dir: &Path) -> std::io::Result<(bool, String)> {
    let output = command.current_dir(dir).stdin(Stdio::null()).kill_on_drop(true).output().await?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
}
