//! HTTP in front of functions: each HTTP API answers on a localhost port of its own.
//!
//! A request finds its route, becomes the event that API Gateway builds, goes to the function under the function's own
//! policy, and the function's answer becomes the response. What the parts look like is [`event`]'s and [`answer`]'s;
//! the control API that makes the APIs is `apigateway`.

pub(crate) mod answer;
pub(crate) mod event;
mod listeners;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use lzap_wire::limits::SYNC_PAYLOAD_BYTES;
use uuid::Uuid;

pub(crate) use listeners::Listeners;

use crate::apigateway::{Apis, Resolved};
use crate::lambda::{Caller, Invocation, InvocationKind, Lambda};
use crate::percent;
use crate::ports::Clock;
use crate::server::host;

/// A request's body.
/// AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const BODY_BYTES: usize = 10 * 1024 * 1024;

/// What every API's listener shares.
pub(crate) struct Gateway {
    /// The control state.
    pub(crate) apis: Arc<Apis>,
    /// Whom the routes call.
    pub(crate) lambda: Lambda,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
}

/// A request that was read, and the facts that its event tells.
pub(crate) struct Received {
    /// The API.
    pub(crate) api_id: String,
    /// API Gateway's id for the request.
    pub(crate) request_id: String,
    /// When it came, Unix milliseconds.
    pub(crate) now_ms: i64,
    /// Who sent it.
    pub(crate) peer: SocketAddr,
    /// The port that it came to.
    pub(crate) port: u16,
    /// Method, path, headers.
    pub(crate) parts: http::request::Parts,
    /// The body.
    pub(crate) body: Bytes,
}

/// Why API Gateway itself answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Sent to a host that isn't this machine.
    Forbidden,
    /// No stage or route.
    NotFound,
    /// Body or event too large.
    TooLarge,
    /// The function failed, answered nonsense, or may not be called.
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
        let is_head = parts.method == http::Method::HEAD;
        let answered = match read(&parts, body).await {
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
        let mut response = answered.unwrap_or_else(Failure::response);
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("apigw-requestid", id);
        }
        if is_head {
            let length = response.body().len();
            response.headers_mut().entry("content-length").or_insert(HeaderValue::from(length));
            return response.map(|_| Body::empty());
        }
        response.map(Body::from)
    }

    async fn call(&self, received: &Received) -> Result<Response<Bytes>, Failure> {
        let path = percent::decode(received.parts.uri.path());
        let route =
            self.apis.resolve(&received.api_id, &received.parts.method, &path).ok_or(Failure::NotFound)?;
        let event = event::build(received, &route);
        let payload = Bytes::from(event.to_string());
        if payload.len() as u64 > SYNC_PAYLOAD_BYTES {
            return Err(Failure::TooLarge);
        }
        let invoked = self.invoke(payload, &route).await?;
        if let Some(kind) = invoked.function_error {
            tracing::info!(function = route.function_arn, kind, "a function failed behind the gateway");
            return Err(Failure::Internal);
        }
        answer::build(&invoked.payload, &route.payload_version).ok_or(Failure::Internal)
    }

    async fn invoke(&self, payload: Bytes, route: &Resolved) -> Result<crate::lambda::Invoked, Failure> {
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
                Err(if error.status == 429 { Failure::Unavailable } else { Failure::Internal })
            }
            Ok(Err(_)) => Err(Failure::Internal),
            Err(_) => Err(Failure::Unavailable),
        }
    }
}

async fn read(parts: &http::request::Parts, body: Body) -> Result<Bytes, Failure> {
    if !host::is_local(&parts.headers) {
        return Err(Failure::Forbidden);
    }
    match Limited::new(body, BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Failure::TooLarge),
        Err(_) => Err(Failure::Internal),
    }
}

impl Failure {
    fn response(self) -> Response<Bytes> {
        let (status, message) = match self {
            Self::Forbidden => (StatusCode::FORBIDDEN, "Forbidden"),
            Self::NotFound => (StatusCode::NOT_FOUND, "Not Found"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        };
        crate::answer::json(status.as_u16(), &serde_json::json!({ "message": message }))
    }
}
