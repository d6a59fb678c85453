//! One worker process: spawned from `bootstrap`, stopped, continued, measured, killed with all its children.
//!
//! Each worker leads a process group of its own; children that leave it are found by `super::super::family`. When a cloud
//! in the background (which leads a session) is killed, the kernel sends `SIGHUP` and `SIGCONT` to the stopped groups that lost their parent; a running worker finds its Runtime
//! API gone. What survives both is ended at the next start (`super::leftovers`).

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, prlimit};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::launch::Launch;
use super::logs::LogPipe;
use super::memory;
use crate::lambda::family::Family;

/// Open files of one environment, beside the connections for a second and further invocation at once. AWS documents no other
/// limit for Managed Instances.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const OPEN_FILES: u64 = 1024;
/// Processes and threads of one environment.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const PROCESSES: u64 = 1024;
/// "Text file busy": a fork elsewhere in this process still holds the file open for a moment.
const ETXTBSY: i32 = 26;
const SPAWN_ATTEMPTS: u32 = 20;

/// A running, stopped or ended worker. Dropping it kills the group.
pub(crate) struct Process {
    pid: Pid,
    exit: watch::Receiver<Option<Exit>>,
    family: Family,
    output: LogPipe,
}

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// With a code.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// The program of a process, its folder and its environment.
pub(crate) struct Program<'a> {
    pub(crate) launch: &'a Launch,
    pub(crate) task_root: &'a Path,
    pub(crate) environment: &'a BTreeMap<String, String>,
    /// The most invocations at once; each needs a connection to the Runtime API.
    pub(crate) max_concurrency: u32,
    /// The address of the Runtime API, which the environment has too.
    pub(crate) runtime_api: &'a str,
}

impl Process {
    /// Starts `bootstrap` with exactly this environment. Output goes to the log.
    pub(crate) async fn spawn(
        program: &Program<'_>,
        stream: std::sync::Arc<super::LogStream>,
    ) -> io::Result<Self> {
        let (output, writer) = LogPipe::open(stream)?;
        let mut command = program.launch.command(&program.task_root.join("bootstrap"));
        command
            .current_dir(program.task_root)
            .env_clear()
            .envs(program.environment)
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .kill_on_drop(true);
        let child = spawn_patiently(&mut command).await?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the process has no id"))?;
        let open_files = Some(OPEN_FILES + u64::from(program.max_concurrency) - 1);
        let limit = Rlimit { current: open_files, maximum: open_files };
        if let Err(error) = prlimit(Some(pid), Resource::Nofile, limit) {
            tracing::debug!(%error, "a worker's open files could not be limited");
        }
        limit_processes(pid);
        let family = Family::new(pid.as_raw_nonzero().get(), program.runtime_api);
        Ok(Self { pid, exit: reap(child, family.clone()), family, output })
    }

    /// Waits for the end.
    pub(crate) async fn exited(&self) -> Exit {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(ended) => ended.unwrap_or(Exit::Signal(9)),
            Err(_) => Exit::Signal(9),
        }
    }

    /// True if it still runs, or is stopped.
    pub(crate) fn is_alive(&self) -> bool {
        self.exit.borrow().is_none()
    }

    /// The id of the process and of its group.
    pub(crate) fn id(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// The worker and its descendants.
    pub(crate) fn family(&self) -> &Family {
        &self.family
    }

    /// Stops the group: nothing in it runs until [`Process::thaw`].
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets the group run again.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Ends the worker and its descendants at once.
    pub(crate) fn kill(&self) {
        if self.is_alive() {
            self.family.kill();
        }
    }

    fn signal(&self, signal: Signal) {
        if self.is_alive() {
            // The group may have ended this instant; that is what was wanted or will be seen by `exited`.
            let _gone = kill_process_group(self.pid, signal);
        }
    }

    /// The most memory that the process and its descendants had resident, in bytes; an emulator's own doesn't count.
    pub(crate) fn peak_memory(&self) -> u64 {
        if self.is_alive() { memory::measure_peak(self.id()) } else { 0 }
    }

    /// Writes what was printed so far to the log; an unfinished line too where `with_unfinished`.
    pub(crate) fn drain_output(&self, with_unfinished: bool) {
        self.output.drain(with_unfinished);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Limits how many processes and threads the worker can start, so that one that forks without end doesn't take the whole
/// machine. The kernel counts all processes of the user, so those that run now come on top. It ignores the limit for
/// root.
fn limit_processes(pid: Pid) {
    let Some(now) = count_tasks() else { return };
    let most = Some(now + PROCESSES);
    if let Err(error) = prlimit(Some(pid), Resource::Nproc, Rlimit { current: most, maximum: most }) {
        tracing::debug!(%error, "a worker's processes could not be limited");
    }
}

/// The number of processes and threads of this machine: the fourth field of `/proc/loadavg` is `RUNNING/ALL`.
fn count_tasks() -> Option<u64> {
    let load = fs_err::read_to_string("/proc/loadavg").ok()?;
    load.split_whitespace().nth(3)?.split_once('/')?.1.parse().ok()
}

async fn spawn_patiently(command: &mut Command) -> io::Result<Child> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match command.spawn() {
            Err(error) if error.raw_os_error() == Some(ETXTBSY) && attempt < SPAWN_ATTEMPTS => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            other => return other,
        }
    }
}

/// Collects the exit status, and ends what the process leaves behind.
fn reap(mut child: Child, family: Family) -> watch::Receiver<Option<Exit>> {
    let (sender, receiver) = watch::channel(None);
    tokio::spawn(async move {
        let status = child.wait().await;
        let ended = tokio::task::spawn_blocking(move || family.kill()).await;
        if let Err(error) = ended {
            tracing::warn!(%error, "the children of a worker could not be ended");
        }
        sender.send_replace(Some(status.map_or(Exit::Signal(9), exit_of)));
    });
    receiver
}

fn exit_of(status: ExitStatus) -> Exit {
    status.code().map_or_else(|| Exit::Signal(status.signal().unwrap_or(9)), Exit::Code)
}

impl Exit {
    /// As AWS words it after "Runtime exited".
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Code(0) => "without providing a reason".to_owned(),
            Self::Code(code) => format!("with error: exit status {code}"),
            Self::Signal(signal) => format!("with error: signal: {}", signal_name(signal)),
        }
    }
}

fn signal_name(signal: i32) -> String {
    let known = match signal {
        1 => "hangup",
        2 => "interrupt",
        4 => "illegal instruction",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        13 => "broken pipe",
        15 => "terminated",
        _ => return signal.to_string(),
    };
    known.to_owned()
}
