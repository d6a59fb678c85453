//! What is kept about a job: the objects in the stage's bucket, their names, and the tags by which they expire.
//!
//! The runtime crate writes a [`JobRecord`] when the job is sent, when it starts and when it ends; `lzap invoke --job`
//! and the app read it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::{ASYNC_MAX_AGE_SECS, ASYNC_RETRIES};
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
    /// It failed, and Lambda tries it again.
    Retrying,
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
            Self::Retrying => "retrying",
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
    /// How often Lambda begins it at most.
    #[serde(default = "most_attempts", skip_serializing_if = "is_most_attempts")]
    pub attempts: u32,
    /// When it was sent, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_ms: Option<u64>,
    /// When it was begun the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<u64>,
    /// When the time of the attempt that was begun last is over, half a second before Lambda stops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
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

fn most_attempts() -> u32 {
    1 + ASYNC_RETRIES
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it may skip by reference")]
fn is_most_attempts(attempts: &u32) -> bool {
    *attempts == most_attempts()
}

/// How far the clocks of two machines are apart, with what Lambda takes to stop one.
const SLACK_MS: u64 = 10_000;

impl JobRecord {
    /// The record of a job that was just sent.
    pub fn queued(job: impl Into<String>, task: impl Into<String>, now_ms: u64) -> Self {
        Self {
            v: VERSION,
            job: job.into(),
            task: task.into(),
            state: State::Queued,
            attempt: 0,
            attempts: most_attempts(),
            queued_ms: Some(now_ms),
            started_ms: None,
            deadline_ms: None,
            ended_ms: None,
            result: None,
            error: None,
        }
    }

    /// Why nothing will come of it any more, though the record doesn't say so: an attempt whose process is killed (by the
    /// function's timeout, for want of memory) can't write.
    ///
    /// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html> (read 2026-11).
    pub fn lost(&self, now_ms: u64) -> Option<Lost> {
        let is_over = |end: u64| end.saturating_add(SLACK_MS) < now_ms;
        let is_killed = self.state == State::Running && self.deadline_ms.is_some_and(is_over);
        if is_killed && self.attempt >= self.attempts {
            return Some(Lost::Killed);
        }
        let may_come = matches!(self.state, State::Queued | State::Retrying) || is_killed;
        let longest = u64::from(*ASYNC_MAX_AGE_SECS.end()) * 1000;
        let is_old = self.queued_ms.is_some_and(|queued| is_over(queued.saturating_add(longest)));
        (may_come && is_old).then_some(Lost::TooOld)
    }
}

/// Why nothing will come of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The process of its last attempt was killed: its time was over, or its memory used up.
    Killed,
    /// Lambda keeps an event for six hours at most.
    TooOld,
}

impl Lost {
    /// In words, without an end.
    pub fn why(self) -> &'static str {
        match self {
            Self::Killed => {
                "the process of its last attempt was killed: the function's time was over, or its memory used up"
            }
            Self::TooOld => "Lambda has dropped its event, which was older than six hours",
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

    #[test]
    fn a_job_is_lost_when_nothing_can_come_any_more() {
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
