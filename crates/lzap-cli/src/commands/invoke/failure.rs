//! What went wrong in the function: said with the task's own code, and with what to do next.

use std::error::Error;
use std::fmt;

use lzap_aws::Invoked;
use lzap_core::config::nearest;
use lzap_wire::job::JobRecord;
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
    pub(super) fn task(task: &str, failure: &Failure, known: &[String], log: Vec<String>) -> Self {
        Self {
            code: format!("lzap::task::{}", failure.code.as_str()),
            message: format!("task `{task}` failed: {}", failure.message),
            help: help(task, failure.code, known),
            log,
        }
    }

    /// The invocation itself failed: the process ended, the time was up, an event was refused.
    pub(super) fn function(reason: &str, log: Vec<String>) -> Self {
        Self {
            code: "lzap::invoke::function_error".to_owned(),
            message: format!("the function failed: {reason}"),
            help: "the log has more: `lzap tail --since 5m`".to_owned(),
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
    pub(super) fn job(record: &JobRecord) -> Self {
        let failure = record.error.clone();
        let failure =
            failure.unwrap_or(Failure { code: FailureCode::Failed, message: "no reason given".to_owned() });
        let attempts =
            if record.attempt > 1 { format!(" after {} attempts", record.attempt) } else { String::new() };
        Self {
            code: format!("lzap::task::{}", failure.code.as_str()),
            message: format!(
                "job {} of task `{}` failed{attempts}: {}",
                record.job, record.task, failure.message
            ),
            help: help(&record.task, failure.code, &[]),
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

fn help(task: &str, code: FailureCode, known: &[String]) -> String {
    match code {
        FailureCode::UnknownTask => {
            let near = nearest(task, known.iter().map(String::as_str));
            let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            let there = if known.is_empty() { "no task".to_owned() } else { known.join(", ") };
            format!("{near}the app registers: {there}; add others with `.task({task})`")
        }
        FailureCode::BadInput => "the data isn't what the task takes: write another `--data`".to_owned(),
        FailureCode::WrongBuild => "the sender was of another build: send it again".to_owned(),
        FailureCode::TooDeep => "too many tasks wait for one another: let one `spawn` the next".to_owned(),
        FailureCode::TimedOut => "raise `timeout_secs`, or make it a job: `--spawn`".to_owned(),
        FailureCode::TooLarge => "pass the key of an S3 object instead of the data itself".to_owned(),
        _ => "the task's own code decided so; the log has more: `lzap tail --since 5m`".to_owned(),
    }
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
