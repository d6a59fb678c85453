//! The `lzap` command: [`cli`] parses, [`commands`] do, [`error`] and [`exit`] say how it ended.

mod cli;
mod commands;
mod context;
mod diagnostic;
mod error;
mod exit;
mod holder;
mod interrupt;
mod ui;

use std::process::ExitCode;

use clap::Parser;

use cli::Cli;

fn main() -> ExitCode {
    // cargo-zigbuild has the linker call this very program; such a call is not for clap.
    if let Some(done) = lzap_build::zig_wrapper(&std::env::args().collect::<Vec<_>>()) {
        return diagnostic::finish(done).into();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return diagnostic::usage(&error).into(),
    };
    commands::run(cli).into()
}
