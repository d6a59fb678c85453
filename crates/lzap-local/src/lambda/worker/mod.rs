//! Execution environments: a `bootstrap` process, its Runtime API, its log stream, its scratch folder.
//!
//! An [`Environment`] is owned by one invocation at a time, which starts it, drives it and gives it back to the pool,
//! frozen. Which invocation gets which environment is `super::pool`'s business.
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>

mod launch;
mod leftovers;
mod logs;
mod memory;
mod process;
mod report;
mod variables;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::runtime_api::{Event, Job, RESPONSE_BYTES, RuntimeApi};
use super::state::{EnvironmentKey, Resolved, Version};
use crate::ports::Ports;
use launch::{Architectures, Launch, Refusal};
pub(crate) use leftovers::clear as clear_leftovers;
pub(crate) use logs::{LogStream, StreamName};
use process::{Exit, Process, Program};
pub(crate) use report::{Failure, Report};
pub(crate) use report::{end, init_report, report, start};

const MB: u64 = 1024 * 1024;
/// How often memory is measured while a worker runs.
const MEASURE: Duration = Duration::from_millis(50);

/// What environments share with the service.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) ports: Ports,
    /// Folders of environments are made here.
    pub(crate) folder: PathBuf,
    /// `AWS_ENDPOINT_URL` for workers.
    pub(crate) endpoint: String,
    /// What the machine executes without help.
    pub(crate) architecture: &'static str,
    pub(crate) tasks: TaskTracker,
    /// Cancelled at shutdown.
    pub(crate) stop: CancellationToken,
}

/// What an environment is made from.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) key: EnvironmentKey,
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) version: Version,
    pub(crate) task_root: PathBuf,
}

impl Spec {
    /// For one version, unpacked at `task_root`.
    pub(crate) fn new(resolved: &Resolved, task_root: PathBuf) -> Self {
        Self {
            key: resolved.key.clone(),
            name: resolved.name.clone(),
            region: resolved.region.clone(),
            version: resolved.version.clone(),
            task_root,
        }
    }

    fn stream(&self, now_ms: i64) -> StreamName {
        let day = timestamp(now_ms).strftime("%Y/%m/%d").to_string();
        let own_group = || format!("/aws/lambda/{}", self.name);
        StreamName {
            region: self.region.clone(),
            group: self.version.settings.log_group.clone().unwrap_or_else(own_group),
            stream: format!("{day}/[{}]{}", self.version.name, uuid::Uuid::new_v4().simple()),
        }
    }
}

/// Why a worker gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// There is nothing to execute, or the system can't.
    Entrypoint(String),
    /// The process ended.
    Exit(Exit),
    /// It reported that it can't initialize.
    Init(Bytes),
    /// Its handler reported an error: the one failure that leaves the environment usable.
    Own(Bytes),
    /// Its answer was too large.
    ResponseTooLarge,
    /// It ran out of its time.
    Timeout,
    /// It took more memory than the function has.
    Memory,
    /// The cloud is shutting down.
    Stopped,
}

/// How an environment stands after an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It waits for the next invocation.
    Ready,
    /// It still works on something.
    Busy,
    /// It is gone.
    Dead,
}

/// One execution environment. Dropping it kills its worker and deletes its folder.
pub(crate) struct Environment {
    pub(crate) logs: Arc<LogStream>,
    worker: Option<(Process, RuntimeApi)>,
    spec: Spec,
    stream: StreamName,
    host: Host,
    peak_bytes: u64,
    /// Removed when all of the above is gone.
    folder: TempDir,
}

impl Environment {
    /// A folder and a log stream, no worker yet.
    pub(crate) fn open(spec: Spec, host: &Host) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("env-").tempdir_in(&host.folder)?;
        fs_err::create_dir(folder.path().join("tmp"))?;
        let stream = spec.stream(host.ports.clock.now_ms());
        let logs = LogStream::open(stream.clone(), &host.ports, &host.tasks);
        logs.line(&report::init_start(&spec.version.settings.runtime, &spec.region));
        Ok(Self { logs, worker: None, spec, stream, host: host.clone(), peak_bytes: 0, folder })
    }

    /// What it was made for.
    pub(crate) fn key(&self) -> &EnvironmentKey {
        &self.spec.key
    }

    /// Whether there is a living worker.
    pub(crate) fn is_up(&self) -> bool {
        self.worker.as_ref().is_some_and(|(process, _)| process.is_alive())
    }

    /// The memory that the function has.
    pub(crate) fn memory_mb(&self) -> u32 {
        self.spec.version.settings.memory_mb
    }

    /// The most memory that was resident at once, in bytes.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak_bytes
    }

    /// Starts a worker and waits until it asks for its first invocation.
    pub(crate) async fn start(&mut self, deadline: Instant) -> Result<(), Cause> {
        self.worker = None;
        let host =
            |error: io::Error| Cause::Entrypoint(format!("the environment could not be made: {error}"));
        let launch = self.launch()?;
        let api = RuntimeApi::listen().await.map_err(host)?;
        let own = variables::Own {
            runtime_api: api.authority(),
            stream: &self.stream,
            scratch: &self.folder.path().join("tmp"),
            endpoint: &self.host.endpoint,
        };
        let environment = variables::variables(&self.spec, &own);
        let program = Program { launch: &launch, task_root: &self.spec.task_root, environment: &environment };
        let spawned = Process::spawn(&program, Arc::clone(&self.logs)).await;
        let process = spawned.map_err(|error| self.not_executed(&error))?;
        leftovers::note(self.folder.path(), process.id());
        self.worker = Some((process, api));
        match self.listen(deadline).await {
            Ok(Event::Ready) => Ok(()),
            Ok(Event::InitError(body) | Event::Error(body)) => Err(self.give_up(Cause::Init(body))),
            Ok(_) => Err(self.give_up(Cause::Init(Bytes::new()))),
            Err(cause) => Err(self.give_up(cause)),
        }
    }

    /// Hands an invocation to the waiting worker, and waits for what comes of it.
    pub(crate) async fn serve(&mut self, job: Job, deadline: Instant) -> Result<Bytes, Cause> {
        let Some((process, api)) = &self.worker else {
            return Err(Cause::Exit(Exit::Code(0)));
        };
        process.thaw();
        api.send(job);
        loop {
            match self.listen(deadline).await {
                Ok(Event::Response(body)) => return Ok(body),
                Ok(Event::ResponseTooLarge) => return Err(Cause::ResponseTooLarge),
                Ok(Event::Error(body)) => return Err(Cause::Own(body)),
                Ok(Event::InitError(body)) => return Err(self.give_up(Cause::Init(body))),
                Ok(Event::Ready) => {}
                Err(cause) => return Err(self.give_up(cause)),
            }
        }
    }

    /// Waits, after an answer, until the worker asks for more.
    pub(crate) async fn settle(&mut self, deadline: Instant) -> Settled {
        if self.worker.is_none() {
            return Settled::Dead;
        }
        loop {
            match self.listen(deadline).await {
                Ok(Event::Ready) => return Settled::Ready,
                Ok(_) => {}
                Err(Cause::Timeout) => return Settled::Busy,
                Err(cause) => {
                    self.give_up(cause);
                    return Settled::Dead;
                }
            }
        }
    }

    /// Stops the worker until its next invocation.
    pub(crate) fn freeze(&self) {
        if let Some((process, _)) = &self.worker {
            process.freeze();
        }
    }

    /// Takes what the worker printed into the log, and its memory into the peak.
    pub(crate) fn take_stock(&mut self) {
        if let Some((process, _)) = &self.worker {
            process.drain_output();
            self.peak_bytes = self.peak_bytes.max(process.peak_memory());
        }
    }

    /// The next event; or why there is none. Nothing is killed here.
    async fn listen(&mut self, deadline: Instant) -> Result<Event, Cause> {
        let Some((process, api)) = &mut self.worker else {
            return Err(Cause::Exit(Exit::Code(0)));
        };
        let limit = u64::from(self.spec.version.settings.memory_mb) * MB;
        let mut measure = tokio::time::interval(MEASURE);
        loop {
            tokio::select! {
                biased;
                event = api.event() => return Ok(event),
                exit = process.exited() => return Err(Cause::Exit(exit)),
                () = self.host.stop.cancelled() => return Err(Cause::Stopped),
                () = tokio::time::sleep_until(deadline) => return Err(Cause::Timeout),
                _ = measure.tick() => {
                    self.peak_bytes = self.peak_bytes.max(process.peak_memory());
                    if self.peak_bytes > limit {
                        return Err(Cause::Memory);
                    }
                }
            }
        }
    }

    /// Whether the machine is of another architecture than the function, which therefore runs emulated, if at all.
    pub(crate) fn is_foreign(&self) -> bool {
        self.spec.version.settings.architecture != self.host.architecture
    }

    /// How to start `bootstrap` here. That it is emulated stands in the log.
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

    /// Ends the worker; what it printed stays.
    fn give_up(&mut self, cause: Cause) -> Cause {
        if let Some((process, _)) = self.worker.take() {
            process.kill();
            process.drain_output();
        }
        cause
    }
}

impl Cause {
    /// As the caller and the log learn of it.
    pub(crate) fn failure(self, request_id: &str, now_ms: i64, timeout: Duration) -> Failure {
        let now = format!("{:.3}", timestamp(now_ms));
        match self {
            Self::Own(body) => Failure::own(body),
            Self::Init(body) if !body.is_empty() => Failure::own(body),
            Self::Init(_) => {
                Failure::platform("Runtime.Unknown", request_id, "the runtime broke the protocol")
            }
            Self::ResponseTooLarge => Failure::response_too_large(RESPONSE_BYTES),
            Self::Timeout => Failure::timeout(request_id, &now, timeout),
            Self::Entrypoint(why) => Failure::platform("Runtime.InvalidEntrypoint", request_id, &why),
            Self::Exit(exit) => {
                let sentence = format!("Runtime exited {}", exit.describe());
                Failure::platform("Runtime.ExitError", request_id, &sentence)
            }
            Self::Memory => {
                let sentence = "Runtime exited with error: signal: killed";
                Failure::platform("Runtime.OutOfMemory", request_id, sentence)
            }
            Self::Stopped => {
                Failure::platform("Sandbox.Stopped", request_id, "the embedded cloud is stopping")
            }
        }
    }
}

/// A time that a log line or an API answer shows.
pub(crate) fn timestamp(unix_ms: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(unix_ms).unwrap_or_default()
}
