//! Commands of the project's own tasks: run them, count test results, say which one failed.
//!
//! For `xtask` and the benchmarks.

use std::fmt::{self, Display};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::paths::{apps_target, target, workspace};

/// Why a task failed, for the person at the terminal.
#[derive(Debug)]
pub struct Failure(String);

/// The result of a task.
pub type Result<T = ()> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure with `text` as its whole message.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self(text)
    }
}

/// How many test cases ran, summed over libtest's "test result:" lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// How many passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
}

impl Tally {
    /// Adds the counts of `line`, when it is one of libtest's results.
    pub fn read(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("test result: ") else {
            return;
        };
        for part in counts.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(count), Some(what)) =
                (words.next().and_then(|it| it.parse::<u64>().ok()), words.next())
            else {
                continue;
            };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                _ => {}
            }
        }
    }
}

/// cargo in the workspace's root. rustup must not fetch a toolchain meanwhile.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace()).env("RUSTUP_AUTO_INSTALL", "0");
    command
}

/// Runs a command whose output goes straight to the terminal.
///
/// # Errors
/// When it cannot be started or fails.
pub fn call(command: &mut Command) -> Result {
    let status = command.stdin(Stdio::null()).status().map_err(|error| cannot_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{status}: {}", show_command(command)))) }
}

/// Runs a command, passes its standard output on, and counts the test cases in it.
///
/// # Errors
/// When it cannot be started or fails.
#[expect(clippy::print_stdout, reason = "passes on what the tests print")]
pub fn run_tests(command: &mut Command, tally: &mut Tally) -> Result {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            println!("{line}");
            tally.read(&line);
        }
    }
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{status}: {}", show_command(command)))) }
}

/// Runs a command and returns its standard output; its standard error goes to the terminal.
///
/// # Errors
/// When it cannot be started or fails.
pub fn output(command: &mut Command) -> Result<String> {
    run_for_stdout(command.stderr(Stdio::inherit()))
}

/// Runs a command without a terminal and returns its standard output.
///
/// # Errors
/// When it cannot be started or fails; the text has its output.
pub fn quiet_output(command: &mut Command) -> Result<String> {
    run_for_stdout(command.stderr(Stdio::piped()))
}

fn run_for_stdout(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| cannot_start(command, &error))?;
    if !output.status.success() {
        let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
        said += &String::from_utf8_lossy(&output.stdout);
        return Err(Failure::new(format!("{}: {}\n{said}", output.status, show_command(command))));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A number with separators: `100,000`.
pub fn group_digits(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The command as it would be typed; words with blanks are quoted.
pub fn show_command(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = words.map(|word| {
        let word = word.to_string_lossy();
        if word.contains(char::is_whitespace) { format!("'{word}'") } else { word.into_owned() }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot start `{}`: {error}", show_command(command)))
}

/// The arguments of cargo that build `lzap` with the features that the tests' build chooses, so that the AWS SDK is
/// compiled once for both. cargo chooses features for the packages and targets that are selected: `--workspace` selects
/// all packages, and `--examples`, of which there are few, makes the features of dev-dependencies count.
pub const BUILD_LZAP: [&str; 6] = ["build", "--quiet", "--workspace", "--bin", "lzap", "--examples"];

/// Environment variables that make cargo compile an app quickly, where its behavior counts and neither its speed nor its
/// size: without optimization, in half of the time.
pub const QUICK_BUILD: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
];

/// The built `lzap`, with one target folder for all apps that it compiles. It is built once per process.
///
/// # Errors
/// When it cannot be built.
pub fn lzap() -> Result<Command> {
    build_lzap()?;
    Ok(lzap_command())
}

/// The same, however it was built.
pub fn lzap_command() -> Command {
    let mut command = Command::new(lzap_path());
    command.current_dir(workspace()).env("CARGO_TARGET_DIR", apps_target()).env("RUSTUP_AUTO_INSTALL", "0");
    command
}

/// Builds `lzap` with [`BUILD_LZAP`], once per process.
///
/// # Errors
/// When it cannot be built.
pub fn build_lzap() -> Result {
    static BUILT: OnceLock<()> = OnceLock::new();
    if BUILT.get().is_none() {
        call(cargo().args(BUILD_LZAP))?;
        BUILT.get_or_init(|| ());
    }
    Ok(())
}

/// Where `cargo build` puts the tool.
pub fn lzap_path() -> PathBuf {
    target().join("debug/lzap")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_digits_separates_thousands() {
        assert_eq!([7, 999, 1_000, 1_234_567].map(group_digits), ["7", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn tally_adds_up_results_of_libtest() {
        let mut tally = Tally::default();
        tally.read(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.1s",
        );
        tally.read(
            "test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s",
        );
        tally.read("test tests::passed ... ok");
        assert_eq!((tally.passed, tally.failed), (14, 3));
    }
}
