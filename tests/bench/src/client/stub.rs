//! A stub of Lambda's Invoke: echoes each payload after a delay, and counts connections.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clap::Args;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use lzap_testkit::shell::Result;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{ca_path, certificates};

/// The transport and latency of the stub.
#[derive(Args)]
pub(crate) struct StubOptions {
    #[arg(long)]
    tls: bool,
    #[arg(long)]
    latency_ms: u64,
    /// The path to which the root certificate is written
    #[arg(long)]
    certificates: PathBuf,
}

/// The counts of requests, connections and TLS handshakes that the stub received.
#[derive(Debug, Default)]
struct Counts {
    requests: AtomicUsize,
    connections: AtomicUsize,
    handshakes: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

impl Counts {
    fn connection_opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_open.fetch_max(open, Ordering::Relaxed);
    }

    fn connection_closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Prints its URL, serves until standard input ends, then prints what it saw as one JSON object.
pub(crate) fn serve(options: &StubOptions) -> Result {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let acceptor = if options.tls {
            let config = certificates::configure_server(&ca_path(&options.certificates))?;
            Some(TlsAcceptor::from(Arc::new(config)))
        } else {
            None
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let scheme = if options.tls { "https" } else { "http" };
        println!("{scheme}://localhost:{}", listener.local_addr()?.port());
        let counts = Arc::new(Counts::default());
        let latency = Duration::from_millis(options.latency_ms);
        let accepting = accept(listener, acceptor, Arc::clone(&counts), latency);
        let mut rest = Vec::new();
        tokio::select! {
            result = accepting => result?,
            // The end of standard input is the sign to stop.
            _ = read_to_end(&mut rest) => {}
        }
        let number = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        println!(
            "{}",
            json!({
                "requests": number(&counts.requests),
                "connections": number(&counts.connections),
                "handshakes": number(&counts.handshakes),
                "most_connections": number(&counts.most_open),
            })
        );
        Ok(())
    })
}

async fn read_to_end(rest: &mut Vec<u8>) -> std::io::Result<usize> {
    tokio::io::stdin().read_to_end(rest).await
}

async fn accept(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    counts: Arc<Counts>,
    latency: Duration,
) -> Result {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, counts) = (acceptor.clone(), Arc::clone(&counts));
        tokio::spawn(async move {
            counts.connection_opened();
            serve_connection(stream, acceptor, &counts, latency).await;
            counts.connection_closed();
        });
    }
}

/// A connection that breaks shows in the client's figures, so its error is not reported here.
async fn serve_connection(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    counts: &Counts,
    latency: Duration,
) {
    match acceptor {
        None => answer(stream, counts, latency).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                counts.handshakes.fetch_add(1, Ordering::Relaxed);
                answer(stream, counts, latency).await;
            }
        }
    }
}

async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin, counts: &Counts, latency: Duration) {
    let echo = |request: Request<Incoming>| async move {
        counts.requests.fetch_add(1, Ordering::Relaxed);
        let payload = request
            .into_body()
            .collect()
            .await
            .map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
        tokio::time::sleep(latency).await;
        let response = Response::builder()
            .header("content-type", "application/json")
            .header("x-amzn-requestid", "00000000-0000-4000-8000-000000000000")
            .header("x-amz-executed-version", "1")
            .body(Full::new(payload))
            .unwrap_or_default();
        Ok::<_, Infallible>(response)
    };
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(echo)).await);
}
