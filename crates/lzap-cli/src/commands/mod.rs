//! One module per command; each reads as the steps that the command takes.

mod artifact;
mod completions;
mod config;
mod deploy;
mod doctor;
mod init;
pub(crate) mod local;
mod package;
mod plan;
mod rollback;
mod status;
mod tail;
mod undeploy;

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Cli, Command};
use crate::context::Context;
use crate::diagnostic;
use crate::error::CliError;
use crate::exit::Exit;

/// Runs a command to its end, or to the first Ctrl-C or SIGTERM.
pub(crate) fn run(cli: Cli) -> Exit {
    let context = Context::new(&cli);
    let printer = context.printer;
    start_tracing(printer.verbose);
    let result = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => {
            let result = runtime.block_on(until_interrupted(context, cli.command));
            runtime.shutdown_background();
            result
        }
        Err(source) => Err(CliError::Io { what: "could not start the runtime".to_owned(), source }),
    };
    result.unwrap_or_else(|error| {
        diagnostic::show(printer, &error);
        error.exit()
    })
}

async fn until_interrupted(context: Context, command: Command) -> Result<Exit, CliError> {
    // The embedded cloud has its own way to end.
    if let Command::Local(command) = command {
        return local::run(&context, command).await;
    }
    // Ctrl-C is how a follower ends: there is nothing to resume, and nothing to say.
    let follows = matches!(&command, Command::Tail(_));
    // A task of its own: what blocks in it (cargo's metadata, a question) doesn't keep a signal waiting.
    let mut task = tokio::spawn(async move { dispatch(&context, command).await });
    tokio::select! {
        result = &mut task => result.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())),
        result = interrupted() => {
            result.map_err(|source| CliError::Io { what: "could not listen for signals".to_owned(), source })?;
            task.abort();
            // Dropping the task ends its cargo and clears its progress line.
            let _ = tokio::time::timeout(Duration::from_secs(2), task).await;
            if follows { Ok(Exit::Interrupted) } else { Err(CliError::Interrupted { resume: None }) }
        }
    }
}

async fn interrupted() -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

async fn dispatch(context: &Context, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Init(args) => init::run(context, &args).await,
        Command::Deploy(args) => deploy::run(context, &args, deploy::Mode::Deploy).await,
        Command::Update(args) => deploy::run(context, &args, deploy::Mode::Update).await,
        Command::Plan(args) => plan::run(context, &args).await,
        Command::Status(args) => status::run(context, &args).await,
        Command::Rollback(args) => rollback::run(context, &args).await,
        Command::Undeploy(args) => undeploy::run(context, &args).await,
        Command::Tail(args) => tail::run(context, &args).await,
        Command::Doctor(args) => doctor::run(context, &args).await,
        Command::Package(args) => package::run(context, &args).await,
        Command::Local(command) => local::run(context, command).await,
        Command::Config(args) => config::run(context, &args),
        Command::Completions(args) => Ok(completions::run(context, &args)),
    }
}

/// Traces are for those who look into lzap itself: `-v` shows steps, `-vv` every AWS call, `RUST_LOG` anything.
fn start_tracing(verbose: u8) {
    use tracing_subscriber::EnvFilter;
    let level = match verbose {
        0 => "off",
        1 => "lzap_aws=info,lzap_build=info",
        _ => "lzap_aws=debug,lzap_build=debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
}
