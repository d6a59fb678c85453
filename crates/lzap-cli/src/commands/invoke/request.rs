//! From the arguments to a request; every mistake in it is reported before anything is called.

use std::io::Read;

use lzap_core::settings::LOCAL;
use lzap_wire::limits::{ASYNC_PAYLOAD_BYTES, SYNC_PAYLOAD_BYTES};
use lzap_wire::task::{Mode, TaskEvent, TaskHead};
use serde_json::Value;

use crate::cli::InvokeArgs;
use crate::commands::tail::pattern::job_id;
use crate::error::{CliError, UsageKind};

/// The request of the command line, and its stage.
pub(super) struct Request {
    /// The stage that was typed; `None` for the default stage.
    pub(super) stage: Option<String>,
    pub(super) what: What,
}

/// The kind of request.
#[derive(Debug)]
pub(super) enum What {
    /// A task is called: its name, and its event as JSON text.
    Task { task: String, payload: String },
    /// An event is sent as it is.
    Event(String),
    /// A job is looked at.
    Job(String),
}

impl Request {
    /// Reads and checks the arguments, and the file or stdin that they name.
    ///
    /// # Errors
    /// No task is named, the data is no JSON, a file can't be read, the event is too large, an id isn't one.
    pub(super) fn read(args: &InvokeArgs) -> Result<Self, CliError> {
        if let Some(id) = &args.job {
            return Ok(Self { stage: read_stage(args)?, what: What::Job(job_id(id)?) });
        }
        if let Some(raw) = &args.raw {
            let event = read_argument("--raw", raw)?;
            parse_json("--raw", &event)?;
            check_size(&event, args.spawn)?;
            return Ok(Self { stage: read_stage(args)?, what: What::Event(event) });
        }
        // One name alone is the task's, unless it is `local`: every project has this stage.
        let (stage, task) = match (&args.first, &args.second) {
            (Some(stage), None) if stage == LOCAL => {
                return Err(CliError::usage(
                    UsageKind::NoTask,
                    "`local` is a stage",
                    "name the task as well: `lzap invoke local TASK`",
                ));
            }
            (Some(task), None) => (None, task.clone()),
            (stage, Some(task)) => (stage.clone(), task.clone()),
            (None, None) => {
                return Err(CliError::usage(
                    UsageKind::NoTask,
                    "no task is named",
                    "type `lzap invoke [STAGE] TASK`, or `--raw`, or `--job`",
                ));
            }
        };
        let data = match &args.data {
            Some(data) => parse_json("--data", &read_argument("--data", data)?)?,
            None => Value::Null,
        };
        let mode = if args.spawn { Mode::Spawn } else { Mode::Call };
        let event = TaskEvent::new(TaskHead::new(task.as_str()).mode(mode), data);
        let payload = serde_json::to_string(&event).map_err(|error| {
            CliError::usage(UsageKind::NotJson, "the data can't be sent", error.to_string())
        })?;
        check_size(&payload, args.spawn)?;
        Ok(Self { stage, what: What::Task { task, payload } })
    }
}

/// Returns the stage, for a request without a task.
fn read_stage(args: &InvokeArgs) -> Result<Option<String>, CliError> {
    match &args.second {
        None => Ok(args.first.clone()),
        Some(more) => Err(CliError::usage(
            UsageKind::TooManyNames,
            format!("`{more}` is one name too many"),
            "with `--raw` or `--job`, name only the stage",
        )),
    }
}

/// Returns the argument itself, the text of the file for `@FILE`, or of stdin for `-`. Stdin is read to its
/// end, which blocks on a terminal until Ctrl-D.
fn read_argument(option: &str, argument: &str) -> Result<String, CliError> {
    if argument == "-" {
        let mut text = String::new();
        let what = format!("could not read stdin for `{option}`");
        let read = std::io::stdin().read_to_string(&mut text);
        return read.map(|_| text).map_err(|source| CliError::Io { what, source });
    }
    let Some(path) = argument.strip_prefix('@') else { return Ok(argument.to_owned()) };
    let unreadable = |source| CliError::Argument { argument: format!("{option} {argument}"), source };
    fs_err::read_to_string(path).map_err(unreadable)
}

/// Parses the value of an option as JSON. The help shows the quotes, because the shell often removes them.
fn parse_json(option: &str, text: &str) -> Result<Value, CliError> {
    serde_json::from_str(text).map_err(|error| {
        CliError::usage(
            UsageKind::NotJson,
            format!("`{option}` is not JSON: {error}"),
            "write `'{\"days\": 30}'`; a text needs its own quotes: `'\"text\"'`; a file is `@FILE`, stdin is `-`",
        )
    })
}

/// Fails if the event exceeds Lambda's limit, which is lower for an asynchronous invocation: 1 MB against 6
/// MB.
fn check_size(payload: &str, queued: bool) -> Result<(), CliError> {
    let (limit, what) =
        if queued { (ASYNC_PAYLOAD_BYTES, "event that is queued") } else { (SYNC_PAYLOAD_BYTES, "event") };
    if payload.len() as u64 <= limit {
        return Ok(());
    }
    Err(CliError::usage(
        UsageKind::EventTooLarge,
        format!("the event has {} bytes", payload.len()),
        format!("AWS allows {limit} for an {what}: put the data into a bucket, and send its key"),
    ))
}

#[cfg(test)]
mod tests {
    use lzap_core::explain::Explained as _;

    use super::*;
    use crate::exit::Exit;

    fn args(names: &[&str]) -> InvokeArgs {
        InvokeArgs {
            first: names.first().map(|&name| name.to_owned()),
            second: names.get(1).map(|&name| name.to_owned()),
            data: None,
            raw: None,
            job: None,
            wait: false,
            spawn: false,
            logs: false,
            version: None,
        }
    }

    #[test]
    fn one_name_is_the_task_and_two_are_stage_and_task() {
        let read = |names: &[&str]| match Request::read(&args(names)) {
            Ok(Request { stage, what: What::Task { task, .. } }) => Some((stage, task)),
            _ => None,
        };
        assert_eq!(read(&["cleanup"]), Some((None, "cleanup".to_owned())));
        assert_eq!(read(&["dev", "cleanup"]), Some((Some("dev".to_owned()), "cleanup".to_owned())));
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["local"]), None, "every project has this stage, so it is meant");
        let raw = InvokeArgs { raw: Some("{}".to_owned()), ..args(&["dev"]) };
        assert!(
            matches!(Request::read(&raw), Ok(Request { stage: Some(stage), what: What::Event(_) }) if stage == "dev")
        );
        let many = InvokeArgs { raw: Some("{}".to_owned()), ..args(&["dev", "cleanup"]) };
        assert!(Request::read(&many).is_err());
    }

    #[test]
    fn what_can_not_be_sent_is_told_before_anything_is_called() {
        let large = |bytes: usize| Some(format!("\"{}\"", "x".repeat(bytes)));
        for (wrong, part) in [
            (InvokeArgs { data: Some("{days: 1}".to_owned()), ..args(&["a"]) }, "`--data` is not JSON"),
            (
                InvokeArgs { data: Some("@/nowhere".to_owned()), ..args(&["a"]) },
                "could not read `--data @/nowhere`",
            ),
            (InvokeArgs { data: large(6 << 20), ..args(&["a"]) }, "the event has 6291"),
            (InvokeArgs { data: large(1 << 20), spawn: true, ..args(&["a"]) }, "the event has 1048"),
            (InvokeArgs { job: Some("../lock".to_owned()), ..args(&[]) }, "is not the id of a job"),
        ] {
            let error = Request::read(&wrong).err().expect(part);
            assert!(error.to_string().contains(part), "{error}");
            assert_eq!(error.exit(), Exit::Usage, "{error}");
        }
        let fine = InvokeArgs { data: large(1 << 20), ..args(&["a"]) };
        assert!(Request::read(&fine).is_ok(), "a call takes six times as much");
    }
}
