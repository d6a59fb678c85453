//! The page that the benchmark writes.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Built, ROUNDS, STARTS};

/// The table, how it came about, and what it doesn't show.
pub(super) fn page(built: &[Built]) -> String {
    format!(
        "# Linkers and allocators\n\n\
         <!-- Written by `cargo xtask bench linkers`. -->\n\n\
         One app, built by `lzap package` in each form, under a stand-in for Lambda's Runtime API on the same machine. The\n\
         forms take turns; of {ROUNDS} rounds the smallest figure counts.\n\n\
         {table}\n\
         - **cold**: from the process's start until it asks for its first event; the median of {STARTS} starts.\n\
         - **hello**, **json**, **threads**: processor time of one request, user and system. hello answers a constant; json\n  \
           makes, parses, groups and writes 200 objects, some thousands of allocations; threads does that in 4 threads at\n  \
           once. In brackets: the ratio to the first row of the same architecture.\n\
         - **memory**: the most that was resident after all requests.\n\
         - mimalloc compiles C, so it needs zig; dlmalloc and talc are Rust.\n\
         - The rows of another architecture than this machine's ran under QEMU, whose translation is most of their time: they\n  \
           show that it runs, and the sizes.\n\n\
         What follows from it: [How it is built](../how-it-is-built.md#why-musl).\n\n\
         ## How to repeat it\n\n\
         ```console\n$ cargo xtask bench linkers\n```\n",
        table = table(built),
    )
}

fn table(built: &[Built]) -> String {
    let mut table =
        "| for | linked | allocator | bootstrap | zip | cold | hello | json | threads | memory |\n"
            .to_owned();
    table.push_str("|---|---|---|---:|---:|---:|---:|---:|---:|---:|\n");
    for one in built {
        let first = built.iter().find(|it| it.form.architecture == one.form.architecture);
        let base = first.and_then(|it| it.best);
        // Writing to a String cannot fail.
        let _ = write!(
            table,
            "| {} | {} | {} ",
            one.form.shown(),
            megabytes(one.bootstrap_bytes),
            megabytes(one.zip_bytes)
        );
        let Some(best) = one.best else {
            table.push_str("| | | | | |\n");
            continue;
        };
        if !one.form.is_native() {
            let emulated = best.request.map(|time| format!("{} µs", time.as_micros())).join(" | ");
            let _ = writeln!(table, "| {:.1} ms | {emulated} | |", best.cold.as_secs_f64() * 1e3);
        } else if let Some(base) = base {
            let _ = write!(table, "| {:.1} ms ", best.cold.as_secs_f64() * 1e3);
            for (time, base) in best.request.iter().zip(base.request) {
                let _ = write!(table, "| {} ", beside(*time, base));
            }
            let _ = writeln!(table, "| {} |", megabytes(best.resident_bytes));
        }
    }
    table
}

fn beside(time: Duration, base: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    format!("{micros:.0} µs ({:.2})", time.as_secs_f64() / base.as_secs_f64().max(1e-9))
}

fn megabytes(bytes: u64) -> String {
    let kilobytes = bytes.saturating_add(500) / 1000;
    format!("{}.{:02} MB", kilobytes / 1000, kilobytes % 1000 / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_with_their_ratio() {
        assert_eq!(beside(Duration::from_micros(150), Duration::from_micros(100)), "150 µs (1.50)");
        assert_eq!(megabytes(2_345_678), "2.34 MB");
    }
}
