//! The project's own tasks, run as `cargo xtask TASK`: every task that needs more than one cargo command.
//!
//! This crate runs and checks; it contains no tests of lzap. Those are beside the code and in `tests/`.
//! [`mod@test`] runs them, and [`setup`] installs the programs and crates that they need. The benchmarks are
//! in a workspace of their own, `tests/bench`, so that no other task compiles them.
#![expect(
    clippy::print_stdout,
    reason = "a developer's tool: its output is for the terminal it was typed in"
)]

mod api;
mod bench;
mod demo;
mod generate;
mod packages;
mod setup;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lzap_testkit::shell::Result;

use crate::setup::{PackagePolicy, Scope};

/// The project's own tasks.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

// The doc comments of the variants are the text of `cargo xtask --help`.
#[derive(Subcommand)]
enum Task {
    /// Install everything that the tests need: Debian packages, Rust targets, crates, and tools below target/
    Setup {
        /// Install Debian packages through sudo; root needs no such permission
        #[arg(long)]
        system: bool,
    },
    /// Deploy the reference app to the embedded cloud, send a CSV through it, check the answer
    Demo,
    /// Set up, then run the tests: `quick` and `full` by default
    Test {
        /// Tiers (quick, full, exhaustive) or single stages; behind `exhaustive`, stages of that tier
        #[arg(value_name = "TIER|STAGE", value_parser = test::list_words())]
        words: Vec<String>,
    },
    /// Check what no compiler checks: dependencies of crates, module cycles, lengths, forbidden words
    Tidy,
    /// Measure, beside peers in the same run; `cargo xtask bench --help` lists the benchmarks
    // The benchmarks have a command line of their own, in another workspace. Without its own help flag, this
    // one passes `--help` on to them.
    #[command(disable_help_flag = true)]
    Bench {
        /// The benchmark and its options
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Write the reference pages under docs/reference from the tool itself
    Generate {
        /// Change nothing; fail when a page is not what would be written
        #[arg(long)]
        check: bool,
    },
}

/// Runs the task and exits with 0, or prints the error and exits with 1.
fn main() -> ExitCode {
    match run_task(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // A task has no result that a pipe would read, so its error goes to stdout as its progress does.
            println!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one task to its end. Every task prints its progress itself.
fn run_task(task: Task) -> Result {
    match task {
        Task::Setup { system } => {
            setup::run(
                Scope::Everything,
                if system { PackagePolicy::Sudo } else { PackagePolicy::RootOnly },
            )?;
            println!("Everything that the tests need is installed.");
            Ok(())
        }
        Task::Demo => demo::run(),
        Task::Test { words } => test::run(&words),
        Task::Tidy => tidy::run(),
        Task::Bench { arguments } => bench::run(&arguments),
        Task::Generate { check } => generate::run(check),
    }
}
