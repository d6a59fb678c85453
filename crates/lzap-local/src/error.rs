//! What can go wrong with the embedded cloud as a process, as the caller that starts, queries or stops it sees it.
//!
//! Errors that an API caller sees (`NoSuchBucket`, `ValidationException`) are answers, not errors of this kind: each
//! service writes its own.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

/// Why the embedded cloud could not be started, asked, stopped or reset.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum LocalError {
    /// A file or folder of the cloud's state could not be read or written.
    #[error("cannot {action} `{}`", path.display())]
    #[diagnostic(
        code(lzap::local::state_io),
        help("check the folder's permissions and free space, or point LZAP_STATE_DIR at another folder")
    )]
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
    #[diagnostic(
        code(lzap::local::state_unreadable),
        help("run `lzap local reset` to start with an empty cloud; your projects are not touched")
    )]
    StateUnreadable {
        /// The state file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },

    /// Another server already works in this state folder.
    #[error("another embedded cloud already uses `{}`", path.display())]
    #[diagnostic(
        code(lzap::local::already_running),
        help("run `lzap local stop` first, or give each cloud its own folder with LZAP_STATE_DIR")
    )]
    AlreadyRunning {
        /// The state folder.
        path: PathBuf,
    },

    /// No loopback port could be had.
    #[error("cannot listen on {address}")]
    #[diagnostic(
        code(lzap::local::listen),
        help("run `lzap local start --port PORT` with a port that is free")
    )]
    Listen {
        /// The address that was tried.
        address: String,
        /// The operating system's reason.
        #[source]
        source: io::Error,
    },

    /// The background process could not be spawned.
    #[error("cannot start the embedded cloud's process")]
    #[diagnostic(code(lzap::local::spawn), help("run `lzap local start -v` to see more"))]
    Spawn {
        /// The operating system's reason.
        #[source]
        source: io::Error,
    },

    /// The background process ended before it answered.
    #[error("the embedded cloud stopped while starting ({status}){}", tail(log_tail))]
    #[diagnostic(
        code(lzap::local::died),
        help("read `{}`; `lzap local reset` starts with an empty cloud", log.display())
    )]
    Died {
        /// How it ended.
        status: String,
        /// The log file.
        log: PathBuf,
        /// The log's last lines.
        log_tail: String,
    },

    /// The cloud did not answer, or not stop, in time.
    #[error("the embedded cloud did not {action} within {secs} s")]
    #[diagnostic(code(lzap::local::timeout), help("read `{}`, then run the command again", log.display()))]
    Timeout {
        /// "start" or "stop".
        action: &'static str,
        /// How long was waited.
        secs: u64,
        /// The log file.
        log: PathBuf,
    },

    /// The folder holds something that is not an embedded cloud's state.
    #[error("`{}` is not an embedded cloud's state folder", path.display())]
    #[diagnostic(
        code(lzap::local::not_a_cloud),
        help("nothing was deleted; set LZAP_STATE_DIR to the cloud's folder, or remove this one by hand")
    )]
    NotACloud {
        /// The folder.
        path: PathBuf,
    },

    /// A part of the cloud that other parts need did not come up.
    #[error("the embedded cloud's {part} failed: {why}")]
    #[diagnostic(code(lzap::local::part), help("run `lzap local stop`, then `lzap local start`"))]
    Part {
        /// Which part.
        part: &'static str,
        /// What happened.
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
