//! A small blocking HTTP client, so that no test's view of a server comes from the code under test.

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

/// What a server answered.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Response {
    /// The body as text; what isn't UTF-8 in it is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends one request to an `http://` URL and reads the whole answer, within two minutes.
///
/// # Errors
/// When the URL isn't one, nothing listens there, or the answer breaks off.
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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = async { timeout(Duration::from_mins(2), send_and_read(&uri, request)).await };
    runtime.block_on(answer).map_err(|_| other_error(format!("{url} took more than two minutes")))?
}

async fn send_and_read(uri: &Uri, request: Request<Full<Bytes>>) -> io::Result<Response> {
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

/// Waits until `url` answers anything at all.
///
/// # Errors
/// When it still doesn't after `patience`.
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
