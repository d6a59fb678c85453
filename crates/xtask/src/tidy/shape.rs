//! How long files and functions are. rustfmt has been over every file, so a function ends at the line that is its
//! first line's indentation and a brace.

use super::files::File;

const FILE_MOST: usize = 500;
const FUNCTION_MOST: usize = 100;
const FUNCTION_P90: usize = 30;

/// A summary, and what is too long.
pub(super) fn check(files: &[File]) -> (String, Vec<String>) {
    let mut wrong = Vec::new();
    let mut lengths = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let lines: Vec<&str> = file.text.lines().collect();
        if lines.len() > FILE_MOST {
            wrong.push(format!("{}: {} lines, {FILE_MOST} at most", file.path, lines.len()));
        }
        for function in functions(without_tests(&lines)) {
            if function.lines > FUNCTION_MOST {
                wrong.push(format!(
                    "{}:{}: a function of {} lines, {FUNCTION_MOST} at most",
                    file.path, function.at, function.lines
                ));
            }
            lengths.push(function.lines);
        }
    }
    lengths.sort_unstable();
    let p90 = percentile(&lengths, 90);
    if p90 > FUNCTION_P90 {
        wrong.push(format!("nine of ten functions have up to {p90} lines, {FUNCTION_P90} at most"));
    }
    (summary(&lengths), wrong)
}

fn summary(lengths: &[usize]) -> String {
    format!(
        "    {} functions; lines p50 {} p90 {} p99 {} max {}",
        lengths.len(),
        percentile(lengths, 50),
        percentile(lengths, 90),
        percentile(lengths, 99),
        lengths.last().unwrap_or(&0),
    )
}

fn percentile(sorted: &[usize], percent: usize) -> usize {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0)
}

/// The lines before a file's test module.
fn without_tests<'a>(lines: &'a [&'a str]) -> &'a [&'a str] {
    let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "));
    &lines[..tests.unwrap_or(lines.len())]
}

struct Function {
    /// The line of its `fn`, from 1.
    at: usize,
    lines: usize,
}

fn functions(lines: &[&str]) -> Vec<Function> {
    let starts = lines.iter().enumerate().filter(|(_, line)| starts_function(line));
    starts
        .filter_map(|(at, line)| Some(Function { at: at + 1, lines: length(&lines[at..], line)? }))
        .collect()
}

fn starts_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let modifiers =
        ["async", "const", "unsafe", "extern", "\"C\"", "pub", "pub(crate)", "pub(super)", "default"];
    words.find(|word| !modifiers.contains(word)) == Some("fn")
}

/// The lines of the function that begins here; none when it has no body.
fn length(lines: &[&str], first: &str) -> Option<usize> {
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
    fn functions_are_measured() {
        let text = "impl A {\n    fn none(&self);\n    pub(crate) fn one() {}\n    async fn three(\n        a: u8,\n    ) {\n        {\n        }\n    }\n}";
        let lines: Vec<&str> = text.lines().collect();
        let found: Vec<_> = functions(&lines).iter().map(|function| (function.at, function.lines)).collect();
        assert_eq!(found, [(3, 1), (4, 6)]);
    }
}
