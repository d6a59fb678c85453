//! The envelope of tasks and chunks, as it travels.
//!
//! ```json
//! {"lzap":{"v":1,"kind":"task","task":"greet","depth":1},"data":"Ada"}
//! ```
//!
//! The part of it that the tool writes too is `lzap_wire::task`'s. The format outlives a process (rules hold it), so the version is checked first, unknown fields are ignored, and
//! absent ones mean what they meant before they existed.

use bytes::Bytes;
use lzap_wire::envelope::{KEY, VERSION};
use lzap_wire::job::is_id;
use lzap_wire::limits::{ASYNC_PAYLOAD_BYTES, SYNC_PAYLOAD_BYTES};
use lzap_wire::task::Failure;
pub(crate) use lzap_wire::task::Mode;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::context;
use super::error::{TaskError, TaskErrorKind};
use crate::codec::Encoding;

/// What the head of a task's event says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) v: u64,
    pub(crate) kind: HeadKind,
    pub(crate) task: String,
    #[serde(default, skip_serializing_if = "is_call")]
    pub(crate) mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<String>,
    /// Of which job's map this is a chunk; `job` is the map then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) of_job: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) build: Option<String>,
    #[serde(default)]
    pub(crate) depth: u32,
    /// When the caller stops waiting; none where nobody waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deadline_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "is_plain_json")]
    pub(crate) enc: Encoding,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chunk: Option<ChunkHead>,
    /// Where the data is, when it isn't in the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) spilled: Option<String>,
}

/// One task, or many items of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HeadKind {
    Task,
    Chunk,
}

/// Which part of a map a chunk is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ChunkHead {
    pub(crate) index: usize,
    pub(crate) items: usize,
    /// The same items of the same build have the same key.
    pub(crate) key: String,
    /// Which attempt of the map this is, so that each has its own payload in S3.
    #[serde(default)]
    pub(crate) attempt: usize,
    /// The task that joins two results into one, within the chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reduce: Option<String>,
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
    /// One run of a task, `depth` tasks deep.
    pub(crate) fn task(task: &str, depth: u32, mode: Mode) -> Self {
        Self {
            v: VERSION,
            kind: HeadKind::Task,
            task: task.to_owned(),
            mode,
            job: None,
            of_job: None,
            build: None,
            depth,
            deadline_ms: context::current().deadline_ms.filter(|_| mode == Mode::Call),
            enc: Encoding::default(),
            chunk: None,
            spilled: None,
        }
    }

    /// Some items of a map.
    #[cfg(feature = "map")]
    pub(crate) fn chunk(task: &str, depth: u32, chunk: ChunkHead) -> Self {
        Self { kind: HeadKind::Chunk, chunk: Some(chunk), ..Self::task(task, depth, Mode::Call) }
    }
}

/// A task's event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) head: Head,
    pub(crate) data: Box<RawValue>,
}

#[derive(Serialize, Deserialize)]
struct Envelope<H> {
    #[serde(rename = "lzap")]
    head: H,
    #[serde(default = "null")]
    data: Box<RawValue>,
}

fn null() -> Box<RawValue> {
    to_raw_value(&()).unwrap_or_default()
}

impl Event {
    pub(crate) fn new(head: &Head, data: Box<RawValue>) -> Self {
        Self { head: head.clone(), data }
    }

    /// Reads an event whose kind is known to be a task's; the error says what is wrong with the head.
    pub(crate) fn parse(event: &str) -> Result<Self, String> {
        let Envelope::<Head> { head, data } =
            serde_json::from_str(event).map_err(|error| crate::codec::json::place(&error))?;
        if head.v != VERSION {
            return Err(format!("is of version {}", head.v));
        }
        if head.job.as_deref().is_some_and(|id| !is_id(id)) {
            return Err("has a job id that is not 32 hex digits".to_owned());
        }
        Ok(Self { head, data })
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        let envelope = Envelope { head: &self.head, data: self.data.clone() };
        // Strings, numbers and a value that is JSON already: it can be written.
        serde_json::to_vec(&envelope).unwrap_or_default().into()
    }

    /// Lambda's limits, checked before anything is sent.
    pub(crate) fn check_size(&self, mode: Mode) -> Result<(), TaskError> {
        const HEAD: u64 = 1024;
        let (limit, shown) = match mode {
            Mode::Call => (SYNC_PAYLOAD_BYTES, "6 MB"),
            Mode::Spawn | Mode::Job => (ASYNC_PAYLOAD_BYTES, "1 MB"),
        };
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

/// What a task's answer says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReplyHead {
    pub(crate) v: u64,
    pub(crate) kind: HeadKind,
    pub(crate) runtime: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Failure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chunk: Option<ChunkReply>,
}

/// What a worker says about its chunk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ChunkReply {
    pub(crate) key: String,
    /// How many items, from the first on, have a result.
    pub(crate) done: usize,
    /// How long it took: what is billed.
    pub(crate) ms: f64,
    /// What all cores together worked.
    pub(crate) busy_ms: f64,
    pub(crate) cold: bool,
    pub(crate) memory_mb: u32,
    /// Which environment it was, so that a timeline has one row for each.
    pub(crate) worker: String,
    #[serde(default)]
    pub(crate) enc: Encoding,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) spilled: Option<String>,
}

/// A task's answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) head: ReplyHead,
    pub(crate) data: Box<RawValue>,
}

impl Reply {
    pub(crate) fn ok(data: Box<RawValue>) -> Self {
        Self { head: ReplyHead::new(HeadKind::Task), data }
    }

    pub(crate) fn error(kind: HeadKind, error: &TaskError) -> Self {
        Self { head: ReplyHead { error: Some(error.to_failure()), ..ReplyHead::new(kind) }, data: null() }
    }

    #[cfg(feature = "map")]
    pub(crate) fn chunk(chunk: ChunkReply, data: Box<RawValue>) -> Self {
        Self { head: ReplyHead { chunk: Some(chunk), ..ReplyHead::new(HeadKind::Chunk) }, data }
    }

    /// The answer as it travels.
    pub(crate) fn to_raw(&self) -> Box<RawValue> {
        to_raw_value(&Envelope { head: &self.head, data: self.data.clone() }).unwrap_or_default()
    }

    /// Reads an answer; one that says why there is no result is that error.
    pub(crate) fn parse(answer: &[u8]) -> Result<Self, TaskError> {
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

    /// Frozen: rules and other versions speak these bytes.
    #[test]
    fn version_1_bytes_do_not_change() {
        let event =
            Event::parse(r#"{"lzap":{"v":1,"kind":"task","task":"greet"},"data":"Ada"}"#).expect("an event");
        assert_eq!((event.head.mode, event.head.depth, event.data.get()), (Mode::Call, 0, "\"Ada\""));
        let head = Head { job: Some("0".repeat(32)), ..Head::task("greet", 1, Mode::Job) };
        assert_eq!(
            String::from_utf8_lossy(&Event::new(&head, null()).to_bytes()),
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
    async fn who_does_not_wait_sets_no_end() {
        let ends =
            async { [Mode::Call, Mode::Spawn, Mode::Job].map(|mode| Head::task("t", 1, mode).deadline_ms) };
        let ends = context::Invocation::until(0, Some(7)).scope(ends).await;
        assert_eq!(ends, [Some(7), None, None]);
    }

    #[test]
    fn a_job_id_is_never_a_path() {
        for id in ["../../etc", "0", &"g".repeat(32), &"A".repeat(32)] {
            let event = format!(r#"{{"lzap":{{"v":1,"kind":"task","task":"t","job":"{id}"}}}}"#);
            assert!(Event::parse(&event).is_err(), "{id}");
        }
    }

    #[test]
    fn another_program_s_answer_is_told() {
        for answer in
            ["{}", "null", r#"{"statusCode":200}"#, "x", r#"{"lzap":{"v":9,"kind":"task","runtime":""}}"#]
        {
            let error = Reply::parse(answer.as_bytes()).expect_err("not an answer");
            assert_eq!(error.kind(), TaskErrorKind::BadOutput);
        }
    }
}
