//! `cargo xtask bench csv`: the reference app's sum on one core, beside pandas, polars and duckdb.
//!
//! Files are made from a seed in the shape that the app is made for. All run in this process's place on one core
//! (`taskset`), turn by turn; each reads the CSV from memory or disk as it does best, groups, sums and writes a CSV.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;
use lzap_testkit::{Python, apps_target, target, workspace};
use serde_json::{Map, Value};

use crate::callgrind;
use lzap_testkit::shell::{Failure, Result, quiet_output};

const PEERS: &str = "pandas==3.1.1\npolars==2.1.0\nduckdb==2.0.0\n";
const TOOLS: [&str; 5] = ["csv-group-sum", "polars-streaming", "polars", "pandas", "duckdb"];
/// Rows for each of a thousand ids, and how often each tool runs.
const SIZES: [(usize, usize); 3] = [(100, 15), (1_000, 7), (10_000, 3)];
const IDS: usize = 1_000;

/// Measures, prints the page and writes it to the docs.
pub(crate) fn run() -> Result {
    println!("==> installing the peers, compiling the app");
    let python = Python::install(&target().join("venv-csv"), PEERS)?;
    let program = compiled()?;
    let instructions = count_instructions(&program)?;
    let mut rows = Vec::new();
    for (per_id, rounds) in SIZES {
        let file = target().join(format!("bench/series-{per_id}.csv"));
        make(&file, per_id)?;
        let bytes = fs::metadata(&file)?.len();
        let mut best: Map<String, Value> = Map::new();
        for round in 0..rounds {
            println!("==> {} MB, round {} of {rounds}", bytes / 1_000_000, round + 1);
            for tool in TOOLS {
                let secs = seconds(tool, &python, &program, &file)?;
                let known = best.get(tool).and_then(Value::as_f64).unwrap_or(f64::MAX);
                best.insert(tool.to_owned(), secs.min(known).into());
            }
        }
        fs::remove_file(&file)?;
        rows.push((bytes, best));
    }
    let text = page(&rows, instructions);
    let docs = workspace().join("docs/benchmarks");
    fs::create_dir_all(&docs)?;
    fs::write(docs.join("csv.md"), &text)?;
    println!("\n{text}\nwritten to docs/benchmarks/csv.md");
    Ok(())
}

/// The app's own benchmark, which sums the file that it is given.
fn compiled() -> Result<PathBuf> {
    let mut build = Command::new("cargo");
    build.args(["bench", "--no-run", "--bench", "group_sum", "--message-format", "json"]);
    build.current_dir(workspace().join("examples/csv-group-sum")).env("CARGO_TARGET_DIR", apps_target());
    let said = quiet_output(&mut build)?;
    let program =
        said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
            let ours = message["target"]["name"] == "group_sum";
            message["executable"].as_str().filter(|_| ours).map(PathBuf::from)
        });
    program.ok_or_else(|| Failure::new("cargo names no program for the benchmark"))
}

/// Instructions per MB of the app's sum: those of a larger file less those of a smaller one, so that the process's start is
/// not in it.
#[expect(clippy::cast_precision_loss, reason = "sizes of files and counts of instructions")]
fn count_instructions(program: &Path) -> Result<f64> {
    println!("==> instructions");
    let mut counted = Vec::new();
    for per_id in [10, 110] {
        let file = target().join(format!("bench/instructions-{per_id}.csv"));
        make(&file, per_id)?;
        let bytes = fs::metadata(&file)?.len();
        let command = [program.as_os_str(), "--file".as_ref(), file.as_os_str()];
        let child = callgrind::start(&mut callgrind::command(&command))?;
        counted.push((bytes as f64, callgrind::finish(child)? as f64));
        fs::remove_file(&file)?;
    }
    let [(small, base), (large, all)] = counted[..] else {
        return Err(Failure::new("two files make a difference"));
    };
    Ok((all - base) / (large - small) * 1e6)
}

/// `,id,time,value`, id by id, with twelve decimals.
fn make(file: &Path, per_id: usize) -> Result {
    fs::create_dir_all(file.parent().unwrap_or(file))?;
    let mut out = BufWriter::new(fs::File::create(file)?);
    writeln!(out, ",id,time,value")?;
    let mut state = 1_u64;
    for row in 0..per_id * IDS {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let value = f64::from(u32::try_from(state >> 32).unwrap_or(0)) / f64::from(u32::MAX);
        writeln!(out, "{row},{},{},{value:.12}", row / per_id, row % per_id)?;
    }
    Ok(out.flush()?)
}

/// One run on one core: the tool's own time, without its start.
fn seconds(tool: &str, python: &Python, program: &Path, file: &Path) -> Result<f64> {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "0"]);
    if tool == TOOLS[0] {
        command.arg(program).arg("--file").arg(file);
    } else {
        let script = workspace().join("tests/bench/src/csv/peers.py");
        command.arg(python.command("python").get_program()).arg(script).arg(tool).arg(file);
        command.env("POLARS_MAX_THREADS", "1");
    }
    let said = quiet_output(&mut command)?;
    let secs = said.trim().lines().last().and_then(|line| line.parse().ok());
    secs.ok_or_else(|| Failure::new(format!("{tool} printed no time: {said}")))
}

fn page(rows: &[(u64, Map<String, Value>)], instructions: f64) -> String {
    let mut text = String::from(
        "# Sums of a CSV\n\n<!-- Written by `cargo xtask bench csv`. -->\n\nReading a CSV of 1,000 ids, summing a column by \
         id and writing the result: megabytes (10⁶ bytes) a second on one core, the best of some runs, all in one run of \
         this benchmark. In brackets: the time, as a ratio to the reference app's.\n\n| |",
    );
    for (bytes, _) in rows {
        let _ = write!(text, " {} MB |", tenths(*bytes));
    }
    text += "\n|---|---:|---:|---:|\n";
    for tool in TOOLS {
        let _ = write!(text, "| {tool} |");
        for (bytes, best) in rows {
            let secs = |tool: &str| best.get(tool).and_then(Value::as_f64).unwrap_or(f64::NAN);
            #[expect(clippy::cast_precision_loss, reason = "a file's size")]
            let speed = *bytes as f64 / secs(tool) / 1e6;
            let _ = write!(text, " {speed:.0} ({:.2}) |", secs(tool) / secs(TOOLS[0]));
        }
        text += "\n";
    }
    let _ = writeln!(
        text,
        "\nThe app executes {:.1} million instructions per MB, counted by callgrind: a figure that repeats where times \
         don't.",
        instructions / 1e6
    );
    text += "\nThe app sums in the order of the rows, so that its answer is the same bit for bit however the work is spread; \
             the others don't say in which order they add.\n\n## How to repeat it\n\n```console\n$ cargo xtask bench csv\n```\n";
    text
}

fn tenths(bytes: u64) -> String {
    format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10)
}
