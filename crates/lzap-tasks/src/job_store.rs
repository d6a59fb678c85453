//! Storage of jobs' records: S3 in Lambda, memory under `cargo run`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use lzap_wire::job::JobRecord;

use crate::error::{TaskError, TaskErrorKind};
use crate::json;
use crate::store::{Retention, Store};

/// The place of jobs' records, which depends on where the app runs.
#[derive(Debug)]
pub enum JobStore {
    /// Under `cargo run` and in tests, by their ids. They are lost when the process ends.
    Memory(Mutex<HashMap<String, JobRecord>>),
    /// In the stage's bucket, which deletes a record seven days after its last write.
    S3(Store),
    /// In Lambda, deployed without a bucket: every read and write is an error.
    WithoutBucket,
}

impl Default for JobStore {
    fn default() -> Self {
        Self::Memory(Mutex::default())
    }
}

impl JobStore {
    /// Reads a record, with one `s3:GetObject`; `None` when there is none.
    ///
    /// # Errors
    /// When S3 refuses, or the record can't be read.
    pub async fn read(&self, id: &str) -> Result<Option<JobRecord>, TaskError> {
        match self {
            Self::Memory(records) => {
                Ok(records.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned())
            }
            Self::S3(store) => {
                Box::pin(store.get(&object_key(id))).await?.map(|bytes| parse_record(&bytes)).transpose()
            }
            Self::WithoutBucket => Err(bucket_missing()),
        }
    }

    /// Writes a record, with one `s3:PutObject`.
    ///
    /// # Errors
    /// When S3 refuses.
    pub async fn write(&self, id: &str, record: &JobRecord) -> Result<(), TaskError> {
        match self {
            Self::Memory(records) => {
                records.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), record.clone());
                Ok(())
            }
            Self::S3(store) => {
                let bytes = serde_json::to_vec(record).unwrap_or_default();
                Box::pin(store.put(&object_key(id), bytes, Retention::SevenDays)).await
            }
            Self::WithoutBucket => Err(bucket_missing()),
        }
    }
}

fn object_key(id: &str) -> String {
    format!("jobs/{id}.json")
}

fn parse_record(bytes: &[u8]) -> Result<JobRecord, TaskError> {
    serde_json::from_slice(bytes).map_err(|error| {
        TaskError::new(TaskErrorKind::Storage, format!("the job's record {}", json::describe_error(&error)))
    })
}

fn bucket_missing() -> TaskError {
    TaskError::new(
        TaskErrorKind::Storage,
        "there is no bucket for jobs: `LZAP_BUCKET` is not set; `lzap deploy` sets it for an app whose `lzap` has the \
         feature `tasks`",
    )
}
