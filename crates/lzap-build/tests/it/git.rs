//! The commit of a folder.

use std::path::Path;
use std::process::Command;

use lzap_build::git::read_commit;

use crate::support::{folder, write};

fn git(dir: &Path, args: &[&str]) {
    let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"];
    let status = Command::new("git").arg("-C").arg(dir).args(identity).args(args).output().expect("git runs");
    assert!(status.status.success(), "{status:?}");
}

#[tokio::test]
async fn a_commit_has_hash_author_and_whether_it_is_all() {
    let dir = folder(&[("a", "1")]);
    let dir = dir.path();
    assert_eq!(read_commit(dir).await, None, "no repository");
    git(dir, &["init", "--quiet"]);
    assert_eq!(read_commit(dir).await, None, "no commit yet");
    git(dir, &["add", "a"]);
    git(dir, &["commit", "--quiet", "-m", "first"]);
    let clean = read_commit(dir).await.expect("a commit");
    assert_eq!((clean.dirty, clean.author.as_str()), (false, "Ada"));
    assert!(clean.short.len() >= 7 && clean.short.chars().all(|char| char.is_ascii_hexdigit()), "{clean:?}");
    write(dir, "new", "2");
    assert!(read_commit(dir).await.expect("a commit").dirty, "a new file counts");
}
