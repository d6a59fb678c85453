//! The fronts: what turns a client's HTTP request into a Lambda event, and the function's answer into a response.
//!
//! Every correction of `lambda_http` (1.3) stands in this module. `lambda_http` still provides the event's context types
//! and `RequestExt`, through which an app reads them. What it gets wrong, and what this module does instead:
//!
//! - It parses the event's path as a URL, although an HTTP API delivers the path decoded: `#`, `?`, `%`, `\`, dot
//!   segments and control characters then change the path or the query. Here a decoded path is encoded again ([`path`]).
//! - It writes the stage before the path of a REST API, and keeps it in the path of an HTTP API. Here the app sees the
//!   path without the stage.
//! - It rebuilds a query from a map without an order. Here the event's own order counts ([`ordered`]), so that the same
//!   event is always the same request. Features of `serde_json` in the user's build don't change that.
//! - It decodes header values as UTF-8 only, and where an event has both kinds of header maps, the last value of a
//!   repeated header replaces all of them. Here each byte of a header is one character of the JSON text ([`header`]).
//! - It gives the request an absolute URI. Here it is the path and query, as `cargo run` gives it.
//! - It decides by the content type whether a body is text. Here the bytes decide ([`answer`]).
//!
//! What a front's event can't carry at all is listed in `docs/requests.md`.

pub(crate) mod answer;
mod header;
mod kind;
mod ordered;
mod path;
mod request;

pub(crate) use kind::Front;
pub(crate) use request::{EventFields, FrontRequest, MalformedEvent};
