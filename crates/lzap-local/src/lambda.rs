//! The Lambda service of the embedded cloud: it runs the very zip that AWS would run.
//!
//! [`state`] is the pure machine of functions, versions, aliases and policies; [`api`] puts AWS's REST-JSON operations
//! in front of it. [`invocation`] has the calls and answers of functions. An invocation goes through [`invoke`]:
//! [`pool`] gives it a place in an environment, [`worker`] runs the environment's process behind its own
//! [`runtime_api`], and [`invocations`] brings events there and answers back. [`code`] keeps the zips,
//! [`function_urls`] has the operations of function URLs, and [`service`] starts all of it.
//!
//! Not here: layers, container images, VPC, event source mappings, response streaming, destinations. They are refused
//! by name, not ignored. `AWS_ENDPOINT_URL` points workers back to the embedded cloud.

mod api;
mod code;
mod error;
mod family;
pub(crate) mod function_urls;
mod hex;
mod invocation;
mod invocations;
mod invoke;
mod pool;
mod runtime_api;
mod runtime_listener;
mod service;
mod state;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::error::LocalError;
use crate::ports::Ports;
use invoke::Call;
use service::LambdaService;
use state::FunctionRef;

pub(crate) use error::ApiError as InvokeError;
pub(crate) use invocation::{Caller, Invocation, InvocationKind, Invoked};
pub(crate) use service::LambdaConfig;
pub use state::ENVIRONMENT_CONCURRENCY;

/// The service; clones share it.
#[derive(Clone)]
pub(crate) struct Lambda(Arc<LambdaService>);

impl Lambda {
    /// Starts the service on the saved state; ends workers that an earlier cloud left behind.
    ///
    /// # Errors
    /// When the state folder can't be written, or the saved state isn't what this version writes.
    pub(crate) async fn start(
        config: LambdaConfig,
        ports: Ports,
        saved: Option<serde_json::Value>,
    ) -> Result<Self, LocalError> {
        LambdaService::start(config, ports, saved).await.map(Self)
    }

    /// Answers one request of the control API or `Invoke`.
    pub(crate) async fn handle(&self, region: &str, request: http::Request<Bytes>) -> http::Response<Bytes> {
        api::answer_request(&self.0, region, request).await
    }

    /// Invokes a function for another part of the cloud.
    ///
    /// # Errors
    /// When the function was not reached; [`InvokeError`] says why in AWS's words. A function that failed is no error
    /// here: see [`Invoked::function_error`].
    pub(crate) async fn invoke(&self, invocation: Invocation) -> Result<Invoked, InvokeError> {
        let region = invocation.function_arn.split(':').nth(3).unwrap_or_default().to_owned();
        let reference = FunctionRef::parse(&invocation.function_arn, None, &region, &self.0.config.account)?;
        let call = Call {
            reference,
            payload: invocation.payload,
            kind: invocation.kind,
            caller: invocation.caller,
            request_id: invocation.request_id,
            client_context: None,
            trace_id: None,
        };
        self.0.call(call).await
    }

    /// The control state, for the store.
    pub(crate) fn snapshot(&self) -> serde_json::Value {
        self.0.state().save()
    }

    /// Grows with each change of the control state.
    pub(crate) fn revision(&self) -> u64 {
        self.0.state().revision()
    }

    /// How many invocations run at once.
    pub(crate) fn concurrency(&self) -> u32 {
        self.0.concurrency
    }

    /// How many functions there are.
    pub(crate) fn functions(&self) -> usize {
        self.0.state().len()
    }

    /// Kills every worker process, and waits until their last lines are written.
    pub(crate) async fn shutdown(&self) {
        let host = &self.0.host;
        host.stop.cancel();
        self.0.pool.close();
        host.tasks.close();
        if tokio::time::timeout(Duration::from_secs(2), host.tasks.wait()).await.is_err() {
            tracing::warn!("some invocations did not end in time");
        }
    }
}
