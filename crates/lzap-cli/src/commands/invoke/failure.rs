//! What went wrong in the function: said with the task's own code, and with what to do next.

use std::error::Error;
use std::fmt;

use lzap_aws::Invoked;
use lzap_core::config::nearest;
use lzap_wire::job::{JobRecord, Lost};
use lzap_wire::task::{Failure, FailureCode};
use miette::Diagnostic;

/// The function was reached, and it failed, or what was asked for isn't there.
#[derive(Debug)]
pub(crate) struct InvokeError {
    code: String,
    message: String,
    help: String,
    /// The end of the function's log.
    pub(crate) log: Vec<String>,
}

/// How much of an unexpected answer a person wants to see.
const ANSWER_CHARS: usize = 200;

impl InvokeError {
    /// The task answered that it failed. `known` are the tasks there are, where it isn't one of them.
    /// `tail` is the command that shows the log.
    pub(super) fn task(
        task: &str,
        failure: &Failure,
        known: &[String],
        tail: &str,
        log: Vec<String>,
    ) -> Self {
        Self {
            code: format!("lzap::task::{}", failure.code.as_str()),
            message: format!("task `{task}` failed: {}", failure.message),
            help: help(task, failure.code, known, tail),
            log,
        }
    }

    /// The invocation itself failed: the process ended, the time was up, an event was refused.
    pub(super) fn function(reason: &str, tail: &str, log: Vec<String>) -> Self {
        Self {
            code: "lzap::invoke::function_error".to_owned(),
            message: format!("the function failed: {reason}"),
            help: format!("the log has more: `{tail}`"),
            log,
        }
    }

    /// Something answered, but not a task.
    pub(super) fn no_reply(task: &str, invoked: &Invoked) -> Self {
        let answer: String = String::from_utf8_lossy(&invoked.payload).chars().take(ANSWER_CHARS).collect();
        Self {
            code: "lzap::invoke::no_reply".to_owned(),
            message: format!("the function does not answer for task `{task}` as the lzap runtime does, but with: {answer}"),
            help: "build the app with the `lzap` crate of the same version as the `lzap` tool, with its feature `tasks`, \
                   and deploy again; to send any event, use `--raw`"
                .to_owned(),
            log: invoked.log.clone(),
        }
    }

    /// There is no record.
    pub(super) fn no_job(id: &str) -> Self {
        Self {
            code: "lzap::job::none".to_owned(),
            message: format!("there is no job `{id}`"),
            help: "a job's record is kept for 7 days, and belongs to the stage that it was sent in: name that stage"
                .to_owned(),
            log: Vec::new(),
        }
    }

    /// The job ended in failure.
    pub(super) fn job(record: &JobRecord, tail: &str) -> Self {
        let failure = reason(record);
        Self {
            code: format!("lzap::task::{}", failure.code.as_str()),
            message: format!("{}: {}", job_failed(record), failure.message),
            help: help(&record.task, failure.code, &[], tail),
            log: Vec::new(),
        }
    }

    /// The job ended in failure, and nobody was left to write so.
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
            code: format!("lzap::task::{}", code.as_str()),
            message: format!("{}: {}", job_failed(record), lost.why()),
            help,
            log: Vec::new(),
        }
    }

    /// There is no such version.
    pub(super) fn no_version(version: &str, stage: &str) -> Self {
        Self {
            code: "lzap::invoke::no_version".to_owned(),
            message: format!("there is no version `{version}`"),
            help: format!("`lzap history {stage}` shows those that exist"),
            log: Vec::new(),
        }
    }
}

/// Why the last attempt failed, as the record says.
pub(super) fn reason(record: &JobRecord) -> Failure {
    let unknown = || Failure { code: FailureCode::Failed, message: "no reason given".to_owned() };
    record.error.clone().unwrap_or_else(unknown)
}

fn job_failed(record: &JobRecord) -> String {
    let attempts =
        if record.attempt > 1 { format!(" after {} attempts", record.attempt) } else { String::new() };
    format!("job {} of task `{}` failed{attempts}", record.job, record.task)
}

fn help(task: &str, code: FailureCode, known: &[String], tail: &str) -> String {
    let text = match code {
        FailureCode::UnknownTask => {
            let near = nearest(task, known.iter().map(String::as_str));
            let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            let there = if known.is_empty() { "no task".to_owned() } else { known.join(", ") };
            return format!("{near}the app registers: {there}; add others with `.task({task})`");
        }
        FailureCode::Failed => return format!("the task's own code decided so; the log has more: `{tail}`"),
        FailureCode::Panicked => return format!("the log has the place: `{tail}`"),
        FailureCode::Crashed => {
            return format!(
                "the process ended by itself, or its memory was used up: raise `memory_mb`; the log: `{tail}`"
            );
        }
        FailureCode::BadInput => "the data isn't what the task takes: write another `--data`",
        FailureCode::BadOutput => {
            "what the task gave can't be written as JSON: change the type that it returns"
        }
        FailureCode::WrongBuild => "the sender was of another build: send it again",
        FailureCode::TooDeep => "too many tasks wait for one another: let one `spawn` the next",
        FailureCode::Recursion => {
            "AWS stops a task that calls itself on and on: end the chain after a few calls"
        }
        FailureCode::TimedOut => {
            "raise `timeout_secs`, up to 900; longer work has to be split, as a `map` or as tasks that `spawn` the next"
        }
        FailureCode::TooLarge => "pass the key of an S3 object instead of the data itself",
        FailureCode::Throttled => {
            "as many Lambdas run as the account may have: call it later, or have AWS raise the quota; `lzap doctor` shows it"
        }
        FailureCode::Denied => {
            "the function's role may not do it: allow it with `role_statements` in lzap.toml, and deploy again"
        }
        FailureCode::Unreachable => {
            "the network failed on the way: call it again, but the task may have run already"
        }
        FailureCode::NotFound => "an object that the task wanted isn't there: is its address right?",
        FailureCode::Storage => {
            "S3 refused an object: see that the bucket exists, and that `role_statements` in lzap.toml allows its objects"
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

impl Diagnostic for InvokeError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.help))
    }
}
