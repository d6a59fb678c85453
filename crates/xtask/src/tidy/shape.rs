//! How long files and functions are. rustfmt has been over every file, so a function ends at the line that is its
//! first line's indentation and a brace.

use super::files::SourceFile;

const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 100;
const MAX_FUNCTION_P90_LINES: usize = 30;

/// A summary, and what is too long.
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

fn find_percentile(sorted: &[usize], percent: usize) -> usize {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0)
}

/// The lines before a file's test module.
fn strip_tests<'a>(lines: &'a [&'a str]) -> &'a [&'a str] {
    let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "));
    &lines[..tests.unwrap_or(lines.len())]
}

struct MeasuredFunction {
    /// The line of its `fn`, from 1.
    at: usize,
    lines: usize,
}

fn find_functions(lines: &[&str]) -> Vec<MeasuredFunction> {
    let starts = lines.iter().enumerate().filter(|(_, line)| is_function_start(line));
    starts
        .filter_map(|(at, line)| {
            Some(MeasuredFunction { at: at + 1, lines: measure_function(&lines[at..], line)? })
        })
        .collect()
}

fn is_function_start(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let modifiers =
        ["async", "const", "unsafe", "extern", "\"C\"", "pub", "pub(crate)", "pub(super)", "default"];
    words.find(|word| !modifiers.contains(word)) == Some("fn")
}

/// The lines of the function that begins here; none when it has no body.
fn measure_function(lines: &[&str], first: &str) -> Option<usize> {
    let indent = &first[..first.len() - first.trim_start().len()];
    for (index, line) in lines.iter().enumerate() {
        let at_indent = line.strip_prefix(indent).filter(|rest| !rest.starts_with(' '));
        if index == 0 && line.ends_with('}') || at_indent == Some("}") {
            return Some(index + 1);
        }
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
