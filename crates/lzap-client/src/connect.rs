//! Opening connections: name, TCP, proxy, TLS.
//!
//! All failures here are [`ErrorKind::NotConnected`]: no byte of the request was sent, so that any call may be repeated.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{Method, Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use crate::connection::Connection;
use crate::endpoint::{Origin, Scheme};
use crate::error::{ClientError, ErrorKind};
use crate::progress::{Progress, Stage};
use crate::proxy::{ProxyRules, ProxyServer, Route};
use crate::resolve::Resolver;
use crate::socket::{Socket, Wire};

/// The limit from the name to an open connection, or tunnel. Within a region connecting takes milliseconds: a peer that
/// takes seconds is gone, and the caller gets the rest of its time for another attempt.
const CONNECT: Duration = Duration::from_secs(3);
/// The longest silence of the server within the TLS handshake. The handshake as a whole is only bounded by the call's
/// deadline: a function with a tenth of a core needs seconds for dozens of handshakes at once, and a limit that counts
/// its own work would fail just when many connections are opened.
const HANDSHAKE_SILENCE: Duration = Duration::from_secs(3);
/// The number of a host's addresses that are tried: with more, each would get less than 0.75 s of [`CONNECT`].
const ADDRESSES: usize = 4;

/// Opens connections.
pub(crate) struct Connector {
    resolver: Resolver,
    proxy: ProxyRules,
    tls: Arc<ClientConfig>,
}

impl Connector {
    pub(crate) fn new(proxy: ProxyRules, tls: Arc<ClientConfig>) -> Self {
        Self { resolver: Resolver::default(), proxy, tls }
    }

    /// The way to `origin`.
    pub(crate) fn find_route(&self, origin: &Origin) -> Route {
        self.proxy.find_route(origin)
    }

    /// Opens a new connection to `origin`. A silent peer is an error after 3 s while connecting, and after 3 to 6 s in the
    /// TLS handshake.
    pub(crate) async fn open_connection(
        &self,
        origin: &Origin,
        progress: &Progress,
    ) -> Result<Connection, ClientError> {
        let socket = timeout(CONNECT, self.open_route(origin, progress)).await.unwrap_or_else(|_| {
            let (seconds, doing) = (CONNECT.as_secs(), progress.stage().describe());
            Err(not_connected(origin, &format!("{seconds} s passed while {doing}")))
        })?;
        let wire = match origin.scheme {
            Scheme::Http => Wire::Plain(socket),
            Scheme::Https => {
                progress.enter_stage(Stage::Handshaking);
                self.start_tls(socket, origin).await?
            }
        };
        Connection::open(wire).await.map_err(|error| not_connected(origin, "HTTP failed").with_source(error))
    }

    /// The connection below TLS: to the origin itself, or through its proxy.
    async fn open_route(&self, origin: &Origin, progress: &Progress) -> Result<Socket, ClientError> {
        match self.find_route(origin) {
            Route::Direct => self.open_socket(origin, progress).await,
            Route::Forward(proxy) => self.open_socket(&proxy.origin, progress).await,
            // TLS goes through the tunnel from end to end: the proxy sees the host's name, and no request.
            Route::Tunnel(proxy) => {
                let socket = self.open_socket(&proxy.origin, progress).await?;
                progress.enter_stage(Stage::AskingProxy);
                open_tunnel(socket, &proxy, origin).await
            }
        }
    }

    async fn open_socket(&self, server: &Origin, progress: &Progress) -> Result<Socket, ClientError> {
        progress.enter_stage(Stage::Resolving);
        let (host, port) = (server.host.as_str(), server.port);
        let addresses = self.resolver.resolve_host(host, port).await.map_err(|error| {
            not_connected(
                server,
                "the name can't be resolved; is the region, the endpoint or the network right?",
            )
            .with_source(error)
        })?;
        progress.enter_stage(Stage::Connecting);
        connect_any(&addresses).await.and_then(Socket::new).map_err(|error| {
            // The host may have moved: the next attempt looks it up again.
            self.resolver.forget_host(host, port);
            not_connected(server, "nothing accepts the connection").with_source(error)
        })
    }

    async fn start_tls(&self, socket: Socket, origin: &Origin) -> Result<Wire, ClientError> {
        let name = ServerName::try_from(origin.host.clone())
            .map_err(|error| not_connected(origin, "the host has no valid name").with_source(error))?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let traffic = socket.traffic();
        // Biased: a handshake that is done wins over a silence that has passed at the same time.
        let stream = tokio::select! {
            biased;
            stream = connector.connect(name, socket) => stream,
            () = traffic.wait_for_silence(HANDSHAKE_SILENCE) => {
                let seconds = HANDSHAKE_SILENCE.as_secs();
                let why = format!("the server was silent for {seconds} s in the TLS handshake");
                return Err(not_connected(origin, &why));
            }
        };
        let stream = stream.map_err(|error| {
            not_connected(origin, "the TLS handshake failed; does AWS_CA_BUNDLE fit the endpoint?")
                .with_source(error)
        })?;
        Ok(Wire::Tls(Box::new(stream)))
    }
}

/// The error of a connection that was not made.
fn not_connected(server: &Origin, why: &str) -> ClientError {
    ClientError::new(ErrorKind::NotConnected, format!("got no connection to {server}: {why}"))
}

/// Tries one address after the other; each gets its part of the time that is left.
///
/// In a network without IPv6 an attempt over it fails at once. Where it is dropped silently, the next address still
/// gets its turn, so that there is no need to race both.
async fn connect_any(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    // The caller's limit also covers the lookup, and ends this one first.
    let end = Instant::now() + CONNECT;
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    let mut left = u32::try_from(addresses.len().min(ADDRESSES)).unwrap_or(1);
    for address in addresses.iter().take(ADDRESSES) {
        let share = end.saturating_duration_since(Instant::now()) / left.max(1);
        left = left.saturating_sub(1);
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// Asks the proxy for a connection to `origin`: one round trip to the proxy, and as long as it takes to connect.
///
/// `CONNECT` is RFC 9110, section 9.3.6.
async fn open_tunnel(socket: Socket, proxy: &ProxyServer, origin: &Origin) -> Result<Socket, ClientError> {
    let failed = |why: String| {
        let text = format!("got no connection to {origin}: the proxy {} {why}", proxy.origin);
        ClientError::new(ErrorKind::NotConnected, text)
    };
    let broken = |error: hyper::Error| failed("broke off".to_owned()).with_source(error);
    let url = origin.url();
    let target = url.trim_start_matches("https://");
    let mut request = Request::builder().method(Method::CONNECT).uri(target).header(HOST, target);
    if let Some(authorization) = &proxy.authorization {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|error| failed("can't be asked".to_owned()).with_source(error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.map_err(broken)?;
    // hyper ends the connection at the answer to CONNECT and gives the socket back.
    let answer = async move {
        // The sender and the answer's body are dropped here, so that the connection ends after a refusal too.
        sender.send_request(request).await.map(|response| response.status())
    };
    let (status, parts) = tokio::join!(answer, connection.without_shutdown());
    let status = status.map_err(broken)?;
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return Err(failed(
            "wants other credentials (407); set HTTPS_PROXY to http://USER:PASSWORD@HOST:PORT".to_owned(),
        ));
    }
    if !status.is_success() {
        return Err(failed(format!("refused with HTTP status {status}")));
    }
    let parts = parts.map_err(broken)?;
    // A TLS server waits for the client to begin.
    if !parts.read_buf.is_empty() {
        return Err(failed("sent unexpected bytes".to_owned()));
    }
    Ok(parts.io.into_inner())
}
