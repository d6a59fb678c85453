//! The control API of function URLs, and the queries of the gateway.
//!
//! The operations are apart from the others in `api` because a new URL needs a port, which the caller of
//! [`answer_request`] has bound. `Cors` and the invoke mode `RESPONSE_STREAM` are refused by name.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html>

use bytes::Bytes;
use http::{Method, Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Lambda;
use super::api::render;
use super::api::reply::{Reply, render_reply};
use super::api::request::{Call, read_auth_type, take_apart};
use super::error::ApiError;
use super::state::function_urls::{FunctionUrlChange, NewFunctionUrl};
use super::state::{AuthType, FunctionRef, FunctionUrl, InvokeMode};
use crate::FunctionUrlStatus;
use crate::clock::timestamp;

const API_VERSION: &str = "2021-10-31";

/// The target of the requests to a function URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrlTarget {
    /// With the alias when the URL belongs to one.
    pub(crate) function_arn: String,
    /// True if requests need a signature.
    pub(crate) is_signed: bool,
}

/// `CreateFunctionUrlConfig` and `UpdateFunctionUrlConfig`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    auth_type: Option<String>,
    invoke_mode: Option<String>,
    cors: Value,
}

/// Returns whether a request is one of this module's operations.
pub(crate) fn is_url_operation(request: &Request<Bytes>) -> bool {
    let path = request.uri().path().trim_end_matches('/');
    path.strip_prefix('/').and_then(|path| path.strip_prefix(API_VERSION)).is_some()
        && (path.ends_with("/url") || path.ends_with("/urls"))
}

/// Returns whether a request makes a URL, and so needs a port.
pub(crate) fn creates_url(request: &Request<Bytes>) -> bool {
    *request.method() == Method::POST && is_url_operation(request)
}

/// Answers one request. `port` is the port of a new URL.
pub(crate) fn answer_request(
    lambda: &Lambda,
    region: &str,
    request: Request<Bytes>,
    port: u16,
) -> Response<Bytes> {
    let (method, segments, call) = take_apart(&lambda.0, region, request);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    render_reply(match (method.as_str(), segments.as_slice()) {
        ("POST", [API_VERSION, "functions", name, "url"]) => create_url(&call, name, port),
        ("GET", [API_VERSION, "functions", name, "url"]) => get_url(&call, name),
        ("PUT", [API_VERSION, "functions", name, "url"]) => update_url(&call, name),
        ("DELETE", [API_VERSION, "functions", name, "url"]) => delete_url(&call, name),
        ("GET", [API_VERSION, "functions", name, "urls"]) => list_urls(&call, name),
        _ => Err(ApiError::not_implemented(&format!("function URLs: {method} /{}", segments.join("/")))),
    })
}

/// `CreateFunctionUrlConfig`
fn create_url(call: &Call<'_>, name: &str, port: u16) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    let change = read_body(call)?;
    let missing = || ApiError::constraint("null", "authType", "must not be null");
    let new = NewFunctionUrl {
        id: Uuid::new_v4().simple().to_string(),
        port,
        auth_type: change.auth_type.ok_or_else(missing)?,
        invoke_mode: change.invoke_mode,
    };
    let url = call.service.state().create_function_url(&reference, new, call.service.now_ms())?;
    let mut shown = render_url(&reference, &url);
    if let Some(shown) = shown.as_object_mut() {
        // The one answer that AWS gives without it.
        shown.remove("LastModifiedTime");
    }
    Ok(Reply::created(shown))
}

/// `GetFunctionUrlConfig`
fn get_url(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    Ok(Reply::ok(render_url(&reference, call.service.state().function_url(&reference)?)))
}

/// `UpdateFunctionUrlConfig`
fn update_url(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    let change = read_body(call)?;
    let url = call.service.state().update_function_url(&reference, change, call.service.now_ms())?;
    Ok(Reply::ok(render_url(&reference, &url)))
}

/// `DeleteFunctionUrlConfig`
fn delete_url(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    call.service.state().delete_function_url(&call.reference(name)?)?;
    Ok(Reply::empty())
}

/// `ListFunctionUrlConfigs`
fn list_urls(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let state = call.service.state();
    let page = call.page(state.function_urls_of(&call.reference(name)?)?)?;
    Ok(Reply::ok(render::render_page("FunctionUrlConfigs", page, |(reference, url)| {
        render_url(reference, url)
    })))
}

fn read_body(call: &Call<'_>) -> Result<FunctionUrlChange, ApiError> {
    let body: Body = call.json()?;
    let refuse = |what: &str| Err(ApiError::invalid(format!("the embedded cloud does not implement {what}")));
    let invoke_mode = match body.invoke_mode.as_deref() {
        None => None,
        Some("BUFFERED") => Some(InvokeMode::Buffered),
        Some("RESPONSE_STREAM") => return refuse("InvokeMode RESPONSE_STREAM"),
        Some(other) => {
            let constraint = "must satisfy enum value set: [RESPONSE_STREAM, BUFFERED]";
            return Err(ApiError::constraint(other, "invokeMode", constraint));
        }
    };
    // An empty object is how clients say that there are no CORS settings.
    if !body.cors.is_null() && body.cors != json!({}) {
        return refuse("Cors of function URLs");
    }
    Ok(FunctionUrlChange { auth_type: read_auth_type(body.auth_type.as_deref(), "authType")?, invoke_mode })
}

/// `FunctionUrlConfig`.
fn render_url(reference: &FunctionRef, url: &FunctionUrl) -> Value {
    let mut shown = json!({
        "FunctionUrl": format_address(url),
        "FunctionArn": reference.full(),
        "AuthType": url.auth_type.name(),
        "CreationTime": iso_time(url.created_ms),
        "LastModifiedTime": iso_time(url.modified_ms),
    });
    if let Some(mode) = url.invoke_mode {
        shown["InvokeMode"] = json!(mode);
    }
    shown
}

fn format_address(url: &FunctionUrl) -> String {
    format!("http://localhost:{}/", url.port)
}

/// `2026-11-22T19:47:52.123000Z`.
fn iso_time(unix_ms: i64) -> String {
    timestamp(unix_ms).strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

impl Lambda {
    /// Returns the target of a URL; `None` when the URL does not exist any more.
    pub(crate) fn function_url(&self, id: &str) -> Option<UrlTarget> {
        let state = self.0.state();
        let (reference, url) = state.function_urls().find(|(_, url)| url.id == id)?;
        let is_signed = url.auth_type == AuthType::AwsIam;
        Some(UrlTarget { function_arn: reference.full(), is_signed })
    }

    /// Function and address of each URL.
    pub(crate) fn list_function_urls(&self) -> Vec<FunctionUrlStatus> {
        let status = |(reference, url): (FunctionRef, &FunctionUrl)| FunctionUrlStatus {
            function_arn: reference.full(),
            url: format_address(url),
        };
        self.0.state().function_urls().map(status).collect()
    }

    /// Each URL's id and port.
    pub(crate) fn function_url_ports(&self) -> Vec<(String, u16)> {
        self.0.state().function_urls().map(|(_, url)| (url.id.clone(), url.port)).collect()
    }

    /// Moves a URL to another port, when its own was taken by another program.
    pub(crate) fn set_function_url_port(&self, id: &str, port: u16) {
        self.0.state().set_function_url_port(id, port);
    }
}
