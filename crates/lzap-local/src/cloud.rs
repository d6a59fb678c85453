//! All services together, and their state on the disk.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::apigateway::Apis;
use crate::clock::{SystemClock, rfc3339};
use crate::error::LocalError;
use crate::gateway::{Gateway, Listeners};
use crate::keys::Keys;
use crate::lambda::{ENVIRONMENT_CONCURRENCY, Lambda, LambdaConfig};
use crate::passive::events::Events;
use crate::passive::iam::Iam;
use crate::passive::logs::Logs;
use crate::passive::s3::S3;
use crate::passive::set_account;
use crate::passive::sts::Sts;
use crate::ports::{Clock, Ports};
use crate::store::{SavedState, StateDir};
use crate::{ACCOUNT, CloudStatus, REGION, ServeOptions, scheduler};

/// The time for which an idle environment is kept warm.
const IDLE_EXPIRY: Duration = Duration::from_mins(10);
/// The pause between two looks for changes that Lambda makes by itself, such as the end of `Pending`.
const LOOK: Duration = Duration::from_millis(100);

/// A running cloud.
pub(crate) struct Cloud {
    pub(crate) s3: Arc<S3>,
    pub(crate) iam: Arc<Iam>,
    pub(crate) sts: Sts,
    pub(crate) events: Arc<Events>,
    pub(crate) logs: Arc<Logs>,
    pub(crate) lambda: Lambda,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) listeners: Listeners,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: Arc<Keys>,
    /// Told when a request may have changed something.
    pub(crate) changed: Notify,
    /// Ends the process.
    pub(crate) stop: CancellationToken,
    dir: StateDir,
    port: u16,
    started_ms: i64,
    created_ms: i64,
    environment_concurrency: u32,
    saved_revision: AtomicU64,
}

impl Cloud {
    /// Takes up what the folder holds.
    ///
    /// # Errors
    /// When the state can't be read.
    pub(crate) async fn open(
        dir: StateDir,
        port: u16,
        options: &ServeOptions,
    ) -> Result<Arc<Self>, LocalError> {
        set_account();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let saved = dir.load()?;
        let keys = Arc::new(Keys::open(&dir)?);
        let unreadable = |why| LocalError::StateUnreadable { path: dir.state_file(), why };
        let regions: BTreeMap<_, _> = dir.part(&saved, "s3")?.unwrap_or_default();
        let s3 = Arc::new(S3::open(&dir.join("s3"), regions).await?);
        let iam = Arc::new(Iam::default());
        if let Some(state) = dir.part(&saved, "iam")? {
            iam.restore(state).await.map_err(unreadable)?;
        }
        let events = Arc::new(Events::default());
        if let Some(state) = dir.part(&saved, "events")? {
            events.restore(state).await.map_err(unreadable)?;
        }
        let logs = Arc::new(Logs::open(&dir.join("logs"), clock.clone())?);
        if let Some(state) = dir.part(&saved, "logs")? {
            logs.restore(state).await.map_err(unreadable)?;
        }
        let ports =
            Ports { logs: logs.clone(), objects: s3.clone(), roles: iam.clone(), clock: clock.clone() };
        let environment_concurrency = environment_concurrency(options, &saved);
        let concurrency = options.concurrency;
        let config =
            LambdaConfig { concurrency, environment_concurrency, ..lambda_config(&dir, port, &keys) };
        let lambda = Lambda::start(config, ports, dir.part(&saved, "lambda")?).await?;
        let apis = Arc::new(Apis::new(dir.part(&saved, "apigateway")?.unwrap_or_default()));
        let gateway =
            Arc::new(Gateway { apis, lambda: lambda.clone(), clock: clock.clone(), keys: keys.clone() });
        let started_ms = clock.now_ms();
        let created_ms = if saved.created_ms == 0 { started_ms } else { saved.created_ms };
        let cloud = Arc::new(Self {
            s3,
            iam,
            sts: Sts::default(),
            events,
            logs,
            lambda,
            gateway,
            listeners: Listeners::default(),
            clock,
            keys,
            changed: Notify::new(),
            stop: CancellationToken::new(),
            dir,
            port,
            started_ms,
            created_ms,
            environment_concurrency,
            saved_revision: AtomicU64::new(0),
        });
        if saved.environment_concurrency != Some(environment_concurrency) {
            cloud.changed.notify_one();
        }
        cloud.listen().await?;
        Ok(cloud)
    }

    /// Each front answers where it did before, unless another process took its port meanwhile. All of them get their
    /// old ports before one that has to move chooses another.
    async fn listen(&self) -> Result<(), LocalError> {
        let mut displaced = Vec::new();
        for (front, port) in self.gateway.ports() {
            match Listeners::reserve_port(port).await {
                Some(reserved) => self.listeners.open(&self.gateway, front, reserved),
                None => displaced.push((front, port)),
            }
        }
        for (front, taken) in displaced {
            let reserved = Listeners::reserve().await?;
            let port = reserved.port;
            tracing::warn!(?front, taken, port, "an HTTP API or function URL moved to another port");
            self.gateway.set_port(&front, port);
            self.changed.notify_one();
            self.listeners.open(&self.gateway, front, reserved);
        }
        Ok(())
    }

    /// Returns the status for clients.
    pub(crate) fn status(&self) -> CloudStatus {
        CloudStatus {
            endpoint: endpoint(self.port),
            port: self.port,
            pid: std::process::id(),
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            state_dir: self.dir.path().to_owned(),
            started: rfc3339(self.started_ms),
            functions: self.lambda.functions(),
            verifies_signatures: true,
            concurrency: self.lambda.concurrency(),
            environment_concurrency: self.environment_concurrency,
            apis: self.gateway.apis.list_statuses(),
            function_urls: self.lambda.list_function_urls(),
        }
    }

    /// Fires rules and saves changes until the cloud stops.
    pub(crate) async fn keep(self: Arc<Self>) {
        let rules =
            scheduler::run(self.events.clone(), self.lambda.clone(), self.clock.clone(), self.stop.clone());
        tokio::join!(rules, self.keep_saved());
    }

    async fn keep_saved(&self) {
        let mut last = None;
        while !self.stop.is_cancelled() {
            let told = tokio::select! {
                () = self.changed.notified() => true,
                () = tokio::time::sleep(LOOK) => false,
                () = self.stop.cancelled() => false,
            };
            let revision = self.lambda.revision();
            if told || self.saved_revision.swap(revision, Ordering::Relaxed) != revision {
                self.save_changes(&mut last).await;
            }
        }
    }

    /// Saves what differs from the last time; a disk that is full is said, and tried again with the next change.
    async fn save_changes(&self, last: &mut Option<Vec<u8>>) {
        let saved = self.snapshot().await;
        let bytes = serde_json::to_vec(&saved).ok();
        if bytes.is_some() && bytes == *last {
            return;
        }
        let dir = self.dir.clone();
        match tokio::task::spawn_blocking(move || dir.save(saved)).await {
            Ok(Ok(())) => *last = bytes,
            Ok(Err(error)) => tracing::error!(%error, "the state could not be saved"),
            Err(error) => tracing::error!(%error, "saving the state failed"),
        }
    }

    async fn snapshot(&self) -> SavedState {
        let mut services = BTreeMap::new();
        let mut add = |name: &str, value: Value| services.insert(name.to_owned(), value);
        add("apigateway", json!(self.gateway.apis.snapshot()));
        add("events", json!(self.events.snapshot().await));
        add("iam", json!(self.iam.snapshot().await));
        add("lambda", self.lambda.snapshot());
        add("logs", json!(self.logs.snapshot().await));
        add("s3", json!(self.s3.regions()));
        let environment_concurrency = Some(self.environment_concurrency);
        SavedState { created_ms: self.created_ms, environment_concurrency, services, ..SavedState::default() }
    }

    /// Ends what runs, and saves.
    ///
    /// # Errors
    /// [`LocalError::StateIo`] when the state can't be written.
    pub(crate) async fn shutdown(&self) -> Result<(), LocalError> {
        self.listeners.close();
        self.lambda.shutdown().await;
        self.dir.save(self.snapshot().await)
    }
}

/// The endpoint at a port.
pub(crate) fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn lambda_config(dir: &StateDir, port: u16, keys: &Keys) -> LambdaConfig {
    let state_dir: PathBuf = dir.path().to_owned();
    let host_architecture = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x86_64" };
    LambdaConfig {
        account: ACCOUNT.to_owned(),
        state_dir,
        endpoint: endpoint(port),
        key: keys.function.clone(),
        host_architecture,
        idle_expiry: IDLE_EXPIRY,
        concurrency: None,
        environment_concurrency: 1,
    }
}

/// The wanted number, else the last one, else one invocation at a time.
fn environment_concurrency(options: &ServeOptions, saved: &SavedState) -> u32 {
    let wanted = options.environment_concurrency.or(saved.environment_concurrency).unwrap_or(1);
    wanted.clamp(*ENVIRONMENT_CONCURRENCY.start(), *ENVIRONMENT_CONCURRENCY.end())
}
