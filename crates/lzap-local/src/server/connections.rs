//! Takes connections, and gives each a limited time to send the head of a request.
//!
//! `axum::serve` has no such limit: a program that opens connections and sends nothing would hold each of them, and a
//! file descriptor with it, forever.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The time for the head of a request, and for which a connection may wait for the next one.
const HEAD_TIME: Duration = Duration::from_mins(1);
/// The pause after a connection could not be taken, for example because too many files are open.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves a listener until `stop`, and then until the requests in flight are answered. Requests have the sender's address
/// as `ConnectInfo`.
pub(crate) async fn serve_connections(listener: TcpListener, app: Router, stop: CancellationToken) {
    serve_within(listener, app, stop, HEAD_TIME).await;
}

async fn serve_within(listener: TcpListener, app: Router, stop: CancellationToken, head_time: Duration) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                connections.spawn(serve_connection(stream, peer, app.clone(), stop.clone(), head_time));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    stop: CancellationToken,
    head_time: Duration,
) {
    let app = app.layer(axum::Extension(ConnectInfo(peer)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Most clients that hang up in the middle end here.
        tracing::debug!(%error, "a connection ended");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn connection_without_a_whole_head_is_closed_and_others_are_answered() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let app = Router::new()
            .fallback(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() });
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve_within(listener, app, stop.clone(), Duration::from_millis(300)));
        let mut slow = TcpStream::connect(address).await.expect("it listens");
        slow.write_all(b"GET / HTTP/1.1\r\nHost: loc").await.expect("sent");
        let mut quick = TcpStream::connect(address).await.expect("it listens");
        quick.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.expect("sent");
        let mut answer = String::new();
        quick.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.ends_with("127.0.0.1"), "{answer}");
        let start = Instant::now();
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(10), slow.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "it is closed after its time");
        assert!(start.elapsed() < Duration::from_secs(5));
        stop.cancel();
        serving.await.expect("it ends");
    }
}
