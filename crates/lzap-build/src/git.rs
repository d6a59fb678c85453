//! Which source a version was built from, by the `git` command.

use std::path::Path;
use std::process::{Command, Stdio};

/// The commit that is checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The abbreviated hash.
    pub short: String,
    /// Whether the working tree differs from it, new files included.
    pub dirty: bool,
    /// The name of who made it.
    pub author: String,
}

/// Returns the commit of the repository around `dir`; `None` outside of one, before its first commit, or without git.
pub fn read_commit(dir: &Path) -> Option<Commit> {
    let head = run_git(dir, &["log", "-1", "--no-show-signature", "--format=%h%n%an"])?;
    let (short, author) = head.split_once('\n')?;
    let changes = run_git(dir, &["status", "--porcelain"])?;
    Some(Commit {
        short: short.trim().to_owned(),
        dirty: !changes.trim().is_empty(),
        author: author.trim().to_owned(),
    })
}

/// Without optional locks, so that it never gets in the way of another git.
fn run_git(dir: &Path, args: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command
        .arg("--no-optional-locks")
        .arg("-C")
        .arg(dir)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}
