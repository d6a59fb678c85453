//! The `lzap` command: [`cli`] parses, [`commands`] do, [`error`] and [`exit`] say how it ended.
//!
//! Nothing here decides about AWS: plans are made in `lzap-core`, calls in `lzap-aws`, builds in
//! `lzap-build`. To follow a deploy, begin at `commands/deploy.rs`.

mod cli;
mod command_line;
mod commands;
mod context;
mod diagnostic;
mod embedded_cloud;
mod error;
mod exit;
mod holder;
mod interrupt;
mod ui;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use cli::Cli;
use command_line::TypedCommand;

fn main() -> ExitCode {
    // cargo-zigbuild makes cargo call this program as its linker; clap doesn't know those arguments.
    if let Some(done) = lzap_build::zig_wrapper(&command_line::arguments()) {
        return diagnostic::finish_zig_call(done).into();
    }
    match parse_arguments() {
        Ok((cli, typed)) => commands::run(cli, typed).into(),
        Err(error) => diagnostic::report_usage_error(&command_line::add_tip(error)).into(),
    }
}

/// Parses the arguments. Keeps clap's matches as well: help texts repeat the command as it was typed.
fn parse_arguments() -> Result<(Cli, TypedCommand), clap::Error> {
    let matches = Cli::command().try_get_matches()?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut Cli::command()))?;
    Ok((cli, TypedCommand::new(&matches)))
}
