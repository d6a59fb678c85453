//! Forwarding of requests to an upstream server.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// A server at `http://HOST:PORT`, with a pool of connections.
#[derive(Debug)]
pub(crate) struct Upstream {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Upstream {
    pub(crate) fn new(base: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { base: base.trim_end_matches('/').to_owned(), client }
    }

    /// Sends a request with the head `parts` and `body`, which may differ from the original body. Reads the whole answer.
    pub(crate) async fn send_request(&self, parts: &Parts, body: Bytes) -> io::Result<Response<Bytes>> {
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let uri: Uri = format!("{}{target}", self.base).parse().map_err(io::Error::other)?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = uri;
        // `Host` is part of the signature, so it stays. hyper sets the length, since the body may have changed.
        *request.headers_mut() = parts.headers.clone();
        for name in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
            request.headers_mut().remove(name);
        }
        let (mut parts, body) = self.client.request(request).await.map_err(io::Error::other)?.into_parts();
        for name in [CONNECTION, TRANSFER_ENCODING] {
            parts.headers.remove(name);
        }
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}
