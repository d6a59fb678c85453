//! The page that the benchmark writes.

use std::fmt::Write as _;

use super::{DELAY, Measured, ROUNDS};

/// Both tools' runs, step by step, and how they came about.
pub(super) fn page(ours: &[Measured], theirs: &[Measured], versions: &str) -> String {
    format!(
        "# What a deploy costs\n\n\
         <!-- Written by `cargo xtask bench deploy`. -->\n\n\
         The hello app of each tool goes to [moto](https://docs.getmoto.org), a mock of AWS, through a proxy that adds\n\
         {delay} ms to each call. Both tools run in turns on the same machine; of {ROUNDS} rounds the fastest run of each\n\
         step counts.\n\n\
         {table}\n\
         - **depth**: the longest chain of calls in which each began after the one before had ended. So many round trips\n  \
           a command takes at the least, and on AWS they decide the seconds.\n\
         - **writes**: every call that is not a read, invokes included.\n\
         - **uploaded**: the bodies of all calls.\n\
         - **wall**: from the command's start to its end. lzap's app was compiled before; **tool** is wall without what\n  \
           cargo then still takes to find that out. zappa's packaging is part of the tool: it happens on every deploy.\n\n\
         ## What this does not show\n\n\
         moto settles every change at once. AWS takes seconds for some of them, and both tools wait for it: lzap polls\n\
         from 0.2 s up, zappa in steps of 3 to 30 s. moto runs no function either: neither tool requests the live URL\n\
         here (`--no-touch`, `touch: false`), and lzap's probe of each new version is answered by the mock.\n\n\
         ## How to repeat it\n\n\
         ```console\n$ cargo xtask bench deploy\n```\n\n\
         Measured with {versions}; lzap was a debug build.\n\n\
         zappa has a Flask app of five lines, in an environment of its own, and the settings that `zappa init` writes. Its\n\
         listing of function URLs, which moto lacks, is answered by the proxy with an empty list.\n",
        delay = DELAY.as_millis(),
        table = table(ours, theirs),
    )
}

fn table(ours: &[Measured], theirs: &[Measured]) -> String {
    let mut table = "| | tool | calls | writes | depth | uploaded | wall | tool |\n".to_owned();
    table.push_str("|---|---|---:|---:|---:|---:|---:|---:|\n");
    for (our, their) in ours.iter().zip(theirs) {
        for (what, tool, run) in [(our.what, "lzap", our), ("", "zappa", their)] {
            // Writing to a String cannot fail.
            let _ = writeln!(
                table,
                "| {what} | {tool} | {} | {} | {} | {} | {:.1} s | {:.1} s |",
                run.calls,
                run.writes,
                run.depth,
                size(run.uploaded),
                run.wall,
                run.tool
            );
        }
    }
    table
}

/// Bytes in decimal units.
fn size(bytes: usize) -> String {
    match (bytes, bytes.saturating_add(500) / 1_000) {
        (0..1_000, _) => format!("{bytes} B"),
        (_, thousands @ 0..1_000) => format!("{thousands} KB"),
        (_, thousands) => format!("{}.{:02} MB", thousands / 1_000, thousands % 1_000 / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_decimal_units() {
        assert_eq!([12, 1_200, 1_800, 10_785_609].map(size), ["12 B", "1 KB", "2 KB", "10.78 MB"]);
    }
}
