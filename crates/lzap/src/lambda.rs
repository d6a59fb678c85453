//! In Lambda: invocations from the Runtime API to the app and back.
//!
//! `lambda_runtime` polls, `lambda_http` translates requests and responses. Here is what stands between them: events
//! that are lzap's own are answered before user code, and each invocation gets its span. How an event is told apart
//! is in `event.rs`, what happens to a request in `http.rs`.

use std::{
    convert::Infallible,
    env,
    future::{Future, ready},
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use lambda_http::{
    Adapter, Body as LambdaBody, Context, IntoResponse, LambdaEvent,
    aws_lambda_events::{
        alb::AlbTargetGroupRequest,
        apigw::{ApiGatewayProxyRequest, ApiGatewayV2httpRequest},
    },
    request::{LambdaRequest, RequestOrigin},
};
use lambda_runtime::{Error as BoxError, LambdaInvocation, Runtime};
use lzap_wire::envelope::Reply;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tower::{Service, layer::layer_fn, service_fn};
use tracing::{Instrument as _, instrument::Instrumented};

use crate::{
    Error,
    app::ErasedService,
    event::{Incoming, Refused},
    http::{Access, whole_answer},
    log::SPAN_TARGET,
};
#[cfg(feature = "tasks")]
use crate::{engine::shared, task::context::Invocation, task::registry::Registry};
#[cfg(feature = "tasks")]
use lzap_wire::envelope::Kind;

/// What `lambda_runtime` panics without. Its panic would hide which program is at fault.
const NEEDED: [&str; 3] =
    ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"];

/// Answers invocations until the Runtime API fails.
pub(crate) async fn run(http: ErasedService) -> Result<(), Error> {
    if let Some(name) = NEEDED.into_iter().find(|name| env::var_os(name).is_none()) {
        return Err(Error::not_quite_lambda(name));
    }
    let runtime = Runtime::new(Dispatch { http }).layer(layer_fn(|inner| InSpan { inner, cold: true }));
    runtime.run().await.map_err(Error::runtime_api)
}

/// Routes each event by what it is.
struct Dispatch {
    http: ErasedService,
}

impl Service<LambdaEvent<Incoming>> for Dispatch {
    type Response = Box<RawValue>;
    type Error = Refused;
    type Future = Pin<Box<dyn Future<Output = Result<Box<RawValue>, Refused>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Refused>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, event: LambdaEvent<Incoming>) -> Self::Future {
        let LambdaEvent { payload, context } = event;
        match payload {
            Incoming::Http(request) => Box::pin(serve(self.http.clone(), *request, context)),
            Incoming::Lzap(kind) => {
                tracing::debug!(kind = kind.as_str(), "answered before the app");
                let reply = Reply::ok(kind, env!("CARGO_PKG_VERSION"));
                #[cfg(feature = "tasks")]
                let reply = if kind == Kind::Probe { reply.with_tasks(task_names()) } else { reply };
                Box::pin(ready(json(&reply.to_value())))
            }
            #[cfg(feature = "tasks")]
            Incoming::Task(event) => Box::pin(async move {
                let answer = crate::worker::answer_event(&shared(), *event, context.deadline).await;
                answer.map_err(|error| Refused::task(&error))
            }),
            Incoming::Refused(refused) => Box::pin(ready(Err(refused))),
        }
    }
}

#[cfg(feature = "tasks")]
fn task_names() -> Vec<String> {
    shared().registry.as_ref().map(Registry::names).unwrap_or_default()
}

/// Written here, not by `lambda_runtime`: there, a value that can't be written ends the process.
fn json(answer: &impl Serialize) -> Result<Box<RawValue>, Refused> {
    to_raw_value(answer).map_err(|error| Refused::answer(&error))
}

/// One HTTP request through `lambda_http`'s adapter to the app and back.
async fn serve(
    http: ErasedService,
    request: LambdaRequest,
    context: Context,
) -> Result<Box<RawValue>, Refused> {
    let origin = request.request_origin();
    let request_id = context.request_id.clone();
    #[cfg(feature = "tasks")]
    let invocation = Invocation::http(context.deadline.saturating_sub(crate::worker::MARGIN_MS));
    let app = service_fn(move |request: lambda_http::Request| {
        respond(
            http.clone(),
            request,
            request_id.clone(),
            #[cfg(feature = "tasks")]
            invocation.clone(),
        )
    });
    let event = LambdaEvent::new(request, context);
    // The adapter panics on a host or a query that `http::Uri` can't hold. Hyper answers those with a 400 too.
    match catch_unwind(AssertUnwindSafe(|| Adapter::from(app).call(event))) {
        Ok(response) => {
            let Ok(response) = response.await;
            json(&response)
        }
        Err(_panic) => bad_request(&origin).await,
    }
}

async fn respond(
    http: ErasedService,
    request: lambda_http::Request,
    request_id: String,
    #[cfg(feature = "tasks")] invocation: Invocation,
) -> Result<Whole, Infallible> {
    let request = request.map(|body| match body {
        LambdaBody::Text(text) => Body::from(text),
        LambdaBody::Binary(bytes) => Body::from(bytes),
        _ => Body::empty(),
    });
    let access = Access::begin(&request);
    let answer = whole_answer(http, request, &request_id);
    #[cfg(feature = "tasks")]
    let answer = invocation.scope(answer);
    let response = answer.await;
    access.end(response.status());
    Ok(Whole(response))
}

/// Only the adapter can write a response in the format of the request's origin, so it is given a request that it can
/// read.
async fn bad_request(origin: &RequestOrigin) -> Result<Box<RawValue>, Refused> {
    let readable = match origin {
        RequestOrigin::ApiGatewayV1 => LambdaRequest::ApiGatewayV1(ApiGatewayProxyRequest::default()),
        RequestOrigin::Alb => LambdaRequest::Alb(AlbTargetGroupRequest::default()),
        _ => LambdaRequest::ApiGatewayV2(ApiGatewayV2httpRequest::default()),
    };
    let body = serde_json::json!({
        "message": "Bad Request: the host, path or query has characters that a URL can't hold; percent-encode them"
    });
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut adapter = Adapter::from(service_fn(move |_: lambda_http::Request| {
        ready(Ok::<_, Infallible>(Whole(response.clone())))
    }));
    let Ok(response) = adapter.call(LambdaEvent::new(readable, Context::default())).await;
    json(&response)
}

/// A response that reaches the client byte for byte.
///
/// `lambda_http` goes by the content type: it replaces what isn't UTF-8 in a text, decodes other charsets while the
/// header still names them, and takes a body without a type for text. Here only the bytes count: UTF-8 travels as
/// text, all else as base64. An encoded (compressed) body is always binary.
struct Whole(Response<Bytes>);

impl IntoResponse for Whole {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<LambdaBody>> + Send>> {
        let (mut parts, body) = self.0.into_parts();
        parts.headers = portable(&parts.headers);
        let body = if body.is_empty() {
            LambdaBody::Empty
        } else if parts.headers.contains_key(header::CONTENT_ENCODING) {
            LambdaBody::Binary(body.into())
        } else {
            String::from_utf8(body.into())
                .map_or_else(|error| LambdaBody::Binary(error.into_bytes()), LambdaBody::Text)
        };
        Box::pin(ready(Response::from_parts(parts, body)))
    }
}

/// Headers as the event formats can carry them: payload 2.0 has one value for each name (but for cookies), so repeated
/// headers are joined as RFC 9110 (section 5.3) allows, and JSON has no bytes, so what isn't UTF-8 is read as Latin-1.
fn portable(headers: &HeaderMap) -> HeaderMap {
    let mut out = HeaderMap::with_capacity(headers.len());
    for name in headers.keys() {
        let values = headers.get_all(name).iter().map(text);
        if name == header::SET_COOKIE {
            values.filter_map(|value| HeaderValue::try_from(value).ok()).for_each(|value| {
                out.append(name, value);
            });
        } else if let Ok(value) = HeaderValue::try_from(values.collect::<Vec<_>>().join(", ")) {
            out.insert(name, value);
        }
    }
    out
}

fn text(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    str::from_utf8(bytes).map_or_else(|_| bytes.iter().copied().map(char::from).collect(), str::to_owned)
}

/// Puts each invocation into its span, from which every log line takes the request id and the cold start flag.
struct InSpan<S> {
    inner: S,
    cold: bool,
}

impl<S> Service<LambdaInvocation> for InSpan<S>
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
            coldStart = mem::take(&mut self.cold),
        );
        let future = span.in_scope(|| self.inner.call(invocation));
        future.instrument(span)
    }
}
