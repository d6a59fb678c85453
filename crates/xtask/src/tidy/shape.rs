//! Checks the length of files and functions, in lines.
//!
//! Functions are found by indentation and not parsed: rustfmt has formatted every file, so a function ends at
//! the first `}` with the indentation of its `fn`. Test modules are not measured.

use super::files::SourceFile;

/// The most lines of a Rust file, its tests included.
const MAX_FILE_LINES: usize = 500;
/// The most lines of a function, from its `fn` to its closing brace.
const MAX_FUNCTION_LINES: usize = 100;
/// The most lines of nine of ten functions. It limits the usual length, as [`MAX_FUNCTION_LINES`] limits the
/// exceptions.
const MAX_FUNCTION_P90_LINES: usize = 30;

/// Returns a summary of all lengths, and one line per file or function that is too long.
pub(super) fn check_lengths(files: &[SourceFile]) -> (String, Vec<String>) {
    let mut wrong = Vec::new();
    let mut lengths = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let lines: Vec<&str> = file.text.lines().collect();
        if lines.len() > MAX_FILE_LINES {
            wrong.push(format!("{}: {} lines, {MAX_FILE_LINES} at most", file.path, lines.len()));
        }
        for function in find_functions(strip_tests(&lines)) {
            if function.lines > MAX_FUNCTION_LINES {
                wrong.push(format!(
                    "{}:{}: a function of {} lines, {MAX_FUNCTION_LINES} at most",
                    file.path, function.at, function.lines
                ));
            }
            lengths.push(function.lines);
        }
    }
    lengths.sort_unstable();
    let p90 = find_percentile(&lengths, 90);
    if p90 > MAX_FUNCTION_P90_LINES {
        wrong.push(format!("nine of ten functions have up to {p90} lines, {MAX_FUNCTION_P90_LINES} at most"));
    }
    (summarize_lengths(&lengths), wrong)
}

/// Formats the percentiles of the sorted `lengths`.
fn summarize_lengths(lengths: &[usize]) -> String {
    format!(
        "    {} functions; lines p50 {} p90 {} p99 {} max {}",
        lengths.len(),
        find_percentile(lengths, 50),
        find_percentile(lengths, 90),
        find_percentile(lengths, 99),
        lengths.last().unwrap_or(&0),
    )
}

/// Returns the value below which `percent` percent of the sorted values are; 0 if there are none.
fn find_percentile(sorted: &[usize], percent: usize) -> usize {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0)
}

/// Returns the lines before the test module, which is the last item of a file.
fn strip_tests<'a>(lines: &'a [&'a str]) -> &'a [&'a str] {
    let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "));
    &lines[..tests.unwrap_or(lines.len())]
}

/// A function with a body: the place where it begins, and its length.
struct MeasuredFunction {
    /// The line of its `fn`, from 1.
    at: usize,
    lines: usize,
}

/// Returns the functions that have a body; a nested function counts by itself and within the outer one.
fn find_functions(lines: &[&str]) -> Vec<MeasuredFunction> {
    let starts = lines.iter().enumerate().filter(|(_, line)| is_function_start(line));
    starts
        .filter_map(|(at, line)| {
            Some(MeasuredFunction { at: at + 1, lines: measure_function(&lines[at..], line)? })
        })
        .collect()
}

/// Returns whether `fn` is the first word of the line that is no modifier.
fn is_function_start(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let modifiers =
        ["async", "const", "unsafe", "extern", "\"C\"", "pub", "pub(crate)", "pub(super)", "default"];
    words.find(|word| !modifiers.contains(word)) == Some("fn")
}

/// Returns the number of lines of the function that begins at `first`, or `None` if it has no body.
fn measure_function(lines: &[&str], first: &str) -> Option<usize> {
    let indent = &first[..first.len() - first.trim_start().len()];
    for (index, line) in lines.iter().enumerate() {
        let at_indent = line.strip_prefix(indent).filter(|rest| !rest.starts_with(' '));
        // A function in one line has no closing brace of its own line.
        if index == 0 && line.ends_with('}') || at_indent == Some("}") {
            return Some(index + 1);
        }
        // A declaration in a trait, whose arguments may take several lines, ends with a semicolon.
        if at_indent.is_some_and(|rest| rest.ends_with(';')) {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_functions_returns_lines_and_skips_declarations() {
        let text = "impl A {\n    fn none(&self);\n    pub(crate) fn one() {}\n    async fn three(\n        a: u8,\n    ) {\n        {\n        }\n    }\n}";
        let lines: Vec<&str> = text.lines().collect();
        let found: Vec<_> =
            find_functions(&lines).iter().map(|function| (function.at, function.lines)).collect();
        assert_eq!(found, [(3, 1), (4, 6)]);
    }
}
