//! A layer that adds AWS's propagation and activation delays to an emulator, whose changes take effect at once.
//!
//! `model` (roles, functions) and `stacks` (CloudFormation) compute the delays without I/O from the lengths in `waits`;
//! `request` parses requests; `gaps` rewrites requests that the emulator can't process. A [`crate::Proxy`] in front
//! records the calls.

mod gaps;
mod model;
mod request;
mod stacks;
mod waits;

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::upstream::Upstream;
use model::{Model, Service, WaitError};
use request::AwsRequest;

pub use waits::Waits;

/// The size in bytes from which an uploaded file isn't kept as a possible template.
const TEMPLATE_BYTES: usize = 200_000;

/// A layer on a free loopback port in front of one emulator.
#[derive(Debug)]
pub struct SlowAws {
    url: String,
    shared: Arc<LayerState>,
    _runtime: Runtime,
}

#[derive(Debug)]
struct LayerState {
    began: Instant,
    upstream: Upstream,
    model: Mutex<Model>,
    expanded: Mutex<Option<String>>,
}

impl SlowAws {
    /// Starts a layer in front of `upstream` (`http://HOST:PORT`).
    ///
    /// # Errors
    /// When no port is free.
    pub fn start(upstream: &str, waits: Waits) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let url = format!("http://{}", listener.local_addr()?);
        // Made inside the runtime, because the client's connections run as tasks of it.
        let upstream = runtime.block_on(async { Upstream::new(upstream) });
        let model = Mutex::new(Model::new(waits));
        let shared =
            Arc::new(LayerState { began: Instant::now(), upstream, model, expanded: Mutex::default() });
        runtime.spawn(accept_connections(listener, Arc::clone(&shared)));
        Ok(Self { url, shared, _runtime: runtime })
    }

    /// Returns the endpoint that clients use instead of the upstream's.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Deploys each later SAM template as `expanded`, a CloudFormation template. Its strings `BUCKET` and `KEY` are
    /// replaced by the S3 location of the one function's code. On AWS, CloudFormation expands SAM templates.
    pub fn expand_templates_to(&self, expanded: &str) {
        *self.shared.expanded.lock().unwrap_or_else(PoisonError::into_inner) = Some(expanded.to_owned());
    }
}

impl LayerState {
    fn lock_model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rewrites a request that the emulator can't process, and keeps uploaded templates.
    fn adapt_request(&self, request: AwsRequest, parts: &Parts, body: Bytes) -> (AwsRequest, Bytes) {
        if let Some(body) = gaps::convert_swagger(parts, &body) {
            return (request, body);
        }
        match request {
            AwsRequest::PutObject { file } if body.len() < TEMPLATE_BYTES => {
                self.lock_model().stacks().store_file(&file, &String::from_utf8_lossy(&body));
                (AwsRequest::PutObject { file }, body)
            }
            AwsRequest::PlanStack { stack, template } => match self.expand_template(&stack, &template) {
                Some(text) => {
                    let body = gaps::replace_template(&body, &text);
                    (AwsRequest::PlanStack { stack, template: request::Template::Body(text) }, body)
                }
                None => (AwsRequest::PlanStack { stack, template }, body),
            },
            other => (other, body),
        }
    }

    /// Returns the CloudFormation template for a SAM template, and keeps the original for `GetTemplate`.
    fn expand_template(&self, stack: &str, template: &request::Template) -> Option<String> {
        let mut model = self.lock_model();
        let expanded = self.expanded.lock().unwrap_or_else(PoisonError::into_inner);
        let source = model.stacks().find_text(template)?.to_owned();
        let text = gaps::expand_template(&source, expanded.as_deref()?)?;
        model.stacks().store_source(stack, &source);
        Some(text)
    }
}

async fn accept_connections(listener: TcpListener, shared: Arc<LayerState>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| handle_request(Arc::clone(&shared), request));
            // An error means that the client disconnected, which must not stop the other connections.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn handle_request(
    shared: Arc<LayerState>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = forward_request(&shared, request).await.unwrap_or_else(|error| {
        let mut response = Response::new(Bytes::from(format!("slow AWS: {error}")));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    });
    Ok(answer.map(Full::new))
}

async fn forward_request(shared: &LayerState, request: Request<Incoming>) -> io::Result<Response<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let (request, body) = shared.adapt_request(AwsRequest::parse(&parts, &body), &parts, body);
    if let Some(refusal) = shared.lock_model().find_refusal(&request, shared.began.elapsed()) {
        return Ok(build_refusal(&refusal));
    }
    // Only a change that the emulator accepted starts a delay.
    let mut response = shared.upstream.send_request(&parts, body).await?;
    if response.status().is_success() {
        let now = shared.began.elapsed();
        let mut model = shared.lock_model();
        model.record_success(&request, now);
        if let Some(body) = model.rewrite_answer(&request, now, response.body()) {
            response.headers_mut().remove(CONTENT_LENGTH);
            *response.body_mut() = body.into();
        }
    }
    Ok(response)
}

/// Returns the error response in the format of the service.
fn build_refusal(refusal: &WaitError) -> Response<Bytes> {
    let WaitError { service, status, code, message } = refusal;
    let (content_type, body) = match service {
        Service::Lambda => {
            ("application/json", json!({"Type": "User", "Message": message, "message": message}).to_string())
        }
        Service::Sts => (
            "text/xml",
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 </ErrorResponse>"
            ),
        ),
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(code));
    response
}
