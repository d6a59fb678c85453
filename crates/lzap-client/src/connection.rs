//! One HTTP/1.1 connection, and one exchange at a time on it.
//!
//! No background task drives it: the call that uses the connection polls it, and an idle one rests. That saves a task
//! and its wake-ups for each call, and dropping the call closes the connection. HTTP/1.1 has no other way to give up an
//! exchange: the next answer on the connection would be that of the request before.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::error::{ClientError, ErrorKind};
use crate::pool::Reusable;
use crate::progress::{Progress, Stage};
use crate::socket::{Traffic, Wire};

/// The limit for the body of an error; AWS's have a few hundred bytes. More is cut, not refused: the status says enough.
const ERROR_BYTES: u64 = 64 * 1024;

/// An open connection.
pub(crate) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Driver,
    traffic: Arc<Traffic>,
    /// Decides whether a close before the first byte is a server's idle limit, or a failure.
    was_used: bool,
}

/// hyper's state of the connection; gone when the connection has ended.
struct Driver(Option<http1::Connection<TokioIo<Wire>, Full<Bytes>>>);

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Connection {
    /// Sets up HTTP/1.1 on an open socket. Nothing is sent: HTTP/1.1 has no handshake of its own.
    pub(crate) async fn open(wire: Wire) -> hyper::Result<Self> {
        let traffic = wire.traffic();
        let (sender, connection) = http1::handshake(TokioIo::new(wire)).await?;
        Ok(Self { sender, driver: Driver(Some(connection)), traffic, was_used: false })
    }

    /// Returns true when a request was sent on the connection before.
    pub(crate) fn was_used(&self) -> bool {
        self.was_used
    }

    /// The counters of the socket.
    pub(crate) fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.traffic)
    }

    /// Sends a request and reads the whole answer, of `max_bytes` at most.
    ///
    /// # Errors
    /// [`ErrorKind::NotConnected`] when not a single byte was sent, [`ErrorKind::ResponseLost`] when the connection ended
    /// later, [`ErrorKind::TooLarge`] when a success has more than `max_bytes`. Bytes that the kernel took count as sent,
    /// even if they never left the machine: a call is rather not repeated than run twice.
    pub(crate) async fn send_request(
        &mut self,
        request: Request<Full<Bytes>>,
        max_bytes: u64,
        progress: &Progress,
    ) -> Result<Answer, ClientError> {
        progress.enter_stage(Stage::Sending);
        self.was_used = true;
        let before = self.traffic.written();
        // The head is not counted, so that a request counts as sent rather too early.
        let size = request.body().size_hint().lower();
        let Self { sender, driver, traffic, .. } = self;
        let mut sending = pin!(sender.try_send_request(request));
        let response = poll_fn(|cx| {
            let poll = driver.poll_with(sending.as_mut(), cx);
            let written = traffic.written() - before;
            if written > 0 && written >= size {
                progress.enter_stage(Stage::Waiting);
            }
            poll
        });
        let response = response.await.map_err(|mut failed| {
            // hyper gives back a request that it had not begun to write. The counter covers the rest: a write that
            // failed at its first byte.
            let is_unsent = failed.take_message().is_some() || traffic.written() == before;
            let kind = if is_unsent { ErrorKind::NotConnected } else { ErrorKind::ResponseLost };
            ClientError::new(
                kind,
                format!("got no answer: the connection ended while {}", progress.stage().describe()),
            )
            .with_may_have_run(!is_unsent && progress.stage() >= Stage::Waiting)
            .with_source(failed.into_error())
        })?;
        progress.enter_stage(Stage::Reading);
        let (parts, body) = response.into_parts();
        let body = self.read_body(body, parts.status, max_bytes).await?;
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    /// Reads a body to its end, of `max_bytes` at most.
    async fn read_body(
        &mut self,
        mut body: Incoming,
        status: StatusCode,
        max_bytes: u64,
    ) -> Result<Bytes, ClientError> {
        let too_large = || {
            ClientError::new(ErrorKind::TooLarge, format!("got an answer of more than {max_bytes} bytes"))
                .with_may_have_run(true)
        };
        let is_error = !status.is_success();
        let limit = if is_error { ERROR_BYTES } else { max_bytes };
        // The announced length is checked first: nothing of a body that is too large is read.
        let announced = body.size_hint().lower();
        if announced > limit && !is_error {
            return Err(too_large());
        }
        // One allocation for a body of known length, which saves copies: a body may have hundreds of megabytes.
        let mut all = BytesMut::with_capacity(usize::try_from(announced.min(limit)).unwrap_or(0));
        while let Some(frame) = self.driver.drive_until(body.frame()).await {
            let frame = frame.map_err(|error| {
                ClientError::new(ErrorKind::ResponseLost, "got half an answer: the connection ended")
                    .with_source(error)
            })?;
            // Trailers say nothing that a caller needs.
            let Ok(data) = frame.into_data() else { continue };
            if (all.len() + data.len()) as u64 > limit {
                // The rest of an error is not worth reading; the connection is closed with it.
                return if is_error { Ok(all.freeze()) } else { Err(too_large()) };
            }
            all.extend_from_slice(&data);
        }
        Ok(all.freeze())
    }

    /// Returns true when the next request can be sent: the last answer was read to its end, and the server keeps the
    /// connection open.
    pub(crate) async fn is_ready(&mut self) -> bool {
        /// hyper needs one more turn or two to see that the exchange is over.
        const TURNS: u32 = 3;
        poll_fn(|cx| {
            for _ in 0..TURNS {
                self.driver.poll_connection(cx);
                if self.driver.0.is_none() || self.sender.is_ready() {
                    break;
                }
            }
            Poll::Ready(self.driver.0.is_some() && self.sender.is_ready())
        })
        .await
    }
}

impl Reusable for Connection {
    fn is_usable(&self) -> bool {
        self.driver.0.is_some() && !self.sender.is_closed() && self.traffic.is_quiet()
    }
}

impl Driver {
    /// Reads and writes what the socket allows.
    fn poll_connection(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.0
            && Pin::new(connection).poll(cx).is_ready()
        {
            // Dropping it also gives back a request that it had not begun to send.
            self.0 = None;
        }
    }

    /// Polls `future`, then the connection, and `future` again if that brought something.
    fn poll_with<F: Future>(&mut self, mut future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(output);
        }
        self.poll_connection(cx);
        future.poll(cx)
    }

    /// Waits for `future`, and moves the connection on meanwhile.
    async fn drive_until<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| self.poll_with(future.as_mut(), cx)).await
    }
}
