//! The project's own tasks, as `cargo xtask TASK`: whatever is longer than one cargo line.
//!
//! Needs Rust and Python 3, nothing else; what else the tests use is fetched into `target/` on first use. The tests
//! themselves are not here but beside the code and in `tests/`; [`mod@test`] only runs them all.
#![expect(
    clippy::print_stdout,
    reason = "a developer's tool: its output is for the terminal it was typed in"
)]

mod bench;
mod demo;
mod generate;
mod shell;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::shell::Result;

/// The project's own tasks.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Deploy the reference app to the embedded cloud, send a CSV through it, check the answer
    Demo,
    /// Run everything that must hold before a change goes in; or only the stages named
    Test {
        /// Stages to run; all of them when none is named
        #[arg(value_name = "STAGE", value_parser = test::stage_names())]
        stages: Vec<String>,
    },
    /// Check what no compiler checks: which crate uses which, lengths, forbidden words
    Tidy,
    /// Measure, beside peers in the same run
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
    /// Write the reference pages under docs/reference from the tool itself
    Generate {
        /// Change nothing; fail when a page is not what would be written
        #[arg(long)]
        check: bool,
    },
}

#[derive(Subcommand)]
enum Bench {
    /// Calls, depth, bytes and seconds of deploys, beside four other tools, against a mock of AWS that takes its time
    Deploy(bench::Options),
    /// Size, cold start and processor time of an app, by linker and allocator
    Linkers,
    /// The reference app's sum on one core, beside pandas, polars and duckdb
    Csv,
    /// Cold start, requests, memory and size, beside bare `lambda_http` and Zappa's handler
    Runtime,
    /// What a map costs beside its work, beside Lithops; and the simulator's figures for a thousand workers
    Map,
}

fn main() -> ExitCode {
    let result: Result = match Cli::parse().task {
        Task::Demo => demo::run(),
        Task::Test { stages } => test::run(&stages),
        Task::Tidy => tidy::run(),
        Task::Bench { what: Bench::Deploy(options) } => bench::deploy(&options),
        Task::Bench { what: Bench::Linkers } => bench::linkers::run(),
        Task::Bench { what: Bench::Csv } => bench::csv::run(),
        Task::Bench { what: Bench::Runtime } => bench::runtime::run(),
        Task::Bench { what: Bench::Map } => bench::map::run(),
        Task::Generate { check } => generate::run(check),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}
