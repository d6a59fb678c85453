//! The endpoint: one port for every service, on loopback.
//!
//! A request's signature names its service and region, and is verified against the keys in the state folder. At
//! `/_lzap/…` the cloud's own client reads the status and stops it, which a function's key may not. What the services
//! do is theirs; the process around this is `serve`.

pub(crate) mod auth;
pub(crate) mod connections;
pub(crate) mod host;
pub(crate) mod refusal;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use bytes::Bytes;
use http::{HeaderValue, Method, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::json;

use crate::answer::{self, Answer};
use crate::apigateway::{self, CallContext};
use crate::cloud::Cloud;
use crate::gateway::Listeners;
use crate::keys::KeyHolder;
use crate::lambda::function_urls;
use crate::passive::{json_operation, not_implemented};
use crate::signature::OWN_SERVICE;
use auth::{Claim, Scope};
use refusal::{Refusal, build_refusal};

/// The endpoint's routes: all of them lead to one place.
pub(crate) fn build_router(cloud: Arc<Cloud>) -> Router {
    Router::new().fallback(enter_request).with_state(cloud)
}

async fn enter_request(State(cloud): State<Arc<Cloud>>, request: Request) -> Response<Body> {
    let method = request.method().clone();
    let mut answer = answer_request(&cloud, request).await;
    if method == Method::HEAD {
        *answer.body_mut() = Bytes::new();
    }
    keep_browsers_passive(&mut answer);
    answer.map(Body::from)
}

async fn answer_request(cloud: &Arc<Cloud>, request: Request) -> Answer {
    if !host::is_local(request.headers()) || host::is_foreign_page(request.headers()) {
        return answer::json_error(
            403,
            "AccessDeniedException",
            "this endpoint answers only to this machine",
        );
    }
    let (parts, body) = request.into_parts();
    let Some(claim) = Claim::of(&parts.headers, &parts.uri) else {
        let message = "Missing Authentication Token: the embedded cloud takes requests that are signed with its key; \
                       `lzap local env` prints it";
        return build_refusal(403, "MissingAuthenticationToken", message);
    };
    if cloud.keys.find(&claim.scope.access_key).is_none() {
        // Before the body is read: a stranger can't make the cloud hold one.
        return Refusal::UnknownKey.answer(&claim.scope.service);
    }
    let body = match Limited::new(body, body_limit(&claim.scope.service)).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return refuse_large_body(&claim.scope.service),
        Err(_) => {
            return answer::json_error(400, "RequestTimeout", "the request ended before its body did");
        }
    };
    let holder = match claim.verify(&cloud.keys, (&parts, &body), cloud.clock.now_ms()) {
        Ok(holder) => holder,
        Err(refusal) => return refusal.answer(&claim.scope.service),
    };
    let request = http::Request::from_parts(parts, body);
    match request.uri().path().strip_prefix("/_lzap/") {
        Some(path) if holder == KeyHolder::Owner && claim.scope.service == OWN_SERVICE => {
            answer_own_client(cloud, request.method(), path)
        }
        Some(_) => build_refusal(403, "AccessDeniedException", "only lzap itself may call this"),
        None => serve_request(cloud, &claim.scope, request).await,
    }
}

/// The largest body of a request in bytes: it is held in memory. S3 on AWS takes 5 GB at once, and more in parts.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>: 50 MB as base64, and the settings.
fn body_limit(service: &str) -> usize {
    const MIB: usize = 1024 * 1024;
    match service {
        "s3" => 1024 * MIB,
        "lambda" => 70 * MIB,
        _ => 10 * MIB,
    }
}

fn refuse_large_body(service: &str) -> Answer {
    if service == "s3" {
        let message = "Your proposed upload exceeds the maximum allowed size";
        return answer::s3_error(400, "EntityTooLarge", message, "");
    }
    let message = "Request must be smaller than the limit of its service";
    build_refusal(413, "RequestEntityTooLargeException", message)
}

/// Answers a request of lzap's own client.
fn answer_own_client(cloud: &Cloud, method: &Method, path: &str) -> Answer {
    match (method, path) {
        (&Method::GET, "health") => answer::build_json(200, &json!(cloud.status())),
        (&Method::POST, "stop") => {
            cloud.stop.cancel();
            answer::build_json(202, &json!({ "stopping": true }))
        }
        _ => answer::build_json(404, &json!({ "message": "Not Found" })),
    }
}

async fn serve_request(cloud: &Arc<Cloud>, scope: &Scope, request: http::Request<Bytes>) -> Answer {
    let about = (request.method().clone(), request.uri().path().to_owned(), json_operation(&request));
    let reads = reads_only(&request);
    let mut answer = route_request(cloud, scope, request).await;
    if !reads {
        cloud.changed.notify_one();
    }
    name_request(&mut answer);
    let (method, path, operation) = about;
    let status = answer.status().as_u16();
    tracing::info!(service = scope.service, region = scope.region, %method, path, operation, status, "answered");
    answer
}

async fn route_request(cloud: &Arc<Cloud>, scope: &Scope, request: http::Request<Bytes>) -> Answer {
    let region = scope.region.as_str();
    match scope.service.as_str() {
        "s3" => cloud.s3.handle(region, request).await,
        "lambda" => answer_lambda(cloud, region, request).await,
        "iam" => cloud.iam.handle(request).await,
        "sts" => cloud.sts.handle(region, request).await,
        "apigateway" => answer_apigateway(cloud, region, &request).await,
        "events" => cloud.events.handle(region, request, cloud.clock.now_ms()).await,
        "logs" => cloud.logs.handle(region, request).await,
        service => build_refusal(501, "NotImplemented", &not_implemented(service, &json_operation(&request))),
    }
}

async fn answer_apigateway(cloud: &Arc<Cloud>, region: &str, request: &http::Request<Bytes>) -> Answer {
    let now_ms = cloud.clock.now_ms();
    let handle = |port: u16| cloud.gateway.apis.handle(request, CallContext { region, now_ms, port });
    if apigateway::creates_api(request) {
        return open_front(cloud, handle).await;
    }
    let answer = handle(0);
    cloud.listeners.keep_only(|| cloud.gateway.ports());
    answer
}

async fn answer_lambda(cloud: &Arc<Cloud>, region: &str, request: http::Request<Bytes>) -> Answer {
    let deletes = *request.method() == Method::DELETE;
    let answer = if function_urls::creates_url(&request) {
        open_front(cloud, |port| function_urls::answer_request(&cloud.lambda, region, request, port)).await
    } else if function_urls::is_url_operation(&request) {
        function_urls::answer_request(&cloud.lambda, region, request, 0)
    } else {
        cloud.lambda.handle(region, request).await
    };
    if deletes {
        // Function URLs go with their function.
        cloud.listeners.keep_only(|| cloud.gateway.ports());
    }
    answer
}

/// Gives a new front its port before it is made, so that the answer can name it.
async fn open_front(cloud: &Arc<Cloud>, create: impl FnOnce(u16) -> Answer) -> Answer {
    let reserved = match Listeners::reserve().await {
        Ok(reserved) => reserved,
        Err(error) => return answer::json_error(500, "InternalServerException", &error.to_string()),
    };
    let answer = create(reserved.port);
    let fronts = cloud.gateway.ports();
    if let Some((front, _)) = fronts.into_iter().find(|(_, port)| *port == reserved.port) {
        cloud.listeners.open(&cloud.gateway, front, reserved);
    }
    answer
}

/// Returns whether a request can't have changed anything. Lambda counts its changes itself.
fn reads_only(request: &http::Request<Bytes>) -> bool {
    const READS: [&str; 5] = ["Describe", "Filter", "Get", "List", "Test"];
    let operation = json_operation(request);
    let reads = READS.iter().any(|verb| operation.starts_with(verb));
    reads || matches!(*request.method(), Method::GET | Method::HEAD)
}

/// An object may be a page that a client uploaded to the app under test. Opened from here, it would have the origin of
/// the control APIs: so a browser neither guesses its type nor runs its scripts.
fn keep_browsers_passive(answer: &mut Answer) {
    const HEADERS: [(&str, &str); 2] =
        [("x-content-type-options", "nosniff"), ("content-security-policy", "sandbox; default-src 'none'")];
    for (name, value) in HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}

/// Every answer carries the request id that SDKs show with an error.
fn name_request(answer: &mut Answer) {
    let id = uuid::Uuid::new_v4().to_string();
    if let Ok(id) = HeaderValue::from_str(&id) {
        for name in ["x-amzn-requestid", "x-amz-request-id"] {
            answer.headers_mut().entry(name).or_insert_with(|| id.clone());
        }
    }
}
