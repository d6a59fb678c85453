//! Counts of processor instructions by valgrind's callgrind.
//!
//! Unlike times, they repeat to the fourth digit on a busy machine, so they show differences of a percent.

use std::ffi::OsStr;
use std::process::{Child, Command, Stdio};

use lzap_testkit::shell::{Failure, Result};

/// Prepares `command` to run under callgrind, which writes no profile and prints its count to standard error at the end.
pub(crate) fn command<S: AsRef<OsStr>>(command: &[S]) -> Command {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).args(command);
    valgrind.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    valgrind
}

/// Starts a command that [`command`] prepared.
pub(crate) fn start(command: &mut Command) -> Result<Child> {
    command.spawn().map_err(|error| {
        Failure::new(format!("cannot start valgrind: {error}; on Debian: `apt-get install valgrind`"))
    })
}

/// Waits for the process to end: the instructions of its whole life.
pub(crate) fn finish(child: Child) -> Result<u64> {
    let output = child.wait_with_output()?;
    let printed = String::from_utf8_lossy(&output.stderr);
    read_count(&printed).ok_or_else(|| Failure::new(format!("callgrind printed no count:\n{printed}")))
}

/// The number in `==PID== Collected : NUMBER`.
fn read_count(printed: &str) -> Option<u64> {
    let count = printed.lines().find_map(|line| line.split_once("Collected :"))?.1;
    count.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_count_finds_callgrinds_total() {
        let printed =
            "==7== Events    : Ir\n==7== Collected : 4718592\n==7== \n==7== I   refs:      4,718,592\n";
        assert_eq!(read_count(printed), Some(4_718_592));
        assert_eq!(read_count("==7== killed\n"), None);
    }
}
