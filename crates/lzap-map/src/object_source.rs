//! Reads objects of any bucket, with `s3:HeadObject` and `s3:GetObject` of a range.

use std::fmt;
use std::ops::Range;
use std::sync::PoisonError;

use bytes::Bytes;
use lzap_client::{Bucket, ClientError, ErrorKind, GetOptions};

use lzap_invocation::describe_error_chain;
use lzap_tasks::Memory;
use lzap_tasks::client::{call_deadline, shared_client};
use lzap_tasks::{TaskError, TaskErrorKind};

/// The source of objects: S3, or in tests a map in memory from `s3://` addresses to bytes.
#[derive(Default)]
pub struct ObjectSource {
    memory: Option<Memory>,
}

impl fmt::Debug for ObjectSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ObjectSource")
    }
}

impl ObjectSource {
    /// For tests. Every `ETag` is the same, so a changed object is not noticed.
    pub fn in_memory(objects: Memory) -> Self {
        Self { memory: Some(objects) }
    }

    /// Returns the object's size in bytes and its `ETag`, with one `s3:HeadObject`.
    pub(crate) async fn head_object(&self, bucket: &str, key: &str) -> Result<(u64, String), TaskError> {
        if let Some(bytes) = self.in_test_memory(bucket, key)? {
            return Ok((bytes.len() as u64, "memory".to_owned()));
        }
        let head = async {
            let client = shared_client()?;
            client.head_object(&Bucket::new(bucket), key, call_deadline()).await
        };
        let head = head.await.map_err(|error| read_error(bucket, key, &error))?;
        Ok((head.size, head.etag.unwrap_or_default()))
    }

    /// Makes one `s3:GetObject`. `range` must not be empty, because S3 rejects that.
    ///
    /// # Errors
    /// Among others, when the object has another `ETag` now: parts of two versions must not be mixed.
    pub(crate) async fn get_range(
        &self,
        bucket: &str,
        key: &str,
        etag: &str,
        range: Range<u64>,
    ) -> Result<Vec<u8>, TaskError> {
        if let Some(bytes) = self.in_test_memory(bucket, key)? {
            let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
            return Ok(bytes.slice(at(range.start)..at(range.end)).to_vec());
        }
        // The precondition makes S3 compare the `ETag`, without another request.
        let options =
            GetOptions { range: Some(range), if_match: Some(etag.to_owned()), ..GetOptions::default() };
        let get = async {
            let client = shared_client()?;
            client.get_object(&Bucket::new(bucket), key, options, call_deadline()).await
        };
        let part = get.await.map_err(|error| read_error(bucket, key, &error))?;
        Ok(part.bytes.into())
    }

    /// The object in a test's memory; `None` when the source is S3.
    fn in_test_memory(&self, bucket: &str, key: &str) -> Result<Option<Bytes>, TaskError> {
        let Some(memory) = &self.memory else { return Ok(None) };
        let address = format!("s3://{bucket}/{key}");
        let objects = memory.lock().unwrap_or_else(PoisonError::into_inner);
        match objects.get(&address) {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => Err(TaskError::new(TaskErrorKind::NotFound, format!("there is no `{address}`"))),
        }
    }
}

/// The error of a failed read, with a hint how to fix it.
fn read_error(bucket: &str, key: &str, error: &ClientError) -> TaskError {
    let (kind, help) = match error.kind() {
        ErrorKind::NotFound => (TaskErrorKind::NotFound, "; check the address"),
        ErrorKind::Denied => (
            TaskErrorKind::Denied,
            "; allow s3:GetObject with `role_statements` in lzap.toml (to a role that may not list the bucket, S3 answers the \
             same for a missing object)",
        ),
        ErrorKind::PreconditionFailed => {
            (TaskErrorKind::Storage, "; the object has changed since it was opened: open it again")
        }
        _ => (TaskErrorKind::Storage, ""),
    };
    let cause = describe_error_chain(error);
    TaskError::new(kind, format!("`s3://{bucket}/{key}`: {cause}{help}"))
}
