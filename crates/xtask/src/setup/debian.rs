//! The Debian packages that the tests need. They are the only thing installed outside of the checkout and of
//! Rust's own folders, so setup names them before it installs anything. Programs that pip or cargo can
//! install are not here.

use std::path::Path;
use std::process::{Command, Stdio};

use lzap_testkit::shell::{Failure, Result, call};
use lzap_testkit::{ARM64_LOADER, find_program, find_qemu};

/// The permission to install Debian packages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PackagePolicy {
    /// Install them as root. As another user, fail with the command to type: a test run must not ask for a
    /// password.
    RootOnly,
    /// Install them, through sudo unless the user is root.
    Sudo,
}

/// A Debian package and the check for what it provides. The check does not use dpkg, so that a machine of
/// another distribution passes if it has the programs.
struct DebianPackage {
    name: &'static str,
    is_installed: fn() -> bool,
}

/// All packages, each with the reason why the tests need it.
const PACKAGES: &[DebianPackage] = &[
    // Debian's python3 comes without `ensurepip`, so `python3 -m venv` fails.
    DebianPackage { name: "python3-venv", is_installed: can_create_environments },
    // Runs functions of the other architecture, and functions on a CPU with fewer instructions.
    DebianPackage {
        name: "qemu-user-static",
        is_installed: || ["aarch64", "x86_64"].iter().all(|cpu| has_qemu(cpu)),
    },
    // Loads arm64 binaries that link glibc.
    DebianPackage {
        name: "libc6-arm64-cross",
        is_installed: || cfg!(target_arch = "aarch64") || Path::new(ARM64_LOADER).exists(),
    },
    // The README's commands, and test functions that are shell scripts, call it.
    DebianPackage { name: "curl", is_installed: || find_program("curl").is_some() },
    // A deploy records the commit of the app, and the tests of that create repositories.
    DebianPackage { name: "git", is_installed: || find_program("git").is_some() },
    // Tests send signals with `kill`, which a slim container image does not have.
    DebianPackage { name: "procps", is_installed: || find_program("kill").is_some() },
];

/// Returns whether QEMU's user mode emulator for `cpu` is in `PATH`, static or not.
fn has_qemu(cpu: &str) -> bool {
    find_qemu(cpu).is_ok()
}

/// Returns whether python3 can create virtual environments with pip. Starts Python to find out.
fn can_create_environments() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import ensurepip, venv"]).stdout(Stdio::null()).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

/// Installs the packages that are missing, with apt-get. Fails without `apt-get`, and where `policy` does not
/// permit it.
pub(super) fn install_missing(policy: PackagePolicy) -> Result {
    let missing: Vec<&str> =
        PACKAGES.iter().filter(|package| !(package.is_installed)()).map(|package| package.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (is_root, names) = (rustix::process::geteuid().is_root(), missing.join(" "));
    if let Some(refusal) = explain_refusal(&names, is_root, policy, find_program("apt-get").is_some()) {
        return Err(Failure::new(refusal));
    }
    println!("==> setup: installing the Debian packages {names}");
    call(&mut apt_get_command(is_root, &["update", "--quiet"]))?;
    // The recommended packages would take space and time, and no test uses them.
    let install = ["install", "--quiet", "--yes", "--no-install-recommends"];
    call(apt_get_command(is_root, &install).args(&missing))
}

/// Returns why the packages `names` must not be installed and what to type instead, or `None` if they may be
/// installed.
///
/// A function of its arguments alone, so that the tests cover every kind of user and machine.
fn explain_refusal(names: &str, is_root: bool, policy: PackagePolicy, has_apt: bool) -> Option<String> {
    if !has_apt {
        return Some(format!(
            "the tests need what these Debian packages bring: {names}; install the same with your system's package \
             manager, then run `cargo xtask setup`"
        ));
    }
    (!is_root && policy == PackagePolicy::RootOnly).then(|| {
        format!(
            "the tests need these Debian packages: {names}\nto install them: cargo xtask setup --system\n\
             which runs:      sudo apt-get update && sudo apt-get install --yes --no-install-recommends {names}"
        )
    })
}

/// Returns an apt-get command that asks no questions, as root or through sudo.
fn apt_get_command(is_root: bool, args: &[&str]) -> Command {
    let mut command = Command::new(if is_root { "env" } else { "sudo" });
    // Through `env`, since sudo does not pass the caller's variables on.
    if !is_root {
        command.arg("env");
    }
    command.arg("DEBIAN_FRONTEND=noninteractive").arg("apt-get").args(args);
    command
}

#[cfg(test)]
mod tests {
    use lzap_testkit::shell::show_command;

    use super::*;

    #[test]
    fn explain_refusal_as_other_user_contains_packages_and_command() {
        let refusal = explain_refusal("git curl", false, PackagePolicy::RootOnly, true).unwrap_or_default();
        assert!(refusal.contains("cargo xtask setup --system"), "{refusal}");
        assert!(
            refusal.ends_with("sudo apt-get install --yes --no-install-recommends git curl"),
            "{refusal}"
        );
        assert_eq!(explain_refusal("git", false, PackagePolicy::Sudo, true), None);
        assert_eq!(explain_refusal("git", true, PackagePolicy::RootOnly, true), None);
    }

    #[test]
    fn explain_refusal_without_apt_contains_packages() {
        let refusal = explain_refusal("git curl", true, PackagePolicy::Sudo, false).unwrap_or_default();
        assert!(refusal.contains("git curl") && !refusal.contains("apt-get"), "{refusal}");
    }

    #[test]
    fn apt_get_command_as_other_user_uses_sudo() {
        let args = ["update"];
        let root = show_command(&apt_get_command(true, &args));
        assert_eq!(root, "env DEBIAN_FRONTEND=noninteractive apt-get update");
        assert_eq!(show_command(&apt_get_command(false, &args)), format!("sudo {root}"));
    }
}
