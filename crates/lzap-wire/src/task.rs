//! A task's event and its answer: what `lzap invoke` and a schedule send, and what the runtime crate sends to itself.
//!
//! ```json
//! {"lzap":{"v":1,"kind":"task","task":"cleanup"},"data":{"days":30}}
//! {"lzap":{"v":1,"kind":"task","runtime":"0.1.0"},"data":{"removed":7}}
//! {"lzap":{"v":1,"kind":"task","runtime":"0.1.0","error":{"code":"failed","message":"no such table"}}}
//! ```
//!
//! A head's fields that a reader doesn't know are let be; a missing one has its default. Both types are generic in their
//! data, so that a reader may leave it as the text that it came in (`serde_json::value::RawValue`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::envelope::{KEY, Kind, VERSION};

/// Who waits for a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The caller, for the answer: a failure is part of it.
    #[default]
    Call,
    /// Nobody. A failure is a function error, so that Lambda tries again and then tells the failure destination.
    Spawn,
    /// Nobody now, but state and result are kept; see [`crate::job`]. A failure is a function error as well.
    Job,
}

impl Mode {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it may skip by reference")]
    fn is_call(&self) -> bool {
        *self == Self::Call
    }
}

/// What stands below the key `lzap` of a task's event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskHead {
    /// The envelope's version.
    pub v: u64,
    /// [`Kind::Task`].
    pub kind: Kind,
    /// The task's name.
    pub task: String,
    /// Who waits for it.
    #[serde(default, skip_serializing_if = "Mode::is_call")]
    pub mode: Mode,
    /// The job's id, where it is one; see [`crate::job::is_id`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The build that the sender is of, where only the same one may answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// How many functions that wait for one another are above this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub depth: u32,
    /// When the sender stops waiting, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// How the data is written; absent is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enc: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it may skip by reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl TaskHead {
    /// The head for a call of `task`.
    pub fn new(task: impl Into<String>) -> Self {
        Self {
            v: VERSION,
            kind: Kind::Task,
            task: task.into(),
            mode: Mode::Call,
            job: None,
            build: None,
            depth: 0,
            deadline_ms: None,
            enc: None,
        }
    }

    /// The same head for another way of waiting.
    #[must_use]
    pub fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// The same head for the job with this id.
    #[must_use]
    pub fn job(self, id: impl Into<String>) -> Self {
        Self { mode: Mode::Job, job: Some(id.into()), ..self }
    }
}

/// A task's event.
///
/// ```
/// use lzap_wire::task::{Mode, TaskEvent, TaskHead};
/// use serde_json::{Value, json};
///
/// let event = TaskEvent::new(TaskHead::new("cleanup").mode(Mode::Spawn), json!({"days": 30}));
/// let text = serde_json::to_string(&event)?;
/// assert_eq!(
///     text,
///     r#"{"lzap":{"v":1,"kind":"task","task":"cleanup","mode":"spawn"},"data":{"days":30}}"#
/// );
/// let read: TaskEvent = serde_json::from_str(&text)?;
/// assert_eq!(read, event);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskEvent<T = Value> {
    /// Which task, and how.
    #[serde(rename = "lzap")]
    pub head: TaskHead,
    /// What the task gets; absent is `null`.
    #[serde(default)]
    pub data: T,
}

impl<T> TaskEvent<T> {
    /// The event that runs a task with `data`.
    pub fn new(head: TaskHead, data: T) -> Self {
        Self { head, data }
    }
}

/// Why a task has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureCode {
    /// It ended with an error of its own; the message is that error.
    Failed,
    /// It panicked; the log has the place.
    Panicked,
    /// The app registered no task of this name.
    UnknownTask,
    /// The sender is of another build than the function: a deploy happened in between.
    WrongBuild,
    /// Too many tasks wait for one another: AWS stops such chains at about sixteen.
    TooDeep,
    /// The input isn't what the task takes, or can't be written.
    BadInput,
    /// The output can't be written, or isn't a task's.
    BadOutput,
    /// Input or output is larger than Lambda carries.
    TooLarge,
    /// There was no time left, or the Lambda ran out of its own.
    TimedOut,
    /// The Lambda's process died: out of memory, or an exit.
    Crashed,
    /// Lambda had no room in time.
    Throttled,
    /// The function's role may not do it.
    Denied,
    /// AWS stopped a loop of invocations.
    Recursion,
    /// The connection failed, and the answer with it.
    Unreachable,
    /// S3 refused to keep or to give an object.
    Storage,
    /// There is no such object, or no such job.
    NotFound,
    /// A map reached the maximum cost or the maximum number of invocations that its caller set.
    CostLimit,
    /// A reason that a newer runtime crate has.
    #[serde(other)]
    Other,
}

impl FailureCode {
    /// The code as it stands in an answer.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::UnknownTask => "unknown_task",
            Self::WrongBuild => "wrong_build",
            Self::TooDeep => "too_deep",
            Self::BadInput => "bad_input",
            Self::BadOutput => "bad_output",
            Self::TooLarge => "too_large",
            Self::TimedOut => "timed_out",
            Self::Crashed => "crashed",
            Self::Throttled => "throttled",
            Self::Denied => "denied",
            Self::Recursion => "recursion",
            Self::Unreachable => "unreachable",
            Self::Storage => "storage",
            Self::NotFound => "not_found",
            Self::CostLimit => "cost_limit",
            Self::Other => "other",
        }
    }
}

/// A task's failure, for its caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure.
    pub code: FailureCode,
    /// What went wrong, in words.
    pub message: String,
}

/// The type of the function error that a failed task is, when nobody waits for it.
pub const TASK_FAILED: &str = "lzap::TaskFailed";

/// The answer to a task's event in [`Mode::Call`].
///
/// ```
/// use lzap_wire::task::{Failure, FailureCode, TaskReply};
/// use serde_json::{Value, json};
///
/// let done = TaskReply::ok("0.1.0", json!({"removed": 7}));
/// assert_eq!(
///     serde_json::to_string(&done)?,
///     r#"{"lzap":{"v":1,"kind":"task","runtime":"0.1.0"},"data":{"removed":7}}"#
/// );
/// let failure = Failure { code: FailureCode::BadInput, message: "missing field `days`".to_owned() };
/// let failed = TaskReply::<Value>::failed("0.1.0", failure.clone());
/// assert_eq!(
///     serde_json::to_string(&failed)?,
///     r#"{"lzap":{"v":1,"kind":"task","runtime":"0.1.0","error":{"code":"bad_input","message":"missing field `days`"}}}"#
/// );
/// let read = TaskReply::parse(&serde_json::to_value(&failed)?);
/// assert_eq!(read.map(TaskReply::outcome), Some(Err(failure)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskReply<T = Value> {
    /// Who answers, and why it failed if it did.
    #[serde(rename = "lzap")]
    pub head: ReplyHead,
    /// What the task gave; absent when it failed.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub data: Option<T>,
}

/// Without it, `T` would have to have a default.
fn none<T>() -> Option<T> {
    None
}

/// What stands below the key `lzap` of a task's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyHead {
    /// The envelope's version.
    pub v: u64,
    /// [`Kind::Task`].
    pub kind: Kind,
    /// The version of the `lzap` runtime crate inside the function.
    pub runtime: String,
    /// Why the task failed; absent when it didn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

impl<T> TaskReply<T> {
    /// The answer of a task that gave `data`.
    pub fn ok(runtime: &str, data: T) -> Self {
        Self { head: ReplyHead::new(runtime, None), data: Some(data) }
    }

    /// The answer of a task that failed.
    pub fn failed(runtime: &str, failure: Failure) -> Self {
        Self { head: ReplyHead::new(runtime, Some(failure)), data: None }
    }
}

impl TaskReply {
    /// Reads an answer; `None` when `value` isn't one of this version.
    pub fn parse(value: &Value) -> Option<Self> {
        let reply = Self::deserialize(value).ok()?;
        (reply.head.v == VERSION && reply.head.kind == Kind::Task).then_some(reply)
    }

    /// What came of the task. An answer without data is `null`.
    ///
    /// # Errors
    /// It failed.
    pub fn outcome(self) -> Result<Value, Failure> {
        match self.head.error {
            Some(failure) => Err(failure),
            None => Ok(self.data.unwrap_or(Value::Null)),
        }
    }
}

impl ReplyHead {
    fn new(runtime: &str, error: Option<Failure>) -> Self {
        Self { v: VERSION, kind: Kind::Task, runtime: runtime.to_owned(), error }
    }
}

/// The constant input of a schedule's rule: nobody waits, so that a failure is one for Lambda too.
pub fn schedule_input(task: &str, data: &Value) -> Value {
    let head = TaskHead::new(task).mode(Mode::Spawn);
    serde_json::json!({ KEY: head, "data": data })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::envelope::{Classified, classify};

    /// Frozen: deployed rules and functions speak these bytes.
    #[test]
    fn version_1_bytes_do_not_change() {
        let call = TaskEvent::new(TaskHead::new("cleanup"), json!({"days": 30}));
        assert_eq!(text(&call), r#"{"lzap":{"v":1,"kind":"task","task":"cleanup"},"data":{"days":30}}"#);
        let id = "0123456789abcdef0123456789abcdef";
        let head = TaskHead {
            build: Some("b1".to_owned()),
            depth: 2,
            deadline_ms: Some(1_700_000_000_000),
            enc: Some("postcard".to_owned()),
            ..TaskHead::new("cleanup").job(id)
        };
        assert_eq!(
            text(&TaskEvent::new(head, Value::Null)),
            format!(
                r#"{{"lzap":{{"v":1,"kind":"task","task":"cleanup","mode":"job","job":"{id}","build":"b1","depth":2,"deadline_ms":1700000000000,"enc":"postcard"}},"data":null}}"#
            )
        );
        assert_eq!(
            schedule_input("cleanup", &Value::Null).to_string(),
            r#"{"lzap":{"v":1,"kind":"task","task":"cleanup","mode":"spawn"},"data":null}"#
        );
    }

    #[test]
    fn every_event_is_told_apart() {
        let event = serde_json::to_value(TaskEvent::new(TaskHead::new("a"), 1)).expect("it is JSON");
        assert_eq!(classify(&event), Classified::Lzap(Kind::Task));
    }

    #[test]
    fn what_is_absent_has_its_default_and_what_is_unknown_is_let_be() {
        let text = r#"{"lzap":{"v":1,"kind":"task","task":"a","hue":"red"},"more":1}"#;
        let event: TaskEvent = serde_json::from_str(text).expect("it is JSON");
        assert_eq!(event, TaskEvent::new(TaskHead::new("a"), Value::Null));
    }

    #[test]
    fn codes_are_written_as_they_are_called() {
        for code in [
            FailureCode::Failed,
            FailureCode::UnknownTask,
            FailureCode::WrongBuild,
            FailureCode::BadInput,
            FailureCode::TooDeep,
            FailureCode::Panicked,
        ] {
            assert_eq!(json!(code), code.as_str());
        }
        let newer: Failure =
            serde_json::from_value(json!({"code": "bored", "message": "m"})).expect("it is JSON");
        assert_eq!(newer.code, FailureCode::Other);
    }

    #[test]
    fn what_answers_otherwise_is_no_answer() {
        for value in [
            json!({"statusCode": 200}),
            json!({"lzap": {"v": 2, "kind": "task", "runtime": "9"}, "data": 1}),
            json!({"lzap": {"v": 1, "kind": "probe", "runtime": "0.1.0"}}),
            json!(null),
        ] {
            assert_eq!(TaskReply::parse(&value), None);
        }
    }

    fn text(event: &TaskEvent) -> String {
        serde_json::to_string(event).expect("it is JSON")
    }
}
