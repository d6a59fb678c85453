//! HTTP in front of functions: each HTTP API answers on a localhost port of its own.
//!
//! The gateway finds the request's route, builds the event that API Gateway builds, invokes the function under the
//! function's own policy, and sends the function's answer as the response. [`path`] and [`event`] build the event,
//! [`answer`] the response; `apigateway` is the control API that creates the APIs.

pub(crate) mod answer;
pub(crate) mod event;
mod listeners;
mod path;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use lzap_wire::limits::SYNC_PAYLOAD_BYTES;
use uuid::Uuid;

pub(crate) use listeners::Listeners;

use crate::apigateway::{Apis, Resolved};
use crate::lambda::{Caller, Invocation, InvocationKind, Lambda};
use crate::ports::Clock;
use crate::server::host;

/// The largest body of a request.
/// AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const BODY_BYTES: usize = 10 * 1024 * 1024;

/// The state that the listeners of all APIs share.
pub(crate) struct Gateway {
    /// The control state.
    pub(crate) apis: Arc<Apis>,
    /// Runs the functions that the routes name.
    pub(crate) lambda: Lambda,
    /// The clock of the events' times.
    pub(crate) clock: Arc<dyn Clock>,
}

/// A request whose body is read, and the facts that its event has.
pub(crate) struct Received {
    /// The API's id.
    pub(crate) api_id: String,
    /// API Gateway's id for the request.
    pub(crate) request_id: String,
    /// When it arrived, in Unix milliseconds.
    pub(crate) now_ms: i64,
    /// The client's address.
    pub(crate) peer: SocketAddr,
    /// The port that it arrived at.
    pub(crate) port: u16,
    /// Method, path, headers.
    pub(crate) parts: http::request::Parts,
    /// The whole body.
    pub(crate) body: Bytes,
}

/// Why API Gateway itself answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GatewayFailure {
    /// The path has a `%` that begins no encoded byte.
    BadRequest,
    /// Sent to a host that isn't this machine.
    Forbidden,
    /// No stage or route.
    NotFound,
    /// Body or event too large.
    TooLarge,
    /// The function failed, its answer is malformed, or the gateway may not invoke it.
    Internal,
    /// The function took too long, or is throttled.
    Unavailable,
}

impl Gateway {
    /// Answers one request to an API.
    async fn answer(
        &self,
        api_id: &str,
        port: u16,
        peer: SocketAddr,
        request: Request<Body>,
    ) -> Response<Body> {
        let request_id = Uuid::new_v4().simple().to_string()[..16].to_owned();
        let (parts, body) = request.into_parts();
        let is_head = parts.method == Method::HEAD;
        let answered = match read_body(&parts, body).await {
            Ok(body) => {
                let received = Received {
                    api_id: api_id.to_owned(),
                    request_id: request_id.clone(),
                    now_ms: self.clock.now_ms(),
                    peer,
                    port,
                    parts,
                    body,
                };
                self.call(&received).await
            }
            Err(failure) => Err(failure),
        };
        let mut response = answered.unwrap_or_else(GatewayFailure::response);
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("apigw-requestid", id);
        }
        if is_head && response.body().is_empty() {
            // The length of an answer to HEAD is the function's or none; for a body of known size the router adds 0.
            return response
                .map(|_| Body::from_stream(futures::stream::empty::<Result<Bytes, Infallible>>()));
        }
        response.map(Body::from)
    }

    async fn call(&self, received: &Received) -> Result<Response<Bytes>, GatewayFailure> {
        let path = path::event_path(received.parts.uri.path()).ok_or(GatewayFailure::BadRequest)?;
        let method = &received.parts.method;
        let route = self.apis.resolve(&received.api_id, method, &path).ok_or(GatewayFailure::NotFound)?;
        let event = event::build(received, &route, &path);
        let payload = Bytes::from(event.to_string());
        if payload.len() as u64 > SYNC_PAYLOAD_BYTES {
            return Err(GatewayFailure::TooLarge);
        }
        let invoked = self.invoke(payload, &route).await?;
        if let Some(kind) = invoked.function_error {
            tracing::info!(function = route.function_arn, kind, "a function failed behind the gateway");
            return Err(GatewayFailure::Internal);
        }
        answer::build(&invoked.payload, &route.payload_version, method).ok_or(GatewayFailure::Internal)
    }

    async fn invoke(
        &self,
        payload: Bytes,
        route: &Resolved,
    ) -> Result<crate::lambda::Invoked, GatewayFailure> {
        let invocation = Invocation {
            function_arn: route.function_arn.clone(),
            payload,
            kind: InvocationKind::RequestResponse,
            caller: Caller::Service {
                principal: "apigateway.amazonaws.com".to_owned(),
                source_arn: route.source_arn.clone(),
            },
        };
        // The invocation goes on when the gateway no longer waits for it, as it does in Lambda.
        let lambda = self.lambda.clone();
        let running = tokio::spawn(async move { lambda.invoke(invocation).await });
        match tokio::time::timeout(Duration::from_millis(route.timeout_ms), running).await {
            Ok(Ok(Ok(invoked))) => Ok(invoked),
            Ok(Ok(Err(error))) => {
                tracing::warn!(function = route.function_arn, %error, "the gateway could not call a function");
                Err(if error.status == 429 { GatewayFailure::Unavailable } else { GatewayFailure::Internal })
            }
            Ok(Err(_)) => Err(GatewayFailure::Internal),
            Err(_) => Err(GatewayFailure::Unavailable),
        }
    }
}

async fn read_body(parts: &http::request::Parts, body: Body) -> Result<Bytes, GatewayFailure> {
    if !host::is_local(&parts.headers) {
        return Err(GatewayFailure::Forbidden);
    }
    match Limited::new(body, BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(GatewayFailure::TooLarge),
        Err(_) => Err(GatewayFailure::Internal),
    }
}

impl GatewayFailure {
    fn response(self) -> Response<Bytes> {
        let (status, message) = match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "Bad Request"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "Forbidden"),
            Self::NotFound => (StatusCode::NOT_FOUND, "Not Found"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        };
        crate::answer::json(status.as_u16(), &serde_json::json!({ "message": message }))
    }
}
