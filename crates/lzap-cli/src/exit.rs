//! Exit codes: the whole list, and which error has which.

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Failed, for a reason that has no code of its own.
    Failed = 1,
    /// The arguments or the configuration are wrong; nothing was touched.
    Usage = 2,
    /// `plan --check` found changes.
    Changes = 3,
    /// The build failed.
    Build = 4,
    /// AWS refused or could not be reached; run again to resume.
    Aws = 5,
    /// Another command holds the stage's lock.
    Locked = 6,
    /// The new version failed its probe; traffic was not switched.
    Probe = 7,
    /// Ctrl-C or SIGTERM.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
