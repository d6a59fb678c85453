//! Code bundles on disk: each zip once by its hash, and each unpacked once.
//!
//! Below the root lie `zips/{sha256}.zip` and `code/{sha256}/`. Both are written under another name and renamed, so
//! that a killed process leaves no half of either. Everything here blocks: callers use `spawn_blocking`.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use fs_err as fs;
use lzap_wire::limits::UNZIPPED_BYTES;
use sha2::{Digest, Sha256};
use zip::ZipArchive;
use zip::read::ZipFile;

use super::error::ApiError;
use super::hex::encode_hex;
use super::state::Code;

const NOT_A_ZIP: &str = "Could not unzip uploaded file. Please check your file, then try to upload again.";
/// Younger files are left alone by [`CodeStore::collect`]: the function that needs them may not be written yet.
const YOUNG: Duration = Duration::from_mins(10);

/// The folder of all code bundles.
#[derive(Clone, Debug)]
pub(crate) struct CodeStore {
    zips: PathBuf,
    code: PathBuf,
}

impl CodeStore {
    /// Opens the store below `root`, making its folders.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let store = Self { zips: root.join("zips"), code: root.join("code") };
        fs::create_dir_all(&store.zips)?;
        fs::create_dir_all(&store.code)?;
        Ok(store)
    }

    /// Keeps a zip and unpacks it, so that a bad one is refused before a function exists.
    pub(crate) fn put(&self, zip: &[u8]) -> Result<Code, ApiError> {
        let digest = Sha256::digest(zip);
        let code = Code { sha256: BASE64_STANDARD.encode(digest), size: zip.len() as u64 };
        let path = self.zip_path(&code.sha256);
        if !path.exists() {
            self.unpack(&code.sha256, zip)?;
            let host = |error: io::Error| ApiError::service(format!("the code could not be kept: {error}"));
            let file = tempfile::NamedTempFile::new_in(&self.zips).map_err(host)?;
            fs::write(file.path(), zip).map_err(host)?;
            file.persist(&path).map_err(|error| host(error.error))?;
        }
        Ok(code)
    }

    /// Returns the path of the zip with this base64 hash.
    pub(crate) fn zip_path(&self, sha256: &str) -> PathBuf {
        self.zips.join(format!("{}.zip", file_name(sha256)))
    }

    /// The folder with the unpacked code of this base64 hash.
    pub(crate) fn task_root(&self, sha256: &str) -> Result<PathBuf, ApiError> {
        let path = self.code.join(file_name(sha256));
        if !path.is_dir() {
            let zip = fs::read(self.zip_path(sha256))
                .map_err(|error| ApiError::service(format!("the code is gone: {error}")))?;
            self.unpack(sha256, &zip)?;
        }
        Ok(path)
    }

    /// Deletes code that no version needs any more.
    pub(crate) fn collect(&self, in_use: &BTreeSet<String>) {
        let keep: BTreeSet<String> = in_use.iter().map(|sha256| file_name(sha256)).collect();
        for folder in [&self.zips, &self.code] {
            let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
            for entry in entries {
                let path = entry.path();
                let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                if !keep.contains(&stem) && !is_young(&path) {
                    let removed =
                        if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                    if let Err(error) = removed {
                        tracing::warn!(%error, "unused code could not be deleted");
                    }
                }
            }
        }
    }

    fn unpack(&self, sha256: &str, zip: &[u8]) -> Result<(), ApiError> {
        let host = |error: io::Error| ApiError::service(format!("the code could not be unpacked: {error}"));
        let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(|_| ApiError::invalid(NOT_A_ZIP))?;
        let target = self.code.join(file_name(sha256));
        let scratch = tempfile::TempDir::with_prefix_in("unpacking-", &self.code).map_err(host)?;
        let mut left = UNZIPPED_BYTES;
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).map_err(|_| ApiError::invalid(NOT_A_ZIP))?;
            unpack_entry(&mut entry, scratch.path(), &mut left)?;
        }
        fs::set_permissions(scratch.path(), Permissions::from_mode(0o755)).map_err(host)?;
        match fs::rename(scratch.path(), &target) {
            Ok(()) => {
                // The folder has its name now; there is nothing left to clean up.
                let _moved = scratch.keep();
                Ok(())
            }
            // Another invocation unpacked the same bytes meanwhile.
            Err(_) if target.is_dir() => Ok(()),
            Err(error) => Err(host(error)),
        }
    }
}

/// Writes one entry below `root`, never outside; takes its size off `left`.
fn unpack_entry<R: Read + ?Sized>(
    entry: &mut ZipFile<'_, R>,
    root: &Path,
    left: &mut u64,
) -> Result<(), ApiError> {
    let bad = |error: io::Error| ApiError::invalid(format!("{NOT_A_ZIP} ({error})"));
    let relative = entry.enclosed_name().ok_or_else(|| ApiError::invalid(NOT_A_ZIP))?;
    let path = root.join(relative);
    if entry.is_dir() {
        return fs::create_dir_all(&path).map_err(bad);
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(bad)?;
    }
    // A zip from a system without modes gets what AWS gives it: a file that can't be executed.
    let mode = entry.unix_mode().unwrap_or(0o644) & 0o777;
    if entry.is_symlink() {
        return unpack_link(entry, &path);
    }
    let mut file = fs::File::create_new(&path).map_err(bad)?;
    let written = io::copy(&mut entry.take(*left + 1), &mut file).map_err(bad)?;
    *left = left.checked_sub(written).ok_or_else(|| {
        ApiError::invalid(format!("Unzipped size must be smaller than {UNZIPPED_BYTES} bytes"))
    })?;
    fs::set_permissions(&path, Permissions::from_mode(mode | 0o400)).map_err(bad)
}

/// Makes a symbolic link that stays in its own folder or below; others are refused.
fn unpack_link<R: Read + ?Sized>(entry: &mut ZipFile<'_, R>, path: &Path) -> Result<(), ApiError> {
    let mut target = String::new();
    let read = entry.take(4096).read_to_string(&mut target);
    let inside = Path::new(&target).components().all(|part| matches!(part, Component::Normal(_)));
    if read.is_err() || !inside {
        return Err(ApiError::invalid("The zip holds a symbolic link that leads out of its folder."));
    }
    std::os::unix::fs::symlink(&target, path)
        .map_err(|error| ApiError::invalid(format!("{NOT_A_ZIP} ({error})")))
}

fn is_young(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age < YOUNG))
}

/// A base64 hash as hex, which is a file name.
fn file_name(sha256: &str) -> String {
    encode_hex(&BASE64_STANDARD.decode(sha256).unwrap_or_default())
}
