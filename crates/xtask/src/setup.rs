//! `cargo xtask setup`: installs the prerequisites of the tests, so that no test installs anything and none
//! needs a network.
//!
//! The order is: check the disk space; Debian packages, which are the only thing installed outside of
//! `target/` and of Rust's own folders; the standard libraries for the targets of apps; the crates of all
//! workspaces; Python packages and AWS's Runtime Interface Emulator below `target/`. If everything is
//! installed, a run takes less than a second and needs no network. The peers of the benchmarks are not
//! installed here: each benchmark installs its own.

mod crates;
mod debian;
pub(crate) mod disk;
mod rust_targets;

pub(crate) use self::debian::PackagePolicy;
pub(crate) use self::rust_targets::LAMBDA_TARGETS;

use lzap_testkit::shell::Result;
use lzap_testkit::{Python, find_runtime_emulator, install_runtime_emulator, read_requirements, target};

/// The amount that is installed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scope {
    /// Rust targets and crates: enough for the quick tier.
    RustOnly,
    /// The prerequisites of every test.
    Everything,
}

/// Installs the prerequisites that are missing, and stops at the first one that cannot be installed.
pub(crate) fn run(scope: Scope, policy: PackagePolicy) -> Result {
    disk::require_space(match scope {
        Scope::RustOnly => disk::QUICK,
        Scope::Everything => disk::FULL,
    })?;
    // Before everything else, since a Python environment needs Debian's `python3-venv`.
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

/// Installs the Python packages of `requirements.txt` and the Runtime Interface Emulator, each unless it is
/// current.
fn install_tools() -> Result {
    let (venv, requirements) = (target().join("venv"), read_requirements()?);
    // `Python::install` checks the same, but prints nothing while it downloads.
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
