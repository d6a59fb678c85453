//! A small blocking HTTP client. Tests use it instead of `lzap`'s own client, whose errors it would share.

use std::io;
use std::net::ToSocketAddrs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The answer of a server.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: StatusCode,
    /// All headers, with names in lower case.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Response {
    /// Returns the body as text; invalid UTF-8 becomes U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends one request to an `http://` URL and reads the whole answer. The timeout is two minutes; nothing is retried.
///
/// # Errors
/// When the URL is invalid, the connection fails, or the answer is incomplete. An HTTP error status is no error here.
pub fn send_request(
    method: &Method,
    url: &str,
    content_type: &str,
    body: impl Into<Bytes>,
) -> io::Result<Response> {
    let uri: Uri = url.parse().map_err(|error| other_error(format!("`{url}` is not a URL: {error}")))?;
    let request = Request::builder()
        .method(method)
        .uri(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, uri.authority().map_or("", |authority| authority.as_str()))
        .header(CONTENT_TYPE, content_type)
        .body(Full::new(body.into()))
        .map_err(|error| other_error(error.to_string()))?;
    // A runtime per request keeps the function blocking. Tests send few requests, so the cost doesn't matter.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = async { timeout(Duration::from_mins(2), send_and_read(&uri, request)).await };
    runtime.block_on(answer).map_err(|_| other_error(format!("{url} took more than two minutes")))?
}

async fn send_and_read(uri: &Uri, request: Request<Full<Bytes>>) -> io::Result<Response> {
    // `Uri::host` keeps the brackets of an IPv6 address, and `to_socket_addrs` rejects them.
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    // Names below `localhost` are loopback by RFC 6761, whatever the machine's resolver says.
    let host = if host.ends_with(".localhost") { "127.0.0.1" } else { host };
    let addresses: Vec<_> = (host, uri.port_u16().unwrap_or(80)).to_socket_addrs()?.collect();
    let stream = TcpStream::connect(addresses.as_slice()).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(io::Error::other)?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    connection.abort();
    Ok(Response { status: parts.status, headers: parts.headers, body })
}

/// Polls `url` every 100 ms until it answers. Any HTTP status counts, since even a 404 shows that the server is up.
///
/// # Errors
/// When there is no answer after `patience`; the text has the last error.
pub fn wait_until_answers(url: &str, patience: Duration) -> io::Result<()> {
    let give_up = Instant::now() + patience;
    loop {
        match send_request(&Method::GET, url, "text/plain", Bytes::new()) {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > give_up => {
                return Err(other_error(format!("{url} doesn't answer: {error}")));
            }
            Err(_) => sleep(Duration::from_millis(100)),
        }
    }
}

fn other_error(message: String) -> io::Error {
    io::Error::other(message)
}
