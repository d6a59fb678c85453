//! Objects under the stage's own prefix in its bucket: jobs' records, and payloads that were spilled to S3.
//!
//! Each object carries a tag by which the bucket's lifecycle deletes it, so that leftovers of a killed process expire.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use lzap_client::{AccountId, Bucket, ClientError, ErrorKind, GetOptions, PutObject};
use lzap_wire::env::{LZAP_ACCOUNT, LZAP_APP, LZAP_BUCKET, LZAP_STAGE};

use crate::client::{self, call_deadline};
use crate::error::{TaskError, TaskErrorKind};
use lzap_invocation::describe_error_chain;

/// The time for which the bucket's lifecycle keeps an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// For spilled payloads and journals, which a running map or job reads.
    OneDay,
    /// Seven days.
    SevenDays,
}

impl Retention {
    /// The object's tag, by which the bucket's lifecycle rules find it.
    fn tag(self) -> (String, String) {
        let time = match self {
            Self::OneDay => "1d",
            Self::SevenDays => "7d",
        };
        ("lzap:keep".to_owned(), time.to_owned())
    }
}

/// The stage's own part of its bucket. Clones share it.
#[derive(Clone)]
pub struct Store {
    prefix: String,
    objects: Objects,
}

/// The place of the objects.
#[derive(Clone)]
enum Objects {
    S3(Bucket),
    /// A test's objects.
    Memory(Memory),
}

/// A test's objects by their keys, which the test, its caller and its workers share.
pub type Memory = Arc<Mutex<BTreeMap<String, Bytes>>>;

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.address(""))
    }
}

impl Store {
    /// The store that the deploy configured; none for a function that was deployed without a bucket.
    pub fn from_env() -> Option<Self> {
        let text = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let (app, stage) = (text(LZAP_APP)?, text(LZAP_STAGE)?);
        // A version that an older tool deployed knows no account.
        let owner = text(LZAP_ACCOUNT).and_then(|account| AccountId::parse(&account).ok());
        let bucket = Bucket { name: text(LZAP_BUCKET)?, owner };
        Some(Self { prefix: format!("{app}/{stage}/"), objects: Objects::S3(bucket) })
    }

    /// A test's bucket. Keys have no prefix, so that tests read them as they were written.
    pub fn in_memory(objects: Memory) -> Self {
        Self { prefix: String::new(), objects: Objects::Memory(objects) }
    }

    /// `s3:PutObject`. `key` is below the stage's prefix.
    ///
    /// # Errors
    /// When S3 refuses.
    pub async fn put(&self, key: &str, bytes: Vec<u8>, retention: Retention) -> Result<(), TaskError> {
        match &self.objects {
            Objects::S3(bucket) => {
                let object = PutObject { tags: vec![retention.tag()], ..PutObject::new(bytes) };
                let put = async {
                    client::shared_client()?.put_object(bucket, &self.key(key), object, call_deadline()).await
                };
                put.await.map(|_| ()).map_err(|error| self.error(key, &error))
            }
            Objects::Memory(objects) => {
                lock(objects).insert(key.to_owned(), bytes.into());
                Ok(())
            }
        }
    }

    /// `s3:GetObject`; none when there is no such object.
    ///
    /// # Errors
    /// When S3 refuses.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, TaskError> {
        let bucket = match &self.objects {
            Objects::S3(bucket) => bucket,
            Objects::Memory(objects) => return Ok(lock(objects).get(key).cloned()),
        };
        let get = async {
            let client = client::shared_client()?;
            client.get_object(bucket, &self.key(key), GetOptions::default(), call_deadline()).await
        };
        match get.await {
            Ok(object) => Ok(Some(object.bytes)),
            Err(error) if client::is_missing_object(&error) => Ok(None),
            Err(error) => Err(self.error(key, &error)),
        }
    }

    /// `s3:DeleteObject`. An object that can't be deleted now is left to the bucket's lifecycle.
    pub async fn delete(&self, key: &str) {
        match &self.objects {
            Objects::S3(bucket) => {
                let delete = async {
                    let client = client::shared_client()?;
                    client.delete_object(bucket, &self.key(key), call_deadline()).await
                };
                if let Err(error) = delete.await {
                    let error = describe_error_chain(&error);
                    tracing::debug!(key, error, "left for the bucket's lifecycle to delete");
                }
            }
            Objects::Memory(objects) => {
                lock(objects).remove(key);
            }
        }
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The object's address, for people.
    fn address(&self, key: &str) -> String {
        let bucket = match &self.objects {
            Objects::S3(bucket) => bucket.name.as_str(),
            Objects::Memory(_) => "memory",
        };
        format!("s3://{bucket}/{}{key}", self.prefix)
    }

    fn error(&self, key: &str, error: &ClientError) -> TaskError {
        let (kind, help) = match error.kind() {
            ErrorKind::Denied => (
                TaskErrorKind::Denied,
                "; the role that `lzap deploy` makes may read and write it: run `lzap deploy`, or give these permissions to \
                 the role in `role_arn` (`lzap policy` prints them)",
            ),
            ErrorKind::NotFound => {
                (TaskErrorKind::Storage, "; the bucket is missing: run `lzap deploy`, which creates it")
            }
            _ => (TaskErrorKind::Storage, ""),
        };
        let cause = describe_error_chain(error);
        TaskError::new(kind, format!("`{}`: {cause}{help}", self.address(key)))
    }
}
fn lock(objects: &Memory) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
    objects.lock().unwrap_or_else(PoisonError::into_inner)
}
