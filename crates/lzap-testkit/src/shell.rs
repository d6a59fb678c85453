//! Child processes of the project's own tasks: running them, counting test results, reporting failures.
//!
//! For `xtask` and the benchmarks.

use std::fmt::{self, Display};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::paths::{apps_target, target, workspace};

/// The error message of a failed task.
#[derive(Debug)]
pub struct Failure(String);

/// The result of a task.
pub type Result<T = ()> = std::result::Result<T, Failure>;

impl Failure {
    /// Makes a failure whose message is `text`.
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

/// The number of test cases, summed over libtest's "test result:" lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// The number of passed tests.
    pub passed: u64,
    /// The number of failed tests.
    pub failed: u64,
}

impl Tally {
    /// Adds the counts of `line` when it is a "test result:" line; ignores others.
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

/// Returns a command for cargo in the root of the workspace. It keeps rustup from downloading a toolchain.
pub fn cargo() -> Command {
    // `CARGO` is the cargo that runs this task; the one on `PATH` may belong to another toolchain.
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace()).env("RUSTUP_AUTO_INSTALL", "0");
    command
}

/// Runs a command that writes to the terminal, and waits for its end. It gets no standard input.
///
/// # Errors
/// When it cannot be started or fails.
pub fn call(command: &mut Command) -> Result {
    let status = command.stdin(Stdio::null()).status().map_err(|error| cannot_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{status}: {}", show_command(command)))) }
}

/// Runs a command, prints its standard output line by line, and adds its test results to `tally`.
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

/// Runs a command and returns its standard output. Its standard error goes to the terminal.
///
/// # Errors
/// When it cannot be started or fails.
pub fn output(command: &mut Command) -> Result<String> {
    run_for_stdout(command.stderr(Stdio::inherit()))
}

/// Runs a command and returns its standard output. Nothing goes to the terminal.
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

/// Formats a number with separators: `100,000`.
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

/// Formats a command for messages. Words with blanks are quoted; other special characters aren't escaped.
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

/// Builds `lzap` once per process, and returns a command for it as [`lzap_command`] does.
///
/// # Errors
/// When it cannot be built.
pub fn lzap() -> Result<Command> {
    build_lzap()?;
    Ok(lzap_command())
}

/// Returns a command for the built `lzap`, which isn't built first. All apps share one target folder.
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
        // Set after the build, so that a failed build is repeated by the next call.
        BUILT.get_or_init(|| ());
    }
    Ok(())
}

/// Returns the path of the `lzap` that `cargo build` makes.
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
