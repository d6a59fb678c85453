//! The benchmarks of lzap, beside peers in the same run: `cargo xtask bench`.
//!
//! Each module is one benchmark; it prints its figures and writes a page below `docs/benchmarks`. The peers come from
//! PyPI, each into an environment of its own below `target/`.
#![expect(
    clippy::print_stdout,
    reason = "a developer's tool: its output is for the terminal it was typed in"
)]

mod callgrind;
mod client;
mod csv;
mod deploy;
mod features;
mod linkers;
mod map;
mod peer;
mod runtime;
mod unchanged;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lzap_testkit::shell::Result;

/// The region of functions and clouds under measurement.
const REGION: &str = "eu-central-1";

/// Measure, beside peers in the same run.
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench")]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Calls, depth, bytes and seconds of deploys, beside four other tools, against a mock of AWS that takes its time
    Deploy(deploy::Options),
    /// The time that lzap itself adds to a deploy that changes nothing
    Unchanged(unchanged::Options),
    /// Size, cold start and processor time of an app, by linker and allocator
    Linkers,
    /// Compile time, size and cold start of an app, by feature of the runtime crate
    Features,
    /// The reference app's sum on one core, beside pandas, polars and duckdb
    Csv,
    /// Cold start, requests, memory and size, beside bare `lambda_http` and Zappa's handler
    Runtime,
    /// The cost of a map beside its work, beside Lithops; and the simulator's figures for a thousand workers
    Map,
    /// Processor time of an invocation for the caller, by client, over plain HTTP and over TLS
    Client(client::Options),
    /// The process of a client under measurement
    #[command(hide = true)]
    ClientRun(client::RunOptions),
    /// The process of the stub that the clients invoke
    #[command(hide = true)]
    StubServer(client::StubOptions),
}

fn main() -> ExitCode {
    match run(&Cli::parse().bench) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(bench: &Bench) -> Result {
    match bench {
        Bench::Deploy(options) => deploy::run(options),
        Bench::Unchanged(options) => unchanged::run(options),
        Bench::Linkers => linkers::run(),
        Bench::Features => features::run(),
        Bench::Csv => csv::run(),
        Bench::Runtime => runtime::run(),
        Bench::Map => map::run(),
        Bench::Client(options) => client::run(options),
        Bench::ClientRun(options) => client::run_client(options),
        Bench::StubServer(options) => client::serve(options),
    }
}
