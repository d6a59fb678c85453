//! The zip that Lambda unpacks: `bootstrap` and what `include` names. Same input, same bytes, whatever the file times.
//!
//! `files` lists what goes in and refuses what can't; here it is written, a buffer at a time. `reuse` finds the zip of an
//! earlier deploy with the same files.

mod files;
mod reuse;

use std::io::{BufWriter, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lzap_core::names::hex;
use lzap_core::platform::{Architecture, Include};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use crate::error::BuildError;
use files::Entry;
use reuse::InputHash;

/// A deployment package on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The zip: `NAME-HASH.zip` beside the path that [`archive`] was given.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The size of what is in it.
    pub unzipped_bytes: u64,
    /// Its SHA-256 in hexadecimal: its name in the bucket.
    pub sha256: String,
    /// The same in base64, as Lambda's `CodeSha256` has it.
    pub code_sha256: String,
    /// The processor architecture of the binary in it.
    pub architecture: Architecture,
    /// The number of files in it.
    pub files: usize,
}

/// Writes the zip `NAME-HASH.zip` beside `out` (`NAME.zip`), with `binary` as `bootstrap` and the files of `include`,
/// whose sources start at `project_root`. The zip appears under its name only when it is complete, and other bytes have
/// another name: two deploys that share a target folder can't give each other theirs.
///
/// Files that are in the last zip as they are now are not compressed again. `NAME.last` beside it is the record of that.
///
/// # Errors
/// An `include` can't be packed (exit code 2); [`BuildError::TooLarge`].
pub fn archive(
    binary: &Path,
    project_root: &Path,
    include: &[Include],
    architecture: Architecture,
    out: &Path,
) -> Result<Artifact, BuildError> {
    // Collected first: a wrong `include` or a too large package fails before anything is written.
    let entries = files::collect_entries(binary, project_root, include)?;
    let folder = out.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder).map_err(BuildError::io("make the folder for the zip"))?;
    let zip = match find_unchanged(out, &entries) {
        Some(zip) => zip,
        None => write_new(out, folder, &entries)?,
    };
    Ok(Artifact {
        bytes: zip.bytes,
        unzipped_bytes: entries.iter().map(|entry| entry.bytes).sum(),
        sha256: hex(&zip.digest),
        code_sha256: BASE64_STANDARD.encode(zip.digest),
        path: zip.path,
        architecture,
        files: entries.len(),
    })
}

/// A complete zip on disk.
struct Zip {
    path: PathBuf,
    bytes: u64,
    /// The SHA-256 of its bytes.
    digest: [u8; 32],
}

/// Returns the last zip, if it was made of the same files. It is read again: a record of a file that was changed or
/// deleted since counts for nothing.
fn find_unchanged(out: &Path, entries: &[Entry]) -> Option<Zip> {
    let sha256 = reuse::find_zip(out, entries)?;
    let path = named_by_hash(out, &sha256);
    let (digest, bytes) = hash_file(&mut std::fs::File::open(&path).ok()?).ok()?;
    (hex(&digest) == sha256).then_some(Zip { path, bytes, digest })
}

fn write_new(out: &Path, folder: &Path, entries: &[Entry]) -> Result<Zip, BuildError> {
    // Beside `out`, since a rename can't leave its file system.
    // An early return drops it, which deletes the file.
    let mut temporary =
        NamedTempFile::new_in(folder).map_err(BuildError::io("make a file beside the zip"))?;
    let inputs = write_zip(&mut temporary, entries)
        .map_err(|source| BuildError::Zip { path: out.to_owned(), source })?;
    // Read again instead of hashed while writing: the zip writer seeks back to fill in the sizes of its
    // entries.
    let (digest, bytes) = hash_file(temporary.as_file_mut()).map_err(BuildError::io("read the zip again"))?;
    let sha256 = hex(&digest);
    let path = named_by_hash(out, &sha256);
    temporary
        .persist(&path)
        .map_err(|error| error.error)
        .map_err(BuildError::io("put the zip in its place"))?;
    reuse::record_zip(out, &inputs, &sha256).map_err(BuildError::io("record what the zip was made of"))?;
    Ok(Zip { path, bytes, digest })
}

/// The number of digits of the hash in the file name: 64 bits, so that no two zips of one project share them.
const HASH_DIGITS: usize = 16;

/// Returns the path beside `out` with the first digits of the hash in its name.
fn named_by_hash(out: &Path, sha256: &str) -> PathBuf {
    let name = out.file_stem().unwrap_or_default().to_string_lossy();
    out.with_file_name(format!("{name}-{}.zip", &sha256[..HASH_DIGITS]))
}

/// Writes the entries in the order in which they are given, each as a stream: a file is never in memory as a
/// whole. Returns the hash of what was written, for the record.
fn write_zip(temporary: &mut NamedTempFile, entries: &[Entry]) -> zip::result::ZipResult<String> {
    let mut inputs = InputHash::new();
    let mut zip = ZipWriter::new(BufWriter::new(temporary.as_file_mut()));
    for entry in entries {
        zip.start_file(&entry.name, entry_options(entry.is_executable))?;
        inputs.copy(entry, &mut zip)?;
    }
    zip.finish()?.into_inner().map_err(|error| zip::result::ZipError::Io(error.into_error()))?;
    Ok(inputs.finish())
}

/// All that the file system would add is fixed: the time is the format's first, the mode one of two. Lambda runs the code
/// as a user of its own, so it must be readable by everyone.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-function-zip.html>
fn entry_options(is_executable: bool) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(6))
        // File times differ between checkouts, and would change the hash of an unchanged app.
        .last_modified_time(DateTime::DEFAULT)
        .system(System::Unix)
        .unix_permissions(if is_executable { 0o755 } else { 0o644 })
}

/// Returns the SHA-256 and the size of the file, which it reads from its beginning.
fn hash_file(file: &mut std::fs::File) -> std::io::Result<([u8; 32], u64)> {
    file.seek(SeekFrom::Start(0))?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((hash.finalize().into(), bytes));
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
}
