//! The sockets on which the app listens, and the variables that choose them.

use std::env;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::serve::Listener;
use lzap_wire::env::{AWS_LAMBDA_HTTP_ENDPOINT, LZAP_ADDR, PORT};
use tokio::net::{TcpListener, TcpStream};

use crate::ServeError;

const DEFAULT_PORT: u16 = 5000;

/// The address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// Both loopback addresses, since browsers try `::1` first for `localhost` and tools often only `127.0.0.1`.
    Localhost(u16),
    /// An IP address and port from `LZAP_ADDR` or from Lambda: one socket, also on other interfaces.
    Exactly {
        address: SocketAddr,
        /// The environment variable to change when the address can't be used.
        variable: &'static str,
    },
}

impl Address {
    pub(crate) fn from_env() -> Result<Self, ServeError> {
        let variable = |name| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        Self::choose(variable(LZAP_ADDR).as_deref(), variable(PORT).as_deref())
    }

    /// The address that Lambda names for a process that serves HTTP by itself. Lambda may write it as a URL.
    pub(crate) fn of_lambda() -> Result<Self, ServeError> {
        let text = env::var_os(AWS_LAMBDA_HTTP_ENDPOINT).unwrap_or_default().to_string_lossy().into_owned();
        let address = text.strip_prefix("http://").unwrap_or(&text).trim_end_matches('/');
        Self::parse(AWS_LAMBDA_HTTP_ENDPOINT, address).ok_or_else(|| {
            ServeError::bad_variable(AWS_LAMBDA_HTTP_ENDPOINT, "an address and port", "0.0.0.0:3000")
        })
    }

    /// `LZAP_ADDR` wins over `PORT`. An empty value counts as unset, as in most programs.
    fn choose(address: Option<&str>, port: Option<&str>) -> Result<Self, ServeError> {
        let non_empty =
            |value: Option<&str>| value.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned);
        if let Some(address) = non_empty(address) {
            return Self::parse(LZAP_ADDR, &address)
                .ok_or_else(|| ServeError::bad_variable(LZAP_ADDR, "an address and port", "127.0.0.1:5001"));
        }
        non_empty(port)
            .map_or(Ok(DEFAULT_PORT), |port| port.parse())
            .map(Self::Localhost)
            .map_err(|_| ServeError::bad_variable(PORT, "a port number (0 to 65535)", "5001"))
    }

    /// Reads an IP address or `localhost`, and a port. Other host names are refused: they would need DNS.
    fn parse(variable: &'static str, text: &str) -> Option<Self> {
        if let Ok(address) = text.parse() {
            return Some(Self::Exactly { address, variable });
        }
        let (host, port) = text.rsplit_once(':')?;
        (host.eq_ignore_ascii_case("localhost")).then(|| port.parse().ok()).flatten().map(Self::Localhost)
    }

    /// The address as a person would type it, with the port that the socket has.
    pub(crate) fn display_with_port(&self, port: u16) -> String {
        match self {
            Self::Localhost(_) => format!("localhost:{port}"),
            Self::Exactly { address, .. } => SocketAddr::new(address.ip(), port).to_string(),
        }
    }

    fn listen_error(&self, source: io::Error) -> ServeError {
        let other = |port: u16| match port {
            0..1024 | u16::MAX => DEFAULT_PORT,
            port => port + 1,
        };
        let (shown, retry) = match self {
            Self::Localhost(port) => {
                (self.display_with_port(*port), format!("PORT={} cargo run", other(*port)))
            }
            Self::Exactly { address, variable } => {
                let host = match source.kind() {
                    io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => address.ip(),
                    _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
                };
                let retry = SocketAddr::new(host, other(address.port()));
                (address.to_string(), format!("{variable}={retry} cargo run"))
            }
        };
        ServeError::cannot_listen(shown, retry, source)
    }
}

/// One listening socket, or two for `localhost`.
pub(crate) struct Sockets {
    first: TcpListener,
    second: Option<TcpListener>,
    address: SocketAddr,
}

impl Sockets {
    pub(crate) async fn bind(address: &Address) -> Result<Self, ServeError> {
        let first = match address {
            Address::Localhost(port) => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), *port),
            Address::Exactly { address, .. } => *address,
        };
        let to_error = |source| address.listen_error(source);
        let first = TcpListener::bind(first).await.map_err(to_error)?;
        let bound = first.local_addr().map_err(to_error)?;
        let second = match address {
            Address::Localhost(asked) => bind_v6(bound.port(), *asked).await.map_err(to_error)?,
            Address::Exactly { .. } => None,
        };
        Ok(Self { first, second, address: bound })
    }

    pub(crate) fn port(&self) -> u16 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choose_prefers_the_address_to_the_port_and_the_port_to_the_default() {
        let exactly = |text: &str| {
            let address = text.parse().expect("an address");
            Address::Exactly { address, variable: LZAP_ADDR }
        };
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
            assert!(error.help_text().contains(named), "{error:?}");
        }
    }
}
