//! One listener for each HTTP API, on loopback, with a stable port.
//!
//! `localhost` means `::1` to some programs and `127.0.0.1` to others, so an API listens on both where the machine has
//! both. The port is the API's for as long as no other program takes it while the cloud is down.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Gateway;
use crate::error::LocalError;

/// Tried first for a new API, in order.
const PREFERRED: std::ops::RangeInclusive<u16> = 4511..=4599;

/// A bound port whose listener doesn't answer yet.
pub(crate) struct Reserved {
    pub(crate) port: u16,
    sockets: Vec<TcpListener>,
}

/// The listeners of all APIs.
#[derive(Default)]
pub(crate) struct Listeners {
    running: Mutex<HashMap<String, CancellationToken>>,
    tasks: TaskTracker,
}

impl Listeners {
    /// Binds a port: the wanted one where it is free, otherwise the first free one.
    ///
    /// # Errors
    /// [`LocalError::Listen`] when no port can be bound.
    pub(crate) async fn reserve(wanted: Option<u16>) -> Result<Reserved, LocalError> {
        for port in wanted.into_iter().chain(PREFERRED).chain([0; 5]) {
            if let Ok(sockets) = bind(port).await {
                let port =
                    sockets.first().and_then(|socket| socket.local_addr().ok()).map_or(port, |at| at.port());
                return Ok(Reserved { port, sockets });
            }
        }
        let source = io::Error::from(io::ErrorKind::AddrInUse);
        Err(LocalError::Listen { address: "a port for an HTTP API".to_owned(), source })
    }

    /// Starts to answer an API's requests.
    pub(crate) fn open(&self, gateway: &Arc<Gateway>, api_id: &str, reserved: Reserved) {
        let stop = CancellationToken::new();
        for socket in reserved.sockets {
            let context = Arc::new(Listener {
                gateway: gateway.clone(),
                api_id: api_id.to_owned(),
                port: reserved.port,
            });
            let app = Router::new()
                .fallback(answer)
                .with_state(context)
                .into_make_service_with_connect_info::<SocketAddr>();
            let stopped = stop.clone().cancelled_owned();
            self.tasks.spawn(async move {
                let served = axum::serve(socket, app).with_graceful_shutdown(stopped).await;
                if let Err(error) = served {
                    tracing::warn!(%error, "an HTTP API's listener ended");
                }
            });
        }
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(api_id.to_owned(), stop);
    }

    /// Stops the listeners of APIs that no longer exist.
    pub(crate) fn keep_only(&self, ids: &[(String, u16)]) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|id, stop| {
            let lives = ids.iter().any(|(known, _)| known == id);
            if !lives {
                stop.cancel();
            }
            lives
        });
    }

    /// Stops all listeners.
    pub(crate) fn close(&self) {
        self.keep_only(&[]);
    }
}

async fn bind(port: u16) -> io::Result<Vec<TcpListener>> {
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
    api_id: String,
    port: u16,
}

async fn answer(
    State(listener): State<Arc<Listener>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> axum::response::Response {
    listener.gateway.answer(&listener.api_id, listener.port, peer, request).await
}
