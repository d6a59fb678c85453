//! The page of figures.

use std::fmt::Write as _;

use serde_json::Value;

use lzap_testkit::shell::{Failure, Result};

const TASKS: f64 = 1000.0;
const CHUNKS: f64 = 64.0;

/// docs/benchmarks/map.md.
pub(super) fn page(ours: &Value, theirs: &Value) -> Result<String> {
    let number = |value: &Value, path: &str| {
        value
            .pointer(path)
            .and_then(Value::as_f64)
            .ok_or_else(|| Failure::new(format!("no {path} in {value}")))
    };
    let item = number(ours, "/local/per_item_us")?;
    let chunk = number(ours, "/local/per_chunk_us")?;
    let us = |secs: f64, of: f64| secs * 1e6 / of;
    let forked = us(number(theirs, "/forked_items_secs")?, TASKS);
    let forked_chunk = us(number(theirs, "/forked_chunks_secs")?, CHUNKS);
    let fresh_chunk = us(number(theirs, "/default_chunks_secs")?, CHUNKS);
    let (plain, compressed) = (number(theirs, "/seed_plain_secs")?, number(theirs, "/seed_compressed_secs")?);
    let lithops = theirs["version"].as_str().unwrap_or("?");
    let mut text = String::from("# Map\n\n<!-- Written by `cargo xtask bench map`. -->\n\n");
    text += "What a `map` costs beside the work it spreads. Of each figure the best of some rounds counts, all in one run \
             on one machine.\n\n## In one process\n\nA task that squares a number, so that the rest is overhead.\n\n\
             | | a task of 1,000 | a chunk of 64 (16 items each) |\n|---|---:|---:|\n";
    let _ = writeln!(text, "| lzap, under `cargo run` | {item:.2} µs (1) | {chunk:.1} µs (1) |");
    let _ = writeln!(
        text,
        "| Lithops {lithops}, localhost, forked workers | {forked:.0} µs ({:.0}) | {forked_chunk:.0} µs ({:.0}) |",
        forked / item,
        forked_chunk / chunk
    );
    let _ = writeln!(
        text,
        "| Lithops {lithops}, localhost, default | | {fresh_chunk:.0} µs ({:.0}) |",
        fresh_chunk / chunk
    );
    text += "\n## Bytes\n\n1,000 series of 100 numbers as one payload, to the JSON that travels and back; base64 and, \
             where a sample shrinks, deflate are in it.\n\n| | there | back | bytes |\n|---|---:|---:|---:|\n";
    for (key, name) in [
        ("random", "postcard, random numbers"),
        ("sensor", "postcard, a sensor's (two decimals)"),
        ("random_json", "JSON, random numbers"),
    ] {
        let at = |field: &str| number(ours, &format!("/codec/{key}/{field}"));
        let (encode, decode, bytes) = (at("encode_ms")?, at("decode_ms")?, at("bytes")? / 1e3);
        let _ = writeln!(text, "| {name} | {encode:.2} ms | {decode:.2} ms | {bytes:.0} kB |");
    }
    let _ = writeln!(
        text,
        "| Python, JSON in JSON, 100 chunks (the app of 2017), there and back with its sums | {:.0} ms | | |\n\
         | the same with zlib | {:.0} ms | | |",
        plain * 1e3,
        compressed * 1e3
    );
    text += "\n## Against a limit\n\n1,000 invocations of 50 ms over HTTP on loopback, through the AWS SDK, to a stub that \
             takes so many at once and answers 429 to the rest.\n\n| at once | ideal | lzap | lost | refused |\n\
             |---:|---:|---:|---:|---:|\n";
    for (key, limit, ideal) in [("limit_100", 100, 0.5), ("limit_10", 10, 5.0)] {
        let at = |field: &str| number(ours, &format!("/{key}/{field}"));
        let (wall, lost, throttles) = (at("wall_secs")?, at("lost")?, at("throttles")?);
        let _ = writeln!(
            text,
            "| {limit} | {ideal:.2} s | {wall:.2} s ({:.2}) | {lost:.0} | {throttles:.0} |",
            wall / ideal
        );
    }
    text += "\n## On a thousand workers\n\nIn the simulator: AWS's model of scaling (new environments every ten seconds), \
             cold starts of 150 ms, 25 ms for each invocation, one in a hundred on a host five times slower, items of \
             100 ms that differ by a fifth; around the same planning that runs in Lambda; the mean of ten runs. Not measured on AWS.\n\n\
             ![The share of the workers' time that is work, by workers](map.svg)\n\n\
             | work | workers | wall | speed-up | efficiency |\n|---:|---:|---:|---:|---:|\n";
    for row in ours["efficiency"].as_array().into_iter().flatten() {
        let at = |field: &str| number(row, &format!("/{field}"));
        let (work, workers) = (at("work_secs")?, at("workers")?);
        let (wall, speed_up, efficiency) = (at("wall_secs")?, at("speed_up")?, at("efficiency")? * 100.0);
        let _ = writeln!(
            text,
            "| {work:.0} s | {workers:.0} | {wall:.2} s | {speed_up:.0} | {efficiency:.0} % |"
        );
    }
    text += "\n## How to repeat it\n\n```console\n$ cargo xtask bench map\n```\n";
    Ok(text)
}
