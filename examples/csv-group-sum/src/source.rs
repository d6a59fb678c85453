//! CSVs that lie in S3: `source=s3://bucket/key` instead of a body.
//!
//! Each caller of the app can have it read what its role can read. So nothing is read unless the environment variable
//! [`VARIABLE`] names the folder in which all sources lie.

use std::env;
use std::sync::Arc;

use axum::body::Bytes;
use group_sum::Text;
use lzap::{Object, TaskError, TaskErrorKind};

use crate::error::{Error, Reference};

/// The environment variable with the folder of all sources: `s3://bucket/folder/`. The role needs a permission too.
pub const VARIABLE: &str = "CSV_SOURCES";

/// The largest object that is read, in bytes. It is in memory; in a map, its numbers are too.
pub const MAX_SOURCE_BYTES: u64 = 200_000_000;

/// The objects that may be read: those below one address, or none.
#[derive(Clone, Debug, Default)]
pub struct Sources(Option<Arc<str>>);

impl Sources {
    /// Reads [`VARIABLE`]. Unset or blank, no object may be read.
    pub fn from_env() -> Self {
        let folder = env::var(VARIABLE).unwrap_or_default();
        if folder.trim().is_empty() {
            Self::default()
        } else {
            Self::below(&folder)
        }
    }

    /// The objects below `s3://bucket` or `s3://bucket/folder`, with or without a slash at the end.
    pub fn below(folder: &str) -> Self {
        let folder = folder.trim().trim_end_matches('/');
        // With the slash, `s3://data` does not allow `s3://data-of-others`.
        Self(Some(format!("{folder}/").into()))
    }

    /// Reads the object at an address, as a whole into memory.
    ///
    /// # Errors
    /// It may not or can not be read, or is too large.
    pub async fn read(&self, address: &str) -> Result<Bytes, Error> {
        let folder = self.0.as_deref().ok_or(Error::SourceOff)?;
        // Checked before S3 is asked, since its answer would show whether an object exists.
        if !address.starts_with(folder) {
            return Err(Error::SourceForbidden(Text::new(address)));
        }
        let unreadable = |why: TaskError| match why.kind() {
            TaskErrorKind::NotFound => Error::SourceMissing(Text::new(address)),
            TaskErrorKind::Denied => Error::SourceDenied(Text::new(address)),
            TaskErrorKind::TimedOut => Error::SourceTooSlow,
            _ => Error::SourceUnreadable(Reference::log(&why)),
        };
        let object = Object::open(address).await.map_err(unreadable)?;
        // The size is known before the content is fetched.
        if object.bytes() > MAX_SOURCE_BYTES {
            return Err(Error::SourceTooLarge(object.bytes()));
        }
        Ok(object.read().await.map_err(unreadable)?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn source_outside_of_the_folder_is_refused_unread() {
        let off = Sources::default().read("s3://data/a.csv").await;
        assert_eq!(off, Err(Error::SourceOff));
        for (folder, address) in [
            ("s3://data", "s3://data-of-others/a.csv"),
            ("s3://data/csv", "s3://data/a.csv"),
            ("s3://data/csv/", "s3://data/csv.old/a.csv"),
            ("s3://data", "/etc/passwd"),
        ] {
            let found = Sources::below(folder).read(address).await;
            assert_eq!(
                found,
                Err(Error::SourceForbidden(Text::new(address))),
                "{folder} {address}"
            );
        }
    }
}
