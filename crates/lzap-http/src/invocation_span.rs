//! The outermost layer around each invocation in Lambda: its span in the log, and what a failed call of the Runtime API ends.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context as TaskContext, Poll},
};

use futures_util::{FutureExt as _, future::Map};
use lambda_runtime::{Error as BoxError, LambdaInvocation};
use lzap_invocation::SPAN_TARGET;
use tower::Service;
use tracing::{Instrument as _, Span, instrument::Instrumented};

/// `Err` when the answer could not be sent to the Runtime API. A failed invocation is `Ok`.
type SendResult = Result<(), BoxError>;

/// Puts each invocation into its span, from which every log line takes the request id and the cold start flag.
#[derive(Clone)]
pub(crate) struct InvocationSpan<S> {
    inner: S,
    /// True until the process's first invocation. All clones share it.
    is_cold: Arc<AtomicBool>,
    /// True on Managed Instances, where one failed call must not end a worker.
    has_several: bool,
}

impl<S> InvocationSpan<S> {
    /// Called once per process: a second layer would report a second cold start.
    pub(crate) fn new(inner: S, has_several: bool) -> Self {
        Self { inner, is_cold: Arc::new(AtomicBool::new(true)), has_several }
    }

    fn span_for(&self, invocation: &LambdaInvocation) -> Span {
        let request_id = invocation.context.request_id.as_str();
        let is_cold = self.is_cold.swap(false, Ordering::Relaxed);
        if self.has_several {
            // A root: around it is the span of `lambda_runtime`'s worker, whose `task_id` would be in each line of the app.
            return tracing::error_span!(
                target: SPAN_TARGET,
                parent: None,
                "invocation",
                requestId = request_id,
                coldStart = is_cold
            );
        }
        tracing::error_span!(
            target: SPAN_TARGET,
            "invocation",
            requestId = request_id,
            coldStart = is_cold
        )
    }
}

impl<S> Service<LambdaInvocation> for InvocationSpan<S>
where
    S: Service<LambdaInvocation, Response = (), Error = BoxError>,
{
    type Response = ();
    type Error = BoxError;
    type Future = Instrumented<Map<S::Future, fn(SendResult) -> SendResult>>;

    fn poll_ready(&mut self, context: &mut TaskContext<'_>) -> Poll<SendResult> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let span = self.span_for(&invocation);
        // With the error of a lost answer, which `lambda_runtime` has logged, a worker would end: the process would serve one
        // invocation less at once for the rest of its life, and Lambda goes on with the workers that are left. See
        // <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-execution-environment.html>.
        let finish: fn(SendResult) -> SendResult = if self.has_several { |_| Ok(()) } else { |sent| sent };
        let future = span.in_scope(|| self.inner.call(invocation));
        future.map(finish).instrument(span)
    }
}
