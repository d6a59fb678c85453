//! The state that all clones of [`Lambda`](super::Lambda) share, and its start.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::code::CodeStore;
use super::pool::Pool;
use super::state::{ACCOUNT_CONCURRENCY, State};
use super::worker::{self, Environment, Host};
use crate::error::LocalError;
use crate::keys::AccessKey;
use crate::ports::Ports;

/// The settings of a Lambda service.
#[derive(Clone, Debug)]
pub(crate) struct LambdaConfig {
    /// The account that every ARN names.
    pub(crate) account: String,
    /// Zips, unpacked code and worker scratch folders live below, in `lambda`.
    pub(crate) state_dir: PathBuf,
    /// `AWS_ENDPOINT_URL` for functions.
    pub(crate) endpoint: String,
    /// The access key that each function gets.
    pub(crate) key: AccessKey,
    /// The architecture of this machine: `x86_64` or `arm64`.
    pub(crate) host_architecture: &'static str,
    /// The time for which a warm environment may wait for its next invocation.
    pub(crate) idle_expiry: Duration,
    /// The account's limit of concurrent invocations, unless it is AWS's.
    pub(crate) concurrency: Option<u32>,
    /// The most invocations that an environment has at once, unless the function has its own limit.
    pub(crate) environment_concurrency: u32,
}

/// The service: the control state, the code and the environments.
pub(crate) struct LambdaService {
    pub(super) config: LambdaConfig,
    pub(super) state: Mutex<State>,
    pub(super) code: CodeStore,
    pub(super) pool: Arc<Pool<Environment>>,
    pub(super) host: Host,
    /// The limit of invocations at once: the account's, or the places of all processes that this host can run.
    pub(super) concurrency: u32,
}

impl LambdaService {
    /// Starts the service on the saved state; ends workers that an earlier cloud left behind.
    ///
    /// # Errors
    /// When the state folder can't be written, or the saved state isn't what this version writes.
    pub(super) async fn start(
        config: LambdaConfig,
        ports: Ports,
        saved: Option<serde_json::Value>,
    ) -> Result<Arc<Self>, LocalError> {
        let root = config.state_dir.join("lambda");
        let unreadable = |why| LocalError::StateUnreadable { path: config.state_dir.clone(), why };
        let state = saved.map_or_else(|| Ok(State::new()), State::restore).map_err(unreadable)?;
        let (code, folder) = prepare_folders(&root, state.code_in_use()).await?;
        let limit = config.concurrency.unwrap_or(ACCOUNT_CONCURRENCY);
        let processes = count_processes(raise_open_files(), config.environment_concurrency);
        let concurrency = limit.min(processes.saturating_mul(config.environment_concurrency));
        let state = state.with_concurrency(limit, config.environment_concurrency);
        let (endpoint, key, architecture) =
            (config.endpoint.clone(), config.key.clone(), config.host_architecture);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let service = Arc::new(Self {
            config,
            state: Mutex::new(state),
            code,
            pool: Pool::new(usize::try_from(processes).unwrap_or(usize::MAX)),
            host: Host { ports, folder, endpoint, key, architecture, tasks, stop },
            concurrency,
        });
        service.host.tasks.spawn(expire_environments(Arc::downgrade(&service), service.config.idle_expiry));
        Ok(service)
    }

    /// The control state; never held across an await.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time, in Unix milliseconds.
    pub(super) fn now_ms(&self) -> i64 {
        self.host.ports.clock.now_ms()
    }

    /// Ends idle environments whose version or code is no longer current.
    pub(super) fn evict(&self) {
        let state = self.state().clone();
        let now_ms = self.now_ms();
        self.pool.evict(self.config.idle_expiry, |key| state.is_current(key, now_ms));
    }
}

/// Makes the folders below `root`, and removes the leftovers of an earlier cloud. Returns the store of all code
/// and the folder for environments.
async fn prepare_folders(root: &Path, in_use: BTreeSet<String>) -> Result<(CodeStore, PathBuf), LocalError> {
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
async fn expire_environments(service: Weak<LambdaService>, expiry: Duration) {
    let pause = (expiry / 4).clamp(Duration::from_millis(20), Duration::from_secs(5));
    loop {
        let Some(stop) = service.upgrade().map(|service| service.host.stop.clone()) else {
            return;
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let Some(service) = service.upgrade() else { return };
        service.evict();
    }
}

/// Raises this process's limit of open files as far as the system lets it; returns the limit, in files. Functions may
/// ask for more connections than the cloud's own setting says, so no smaller limit would be safe.
fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    let files = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    files.unwrap_or(u64::MAX)
}

/// The number of processes that so many open files are enough for, at most AWS's thousand. Each takes five, and one for
/// each event that it may ask for at once, when it is idle too.
pub(super) fn count_processes(files: u64, environment_concurrency: u32) -> u32 {
    const SPARE: u64 = 256;
    const EACH: u64 = 5;
    let processes = files.saturating_sub(SPARE) / (EACH + u64::from(environment_concurrency));
    u32::try_from(processes).unwrap_or(u32::MAX).clamp(10, ACCOUNT_CONCURRENCY)
}
