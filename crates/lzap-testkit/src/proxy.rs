//! A proxy in front of a cloud that records every call and adds a network's delay. It can also inject a [`Fault`] into
//! a call, and hold a call while a test does something else.

mod fault;
mod refusal;

use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::recording::{Call, Recording};
use fault::Armed;
pub use fault::{Fault, Trigger};
pub use refusal::Refusal;

/// A proxy on a free loopback port that forwards each request unchanged to one upstream.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    shared: Arc<ProxyState>,
    _runtime: Runtime,
}

#[derive(Debug)]
struct ProxyState {
    upstream: String,
    delay: Duration,
    began: Instant,
    client: Client<HttpConnector, Full<Bytes>>,
    calls: Mutex<Vec<Call>>,
    stubs: Mutex<Vec<(String, String)>>,
    armed: Armed,
    /// The number of calls that were sent upstream and have no answer yet.
    in_flight: AtomicUsize,
}

impl Proxy {
    /// Starts a proxy in front of `upstream` (`http://HOST:PORT`) that adds `delay` to each call.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start(upstream: &str, delay: Duration) -> io::Result<Self> {
        // One thread is enough, since the proxy only copies bytes, and many tests run at the same time.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(ProxyState {
            upstream: upstream.trim_end_matches('/').to_owned(),
            delay,
            began: Instant::now(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            calls: Mutex::default(),
            stubs: Mutex::default(),
            armed: Armed::default(),
            in_flight: AtomicUsize::new(0),
        });
        runtime.spawn(accept_connections(listener, Arc::clone(&shared)));
        Ok(Self { url, shared, _runtime: runtime })
    }

    /// Returns the endpoint that clients use instead of the upstream's.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers each later `GET` whose path ends with `path` with status 200 and the JSON `body`, without the upstream.
    /// For operations that the emulator doesn't implement.
    pub fn add_stub(&self, path: &str, body: &str) {
        let mut stubs = self.shared.stubs.lock().unwrap_or_else(PoisonError::into_inner);
        stubs.push((path.to_owned(), body.to_owned()));
    }

    /// Injects `fault` into the call that `trigger` selects. A new fault replaces the previous one.
    pub fn arm(&self, trigger: Trigger, fault: Fault) {
        self.shared.armed.arm(trigger, fault);
    }

    /// Removes the fault; later calls pass.
    pub fn disarm(&self) {
        self.shared.armed.disarm();
    }

    /// Returns the number of calls that got the fault.
    pub fn count_faulted_calls(&self) -> usize {
        self.shared.armed.count_hits()
    }

    /// Returns true while a call is held.
    pub fn is_held(&self) -> bool {
        self.shared.armed.is_held()
    }

    /// Continues the held call.
    pub fn release(&self) {
        self.shared.armed.release();
    }

    /// Resets the connection of the held call. For a test that has killed the client.
    pub fn drop_held(&self) {
        self.shared.armed.drop_held();
    }

    /// Returns true when no call is in flight upstream. The upstream still applies a call whose client was killed, so
    /// tests wait for this before they read the state.
    pub fn is_idle(&self) -> bool {
        self.shared.in_flight.load(Ordering::SeqCst) == 0
    }

    /// Returns the number of completed calls since the start or the last [`Proxy::take_recording`].
    pub fn count_calls(&self) -> usize {
        self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Returns the calls since the start or the last [`Proxy::take_recording`], in the order of arrival, and clears the
    /// list.
    pub fn take_recording(&self) -> Recording {
        let mut calls =
            std::mem::take(&mut *self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner));
        calls.sort_by_key(|call| call.start);
        Recording::new(calls)
    }
}

async fn accept_connections(listener: TcpListener, shared: Arc<ProxyState>) {
    while let Ok((stream, _)) = listener.accept().await {
        // With zero linger a dropped connection sends RST, as a lost network peer does, instead of an orderly FIN.
        drop(stream.set_zero_linger());
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| handle_call(Arc::clone(&shared), request));
            // A client that hangs up ends only its own connection.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

/// Records a call, injects its fault, and returns the answer. An error resets the connection.
async fn handle_call(
    shared: Arc<ProxyState>,
    request: Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    let start = shared.began.elapsed();
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    // 502 stays in the recording when the connection is reset before the upstream answers.
    let mut call = Call::new(&parts, body.clone(), StatusCode::BAD_GATEWAY.as_u16(), start..start);
    let fault = shared.armed.take_fault(&call.kind());
    let answer = match &fault {
        Some(Fault::RefusedOnce(refusal) | Fault::Refused(refusal)) => {
            Ok(refusal.build_response(&call.service, &parts.method))
        }
        Some(Fault::ResetBefore) => Err(connection_reset()),
        Some(Fault::HoldBefore) if !shared.armed.hold_call().await => Err(connection_reset()),
        _ => Ok(forward_to_end(&shared, parts, body).await),
    };
    if let Ok(response) = &answer {
        call.status = response.status().as_u16();
    }
    tokio::time::sleep(shared.delay).await;
    // Measured before the client gets the answer, so that its next call never appears to overlap with this one.
    call.end = shared.began.elapsed();
    shared.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    match fault {
        Some(Fault::ResetAfter) => Err(connection_reset()),
        Some(Fault::HoldAfter) if !shared.armed.hold_call().await => Err(connection_reset()),
        _ => answer,
    }
}

fn connection_reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

/// Forwards a call in a task of its own, because the connection's task is dropped when the client disconnects.
async fn forward_to_end(shared: &Arc<ProxyState>, parts: Parts, body: Bytes) -> Response<Full<Bytes>> {
    let shared = Arc::clone(shared);
    shared.in_flight.fetch_add(1, Ordering::SeqCst);
    let call = tokio::spawn(async move {
        let answer = send_upstream(&shared, &parts, body).await;
        shared.in_flight.fetch_sub(1, Ordering::SeqCst);
        answer
    });
    call.await.map_err(io::Error::other).flatten().unwrap_or_else(|error| build_bad_gateway(&error))
}

async fn send_upstream(shared: &ProxyState, parts: &Parts, body: Bytes) -> io::Result<Response<Full<Bytes>>> {
    if let Some(answer) = find_stub(shared, parts) {
        return Ok(answer);
    }
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let uri: Uri = format!("{}{target}", shared.upstream).parse().map_err(io::Error::other)?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = uri;
    // `Host` is part of the signature, so it stays. Hop-by-hop headers apply to one connection only, and hyper sets
    // those of the new one.
    *request.headers_mut() = parts.headers.clone();
    request.headers_mut().remove(CONNECTION);
    request.headers_mut().remove(TRANSFER_ENCODING);
    let (mut parts, body) = shared.client.request(request).await.map_err(io::Error::other)?.into_parts();
    parts.headers.remove(CONNECTION);
    parts.headers.remove(TRANSFER_ENCODING);
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(Response::from_parts(parts, Full::new(body)))
}

fn find_stub(shared: &ProxyState, parts: &Parts) -> Option<Response<Full<Bytes>>> {
    let stubs = shared.stubs.lock().unwrap_or_else(PoisonError::into_inner);
    let fits =
        |path: &str| parts.method == Method::GET && parts.uri.path().trim_end_matches('/').ends_with(path);
    let (_, body) = stubs.iter().find(|(path, _)| fits(path))?;
    let mut response = Response::new(Full::new(Bytes::from(body.clone())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Some(response)
}

fn build_bad_gateway(error: &io::Error) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("proxy: {error}"))));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
