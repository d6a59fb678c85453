//! The Debian packages that the tests need. They are the only thing outside of the checkout and of Rust's own folders,
//! so they are named before anything happens.

use std::path::Path;
use std::process::{Command, Stdio};

use lzap_testkit::shell::{Failure, Result, call};
use lzap_testkit::{ARM64_LOADER, find_program, find_qemu};

/// What to do about missing Debian packages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PackagePolicy {
    /// Install them as root; as another user stop and print the command.
    RootOnly,
    /// Install them, through sudo where the user is not root.
    Sudo,
}

/// A package, and how to see without its package manager that the machine has what it brings.
struct DebianPackage {
    name: &'static str,
    is_installed: fn() -> bool,
}

const PACKAGES: &[DebianPackage] = &[
    // Debian's python3 has no `venv` of its own.
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
    // The README's transcript and the functions of a few lines.
    DebianPackage { name: "curl", is_installed: || find_program("curl").is_some() },
    // Commits of deployed versions.
    DebianPackage { name: "git", is_installed: || find_program("git").is_some() },
    // `kill`.
    DebianPackage { name: "procps", is_installed: || find_program("kill").is_some() },
];

fn has_qemu(cpu: &str) -> bool {
    find_qemu(cpu).is_ok()
}

fn can_create_environments() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import ensurepip, venv"]).stdout(Stdio::null()).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

/// Installs the packages that the machine lacks.
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
    let install = ["install", "--quiet", "--yes", "--no-install-recommends"];
    call(apt_get_command(is_root, &install).args(&missing))
}

/// Why the packages `names` are not installed, and what to type instead; `None` when they may be.
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

fn apt_get_command(is_root: bool, args: &[&str]) -> Command {
    let mut command = Command::new(if is_root { "env" } else { "sudo" });
    // Through `env`, since sudo does not pass on the caller's variables.
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
