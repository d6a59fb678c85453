//! The identity of this process, for the lock, and the check whether another process on this machine still runs.
//!
//! A lock whose holder was killed can be taken at once by another command on the same machine, if it is
//! certain that the process is gone; on other machines the lease has to expire. Linux's `/proc` says so; on
//! systems without it the fields stay empty, and every lock counts by its lease.

use fs_err as fs;
use lzap_core::lock::Holder;

/// Returns this process as the holder of a lock for `command`. The nonce tells this lock from that of another
/// process with the same fields.
pub(crate) fn describe_this_process(command: &str) -> Holder {
    let pid = std::process::id();
    Holder {
        nonce: uuid::Uuid::new_v4().simple().to_string(),
        // For people only, as a shell or a CI system sets them; anyone can change these variables.
        owner: read_first_variable(&["USER", "LOGNAME", "GITHUB_ACTOR"])
            .unwrap_or_else(|| "unknown".to_owned()),
        host: read_host_name(),
        boot_id: boot_id().unwrap_or_default(),
        pid,
        pid_start: start_of(pid).unwrap_or(0),
        ci_run: ci_run(),
        command: command.to_owned(),
        since: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    }
}

/// Returns the machine's name, for people only: names of machines aren't unique, so nothing is decided by it.
fn read_host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    name.or_else(|| read_first_variable(&["HOSTNAME"])).unwrap_or_else(|| "this machine".to_owned())
}

/// Returns whether the process with this id and this start still runs on this machine. The id alone is not
/// enough, because the kernel reuses it.
pub(crate) fn is_alive(pid: u32, start: u64) -> bool {
    start_of(pid) == Some(start)
}

/// Returns the kernel's run and the space of process ids: two containers of one machine share the first, not
/// the second. Process ids can be compared only where both are equal.
fn boot_id() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), space.display()))
}

/// Returns when a process began, in clock ticks since the machine started: the 22nd field of its `stat`. The
/// second one, its name, is in parentheses and may contain anything.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // From the right, because the name can contain `) ` itself.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split_whitespace();
    // A zombie has ended; only its parent has not read its exit status yet.
    if fields.next()? == "Z" {
        return None;
    }
    // The third field was taken above, so the 22nd is 18 fields after the next one.
    fields.nth(18)?.parse().ok()
}

/// Returns the page of the CI job that this is part of, so that a person who meets the lock finds its holder.
/// GitHub gives it in three parts, others as one URL.
fn ci_run() -> Option<String> {
    if let (Some(server), Some(repository), Some(run)) = (
        read_first_variable(&["GITHUB_SERVER_URL"]),
        read_first_variable(&["GITHUB_REPOSITORY"]),
        read_first_variable(&["GITHUB_RUN_ID"]),
    ) {
        return Some(format!("{server}/{repository}/actions/runs/{run}"));
    }
    read_first_variable(&["CI_JOB_URL", "BUILD_URL", "CIRCLE_BUILD_URL", "BUILDKITE_BUILD_URL"])
}

/// Returns the first of these environment variables that is set and not empty.
fn read_first_variable(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_one_with_another_start_does_not() {
        let me = describe_this_process("deploy dev");
        assert!(me.pid_start > 0 && !me.boot_id.is_empty(), "{me:?}");
        assert!(is_alive(me.pid, me.pid_start));
        assert!(!is_alive(me.pid, me.pid_start + 1));
        assert!(!is_alive(u32::MAX, 1));
    }
}
