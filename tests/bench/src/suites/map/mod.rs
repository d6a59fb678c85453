//! `cargo xtask bench map`: what a map costs beside its work, beside Lithops' local executor and the path that data took
//! in the app that gave the reference app its parameters.
//!
//! lzap's own figures come from `crates/lzap/benches/map.rs`, the peers' from `peers.py`; all in one run. The
//! simulator's figures become a chart.

mod page;
mod plot;

use fs_err as fs;
use lzap_testkit::workspace;
use serde_json::Value;

use super::peer::Peer;
use crate::shell::{Result, cargo, quiet_output};

const PEERS: &str = "lithops==3.8.0\n";

/// Measures, prints the page and writes it to the docs.
pub(crate) fn run() -> Result {
    println!("==> installing Lithops, compiling the benchmark");
    let lithops = Peer::new("lithops", PEERS)?;
    let build = ["bench", "--package", "lzap", "--features", "map", "--bench", "map"];
    quiet_output(cargo(&build).arg("--no-run"))?;
    println!("==> lzap");
    let ours: Value = last_line(&quiet_output(&mut cargo(&build))?)?;
    println!("==> Lithops, and the seed's path");
    let script = workspace().join("crates/xtask/src/bench/map/peers.py");
    let theirs: Value = last_line(&quiet_output(lithops.command("python", &[]).arg(script))?)?;
    let docs = workspace().join("docs/benchmarks");
    fs::create_dir_all(&docs)?;
    let text = page::page(&ours, &theirs)?;
    fs::write(docs.join("map.md"), &text)?;
    fs::write(docs.join("map.svg"), plot::plot(&ours["efficiency"])?)?;
    println!("\n{text}\nwritten to docs/benchmarks/map.md and map.svg");
    Ok(())
}

/// Programs may talk before they print their figures.
fn last_line(output: &str) -> Result<Value> {
    let line = output.lines().rev().find(|line| line.starts_with('{')).unwrap_or_default();
    Ok(serde_json::from_str(line)?)
}
