//! One request, sent over a pooled connection by a deadline. Knows nothing of AWS.

use std::time::Duration;

use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::Full;
use tokio::time::timeout_at;

use crate::clock::Moment;
use crate::connect::Connector;
use crate::connection::{Answer, Connection};
use crate::deadline::Deadline;
use crate::endpoint::Origin;
use crate::error::{ClientError, ErrorKind};
use crate::pool::Pool;
use crate::progress::{Progress, Stage};
use crate::proxy::Route;
use crate::socket::Traffic;

/// A request as it goes out.
pub(crate) struct Outgoing<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) method: &'a Method,
    /// The path with its query.
    pub(crate) target: &'a PathAndQuery,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
}

/// The limits of an exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) deadline: Deadline,
    /// The longest time without a byte in either direction; none where a silent server may be busy. Noticed after one to two
    /// times this long.
    pub(crate) silence: Option<Duration>,
    /// The largest body of a successful answer.
    pub(crate) max_bytes: u64,
}

/// Connections, and the way to new ones.
pub(crate) struct Transport {
    pool: Pool<Connection>,
    connector: Connector,
}

impl Transport {
    /// A transport without connections.
    pub(crate) fn new(connector: Connector) -> Self {
        Self { pool: Pool::new(), connector }
    }

    /// Sends the request, once as far as the server can tell, and reads the whole answer.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] at the deadline. Otherwise as [`Connector::open_connection`] and
    /// [`Connection::send_request`], or [`ErrorKind::ResponseLost`] after too long a silence.
    pub(crate) async fn send_request(
        &self,
        outgoing: &Outgoing<'_>,
        limits: Limits,
    ) -> Result<Answer, ClientError> {
        let progress = Progress::default();
        // tokio would still poll once, which is enough to send a small request.
        if limits.deadline.remaining().is_zero() {
            return Err(progress.timed_out());
        }
        let sent =
            timeout_at(limits.deadline.instant(), self.send_without_deadline(outgoing, limits, &progress))
                .await;
        sent.unwrap_or_else(|_| Err(progress.timed_out()))
    }

    /// The stages in order. Dropping this closes the connection that it uses.
    async fn send_without_deadline(
        &self,
        outgoing: &Outgoing<'_>,
        limits: Limits,
        progress: &Progress,
    ) -> Result<Answer, ClientError> {
        let mut connection = match self.pool.take(outgoing.origin, Moment::now()) {
            Some(idle) => idle,
            None => self.open_connection(outgoing.origin, progress).await?,
        };
        // Two rounds at most: the second one has a new connection.
        loop {
            let was_used = connection.was_used();
            let request = self.build_request(outgoing)?;
            let traffic = connection.traffic();
            let exchange = connection.send_request(request, limits.max_bytes, progress);
            let answered = tokio::select! {
                biased;
                answered = exchange => answered,
                error = watch_silence(&traffic, limits.silence, progress) => Err(error),
            };
            match answered {
                Ok(answer) => {
                    if connection.is_ready().await {
                        self.pool.put(outgoing.origin, connection, Moment::now());
                    }
                    return Ok(answer);
                }
                // The server closed the idle connection before it got anything: that is no attempt.
                Err(error) if error.kind() == ErrorKind::NotConnected && was_used => {
                    connection = self.open_in_turn(outgoing.origin, progress).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// An idle connection that came back while this call queued, or a new one. Its TLS handshake
    /// is the most expensive part of a call: each call that ended meanwhile saves one.
    async fn open_connection(&self, origin: &Origin, progress: &Progress) -> Result<Connection, ClientError> {
        let gate = self.pool.opening_gate(origin);
        if let Ok(_place) = gate.try_acquire() {
            return self.connector.open_connection(origin, progress).await;
        }
        progress.enter_stage(Stage::Queueing);
        // The gate is never closed.
        let _place = gate.acquire().await;
        match self.pool.take(origin, Moment::now()) {
            Some(idle) => Ok(idle),
            None => self.connector.open_connection(origin, progress).await,
        }
    }

    /// A new connection, never an idle one: the one before was closed, and others may be too.
    async fn open_in_turn(&self, origin: &Origin, progress: &Progress) -> Result<Connection, ClientError> {
        let gate = self.pool.opening_gate(origin);
        progress.enter_stage(Stage::Queueing);
        let _place = gate.acquire().await;
        self.connector.open_connection(origin, progress).await
    }

    /// The request for one connection: a proxy that forwards wants the whole URL.
    fn build_request(&self, outgoing: &Outgoing<'_>) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut request = Request::new(Full::new(outgoing.body.clone()));
        *request.method_mut() = outgoing.method.clone();
        *request.headers_mut() = outgoing.headers.clone();
        *request.uri_mut() = match self.connector.find_route(outgoing.origin) {
            Route::Forward(proxy) => {
                if let Some(authorization) = proxy.authorization {
                    request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
                }
                let url = format!("{}{}", outgoing.origin.url(), outgoing.target);
                url.parse().map_err(|error| {
                    ClientError::new(ErrorKind::Config, "has an unusable path").with_source(error)
                })?
            }
            _ => Uri::from(outgoing.target.clone()),
        };
        Ok(request)
    }
}

/// The error of a server that is silent for too long.
async fn watch_silence(traffic: &Traffic, silence: Option<Duration>, progress: &Progress) -> ClientError {
    let Some(silence) = silence else { return std::future::pending().await };
    traffic.wait_for_silence(silence).await;
    let (seconds, doing) = (silence.as_secs(), progress.stage().describe());
    let text = format!("got no answer: the server was silent for {seconds} s while {doing}");
    ClientError::new(ErrorKind::ResponseLost, text).with_may_have_run(progress.stage() >= Stage::Waiting)
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::socket::Socket;

    #[tokio::test]
    async fn watch_silence_of_a_sent_request_may_have_run() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let socket = Socket::new(TcpStream::connect(address).await.expect("a connection")).expect("options");
        for (stage, may_have_run) in [(Stage::Sending, false), (Stage::Waiting, true)] {
            let progress = Progress::default();
            progress.enter_stage(stage);
            let silence = Some(Duration::from_millis(30));
            let error = watch_silence(&socket.traffic(), silence, &progress).await;
            assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::ResponseLost, may_have_run));
        }
    }
}
