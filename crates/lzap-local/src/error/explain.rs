//! The table of [`LocalError`]: code, likely cause, help.
//!
//! `lzap-core` has a trait for it, which this crate must not know; `lzap-cli` connects the two.

use std::io;
use std::path::PathBuf;

use super::LocalError;

impl LocalError {
    /// Returns the code and the likely cause.
    fn row(&self) -> (&'static str, &'static str) {
        match self {
            Self::StateIo { .. } => {
                ("lzap::local::state_io", "The embedded cloud keeps its state in a folder that it can't use.")
            }
            Self::StateUnreadable { .. } => (
                "lzap::local::state_unreadable",
                "The saved state was written by another version of lzap, or was changed by another program.",
            ),
            Self::AlreadyRunning { .. } => {
                ("lzap::local::already_running", "Only one embedded cloud can use a state folder at a time.")
            }
            Self::Listen { .. } => (
                "lzap::local::listen",
                "The port is used by another program, or the operating system doesn't allow it.",
            ),
            Self::Spawn { .. } => (
                "lzap::local::spawn",
                "The embedded cloud is a process of this program, and the operating system refused to start it.",
            ),
            Self::Died { .. } => (
                "lzap::local::died",
                "The embedded cloud's process ended before it answered; its log has the reason.",
            ),
            Self::Timeout { .. } => {
                ("lzap::local::timeout", "The machine is overloaded, or the embedded cloud's process hangs.")
            }
            Self::NotACloud { .. } => (
                "lzap::local::not_a_cloud",
                "LZAP_STATE_DIR names a folder with other files, and a reset would delete them.",
            ),
            Self::Part { .. } => {
                ("lzap::local::part", "One of the embedded cloud's services failed while the others run.")
            }
        }
    }

    /// Returns one error of each kind, for the reference.
    pub fn examples() -> Vec<Self> {
        let (path, log) = (|| PathBuf::from("FOLDER"), || PathBuf::from("LOG"));
        vec![
            Self::StateIo { action: "write", path: path(), source: io::ErrorKind::PermissionDenied.into() },
            Self::StateUnreadable { path: PathBuf::from("FILE"), why: "REASON".to_owned() },
            Self::AlreadyRunning { path: path() },
            Self::Listen { address: "127.0.0.1:4510".to_owned(), source: io::ErrorKind::AddrInUse.into() },
            Self::Spawn { source: io::ErrorKind::OutOfMemory.into() },
            Self::Died {
                status: "STATUS".to_owned(),
                log: log(),
                log_tail: "LAST LINES OF THE LOG".to_owned(),
            },
            Self::Timeout { action: "start", secs: 20, log: log() },
            Self::NotACloud { path: path() },
            Self::Part { part: "SERVICE", why: "REASON".to_owned() },
        ]
    }

    /// Returns the code, which is unique to this kind of error.
    pub fn code(&self) -> &'static str {
        self.row().0
    }

    /// Returns when this kind of error occurs.
    pub fn why(&self) -> &'static str {
        self.row().1
    }

    /// Returns what to type next. `again` is the failed command as it can be typed again.
    pub fn help(&self, again: &str) -> String {
        match self {
            Self::StateIo { .. } => format!(
                "check the folder's permissions and free space, or set LZAP_STATE_DIR to another folder; then type \
                 `{again}`"
            ),
            Self::StateUnreadable { .. } => {
                "type `lzap local reset` to start with an empty cloud; it deletes nothing of \
                 your projects"
                    .to_owned()
            }
            Self::AlreadyRunning { .. } => {
                "type `lzap local stop` first, or give each cloud its own folder with LZAP_STATE_DIR"
                    .to_owned()
            }
            Self::Listen { .. } => "type `lzap local start --port PORT` with a port that is free".to_owned(),
            Self::Spawn { .. } => "type `lzap local start -v` for details".to_owned(),
            Self::Died { log, .. } => format!(
                "read `{}`, then type `{again}`; `lzap local reset` starts with an empty cloud",
                log.display()
            ),
            Self::Timeout { log, .. } => format!("read `{}`, then type `{again}`", log.display()),
            Self::NotACloud { .. } => {
                "nothing was deleted: set LZAP_STATE_DIR to the cloud's folder, or delete this folder by hand"
                    .to_owned()
            }
            Self::Part { .. } => format!("type `lzap local stop`, then `{again}`"),
        }
    }
}
