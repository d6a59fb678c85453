//! The disk space that a task needs: said first, and checked before anything is compiled.

use fs_err as fs;
use lzap_testkit::shell::{Failure, Result};
use lzap_testkit::target;

/// What a task leaves in `target/`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Space {
    /// The task, as it is typed behind `cargo xtask`.
    task: &'static str,
    /// Gigabytes (10⁹ bytes) in `target/` after a run that began with nothing, rounded up.
    gigabytes: u64,
    /// A file or folder that exists once most of that space is in use.
    done: &'static str,
}

/// The reference app and the tool.
pub(crate) const DEMO: Space = Space { task: "demo", gigabytes: 3, done: "demo/sample.csv" };
/// The quick tier.
pub(crate) const QUICK: Space = Space { task: "test quick", gigabytes: 10, done: "setup/quick" };
/// The quick and the full tier.
pub(crate) const FULL: Space = Space { task: "test", gigabytes: 20, done: "setup/full" };

/// What a task needs in addition to what an earlier run left.
const AGAIN: u64 = 2;

impl Space {
    /// Remembers that the task has run: from now on it needs little more.
    pub(crate) fn mark_done(self) -> Result {
        let path = target().join(self.done);
        fs::create_dir_all(target().join("setup"))?;
        Ok(fs::write(path, "")?)
    }
}

/// Prints what the task needs and what is free, and fails when that is too little.
pub(crate) fn require(space: Space) -> Result {
    fs::create_dir_all(target())?;
    let system = rustix::fs::statvfs(target())?;
    let free = system.f_bavail * system.f_frsize / 1_000_000_000;
    let is_done = target().join(space.done).exists();
    let line = describe(space, is_done, free);
    if free < needed(space, is_done) {
        return Err(Failure::new(format!("{line}: make room, or move the checkout to another disk")));
    }
    if !is_done {
        println!("==> {line}");
    }
    Ok(())
}

fn needed(space: Space, is_done: bool) -> u64 {
    if is_done { AGAIN.min(space.gigabytes) } else { space.gigabytes }
}

fn describe(space: Space, is_done: bool, free: u64) -> String {
    let needed = needed(space, is_done);
    format!("`cargo xtask {}` needs {needed} GB in target/, and {free} GB are free", space.task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describe_says_what_is_needed_and_what_is_free() {
        let line = describe(FULL, false, 7);
        assert_eq!(line, "`cargo xtask test` needs 20 GB in target/, and 7 GB are free");
    }

    #[test]
    fn needed_after_a_run_is_little() {
        assert_eq!(needed(FULL, true), AGAIN);
        assert!(needed(FULL, false) > AGAIN);
    }
}
