//! The command that starts a `bootstrap` on this machine: directly, or through QEMU for another processor.
//!
//! What Lambda would refuse is refused here in the same words, before anything runs. An emulator on PATH comes first,
//! so that it can be told where the other architecture's glibc is; without one the kernel may know one (`binfmt_misc`,
//! which a container can't see), and says so when it doesn't.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use tokio::process::Command;

/// Enough for the headers and the loader's name of any linker's output.
const HEAD: usize = 4096;

/// A way to start a `bootstrap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Launch {
    /// The kernel starts it.
    Direct,
    /// A QEMU of the user mode does.
    Emulated {
        /// Its path.
        emulator: PathBuf,
        /// The folder with the other architecture's glibc, for a binary that links it.
        libraries: Option<PathBuf>,
    },
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// As Lambda words it.
    pub(crate) sentence: String,
    /// A way to fix it on this machine; a line for the log.
    pub(crate) hint: Option<String>,
}

/// The two sides that may differ: `arm64` or `x86_64` each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Architectures<'a> {
    /// The function's.
    pub(crate) own: &'a str,
    /// This machine's.
    pub(crate) host: &'a str,
}

impl Launch {
    /// Finds a way for the file at `bootstrap`; emulators are looked for in the folders `path`.
    pub(crate) fn of(
        bootstrap: &Path,
        architectures: Architectures<'_>,
        path: impl IntoIterator<Item = PathBuf>,
    ) -> Result<Self, Refusal> {
        if !bootstrap.is_file() {
            let sentence = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]";
            return Err(Refusal { sentence: sentence.to_owned(), hint: None });
        }
        let mut head = Vec::with_capacity(HEAD);
        // A file that can't be read can't be executed either; the kernel says why.
        let _unread = File::open(bootstrap).and_then(|file| file.take(HEAD as u64).read_to_end(&mut head));
        if head.starts_with(b"#!") {
            return Ok(Self::Direct);
        }
        let Some(elf) = Elf::read(&head) else {
            return Err(Refusal::format(None));
        };
        if elf.architecture != architectures.own {
            let hint =
                format!("`bootstrap` is for {}, the function for {}", elf.architecture, architectures.own);
            return Err(Refusal::format(Some(hint)));
        }
        if architectures.own == architectures.host {
            return Ok(Self::Direct);
        }
        Self::emulated(&elf, path)
    }

    fn emulated(elf: &Elf, path: impl IntoIterator<Item = PathBuf>) -> Result<Self, Refusal> {
        let names = [format!("qemu-{}-static", elf.machine), format!("qemu-{}", elf.machine)];
        let found = path.into_iter().flat_map(|folder| names.each_ref().map(|name| folder.join(name)));
        let Some(emulator) = found.into_iter().find(|file| file.is_file()) else {
            return Ok(Self::Direct);
        };
        let Some(loader) = elf.loader.as_deref().filter(|loader| !Path::new(loader).exists()) else {
            return Ok(Self::Emulated { emulator, libraries: None });
        };
        // Debian's packages for cross-compiling install them here.
        let libraries = PathBuf::from(format!("/usr/{}-linux-gnu", elf.machine));
        if libraries.join(loader.trim_start_matches('/')).exists() {
            return Ok(Self::Emulated { emulator, libraries: Some(libraries) });
        }
        let package = if elf.machine == "aarch64" { "libc6-arm64-cross" } else { "libc6-amd64-cross" };
        let hint = format!(
            "the function links glibc, and this machine has none for {}: `apt install {package}` runs it here",
            elf.architecture
        );
        let sentence = "fork/exec /var/task/bootstrap: no such file or directory".to_owned();
        Err(Refusal { sentence, hint: Some(hint) })
    }

    /// The command for `bootstrap`, without arguments of its own.
    pub(crate) fn command(&self, bootstrap: &Path) -> Command {
        match self {
            Self::Direct => Command::new(bootstrap),
            Self::Emulated { emulator, libraries } => {
                let mut command = Command::new(emulator);
                if let Some(libraries) = libraries {
                    command.arg("-L").arg(libraries);
                }
                command.arg(bootstrap);
                command
            }
        }
    }
}

impl Refusal {
    fn format(hint: Option<String>) -> Self {
        Self { sentence: "fork/exec /var/task/bootstrap: exec format error".to_owned(), hint }
    }

    /// The kernel refused a binary for another processor.
    pub(crate) fn no_emulator(architectures: Architectures<'_>) -> Self {
        let Architectures { own, host } = architectures;
        Self::format(Some(format!(
            "this machine is {host} and the function {own}: `apt install qemu-user-static` runs it here (elsewhere the \
             package may be `qemu-user`), or deploy for {host}"
        )))
    }
}

/// The facts in the head of an ELF file. The format: `man 5 elf`.
#[derive(Debug, PartialEq, Eq)]
struct Elf {
    /// Lambda's name of the processor.
    architecture: &'static str,
    /// QEMU's and Debian's name of it.
    machine: &'static str,
    /// The program that loads it; `None` for a static binary.
    loader: Option<String>,
}

impl Elf {
    /// Reads 64-bit little-endian binaries for the processors that Lambda has.
    fn read(head: &[u8]) -> Option<Self> {
        const PT_INTERP: u64 = 3;
        if !head.starts_with(b"\x7fELF\x02\x01") {
            return None;
        }
        let (architecture, machine) = match number(head, 18, 2)? {
            183 => ("arm64", "aarch64"),
            62 => ("x86_64", "x86_64"),
            _ => return None,
        };
        let (table, size, count) = (number(head, 32, 8)?, number(head, 54, 2)?, number(head, 56, 2)?);
        let loader =
            (0..count).filter_map(|index| index.checked_mul(size)?.checked_add(table)).find_map(|at| {
                (number(head, at, 4)? == PT_INTERP).then_some(())?;
                let from = usize::try_from(number(head, at + 8, 8)?).ok()?;
                let name = head.get(from..)?.split(|byte| *byte == 0).next()?;
                Some(String::from_utf8_lossy(name).into_owned())
            });
        Some(Self { architecture, machine, loader })
    }
}

/// The little-endian number of `bytes` bytes at `at`.
fn number(head: &[u8], at: u64, bytes: usize) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let field = head.get(at..at.checked_add(bytes)?)?;
    Some(field.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARM_ON_X86: Architectures<'_> = Architectures { own: "arm64", host: "x86_64" };

    /// A header, and a program header that names the loader.
    fn elf(machine: u8, loader: Option<&str>) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(64, 0);
        (file[18], file[32], file[54], file[56]) = (machine, 64, 56, 1);
        file.resize(120, 0);
        file[64] = if loader.is_some() { 3 } else { 1 };
        file[72] = 120;
        file.extend_from_slice(loader.unwrap_or_default().as_bytes());
        file.push(0);
        file
    }

    fn launch(file: &[u8], architectures: Architectures<'_>, path: &[&Path]) -> Result<Launch, Refusal> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let bootstrap = folder.path().join("bootstrap");
        fs_err::write(&bootstrap, file).expect("write a file");
        Launch::of(&bootstrap, architectures, path.iter().map(|folder| folder.to_path_buf()))
    }

    #[test]
    fn the_head_names_processor_and_loader() {
        let loader = "/lib/ld-linux-aarch64.so.1";
        let read = Elf::read(&elf(183, Some(loader))).expect("an ELF head");
        assert_eq!((read.architecture, read.loader.as_deref()), ("arm64", Some(loader)));
        assert_eq!(
            Elf::read(&elf(62, None)).map(|elf| (elf.architecture, elf.loader)),
            Some(("x86_64", None))
        );
        for cut in 0..120 {
            // A file that ends anywhere is no reason to panic.
            let _read = Elf::read(&elf(183, Some(loader))[..cut]);
        }
    }

    #[test]
    fn a_foreign_binary_is_emulated_where_there_is_an_emulator() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(
            launch(&elf(183, None), ARM_ON_X86, &[folder.path()]),
            Ok(Launch::Direct),
            "binfmt may do"
        );
        let emulator = folder.path().join("qemu-aarch64-static");
        fs_err::write(&emulator, "").expect("write a file");
        let launched = launch(&elf(183, None), ARM_ON_X86, &[folder.path()]);
        assert_eq!(launched, Ok(Launch::Emulated { emulator, libraries: None }));
        let refused = launch(&elf(183, Some("/lib/ld-none.so")), ARM_ON_X86, &[folder.path()]);
        let refused = refused.expect_err("no such loader on any machine");
        assert!(refused.hint.expect("a hint").contains("libc6-arm64-cross"));
    }

    #[test]
    fn what_lambda_would_not_start_is_refused_in_its_words() {
        let x86 = Architectures { own: "x86_64", host: "x86_64" };
        assert_eq!(launch(&elf(62, Some("/lib64/ld-linux-x86-64.so.2")), x86, &[]), Ok(Launch::Direct));
        for file in [&elf(183, None)[..], &elf(40, None), b"\xcf\xfa\xed\xfe", b""] {
            let refused = launch(file, x86, &[]).expect_err("not for this function");
            assert_eq!(refused.sentence, "fork/exec /var/task/bootstrap: exec format error");
        }
        let wrong = launch(&elf(183, None), x86, &[]).expect_err("the wrong processor").hint;
        assert_eq!(wrong.as_deref(), Some("`bootstrap` is for arm64, the function for x86_64"));
    }
}
