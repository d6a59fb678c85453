//! Errors of the function: a task's own failure code, and what to do next.
//!
//! One type for all of them, because message and help are made where the answer is at hand. The codes of
//! failures come from `lzap-wire`, where the runtime crate has them too.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use lzap_aws::Invoked;
use lzap_core::config::nearest;
use lzap_core::exit::Exit;
use lzap_core::explain::{CommandContext, Explained};
use lzap_wire::job::{JobRecord, Lost};
use lzap_wire::task::{Failure, FailureCode};

/// The function was invoked and failed, or the job or version doesn't exist.
#[derive(Debug)]
pub(crate) struct InvokeError {
    /// Decides about code and cause.
    kind: InvokeErrorKind,
    message: String,
    /// The next command, in words; [`Explained::help`] adds a deploy where the fix needs one.
    help: String,
    /// The end of the function's log.
    pub(crate) log: Vec<String>,
}

/// The kind of a failed invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InvokeErrorKind {
    /// The task answered with this failure, or its job's record has it. The code is part of the error's own.
    Task(FailureCode),
    /// The invocation failed before the task could answer: a crash, the timeout, or an event that the app
    /// doesn't know.
    FunctionError,
    /// The answer is not a task's: an app without tasks, or no lzap app.
    NoReply,
    /// No job has this id.
    NoJob,
    /// The version doesn't exist.
    NoVersion,
}

/// The failure codes, for the reference. A test compares them with those of `lzap-wire`.
pub(crate) const FAILURE_CODES: [FailureCode; 18] = [
    FailureCode::Failed,
    FailureCode::Panicked,
    FailureCode::UnknownTask,
    FailureCode::WrongBuild,
    FailureCode::TooDeep,
    FailureCode::BadInput,
    FailureCode::BadOutput,
    FailureCode::TooLarge,
    FailureCode::TimedOut,
    FailureCode::Crashed,
    FailureCode::Throttled,
    FailureCode::Denied,
    FailureCode::Recursion,
    FailureCode::Unreachable,
    FailureCode::Storage,
    FailureCode::NotFound,
    FailureCode::CostLimit,
    FailureCode::Other,
];

/// The part of an unexpected answer that is shown, in characters: it can be 6 MB, and it is not known what is
/// in it.
const ANSWER_CHARS: usize = 200;

impl InvokeError {
    /// Returns the error for a task that answered that it failed. `known` are the tasks that exist, if it
    /// isn't one of them. `tail` is the command that shows the log.
    pub(super) fn task(
        task: &str,
        failure: &Failure,
        known: &[String],
        tail: &str,
        log: Vec<String>,
    ) -> Self {
        Self {
            kind: InvokeErrorKind::Task(failure.code),
            message: format!("task `{task}` failed: {}", failure.message),
            help: failure_help(task, failure.code, known, tail),
            log,
        }
    }

    /// Returns the error for an invocation that failed as a whole: the process ended, the time was up, an
    /// event was refused.
    pub(super) fn function(reason: &str, tail: &str, log: Vec<String>) -> Self {
        Self {
            kind: InvokeErrorKind::FunctionError,
            message: format!("the function failed: {reason}"),
            help: format!("the log has more: `{tail}`"),
            log,
        }
    }

    /// Returns the error for an answer that isn't a task's, with its beginning. The function may be no lzap
    /// app.
    pub(super) fn no_reply(task: &str, invoked: &Invoked) -> Self {
        let answer: String = String::from_utf8_lossy(&invoked.payload).chars().take(ANSWER_CHARS).collect();
        Self::unexpected(task, &answer, invoked.log.clone())
    }

    /// Returns the error for an answer that does not come from the lzap runtime.
    fn unexpected(task: &str, answer: &str, log: Vec<String>) -> Self {
        Self {
            kind: InvokeErrorKind::NoReply,
            message: format!("the function does not answer for task `{task}` as the lzap runtime does, but with: {answer}"),
            help: "to send any event, use `--raw`; for a task, build the app with the `lzap` crate of the same version as \
                   the `lzap` tool and with its feature `tasks`"
                .to_owned(),
            log,
        }
    }

    /// Returns the error for a job without a record. A record expires with the bucket's lifecycle rule, after
    /// 7 days.
    pub(super) fn no_job(id: &str) -> Self {
        Self {
            kind: InvokeErrorKind::NoJob,
            message: format!("there is no job `{id}`"),
            help: "name the stage that the job was sent in; a job's record is deleted after 7 days"
                .to_owned(),
            log: Vec::new(),
        }
    }

    /// Returns the error for a job whose record says that its last attempt failed.
    pub(super) fn job(record: &JobRecord, tail: &str) -> Self {
        let failure = failure_reason(record);
        Self {
            kind: InvokeErrorKind::Task(failure.code),
            message: format!("{}: {}", job_failed(record), failure.message),
            help: failure_help(&record.task, failure.code, &[], tail),
            log: Vec::new(),
        }
    }

    /// Returns the error for a job that failed before its process could record it: `lost` says by what that
    /// is known.
    pub(super) fn lost(record: &JobRecord, lost: Lost, tail: &str) -> Self {
        let (code, help) = match lost {
            Lost::Killed => (
                FailureCode::Crashed,
                format!("raise `timeout_secs` or `memory_mb`; what it said last: `{tail}`"),
            ),
            Lost::TooOld => {
                (FailureCode::TimedOut, format!("send it again; what it said, if it ever began: `{tail}`"))
            }
        };
        Self {
            kind: InvokeErrorKind::Task(code),
            message: format!("{}: {}", job_failed(record), lost.why()),
            help,
            log: Vec::new(),
        }
    }

    /// Returns one error of each kind, for the reference. Words in capitals stand for names.
    pub(crate) fn examples() -> Vec<Self> {
        let tail = "lzap tail STAGE --since 5m";
        let mut errors: Vec<Self> = FAILURE_CODES
            .into_iter()
            .map(|code| {
                let failure = Failure { code, message: "THE TASK'S MESSAGE".to_owned() };
                Self::task("TASK", &failure, &["OTHER".to_owned()], tail, Vec::new())
            })
            .collect();
        errors.extend([
            Self::function("REASON", tail, Vec::new()),
            Self::unexpected("TASK", "ANSWER", Vec::new()),
            Self::no_job("ID"),
            Self::no_version("VERSION", "STAGE"),
        ]);
        errors
    }

    /// Returns the error for a version that was typed and doesn't exist.
    pub(super) fn no_version(version: &str, stage: &str) -> Self {
        Self {
            kind: InvokeErrorKind::NoVersion,
            message: format!("there is no version `{version}`"),
            help: format!("`lzap history {stage}` shows those that exist"),
            log: Vec::new(),
        }
    }
}

/// Returns the failure of the last attempt, from the job's record.
pub(super) fn failure_reason(record: &JobRecord) -> Failure {
    let unknown = || Failure { code: FailureCode::Failed, message: "no reason given".to_owned() };
    record.error.clone().unwrap_or_else(unknown)
}

/// Returns the beginning of the message for a failed job.
fn job_failed(record: &JobRecord) -> String {
    let attempts =
        if record.attempt > 1 { format!(" after {} attempts", record.attempt) } else { String::new() };
    format!("job {} of task `{}` failed{attempts}", record.job, record.task)
}

/// Returns what to type after a failure of a task. `known` are the tasks that the app registers.
fn failure_help(task: &str, code: FailureCode, known: &[String], tail: &str) -> String {
    let text = match code {
        FailureCode::UnknownTask => {
            let near = nearest(task, known.iter().map(String::as_str));
            let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            let there = if known.is_empty() { "no task".to_owned() } else { known.join(", ") };
            return format!("{near}the app registers: {there}; add others with `.task({task})`");
        }
        FailureCode::Failed => return format!("fix the task, or its data; the log has more: `{tail}`"),
        FailureCode::Panicked => return format!("the log has the place: `{tail}`"),
        FailureCode::Crashed => {
            return format!(
                "the process ended by itself, or its memory was used up: raise `memory_mb`; the log: `{tail}`"
            );
        }
        FailureCode::BadInput => "write a `--data` that fits the task's argument",
        FailureCode::BadOutput => "change the type that the task returns to one that serde can write as JSON",
        FailureCode::WrongBuild => "send it again",
        FailureCode::TooDeep => "let each task `spawn` the next one instead of waiting for it",
        FailureCode::Recursion => "end the chain of calls after a few invocations",
        FailureCode::TimedOut => {
            "raise `timeout_secs`, up to 900; longer work has to be split, as a `map` or as tasks that `spawn` the next"
        }
        FailureCode::TooLarge => "pass the key of an S3 object instead of the data itself",
        FailureCode::Throttled => {
            "call it later, or ask AWS for a higher concurrency limit; `lzap doctor` shows the limit"
        }
        FailureCode::Denied => "allow it with `role_statements` in lzap.toml",
        FailureCode::Unreachable => "call it again if the task may run twice",
        FailureCode::CostLimit => "send fewer items, or raise the map's `max_cost` or `max_invocations`",
        FailureCode::NotFound => "check the bucket and the key, or the id, that the task uses",
        FailureCode::Storage => {
            "check that the bucket exists, and that `role_statements` in lzap.toml allows its objects"
        }
        _ => {
            return format!(
                "the app's `lzap` crate is newer than this tool: update the tool; the log has more: `{tail}`"
            );
        }
    };
    text.to_owned()
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for InvokeError {}

impl Explained for InvokeError {
    fn code(&self) -> Cow<'static, str> {
        match self.kind {
            InvokeErrorKind::Task(code) => format!("lzap::task::{}", code.as_str()).into(),
            InvokeErrorKind::FunctionError => "lzap::invoke::function_error".into(),
            InvokeErrorKind::NoReply => "lzap::invoke::no_reply".into(),
            InvokeErrorKind::NoJob => "lzap::job::none".into(),
            InvokeErrorKind::NoVersion => "lzap::invoke::no_version".into(),
        }
    }

    fn exit(&self) -> Exit {
        Exit::Failed
    }

    fn why(&self) -> Cow<'static, str> {
        let why = match self.kind {
            InvokeErrorKind::Task(code) => why_task_failed(code),
            InvokeErrorKind::FunctionError => {
                "The process crashed or exited, the timeout passed, or the function refused the event."
            }
            InvokeErrorKind::NoReply => {
                "The deployed function is no lzap app, or its version of the crate `lzap` doesn't know tasks."
            }
            InvokeErrorKind::NoJob => {
                "No record of this id is in the stage's bucket: wrong stage, or deleted."
            }
            InvokeErrorKind::NoVersion => "The version was never published, or a later deploy deleted it.",
        };
        why.into()
    }

    fn help(&self, command: &CommandContext) -> String {
        let help = &self.help;
        match self.kind {
            InvokeErrorKind::Task(FailureCode::Denied) | InvokeErrorKind::NoReply => {
                format!("{help}, then type `{}`", command.for_stage("deploy"))
            }
            _ => help.clone(),
        }
    }
}

/// Returns the likely cause of a task's failure.
fn why_task_failed(code: FailureCode) -> &'static str {
    match code {
        FailureCode::Failed => "The task ran and returned an error.",
        FailureCode::Panicked => "The task ran and panicked.",
        FailureCode::UnknownTask => {
            "The app registers no task of this name, for example because an older version is deployed."
        }
        FailureCode::WrongBuild => {
            "A deploy between the call and its execution changed the task's data types."
        }
        FailureCode::TooDeep => {
            "Tasks that call tasks form a chain, which AWS stops after about 16 invocations."
        }
        FailureCode::BadInput => "The data can't be decoded as the task's argument.",
        FailureCode::BadOutput => {
            "The task's result can't be encoded, for example a map whose keys are no strings."
        }
        FailureCode::TooLarge => "Lambda limits the size of an event and of an answer.",
        FailureCode::TimedOut => {
            "The function's timeout or the caller's deadline passed before the task ended."
        }
        FailureCode::Crashed => "The function's process used up its memory, or exited.",
        FailureCode::Throttled => "Lambda throttled all attempts until the caller's deadline.",
        FailureCode::Denied => {
            "The function's role lacks a permission to invoke the function or to use the bucket."
        }
        FailureCode::Recursion => "AWS detected that the function invokes itself in a loop, and stopped it.",
        FailureCode::Unreachable => {
            "The connection to AWS failed. If the response was lost, the task may have run."
        }
        FailureCode::Storage => {
            "S3 refused to write or to read an object that carries data between invocations."
        }
        FailureCode::NotFound => "The object or the job that the task asked for doesn't exist.",
        FailureCode::CostLimit => {
            "A map reached the maximum cost or number of invocations that its caller set."
        }
        // Also the codes of a newer runtime crate.
        _ => {
            "The app's runtime crate is newer than this tool, and reports a failure that the tool doesn't know."
        }
    }
}
