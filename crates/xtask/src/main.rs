//! The project's own tasks, as `cargo xtask TASK`: everything that is longer than one cargo line.
//!
//! The tests are not here but beside the code and in `tests/`; [`mod@test`] runs them, and [`setup`] installs what they
//! need. The benchmarks are a workspace of their own, `tests/bench`, so that no other task compiles them.
#![expect(
    clippy::print_stdout,
    reason = "a developer's tool: its output is for the terminal it was typed in"
)]

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
    Tidy {
        /// First delete the lines of the list of module cycles that are no cycle any more
        #[arg(long)]
        shorten: bool,
    },
    /// Measure, beside peers in the same run; `cargo xtask bench --help` lists the benchmarks
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

fn main() -> ExitCode {
    match run_task(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}

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
        Task::Tidy { shorten } => tidy::run(shorten),
        Task::Bench { arguments } => bench::run(&arguments),
        Task::Generate { check } => generate::run(check),
    }
}
