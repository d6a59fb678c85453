//! The calls of functions by other parts of the cloud, and their answers.

use bytes::Bytes;
use uuid::Uuid;

/// A call of a function.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    /// With or without `:qualifier`.
    pub(crate) function_arn: String,
    /// The event, JSON.
    pub(crate) payload: Bytes,
    pub(crate) kind: InvocationKind,
    pub(crate) caller: Caller,
    /// The id that the caller has given its own client; without one, Lambda makes it.
    pub(crate) request_id: Option<Uuid>,
}

/// Lambda's invocation types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvocationKind {
    /// The caller waits for the answer.
    RequestResponse,
    /// Queued; answered with 202 at once.
    Event,
    /// Checked, not run.
    DryRun,
}

/// The caller of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// An IAM caller: always allowed here.
    Identity,
    /// The sender of an unsigned request to a function URL: the resource policy decides.
    Anonymous,
    /// An AWS service: the resource policy decides.
    Service {
        /// For example `apigateway.amazonaws.com`.
        principal: String,
        /// The ARN of the resource that calls.
        source_arn: String,
    },
}

/// The answer of an invocation that reached its function.
#[derive(Clone, Debug)]
pub(crate) struct Invoked {
    /// 200, 202 or 204.
    pub(crate) status: u16,
    /// The function's answer, or its error as JSON.
    pub(crate) payload: Bytes,
    /// `Unhandled` when the function failed.
    pub(crate) function_error: Option<String>,
    /// The version that ran.
    pub(crate) executed_version: String,
    /// The last 4 KB of the invocation's log.
    pub(crate) log_tail: Option<String>,
    pub(crate) request_id: String,
}
