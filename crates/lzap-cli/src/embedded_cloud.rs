//! The embedded cloud as the commands find it: the folder of its state, its server process, and its endpoint.

use std::path::PathBuf;
use std::process::Command;

use lzap_local::{AccessKey, CloudStatus, LocalError, default_state_dir};

use crate::error::CliError;
use crate::ui::printer::Printer;

/// Returns the folder of the embedded cloud's state, as an absolute path: the server may run in another
/// folder. It is the user's, not the project's: all projects share one embedded cloud.
pub(crate) fn state_dir() -> PathBuf {
    let dir = default_state_dir(|name| std::env::var_os(name));
    std::path::absolute(&dir).unwrap_or(dir)
}

/// Returns the status of the embedded cloud, and starts it first if it isn't running. A cloud that an older lzap started
/// and that verifies no signatures is replaced.
pub(crate) async fn ensure_running(printer: Printer) -> Result<CloudStatus, CliError> {
    if let Some(status) = lzap_local::status(&state_dir()).await?
        && status.verifies_signatures
    {
        return Ok(status);
    }
    // The variable alone: `--port` is an option of `lzap local start`, which doesn't come here.
    let port = std::env::var(lzap_wire::env::LZAP_LOCAL_PORT).ok().and_then(|port| port.parse().ok());
    let started = lzap_local::start(&state_dir(), port, server_command()?).await?;
    printer.print_status("Started", format_args!("the embedded cloud on {}", started.status.endpoint));
    Ok(started.status)
}

/// Returns the key that signs requests to the embedded cloud, which was started before.
pub(crate) fn read_key() -> Result<AccessKey, CliError> {
    let missing = || LocalError::Part { part: "access key", why: "keys.json is missing".to_owned() };
    Ok(lzap_local::read_key(&state_dir())?.ok_or_else(missing)?)
}

/// Returns the endpoint of the embedded cloud; `None` if it isn't running. An error means that it can't be
/// told.
pub(crate) async fn running_endpoint() -> Result<Option<String>, CliError> {
    Ok(lzap_local::status(&state_dir()).await?.map(|status| status.endpoint))
}

/// Returns the command that serves the embedded cloud: this program, detached from the terminal. The port is
/// passed as an argument if at all, so its variable is removed.
pub(crate) fn server_command() -> Result<Command, CliError> {
    let program = std::env::current_exe()
        .map_err(|source| CliError::Io { what: "could not find this program".to_owned(), source })?;
    let mut command = Command::new(program);
    command.args(["local", "serve", "--detached"]).env_remove(lzap_wire::env::LZAP_LOCAL_PORT);
    Ok(command)
}
