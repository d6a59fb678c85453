//! Lambda as a pure machine: every change is a method that takes the time and answers as AWS does.
//!
//! Here is no I/O, no clock and no randomness: code is known by hash and size, roles were looked up before, revision
//! ids come from a counter. [`model`] has the data of a function, and [`functions`] all functions together, as they are
//! stored. [`lifecycle`] changes functions and versions; [`aliases`], [`policies`], [`event_invoke`], [`function_urls`]
//! and [`extras`] change what belongs to them; [`resolve`] finds the version for a call. The API in `super::api` turns
//! requests into these calls. [`in_flight`] is a machine of its own: the invocations of one environment.

mod aliases;
mod event_invoke;
mod extras;
pub(crate) mod function_urls;
mod functions;
mod in_flight;
mod lifecycle;
mod model;
mod names;
mod policies;
mod resolve;
#[cfg(test)]
mod tests;
mod validate;

pub(crate) use aliases::AliasChange;
pub(crate) use functions::{ACCOUNT_CONCURRENCY, Described, State, describe};
pub use in_flight::ENVIRONMENT_CONCURRENCY;
pub(crate) use in_flight::{InFlight, Poll, StaleAnswer, Ticket, TimeOut};
pub(crate) use lifecycle::{CodeChange, NewFunction, Publish, SettingsChange};
pub(crate) use model::{
    Alias, AuthType, CapacityProvider, Code, EventInvoke, Function, FunctionUrl, InvokeMode, LATEST,
    Settings, Version,
};
pub(crate) use names::{FunctionRef, check_length};
pub(crate) use policies::{NewStatement, render_policy};
pub(crate) use resolve::{EnvironmentKey, Resolved};
pub(crate) use validate::{check_settings, check_trust_policy};
