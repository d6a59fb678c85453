//! What is kept about a job: the objects in the stage's bucket, their names, and the tags by which they expire.
//!
//! The runtime crate writes a [`JobRecord`] when the job is sent, when it starts and when it ends; `lzap invoke --job`
//! and the app read it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::task::Failure;

/// The version of the record that this crate writes.
pub const VERSION: u64 = 1;

/// The tag by which an object in the bucket expires; its values are [`KEEP_JOBS`] and [`KEEP_SPILL`].
pub const KEEP_TAG: &str = "lzap:keep";
/// The tag's value on job records.
pub const KEEP_JOBS: &str = "7d";
/// The tag's value on spilled payloads.
pub const KEEP_SPILL: &str = "1d";
/// How many days each value of the tag stands for.
pub const KEEP_DAYS: [(&str, u32); 2] = [(KEEP_SPILL, 1), (KEEP_JOBS, 7)];

/// How many hex digits a job's id has.
pub const ID_CHARS: usize = 32;

/// Whether `id` is a job's: lower-case hex digits and nothing else, so that it may become part of a key.
pub fn is_id(id: &str) -> bool {
    id.len() == ID_CHARS && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What the keys of a stage's job records begin with.
pub fn prefix(app: &str, stage: &str) -> String {
    format!("{app}/{stage}/jobs/")
}

/// The key of a job's record; `None` when `id` isn't one.
///
/// ```
/// let id = "0123456789abcdef0123456789abcdef";
/// assert_eq!(lzap_wire::job::key("shop", "dev", id), Some(format!("shop/dev/jobs/{id}.json")));
/// assert_eq!(lzap_wire::job::key("shop", "dev", "../lock"), None);
/// ```
pub fn key(app: &str, stage: &str, id: &str) -> Option<String> {
    is_id(id).then(|| format!("{}{id}.json", prefix(app, stage)))
}

/// What the keys of a stage's spilled payloads begin with.
pub fn spill_prefix(app: &str, stage: &str) -> String {
    format!("{app}/{stage}/spill/")
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was sent.
    Queued,
    /// It was begun.
    Running,
    /// It gave its result.
    Done,
    /// It failed, and isn't tried again.
    Failed,
}

impl State {
    /// The state's name as it stands in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// Whether it stays so.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}

/// A job, as its record tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRecord {
    /// The record's version.
    pub v: u64,
    /// The job's id.
    pub job: String,
    /// The task's name.
    pub task: String,
    /// How far it is.
    pub state: State,
    /// How often it was begun.
    #[serde(default)]
    pub attempt: u32,
    /// When it was sent, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_ms: Option<u64>,
    /// When it was begun the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<u64>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<u64>,
    /// What it gave, when it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why it failed, when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

impl JobRecord {
    /// The record of a job that was just sent.
    pub fn queued(job: impl Into<String>, task: impl Into<String>, now_ms: u64) -> Self {
        Self {
            v: VERSION,
            job: job.into(),
            task: task.into(),
            state: State::Queued,
            attempt: 0,
            queued_ms: Some(now_ms),
            started_ms: None,
            ended_ms: None,
            result: None,
            error: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn only_32_hex_digits_become_part_of_a_key() {
        assert!(is_id(ID));
        for id in ["", "0123", &ID.to_uppercase(), &format!("{}/", &ID[1..]), &format!("{ID}0")] {
            assert_eq!(key("shop", "dev", id), None);
        }
    }

    /// Frozen: a record outlives the deploy that wrote it.
    #[test]
    fn version_1_bytes_do_not_change() {
        let queued = JobRecord::queued(ID, "cleanup", 5);
        assert_eq!(
            serde_json::to_string(&queued).expect("it is JSON"),
            format!(r#"{{"v":1,"job":"{ID}","task":"cleanup","state":"queued","attempt":0,"queued_ms":5}}"#)
        );
        let text = format!(
            r#"{{"v":1,"job":"{ID}","task":"cleanup","state":"failed","attempt":2,"queued_ms":5,"started_ms":6,"ended_ms":7,"error":{{"code":"failed","message":"m"}}}}"#
        );
        let failed: JobRecord = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(serde_json::to_string(&failed).expect("it is JSON"), text);
        assert!(failed.state.is_final() && !queued.state.is_final());
    }
}
