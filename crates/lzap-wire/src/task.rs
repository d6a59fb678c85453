//! A task's event and its answer. `lzap invoke`, schedules and the runtime crate itself send these events.
//!
//! ```json
//! {"lzap":{"v":1,"kind":"task","task":"cleanup"},"data":{"days":30}}
//! {"lzap":{"v":1,"kind":"task","runtime":"0.1.0"},"data":{"removed":7}}
//! {"lzap":{"v":1,"kind":"task","runtime":"0.1.0","error":{"code":"failed","message":"no such table"}}}
//! ```
//!
//! A reader ignores fields that it doesn't know, and uses defaults for missing ones. Both types are generic in their data, so
//! that a reader can keep it as unparsed text (`serde_json::value::RawValue`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::envelope::{KEY, Kind, VERSION};

/// The way in which a task is started, which decides where its result or failure goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A synchronous call: the answer has the result or the failure.
    #[default]
    Call,
    /// An asynchronous invocation. A failure is a function error, so that Lambda retries, and finally sends the event to the
    /// failure destination.
    Spawn,
    /// An asynchronous invocation with a record of its state and result; see [`crate::job`]. A failure is a function error, as
    /// with `Spawn`.
    Job,
}

impl Mode {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it may skip by reference")]
    fn is_call(&self) -> bool {
        *self == Self::Call
    }
}

/// The fields below the key `lzap` of a task's event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskHead {
    /// [`VERSION`] of the sender; a reader refuses others.
    pub v: u64,
    /// Always [`Kind::Task`].
    pub kind: Kind,
    /// The name under which the app registers the task, which may differ from the function's.
    pub task: String,
    /// Absent for a synchronous call.
    #[serde(default, skip_serializing_if = "Mode::is_call")]
    pub mode: Mode,
    /// The job's id, in [`Mode::Job`] only; see [`crate::job::is_id`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The sender's build, if only the same build may answer: another one answers `wrong_build`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// The number of tasks above this one in a chain of tasks that call tasks.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub depth: u32,
    /// The time at which the sender stops waiting, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// The encoding of the data; JSON if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enc: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it may skip by reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl TaskHead {
    /// Makes the head for a synchronous call of `task`.
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

    /// Sets the mode. For [`Mode::Job`], [`Self::job`] sets the id too.
    #[must_use]
    pub fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// Sets the mode to [`Mode::Job`], and the job's id.
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
    /// All that lzap itself reads; the task sees only `data`.
    #[serde(rename = "lzap")]
    pub head: TaskHead,
    /// The task's input; `null` if absent.
    #[serde(default)]
    pub data: T,
}

impl<T> TaskEvent<T> {
    /// `data` must be encoded as the head's `enc` says.
    pub fn new(head: TaskHead, data: T) -> Self {
        Self { head, data }
    }
}

/// The kind of a task's failure, for programs. Messages may change, and codes don't.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureCode {
    /// The task returned an error; the message is that error.
    Failed,
    /// The task panicked; the log has the place.
    Panicked,
    /// The app registers no task of this name, for example because an older version is deployed.
    UnknownTask,
    /// The sender's build is not the function's, because a deploy happened in between.
    WrongBuild,
    /// The chain of tasks that call tasks is too deep. AWS stops such chains after about 16 invocations.
    TooDeep,
    /// The input doesn't fit the task's arguments, or can't be encoded.
    BadInput,
    /// The output can't be encoded, or is not the answer of a task.
    BadOutput,
    /// The input or the output exceeds a limit of Lambda.
    TooLarge,
    /// The caller's deadline passed, or the function reached its timeout.
    TimedOut,
    /// The function's process ended: it used up its memory, or exited.
    Crashed,
    /// Lambda throttled all attempts until the deadline.
    Throttled,
    /// The caller's role lacks a permission, to invoke the function or to use the bucket.
    Denied,
    /// AWS stopped a recursive loop of invocations.
    Recursion,
    /// The connection failed. If the response was lost, the task may have run.
    Unreachable,
    /// S3 refused to write or to read an object.
    Storage,
    /// The object or the job doesn't exist.
    NotFound,
    /// A map reached the maximum cost or the maximum number of invocations that its caller set.
    CostLimit,
    /// A code of a newer runtime crate.
    #[serde(other)]
    Other,
}

impl FailureCode {
    /// The name in an answer, which is part of the format and never changes.
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

/// The failure of a task, as its caller gets it across the process boundary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind, for programs.
    pub code: FailureCode,
    /// For people. It may have text of the task's own error.
    pub message: String,
}

/// The error type of the function error with which a failed task answers an asynchronous invocation.
pub const TASK_FAILED: &str = "lzap::TaskFailed";

/// The type of the error that answers an invocation at its deadline, where Lambda doesn't end the process (Managed Instances).
pub const TIMED_OUT: &str = "lzap::TimedOut";

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
    /// The sender of the answer, and the failure if there is one.
    #[serde(rename = "lzap")]
    pub head: ReplyHead,
    /// The task's output; absent after a failure.
    #[serde(default = "no_data", skip_serializing_if = "Option::is_none")]
    pub data: Option<T>,
}

/// The default of `data`. The derived one would require `T: Default`.
fn no_data<T>() -> Option<T> {
    None
}

/// The fields below the key `lzap` of a task's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyHead {
    /// [`VERSION`] of the sender; a reader refuses others.
    pub v: u64,
    /// Always [`Kind::Task`].
    pub kind: Kind,
    /// The version of the `lzap` runtime crate inside the function.
    pub runtime: String,
    /// Absent after a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

impl<T> TaskReply<T> {
    /// `runtime` is the version of the runtime crate that answers.
    pub fn ok(runtime: &str, data: T) -> Self {
        Self { head: ReplyHead::new(runtime, None), data: Some(data) }
    }

    /// Makes the answer of a failed task. To Lambda the invocation succeeds, so it isn't retried.
    pub fn failed(runtime: &str, failure: Failure) -> Self {
        Self { head: ReplyHead::new(runtime, Some(failure)), data: None }
    }
}

impl TaskReply {
    /// Reads an answer; `None` when `value` has another form or version.
    pub fn parse(value: &Value) -> Option<Self> {
        let reply = Self::deserialize(value).ok()?;
        // In a newer version, the same fields may have another meaning.
        (reply.head.v == VERSION && reply.head.kind == Kind::Task).then_some(reply)
    }

    /// Returns the task's output; `null` for an answer without data.
    ///
    /// # Errors
    /// The failure that the answer has.
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

/// Makes the constant input of a schedule's rule. Its mode is [`Mode::Spawn`], so that Lambda sees a failure and retries.
pub fn schedule_input(task: &str, data: &Value) -> Value {
    // The order of the keys is part of the rule's input: another order would be drift in every deployed rule.
    let head = TaskHead::new(task).mode(Mode::Spawn);
    serde_json::json!({ KEY: head, "data": data })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::envelope::{Classified, classify};

    /// Deployed rules and functions send and expect these bytes.
    #[test]
    fn version_1_event_has_the_same_bytes_as_ever() {
        let call = TaskEvent::new(TaskHead::new("cleanup"), json!({"days": 30}));
        assert_eq!(to_text(&call), r#"{"lzap":{"v":1,"kind":"task","task":"cleanup"},"data":{"days":30}}"#);
        let id = "0123456789abcdef0123456789abcdef";
        let head = TaskHead {
            build: Some("b1".to_owned()),
            depth: 2,
            deadline_ms: Some(1_700_000_000_000),
            enc: Some("postcard".to_owned()),
            ..TaskHead::new("cleanup").job(id)
        };
        assert_eq!(
            to_text(&TaskEvent::new(head, Value::Null)),
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
    fn classify_task_event_returns_the_kind_task() {
        let event = serde_json::to_value(TaskEvent::new(TaskHead::new("a"), 1)).expect("it is JSON");
        assert_eq!(classify(&event), Classified::Lzap(Kind::Task));
    }

    #[test]
    fn event_with_missing_and_unknown_fields_reads_with_defaults() {
        let text = r#"{"lzap":{"v":1,"kind":"task","task":"a","hue":"red"},"more":1}"#;
        let event: TaskEvent = serde_json::from_str(text).expect("it is JSON");
        assert_eq!(event, TaskEvent::new(TaskHead::new("a"), Value::Null));
    }

    #[test]
    fn failure_code_is_serialized_by_its_name() {
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
    fn parse_of_a_foreign_answer_returns_none() {
        for value in [
            json!({"statusCode": 200}),
            json!({"lzap": {"v": 2, "kind": "task", "runtime": "9"}, "data": 1}),
            json!({"lzap": {"v": 1, "kind": "probe", "runtime": "0.1.0"}}),
            json!(null),
        ] {
            assert_eq!(TaskReply::parse(&value), None);
        }
    }

    fn to_text(event: &TaskEvent) -> String {
        serde_json::to_string(event).expect("it is JSON")
    }
}
