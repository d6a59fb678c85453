//! `lzap invoke`: a task is called, an event is sent, a job is looked at; what came of it is on stdout.
//!
//! `request` reads the arguments, `job` shows jobs, `failure` has the errors. The formats of events and
//! replies are the runtime crate's: see `lzap_wire`.

mod failure;
mod job;
mod request;

use lzap_aws::{Invocation, Invoked, Wait, invoke};
use lzap_core::names::ALIAS;
use lzap_wire::envelope::{Kind, Reply, event};
use lzap_wire::task::{Failure, FailureCode, TaskReply};
use serde_json::{Value, json};

use crate::cli::InvokeArgs;
use crate::context::{Context, Target};
use crate::error::{CliError, Resume};
use crate::exit::Exit;
use crate::ui::report;
use crate::ui::text::strip_control_characters;

pub(crate) use failure::InvokeError;
use request::{Request, What};

/// Invokes a task or sends an event, or shows a job. A failed task is an error (exit code 1) with the task's
/// own message.
pub(crate) async fn run(context: &Context, args: &InvokeArgs) -> Result<Exit, CliError> {
    let Request { stage, what } = Request::read(args)?;
    let settings = context.load_config(stage.as_deref())?.deployed_settings(context, stage.as_deref())?;
    let target = Target::connect(context, &settings).await?;
    let call = Call { context, target: &target, args };
    let document = match &what {
        What::Job(id) => call.show_job(id).await?,
        What::Task { task, payload } if args.spawn => call.queue_event(Some(task), payload).await?,
        What::Task { task, payload } => call.call_task(task, payload).await?,
        What::Event(payload) if args.spawn => call.queue_event(None, payload).await?,
        What::Event(payload) => call.send_event(payload).await?,
    };
    context.printer.print_json(&report::add_fields(report::place_fields(&target.names), document));
    Ok(Exit::Done)
}

/// Returns the work that goes on after Ctrl-C: an invocation can't be canceled.
pub(super) fn after_interrupt(args: &InvokeArgs) -> Resume {
    if args.job.is_some() { Resume::WatchesJob } else { Resume::InvokesAgain }
}

/// A call to a stage.
#[derive(Clone, Copy)]
struct Call<'a> {
    context: &'a Context,
    target: &'a Target,
    args: &'a InvokeArgs,
}

impl Call<'_> {
    /// Calls a task, prints its result, and returns the JSON document. One invocation; a second one if the
    /// task is unknown, to list those that exist.
    async fn call_task(self, task: &str, payload: &str) -> Result<Value, CliError> {
        let invoked = self.invoke_and_check(payload).await?;
        let reply = serde_json::from_slice(&invoked.payload).ok().as_ref().and_then(TaskReply::parse);
        let reply = reply.ok_or_else(|| InvokeError::no_reply(task, &invoked))?;
        match reply.outcome() {
            Ok(result) => {
                self.context.printer.print_data(format_args!("{result:#}\n"));
                Ok(self.result_document(&invoked, json!({"task": task, "result": result})))
            }
            Err(failure) => {
                // One more invocation, only for the help of this error.
                let known = self.known_tasks(&failure).await;
                let tail = self.tail_command("--since 5m");
                Err(InvokeError::task(task, &failure, &known, &tail, invoked.log).into())
            }
        }
    }

    /// Sends an event, prints the answer of the function as it is, and returns the JSON document.
    async fn send_event(self, payload: &str) -> Result<Value, CliError> {
        let invoked = self.invoke_and_check(payload).await?;
        let text = String::from_utf8_lossy(&invoked.payload).into_owned();
        self.context.printer.print_data(format_args!("{text}\n"));
        // The function may answer any bytes; only text and JSON fit into the document.
        let payload = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(self.result_document(&invoked, json!({"payload": payload})))
    }

    /// Sends an event as an asynchronous invocation. Lambda answers when it has queued it: the request id is
    /// all there is to print.
    async fn queue_event(self, task: Option<&str>, payload: &str) -> Result<Value, CliError> {
        let invoked = self.invoke_version(payload, Wait::Queued).await?;
        self.context.printer.print_data(format_args!("{}\n", invoked.request_id));
        Ok(json!({"task": task, "request_id": invoked.request_id}))
    }

    /// Returns the answer of a function that didn't fail. Shows the end of its log with `--logs`.
    ///
    /// Lambda answers 200 for a function that failed too, and says so in a header: that is `function_error`
    /// here.
    async fn invoke_and_check(self, payload: &str) -> Result<Invoked, CliError> {
        let invoked = self.invoke_version(payload, Wait::Answer).await?;
        if let Some(reason) = &invoked.function_error {
            let tail = self.tail_command("--since 5m");
            return Err(InvokeError::function(reason, &tail, invoked.log).into());
        }
        if self.args.logs {
            let log = strip_control_characters(&invoked.log.join("\n"));
            self.context.printer.print_note(&format!("{log}\n"));
        }
        Ok(invoked)
    }

    /// Invokes the version that was typed, else the live one. A missing function and a missing version both
    /// are a 404; which of them it is depends on what was asked for.
    async fn invoke_version(self, payload: &str, wait: Wait) -> Result<Invoked, CliError> {
        let Target { clients, names } = self.target;
        let version = self.args.version.as_deref();
        let invocation = Invocation { qualifier: version.unwrap_or(ALIAS), payload, wait };
        match (invoke(clients, names, invocation).await?, version) {
            (Some(invoked), _) => Ok(invoked),
            (None, None) => Err(CliError::not_deployed(names)),
            (None, Some(version)) => Err(InvokeError::no_version(version, &names.stage).into()),
        }
    }

    /// Returns the tasks that the app registers, if the failure is an unknown task; none for other failures,
    /// and if the app doesn't list them.
    async fn known_tasks(self, failure: &Failure) -> Vec<String> {
        if failure.code != FailureCode::UnknownTask {
            return Vec::new();
        }
        // A probe makes the version list its tasks.
        let probed = self.invoke_version(&event(Kind::Probe).to_string(), Wait::Answer).await.ok();
        let reply = probed.and_then(|it| serde_json::from_slice(&it.payload).ok());
        reply.as_ref().and_then(Reply::parse).map(|reply| reply.tasks).unwrap_or_default()
    }

    /// Returns the command that shows the stage's log.
    fn tail_command(self, options: &str) -> String {
        format!("lzap tail {} {options}", self.target.names.stage)
    }

    /// Returns `fields` with those that every answered invocation has.
    fn result_document(self, invoked: &Invoked, fields: Value) -> Value {
        let common = json!({"version": invoked.version, "request_id": invoked.request_id});
        let log = if self.args.logs { json!({"log": invoked.log}) } else { json!({}) };
        report::add_fields(report::add_fields(fields, common), log)
    }
}
