//! `lzap local …`: the embedded cloud as a background process.

use std::path::PathBuf;
use std::process::Command;

use lzap_core::text::count;
use lzap_local::{CloudStatus, ServeOptions, default_state_dir};
use serde_json::json;

use crate::cli::{LocalCommand, StartArgs};
use crate::context::{Context, absolute};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::ask;

pub(crate) async fn run(context: &Context, command: LocalCommand) -> Result<Exit, CliError> {
    match command {
        LocalCommand::Start(args) => start(context, args).await,
        LocalCommand::Stop => stop(context).await,
        LocalCommand::Status => status(context).await,
        LocalCommand::Reset => reset(context).await,
        LocalCommand::Serve(args) => {
            if args.detached {
                lzap_local::detach();
            }
            let StartArgs { port, concurrency, environment_concurrency } = args.start;
            let state_dir = state_dir();
            lzap_local::serve(ServeOptions { state_dir, port, concurrency, environment_concurrency }).await?;
            Ok(Exit::Done)
        }
    }
}

fn state_dir() -> PathBuf {
    absolute(&default_state_dir(|name| std::env::var_os(name)))
}

/// The running cloud; started first where it isn't running.
pub(crate) async fn ensure_running(context: &Context) -> Result<CloudStatus, CliError> {
    if let Some(status) = lzap_local::status(&state_dir()).await? {
        return Ok(status);
    }
    let port = std::env::var(lzap_wire::env::LZAP_LOCAL_PORT).ok().and_then(|port| port.parse().ok());
    let started = lzap_local::start(&state_dir(), port, server()?).await?;
    context.printer.status("Started", format_args!("the embedded cloud on {}", started.status.endpoint));
    Ok(started.status)
}

/// The endpoint of the running cloud; `None` when it isn't running.
pub(crate) async fn is_running() -> Result<Option<String>, CliError> {
    Ok(lzap_local::status(&state_dir()).await?.map(|status| status.endpoint))
}

/// This very program, serving.
fn server() -> Result<Command, CliError> {
    let program = std::env::current_exe()
        .map_err(|source| CliError::Io { what: "could not find this program".to_owned(), source })?;
    let mut command = Command::new(program);
    command.args(["local", "serve", "--detached"]).env_remove(lzap_wire::env::LZAP_LOCAL_PORT);
    Ok(command)
}

async fn start(context: &Context, args: StartArgs) -> Result<Exit, CliError> {
    let mut command = server()?;
    if let Some(port) = args.port {
        command.arg("--port").arg(port.to_string());
    }
    if let Some(concurrency) = args.concurrency {
        command.arg("--concurrency").arg(concurrency.to_string());
    }
    if let Some(concurrency) = args.environment_concurrency {
        command.arg("--environment-concurrency").arg(concurrency.to_string());
    }
    let started = lzap_local::start(&state_dir(), args.port, command).await?;
    let running = started.status.environment_concurrency;
    if let Some(wanted) = args.environment_concurrency.filter(|wanted| *wanted != running) {
        context.printer.warning(format_args!(
            "each environment takes {} at once, not {wanted}: run `lzap local stop`, then this command again",
            count(running, "invocation")
        ));
    }
    if let Some(wanted) = args.concurrency.filter(|wanted| *wanted != started.status.concurrency) {
        context.printer.warning(format_args!(
            "it runs {} invocations at once, not {wanted}: {}",
            started.status.concurrency,
            if started.already_running {
                "`lzap local stop` it first"
            } else {
                "that is what this machine carries"
            }
        ));
    }
    let verb = if started.already_running { "Running" } else { "Started" };
    context.printer.status(verb, format_args!("the embedded cloud on {}", started.status.endpoint));
    show(context, &started.status);
    Ok(Exit::Done)
}

async fn stop(context: &Context) -> Result<Exit, CliError> {
    let stopped = lzap_local::stop(&state_dir()).await?;
    let text =
        if stopped { "the embedded cloud; what is deployed stays" } else { "already: it was not running" };
    context.printer.status("Stopped", text);
    context.printer.json(&json!({"running": false, "stopped": stopped}));
    Ok(Exit::Done)
}

async fn status(context: &Context) -> Result<Exit, CliError> {
    let Some(status) = lzap_local::status(&state_dir()).await? else {
        context.printer.data("not running (start it with `lzap local start`)\n");
        context.printer.json(&json!({"running": false, "state_dir": state_dir()}));
        return Ok(Exit::Done);
    };
    show(context, &status);
    Ok(Exit::Done)
}

fn show(context: &Context, status: &CloudStatus) {
    context.printer.data(format_args!(
        "endpoint  {}\nregion    {}\naccount   {}\nprocess   {}\nstate     {}\nstarted   {}\nlimit     {} invocations at once, {} in an environment\nfunctions {}\n",
        status.endpoint,
        status.region,
        status.account,
        status.pid,
        status.state_dir.display(),
        status.started,
        status.concurrency,
        status.environment_concurrency,
        status.functions,
    ));
    for api in &status.apis {
        context.printer.data(format_args!("HTTP API  {} {}\n", api.url, api.name));
    }
    for url in &status.function_urls {
        context.printer.data(format_args!("URL       {} {}\n", url.url, url.function_arn));
    }
    let apis: Vec<_> =
        status.apis.iter().map(|api| json!({"id": api.id, "name": api.name, "url": api.url})).collect();
    context.printer.json(&json!({
        "running": true,
        "endpoint": status.endpoint,
        "port": status.port,
        "region": status.region,
        "account": status.account,
        "pid": status.pid,
        "state_dir": status.state_dir,
        "started": status.started,
        "concurrency": status.concurrency,
        "environment_concurrency": status.environment_concurrency,
        "functions": status.functions,
        "apis": apis,
        "function_urls": status.function_urls,
    }));
}

async fn reset(context: &Context) -> Result<Exit, CliError> {
    let functions = lzap_local::status(&state_dir()).await?.map_or(0, |status| status.functions);
    let question = format!("Delete the embedded cloud's state ({})?", count(functions, "function"));
    ask::confirm(&question, "reset deletes all that is deployed in the embedded cloud", context.yes)?;
    lzap_local::reset(&state_dir()).await?;
    context.printer.status("Reset", "the embedded cloud: it is empty");
    context.printer.json(&json!({"running": false, "reset": true}));
    Ok(Exit::Done)
}
