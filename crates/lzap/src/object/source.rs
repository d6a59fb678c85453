//! Reads objects of any bucket: `s3:HeadObject` and `s3:GetObject` with a range.

use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::engine::client;
use crate::task::error::{TaskError, TaskErrorKind};

/// Where objects are read.
#[derive(Default)]
pub(crate) struct Source {
    client: OnceLock<Client>,
    /// A test's objects, by address.
    memory: Option<crate::engine::Memory>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

impl Source {
    pub(crate) fn in_memory(objects: crate::engine::Memory) -> Self {
        Self { memory: Some(objects), ..Self::default() }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| client::s3(&client::Basics::from_env()))
    }

    /// Size and `ETag`.
    pub(super) async fn head(&self, bucket: &str, key: &str) -> Result<(u64, String), TaskError> {
        if let Some(bytes) = self.remembered(bucket, key)? {
            return Ok((bytes.len() as u64, "memory".to_owned()));
        }
        let head = self.client().head_object().bucket(bucket).key(key).send().await;
        let head = head.map_err(|error| failed("HeadObject", bucket, key, &error))?;
        let bytes = head.content_length().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
        Ok((bytes, head.e_tag().unwrap_or_default().to_owned()))
    }

    /// Some bytes of the object that has this `ETag`.
    pub(super) async fn get(
        &self,
        bucket: &str,
        key: &str,
        etag: &str,
        range: Range<u64>,
    ) -> Result<Vec<u8>, TaskError> {
        if let Some(bytes) = self.remembered(bucket, key)? {
            let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
            return Ok(bytes.slice(at(range.start)..at(range.end)).to_vec());
        }
        let request = self.client().get_object().bucket(bucket).key(key).if_match(etag);
        let part = request.range(format!("bytes={}-{}", range.start, range.end - 1)).send().await;
        let part = part.map_err(|error| failed("GetObject", bucket, key, &error))?;
        let body = part.body.collect().await.map_err(|error| {
            TaskError::new(
                TaskErrorKind::Storage,
                format!("s3:GetObject of `s3://{bucket}/{key}` broke off: {error}"),
            )
        })?;
        Ok(body.into_bytes().into())
    }

    /// A test's object; none where objects are S3's.
    fn remembered(&self, bucket: &str, key: &str) -> Result<Option<bytes::Bytes>, TaskError> {
        let Some(memory) = &self.memory else { return Ok(None) };
        let address = format!("s3://{bucket}/{key}");
        let objects = memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match objects.get(&address) {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => Err(TaskError::new(TaskErrorKind::NotFound, format!("there is no `{address}`"))),
        }
    }
}

fn failed<E>(operation: &str, bucket: &str, key: &str, error: &SdkError<E, HttpResponse>) -> TaskError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let (kind, help) = match error.raw_response().map(|response| response.status().as_u16()) {
        Some(404) => (TaskErrorKind::NotFound, "; is the address right?"),
        Some(403) => (TaskErrorKind::Denied, "; allow it with `role_statements` in lzap.toml"),
        Some(412) => (TaskErrorKind::Storage, "; it has changed since it was opened: open it again"),
        _ => (TaskErrorKind::Storage, ""),
    };
    let what = client::said(error);
    TaskError::new(kind, format!("s3:{operation} of `s3://{bucket}/{key}` failed: {what}{help}"))
}
