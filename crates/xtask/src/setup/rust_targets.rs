//! The Rust targets that the tests compile apps for. Toolchains are not installed here: the one that runs
//! this task is used.

use std::path::Path;
use std::process::Command;

use lzap_testkit::shell::{Failure, Result, call, quiet_output};
use lzap_testkit::{find_program, workspace};

/// The targets of Lambda's two architectures, for linking with glibc and with musl.
pub(crate) const LAMBDA_TARGETS: [&str; 4] = [
    "aarch64-unknown-linux-gnu",
    "aarch64-unknown-linux-musl",
    "x86_64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
];

/// Adds the standard libraries that the toolchain lacks, through rustup. Needs a network only if one is
/// missing; fails if one is missing and rustup is not installed.
pub(super) fn install_missing() -> Result {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    // The folder is checked without rustup, because a distribution's toolchain comes without it and may still
    // have the targets. `RUSTUP_AUTO_INSTALL=0` keeps rustup from downloading a toolchain meanwhile.
    rustc.args(["--print", "sysroot"]).current_dir(workspace()).env("RUSTUP_AUTO_INSTALL", "0");
    let sysroot = quiet_output(&mut rustc)?;
    let libraries = Path::new(sysroot.trim()).join("lib/rustlib");
    let missing: Vec<&str> =
        LAMBDA_TARGETS.into_iter().filter(|target| !libraries.join(target).join("lib").is_dir()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if find_program("rustup").is_none() {
        return Err(Failure::new(format!(
            "the Rust toolchain has no standard library for {names}, and rustup is not there to add it: install Rust \
             through rustup, or your system's packages for these targets"
        )));
    }
    println!("==> setup: adding the Rust targets {names}");
    let mut rustup = Command::new("rustup");
    call(
        rustup.args(["target", "add"]).args(missing).current_dir(workspace()).env("RUSTUP_AUTO_INSTALL", "0"),
    )
}
