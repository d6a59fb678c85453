//! The cloud as a process in the foreground: from an empty or saved state until it is asked to stop.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cloud::Cloud;
use crate::error::LocalError;
use crate::process_start::read_start_time;
use crate::server::connections::serve_connections;
use crate::store::{ServerFile, StateDir, replace};
use crate::{DEFAULT_PORT, server};

/// The time that requests in flight have left after the cloud is asked to stop.
const GRACE: Duration = Duration::from_secs(2);

/// The settings of a cloud.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The folder of its state. Made when missing; one process at a time may use it.
    pub state_dir: PathBuf,
    /// The endpoint's port, 0 for any; without one, the last one. Where it is taken, 4510, or any that is free.
    pub port: Option<u16>,
    /// The limit of invocations at once; more are throttled. AWS's thousand unless set, or as many as this
    /// machine can carry.
    pub concurrency: Option<u32>,
    /// The most invocations that one execution environment has at once, where its function doesn't say: one as on
    /// classic Lambda, or several as on Lambda Managed Instances, within
    /// [`ENVIRONMENT_CONCURRENCY`](crate::ENVIRONMENT_CONCURRENCY). Kept in the state folder; without it, the last one.
    pub environment_concurrency: Option<u32>,
}

/// Takes this process out of its terminal's session, for a cloud in the background: Ctrl-C in the terminal doesn't
/// reach it, and when it is killed the kernel ends its functions' frozen processes with it. Without effect in a
/// process that leads a group already.
pub fn detach() {
    let _ = rustix::process::setsid();
}

/// Runs a cloud until SIGINT, SIGTERM or [`stop`](crate::stop); then ends its functions' processes and saves.
///
/// # Errors
/// [`LocalError::AlreadyRunning`] when another process uses the folder, [`LocalError::Listen`] when no port at
/// all can be had, [`LocalError::StateUnreadable`] when the saved state is damaged or from a newer version.
pub async fn serve(options: ServeOptions) -> Result<(), LocalError> {
    let dir = StateDir::new(&options.state_dir);
    dir.create()?;
    let _lock = dir.lock()?;
    // The file of an earlier process says nothing about this one.
    remove_file(&dir.server_file())?;
    let listener = bind_port(&dir, options.port).await?;
    let port = listener.local_addr().map_err(listen_error(0))?.port();
    let cloud = Cloud::open(dir.clone(), port, &options).await?;
    let keeper = tokio::spawn(cloud.clone().keep());
    let signals = tokio::spawn(stop_on_signals(cloud.stop.clone()));
    write_server_file(&dir, port)?;
    tracing::info!(port, state = %dir.path().display(), "the embedded cloud answers");
    run_cloud(&cloud, listener).await;
    signals.abort();
    if let Err(error) = keeper.await {
        tracing::error!(%error, "the embedded cloud's keeper failed");
    }
    let saved = cloud.shutdown().await;
    remove_file(&dir.server_file())?;
    tracing::info!("the embedded cloud stopped");
    saved
}

async fn run_cloud(cloud: &Arc<Cloud>, listener: TcpListener) {
    let stopped = cloud.stop.clone();
    let app = server::build_router(cloud.clone());
    let serving = tokio::spawn(serve_connections(listener, app, stopped.clone()));
    let end = serving.abort_handle();
    let late = async {
        stopped.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        ended = serving => if let Err(error) = ended {
            tracing::error!(%error, "the endpoint failed");
        },
        () = late => end.abort(),
    }
    cloud.stop.cancel();
}

/// The port that was asked for, else the last one; where that is taken the default one, else any other.
async fn bind_port(dir: &StateDir, port: Option<u16>) -> Result<TcpListener, LocalError> {
    let bind = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let remembered = || fs_err::read_to_string(dir.join("port")).ok()?.trim().parse().ok();
    for port in port.or_else(remembered).into_iter().chain([DEFAULT_PORT]) {
        if let Ok(listener) = bind(port).await {
            return Ok(listener);
        }
    }
    bind(0).await.map_err(listen_error(0))
}

fn listen_error(port: u16) -> impl FnOnce(std::io::Error) -> LocalError {
    move |source| LocalError::Listen { address: format!("127.0.0.1:{port}"), source }
}

/// Tells clients where the cloud is, and a later process which port to try first.
fn write_server_file(dir: &StateDir, port: u16) -> Result<(), LocalError> {
    let file = dir.join("port");
    replace(&file, port.to_string().as_bytes()).map_err(LocalError::io("write", file))?;
    let pid = std::process::id();
    let about = json!(ServerFile { port, pid, process_start: read_start_time(pid) }).to_string();
    let file = dir.server_file();
    replace(&file, about.as_bytes()).map_err(LocalError::io("write", file))
}

fn remove_file(file: &std::path::Path) -> Result<(), LocalError> {
    match fs_err::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(LocalError::io("delete", file)(error)),
        _ => Ok(()),
    }
}

/// A terminal that closes (SIGHUP) doesn't end the cloud.
async fn stop_on_signals(stop: CancellationToken) {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        return;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = hangup.recv() => {}
        }
    }
    stop.cancel();
}
