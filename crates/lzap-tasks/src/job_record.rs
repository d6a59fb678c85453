//! The record of a job at each step of its life.

use std::env;
use std::sync::OnceLock;

use lzap_invocation::now_ms;
use lzap_wire::env::LZAP_RETRIES;
use lzap_wire::job::{JobRecord, State};
use lzap_wire::limits::ASYNC_RETRIES;
use serde_json::value::RawValue;

use crate::error::TaskError;

/// The record of a job before its first attempt.
pub(crate) fn queued_record(job: &str, task: &str) -> JobRecord {
    JobRecord::queued(job, task, now_ms())
}

/// The record at the start of the next attempt, which Lambda stops at `deadline_ms`.
pub(crate) fn started_record(record: JobRecord, deadline_ms: Option<u64>) -> JobRecord {
    JobRecord {
        state: State::Running,
        attempt: record.attempt + 1,
        attempts: max_attempts(),
        started_ms: Some(now_ms()),
        deadline_ms,
        ended_ms: None,
        error: None,
        ..record
    }
}

/// A failure is `retrying` while Lambda has attempts left, else `failed`.
pub(crate) fn ended_record(record: JobRecord, result: Result<&RawValue, &TaskError>) -> JobRecord {
    let record = JobRecord { ended_ms: Some(now_ms()), ..record };
    match result {
        Ok(value) => {
            JobRecord { state: State::Done, result: serde_json::from_str(value.get()).ok(), ..record }
        }
        Err(error) => {
            let state = if record.attempt < record.attempts { State::Retrying } else { State::Failed };
            JobRecord { state, error: Some(error.to_failure()), ..record }
        }
    }
}

/// The largest number of attempts of a job: one, and the retries that `lzap deploy` configured, or Lambda's default of two.
pub fn max_attempts() -> u32 {
    static ATTEMPTS: OnceLock<u32> = OnceLock::new();
    *ATTEMPTS.get_or_init(|| {
        1 + env::var(LZAP_RETRIES).ok().and_then(|text| text.parse().ok()).unwrap_or(ASYNC_RETRIES)
    })
}
