//! The files of S3's objects: one per object, replaced in one step.
//!
//! `winterbaume-s3` writes its objects and the records that it recovers from through its `Vfs` trait. Its own
//! file-backed one writes in place and takes keys as file names; a killed process would leave half an object, and a
//! long key fails. Here, names are encoded (so that keys that differ only in case stay apart on any file system), long
//! ones are split, and each file appears by rename.

use std::fmt::Write as _;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use tokio::io::AsyncRead;
use winterbaume_core::{Vfs, VfsEntry, VfsError, VfsStat};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, VfsError>> + Send + 'a>>;

/// Longest part of a name in one folder; file systems allow 255 bytes.
const NAME_BYTES: usize = 200;
/// Stands for an empty part of a key, as in `a//b`. No other name has `=` without two digits.
const EMPTY: &str = "=";
/// Starts a folder's or file's name that continues the one above it.
const CONTINUED: char = '~';

/// Blobs below a folder.
#[derive(Debug)]
pub(crate) struct Blobs {
    data: PathBuf,
    unfinished: PathBuf,
}

impl Blobs {
    /// Uses the folder; makes it when it is missing, and throws away what a killed process left unfinished.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let blobs = Self { data: folder.join("data"), unfinished: folder.join("unfinished") };
        fs_err::create_dir_all(&blobs.data)?;
        if blobs.unfinished.exists() {
            fs_err::remove_dir_all(&blobs.unfinished)?;
        }
        fs_err::create_dir_all(&blobs.unfinished)?;
        Ok(blobs)
    }

    async fn write(&self, path: &str, data: &mut (dyn AsyncRead + Unpin + Send)) -> Result<u64, VfsError> {
        let file = file_of(&self.data, path);
        let temporary = self.unfinished.join(uuid::Uuid::new_v4().simple().to_string());
        let mut writer = tokio::fs::File::create(&temporary).await?;
        let bytes = tokio::io::copy(data, &mut writer).await?;
        writer.sync_data().await?;
        if let Some(folder) = file.parent() {
            tokio::fs::create_dir_all(folder).await?;
        }
        tokio::fs::rename(&temporary, &file).await?;
        Ok(bytes)
    }
}

impl Vfs for Blobs {
    fn put<'a>(&'a self, path: &'a str, data: &'a mut (dyn AsyncRead + Unpin + Send)) -> Boxed<'a, u64> {
        Box::pin(self.write(path, data))
    }

    fn get<'a>(&'a self, path: &'a str) -> Boxed<'a, Box<dyn AsyncRead + Send + Unpin>> {
        Box::pin(async move {
            let file = tokio::fs::File::open(file_of(&self.data, path))
                .await
                .map_err(|error| missing(error, path))?;
            Ok(Box::new(file) as Box<dyn AsyncRead + Send + Unpin>)
        })
    }

    fn delete<'a>(&'a self, path: &'a str) -> Boxed<'a, ()> {
        Box::pin(async move {
            let file = file_of(&self.data, path);
            tokio::fs::remove_file(&file).await.map_err(|error| missing(error, path))?;
            // Folders that became empty go too; the first one that isn't ends it.
            for folder in file.ancestors().skip(1).take_while(|folder| *folder != self.data) {
                if tokio::fs::remove_dir(folder).await.is_err() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Boxed<'a, Vec<VfsEntry>> {
        let data = self.data.clone();
        let prefix = prefix.to_owned();
        Box::pin(async move {
            tokio::task::spawn_blocking(move || list(&data, &prefix))
                .await
                .map_err(|error| VfsError::Io(io::Error::other(error)))?
                .map_err(VfsError::Io)
        })
    }

    fn stat<'a>(&'a self, path: &'a str) -> Boxed<'a, Option<VfsStat>> {
        Box::pin(async move {
            match tokio::fs::metadata(file_of(&self.data, path)).await {
                Ok(metadata) if metadata.is_file() => Ok(Some(VfsStat { size: metadata.len() })),
                Ok(_) => Ok(None),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(VfsError::Io(error)),
            }
        })
    }
}

fn missing(error: io::Error, path: &str) -> VfsError {
    if error.kind() == io::ErrorKind::NotFound {
        VfsError::NotFound(path.to_owned())
    } else {
        VfsError::Io(error)
    }
}

fn list(data: &Path, prefix: &str) -> io::Result<Vec<VfsEntry>> {
    // Whole parts of the prefix name folders; what is left of it is compared with the names.
    let whole = prefix.rfind('/').map_or("", |end| &prefix[..end]);
    let mut entries = Vec::new();
    let mut folders = vec![if whole.is_empty() { data.to_owned() } else { file_of(data, whole) }];
    while let Some(folder) = folders.pop() {
        let Ok(read) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in read {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                folders.push(entry.path());
                continue;
            }
            let key = key_of(data, &entry.path());
            if key.starts_with(prefix) {
                entries.push(VfsEntry { key, size: metadata.len() });
            }
        }
    }
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(entries)
}

/// The file of a path: lower-case letters, digits, `-`, `_` and inner `.` stay, any other byte is `=xx`.
fn file_of(data: &Path, path: &str) -> PathBuf {
    let mut file = data.to_owned();
    for part in path.trim_start_matches('/').split('/') {
        let mut name = String::new();
        for (at, byte) in part.bytes().enumerate() {
            let plain = byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
            if plain || (byte == b'.' && at > 0) {
                name.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(name, "={byte:02x}");
            }
        }
        push_split(&mut file, if name.is_empty() { EMPTY } else { &name });
    }
    file
}

fn push_split(file: &mut PathBuf, name: &str) {
    let mut rest = name;
    let mut continued = String::new();
    // Encoded names are ASCII, so any byte index is a character boundary.
    while rest.len() > NAME_BYTES {
        let (head, tail) = rest.split_at(NAME_BYTES);
        file.push(format!("{continued}{head}"));
        continued = CONTINUED.to_string();
        rest = tail;
    }
    file.push(format!("{continued}{rest}"));
}

/// The path that [`file_of`] turned into a file.
fn key_of(data: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(data).unwrap_or(file);
    let mut encoded = String::new();
    for part in relative.iter().map(std::ffi::OsStr::to_string_lossy) {
        let part = if part == EMPTY { "".into() } else { part };
        match part.strip_prefix(CONTINUED) {
            Some(rest) => encoded.push_str(rest),
            None if encoded.is_empty() => encoded.push_str(&part),
            None => {
                encoded.push('/');
                encoded.push_str(&part);
            }
        }
    }
    crate::percent::decode(&encoded.replace('=', "%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn any_key_comes_back() {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let blobs = Blobs::open(temp.path()).expect("the folder can be used");
        let long = format!("s3/data/b/{}/v1", "Ä%2F".repeat(200));
        let paths = [
            "s3/data/b/key/v1",
            "s3/data/b/KEY/v1",
            "s3/data/b/../v1",
            "s3/data/b/~x=y/v1",
            "s3/data/b/key//v1",
            "s3/data/b//key/v1",
            "s3/data/b/a//b/v1",
            "s3/data/b/a/b/v1",
            "s3/data/b/=/v1",
            &long,
        ];
        for path in paths {
            let written = blobs.put(path, &mut path.as_bytes()).await.expect("a blob can be written");
            assert_eq!(written, path.len() as u64);
        }
        let mut keys: Vec<_> =
            blobs.list("s3/da").await.expect("listing works").into_iter().map(|e| e.key).collect();
        let mut expected = paths.to_vec();
        keys.sort();
        expected.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!(blobs.list("s3/data/b/key/").await.expect("listing works").len(), 2);
        assert_eq!(blobs.list("s3/data/b/key//").await.expect("listing works").len(), 1);
        for path in paths {
            blobs.delete(path).await.expect("a blob can be deleted");
            assert!(matches!(blobs.get(path).await, Err(VfsError::NotFound(_))));
        }
        assert!(std::fs::read_dir(temp.path().join("data")).expect("the folder is there").next().is_none());
    }
}
