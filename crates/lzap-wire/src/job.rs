//! The record of a job: an object in the stage's bucket, its key, and the tag by which it expires.
//!
//! The runtime crate writes a [`JobRecord`] when the job is queued, at the start of each attempt, and at its end. The app and
//! `lzap invoke --job` read it. The keys and tags of spilled payloads are here too, because the same bucket has them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::{ASYNC_MAX_AGE_SECS, ASYNC_RETRIES};
use crate::task::Failure;

/// The version of the record that this crate writes.
pub const VERSION: u64 = 1;

/// The tag by which the bucket's lifecycle deletes objects. Its values are [`KEEP_JOBS`] and [`KEEP_SPILL`].
pub const KEEP_TAG: &str = "lzap:keep";
/// The tag's value on job records: seven days.
pub const KEEP_JOBS: &str = "7d";
/// The tag's value on spilled payloads: one day.
pub const KEEP_SPILL: &str = "1d";
/// The days after which the bucket's lifecycle deletes objects, for each value of the tag.
pub const KEEP_DAYS: [(&str, u32); 2] = [(KEEP_SPILL, 1), (KEEP_JOBS, 7)];

/// The length of a job's id in hex digits, for 128 bits.
pub const ID_CHARS: usize = 32;

/// Returns true if `id` can be a job's id: 32 lowercase hex digits. Ids come from clients and become part of a key, so
/// nothing else is accepted.
pub fn is_id(id: &str) -> bool {
    id.len() == ID_CHARS && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns the common start of the keys of a stage's job records. The function's role is limited to it.
pub fn prefix(app: &str, stage: &str) -> String {
    format!("{app}/{stage}/jobs/")
}

/// Returns the key of a job's record; `None` when `id` is invalid.
///
/// ```
/// let id = "0123456789abcdef0123456789abcdef";
/// assert_eq!(lzap_wire::job::key("shop", "dev", id), Some(format!("shop/dev/jobs/{id}.json")));
/// assert_eq!(lzap_wire::job::key("shop", "dev", "../lock"), None);
/// ```
pub fn key(app: &str, stage: &str, id: &str) -> Option<String> {
    is_id(id).then(|| format!("{}{id}.json", prefix(app, stage)))
}

/// Returns the common start of the keys of a stage's spilled payloads. The function's role is limited to it.
pub fn spill_prefix(app: &str, stage: &str) -> String {
    format!("{app}/{stage}/spill/")
}

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Lambda has queued the event, and no attempt has started.
    Queued,
    /// An attempt has started. A killed process leaves this state behind; see [`JobRecord::lost`].
    Running,
    /// The last attempt failed, and Lambda retries.
    Retrying,
    /// The last attempt succeeded, and the record has its result.
    Done,
    /// The last attempt failed, and Lambda does not retry.
    Failed,
}

impl State {
    /// The name in a record, which is part of the format and never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// Returns true if the state never changes again.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}

/// The record of a job. Fields without a value are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRecord {
    /// [`VERSION`] of the writer, which may be an older or a newer deploy than the reader.
    pub v: u64,
    /// 32 hex digits; see [`is_id`].
    pub job: String,
    /// The name in `lzap.toml` and in events, which may differ from the function's.
    pub task: String,
    /// The state at the last write. [`Self::lost`] tells whether it can still be true.
    pub state: State,
    /// The number of the last attempt, from 1; 0 before the first.
    #[serde(default)]
    pub attempt: u32,
    /// The largest number of attempts. Records from before this field have Lambda's default.
    #[serde(default = "default_attempts", skip_serializing_if = "is_default_attempts")]
    pub attempts: u32,
    /// The time at which the job was queued, in milliseconds since 1970, like the other times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_ms: Option<u64>,
    /// The start of the last attempt; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<u64>,
    /// The deadline of the last attempt, 250 ms before Lambda stops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// The end of the last attempt; absent while it runs, and after one that Lambda killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<u64>,
    /// The task's output; present in the state `done` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// The error of the last attempt, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// Lambda's default number of attempts: the first one and two retries.
fn default_attempts() -> u32 {
    1 + ASYNC_RETRIES
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it may skip by reference")]
fn is_default_attempts(attempts: &u32) -> bool {
    *attempts == default_attempts()
}

/// The tolerance for the difference of two machines' clocks, and for the time in which Lambda stops a process. Without it, a
/// reader whose clock is fast would report a running job as failed.
const CLOCK_TOLERANCE_MS: u64 = 10_000;

impl JobRecord {
    /// Makes the record of a job before its first attempt, with Lambda's default number of attempts.
    pub fn queued(job: impl Into<String>, task: impl Into<String>, now_ms: u64) -> Self {
        Self {
            v: VERSION,
            job: job.into(),
            task: task.into(),
            state: State::Queued,
            attempt: 0,
            attempts: default_attempts(),
            queued_ms: Some(now_ms),
            started_ms: None,
            deadline_ms: None,
            ended_ms: None,
            result: None,
            error: None,
        }
    }

    /// Returns the reason why the job will never end, although its record says otherwise; `None` while it may end. A process
    /// that Lambda kills, at the function's timeout or for lack of memory, can't update the record.
    ///
    /// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html> (read 2026-11).
    pub fn lost(&self, now_ms: u64) -> Option<Lost> {
        let is_over = |end: u64| end.saturating_add(CLOCK_TOLERANCE_MS) < now_ms;
        let is_killed = self.state == State::Running && self.deadline_ms.is_some_and(is_over);
        if is_killed && self.attempt >= self.attempts {
            return Some(Lost::Killed);
        }
        // Lambda may still deliver these events, until they are too old.
        let may_come = matches!(self.state, State::Queued | State::Retrying) || is_killed;
        let longest = u64::from(*ASYNC_MAX_AGE_SECS.end()) * 1000;
        let is_old = self.queued_ms.is_some_and(|queued| is_over(queued.saturating_add(longest)));
        (may_come && is_old).then_some(Lost::TooOld)
    }
}

/// The reason why a job will never end, which a reader infers from times: no process is left to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Lambda killed the process of the last attempt: it reached its timeout or used up its memory.
    Killed,
    /// The event is older than six hours, the longest time for which Lambda keeps one.
    TooOld,
}

impl Lost {
    /// The reason as a clause without punctuation, for an error message.
    pub fn why(self) -> &'static str {
        match self {
            Self::Killed => {
                "Lambda killed the process of its last attempt: it reached the function's timeout or used up its memory"
            }
            Self::TooOld => "Lambda has discarded its event, which was older than six hours",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn key_of_an_id_without_32_hex_digits_is_none() {
        assert!(is_id(ID));
        for id in ["", "0123", &ID.to_uppercase(), &format!("{}/", &ID[1..]), &format!("{ID}0")] {
            assert_eq!(key("shop", "dev", id), None);
        }
    }

    /// A record outlives the deploy that wrote it, so other versions of lzap read these bytes.
    #[test]
    fn version_1_record_has_the_same_bytes_as_ever() {
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

    #[test]
    fn lost_after_the_last_deadline_or_six_hours_returns_the_reason() {
        const HOURS: u64 = 3_600_000;
        let record = |state, attempt| JobRecord {
            state,
            attempt,
            attempts: 2,
            deadline_ms: Some(30_000),
            ..JobRecord::queued(ID, "cleanup", 0)
        };
        for (state, attempt, now_ms, lost) in [
            (State::Running, 2, 30_000, None),
            (State::Running, 2, 41_000, Some(Lost::Killed)),
            (State::Running, 1, 41_000, None),
            (State::Running, 1, 7 * HOURS, Some(Lost::TooOld)),
            (State::Retrying, 1, 5 * HOURS, None),
            (State::Retrying, 1, 7 * HOURS, Some(Lost::TooOld)),
            (State::Queued, 0, 7 * HOURS, Some(Lost::TooOld)),
            (State::Done, 2, 7 * HOURS, None),
            (State::Failed, 2, 7 * HOURS, None),
        ] {
            assert_eq!(record(state, attempt).lost(now_ms), lost, "{state:?} {attempt} {now_ms}");
        }
    }
}
