//! In Lambda: invocations from the Runtime API to the app and back.
//!
//! `lambda_runtime` polls the Runtime API, for one invocation at a time or, on Managed Instances, for several. This module
//! dispatches each event: lzap's own events are answered before user code, HTTP requests go to the app, and each invocation
//! gets its span and its context. `event.rs` classifies events, `front.rs` translates requests and answers, `request.rs`
//! calls the app.

use std::{
    env,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use lambda_http::{Context, LambdaEvent};
use lambda_runtime::Runtime;
use lzap_invocation::{ANSWER_MARGIN, Invocation, now_ms, to_millis};
use lzap_wire::env::AWS_LAMBDA_MAX_CONCURRENCY;
use lzap_wire::envelope::{Kind, Reply};
use lzap_wire::task::TIMED_OUT;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::runtime::{Handle, RuntimeFlavor};
use tower::{Service, layer::layer_fn};

use crate::{
    ServeError, TaskEvents,
    erase::ErasedService,
    event::Incoming,
    front::{
        Front, FrontRequest,
        answer::{AnswerError, write_answer},
    },
    invocation_error::InvocationError,
    invocation_span::InvocationSpan,
    request::{Access, internal_server_error, json_response, whole_answer},
    runtime_api::wait_until_refused,
};

/// The variables that `lambda_runtime` panics without. Its panic would hide which program is at fault.
const REQUIRED_VARIABLES: [&str; 3] =
    ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"];

/// The header of AWS X-Ray. The Runtime API's value replaces that of the event.
const TRACE_HEADER: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// The time before an invocation's deadline at which it is answered with an error, on Managed Instances. It is shorter than
/// [`ANSWER_MARGIN`], so that work which watches its own deadline ends first.
const TIMEOUT_MARGIN: Duration = Duration::from_millis(100);

type AnswerFuture = Pin<Box<dyn Future<Output = Result<Box<RawValue>, InvocationError>> + Send>>;

/// Answers invocations until the Runtime API fails: one at a time, or as many as `AWS_LAMBDA_MAX_CONCURRENCY` says, which
/// Lambda sets on Managed Instances.
///
/// With several at a time, an invocation that reaches its deadline is answered with an error and its work is dropped, because
/// Lambda doesn't end the process for it: the other invocations go on. Work on threads of its own can't be dropped, and runs
/// to its end.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html>
///
/// # Errors
/// When a variable is missing that Lambda always sets, or the Runtime API fails.
pub async fn serve_lambda(http: ErasedService, tasks: Option<Arc<dyn TaskEvents>>) -> Result<(), ServeError> {
    if let Some(name) = REQUIRED_VARIABLES.into_iter().find(|name| env::var_os(name).is_none()) {
        return Err(ServeError::not_quite_lambda(name));
    }
    let has_several = max_concurrency() > 1;
    if has_several && Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        tracing::warn!(
            "Lambda sends several invocations at once, and the app's tokio runtime has one thread: use \
             `#[tokio::main]` without `flavor = \"current_thread\"`, and tokio's feature `rt-multi-thread`"
        );
    }
    let runtime = Runtime::new(Dispatch { http, tasks, has_several })
        .layer(layer_fn(|inner| InvocationSpan::new(inner, has_several)));
    // For one at a time it is the same as `run`, which would warn of the variable, whatever its value. Boxed, because moving
    // the large future would be a measurable part of a cold start.
    let mut served = Box::pin(runtime.run_concurrent());
    if !has_several {
        return served.await.map_err(ServeError::runtime_api_failed);
    }
    tokio::select! {
        served = &mut served => served.map_err(ServeError::runtime_api_failed),
        error = wait_until_refused() => Err(ServeError::runtime_api_failed(error.into())),
    }
}

/// The invocations that Lambda sends at once to this process. `lambda_runtime` reads the variable in the same way.
fn max_concurrency() -> u32 {
    env::var(AWS_LAMBDA_MAX_CONCURRENCY).ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Dispatches each event by its kind. Each clone serves one invocation at a time.
#[derive(Clone)]
struct Dispatch {
    http: ErasedService,
    tasks: Option<Arc<dyn TaskEvents>>,
    has_several: bool,
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
        let deadline_ms = context.deadline;
        let answer: AnswerFuture = match payload {
            Incoming::Http(request) => {
                // Only calls of tasks read the context, and an app without tasks makes none.
                let invocation =
                    self.tasks.is_some().then(|| for_request(read_invocation(&context), request.front));
                let answer = answer_request(self.http.clone(), *request, context);
                match invocation {
                    Some(invocation) => Box::pin(invocation.scope(answer)),
                    None => Box::pin(answer),
                }
            }
            Incoming::Lzap(kind) => return Box::pin(ready(self.answer_own_event(kind))),
            Incoming::Task(event) => match &self.tasks {
                Some(tasks) => Box::pin(read_invocation(&context).scope(tasks.answer(event))),
                None => return Box::pin(ready(Err(tasks_missing()))),
            },
            Incoming::Failed(error) => return Box::pin(ready(Err(error))),
        };
        if self.has_several { Box::pin(end_at_deadline(answer, deadline_ms)) } else { answer }
    }
}

impl Dispatch {
    /// Answers a keep-warm ping or a deploy's probe. Only a probe gets a description of the tasks: the deploy reads it.
    fn answer_own_event(&self, kind: Kind) -> Result<Box<RawValue>, InvocationError> {
        tracing::debug!(kind = kind.as_str(), "answered before the app");
        let reply = Reply::ok(kind, env!("CARGO_PKG_VERSION"));
        let reply = match &self.tasks {
            Some(tasks) if kind == Kind::Probe => tasks.describe(reply),
            _ => reply,
        };
        write_json(&reply.to_value())
    }
}

/// The error of a task's event in an app without tasks. It names the cargo feature that is missing.
fn tasks_missing() -> InvocationError {
    InvocationError::unhandled_event(
        "the event is for a task, and the app is built without tasks: give its `lzap` dependency the feature `tasks`"
            .to_owned(),
    )
}

/// The context of an invocation. Its deadline is earlier than Lambda's, so that an answer still arrives.
fn read_invocation(context: &Context) -> Invocation {
    Invocation {
        request_id: context.request_id.as_str().into(),
        trace_id: context.xray_trace_id.as_deref().map(Arc::from),
        deadline_ms: Some(context.deadline.saturating_sub(to_millis(ANSWER_MARGIN))),
        ..Invocation::default()
    }
}

/// The context of an HTTP request: its deadline is the earlier one of the function's and the front's.
fn for_request(invocation: Invocation, front: Front) -> Invocation {
    let front_ms = front.longest_wait().map(|wait| now_ms().saturating_add(to_millis(wait)));
    let earlier = |deadline: u64| front_ms.map_or(deadline, |front| deadline.min(front));
    Invocation { deadline_ms: invocation.deadline_ms.map(earlier), ..invocation }
}

/// Answers with an error at the deadline, and drops the work. `lambda_runtime` logs the error.
async fn end_at_deadline(answer: AnswerFuture, deadline_ms: u64) -> Result<Box<RawValue>, InvocationError> {
    let left = Duration::from_millis(deadline_ms.saturating_sub(now_ms())).saturating_sub(TIMEOUT_MARGIN);
    tokio::time::timeout(left, answer).await.unwrap_or_else(|_| {
        let message = "the invocation reached its deadline, and its work was dropped: raise `timeout_secs`";
        Err(InvocationError::new(TIMED_OUT, message.to_owned()))
    })
}

/// Written here and not by `lambda_runtime`, where a value that can't be written ends the process.
fn write_json(answer: &impl Serialize) -> Result<Box<RawValue>, InvocationError> {
    to_raw_value(answer).map_err(|error| InvocationError::from_json(&error))
}

/// Calls the app with one request. The access line has the status that the client gets, also after a replaced answer.
async fn answer_request(
    http: ErasedService,
    request: FrontRequest,
    context: Context,
) -> Result<Box<RawValue>, InvocationError> {
    let FrontRequest { front, request } = request;
    let Some(mut request) = request else {
        return write_response(front, &bad_request(), &context.request_id).1;
    };
    let trace = context.xray_trace_id.as_deref().and_then(|trace| HeaderValue::from_str(trace).ok());
    if let Some(trace) = trace {
        request.headers_mut().insert(TRACE_HEADER, trace);
    }
    let request_id = context.request_id.clone();
    request.extensions_mut().insert(context);
    let access = Access::begin(&request);
    let response = whole_answer(http, request, &request_id).await;
    let (status, answer) = write_response(front, &response, &request_id);
    access.end(status);
    answer
}

/// The response in the front's format, and the status that the client gets.
///
/// If the front would refuse the answer, the client gets a 500 with the request id, and the log names the limit: from
/// Lambda itself neither of them would learn why.
fn write_response(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_url_waits_as_long_as_the_function_may_run() {
        let in_five_minutes = now_ms() + 300_000;
        let deadline = |front| {
            let invocation = Invocation { deadline_ms: Some(in_five_minutes), ..Invocation::default() };
            for_request(invocation, front).deadline_ms.expect("a deadline")
        };
        assert_eq!(deadline(Front::FunctionUrl), in_five_minutes);
        assert!(deadline(Front::HttpApiV2) < now_ms() + 30_000, "an HTTP API waits 30 s");
    }
}
