//! One listener for each HTTP API and function URL, on loopback, with a stable port.
//!
//! `localhost` means `::1` to some programs and `127.0.0.1` to others, so a front listens on both where the machine has
//! both. The port is the front's for as long as no other program takes it while the cloud is down.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::dispatch::Gateway;
use super::front::{Arrival, FrontId};
use crate::error::LocalError;
use crate::server::connections::serve_connections;

/// The ports that are tried first for a new front, in order.
const PREFERRED: std::ops::RangeInclusive<u16> = 4511..=4599;

/// A bound port whose listener doesn't answer yet.
pub(crate) struct Reserved {
    pub(crate) port: u16,
    sockets: Vec<TcpListener>,
}

/// The listeners of all fronts.
#[derive(Default)]
pub(crate) struct Listeners {
    running: Mutex<HashMap<FrontId, CancellationToken>>,
    tasks: TaskTracker,
}

impl Listeners {
    /// Binds the first free port.
    ///
    /// # Errors
    /// [`LocalError::Listen`] when no port can be bound.
    pub(crate) async fn reserve() -> Result<Reserved, LocalError> {
        for port in PREFERRED.chain([0; 5]) {
            if let Some(reserved) = Self::reserve_port(port).await {
                return Ok(reserved);
            }
        }
        let source = io::Error::from(io::ErrorKind::AddrInUse);
        Err(LocalError::Listen { address: "a port for an HTTP API or function URL".to_owned(), source })
    }

    /// Binds this very port; `None` when it is taken. 0 is any.
    pub(crate) async fn reserve_port(port: u16) -> Option<Reserved> {
        let sockets = bind_port(port).await.ok()?;
        let port = sockets.first().and_then(|socket| socket.local_addr().ok()).map_or(port, |at| at.port());
        Some(Reserved { port, sockets })
    }

    /// Starts to answer a front's requests.
    pub(crate) fn open(&self, gateway: &Arc<Gateway>, front: FrontId, reserved: Reserved) {
        let stop = CancellationToken::new();
        for socket in reserved.sockets {
            let context =
                Arc::new(Listener { gateway: gateway.clone(), front: front.clone(), port: reserved.port });
            let app = Router::new().fallback(answer_request).with_state(context);
            self.tasks.spawn(serve_connections(socket, app, stop.clone()));
        }
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(front, stop);
    }

    /// Stops the listeners of fronts that no longer exist. The fronts are listed while no listener can open, or a new
    /// front's listener could be stopped.
    pub(crate) fn keep_only(&self, list: impl FnOnce() -> Vec<(FrontId, u16)>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let fronts = list();
        running.retain(|front, stop| {
            let lives = fronts.iter().any(|(known, _)| known == front);
            if !lives {
                stop.cancel();
            }
            lives
        });
    }

    /// Stops all listeners.
    pub(crate) fn close(&self) {
        self.keep_only(Vec::new);
    }
}

async fn bind_port(port: u16) -> io::Result<Vec<TcpListener>> {
    let four = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let port = four.local_addr()?.port();
    match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
        Ok(six) => Ok(vec![four, six]),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        // The machine has no IPv6.
        Err(_) => Ok(vec![four]),
    }
}

struct Listener {
    gateway: Arc<Gateway>,
    front: FrontId,
    port: u16,
}

async fn answer_request(
    State(listener): State<Arc<Listener>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> axum::response::Response {
    listener.gateway.answer_request(&listener.front, Arrival { port: listener.port, peer }, request).await
}
