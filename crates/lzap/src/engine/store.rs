//! Objects under the stage's own prefix in its bucket: records of jobs, and payloads too large for an event.
//!
//! Each carries a tag by which the bucket's lifecycle deletes it, so that what a killed process leaves behind goes by
//! itself.

use std::env;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock};
#[cfg(feature = "map")]
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use lzap_wire::env::{LZAP_APP, LZAP_BUCKET, LZAP_STAGE};

use super::client;
use crate::task::error::{TaskError, TaskErrorKind};

/// How long an object is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    #[cfg(feature = "map")]
    OneDay,
    SevenDays,
}

impl Keep {
    fn tag(self) -> &'static str {
        match self {
            #[cfg(feature = "map")]
            Self::OneDay => "lzap%3Akeep=1d",
            Self::SevenDays => "lzap%3Akeep=7d",
        }
    }
}

/// The stage's own part of its bucket; clones share it.
#[derive(Clone)]
pub(crate) struct Store {
    bucket: String,
    prefix: String,
    objects: Objects,
}

/// Where the objects are.
#[derive(Clone)]
enum Objects {
    S3(Arc<OnceLock<Client>>),
    /// A test's.
    #[cfg(feature = "map")]
    Memory(Memory),
}

/// Keys and bytes.
#[cfg(feature = "map")]
pub(crate) type Memory = Arc<Mutex<BTreeMap<String, Bytes>>>;

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store(s3://{}/{})", self.bucket, self.prefix)
    }
}

impl Store {
    /// As the deploy set it; none when it was deployed without.
    pub(crate) fn from_env() -> Option<Self> {
        let text = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let (app, stage) = (text(LZAP_APP)?, text(LZAP_STAGE)?);
        Some(Self {
            bucket: text(LZAP_BUCKET)?,
            prefix: format!("{app}/{stage}/"),
            objects: Objects::S3(Arc::default()),
        })
    }

    /// A test's bucket.
    #[cfg(feature = "map")]
    pub(crate) fn in_memory(objects: Memory) -> Self {
        Self { bucket: "memory".to_owned(), prefix: String::new(), objects: Objects::Memory(objects) }
    }

    /// `s3:PutObject`. `key` is below the stage's prefix.
    pub(crate) async fn put(&self, key: &str, bytes: Vec<u8>, keep: Keep) -> Result<(), TaskError> {
        match &self.objects {
            Objects::S3(client) => {
                let request = connected(client).put_object().bucket(&self.bucket).key(self.key(key));
                let sent = request.tagging(keep.tag()).body(ByteStream::from(bytes)).send().await;
                sent.map(|_| ()).map_err(|error| self.failed("PutObject", key, &error))
            }
            #[cfg(feature = "map")]
            Objects::Memory(objects) => {
                locked(objects).insert(key.to_owned(), bytes.into());
                Ok(())
            }
        }
    }

    /// `s3:GetObject`; none when there is no such object.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, TaskError> {
        let client = match &self.objects {
            Objects::S3(client) => connected(client),
            #[cfg(feature = "map")]
            Objects::Memory(objects) => return Ok(locked(objects).get(key).cloned()),
        };
        let object = match client.get_object().bucket(&self.bucket).key(self.key(key)).send().await {
            Ok(object) => object,
            Err(error) if error.as_service_error().and_then(|error| error.code()).is_some_and(is_missing) => {
                return Ok(None);
            }
            Err(error) => return Err(self.failed("GetObject", key, &error)),
        };
        match object.body.collect().await {
            Ok(body) => Ok(Some(body.into_bytes())),
            Err(error) => {
                Err(TaskError::new(TaskErrorKind::Storage, format!("s3:GetObject broke off: {error}")))
            }
        }
    }

    /// `s3:DeleteObject`. What can't be deleted now, the bucket's lifecycle deletes.
    #[cfg(feature = "map")]
    pub(crate) async fn delete(&self, key: &str) {
        match &self.objects {
            Objects::S3(client) => {
                let request = connected(client).delete_object().bucket(&self.bucket).key(self.key(key));
                if let Err(error) = request.send().await {
                    tracing::debug!(key, error = client::said(&error), "left for the bucket's lifecycle");
                }
            }
            Objects::Memory(objects) => {
                locked(objects).remove(key);
            }
        }
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn failed<E>(&self, operation: &str, key: &str, error: &SdkError<E, HttpResponse>) -> TaskError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let place = format!("s3://{}/{}{key}", self.bucket, self.prefix);
        TaskError::new(
            TaskErrorKind::Storage,
            format!(
                "s3:{operation} of `{place}` failed: {}; the function's role and the bucket come with `lzap deploy`: run it again",
                client::said(error)
            ),
        )
    }
}

fn connected(client: &OnceLock<Client>) -> &Client {
    client.get_or_init(|| client::s3(&client::Basics::from_env()))
}

/// Who may not list a bucket is told 403 of what isn't there, and the role may not: it would see other stages' keys.
///
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
fn is_missing(code: &str) -> bool {
    matches!(code, "NoSuchKey" | "AccessDenied")
}

#[cfg(feature = "map")]
fn locked(objects: &Memory) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
    objects.lock().unwrap_or_else(PoisonError::into_inner)
}
