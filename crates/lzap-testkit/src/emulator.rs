//! QEMU and a glibc for arm64, from Debian's packages: what an arm64 binary needs to run on another machine.

use std::io;
use std::path::Path;
use std::process::Command;

use fs_err as fs;

use crate::paths::target;
use crate::python::run;

/// What is looked for, and the package that brings it.
const NEEDED: [(&str, &str); 2] = [
    ("/usr/bin/qemu-aarch64-static", "qemu-user-static"),
    ("/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1", "libc6-arm64-cross"),
];

/// Sees to it that this machine can run arm64 binaries, static ones and those that link glibc. Installs Debian's packages
/// where they are missing; whoever comes first does it, the others wait at a file lock.
///
/// # Errors
/// When they are missing and can't be installed; the text says what to install.
pub fn run_arm64() -> io::Result<()> {
    if cfg!(target_arch = "aarch64") {
        return Ok(());
    }
    fs::create_dir_all(target())?;
    let lock = fs::File::create(target().join("emulator.lock"))?;
    lock.file().lock()?;
    let missing: Vec<&str> =
        NEEDED.iter().filter(|(path, _)| !Path::new(path).exists()).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing).map_err(|why| {
        io::Error::other(format!(
            "to run arm64 binaries, the tests need {}: on Debian `apt-get install {}`; on other systems QEMU's user mode \
             at {} and an arm64 glibc at {}\n{why}",
            missing.join(" and "),
            missing.join(" "),
            NEEDED[0].0,
            NEEDED[1].0,
        ))
    })
}

/// As root, or through a `sudo` that asks for no password.
fn install(packages: &[&str]) -> io::Result<()> {
    apt_get(&["update", "--quiet"])?;
    apt_get(&[&["install", "--quiet", "--yes", "--no-install-recommends"], packages].concat())
}

fn apt_get(args: &[&str]) -> io::Result<()> {
    let is_root = rustix::process::geteuid().is_root();
    let (program, first): (&str, &[&str]) =
        if is_root { ("apt-get", &[]) } else { ("sudo", &["--non-interactive", "apt-get"]) };
    run(Command::new(program).args(first).args(args).env("DEBIAN_FRONTEND", "noninteractive"))
}
