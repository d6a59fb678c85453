//! A TCP connection that counts its bytes and can be looked at while hyper owns it, plain or below TLS.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::client::TlsStream;

/// A connection on which nothing is said for minutes, because a function runs so long, stays open through NATs (AWS's NAT
/// gateway forgets one that is idle for 350 s); a peer that is gone is noticed after 20 s + 3 × 5 s = 35 s.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>,
/// <https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html>
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(20))
    .with_interval(Duration::from_secs(5))
    .with_retries(3);
/// The longest time for which sent bytes may stay unacknowledged. Linux's default is about 15 minutes (`tcp_retries2`). With
/// this option Linux ends the keepalive's probes by time and not by number, so that both say 35 s (tcp(7)).
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(35);

/// The socket of a connection and its counters; shared with the code that watches it.
///
/// hyper owns the reading and writing end, below TLS, and gives no access to it. The socket is therefore read and written
/// by reference (`try_read_buf`, `try_write`), which tokio allows beside a peek.
#[derive(Debug)]
pub(crate) struct Traffic {
    stream: TcpStream,
    read: AtomicU64,
    written: AtomicU64,
}

impl Traffic {
    /// Bytes given to the kernel so far, TLS included.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Bytes in both directions so far.
    fn total(&self) -> u64 {
        self.written() + self.read.load(Ordering::Relaxed)
    }

    /// Returns true when the idle connection is open and has no unread bytes. The kernel is asked, since tokio learns
    /// of a close only when its driver runs, which a freeze delays. Unread bytes on an idle connection are a TLS close
    /// alert or an error of the server: the connection can't be used either.
    pub(crate) fn is_quiet(&self) -> bool {
        let peeked = SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]);
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Returns when no byte has moved for `silence`, or up to twice that: the counters are read at intervals. Bytes
    /// that this process has not found the time to read are no silence.
    pub(crate) async fn wait_for_silence(&self, silence: Duration) {
        loop {
            let before = self.total();
            sleep(silence).await;
            if self.total() == before && self.is_quiet() {
                return;
            }
        }
    }
}

/// The reading and writing end of [`Traffic`].
#[derive(Debug)]
pub(crate) struct Socket(Arc<Traffic>);

impl Socket {
    /// Sets the options of a connected socket: no delay, keepalive, and an end to unacknowledged bytes.
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        let socket = SockRef::from(&stream);
        socket.set_tcp_nodelay(true)?;
        socket.set_tcp_keepalive(&KEEPALIVE)?;
        // Keepalive only guards idle connections: a peer that vanishes during an upload is noticed by this.
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
        let traffic = Traffic { stream, read: AtomicU64::new(0), written: AtomicU64::new(0) };
        Ok(Self(Arc::new(traffic)))
    }

    pub(crate) fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.0)
    }

    fn count_written(&self, result: io::Result<usize>) -> io::Result<usize> {
        let bytes = result?;
        self.0.written.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

/// Tokio's readiness is a hint: the operation may still find nothing to do, and must then wait anew.
fn would_block<T>(result: &io::Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.stream.poll_read_ready(cx))?;
            let result = self.0.stream.try_read_buf(buffer);
            if !would_block(&result) {
                self.0.read.fetch_add(result? as u64, Ordering::Relaxed);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.stream.poll_write_ready(cx))?;
            let result = self.0.stream.try_write(bytes);
            if !would_block(&result) {
                return Poll::Ready(self.count_written(result));
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.stream.poll_write_ready(cx))?;
            let result = self.0.stream.try_write_vectored(slices);
            if !would_block(&result) {
                return Poll::Ready(self.count_written(result));
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    // Written bytes are the kernel's: this process keeps none back.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    // tokio's own needs `&mut TcpStream`, which a shared socket can't give.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&self.0.stream).shutdown(std::net::Shutdown::Write))
    }
}

/// The byte stream below HTTP. TLS is boxed: a plain socket is one pointer, the state of TLS many times as much.
#[derive(Debug)]
pub(crate) enum Wire {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl Wire {
    pub(crate) fn traffic(&self) -> Arc<Traffic> {
        match self {
            Self::Plain(socket) => socket.traffic(),
            Self::Tls(stream) => stream.get_ref().0.traffic(),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::thread::sleep as block;

    use super::*;

    /// A client's socket and the server's end.
    async fn connect() -> (Socket, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let client = TcpStream::connect(address).await.expect("a connection");
        let (server, _) = listener.accept().expect("a connection");
        (Socket::new(client).expect("options"), server)
    }

    #[tokio::test]
    async fn is_quiet_sees_a_close_that_tokio_has_not_noticed() {
        let (socket, server) = connect().await;
        let traffic = socket.traffic();
        assert!(traffic.is_quiet());
        drop(server);
        // Blocks the runtime's only thread, so that its driver can't run.
        block(Duration::from_millis(50));
        assert!(!traffic.is_quiet());
    }

    #[tokio::test]
    async fn is_quiet_with_unread_bytes_is_false() {
        let (socket, mut server) = connect().await;
        server.write_all(b"x").expect("written");
        block(Duration::from_millis(50));
        assert!(!socket.traffic().is_quiet());
    }

    #[tokio::test]
    async fn new_sets_keepalive_with_interval_and_retries() {
        let (socket, _server) = connect().await;
        let options = SockRef::from(&socket.0.stream);
        assert!(options.keepalive().expect("an option") && options.tcp_nodelay().expect("an option"));
        assert_eq!(options.tcp_keepalive_time().expect("an option"), Duration::from_secs(20));
        assert_eq!(options.tcp_keepalive_interval().expect("an option"), Duration::from_secs(5));
        assert_eq!(options.tcp_keepalive_retries().expect("an option"), 3);
    }
}
