//! Under `cargo run`: the app on a port of this machine, until a signal stops it.
//!
//! A request is handled as in Lambda (500 on panic, request id, access line): see `http.rs`.

use std::{
    convert::Infallible,
    env,
    hash::{BuildHasher as _, RandomState},
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use axum::{ServiceExt as _, body::Body, serve::Listener};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use lzap_wire::env::{LZAP_ADDR, PORT};
use tokio::net::{TcpListener, TcpStream};
use tower::service_fn;
use tracing::{Instrument as _, Span};

use crate::{
    Error,
    app::ErasedService,
    http::{Access, answer, log_body_error},
    log::SPAN_TARGET,
};

/// The time that requests in flight have to finish after the first signal.
const GRACE: Duration = Duration::from_secs(10);

const DEFAULT_PORT: u16 = 5000;

/// Serves until Ctrl-C or SIGTERM, then lets the requests in flight finish, for a while.
pub(crate) async fn run(http: ErasedService) -> Result<(), Error> {
    let address = Address::from_env()?;
    let sockets = Sockets::bind(&address).await?;
    let (mut stop, mut quit) = (Signals::listen()?, Signals::listen()?);
    print_notice(&format!("serving http://{} (Ctrl-C stops)", address.display_with_port(sockets.port())));

    let app = service_fn(move |request| answer_request(http.clone(), request));
    let server = axum::serve(sockets, app.into_make_service())
        .with_graceful_shutdown(async move { stop.next().await });
    let stop_early = async {
        quit.next().await;
        print_notice("stopping when the requests in flight are done (Ctrl-C again: at once)");
        tokio::select! {
            () = quit.next() => {}
            () = tokio::time::sleep(GRACE) => print_notice("stopped with requests in flight"),
        }
    };
    tokio::select! {
        // `axum::serve` only ever ends by its signal, and never with an error.
        _ = server => {}
        () = stop_early => {}
    }
    Ok(())
}

async fn answer_request(http: ErasedService, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let request_id = new_request_id();
    let span = tracing::error_span!(target: SPAN_TARGET, "request", requestId = request_id);
    async {
        let access = Access::begin(&request);
        let response = answer(http, request, &request_id).await;
        access.end(response.status());
        Ok(response.map(log_failure))
    }
    .instrument(span)
    .await
}

/// Logs the error of a body that fails. Its status is sent by then: hyper cuts the connection and says nothing.
fn log_failure(body: Body) -> Body {
    let span = Span::current();
    Body::new(body.map_err(move |error| {
        span.in_scope(|| log_body_error(&error));
        error
    }))
}

/// 64 random bits in hex: enough to tell the requests of one terminal apart. Each `RandomState` has other keys.
fn new_request_id() -> String {
    format!("{:016x}", RandomState::new().hash_one(()))
}

/// Prints a line for the person at the terminal. It is not a log line: `RUST_LOG=off` must not hide the URL.
fn print_notice(line: &str) {
    // With stderr closed there is no reader.
    let _ = writeln!(io::stderr(), "lzap: {line}");
}

/// The addresses to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Address {
    /// Both loopback addresses, since browsers try `::1` first for `localhost` and tools often only `127.0.0.1`.
    Localhost(u16),
    /// The value of `LZAP_ADDR`.
    Exactly(SocketAddr),
}

impl Address {
    fn from_env() -> Result<Self, Error> {
        let variable = |name| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        Self::choose(variable(LZAP_ADDR).as_deref(), variable(PORT).as_deref())
    }

    /// An empty value counts as unset, as in most programs.
    fn choose(address: Option<&str>, port: Option<&str>) -> Result<Self, Error> {
        let non_empty =
            |value: Option<&str>| value.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned);
        if let Some(address) = non_empty(address) {
            return Self::parse(&address)
                .ok_or_else(|| Error::bad_variable(LZAP_ADDR, "an address and port", "127.0.0.1:5001"));
        }
        non_empty(port)
            .map_or(Ok(DEFAULT_PORT), |port| port.parse())
            .map(Self::Localhost)
            .map_err(|_| Error::bad_variable(PORT, "a port number (0 to 65535)", "5001"))
    }

    fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse() {
            return Some(Self::Exactly(address));
        }
        let (host, port) = text.rsplit_once(':')?;
        (host.eq_ignore_ascii_case("localhost")).then(|| port.parse().ok()).flatten().map(Self::Localhost)
    }

    /// The address as a person would type it, with the port that the socket has.
    fn display_with_port(&self, port: u16) -> String {
        match self {
            Self::Localhost(_) => format!("localhost:{port}"),
            Self::Exactly(address) => SocketAddr::new(address.ip(), port).to_string(),
        }
    }

    fn listen_error(&self, source: io::Error) -> Error {
        let other = |port: u16| match port {
            0..1024 | u16::MAX => DEFAULT_PORT,
            port => port + 1,
        };
        let (shown, retry) = match self {
            Self::Localhost(port) => {
                (self.display_with_port(*port), format!("PORT={} cargo run", other(*port)))
            }
            Self::Exactly(address) => {
                let host = match source.kind() {
                    io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => address.ip(),
                    _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
                };
                let retry = SocketAddr::new(host, other(address.port()));
                (address.to_string(), format!("LZAP_ADDR={retry} cargo run"))
            }
        };
        Error::cannot_listen(shown, retry, source)
    }
}

/// One listening socket, or two for `localhost`.
struct Sockets {
    first: TcpListener,
    second: Option<TcpListener>,
    address: SocketAddr,
}

impl Sockets {
    async fn bind(address: &Address) -> Result<Self, Error> {
        let first = match address {
            Address::Localhost(port) => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), *port),
            Address::Exactly(address) => *address,
        };
        let to_error = |source| address.listen_error(source);
        let first = TcpListener::bind(first).await.map_err(to_error)?;
        let bound = first.local_addr().map_err(to_error)?;
        let second = match address {
            Address::Localhost(asked) => bind_v6(bound.port(), *asked).await.map_err(to_error)?,
            Address::Exactly(_) => None,
        };
        Ok(Self { first, second, address: bound })
    }

    fn port(&self) -> u16 {
        self.address.port()
    }
}

/// Binds the same port on `::1`, where the machine has IPv6. Another program on that port would get half of the requests,
/// so that is an error, unless the system chose the port (`PORT=0`).
async fn bind_v6(port: u16, asked: u16) -> io::Result<Option<TcpListener>> {
    match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && asked != 0 => Err(error),
        Err(_) => Ok(None),
    }
}

impl Listener for Sockets {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let Some(second) = &mut self.second else {
            return Listener::accept(&mut self.first).await;
        };
        tokio::select! {
            accepted = Listener::accept(&mut self.first) => accepted,
            accepted = Listener::accept(second) => accepted,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// The signals that stop the program. Each value sees every signal from its creation on.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> Result<Self, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(Error::cannot_wait_for_signals);
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    #[cfg(windows)]
    fn listen() -> Result<Self, Error> {
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c().map_err(Error::cannot_wait_for_signals)? })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(windows)]
    async fn next(&mut self) {
        self.interrupt.recv().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choose_prefers_the_address_to_the_port_and_the_port_to_the_default() {
        let exactly = |text: &str| Address::Exactly(text.parse().expect("an address"));
        for (address, port, expected) in [
            (None, None, Address::Localhost(5000)),
            (None, Some("8080"), Address::Localhost(8080)),
            (None, Some(""), Address::Localhost(5000)),
            (Some("0.0.0.0:80"), Some("8080"), exactly("0.0.0.0:80")),
            (Some("[::1]:80"), None, exactly("[::1]:80")),
            (Some("localhost:80"), None, Address::Localhost(80)),
        ] {
            assert_eq!(Address::choose(address, port).expect("valid"), expected);
        }
    }

    #[test]
    fn choose_of_a_bad_value_names_the_variable_and_a_good_value() {
        for (address, port, named) in [
            (None, Some("http"), "set it as in `PORT=5001`"),
            (None, Some("65536"), "set it as in `PORT=5001`"),
            (Some("5000"), None, "set it as in `LZAP_ADDR=127.0.0.1:5001`"),
            (Some("example.com:80"), None, "set it as in `LZAP_ADDR=127.0.0.1:5001`"),
        ] {
            let error = Address::choose(address, port).expect_err("invalid");
            assert!(format!("{error:?}").contains(named), "{error:?}");
        }
    }

    #[test]
    fn new_request_id_called_twice_differs() {
        assert_ne!(new_request_id(), new_request_id());
    }
}
