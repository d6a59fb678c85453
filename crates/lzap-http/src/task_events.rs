//! The interface to the layer that runs tasks. This crate doesn't depend on it: an app without tasks leaves it out.

use futures_util::future::BoxFuture;
use lzap_wire::envelope::Reply;
use serde_json::value::RawValue;

use crate::InvocationError;

/// Answers the events of tasks. An app without tasks has none.
pub trait TaskEvents: Send + Sync {
    /// Adds what a deploy needs to know about the app's tasks to the answer of a probe.
    fn describe(&self, reply: Reply) -> Reply;

    /// Answers the event of a task or of a map's chunk; `event` is its JSON text. The invocation's context is
    /// `lzap_invocation::Invocation::current()`.
    ///
    /// # Errors
    /// An error fails the invocation. Lambda repeats it if it was asynchronous.
    fn answer(&self, event: Box<RawValue>) -> BoxFuture<'static, Result<Box<RawValue>, InvocationError>>;
}
