//! The envelope of tasks' and chunks' events and answers.
//!
//! ```json
//! {"lzap":{"v":1,"kind":"task","task":"greet","depth":1},"data":"Ada"}
//! ```
//!
//! `lzap_wire::task` has the part that the command-line tool writes too. EventBridge rules store envelopes, so the format
//! outlives a process: readers check the version first and ignore unknown fields, and an absent field means what it meant
//! before the field existed.

use bytes::Bytes;
use lzap_invocation::Invocation;
use lzap_wire::envelope::{KEY, VERSION};
use lzap_wire::job::is_id;
use lzap_wire::limits::{ASYNC_PAYLOAD_BYTES, SYNC_PAYLOAD_BYTES};
use lzap_wire::task::Failure;
pub use lzap_wire::task::Mode;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::error::{TaskError, TaskErrorKind};
use lzap_wire::encoding::Encoding;

/// The part of an event that is read without knowing the types of the task that it names.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Head {
    /// An event of another version than `VERSION` is refused.
    pub v: u64,
    /// An app without the feature `map` refuses chunks.
    pub kind: HeadKind,
    /// A task that the app registers, or one of lzap's own, which begin with `lzap-`.
    pub task: String,
    /// The mode; absent in JSON when the caller waits.
    #[serde(default, skip_serializing_if = "is_call")]
    pub mode: Mode,
    /// The job's id, or the map's of a chunk: 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The id of the job whose map the chunk belongs to, for the worker's log; `job` then is the map's id. `None`
    /// outside of jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_job: Option<String>,
    /// The build that must answer, so that a deploy never mixes two builds; `None` accepts any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// 1 for a task that an HTTP request calls, one more for a task that a task calls; 0 when the event has none.
    #[serde(default)]
    pub depth: u32,
    /// The time by which the work must end, in milliseconds since 1970; `None` for asynchronous invocations, and for
    /// callers without a deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// The encoding of a chunk's items. The input of a single task is always plain JSON.
    #[serde(default, skip_serializing_if = "is_plain_json")]
    pub enc: Encoding,
    /// The chunk's head; `None` for a single task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<ChunkHead>,
    /// Set when the items are in S3. Workers compute the key themselves, so that an event can't name any other object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spilled: Option<String>,
}

/// The kind of event: one run of a task, or a chunk of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadKind {
    /// One run of a task.
    Task,
    /// The items of a map's chunk.
    Chunk,
}

/// The part of a head that only chunks have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChunkHead {
    /// From 0 in its map. Workers only log it.
    pub index: usize,
    /// Workers refuse data with more or fewer items.
    pub items: usize,
    /// Equal items of the same task and build have equal keys.
    pub key: String,
    /// The attempt's number in the map. It is part of S3 keys, so that each attempt has its own payload.
    #[serde(default)]
    pub attempt: usize,
    /// The name of the task that joins the chunk's results; `None` for a map without `reduce`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduce: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_plain_json(encoding: &Encoding) -> bool {
    encoding.is_plain_json()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_call(mode: &Mode) -> bool {
    *mode == Mode::Call
}

impl Head {
    /// A head for any build. Only a call passes the caller's deadline on.
    pub fn for_task(task: &str, depth: u32, mode: Mode) -> Self {
        Self {
            v: VERSION,
            kind: HeadKind::Task,
            task: task.to_owned(),
            mode,
            job: None,
            of_job: None,
            build: None,
            depth,
            // An asynchronous invocation outlives its caller, so the caller's deadline must not end it.
            deadline_ms: Invocation::current().deadline_ms.filter(|_| mode == Mode::Call),
            enc: Encoding::default(),
            chunk: None,
            spilled: None,
        }
    }

    /// A chunk is always invoked synchronously, because its results are in the answer.
    pub fn for_chunk(task: &str, depth: u32, chunk: ChunkHead) -> Self {
        Self { kind: HeadKind::Chunk, chunk: Some(chunk), ..Self::for_task(task, depth, Mode::Call) }
    }
}

/// An event of a task or chunk. The data stays JSON text, because only the task's handler knows its type.
#[derive(Clone, Debug)]
pub struct Event {
    /// Checked before the data is read.
    pub head: Head,
    /// The task's input, or the encoded items.
    pub data: Box<RawValue>,
}

/// The JSON object that contains the head under the key of lzap's events, and the data.
#[derive(Serialize, Deserialize)]
struct Envelope<H> {
    #[serde(rename = "lzap")]
    head: H,
    #[serde(default = "null_data")]
    data: Box<RawValue>,
}

/// `null`: an event whose task takes no input may leave out `data`.
fn null_data() -> Box<RawValue> {
    to_raw_value(&()).unwrap_or_default()
}

impl Event {
    /// Makes an event of any size; [`check_size`](Self::check_size) compares it with Lambda's limits.
    pub fn new(head: &Head, data: Box<RawValue>) -> Self {
        Self { head: head.clone(), data }
    }

    /// Reads an event, and ignores fields of its head that a later version added.
    ///
    /// # Errors
    /// The defect of the head, as the end of a sentence. It never quotes the event, since events may contain secrets.
    pub fn parse(event: &str) -> Result<Self, String> {
        let Envelope::<Head> { head, data } =
            serde_json::from_str(event).map_err(|error| crate::json::describe_error(&error))?;
        if head.v != VERSION {
            return Err(format!("is of version {}", head.v));
        }
        // A job's id becomes part of an S3 key, so it must not contain a path.
        if head.job.as_deref().is_some_and(|id| !is_id(id)) {
            return Err("has a job id that is not 32 hex digits".to_owned());
        }
        Ok(Self { head, data })
    }

    /// The payload of `lambda:Invoke`. It copies the data, so callers keep the bytes for their retries.
    pub fn to_bytes(&self) -> Bytes {
        let envelope = Envelope { head: &self.head, data: self.data.clone() };
        // Serialization can't fail: the head has strings and numbers, and the data is JSON already.
        serde_json::to_vec(&envelope).unwrap_or_default().into()
    }

    /// Checks the event against Lambda's payload limits, so that the error comes before the request and names the task.
    ///
    /// # Errors
    /// [`TaskErrorKind::TooLarge`].
    pub fn check_size(&self, mode: Mode) -> Result<(), TaskError> {
        const HEAD: u64 = 1024;
        let (limit, shown) = match mode {
            Mode::Call => (SYNC_PAYLOAD_BYTES, "6 MB"),
            Mode::Spawn | Mode::Job => (ASYNC_PAYLOAD_BYTES, "1 MB"),
        };
        // The head is far below 1 KiB, so measuring it exactly is not worth a serialization.
        let bytes = self.data.get().len() as u64 + HEAD;
        if bytes <= limit {
            return Ok(());
        }
        Err(TaskError::new(
            TaskErrorKind::TooLarge,
            format!(
                "the input of task `{}` takes {bytes} bytes as JSON, and Lambda carries {shown} this way: put it \
                 into S3 and pass its key",
                self.head.task
            ),
        ))
    }
}

/// The part of an answer that says whether its data is a result.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplyHead {
    /// An answer of another version counts as one of another program.
    pub v: u64,
    /// The event's kind. [`Reply::parse`] does not check it.
    pub kind: HeadKind,
    /// The version of `lzap-tasks` in the function that answers.
    pub runtime: String,
    /// The reason why there is no result; `None` when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// The worker's measurements; `None` for a single task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<ChunkReply>,
}

/// A worker's measurements of its chunk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChunkReply {
    /// The event's key, by which the caller detects another chunk's answer.
    pub key: String,
    /// The number of items with a result, from the first on: fewer than were sent when the time was over.
    pub done: usize,
    /// Milliseconds from before the items are read to after the results are written, S3 included.
    pub ms: f64,
    /// Milliseconds of work, summed over all cores.
    pub busy_ms: f64,
    /// True if it is the first chunk of the execution environment.
    pub cold: bool,
    /// The function's memory in MB; 0 when it is not known.
    pub memory_mb: u32,
    /// The execution environment's name, so that a timeline has one row for each.
    pub worker: String,
    /// The encoding of the results. The caller uses its compression only, because it knows the codec.
    #[serde(default)]
    pub enc: Encoding,
    /// Set when the results are in S3. Callers compute the key themselves, because answers are not trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spilled: Option<String>,
}

/// The answer to an [`Event`].
#[derive(Clone, Debug)]
pub struct Reply {
    /// Without an error if [`parse`](Self::parse) returned it.
    pub head: ReplyHead,
    /// The task's output, or the encoded results; `null` with an error, and for results in S3.
    pub data: Box<RawValue>,
}

impl Reply {
    /// For a single task. A job answers `null`, because its output is in its record.
    pub fn ok(data: Box<RawValue>) -> Self {
        Self { head: ReplyHead::new(HeadKind::Task), data }
    }

    /// The caller gets the error's kind and text, and not its request id.
    pub fn error(kind: HeadKind, error: &TaskError) -> Self {
        Self {
            head: ReplyHead { error: Some(error.to_failure()), ..ReplyHead::new(kind) },
            data: null_data(),
        }
    }

    /// `data` has the encoded results, or `null` when `chunk.spilled` is set.
    pub fn for_chunk(chunk: ChunkReply, data: Box<RawValue>) -> Self {
        Self { head: ReplyHead { chunk: Some(chunk), ..ReplyHead::new(HeadKind::Chunk) }, data }
    }

    /// The function's response. Writing it can't fail: the head has strings and numbers, and the data is JSON already.
    pub fn to_raw(&self) -> Box<RawValue> {
        to_raw_value(&Envelope { head: &self.head, data: self.data.clone() }).unwrap_or_default()
    }

    /// Reads a function's response, which may be that of any program.
    ///
    /// # Errors
    /// The error in the answer, or [`TaskErrorKind::BadOutput`] for an answer of another program.
    pub fn parse(answer: &[u8]) -> Result<Self, TaskError> {
        let foreign = || {
            TaskError::new(
                TaskErrorKind::BadOutput,
                format!(
                    "the answer is no answer of an `{KEY}` task: is another program deployed under this name?"
                ),
            )
        };
        let Envelope::<ReplyHead> { head, data } = serde_json::from_slice(answer).map_err(|_| foreign())?;
        if head.v != VERSION {
            return Err(foreign());
        }
        match head.error {
            Some(failure) => Err(failure.into()),
            None => Ok(Self { head, data }),
        }
    }
}

impl ReplyHead {
    fn new(kind: HeadKind) -> Self {
        Self { v: VERSION, kind, runtime: env!("CARGO_PKG_VERSION").to_owned(), error: None, chunk: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frozen, because EventBridge rules and other versions of lzap contain these bytes.
    #[test]
    fn version_1_bytes_do_not_change() {
        let event =
            Event::parse(r#"{"lzap":{"v":1,"kind":"task","task":"greet"},"data":"Ada"}"#).expect("an event");
        assert_eq!((event.head.mode, event.head.depth, event.data.get()), (Mode::Call, 0, "\"Ada\""));
        let head = Head { job: Some("0".repeat(32)), ..Head::for_task("greet", 1, Mode::Job) };
        assert_eq!(
            String::from_utf8_lossy(&Event::new(&head, null_data()).to_bytes()),
            r#"{"lzap":{"v":1,"kind":"task","task":"greet","mode":"job","job":"00000000000000000000000000000000","depth":1},"data":null}"#
        );
        let error = TaskError::new(TaskErrorKind::UnknownTask, "no");
        assert_eq!(
            Reply::error(HeadKind::Task, &error).to_raw().get(),
            format!(
                r#"{{"lzap":{{"v":1,"kind":"task","runtime":"{}","error":{{"code":"unknown_task","message":"no"}}}},"data":null}}"#,
                env!("CARGO_PKG_VERSION")
            )
        );
    }

    #[tokio::test]
    async fn head_of_an_asynchronous_invocation_has_no_deadline() {
        let ends = async {
            [Mode::Call, Mode::Spawn, Mode::Job].map(|mode| Head::for_task("t", 1, mode).deadline_ms)
        };
        let ends = Invocation::at_depth(0, Some(7)).scope(ends).await;
        assert_eq!(ends, [Some(7), None, None]);
    }

    #[test]
    fn parse_of_a_job_id_that_is_not_32_hex_digits_fails() {
        for id in ["../../etc", "0", &"g".repeat(32), &"A".repeat(32)] {
            let event = format!(r#"{{"lzap":{{"v":1,"kind":"task","task":"t","job":"{id}"}}}}"#);
            assert!(Event::parse(&event).is_err(), "{id}");
        }
    }

    #[test]
    fn parse_of_another_programs_answer_is_a_bad_output() {
        for answer in
            ["{}", "null", r#"{"statusCode":200}"#, "x", r#"{"lzap":{"v":9,"kind":"task","runtime":""}}"#]
        {
            let error = Reply::parse(answer.as_bytes()).expect_err("not an answer");
            assert_eq!(error.kind(), TaskErrorKind::BadOutput);
        }
    }
}
