//! The processes of an environment: its worker, and all that the worker started, also those that left its process group.
//!
//! A child that calls `setsid` is in no group of the worker's, and an orphan is no descendant any more. Both keep the
//! environment variables that the worker got, among them the address of its Runtime API, which no other environment has.
//! A child that does all three (leaves the group, outlives its parent, and clears its variables) isn't found.

use std::collections::HashMap;

use fs_err as fs;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

/// A process that forks while it is ended may need another round.
const ROUNDS: u32 = 10;

/// The worker and its descendants.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    leader: i32,
    /// As in `/proc/PID/environ`: a variable and its value.
    marker: String,
}

/// Process group, parent and start, from `/proc/PID/stat`.
#[derive(Clone, Copy)]
struct Relations {
    group: i32,
    parent: i32,
    /// Clock ticks between boot and the start of the process: with the id it names one process.
    started: u64,
}

impl Family {
    /// The family of the worker with this process id, whose Runtime API is at `authority`.
    pub(crate) fn new(leader: i32, authority: &str) -> Self {
        Self { leader, marker: format!("AWS_LAMBDA_RUNTIME_API={authority}") }
    }

    /// Returns whether one of the processes has this socket open.
    pub(crate) fn holds_socket(&self, inode: u64) -> bool {
        holds_socket(self.leader, inode) || self.list().into_iter().any(|(pid, _)| holds_socket(pid, inode))
    }

    /// Ends all of them.
    pub(crate) fn kill(&self) {
        for _ in 0..ROUNDS {
            // Listed first: without its parent a child is harder to find.
            let members = self.list();
            if let Some(group) = Pid::from_raw(self.leader) {
                let _gone = kill_process_group(group, Signal::KILL);
            }
            if members.is_empty() {
                break;
            }
            for (pid, relations) in members {
                kill_same(pid, relations.started);
            }
        }
    }

    /// All that run, zombies not among them.
    fn list(&self) -> Vec<(i32, Relations)> {
        let processes: HashMap<i32, Relations> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|pid| Some((pid, read_relations(pid)?)))
            .collect();
        let is_member = |pid: i32| {
            let mut ancestor = pid;
            // The depth is limited because the table is no snapshot, and could have a cycle.
            for _ in 0..64 {
                match processes.get(&ancestor) {
                    _ if ancestor == self.leader => return true,
                    Some(relations) if relations.group == self.leader => return true,
                    Some(relations) => ancestor = relations.parent,
                    None => break,
                }
            }
            self.has_marker(pid)
        };
        processes
            .iter()
            .filter(|(pid, _)| is_member(**pid))
            .map(|(pid, relations)| (*pid, *relations))
            .collect()
    }

    /// The variables of another user's process can't be read, and it is none of the worker's.
    fn has_marker(&self, pid: i32) -> bool {
        let variables = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        variables.split(|byte| *byte == 0).any(|variable| variable == self.marker.as_bytes())
    }
}

/// The second field is a name in brackets, which may have brackets itself; state, parent and group follow it.
fn read_relations(pid: i32) -> Option<Relations> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let is_alive = !matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let started = fields.nth(16)?.parse().ok()?;
    is_alive.then_some(Relations { group, parent, started })
}

/// Ends a process. It is opened first and looked at again, so that another one that got its id meanwhile isn't hit.
fn kill_same(pid: i32, started: u64) {
    let process = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    if let Some(process) = process
        && read_relations(pid).is_some_and(|now| now.started == started)
    {
        let _gone = pidfd_send_signal(&process, Signal::KILL);
    }
}

fn holds_socket(pid: i32, inode: u64) -> bool {
    let name = format!("socket:[{inode}]");
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files
        .filter_map(|file| std::fs::read_link(file.path()).ok())
        .any(|target| target.to_str() == Some(name.as_str()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    use super::*;

    fn start(script: &str, authority: &str) -> Child {
        Command::new("sh")
            .args(["-c", script])
            .env("AWS_LAMBDA_RUNTIME_API", authority)
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell")
    }

    fn wait_for(what: &str, is_true: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_true() {
            assert!(start.elapsed() < Duration::from_secs(10), "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn kill_ends_children_that_left_group_and_orphans() {
        let authority = format!("127.0.0.1:test-{}", std::process::id());
        let script = "setsid sleep 600 & (setsid sh -c 'sleep 600 & exit' &) ; sleep 600 & wait";
        let mut worker = start(script, &authority);
        let mut stranger = start("exec sleep 600", "127.0.0.1:1");
        let pid = i32::try_from(worker.id()).expect("an id");
        let family = Family::new(pid, &authority);
        // The shell and three times `sleep`.
        wait_for("all of them run", || family.list().len() == 4);
        family.kill();
        worker.wait().expect("it ended");
        wait_for("none is left", || family.list().is_empty());
        assert!(stranger.try_wait().expect("it can be asked").is_none(), "another family lives");
        stranger.kill().expect("it can be ended");
        stranger.wait().expect("it ended");
    }

    #[test]
    fn holds_socket_knows_own_sockets_only() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let fd = std::os::fd::AsRawFd::as_raw_fd(&listener);
        let link = std::fs::read_link(format!("/proc/self/fd/{fd}")).expect("a link");
        let link = link.to_str().expect("UTF-8");
        let inode = link.trim_start_matches("socket:[").trim_end_matches(']').parse().expect("a number");
        let me = i32::try_from(std::process::id()).expect("an id");
        assert!(holds_socket(me, inode));
        assert!(!holds_socket(me, inode + 1_000_000_000));
    }
}
