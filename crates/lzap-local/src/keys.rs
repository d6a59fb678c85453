//! The access keys of a cloud: one for its owner, one for its functions.
//!
//! Both are random, made at the first start, and kept in the state folder, which only its owner can read. So a request
//! that is signed with one of them was sent by the owner's programs or by a function, and not by another user of the
//! machine or by a web page.

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::error::LocalError;
use crate::store::{StateDir, replace};

/// An access key of the embedded cloud. `Debug` doesn't show the secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// For `AWS_ACCESS_KEY_ID`.
    pub id: String,
    /// For `AWS_SECRET_ACCESS_KEY`.
    pub secret: String,
    /// For `AWS_SESSION_TOKEN`, which functions have on AWS too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl AccessKey {
    fn random(prefix: &str, token: Option<String>) -> Self {
        let id = Uuid::new_v4().simple().to_string().to_uppercase();
        // An id of AWS has 20 characters. A random UUID has 122 random bits, so the secret has 244.
        Self { id: format!("{prefix}{}", &id[..20 - prefix.len()]), secret: random_text(), token }
    }

    /// Returns whether a request carries the session token that belongs to this key.
    pub(crate) fn has_token(&self, token: Option<&str>) -> bool {
        let bytes = |token: Option<&str>| token.unwrap_or_default().as_bytes().to_vec();
        bytes(self.token.as_deref()).ct_eq(&bytes(token)).into()
    }
}

fn random_text() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// The holder of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyHolder {
    /// The user whose state folder it is.
    Owner,
    /// A function, which may call the services, but may not stop the cloud.
    Function,
}

/// The keys of a cloud.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Keys {
    pub(crate) owner: AccessKey,
    pub(crate) function: AccessKey,
}

impl Keys {
    /// Makes new keys.
    pub(crate) fn random() -> Self {
        Self {
            owner: AccessKey::random("LZAP", None),
            function: AccessKey::random("ASIALZAP", Some(random_text())),
        }
    }

    /// Returns the keys of a folder, and makes them if it has none.
    ///
    /// # Errors
    /// [`LocalError::StateIo`] or [`LocalError::StateUnreadable`] for a damaged file.
    pub(crate) fn open(dir: &StateDir) -> Result<Self, LocalError> {
        if let Some(keys) = Self::load(dir)? {
            return Ok(keys);
        }
        let keys = Self::random();
        let path = dir.keys_file();
        let bytes = serde_json::to_vec(&keys)
            .map_err(|error| LocalError::StateUnreadable { path: path.clone(), why: error.to_string() })?;
        // A temporary file has mode 0600, and keeps it when it is renamed.
        replace(&path, &bytes).map_err(LocalError::io("write", path))?;
        Ok(keys)
    }

    /// Returns the keys of a folder; `None` for that of an older version, which verified no signature.
    ///
    /// # Errors
    /// As [`Keys::open`].
    pub(crate) fn load(dir: &StateDir) -> Result<Option<Self>, LocalError> {
        let path = dir.keys_file();
        let bytes = match fs_err::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LocalError::io("read", path)(error)),
        };
        // The error of the parser could quote the file, which has secrets.
        let damaged = |_| LocalError::StateUnreadable { path, why: "it is damaged".to_owned() };
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    /// Finds a key by its id.
    pub(crate) fn find(&self, id: &str) -> Option<(KeyHolder, &AccessKey)> {
        let all = [(KeyHolder::Owner, &self.owner), (KeyHolder::Function, &self.function)];
        all.into_iter().find(|(_, key)| key.id == id)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_are_kept_readable_by_the_owner_only() {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let dir = StateDir::new(temp.path());
        assert!(Keys::load(&dir).expect("no file is no error").is_none());
        let keys = Keys::open(&dir).expect("keys can be made");
        assert_eq!(Keys::open(&dir).expect("keys can be read").owner, keys.owner);
        let mode = fs_err::metadata(dir.keys_file()).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_ne!(Keys::random().owner.secret, keys.owner.secret);
        assert_eq!((keys.owner.id.len(), keys.function.id.len()), (20, 20));
    }

    #[test]
    fn damaged_file_is_named_and_not_quoted() {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let dir = StateDir::new(temp.path());
        fs_err::write(dir.keys_file(), "{\"owner\":\"hush\"}").expect("a file");
        let error = Keys::load(&dir).expect_err("the file is damaged").to_string();
        assert!(error.contains("keys.json") && !error.contains("hush"), "{error}");
    }

    #[test]
    fn debug_shows_no_secret() {
        let keys = Keys::random();
        let shown = format!("{keys:?}");
        for secret in [&keys.owner.secret, &keys.function.secret, keys.function.token.as_ref().expect("one")]
        {
            assert!(!shown.contains(secret.as_str()), "{shown}");
        }
    }
}
