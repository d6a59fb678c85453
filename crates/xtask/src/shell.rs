//! Running commands, and saying which one failed.

use std::fmt::{self, Display};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use lzap_testkit::{apps_target, workspace};

/// What went wrong, for the person at the terminal.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// The result of a task.
pub(crate) type Result<T = ()> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
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

/// Test cases that ran, over all of libtest's "test result:" lines.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// Adds what `line` reports, when it is one of libtest's results.
    pub(crate) fn read(&mut self, line: &str) {
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

/// `cargo` with `args`, in the workspace's root.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Where rustup stands in for cargo, no task may make it fetch a toolchain.
    command.args(args).current_dir(workspace()).env("RUSTUP_AUTO_INSTALL", "0");
    command
}

/// Runs a command whose output goes straight to the terminal.
pub(crate) fn call(command: &mut Command) -> Result {
    let status = command.stdin(Stdio::null()).status().map_err(|error| cannot_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{status}: {}", shown(command)))) }
}

/// Runs a command, passes its standard output on, and counts the test cases in it.
pub(crate) fn run_tests(command: &mut Command, tally: &mut Tally) -> Result {
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
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{status}: {}", shown(command)))) }
}

/// What a command prints on its standard output; standard error goes to the terminal.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    finished(command.stderr(Stdio::inherit()))
}

/// What a command that has no terminal prints on its standard output; standard error only if it fails.
pub(crate) fn quiet_output(command: &mut Command) -> Result<String> {
    finished(command.stderr(Stdio::piped()))
}

fn finished(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| cannot_start(command, &error))?;
    if !output.status.success() {
        let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
        said += &String::from_utf8_lossy(&output.stdout);
        return Err(Failure::new(format!("{}: {}\n{said}", output.status, shown(command))));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A number as people write it: `100,000`.
pub(crate) fn grouped(number: usize) -> String {
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

/// The command as one could type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot start `{}`: {error}", shown(command)))
}

/// The tool as this checkout builds it, with one target folder for all the apps that it builds. It is built once: a
/// task sees the same tool from its begin to its end.
pub(crate) fn lzap() -> Result<Command> {
    build_lzap(&["--package", "lzap-cli"])?;
    let mut command = Command::new(lzap_path());
    command.current_dir(workspace()).env("CARGO_TARGET_DIR", apps_target()).env("RUSTUP_AUTO_INSTALL", "0");
    Ok(command)
}

/// Builds the tool as the tests do, beside which it stands: for other packages cargo chooses other features of the AWS
/// SDK, and compiles all of it again.
pub(crate) fn build_lzap_as_tests_do() -> Result {
    build_lzap(&["--workspace", "--tests"])
}

fn build_lzap(packages: &[&str]) -> Result {
    static BUILT: OnceLock<()> = OnceLock::new();
    if BUILT.get().is_none() {
        call(cargo(&["build", "--quiet", "--bin", "lzap"]).args(packages))?;
        BUILT.get_or_init(|| ());
    }
    Ok(())
}

/// Where `cargo build` puts the tool.
pub(crate) fn lzap_path() -> PathBuf {
    lzap_testkit::target().join("debug/lzap")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_grouped() {
        assert_eq!([7, 999, 1_000, 1_234_567].map(grouped), ["7", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn results_add_up() {
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
