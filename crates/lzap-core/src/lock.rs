//! The lock of a stage: its holder, and the time after which it is stale. It is an object in the bucket; see
//! `lzap-aws::lock`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The interval at which a lock holder renews its lock.
pub const RENEW_EVERY: Duration = Duration::from_mins(1);
/// A lock that was not renewed for this long is stale: its holder has died or has lost its connection.
pub const LEASE: Duration = Duration::from_mins(5);

/// The holder of a lock: the content of the lock object, as JSON.
///
/// Old and new versions of lzap read each other's locks: unknown fields are ignored, missing fields are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Holder {
    /// A random value of this attempt: the process that reads its own nonce back holds the lock.
    pub nonce: String,
    /// The user.
    pub owner: String,
    /// The machine's name.
    pub host: String,
    /// Identifies the machine's current boot and its process id namespace; empty if the system doesn't tell.
    pub boot_id: String,
    /// The process.
    pub pid: u32,
    /// Start time of the process, in the system's own units: process ids are reused.
    pub pid_start: u64,
    /// URL of the CI job, if it runs in one.
    pub ci_run: Option<String>,
    /// The command that holds the lock: `deploy dev`.
    pub command: String,
    /// Time when the lock was taken: RFC 3339, UTC.
    pub since: String,
}

impl Holder {
    /// Reads a lock. One that isn't valid JSON is still held, by an unknown holder: ignoring it could let two commands
    /// write at once.
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// The object's content.
    pub fn render(&self) -> String {
        // A struct of strings and numbers can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Judges a lock for the process `me`, `age` after it was written.
    ///
    /// `lives` answers for a process id and its start time on this machine: is that process still running?
    pub fn standing(&self, me: &Self, age: Duration, lives: impl Fn(u32, u64) -> bool) -> Standing {
        if !self.nonce.is_empty() && self.nonce == me.nonce {
            return Standing::Mine;
        }
        // A process id means something only in the same boot and namespace: containers reuse ids.
        let here = !self.boot_id.is_empty() && self.boot_id == me.boot_id;
        // The lease also ends the lock of a process on this machine that runs but can't renew it.
        if age > LEASE || (here && !lives(self.pid, self.pid_start)) {
            return Standing::Stale;
        }
        Standing::Held
    }
}

/// The state of a lock, from the reader's view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The reader's own lock: the response to its write was lost.
    Mine,
    /// The holder has ended, so the lock may be replaced.
    Stale,
    /// Another process works on the stage.
    Held,
}

impl std::fmt::Display for Holder {
    /// Writes `` `lzap deploy dev` of jane on laptop (process 4711) since 2026-11-24T08:00:00Z ``, and the CI run if there
    /// is one.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = |text: &str| if text.is_empty() { "?".to_owned() } else { text.to_owned() };
        write!(
            f,
            "`lzap {}` of {} on {} (process {}) since {}",
            known(&self.command),
            known(&self.owner),
            known(&self.host),
            self.pid,
            known(&self.since)
        )?;
        self.ci_run.as_ref().map_or(Ok(()), |run| write!(f, ", {run}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(nonce: &str, boot: &str, pid: u32) -> Holder {
        Holder { nonce: nonce.to_owned(), boot_id: boot.to_owned(), pid, pid_start: 7, ..Holder::default() }
    }

    fn standing(lock: &Holder, age_secs: u64, lives: bool) -> Standing {
        lock.standing(&holder("mine", "boot-1", 1), Duration::from_secs(age_secs), |_, _| lives)
    }

    #[test]
    fn our_own_nonce_is_our_own_lock() {
        assert_eq!(standing(&holder("mine", "boot-1", 1), 1000, false), Standing::Mine);
    }

    #[test]
    fn a_dead_process_of_this_machine_holds_nothing() {
        assert_eq!(standing(&holder("a", "boot-1", 2), 0, false), Standing::Stale);
        assert_eq!(standing(&holder("a", "boot-1", 2), 0, true), Standing::Held);
    }

    #[test]
    fn another_machine_is_given_five_minutes() {
        for boot in ["boot-2", ""] {
            assert_eq!(standing(&holder("a", boot, 2), 299, false), Standing::Held);
            assert_eq!(standing(&holder("a", boot, 2), 301, true), Standing::Stale);
        }
    }

    #[test]
    fn what_can_not_be_read_is_held_by_somebody_unknown() {
        let unknown = Holder::parse("not JSON");
        assert_eq!(standing(&unknown, 10, true), Standing::Held);
        assert!(unknown.to_string().contains('?'), "{unknown}");
    }

    /// Frozen: other versions of lzap read these bytes.
    #[test]
    fn a_lock_is_read_whatever_a_newer_version_adds() {
        let newer = r#"{"nonce":"n","owner":"jane","pid":4711,"colour":"blue"}"#;
        let read = Holder::parse(newer);
        assert_eq!((read.nonce.as_str(), read.owner.as_str(), read.pid), ("n", "jane", 4711));
        assert_eq!(Holder::parse(&read.render()), read);
    }
}
