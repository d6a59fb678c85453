//! In Lambda: invocations from the Runtime API to the app and back.
//!
//! `lambda_runtime` polls the Runtime API. This module dispatches each event: lzap's own events are answered before user
//! code, HTTP requests go to the app, and each invocation gets its span. `event.rs` classifies events, `front.rs`
//! translates requests and answers, `http.rs` calls the app.

use std::{
    env,
    future::{Future, ready},
    mem,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use lambda_http::{Context, LambdaEvent};
use lambda_runtime::{Error as BoxError, LambdaInvocation, Runtime};
use lzap_wire::envelope::Reply;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tower::{Service, layer::layer_fn};
use tracing::{Instrument as _, instrument::Instrumented};

use crate::{
    Error,
    app::ErasedService,
    event::{Incoming, InvocationError},
    front::{
        Front, FrontRequest,
        answer::{AnswerError, write_answer},
    },
    http::{Access, internal_server_error, json_response, whole_answer},
    log::SPAN_TARGET,
};
#[cfg(feature = "tasks")]
use crate::{
    engine::shared, error_chain::describe_error_chain, task::context::Invocation, task::registry::Registry,
};
#[cfg(feature = "tasks")]
use lzap_wire::envelope::Kind;

/// The variables that `lambda_runtime` panics without. Its panic would hide which program is at fault.
const REQUIRED_VARIABLES: [&str; 3] =
    ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"];

/// The tracing header, which the Runtime API gives for each invocation.
const TRACE_HEADER: HeaderName = HeaderName::from_static("x-amzn-trace-id");

type AnswerFuture = Pin<Box<dyn Future<Output = Result<Box<RawValue>, InvocationError>> + Send>>;

/// Answers invocations until the Runtime API fails.
pub(crate) async fn run(http: ErasedService) -> Result<(), Error> {
    if let Some(name) = REQUIRED_VARIABLES.into_iter().find(|name| env::var_os(name).is_none()) {
        return Err(Error::not_quite_lambda(name));
    }
    let runtime = Runtime::new(Dispatch { http })
        .layer(layer_fn(|inner| InvocationSpan { inner, is_cold_start: true }));
    runtime.run().await.map_err(Error::runtime_api_failed)
}

/// Dispatches each event by its kind.
struct Dispatch {
    http: ErasedService,
}

impl Service<LambdaEvent<Incoming>> for Dispatch {
    type Response = Box<RawValue>;
    type Error = InvocationError;
    type Future = AnswerFuture;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), InvocationError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, event: LambdaEvent<Incoming>) -> Self::Future {
        let LambdaEvent { payload, context } = event;
        match payload {
            Incoming::Http(request) => Box::pin(answer_request(self.http.clone(), *request, context)),
            Incoming::Lzap(kind) => {
                tracing::debug!(kind = kind.as_str(), "answered before the app");
                let reply = Reply::ok(kind, env!("CARGO_PKG_VERSION"));
                #[cfg(feature = "tasks")]
                let reply = if kind == Kind::Probe { describe_tasks(reply) } else { reply };
                Box::pin(ready(write_json(&reply.to_value())))
            }
            #[cfg(feature = "tasks")]
            Incoming::Task(event) => Box::pin(async move {
                let answer = crate::worker::answer_event(&shared(), *event, context.deadline).await;
                answer.map_err(|error| InvocationError::from_task(&error))
            }),
            Incoming::Failed(error) => Box::pin(ready(Err(error))),
        }
    }
}

/// Adds the names of the app's tasks to a probe's answer, and the TLS provider that this environment's CPU can run.
#[cfg(feature = "tasks")]
fn describe_tasks(reply: Reply) -> Reply {
    let names = shared().registry.as_ref().map(Registry::names).unwrap_or_default();
    if names.is_empty() {
        return reply;
    }
    let tls = lzap_tls::check_handshake().map_or_else(
        |error| {
            tracing::error!(
                error = describe_error_chain(&error),
                "TLS does not work in this execution environment"
            );
            format!("failed: {}", describe_error_chain(&error))
        },
        str::to_owned,
    );
    reply.with_tasks(names).with_tls(tls)
}

/// Written here and not by `lambda_runtime`, where a value that can't be written ends the process.
fn write_json(answer: &impl Serialize) -> Result<Box<RawValue>, InvocationError> {
    to_raw_value(answer).map_err(|error| InvocationError::from_json(&error))
}

/// One HTTP request to the app and back.
async fn answer_request(
    http: ErasedService,
    request: FrontRequest,
    context: Context,
) -> Result<Box<RawValue>, InvocationError> {
    let FrontRequest { front, request } = request;
    let Some(mut request) = request else {
        return finish(front, &bad_request(), &context.request_id).1;
    };
    let trace = context.xray_trace_id.as_deref().and_then(|trace| HeaderValue::from_str(trace).ok());
    if let Some(trace) = trace {
        request.headers_mut().insert(TRACE_HEADER, trace);
    }
    let request_id = context.request_id.clone();
    #[cfg(feature = "tasks")]
    let invocation = Invocation::for_http(context.deadline.saturating_sub(crate::worker::MARGIN_MS));
    request.extensions_mut().insert(context);
    let access = Access::begin(&request);
    let answer = whole_answer(http, request, &request_id);
    #[cfg(feature = "tasks")]
    let answer = invocation.scope(answer);
    let response = answer.await;
    let (status, answer) = finish(front, &response, &request_id);
    access.end(status);
    answer
}

/// The response in the front's format, and the status that the client gets.
///
/// Where the front would refuse the answer, the client gets a 500 with the request id, and the log names the limit: from
/// Lambda itself neither of them would learn why.
fn finish(
    front: Front,
    response: &Response<Bytes>,
    request_id: &str,
) -> (StatusCode, Result<Box<RawValue>, InvocationError>) {
    match write_answer(front, response) {
        Ok(answer) => (response.status(), Ok(answer)),
        Err(AnswerError::TooLarge { bytes, limit }) => {
            let carrier = front.carrier();
            tracing::error!(bytes, limit, "the response is larger than {carrier} can carry");
            let response = internal_server_error(request_id);
            (response.status(), write_answer(front, &response).map_err(InvocationError::from_answer))
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, Err(InvocationError::from_answer(error))),
    }
}

/// The response to a request that hyper would refuse under `cargo run`.
fn bad_request() -> Response<Bytes> {
    let message =
        "Bad Request: the path, query or headers have characters that HTTP can't carry; percent-encode them";
    json_response(StatusCode::BAD_REQUEST, &serde_json::json!({ "message": message }))
}

/// Puts each invocation into its span, from which every log line takes the request id and the cold start flag.
struct InvocationSpan<S> {
    inner: S,
    is_cold_start: bool,
}

impl<S> Service<LambdaInvocation> for InvocationSpan<S>
where
    S: Service<LambdaInvocation, Response = (), Error = BoxError>,
{
    type Response = ();
    type Error = BoxError;
    type Future = Instrumented<S::Future>;

    fn poll_ready(&mut self, context: &mut TaskContext<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let span = tracing::error_span!(
            target: SPAN_TARGET,
            "invocation",
            requestId = invocation.context.request_id,
            coldStart = mem::take(&mut self.is_cold_start),
        );
        let future = span.in_scope(|| self.inner.call(invocation));
        future.instrument(span)
    }
}
