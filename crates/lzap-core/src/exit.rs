//! Exit codes: the whole list.

use std::process::ExitCode;

/// The exit code of the program. Scripts rely on the numbers, so they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Success, or nothing to do.
    Done = 0,
    /// Failed, for a reason that has no exit code of its own.
    Failed = 1,
    /// The arguments or the configuration are wrong; nothing was changed.
    Usage = 2,
    /// `plan --check` found changes.
    Changes = 3,
    /// The build failed.
    Build = 4,
    /// AWS refused or could not be reached; the same command resumes.
    Aws = 5,
    /// Another command holds the stage's lock.
    Locked = 6,
    /// The new version failed its probe; traffic was not switched.
    Probe = 7,
    /// Ctrl-C or SIGTERM.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
