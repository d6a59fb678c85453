//! The Debian packages that the tests need. They are the only thing outside of the checkout and of Rust's own folders,
//! so they are named before anything happens.

use std::path::Path;
use std::process::{Command, Stdio};

use lzap_testkit::shell::{Failure, Result, call};
use lzap_testkit::{ARM64_LOADER, find_program, find_qemu};

/// What to do about missing Debian packages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum System {
    /// Install them as root; as another user stop and print the command.
    Ask,
    /// Install them, through sudo where the user is not root.
    Sudo,
}

/// A package, and how to see without its package manager that the machine has what it brings.
struct Package {
    name: &'static str,
    is_there: fn() -> bool,
}

const PACKAGES: &[Package] = &[
    // Debian's python3 has no `venv` of its own.
    Package { name: "python3-venv", is_there: can_make_environments },
    // Runs functions of the other architecture, and functions on a CPU with fewer instructions.
    Package { name: "qemu-user-static", is_there: || ["aarch64", "x86_64"].iter().all(|cpu| has_qemu(cpu)) },
    // Loads arm64 binaries that link glibc.
    Package {
        name: "libc6-arm64-cross",
        is_there: || cfg!(target_arch = "aarch64") || Path::new(ARM64_LOADER).exists(),
    },
    // The README's transcript and the functions of a few lines.
    Package { name: "curl", is_there: || find_program("curl").is_some() },
    // Commits of deployed versions.
    Package { name: "git", is_there: || find_program("git").is_some() },
    // `kill`.
    Package { name: "procps", is_there: || find_program("kill").is_some() },
];

fn has_qemu(cpu: &str) -> bool {
    find_qemu(cpu).is_ok()
}

fn can_make_environments() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import ensurepip, venv"]).stdout(Stdio::null()).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

/// Installs the packages that the machine lacks.
pub(super) fn install_missing(system: System) -> Result {
    let missing: Vec<&str> =
        PACKAGES.iter().filter(|package| !(package.is_there)()).map(|package| package.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (is_root, names) = (rustix::process::geteuid().is_root(), missing.join(" "));
    if let Some(refusal) = refuse(&names, is_root, system, find_program("apt-get").is_some()) {
        return Err(Failure::new(refusal));
    }
    println!("==> setup: installing the Debian packages {names}");
    call(&mut apt_get(is_root, &["update", "--quiet"]))?;
    let install = ["install", "--quiet", "--yes", "--no-install-recommends"];
    call(apt_get(is_root, &install).args(&missing))
}

/// Why the packages `names` are not installed, and what to type instead; `None` when they may be.
fn refuse(names: &str, is_root: bool, system: System, has_apt: bool) -> Option<String> {
    if !has_apt {
        return Some(format!(
            "the tests need what these Debian packages bring: {names}; install the same with your system's package \
             manager, then run `cargo xtask setup`"
        ));
    }
    (!is_root && system == System::Ask).then(|| {
        format!(
            "the tests need these Debian packages: {names}\nto install them: cargo xtask setup --system\n\
             which runs:      sudo apt-get update && sudo apt-get install --yes --no-install-recommends {names}"
        )
    })
}

fn apt_get(is_root: bool, args: &[&str]) -> Command {
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
    fn refuse_as_another_user_names_the_packages_and_the_command() {
        let refusal = refuse("git curl", false, System::Ask, true).unwrap_or_default();
        assert!(refusal.contains("cargo xtask setup --system"), "{refusal}");
        assert!(
            refusal.ends_with("sudo apt-get install --yes --no-install-recommends git curl"),
            "{refusal}"
        );
        assert_eq!(refuse("git", false, System::Sudo, true), None);
        assert_eq!(refuse("git", true, System::Ask, true), None);
    }

    #[test]
    fn refuse_on_another_distribution_names_the_packages() {
        let refusal = refuse("git curl", true, System::Sudo, false).unwrap_or_default();
        assert!(refusal.contains("git curl") && !refusal.contains("apt-get"), "{refusal}");
    }

    #[test]
    fn apt_get_as_another_user_goes_through_sudo() {
        let args = ["update"];
        let root = show_command(&apt_get(true, &args));
        assert_eq!(root, "env DEBIAN_FRONTEND=noninteractive apt-get update");
        assert_eq!(show_command(&apt_get(false, &args)), format!("sudo {root}"));
    }
}
