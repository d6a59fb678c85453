//! The HTTP layer of an lzap app: the same tower service on localhost and behind the Lambda Runtime API.
//!
//! [`erase_service`] takes the app's service. [`serve_local`] serves it on a port of this machine, [`serve_lambda`] answers
//! invocations, and [`serve_native_http`] serves it where Lambda itself speaks HTTP. Events that are no requests go to
//! [`TaskEvents`], which another layer implements.
//!
//! This crate is part of [lzap](https://docs.rs/lzap), which re-exports what apps use. Its other items may change in any
//! version.

mod erase;
mod error;
mod event;
mod front;
mod invocation_error;
mod invocation_span;
mod lambda;
mod listener;
mod local;
mod log;
mod request;
mod runtime_api;
mod service;
mod signals;
mod task_events;

pub use axum::body::Body;

pub use erase::ErasedService;
pub use error::ServeError;
pub use invocation_error::InvocationError;
pub use lambda::serve_lambda;
pub use local::{is_native_http, serve_local, serve_native_http};
pub use log::{LogPlace, install_log};
pub use service::{HttpService, erase_service};
pub use task_events::TaskEvents;
