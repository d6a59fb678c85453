//! Execution environments: a `bootstrap` process, its Runtime API, its log stream, its scratch folder.
//!
//! The first invocation of an [`Environment`] starts its process. Each hands its event over, waits for the answer, and
//! leaves the environment frozen when it was the last. `super::pool` decides which invocation gets which environment,
//! `super::state` how many it has at once and what an answer or a timeout means.
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>

mod cause;
mod launch;
mod leftovers;
mod logs;
mod memory;
mod process;
mod report;
mod spec;
mod variables;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use lzap_wire::limits::INIT_SECS;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::invocations::{Answer, Invocations, Job};
use super::pool::Member;
use super::runtime_api::RuntimeApi;
use super::state::{EnvironmentKey, InFlight, Ticket, TimeOut};
use crate::keys::AccessKey;
use crate::ports::Ports;
pub(crate) use cause::Cause;
use launch::{Architectures, Launch, Refusal};
pub(crate) use leftovers::clear_leftovers;
pub(crate) use logs::{LogStream, StreamName, TailId};
use process::{Exit, Process, Program};
use report::MB;
pub(crate) use report::{Failure, Report};
pub(crate) use report::{format_end, format_init_report, format_report, format_start};
pub(crate) use spec::Spec;

/// The pause between two measurements of memory.
const MEASURE: Duration = Duration::from_millis(50);
/// The time that a function has to start.
const INIT: Duration = Duration::from_secs(INIT_SECS as u64);
/// The same for one that an emulator starts, whose code runs about ten times slower. The time of an invocation is the
/// user's own setting and stays.
const EMULATED_INIT: Duration = Duration::from_secs(30);
/// The same on Managed Instances, or the function's timeout where that is longer.
const MANAGED_INIT: Duration = Duration::from_secs(130);

/// The parts of the service that environments share.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) ports: Ports,
    /// Folders of environments are made here.
    pub(crate) folder: PathBuf,
    /// `AWS_ENDPOINT_URL` for workers.
    pub(crate) endpoint: String,
    /// The access key that each function gets.
    pub(crate) key: AccessKey,
    /// The architecture that the machine executes without help.
    pub(crate) architecture: &'static str,
    pub(crate) tasks: TaskTracker,
    /// Cancelled at shutdown.
    pub(crate) stop: CancellationToken,
}

/// The state of an environment after an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It can serve the next invocation.
    Ready,
    /// It still works on something.
    Busy,
    /// It is gone.
    Dead,
}

/// The progress of an environment's process.
#[derive(Clone)]
enum Startup {
    Pending,
    Up(Arc<Worker>),
    Failed(Cause),
}

/// The process of an environment, and what it asks.
struct Worker {
    process: Process,
    api: RuntimeApi,
    /// The cause for which it was killed, if its exit alone doesn't show it.
    killed_for: OnceLock<Cause>,
}

impl Worker {
    /// Waits until the process can't serve any more, and says why.
    async fn wait_for_end(&self) -> Cause {
        tokio::select! {
            biased;
            body = self.api.wait_for_init_error() => Cause::Init(body),
            exit = self.process.exited() => self.killed_for.get().cloned().unwrap_or(Cause::Exit(exit)),
        }
    }
}

/// One execution environment. Dropping it kills its process and deletes its folder.
///
/// Its invocations share it. The first one starts the process, and the others wait for that.
pub(crate) struct Environment {
    pub(crate) logs: Arc<LogStream>,
    invocations: Arc<Invocations>,
    startup: watch::Sender<Startup>,
    spec: Spec,
    stream: StreamName,
    host: Host,
    peak_bytes: AtomicU64,
    /// The time of the last measurement of the memory, for all invocations together.
    measured: Mutex<Option<Instant>>,
    /// Made with the process, since the pool opens environments while it holds its lock. Removed when all of the above
    /// is gone.
    folder: OnceLock<TempDir>,
}

impl Member for Environment {
    fn load(&self) -> Option<usize> {
        if matches!(&*self.startup.borrow(), Startup::Up(worker) if !worker.process.is_alive()) {
            self.invocations.with(InFlight::close);
        }
        self.invocations.with(|in_flight| in_flight.is_available().then(|| in_flight.len()))
    }

    fn reserve_place(&self) -> Option<Ticket> {
        self.invocations.with(InFlight::reserve_place)
    }

    fn is_idle(&self) -> bool {
        self.invocations.with(|in_flight| in_flight.len() == 0)
    }
}

impl Environment {
    /// A log stream, no process and no folder yet. It waits for nothing and makes no file.
    pub(crate) fn open(spec: Spec, host: &Host) -> Self {
        let stream = spec.make_stream_name(host.ports.clock.now_ms());
        let logs = LogStream::open(stream.clone(), &host.ports, &host.tasks);
        logs.line(&report::format_init_start(&spec.version.settings.runtime, &spec.region));
        Self {
            logs,
            invocations: Invocations::new(spec.max_concurrency),
            startup: watch::Sender::new(Startup::Pending),
            spec,
            stream,
            host: host.clone(),
            peak_bytes: AtomicU64::new(0),
            measured: Mutex::new(None),
            folder: OnceLock::new(),
        }
    }

    /// The folder for the process; its second start finds what the first one left in it, as on AWS.
    fn make_folder(&self) -> io::Result<&Path> {
        if self.folder.get().is_none() {
            let folder = tempfile::Builder::new().prefix("env-").tempdir_in(&self.host.folder)?;
            fs_err::create_dir(folder.path().join("tmp"))?;
            // Only the invocation that starts the process comes here.
            let _set = self.folder.set(folder);
        }
        self.folder.get().map(TempDir::path).ok_or_else(|| io::Error::other("the folder is gone"))
    }

    pub(crate) fn key(&self) -> &EnvironmentKey {
        &self.spec.key
    }

    /// The memory that the function has.
    pub(crate) fn memory_mb(&self) -> u32 {
        self.spec.version.settings.memory_mb
    }

    /// The most memory that was resident at once, in bytes.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak_bytes.load(Ordering::Relaxed)
    }

    /// The time that the process has to start.
    /// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-execution-environment.html>
    pub(crate) fn init_limit(&self, timeout: Duration) -> Duration {
        match (self.spec.is_managed(), self.is_foreign()) {
            (true, _) => MANAGED_INIT.max(timeout),
            (false, true) => EMULATED_INIT,
            (false, false) => INIT,
        }
    }

    /// Starts a process and waits until it asks for its first invocation.
    ///
    /// # Errors
    /// The error for which it can't serve. Another start may follow, until [`Environment::fail_startup`].
    pub(crate) async fn start_process(&self, deadline: Instant) -> Result<(), Cause> {
        let worker = Arc::new(self.spawn_worker().await?);
        let started = tokio::select! {
            biased;
            initialized = worker.api.wait_until_initialized() => initialized.map_err(Cause::Init),
            cause = self.wait_for_interruption(&worker, deadline) => Err(cause),
        };
        match started {
            Ok(()) => {
                self.startup.send_replace(Startup::Up(worker));
                Ok(())
            }
            Err(cause) => {
                worker.process.kill();
                worker.process.drain_output(true);
                Err(cause)
            }
        }
    }

    async fn spawn_worker(&self) -> Result<Worker, Cause> {
        let host =
            |error: io::Error| Cause::Entrypoint(format!("the environment could not be made: {error}"));
        let launch = self.launch()?;
        let folder = self.make_folder().map_err(host)?;
        self.invocations.with(InFlight::forget_process);
        let api = RuntimeApi::listen(Arc::clone(&self.invocations)).await.map_err(host)?;
        let own = variables::EnvironmentFacts {
            runtime_api: api.authority(),
            stream: &self.stream,
            scratch: &folder.join("tmp"),
            endpoint: &self.host.endpoint,
            key: &self.host.key,
        };
        let environment = variables::build_variables(&self.spec, &own);
        let program = Program {
            launch: &launch,
            task_root: &self.spec.task_root,
            environment: &environment,
            max_concurrency: self.spec.max_concurrency,
            runtime_api: api.authority(),
        };
        let spawned = Process::spawn(&program, Arc::clone(&self.logs)).await;
        let process = spawned.map_err(|error| self.not_executed(&error))?;
        api.serve_only(process.family().clone());
        leftovers::note_process(folder, process.id());
        Ok(Worker { process, api, killed_for: OnceLock::new() })
    }

    /// The process won't start: every invocation that waits for it fails, and no other one comes.
    pub(crate) fn fail_startup(&self, cause: Cause) {
        self.invocations.with(InFlight::close);
        self.startup.send_replace(Startup::Failed(cause));
    }

    /// Waits until the invocation that started the process is through with that.
    ///
    /// # Errors
    /// The error for which the process can't serve.
    pub(crate) async fn wait_until_started(&self) -> Result<(), Cause> {
        let mut startup = self.startup.subscribe();
        let found = tokio::select! {
            found = startup.wait_for(|startup| !matches!(startup, Startup::Pending)) => found,
            () = self.host.stop.cancelled() => return Err(Cause::Stopped),
        };
        match found.as_deref() {
            Ok(Startup::Failed(cause)) => Err(cause.clone()),
            Ok(_) => Ok(()),
            Err(_) => Err(Cause::Stopped),
        }
    }

    /// Hands an invocation to the process, and waits for what comes of it.
    pub(crate) async fn serve(&self, ticket: Ticket, job: Job, deadline: Instant) -> Result<Bytes, Cause> {
        let Some(worker) = self.worker() else { return Err(Cause::Exit(Exit::Code(0))) };
        worker.process.thaw();
        let mut answer = self.invocations.queue_event(ticket, job);
        let interruption = tokio::select! {
            biased;
            Ok(answer) = &mut answer => return read_answer(answer),
            cause = self.wait_for_interruption(&worker, deadline) => cause,
        };
        if interruption != Cause::Timeout {
            return Err(self.give_up(&worker, interruption));
        }
        match self.invocations.time_out(ticket) {
            TimeOut::Answered => answer.await.map_or(Err(Cause::Timeout), read_answer),
            TimeOut::ProcessStays => Err(Cause::Timeout),
            TimeOut::EndProcess => Err(self.give_up(&worker, Cause::Timeout)),
        }
    }

    /// Waits, after an invocation's end, until the process asks for more.
    pub(crate) async fn settle(&self, ticket: Ticket, deadline: Instant) -> Settled {
        let Some(worker) = self.worker().filter(|_| !self.invocations.with(|it| it.is_closed())) else {
            return Settled::Dead;
        };
        tokio::select! {
            biased;
            () = self.invocations.wait_until_settled(ticket) => Settled::Ready,
            cause = self.wait_for_interruption(&worker, deadline) => match cause {
                Cause::Timeout => Settled::Busy,
                cause => {
                    self.give_up(&worker, cause);
                    Settled::Dead
                }
            }
        }
    }

    /// The time of an answered invocation is over, and the process hasn't asked for more. Says whether it goes on.
    pub(crate) fn stop_waiting(&self, ticket: Ticket) -> Settled {
        match (self.invocations.with(|in_flight| in_flight.stop_waiting(ticket)), self.worker()) {
            (TimeOut::EndProcess, Some(worker)) => {
                self.give_up(&worker, Cause::Timeout);
                Settled::Dead
            }
            _ => Settled::Ready,
        }
    }

    /// The caller is done with an invocation. The process is frozen when it has no other.
    ///
    /// AWS doesn't freeze Managed Instances. Here an idle process would only take time from the others on this machine.
    pub(crate) fn release_place(&self, ticket: Ticket) {
        self.invocations.release_place(ticket);
        let Some(worker) = self.worker() else { return };
        // Under the lock: an invocation that comes now thaws the process afterwards.
        self.invocations.with(|in_flight| {
            if in_flight.is_idle() {
                worker.process.freeze();
            }
        });
    }

    /// Takes what the process printed into the log, and its memory into the peak.
    pub(crate) fn take_stock(&self) {
        if let Some(worker) = self.worker() {
            let is_alone = self.invocations.with(|in_flight| in_flight.len() <= 1);
            worker.process.drain_output(is_alone);
            self.peak_bytes.fetch_max(worker.process.peak_memory(), Ordering::Relaxed);
        }
    }

    fn worker(&self) -> Option<Arc<Worker>> {
        match &*self.startup.borrow() {
            Startup::Up(worker) => Some(Arc::clone(worker)),
            _ => None,
        }
    }

    /// Waits for what ends an invocation without an answer. Nothing is killed here.
    async fn wait_for_interruption(&self, worker: &Worker, deadline: Instant) -> Cause {
        let mut measure = tokio::time::interval(MEASURE);
        loop {
            tokio::select! {
                biased;
                cause = worker.wait_for_end() => return cause,
                () = self.host.stop.cancelled() => return Cause::Stopped,
                () = tokio::time::sleep_until(deadline) => return Cause::Timeout,
                _ = measure.tick() => if self.is_out_of_memory(&worker.process) {
                    return Cause::Memory;
                }
            }
        }
    }

    /// Measures, unless another invocation of the environment just did.
    fn is_out_of_memory(&self, process: &Process) -> bool {
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        if measured.is_none_or(|at| at.elapsed() >= MEASURE / 2) {
            *measured = Some(Instant::now());
            self.peak_bytes.fetch_max(process.peak_memory(), Ordering::Relaxed);
        }
        self.peak_bytes() > u64::from(self.memory_mb()) * MB
    }

    /// Returns whether the machine is of another architecture than the function, which therefore runs emulated, if at
    /// all.
    pub(crate) fn is_foreign(&self) -> bool {
        self.spec.version.settings.architecture != self.host.architecture
    }

    /// Decides how to start `bootstrap` here. The log says when it is emulated.
    fn launch(&self) -> Result<Launch, Cause> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let bootstrap = self.spec.task_root.join("bootstrap");
        let launch = Launch::of(&bootstrap, self.architectures(), std::env::split_paths(&path))
            .map_err(|refusal| self.refuse(refusal))?;
        if let Launch::Emulated { emulator, .. } = &launch {
            let Architectures { own, host } = self.architectures();
            self.logs.line(&format!(
                "this machine is {host}: {} emulates {own}, many times slower than Lambda",
                emulator.display()
            ));
        }
        Ok(launch)
    }

    fn architectures(&self) -> Architectures<'_> {
        Architectures { own: &self.spec.version.settings.architecture, host: self.host.architecture }
    }

    /// In AWS's words.
    fn not_executed(&self, error: &io::Error) -> Cause {
        const ENOEXEC: i32 = 8;
        let why = match (error.kind(), error.raw_os_error()) {
            (_, Some(ENOEXEC)) => return self.refuse(Refusal::no_emulator(self.architectures())),
            (io::ErrorKind::PermissionDenied, _) => "permission denied".to_owned(),
            (io::ErrorKind::NotFound, _) => "no such file or directory".to_owned(),
            _ => error.to_string(),
        };
        Cause::Entrypoint(format!("fork/exec /var/task/bootstrap: {why}"))
    }

    /// The caller gets AWS's words; what helps here stands in the log.
    fn refuse(&self, refusal: Refusal) -> Cause {
        if let Some(hint) = &refusal.hint {
            self.logs.line(hint);
        }
        Cause::Entrypoint(refusal.sentence)
    }

    /// Ends the process, and with it every invocation that it has; what it printed stays.
    fn give_up(&self, worker: &Worker, cause: Cause) -> Cause {
        self.invocations.with(InFlight::close);
        if !matches!(cause, Cause::Exit(_) | Cause::Timeout) {
            let _another_was_first = worker.killed_for.set(cause.clone());
        }
        worker.process.kill();
        worker.process.drain_output(true);
        cause
    }
}

fn read_answer(answer: Answer) -> Result<Bytes, Cause> {
    match answer {
        Answer::Response(body) => Ok(body),
        Answer::TooLarge => Err(Cause::ResponseTooLarge),
        Answer::Error(body) => Err(Cause::Own(body)),
    }
}
