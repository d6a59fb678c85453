//! The record of the last zip, so that a deploy without changes doesn't compress the same files again: that takes most
//! of the time that lzap itself needs for such a deploy.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use lzap_core::names::hex;
use sha2::{Digest, Sha256};

use super::files::Entry;

/// The hash of what goes into a zip: names, modes and contents. It begins with lzap's version, because another one may
/// compress differently.
pub(super) struct InputHash(Sha256);

impl InputHash {
    pub(super) fn new() -> Self {
        Self(Sha256::new_with_prefix(concat!("lzap ", env!("CARGO_PKG_VERSION"), "\n")))
    }

    /// Copies the file of an entry to `to`, and adds exactly the bytes that were copied.
    pub(super) fn copy(&mut self, entry: &Entry, to: &mut impl Write) -> io::Result<()> {
        let mut content = Sha256::new();
        let (mut file, mut buffer) = (fs_err::File::open(&entry.path)?, vec![0; 64 * 1024]);
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            content.update(&buffer[..read]);
            to.write_all(&buffer[..read])?;
        }
        // A name can't contain a zero byte, so no two lists of entries give the same text.
        self.0.update(entry.name.as_bytes());
        self.0.update([0, u8::from(entry.is_executable)]);
        self.0.update(content.finalize());
        Ok(())
    }

    pub(super) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// Returns the hash of the zip that was made of these entries, as the record has it. The caller checks it: there may be no
/// such file any more.
pub(super) fn find_zip(out: &Path, entries: &[Entry]) -> Option<String> {
    let record = fs_err::read_to_string(record_path(out)).ok()?;
    let (inputs, sha256) = record.trim_end().split_once(' ')?;
    let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut found = InputHash::new();
    for entry in entries {
        found.copy(entry, &mut io::sink()).ok()?;
    }
    (is_hash && found.finish() == inputs).then(|| sha256.to_owned())
}

/// Records which zip was made of these inputs. Only the last one is kept.
pub(super) fn record_zip(out: &Path, inputs: &str, sha256: &str) -> io::Result<()> {
    fs_err::write(record_path(out), format!("{inputs} {sha256}\n"))
}

fn record_path(out: &Path) -> PathBuf {
    out.with_extension("last")
}
