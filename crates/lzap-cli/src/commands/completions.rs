//! `lzap completions SHELL`.

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs};
use crate::context::Context;
use crate::exit::Exit;

/// Prints the completion script of a shell. It is text even with `--output json`, which then prints nothing.
pub(crate) fn run(context: &Context, args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "lzap", &mut script);
    context.printer.print_data(String::from_utf8_lossy(&script));
    Exit::Done
}
