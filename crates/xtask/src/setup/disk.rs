//! The disk space that a task needs. Tasks check it before they compile anything, since a full disk would
//! otherwise stop them much later, with an error of the compiler or linker.

use fs_err as fs;
use lzap_testkit::shell::{Failure, Result};
use lzap_testkit::target;

/// The space that a task needs in `target/`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NeededSpace {
    /// The task, as it is typed behind `cargo xtask`.
    task: &'static str,
    /// Gigabytes (10⁹ bytes) in `target/` after a run that began with nothing, rounded up.
    gigabytes: u64,
    /// A file or folder that exists once most of that space is in use.
    done: &'static str,
}

/// Space for the reference app and the tool.
pub(crate) const DEMO: NeededSpace = NeededSpace { task: "demo", gigabytes: 3, done: "demo/sample.csv" };
/// Space for the quick tier.
pub(crate) const QUICK: NeededSpace = NeededSpace { task: "test quick", gigabytes: 10, done: "setup/quick" };
/// Space for the quick and the full tier.
pub(crate) const FULL: NeededSpace = NeededSpace { task: "test", gigabytes: 20, done: "setup/full" };

/// Gigabytes that a repeated run needs in addition to the space that earlier runs occupy.
const REPEAT_GIGABYTES: u64 = 2;

impl NeededSpace {
    /// Records that the task has run, so that [`require_space`] demands little from now on. The demo does not
    /// call this: the CSV that it writes is the record.
    pub(crate) fn mark_done(self) -> Result {
        let path = target().join(self.done);
        fs::create_dir_all(target().join("setup"))?;
        Ok(fs::write(path, "")?)
    }
}

/// Fails if less space is free than the task needs. Prints both figures before a first run.
pub(crate) fn require_space(space: NeededSpace) -> Result {
    fs::create_dir_all(target())?;
    let system = rustix::fs::statvfs(target())?;
    // `f_bavail` instead of `f_bfree`: blocks that are reserved for root do not help.
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

/// Returns the gigabytes that must be free: a first run fills `target/`, a repeated one replaces what is
/// there.
fn needed_gigabytes(space: NeededSpace, is_done: bool) -> u64 {
    if is_done { REPEAT_GIGABYTES.min(space.gigabytes) } else { space.gigabytes }
}

/// Returns the sentence that compares the needed space with the free space, for progress and for the error.
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
