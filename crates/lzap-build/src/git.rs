//! The commit that a version is built from, by the `git` command.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

/// The commit that is checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The abbreviated hash.
    pub short: String,
    /// Set if the working tree differs from the commit, new files included.
    pub dirty: bool,
    /// The author's name.
    pub author: String,
}

/// Returns the commit of the repository around `dir`; `None` outside of one, before its first commit, or
/// without git. Runs git twice, at the same time.
pub async fn read_commit(dir: &Path) -> Option<Commit> {
    let (head, changes) = tokio::join!(
        // Without `--no-show-signature` a `log.showSignature` of the user would add lines.
        run_git(dir, &["log", "-1", "--no-show-signature", "--format=%h%n%an"]),
        // `--porcelain` keeps its format over all versions and configurations of git.
        run_git(dir, &["status", "--porcelain"]),
    );
    let head = head?;
    let (short, author) = head.split_once('\n')?;
    Some(Commit {
        short: short.trim().to_owned(),
        dirty: !changes?.trim().is_empty(),
        author: author.trim().to_owned(),
    })
}

/// Returns git's output; `None` if it can't be run, fails, or writes anything but UTF-8. Runs git without
/// optional locks, so that it never makes another git fail that runs at the same time.
async fn run_git(dir: &Path, args: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command
        .arg("--no-optional-locks")
        .arg("-C")
        .arg(dir)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await.ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}
