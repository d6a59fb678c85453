//! `cargo xtask setup`: installs what the tests need, so that no test installs anything and none needs a network.
//!
//! In this order: disk space is checked; Debian packages, the one thing outside of `target/` and of Rust's own folders;
//! the standard libraries that apps are compiled against; the crates of all workspaces; Python packages and AWS's Runtime
//! Interface Emulator below `target/`. What is there already is recognized in less than a second, without a network.

mod crates;
mod debian;
pub(crate) mod disk;
mod rust_targets;

pub(crate) use self::debian::PackagePolicy;
pub(crate) use self::rust_targets::LAMBDA_TARGETS;

use lzap_testkit::shell::Result;
use lzap_testkit::{Python, find_runtime_emulator, install_runtime_emulator, read_requirements, target};

/// How much is installed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scope {
    /// Rust targets and crates: enough for the quick tier.
    RustOnly,
    /// What every test needs.
    Everything,
}

/// Installs what is missing.
pub(crate) fn run(scope: Scope, policy: PackagePolicy) -> Result {
    disk::require_space(match scope {
        Scope::RustOnly => disk::QUICK,
        Scope::Everything => disk::FULL,
    })?;
    if scope == Scope::Everything {
        debian::install_missing(policy)?;
    }
    rust_targets::install_missing()?;
    crates::fetch_missing()?;
    if scope == Scope::Everything {
        install_tools()?;
    }
    Ok(())
}

fn install_tools() -> Result {
    let (venv, requirements) = (target().join("venv"), read_requirements()?);
    if !Python::is_current(&venv, &requirements) {
        println!("==> setup: installing Python packages in target/venv");
    }
    let python = Python::install(&venv, &requirements)?;
    if find_runtime_emulator().is_err() {
        println!("==> setup: installing AWS's Runtime Interface Emulator in target/rie");
        install_runtime_emulator(&python)?;
    }
    Ok(())
}
