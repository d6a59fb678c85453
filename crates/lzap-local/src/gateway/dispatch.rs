//! The answer to a request: the invocation of the function behind a front, or the error of the front itself.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use lzap_wire::limits::SYNC_PAYLOAD_BYTES;
use uuid::Uuid;

use super::answer::{self, AnswerFormat};
use super::front::{Arrival, FrontId};
use super::function_url::{self, UrlFailure};
use super::received::{Received, Unread, read_body};
use super::{event, path};
use crate::apigateway::{Apis, Resolved};
use crate::keys::Keys;
use crate::lambda::{Caller, Invocation, InvocationKind, InvokeError, Invoked, Lambda};
use crate::ports::Clock;

/// The largest body of a request to an HTTP API.
/// AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const BODY_BYTES: usize = 10 * 1024 * 1024;

/// The state that the listeners of all fronts share.
pub(crate) struct Gateway {
    /// The control state of HTTP APIs.
    pub(crate) apis: Arc<Apis>,
    /// Runs the functions, and has the control state of function URLs.
    pub(crate) lambda: Lambda,
    /// The clock of the events' times.
    pub(crate) clock: Arc<dyn Clock>,
    /// Verifies the requests of function URLs that want a signature.
    pub(crate) keys: Arc<Keys>,
}

/// The failure for which API Gateway itself answers.
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
    /// Each front and its port.
    pub(crate) fn ports(&self) -> Vec<(FrontId, u16)> {
        let apis = self.apis.list_ports().into_iter().map(|(id, port)| (FrontId::HttpApi(id), port));
        let urls = self.lambda.function_url_ports().into_iter();
        apis.chain(urls.map(|(id, port)| (FrontId::FunctionUrl(id), port))).collect()
    }

    /// Moves a front to another port.
    pub(crate) fn set_port(&self, front: &FrontId, port: u16) {
        match front {
            FrontId::HttpApi(id) => self.apis.set_port(id, port),
            FrontId::FunctionUrl(id) => self.lambda.set_function_url_port(id, port),
        }
    }

    /// Answers one request to a front.
    pub(super) async fn answer_request(
        &self,
        front: &FrontId,
        arrival: Arrival,
        request: Request<Body>,
    ) -> Response<Body> {
        let is_head = request.method() == Method::HEAD;
        let response = match front {
            FrontId::HttpApi(id) => self.answer_http_api(id, arrival, request).await,
            FrontId::FunctionUrl(id) => self.answer_function_url(id, arrival, request).await,
        };
        if is_head && response.body().is_empty() {
            // The length of an answer to HEAD is the function's or none; for a body of known size the router adds 0.
            return response
                .map(|_| Body::from_stream(futures::stream::empty::<Result<Bytes, Infallible>>()));
        }
        response.map(Body::from)
    }

    async fn answer_http_api(&self, id: &str, arrival: Arrival, request: Request<Body>) -> Response<Bytes> {
        let request_id = Uuid::new_v4().simple().to_string()[..16].to_owned();
        let (parts, body) = request.into_parts();
        let answered = match read_body(&parts, body, BODY_BYTES).await {
            Ok(body) => self.call_route(&self.received(id, &request_id, arrival, (parts, body))).await,
            Err(unread) => Err(unread.into()),
        };
        let mut response = answered.unwrap_or_else(GatewayFailure::response);
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("apigw-requestid", id);
        }
        response
    }

    async fn answer_function_url(
        &self,
        id: &str,
        arrival: Arrival,
        request: Request<Body>,
    ) -> Response<Bytes> {
        // AWS gives the request and its invocation the same id.
        let invocation_id = Uuid::new_v4();
        let request_id = invocation_id.to_string();
        let limit = usize::try_from(SYNC_PAYLOAD_BYTES).unwrap_or(usize::MAX);
        let (parts, body) = request.into_parts();
        let answered = match read_body(&parts, body, limit).await {
            Ok(body) => {
                let received = self.received(id, &request_id, arrival, (parts, body));
                self.call_function_url(&received, invocation_id).await
            }
            Err(unread) => Err(unread.into()),
        };
        let mut response = answered.unwrap_or_else(UrlFailure::response);
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("x-amzn-requestid", id);
        }
        response
    }

    fn received(
        &self,
        api_id: &str,
        request_id: &str,
        arrival: Arrival,
        (parts, body): (http::request::Parts, Bytes),
    ) -> Received {
        Received {
            api_id: api_id.to_owned(),
            request_id: request_id.to_owned(),
            now_ms: self.clock.now_ms(),
            peer: arrival.peer,
            port: arrival.port,
            parts,
            body,
        }
    }

    async fn call_route(&self, received: &Received) -> Result<Response<Bytes>, GatewayFailure> {
        let path = path::event_path(received.parts.uri.path()).ok_or(GatewayFailure::BadRequest)?;
        let method = &received.parts.method;
        let route =
            self.apis.resolve_route(&received.api_id, method, &path).ok_or(GatewayFailure::NotFound)?;
        let event = event::build_event(received, &route, &path);
        let payload = Bytes::from(event.to_string());
        if payload.len() as u64 > SYNC_PAYLOAD_BYTES {
            return Err(GatewayFailure::TooLarge);
        }
        let invoked = self.invoke_route(payload, &route).await?;
        if let Some(kind) = invoked.function_error {
            tracing::info!(function = route.function_arn, kind, "a function failed behind the gateway");
            return Err(GatewayFailure::Internal);
        }
        let format = AnswerFormat::of_http_api(&route.payload_version);
        answer::build_response(&invoked.payload, format, method).ok_or(GatewayFailure::Internal)
    }

    async fn invoke_route(&self, payload: Bytes, route: &Resolved) -> Result<Invoked, GatewayFailure> {
        let invocation = Invocation {
            function_arn: route.function_arn.clone(),
            payload,
            kind: InvocationKind::RequestResponse,
            caller: Caller::Service {
                principal: "apigateway.amazonaws.com".to_owned(),
                source_arn: route.source_arn.clone(),
            },
            request_id: None,
        };
        match tokio::time::timeout(Duration::from_millis(route.timeout_ms), self.invoke(invocation)).await {
            Ok(Some(Ok(invoked))) => Ok(invoked),
            Ok(Some(Err(error))) if error.status == 429 => Err(GatewayFailure::Unavailable),
            Ok(_) => Err(GatewayFailure::Internal),
            Err(_) => Err(GatewayFailure::Unavailable),
        }
    }

    /// Calls the function of a URL; it may take as long as its own timeout.
    async fn call_function_url(
        &self,
        received: &Received,
        invocation_id: Uuid,
    ) -> Result<Response<Bytes>, UrlFailure> {
        let target = self.lambda.function_url(&received.api_id).ok_or(UrlFailure::NoUrl)?;
        let caller = function_url::read_caller(received, &target, &self.keys)?;
        let event = function_url::build_event(received, &target, caller.as_ref());
        let invocation = Invocation {
            function_arn: target.function_arn.clone(),
            payload: Bytes::from(event.to_string()),
            kind: InvocationKind::RequestResponse,
            caller: if caller.is_some() { Caller::Identity } else { Caller::Anonymous },
            request_id: Some(invocation_id),
        };
        let invoked = self.invoke(invocation).await.ok_or(UrlFailure::BadGateway)??;
        if let Some(kind) = invoked.function_error {
            tracing::info!(function = target.function_arn, kind, "a function failed behind its URL");
            return Err(UrlFailure::BadGateway);
        }
        let method = &received.parts.method;
        answer::build_response(&invoked.payload, AnswerFormat::FunctionUrl, method)
            .ok_or(UrlFailure::BadGateway)
    }

    /// Invokes a function; `None` when the invocation was lost. It goes on when the gateway no longer waits for it, as
    /// it does in Lambda.
    async fn invoke(&self, invocation: Invocation) -> Option<Result<Invoked, InvokeError>> {
        let function = invocation.function_arn.clone();
        let lambda = self.lambda.clone();
        let invoked = tokio::spawn(async move { lambda.invoke(invocation).await }).await.ok()?;
        if let Err(error) = &invoked {
            tracing::warn!(function, %error, "the gateway could not call a function");
        }
        Some(invoked)
    }
}

impl From<Unread> for GatewayFailure {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Forbidden => Self::Forbidden,
            Unread::TooLarge => Self::TooLarge,
            Unread::Broken => Self::Internal,
        }
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
        crate::answer::build_json(status.as_u16(), &serde_json::json!({ "message": message }))
    }
}
