//! Can Lambda's runtime start this binary? Read from the file's headers, before anything is uploaded.
//!
//! [`inspect`] reads, [`check`] judges. The judgement is about `provided.al2023`.
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>

use std::path::Path;

use lzap_core::platform::Architecture;
use lzap_wire::limits::AL2023_GLIBC;
use object::elf;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionTable, Sym, VersionTable};
use object::{Endianness, ReadCache, ReadRef, SymbolIndex};

use crate::error::BuildError;

/// Shared libraries that are surely in `provided.al2023`: glibc's own, and gcc's unwinder, which Rust's standard library
/// needs wherever it links glibc. A few more are there today (`libstdc++`, `libz`, …) as parts of tools that AWS doesn't
/// promise to keep, so they count as missing.
/// AWS: <https://docs.aws.amazon.com/linux/al2023/ug/minimal-container.html>
const PROVIDED: &[&str] = &[
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libanl.so.1",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libmvec.so.1",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libutil.so.1",
];

/// Facts from the headers of a binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElfReport {
    /// The processor architecture that it runs on.
    pub architecture: Architecture,
    /// The newest glibc version that it can't do without; `None` where it needs none.
    pub glibc: Option<(u16, u16)>,
    /// One symbol that needs that version, for messages.
    pub glibc_symbol: Option<String>,
    /// The shared libraries that it loads, as it names them.
    pub needed: Vec<String>,
    /// The program that loads it; `None` for a static binary.
    pub loader: Option<String>,
    /// Set if the kernel alone can start it, without a program loader.
    pub statically_linked: bool,
    /// The size of the file in bytes, debug symbols included.
    pub bytes: u64,
}

/// Reads the headers of the executable at `path`, and no more of it than they need.
///
/// # Errors
/// [`BuildError::NotAnExecutable`] for anything but a 64-bit ELF program for one of Lambda's architectures.
pub fn inspect(path: &Path) -> Result<ElfReport, BuildError> {
    let file = fs_err::File::open(path).map_err(BuildError::io("open the binary"))?;
    let bytes = file.metadata().map_err(BuildError::io("read the binary"))?.len();
    // Reads only the parts that are asked for: debug symbols can make the file large.
    let data = ReadCache::new(file.into_parts().0);
    read_report(&data, bytes).map_err(|why| BuildError::NotAnExecutable { path: path.to_owned(), why })
}

/// Errs where Lambda's runtime for `wanted` couldn't start the binary.
///
/// # Errors
/// [`BuildError::WrongArchitecture`], [`BuildError::Loader`], [`BuildError::SharedLibraries`] or
/// [`BuildError::GlibcTooNew`], in this order.
pub fn check(report: &ElfReport, wanted: Architecture) -> Result<(), BuildError> {
    if report.architecture != wanted {
        return Err(BuildError::WrongArchitecture { found: report.architecture, wanted });
    }
    if let Some(loader) = report.loader.as_deref().filter(|it| *it != standard_loader(wanted)) {
        return Err(BuildError::Loader { loader: loader.to_owned() });
    }
    let lacking: Vec<_> =
        report.needed.iter().filter(|it| !PROVIDED.contains(&it.as_str())).cloned().collect();
    if !lacking.is_empty() {
        return Err(BuildError::SharedLibraries { libraries: lacking });
    }
    match report.glibc {
        Some(needed) if needed > AL2023_GLIBC => Err(BuildError::GlibcTooNew {
            needed,
            symbol: report.glibc_symbol.clone(),
            available: AL2023_GLIBC,
        }),
        _ => Ok(()),
    }
}

/// Returns the path of glibc's program loader in Lambda's runtime.
fn standard_loader(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Arm64 => "/lib/ld-linux-aarch64.so.1",
        Architecture::X86_64 => "/lib64/ld-linux-x86-64.so.2",
    }
}

/// All of Lambda's machines are 64-bit and little-endian.
type Header = elf::FileHeader64<Endianness>;
const LITTLE: Endianness = Endianness::Little;

/// Reads the report from the ELF headers; `bytes` is the size of the file. The error is a clause for
/// [`BuildError::NotAnExecutable`].
fn read_report<'data, R: ReadRef<'data>>(data: R, bytes: u64) -> Result<ElfReport, String> {
    let magic = data.read_bytes_at(0, 4).unwrap_or_default();
    if magic != elf::ELFMAG {
        return Err(guess_format(magic).to_owned());
    }
    let damaged = |error: object::Error| format!("its headers are damaged ({error})");
    let header = Header::parse(data).map_err(|_| "it is a 32-bit ELF file".to_owned())?;
    if header.endian().map_err(damaged)? != LITTLE {
        return Err("it is a big-endian ELF file".to_owned());
    }
    let architecture = match header.e_machine(LITTLE) {
        elf::EM_AARCH64 => Architecture::Arm64,
        elf::EM_X86_64 => Architecture::X86_64,
        _ => return Err("it is for a processor that Lambda doesn't have".to_owned()),
    };
    let loader = find_loader(header, data).map_err(damaged)?;
    let sections = header.sections(LITTLE, data).map_err(damaged)?;
    let dynamic = Dynamic::read(&sections, data).map_err(damaged)?;
    // A shared library has neither a loader nor the mark of a position-independent program.
    match header.e_type(LITTLE) {
        elf::ET_EXEC => {}
        elf::ET_DYN if loader.is_some() || dynamic.is_program => {}
        elf::ET_DYN => return Err("it is a shared library".to_owned()),
        _ => return Err("it is an object file or a core dump".to_owned()),
    }
    let (glibc, glibc_symbol) = newest_glibc(&sections, data).map_err(damaged)?;
    Ok(ElfReport {
        architecture,
        glibc,
        glibc_symbol,
        needed: dynamic.needed,
        statically_linked: loader.is_none(),
        loader,
        bytes,
    })
}

/// Names the format of a file that is not ELF, by its first four bytes. The second pattern of macOS is a
/// universal binary.
fn guess_format(magic: &[u8]) -> &'static str {
    match magic {
        [] => "it is empty",
        [b'#', b'!', ..] => "it is a script",
        [b'M', b'Z', ..] => "it is a Windows program",
        [0xcf | 0xce, 0xfa, 0xed, 0xfe] | [0xca, 0xfe, 0xba, 0xbe] => "it is a macOS program",
        _ => "it is no ELF file",
    }
}

/// Returns the path of the program loader that the binary asks for; `None` for a static binary.
fn find_loader<'data, R: ReadRef<'data>>(header: &Header, data: R) -> object::Result<Option<String>> {
    for segment in header.program_headers(LITTLE, data)? {
        if let Some(path) = segment.interpreter(LITTLE, data)? {
            return Ok(Some(String::from_utf8_lossy(path).into_owned()));
        }
    }
    Ok(None)
}

/// The facts in the binary's dynamic section.
#[derive(Default)]
struct Dynamic {
    /// The shared libraries, as the loader looks for them.
    needed: Vec<String>,
    /// Set by the linker for a position-independent program, which has the ELF type of a shared library.
    is_program: bool,
}

impl Dynamic {
    /// Returns the default where there is no dynamic section: such a binary loads no libraries.
    fn read<'data, R: ReadRef<'data>>(
        sections: &SectionTable<'data, Header, R>,
        data: R,
    ) -> object::Result<Self> {
        let mut found = Self::default();
        let Some((entries, link)) = sections.dynamic(LITTLE, data)? else {
            return Ok(found);
        };
        let strings = sections.strings(LITTLE, data, link)?;
        for entry in entries {
            match entry.tag(LITTLE) {
                elf::DT_NEEDED => {
                    found.needed.push(String::from_utf8_lossy(entry.string(LITTLE, strings)?).into_owned());
                }
                elf::DT_FLAGS_1 => {
                    found.is_program = elf::DynamicFlags1(entry.val(LITTLE)).contains(elf::DF_1_PIE);
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

/// A glibc version, and one symbol that needs it.
type Glibc = (Option<(u16, u16)>, Option<String>);

/// Returns the newest version that the loader requires. It does without a weak one: Rust's standard library
/// asks so for what is newer than the oldest glibc that it supports.
fn newest_glibc<'data, R: ReadRef<'data>>(
    sections: &SectionTable<'data, Header, R>,
    data: R,
) -> object::Result<Glibc> {
    let Some((mut files, link)) = sections.gnu_verneed(LITTLE, data)? else {
        return Ok((None, None));
    };
    let strings = sections.strings(LITTLE, data, link)?;
    let mut newest: Option<((u16, u16), Vec<u8>)> = None;
    while let Some((_, mut versions)) = files.next()? {
        while let Some(version) = versions.next()? {
            let name = version.name(LITTLE, strings)?;
            let is_weak = version.vna_flags.get(LITTLE).contains(elf::VER_FLG_WEAK);
            let Some(parsed) = parse_glibc(name).filter(|_| !is_weak) else {
                continue;
            };
            if newest.as_ref().is_none_or(|(known, _)| parsed > *known) {
                newest = Some((parsed, name.to_owned()));
            }
        }
    }
    let Some((version, name)) = newest else {
        return Ok((None, None));
    };
    Ok((Some(version), symbol_of(sections, data, &name)?))
}

/// Reads `GLIBC_2.34`; of `GLIBC_2.2.5` only the first two numbers. A binary with packed relocations says
/// `GLIBC_ABI_DT_RELR`, which is of 2.36. `None` for versions of other libraries and for `GLIBC_PRIVATE`.
fn parse_glibc(name: &[u8]) -> Option<(u16, u16)> {
    let version = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?;
    if version == "ABI_DT_RELR" {
        return Some((2, 36));
    }
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Returns the first symbol that is bound to the symbol version `wanted`, for the error message.
fn symbol_of<'data, R: ReadRef<'data>>(
    sections: &SectionTable<'data, Header, R>,
    data: R,
    wanted: &[u8],
) -> object::Result<Option<String>> {
    let symbols = sections.symbols(LITTLE, data, elf::SHT_DYNSYM)?;
    let Some(versions): Option<VersionTable<'data, Header>> = sections.versions(LITTLE, data)? else {
        return Ok(None);
    };
    // The first entry of an ELF symbol table is always a null symbol.
    for (at, symbol) in symbols.iter().enumerate().skip(1) {
        let index = versions.version_index(LITTLE, SymbolIndex(at));
        let version = versions.version(index.index())?;
        if version.is_some_and(|it| it.name() == wanted) {
            let name = symbol.name(LITTLE, symbols.strings())?;
            return Ok(Some(String::from_utf8_lossy(name).into_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(parse_glibc(b"GLIBC_2.9"), Some((2, 9)));
        assert!(parse_glibc(b"GLIBC_2.34") > parse_glibc(b"GLIBC_2.9"));
        assert_eq!(parse_glibc(b"GLIBC_2.2.5"), Some((2, 2)));
        assert_eq!(parse_glibc(b"GLIBC_ABI_DT_RELR"), Some((2, 36)));
        assert_eq!(parse_glibc(b"GLIBC_PRIVATE"), None);
        assert_eq!(parse_glibc(b"GCC_3.0"), None);
    }
}
