//! `lzap local …`: the embedded cloud as a background process.
//!
//! The embedded cloud itself is the crate `lzap-local`; commands on the stage `local` start it through
//! `embedded_cloud`.

use lzap_core::text::count;
use lzap_local::{CloudStatus, ServeOptions};
use serde_json::json;

use crate::cli::{LocalCommand, StartArgs};
use crate::context::Context;
use crate::embedded_cloud::{ensure_running, read_key, server_command, state_dir};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::ask;

/// Runs a subcommand of `lzap local`. `serve` is the server itself, in the process that `start` creates, and
/// returns only when the server stops.
pub(crate) async fn run(context: &Context, command: LocalCommand) -> Result<Exit, CliError> {
    match command {
        LocalCommand::Start(args) => start_cloud(context, args).await,
        LocalCommand::Stop => stop_cloud(context).await,
        LocalCommand::Status => show_status(context).await,
        LocalCommand::Env => print_environment(context).await,
        LocalCommand::Reset => reset_cloud(context).await,
        LocalCommand::Serve(args) => {
            // The server must survive the terminal that started it.
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

/// Starts the embedded cloud, or finds it running. Options go to the new process as arguments; a cloud that
/// runs already keeps its own, which is a warning.
async fn start_cloud(context: &Context, args: StartArgs) -> Result<Exit, CliError> {
    let mut command = server_command()?;
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
    if let Some(wanted) = args.port.filter(|wanted| *wanted != started.status.port) {
        let reason = if started.already_running {
            "it runs already; type `lzap local stop`, then this command again"
        } else {
            "another program has that port"
        };
        let port = started.status.port;
        context.printer.print_warning(format_args!("it listens on port {port}, not {wanted}: {reason}"));
    }
    // A cloud that runs already may have other limits than the options say.
    let running = started.status.environment_concurrency;
    if let Some(wanted) = args.environment_concurrency.filter(|wanted| *wanted != running) {
        context.printer.print_warning(format_args!(
            "each environment takes {} at once, not {wanted}: run `lzap local stop`, then this command again",
            count(running, "invocation")
        ));
    }
    if let Some(wanted) = args.concurrency.filter(|wanted| *wanted != started.status.concurrency) {
        context.printer.print_warning(format_args!(
            "it runs {} invocations at once, not {wanted}: {}",
            started.status.concurrency,
            if started.already_running {
                "type `lzap local stop`, then this command again"
            } else {
                "this is the limit of this machine"
            }
        ));
    }
    let verb = if started.already_running { "Running" } else { "Started" };
    context.printer.print_status(verb, format_args!("the embedded cloud on {}", started.status.endpoint));
    print_status(context, &started.status);
    Ok(Exit::Done)
}

/// Stops the embedded cloud, and succeeds if it isn't running. Its state stays on disk.
async fn stop_cloud(context: &Context) -> Result<Exit, CliError> {
    let stopped = lzap_local::stop(&state_dir()).await?;
    let text =
        if stopped { "the embedded cloud; what is deployed stays" } else { "already: it was not running" };
    context.printer.print_status("Stopped", text);
    context.printer.print_json(&json!({"running": false, "stopped": stopped}));
    Ok(Exit::Done)
}

/// Prints the status of the embedded cloud, and doesn't start it. That it isn't running is no failure.
async fn show_status(context: &Context) -> Result<Exit, CliError> {
    let Some(status) = lzap_local::status(&state_dir()).await? else {
        context.printer.print_data("not running (start it with `lzap local start`)\n");
        context.printer.print_json(&json!({"running": false, "state_dir": state_dir()}));
        return Ok(Exit::Done);
    };
    print_status(context, &status);
    Ok(Exit::Done)
}

/// Prints the status of the running embedded cloud, as text and as JSON.
fn print_status(context: &Context, status: &CloudStatus) {
    context.printer.print_data(format_args!(
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
        context.printer.print_data(format_args!("HTTP API  {} {}\n", api.url, api.name));
    }
    for url in &status.function_urls {
        context.printer.print_data(format_args!("URL       {} {}\n", url.url, url.function_arn));
    }
    let apis: Vec<_> =
        status.apis.iter().map(|api| json!({"id": api.id, "name": api.name, "url": api.url})).collect();
    context.printer.print_json(&json!({
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

/// Prints the variables that point AWS clients at the embedded cloud, as commands of a shell. No other command prints the
/// key.
async fn print_environment(context: &Context) -> Result<Exit, CliError> {
    let status = ensure_running(context.printer).await?;
    let key = read_key()?;
    // A session token of another account in the shell would make the key invalid.
    context.printer.print_data(format_args!(
        "export AWS_ENDPOINT_URL={endpoint}\nexport AWS_ACCESS_KEY_ID={id}\nexport AWS_SECRET_ACCESS_KEY={secret}\n\
         export AWS_REGION={region}\nexport AWS_DEFAULT_REGION={region}\nunset AWS_SESSION_TOKEN\n",
        endpoint = status.endpoint,
        id = key.id,
        secret = key.secret,
        region = status.region,
    ));
    context.printer.print_json(&json!({
        "endpoint": status.endpoint,
        "region": status.region,
        "access_key_id": key.id,
        "secret_access_key": key.secret,
    }));
    Ok(Exit::Done)
}

/// Deletes the state of the embedded cloud, after a question that says how many functions are in it. Stops it
/// first.
async fn reset_cloud(context: &Context) -> Result<Exit, CliError> {
    // A cloud that doesn't run counts no functions here, although its state may have some.
    let functions = lzap_local::status(&state_dir()).await?.map_or(0, |status| status.functions);
    let question = format!("Delete the embedded cloud's state ({})?", count(functions, "function"));
    ask::ask_to_confirm(&question, "reset deletes everything in the embedded cloud", context.yes)?;
    lzap_local::reset(&state_dir()).await?;
    context.printer.print_status("Reset", "the embedded cloud: it is empty");
    context.printer.print_json(&json!({"running": false, "reset": true}));
    Ok(Exit::Done)
}
