//! One module per command; each reads as the steps that the command takes.
//!
//! [`run`] is the frame around all of them: the runtime, signals, and the error at the end. The modules
//! without a command of their own are steps that several share: `artifact` (project to zip), `converge`
//! (observed to desired state), `session` (the lock), `consent` (questions), `alias_move`, `stages`. What is
//! printed, and how, is in `ui`.

mod alias_move;
mod artifact;
mod canary;
mod completions;
mod config;
mod consent;
mod converge;
mod deploy;
mod doctor;
mod explain;
mod history;
mod init;
mod invoke;
mod local;
mod package;
mod plan;
mod policy;
mod rollback;
mod session;
mod stages;
mod status;
mod tail;
mod undeploy;
mod unlock;

pub(crate) use converge::Converged;
pub(crate) use invoke::InvokeError;

use lzap_core::explain::Explained as _;
use std::time::Duration;

use crate::cli::{Cli, Command};
use crate::command_line::TypedCommand;
use crate::context::Context;
use crate::diagnostic;
use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupt::Signals;

/// Runs a command to its end, or to the first Ctrl-C or SIGTERM. Prints the error that ended it, and returns
/// the exit code.
pub(crate) fn run(cli: Cli, typed: TypedCommand) -> Exit {
    let context = Context::new(&cli, typed);
    let printer = context.printer;
    start_tracing(printer.verbose);
    let result = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => {
            let result = runtime.block_on(until_interrupted(context.clone(), cli.command));
            // Doesn't wait for threads that block: a question that still reads stdin would keep the process
            // alive.
            runtime.shutdown_background();
            result
        }
        Err(source) => Err(CliError::Io { what: "could not start the runtime".to_owned(), source }),
    };
    result.unwrap_or_else(|error| {
        diagnostic::print_error(printer, &error, &context.command());
        error.exit()
    })
}

/// Runs a command in a task of its own, and ends it at a signal: at once, or after the calls that run if it
/// holds a lock.
async fn until_interrupted(context: Context, command: Command) -> Result<Exit, CliError> {
    // The embedded cloud has its own way to end.
    if let Command::Local(command) = command {
        return local::run(&context, command).await;
    }
    let listening = |source| CliError::Io { what: "could not listen for signals".to_owned(), source };
    let mut signals = Signals::listen().map_err(listening)?;
    let (interrupts, printer) = (context.interrupts.clone(), context.printer);
    // Ctrl-C is how a follower ends: there is nothing to resume, and nothing to say.
    let follows = matches!(&command, Command::Tail(_));
    let resume = match &command {
        Command::Invoke(args) => Some(invoke::after_interrupt(args)),
        _ => None,
    };
    // A task of its own: what blocks in it (cargo's metadata, a question) doesn't keep a signal waiting.
    let mut task = tokio::spawn(async move { Box::pin(run_command(&context, command)).await });
    let finished = |result: Result<_, tokio::task::JoinError>| {
        // Aborting comes later than this, so the task can only have panicked.
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    };
    tokio::select! {
        result = &mut task => return finished(result),
        () = signals.next() => interrupts.stop().cancel(),
    }
    // The second signal ends the command with the lock held; the lock then counts as stale for this machine.
    if interrupts.is_held() {
        printer.print_status("Stopping", "when the calls that run have ended; Ctrl-C again quits at once");
        tokio::select! {
            result = &mut task => return finished(result),
            () = signals.next() => {}
        }
    }
    task.abort();
    // Dropping the task ends its cargo and clears its progress line.
    let _ = tokio::time::timeout(Duration::from_secs(2), task).await;
    if follows { Ok(Exit::Interrupted) } else { Err(CliError::Interrupted { resume }) }
}

/// Calls the module of the command.
async fn run_command(context: &Context, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Init(args) => init::run(context, &args).await,
        Command::Deploy(args) => deploy::run(context, &args, deploy::Mode::Deploy).await,
        Command::Update(args) => deploy::run(context, &args, deploy::Mode::Update).await,
        Command::Plan(args) => plan::run(context, &args).await,
        Command::Status(args) => status::run(context, &args).await,
        Command::History(args) => history::run(context, &args).await,
        Command::Rollback(args) => rollback::run(context, &args).await,
        Command::Undeploy(args) => undeploy::run(context, &args).await,
        Command::Unlock(args) => unlock::run(context, &args).await,
        Command::Invoke(args) => Box::pin(invoke::run(context, &args)).await,
        Command::Tail(args) => tail::run(context, &args).await,
        Command::Doctor(args) => Box::pin(doctor::run(context, &args)).await,
        Command::Package(args) => package::run(context, &args).await,
        Command::Local(command) => local::run(context, command).await,
        Command::Policy(args) => policy::run(context, &args).await,
        Command::Config(args) => config::run(context, &args),
        Command::Explain(args) => explain::run(context, &args),
        Command::Completions(args) => Ok(completions::run(context, &args)),
    }
}

/// Starts traces on stderr, for people who look into lzap itself: `-v` shows steps, `-vv` every AWS call,
/// `RUST_LOG` anything. They hold names and ids, and never the values of environment variables.
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
