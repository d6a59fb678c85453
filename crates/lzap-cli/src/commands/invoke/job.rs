//! A job's record: looked at once, or until the job is over.
//!
//! The record is an object in the stage's bucket that the runtime crate writes; each look at it is one
//! `GetObject`. The states, and the time after which a job counts as lost, are `lzap_wire::job`'s.

use std::time::Duration;

use jiff::Timestamp;
use lzap_aws::read_job;
use lzap_wire::job::{JobRecord, State};
use serde_json::{Value, json};

use super::failure::{InvokeError, failure_reason};
use super::{Call, Target};
use crate::error::CliError;

/// The pause between two reads of a job's record: shorter than the embedded cloud's pause between two attempts.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Call<'_> {
    /// Prints the state of a job and returns its record; with `--wait`, once the job is over. A failed job is
    /// an error, as a failed task is.
    pub(super) async fn show_job(self, id: &str) -> Result<Value, CliError> {
        let printer = self.context.printer;
        let mut attempt = 0;
        let record = loop {
            let record = self.read_record(id).await?;
            if !self.args.wait || is_over(&record, now_ms()) {
                break record;
            }
            // Each failed attempt is reported once, not at each read.
            if record.state == State::Retrying && record.attempt > attempt {
                attempt = record.attempt;
                printer.print_status("Retrying", format_args!("job {id}: {}", describe_retry(&record)));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        let log = self.tail_command(&format!("--job {id} --since 1d"));
        // A process that was killed could not record its end, so time decides.
        if let Some(lost) = record.lost(now_ms()) {
            return Err(InvokeError::lost(&record, lost, &log).into());
        }
        if record.state == State::Failed {
            return Err(InvokeError::job(&record, &log).into());
        }
        printer
            .print_status("Job", format_args!("{id} of task `{}`: {}", record.task, describe_job(&record)));
        match (record.state, &record.result) {
            (State::Done, result) => {
                let result = result.clone().unwrap_or(Value::Null);
                printer.print_data(format_args!("{result:#}\n"));
            }
            (state, _) => printer.print_data(format_args!("{}\n", state.as_str())),
        }
        Ok(job_document(&record))
    }

    /// Reads the record of a job from the bucket; one that doesn't exist is an error.
    async fn read_record(self, id: &str) -> Result<JobRecord, CliError> {
        let Target { clients, names } = self.target;
        let record = read_job(clients, names, id).await?;
        record.ok_or_else(|| InvokeError::no_job(id).into())
    }
}

/// Returns whether the record can't change any more: its state is final, or its process can't be alive at
/// this time.
fn is_over(record: &JobRecord, now_ms: u64) -> bool {
    record.state.is_final() || record.lost(now_ms).is_some()
}

/// Returns the record as the JSON document on stdout. Times are in milliseconds since 1970; fields that the
/// record lacks are null.
fn job_document(record: &JobRecord) -> Value {
    json!({
        "job": record.job,
        "task": record.task,
        "state": record.state.as_str(),
        "attempt": record.attempt,
        "attempts": record.attempts,
        "queued_ms": record.queued_ms,
        "started_ms": record.started_ms,
        "ended_ms": record.ended_ms,
        "result": record.result,
        "error": record.error,
    })
}

/// Returns `done in 1200 ms, attempt 2`; for a job that is tried again, why.
fn describe_job(record: &JobRecord) -> String {
    if record.state == State::Retrying {
        return describe_retry(record);
    }
    let took = record.started_ms.zip(record.ended_ms).map(|(began, ended)| ended.saturating_sub(began));
    let took = took.map(|ms| format!(" in {ms} ms")).unwrap_or_default();
    let attempt = if record.attempt > 1 { format!(", attempt {}", record.attempt) } else { String::new() };
    format!("{}{took}{attempt}", record.state.as_str())
}

/// Returns the attempt that failed, the reason, and the next step. The embedded cloud takes a second for each of
/// AWS's minutes.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html> (read 2026-11).
fn describe_retry(record: &JobRecord) -> String {
    let after = if record.attempt > 1 { "two minutes" } else { "a minute" };
    format!(
        "attempt {} of {} failed: {}; Lambda tries again, on AWS after about {after}",
        record.attempt,
        record.attempts,
        failure_reason(record).message
    )
}

/// Returns the time in milliseconds since 1970, by this machine's clock, which is the embedded cloud's too.
fn now_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use lzap_wire::task::{Failure, FailureCode};

    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn record(state: State, attempt: u32) -> JobRecord {
        let error = (state == State::Retrying)
            .then(|| Failure { code: FailureCode::Failed, message: "it is locked".to_owned() });
        let deadline_ms = Some(30_000);
        JobRecord { state, attempt, deadline_ms, error, ..JobRecord::queued(ID, "cleanup", 0) }
    }

    #[test]
    fn a_job_is_waited_for_until_nothing_can_come_any_more() {
        for (state, attempt, now_ms, over) in [
            (State::Queued, 0, 60_000, false),
            (State::Running, 1, 20_000, false),
            (State::Retrying, 1, 60_000, false),
            (State::Running, 2, 60_000, false),
            (State::Running, 3, 20_000, false),
            (State::Running, 3, 60_000, true),
            (State::Done, 1, 20_000, true),
            (State::Failed, 3, 20_000, true),
        ] {
            assert_eq!(is_over(&record(state, attempt), now_ms), over, "{state:?} {attempt} {now_ms}");
        }
    }

    #[test]
    fn a_failed_attempt_is_told_with_its_reason() {
        assert_eq!(
            describe_job(&record(State::Retrying, 1)),
            "attempt 1 of 3 failed: it is locked; Lambda tries again, on AWS after about a minute"
        );
        let second = describe_job(&record(State::Retrying, 2));
        assert!(second.ends_with("about two minutes"), "{second}");
        let done = JobRecord { started_ms: Some(5), ended_ms: Some(8), ..record(State::Done, 2) };
        assert_eq!(describe_job(&done), "done in 3 ms, attempt 2");
    }
}
