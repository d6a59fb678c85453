//! The Lambda service of the embedded cloud: it runs the very zip that AWS would run.
//!
//! [`state`] is the pure machine of functions, versions, aliases and policies; [`api`] puts AWS's REST-JSON operations
//! in front of it. An invocation goes through [`invoke`]: [`pool`] gives it a place in an environment, [`worker`] runs the
//! environment's process behind its own [`runtime_api`], and [`invocations`] brings events there and answers back. [`code`]
//! keeps the zips, [`function_urls`] has the operations of function URLs.
//!
//! Not here: layers, container images, VPC, event source mappings, response streaming, destinations. They are refused by
//! name, not ignored. `AWS_ENDPOINT_URL` points workers back to the embedded cloud.

mod api;
mod code;
mod error;
pub(crate) mod function_urls;
mod hex;
mod invocations;
mod invoke;
mod pool;
mod runtime_api;
mod state;
#[cfg(test)]
mod tests;
mod worker;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::error::LocalError;
use crate::ports::Ports;
use code::CodeStore;
use invoke::Call;
use pool::Pool;
use state::{FunctionRef, State};
use worker::{Environment, Host};

pub(crate) use error::ApiError as InvokeError;
pub use state::ENVIRONMENT_CONCURRENCY;

/// How one Lambda service is set up.
#[derive(Clone, Debug)]
pub(crate) struct LambdaConfig {
    /// The account that every ARN names.
    pub(crate) account: String,
    /// Zips, unpacked code and worker scratch folders live below, in `lambda`.
    pub(crate) state_dir: PathBuf,
    /// `AWS_ENDPOINT_URL` for functions.
    pub(crate) endpoint: String,
    /// `x86_64` or `arm64`: what this machine executes.
    pub(crate) host_architecture: &'static str,
    /// How long a warm environment may wait for its next invocation.
    pub(crate) idle_expiry: Duration,
    /// The account's limit of concurrent invocations, unless it is AWS's.
    pub(crate) concurrency: Option<u32>,
    /// The most invocations that an environment has at once, where the function doesn't say.
    pub(crate) environment_concurrency: u32,
}

/// The service; clones share it.
#[derive(Clone)]
pub(crate) struct Lambda(Arc<Inner>);

/// What [`Lambda`]'s clones share.
pub(crate) struct Inner {
    config: LambdaConfig,
    state: Mutex<State>,
    code: CodeStore,
    pool: Arc<Pool<Environment>>,
    host: Host,
    /// Invocations at work at once: the account's limit, or what the processes have places for that this host can carry.
    concurrency: u32,
}

/// One call of a function.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    /// With or without `:qualifier`.
    pub(crate) function_arn: String,
    /// The event, JSON.
    pub(crate) payload: Bytes,
    /// True if the caller waits.
    pub(crate) kind: InvocationKind,
    /// Who calls.
    pub(crate) caller: Caller,
    /// The id that the caller has told its own client; without one, Lambda makes it.
    pub(crate) request_id: Option<Uuid>,
}

/// Lambda's invocation types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvocationKind {
    /// The caller waits for the answer.
    RequestResponse,
    /// Queued; answered with 202 at once.
    Event,
    /// Checked, not run.
    DryRun,
}

/// Who calls a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// An IAM caller: always allowed here.
    Identity,
    /// The sender of an unsigned request to a function URL: the resource policy decides.
    Anonymous,
    /// An AWS service: the resource policy decides.
    Service {
        /// For example `apigateway.amazonaws.com`.
        principal: String,
        /// The ARN of what calls.
        source_arn: String,
    },
}

/// What an invocation came to, when the function was reached.
#[derive(Clone, Debug)]
pub(crate) struct Invoked {
    /// 200, 202 or 204.
    pub(crate) status: u16,
    /// The function's answer, or its error as JSON.
    pub(crate) payload: Bytes,
    /// `Unhandled` when the function failed.
    pub(crate) function_error: Option<String>,
    /// The version that ran.
    pub(crate) executed_version: String,
    /// The last 4 KB of the invocation's log.
    pub(crate) log_tail: Option<String>,
    pub(crate) request_id: String,
}

impl Lambda {
    /// Starts the service on what was saved; ends workers that an earlier cloud left behind.
    ///
    /// # Errors
    /// When the state folder can't be written, or the saved state isn't what this version writes.
    pub(crate) async fn start(
        config: LambdaConfig,
        ports: Ports,
        saved: Option<serde_json::Value>,
    ) -> Result<Self, LocalError> {
        let root = config.state_dir.join("lambda");
        let unreadable = |why| LocalError::StateUnreadable { path: config.state_dir.clone(), why };
        let state = saved.map_or_else(|| Ok(State::new()), State::restore).map_err(unreadable)?;
        let (code, folder) = prepare(&root, state.code_in_use()).await?;
        let limit = config.concurrency.unwrap_or(state::ACCOUNT_CONCURRENCY);
        let processes = count_processes(raise_open_files(), config.environment_concurrency);
        let concurrency = limit.min(processes.saturating_mul(config.environment_concurrency));
        let state = state.with_concurrency(limit, config.environment_concurrency);
        let (endpoint, architecture) = (config.endpoint.clone(), config.host_architecture);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let inner = Arc::new(Inner {
            config,
            state: Mutex::new(state),
            code,
            pool: Pool::new(usize::try_from(processes).unwrap_or(usize::MAX)),
            host: Host { ports, folder, endpoint, architecture, tasks, stop },
            concurrency,
        });
        inner.host.tasks.spawn(expire(Arc::downgrade(&inner), inner.config.idle_expiry));
        Ok(Self(inner))
    }

    /// Answers one request of the control API or `Invoke`.
    pub(crate) async fn handle(&self, region: &str, request: http::Request<Bytes>) -> http::Response<Bytes> {
        api::handle(&self.0, region, request).await
    }

    /// Invokes a function for another part of the cloud.
    ///
    /// # Errors
    /// When the function was not reached; [`InvokeError`] says why in AWS's words. A function that failed is no error
    /// here: see [`Invoked::function_error`].
    pub(crate) async fn invoke(&self, invocation: Invocation) -> Result<Invoked, InvokeError> {
        let region = invocation.function_arn.split(':').nth(3).unwrap_or_default().to_owned();
        let reference = FunctionRef::parse(&invocation.function_arn, None, &region, &self.0.config.account)?;
        let call = Call {
            reference,
            payload: invocation.payload,
            kind: invocation.kind,
            caller: invocation.caller,
            request_id: invocation.request_id,
            client_context: None,
            trace_id: None,
        };
        self.0.call(call).await
    }

    /// The control state, for the store.
    pub(crate) fn snapshot(&self) -> serde_json::Value {
        self.0.state().save()
    }

    /// Grows with each change of the control state.
    pub(crate) fn revision(&self) -> u64 {
        self.0.state().revision()
    }

    /// How many invocations run at once.
    pub(crate) fn concurrency(&self) -> u32 {
        self.0.concurrency
    }

    /// How many functions there are.
    pub(crate) fn functions(&self) -> usize {
        self.0.state().len()
    }

    /// Kills every worker process, and waits until their last lines are written.
    pub(crate) async fn shutdown(&self) {
        let host = &self.0.host;
        host.stop.cancel();
        self.0.pool.close();
        host.tasks.close();
        if tokio::time::timeout(Duration::from_secs(2), host.tasks.wait()).await.is_err() {
            tracing::warn!("some invocations did not end in time");
        }
    }
}

impl Inner {
    /// The control state; never held across an await.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> i64 {
        self.host.ports.clock.now_ms()
    }

    /// Ends idle environments that no version stands behind any more.
    fn evict(&self) {
        let state = self.state().clone();
        let now_ms = self.now_ms();
        self.pool.evict(self.config.idle_expiry, |key| state.is_current(key, now_ms));
    }
}

/// Makes the folders below `root`, and clears away what an earlier cloud left there. Answers with the store of all code
/// and the folder for environments.
async fn prepare(root: &Path, in_use: BTreeSet<String>) -> Result<(CodeStore, PathBuf), LocalError> {
    fs_err::create_dir_all(root).map_err(LocalError::io("create", root))?;
    // Workers run in folders of their own: what is relative here would lead nowhere there.
    let root = fs_err::canonicalize(root).map_err(LocalError::io("read", root))?;
    let folder = root.join("environments");
    fs_err::create_dir_all(&folder).map_err(LocalError::io("create", &folder))?;
    let code = CodeStore::open(&root).map_err(LocalError::io("create", &root))?;
    let (store, leftovers) = (code.clone(), folder.clone());
    let tidied = tokio::task::spawn_blocking(move || {
        worker::clear_leftovers(&leftovers);
        store.collect(&in_use);
    });
    match tidied.await {
        Ok(()) => Ok((code, folder)),
        Err(error) => Err(LocalError::Part { part: "Lambda service", why: error.to_string() }),
    }
}

/// Ends environments that had no invocation for `expiry`.
async fn expire(inner: Weak<Inner>, expiry: Duration) {
    let pause = (expiry / 4).clamp(Duration::from_millis(20), Duration::from_secs(5));
    loop {
        let Some(stop) = inner.upgrade().map(|inner| inner.host.stop.clone()) else {
            return;
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let Some(inner) = inner.upgrade() else { return };
        inner.evict();
    }
}

/// Raises this process's limit of open files as far as the system lets it; returns the limit, in files. Functions may ask
/// for more connections than the cloud's own setting says, so no smaller limit would be safe.
fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    let files = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    files.unwrap_or(u64::MAX)
}

/// The number of processes that so many open files are enough for, at most AWS's thousand. Each takes five, and one for
/// each event that it may ask for at once, when it is idle too.
fn count_processes(files: u64, environment_concurrency: u32) -> u32 {
    const SPARE: u64 = 256;
    const EACH: u64 = 5;
    let processes = files.saturating_sub(SPARE) / (EACH + u64::from(environment_concurrency));
    u32::try_from(processes).unwrap_or(u32::MAX).clamp(10, state::ACCOUNT_CONCURRENCY)
}
