//! `cargo xtask bench client`: what an invocation costs the caller, by client, over plain HTTP and over TLS.
//!
//! A stub of Lambda's Invoke ([`stub`]) runs in a process of its own, and so does each client under measurement
//! ([`run`]), so that processor time and memory are the client's alone. TLS is a rustls server with a chain of RSA-2048
//! certificates. The clients take turns, round by round, and of each figure the smallest counts: a busy machine only ever
//! adds.
//!
//! To add a client: implement [`Invoke`] in a module here, and name it in [`ClientKind`].

mod certificates;
mod run;
mod runtime;
mod sdk;
mod stub;

use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use clap::{Args, ValueEnum};
use fs_err as fs;
use lzap_testkit::shell::{Failure, Result, quiet_output};
use lzap_testkit::{Guarded, target};
use serde_json::Value;

pub(crate) use self::run::{RunOptions, run_client};
pub(crate) use self::stub::{StubOptions, serve};

/// A way to invoke a function.
trait Invoke: Sync {
    /// Invokes a function with `payload` and waits for its answer, whose bytes it returns; the error is a text.
    fn invoke(&self, payload: Vec<u8>) -> impl Future<Output = std::result::Result<Vec<u8>, String>> + Send;
}

/// The clients under measurement; the first one is what the others are compared with.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum ClientKind {
    /// `aws-sdk-lambda`, with the HTTP client that it has by default.
    Sdk,
    /// `lzap-client`, which the runtime crate uses in Lambda.
    Lzap,
}

impl ClientKind {
    fn name(self) -> &'static str {
        match self {
            Self::Sdk => "sdk",
            Self::Lzap => "lzap",
        }
    }
}

/// The load and the number of runs.
#[derive(Args)]
pub(crate) struct Options {
    /// Invocations per run
    #[arg(long, default_value_t = 1_000)]
    count: usize,
    /// Most invocations at the same time; several numbers with commas between
    #[arg(long, value_delimiter = ',', default_values_t = [100, 900])]
    limit: Vec<usize>,
    /// Milliseconds that the stub takes for each invocation
    #[arg(long, default_value_t = 20)]
    latency_ms: u64,
    /// Runs of each client
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

/// The costs of a run of a client, and the counts of the stub.
#[derive(Clone, Copy, Debug)]
struct Figures {
    /// Milliseconds of processor time per 1,000 invocations.
    processor_ms: f64,
    wall_ms: f64,
    peak_kib: f64,
    /// Invocations without an answer.
    lost: f64,
    connections: f64,
    handshakes: f64,
    most_connections: f64,
}

impl Figures {
    /// The smaller of each cost, and the larger of each count that must stay low.
    fn combine(self, other: Self) -> Self {
        Self {
            processor_ms: self.processor_ms.min(other.processor_ms),
            wall_ms: self.wall_ms.min(other.wall_ms),
            peak_kib: self.peak_kib.min(other.peak_kib),
            lost: self.lost.max(other.lost),
            connections: self.connections.max(other.connections),
            handshakes: self.handshakes.max(other.handshakes),
            most_connections: self.most_connections.max(other.most_connections),
        }
    }
}

/// Measures and prints a table for each transport and limit.
pub(crate) fn run(options: &Options) -> Result {
    for tls in [false, true] {
        for limit in &options.limit {
            let mut rows: Vec<(ClientKind, Figures)> = Vec::new();
            for _ in 0..options.rounds {
                for kind in ClientKind::value_variants() {
                    let figures = measure(*kind, tls, *limit, options)?;
                    match rows.iter_mut().find(|(row, _)| row == kind) {
                        Some((_, best)) => *best = best.combine(figures),
                        None => rows.push((*kind, figures)),
                    }
                }
            }
            let transport = if tls { "TLS" } else { "plain HTTP" };
            println!("\n{transport}, {} invocations, at most {limit} at the same time", options.count);
            println!("{}", table(&rows));
        }
    }
    Ok(())
}

fn table(rows: &[(ClientKind, Figures)]) -> String {
    let head =
        ["client", "CPU ms/1,000", "of first", "wall ms", "peak MB", "conns", "handshakes", "most", "lost"];
    let mut lines = vec![head.map(|title| format!("{title:>12}")).concat()];
    for (kind, it) in rows {
        let ratio = it.processor_ms / rows.first().map_or(it.processor_ms, |(_, first)| first.processor_ms);
        lines.push(format!(
            "{:>12}{:>12.1}{ratio:>12.2}{:>12.0}{:>12.1}{:>12}{:>12}{:>12}{:>12}",
            kind.name(),
            it.processor_ms,
            it.wall_ms,
            it.peak_kib / 1024.0,
            it.connections,
            it.handshakes,
            it.most_connections,
            it.lost,
        ));
    }
    lines.join("\n")
}

/// One run of one client against a stub of its own.
fn measure(kind: ClientKind, tls: bool, limit: usize, options: &Options) -> Result<Figures> {
    let mut stub = Stub::start(tls, options.latency_ms)?;
    let mut client = Command::new(std::env::current_exe()?);
    client.args(["client-run", "--client", kind.name(), "--endpoint", &stub.url]);
    client.args(["--count", &options.count.to_string(), "--limit", &limit.to_string()]);
    if tls {
        client.arg("--ca").arg(&stub.ca);
    }
    let spent: Value = serde_json::from_str(&quiet_output(&mut client)?)?;
    let seen = stub.stop()?;
    let number = |value: &Value, key: &str| {
        value[key].as_f64().ok_or_else(|| Failure::new(format!("no `{key}` in {value}")))
    };
    Ok(Figures {
        processor_ms: number(&spent, "processor_ms")?,
        wall_ms: number(&spent, "wall_ms")?,
        peak_kib: number(&spent, "peak_kib")?,
        lost: number(&spent, "lost")?,
        connections: number(&seen, "connections")?,
        handshakes: number(&seen, "handshakes")?,
        most_connections: number(&seen, "most_connections")?,
    })
}

/// The stub's process.
struct Stub {
    url: String,
    /// The root certificate that a client must trust.
    ca: PathBuf,
    stdout: BufReader<std::process::ChildStdout>,
    process: Guarded,
}

impl Stub {
    fn start(tls: bool, latency_ms: u64) -> Result<Self> {
        let folder = target().join("bench/client");
        fs::create_dir_all(&folder)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["stub-server", "--latency-ms", &latency_ms.to_string()]);
        command.arg("--certificates").arg(&folder);
        if tls {
            command.arg("--tls");
        }
        let mut process = Guarded::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let stdout = process.child().stdout.take().ok_or_else(|| Failure::new("the stub has no output"))?;
        let mut stub =
            Self { url: String::new(), ca: ca_path(&folder), stdout: BufReader::new(stdout), process };
        let line = stub.read_line()?;
        line.trim().clone_into(&mut stub.url);
        Ok(stub)
    }

    fn read_line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        if line.is_empty() { Err(Failure::new("the stub ended")) } else { Ok(line) }
    }

    /// Ends the stub, which then reports what it saw.
    fn stop(&mut self) -> Result<Value> {
        let child: &mut Child = self.process.child();
        drop(child.stdin.take());
        Ok(serde_json::from_str(&self.read_line()?)?)
    }
}

/// The root certificate in the folder of certificates.
fn ca_path(folder: &Path) -> PathBuf {
    folder.join("root.pem")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combine_keeps_the_smaller_cost_and_the_larger_count() {
        let one = Figures {
            processor_ms: 2.0,
            wall_ms: 9.0,
            peak_kib: 5.0,
            lost: 0.0,
            connections: 100.0,
            handshakes: 100.0,
            most_connections: 100.0,
        };
        let both = one.combine(Figures { processor_ms: 3.0, wall_ms: 8.0, lost: 1.0, ..one });
        assert!((both.processor_ms - 2.0).abs() < 1e-9 && (both.wall_ms - 8.0).abs() < 1e-9);
        assert!((both.lost - 1.0).abs() < 1e-9);
    }
}
