//! The fronts of functions, and the arrival of a request at one.

use std::net::SocketAddr;

/// The front that a listener serves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FrontId {
    /// An HTTP API, by its id.
    HttpApi(String),
    /// A function URL, by its id.
    FunctionUrl(String),
}

/// The port at which a request arrived, and its sender.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) port: u16,
    pub(super) peer: SocketAddr,
}
