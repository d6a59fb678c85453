//! Where the records of jobs are: in S3, or in memory under `cargo run`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use lzap_wire::job::JobRecord;

use super::store::{Keep, Store};
use crate::codec::json;
use crate::task::error::{TaskError, TaskErrorKind};

/// The records of jobs.
#[derive(Debug)]
pub(crate) enum Jobs {
    Memory(Mutex<HashMap<String, JobRecord>>),
    S3(Store),
    /// In Lambda, without a bucket.
    Nowhere,
}

impl Default for Jobs {
    fn default() -> Self {
        Self::Memory(Mutex::default())
    }
}

impl Jobs {
    pub(crate) fn kept_in(store: Store) -> Self {
        Self::S3(store)
    }

    pub(crate) fn nowhere() -> Self {
        Self::Nowhere
    }

    pub(crate) async fn read(&self, id: &str) -> Result<Option<JobRecord>, TaskError> {
        match self {
            Self::Memory(records) => {
                Ok(records.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned())
            }
            Self::S3(store) => Box::pin(store.get(&key(id))).await?.map(|bytes| parse(&bytes)).transpose(),
            Self::Nowhere => Err(no_bucket()),
        }
    }

    pub(crate) async fn write(&self, id: &str, record: &JobRecord) -> Result<(), TaskError> {
        match self {
            Self::Memory(records) => {
                records.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), record.clone());
                Ok(())
            }
            Self::S3(store) => {
                let bytes = serde_json::to_vec(record).unwrap_or_default();
                Box::pin(store.put(&key(id), bytes, Keep::SevenDays)).await
            }
            Self::Nowhere => Err(no_bucket()),
        }
    }
}

fn key(id: &str) -> String {
    format!("jobs/{id}.json")
}

fn parse(bytes: &[u8]) -> Result<JobRecord, TaskError> {
    serde_json::from_slice(bytes).map_err(|error| {
        TaskError::new(TaskErrorKind::Storage, format!("the job's record {}", json::place(&error)))
    })
}

fn no_bucket() -> TaskError {
    TaskError::new(
        TaskErrorKind::Storage,
        "there is no bucket for jobs: `LZAP_BUCKET` is not set; `lzap deploy` sets it for an app whose `lzap` has the \
         feature `tasks`",
    )
}
