//! The errors of the embedded cloud as a process, for the caller that starts, queries or stops it.
//!
//! Errors that an API caller sees (`NoSuchBucket`, `ValidationException`) are answers, not errors of this kind: each
//! service writes its own.
//!
//! Codes, causes and help are in `explain`.

mod explain;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why the embedded cloud could not be started, asked, stopped or reset.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LocalError {
    /// A file or folder of the cloud's state could not be read or written.
    #[error("cannot {action} `{}`", path.display())]
    StateIo {
        /// The verb: "read", "write", "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        source: io::Error,
    },

    /// The saved state is not what this version wrote.
    #[error("the embedded cloud's saved state `{}` cannot be read: {why}", path.display())]
    StateUnreadable {
        /// The state file.
        path: PathBuf,
        /// The reason why it is unreadable.
        why: String,
    },

    /// Another server already works in this state folder.
    #[error("another embedded cloud already uses `{}`", path.display())]
    AlreadyRunning {
        /// The state folder.
        path: PathBuf,
    },

    /// No loopback port could be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was tried.
        address: String,
        /// The operating system's reason.
        #[source]
        source: io::Error,
    },

    /// The background process could not be spawned.
    #[error("cannot start the embedded cloud's process")]
    Spawn {
        /// The operating system's reason.
        #[source]
        source: io::Error,
    },

    /// The background process ended before it answered.
    #[error("the embedded cloud stopped while starting ({status}){}", tail(log_tail))]
    Died {
        /// The exit status of the process.
        status: String,
        /// The log file.
        log: PathBuf,
        /// The log's last lines.
        log_tail: String,
    },

    /// The cloud did not answer, or not stop, in time.
    #[error("the embedded cloud did not {action} within {secs} s")]
    Timeout {
        /// "start" or "stop".
        action: &'static str,
        /// The seconds until the timeout.
        secs: u64,
        /// The log file.
        log: PathBuf,
    },

    /// The folder holds something that is not an embedded cloud's state.
    #[error("`{}` is not an embedded cloud's state folder", path.display())]
    NotACloud {
        /// The folder.
        path: PathBuf,
    },

    /// A part of the cloud that other parts need did not come up.
    #[error("the embedded cloud's {part} failed: {why}")]
    Part {
        /// The name of the part.
        part: &'static str,
        /// The error of the part.
        why: String,
    },
}

impl LocalError {
    /// A failed file operation, ready for `map_err`.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::StateIo { action, path, source }
    }
}

/// The log's last lines, below the message they explain.
fn tail(lines: &str) -> String {
    if lines.trim().is_empty() { String::new() } else { format!("\n{}", lines.trim_end()) }
}
