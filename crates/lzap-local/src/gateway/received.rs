//! An HTTP request that has arrived at a front, with its whole body.

use std::net::SocketAddr;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::server::host;

/// A request whose body is read, and the facts that its event has.
pub(crate) struct Received {
    /// The id of the API or function URL.
    pub(crate) api_id: String,
    /// The front's id for the request.
    pub(crate) request_id: String,
    /// When it arrived, in Unix milliseconds.
    pub(crate) now_ms: i64,
    /// The client's address.
    pub(crate) peer: SocketAddr,
    /// The port that it arrived at.
    pub(crate) port: u16,
    /// Method, path, headers.
    pub(crate) parts: http::request::Parts,
    /// The whole body.
    pub(crate) body: Bytes,
}

/// Why a request isn't taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Sent to a host that isn't this machine.
    Forbidden,
    /// The body is longer than the front takes.
    TooLarge,
    /// The client hung up in the middle.
    Broken,
}

/// Reads the body of a request that was sent to this machine.
pub(crate) async fn read_body(
    parts: &http::request::Parts,
    body: Body,
    limit: usize,
) -> Result<Bytes, Unread> {
    if !host::is_local(&parts.headers) {
        return Err(Unread::Forbidden);
    }
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Err(_) => Err(Unread::Broken),
    }
}
