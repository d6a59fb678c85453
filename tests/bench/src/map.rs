//! `cargo xtask bench map`: what a map costs beside its work, beside Lithops' local executor and the path that data took
//! in the app that gave the reference app its parameters.
//!
//! lzap's own figures come from `figures.rs`, the peers' from `peers.py`; all in one run. The
//! simulator's figures become a chart.

mod figures;
mod page;
mod plot;

use fs_err as fs;
use lzap_testkit::shell::{Result, quiet_output};
use lzap_testkit::workspace;
use serde_json::Value;

use crate::peer::Peer;

const PEERS: &str = "lithops==3.8.0\n";

/// Measures, prints the page and writes it to the docs.
pub(crate) fn run() -> Result {
    println!("==> installing Lithops");
    let lithops = Peer::new("lithops", PEERS)?;
    println!("==> lzap");
    let ours = figures::measure();
    println!("==> Lithops, and the seed's path");
    let script = workspace().join("tests/bench/src/map/peers.py");
    let theirs: Value = last_line(&quiet_output(lithops.command("python", &[]).arg(script))?)?;
    let docs = workspace().join("docs/benchmarks");
    fs::create_dir_all(&docs)?;
    let text = page::page(&ours, &theirs)?;
    fs::write(docs.join("map.md"), &text)?;
    fs::write(docs.join("map.svg"), plot::plot(&ours["efficiency"])?)?;
    println!("\n{text}\nwritten to docs/benchmarks/map.md and map.svg");
    Ok(())
}

/// The figures are the last line of the output that is a JSON object.
fn last_line(output: &str) -> Result<Value> {
    let line = output.lines().rev().find(|line| line.starts_with('{')).unwrap_or_default();
    Ok(serde_json::from_str(line)?)
}
