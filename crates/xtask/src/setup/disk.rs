//! The disk space that a task needs: said first, and checked before anything is compiled.

use fs_err as fs;
use lzap_testkit::shell::{Failure, Result};
use lzap_testkit::target;

/// What a task leaves in `target/`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NeededSpace {
    /// The task, as it is typed behind `cargo xtask`.
    task: &'static str,
    /// Gigabytes (10⁹ bytes) in `target/` after a run that began with nothing, rounded up.
    gigabytes: u64,
    /// A file or folder that exists once most of that space is in use.
    done: &'static str,
}

/// The reference app and the tool.
pub(crate) const DEMO: NeededSpace = NeededSpace { task: "demo", gigabytes: 3, done: "demo/sample.csv" };
/// The quick tier.
pub(crate) const QUICK: NeededSpace = NeededSpace { task: "test quick", gigabytes: 10, done: "setup/quick" };
/// The quick and the full tier.
pub(crate) const FULL: NeededSpace = NeededSpace { task: "test", gigabytes: 20, done: "setup/full" };

/// What a task needs in addition to what an earlier run left.
const REPEAT_GIGABYTES: u64 = 2;

impl NeededSpace {
    /// Remembers that the task has run: from now on it needs little more.
    pub(crate) fn mark_done(self) -> Result {
        let path = target().join(self.done);
        fs::create_dir_all(target().join("setup"))?;
        Ok(fs::write(path, "")?)
    }
}

/// Prints what the task needs and what is free, and fails when that is too little.
pub(crate) fn require_space(space: NeededSpace) -> Result {
    fs::create_dir_all(target())?;
    let system = rustix::fs::statvfs(target())?;
    let free = system.f_bavail * system.f_frsize / 1_000_000_000;
    let is_done = target().join(space.done).exists();
    let line = describe_space(space, is_done, free);
    if free < needed_gigabytes(space, is_done) {
        return Err(Failure::new(format!("{line}: make room, or move the checkout to another disk")));
    }
    if !is_done {
        println!("==> {line}");
    }
    Ok(())
}

fn needed_gigabytes(space: NeededSpace, is_done: bool) -> u64 {
    if is_done { REPEAT_GIGABYTES.min(space.gigabytes) } else { space.gigabytes }
}

fn describe_space(space: NeededSpace, is_done: bool, free: u64) -> String {
    let needed = needed_gigabytes(space, is_done);
    format!("`cargo xtask {}` needs {needed} GB in target/, and {free} GB are free", space.task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describe_space_contains_needed_and_free_gigabytes() {
        let line = describe_space(FULL, false, 7);
        assert_eq!(line, "`cargo xtask test` needs 20 GB in target/, and 7 GB are free");
    }

    #[test]
    fn needed_gigabytes_after_completed_run_is_small() {
        assert_eq!(needed_gigabytes(FULL, true), REPEAT_GIGABYTES);
        assert!(needed_gigabytes(FULL, false) > REPEAT_GIGABYTES);
    }
}
