//! The request that an event stands for.

use std::{borrow::Cow, collections::HashMap};

use axum::body::Body;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Extensions, HeaderMap, HeaderName, Method, Request, Uri, header, uri::PathAndQuery};
use lambda_http::{
    RequestExt as _,
    aws_lambda_events::{
        alb::AlbTargetGroupRequestContext,
        apigw::{ApiGatewayProxyRequestContext, ApiGatewayV2httpRequestContext},
        query_map::QueryMap,
    },
    request::RequestContext,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    header::decode_value,
    kind::Front,
    ordered::{EventText, OrderedMap, TextValues},
    path::{encode_path, push_query_text, strip_stage},
};

/// The top level of an event, as slices of its text, so that nothing is parsed twice and a large body is not copied.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventFields<'a> {
    /// lzap's own events have it, and no others.
    #[serde(borrow)]
    pub(crate) lzap: Option<&'a RawValue>,
    /// Every HTTP event has it.
    #[serde(borrow)]
    pub(crate) request_context: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) http_method: Option<&'a RawValue>,
    #[serde(borrow)]
    version: Option<&'a RawValue>,
    #[serde(borrow)]
    raw_path: Option<&'a RawValue>,
    #[serde(borrow)]
    path: Option<&'a RawValue>,
    #[serde(borrow)]
    raw_query_string: Option<&'a RawValue>,
    #[serde(borrow)]
    query_string_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    multi_value_query_string_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    cookies: Option<&'a RawValue>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow)]
    multi_value_headers: Option<&'a RawValue>,
    #[serde(borrow)]
    path_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    stage_variables: Option<&'a RawValue>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(borrow)]
    is_base64_encoded: Option<&'a RawValue>,
}

/// A field of an HTTP event that isn't what AWS documents. It has the place, and not the parser's message, which may
/// quote the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MalformedEvent {
    /// As AWS spells it, for the error message.
    pub(crate) field: &'static str,
    /// Counted from 1 within the field's text, not in the event.
    pub(crate) line: usize,
    /// Counted from 1 within the line.
    pub(crate) column: usize,
}

/// A request, and the front whose format its answer must have.
#[derive(Debug)]
pub(crate) struct FrontRequest {
    /// Kept beside the request, because even a refused request needs an answer in the front's format.
    pub(crate) front: Front,
    /// `None` where path, query, method or headers have characters that HTTP can't carry. Under `cargo run` hyper
    /// answers such a request with 400.
    pub(crate) request: Option<Request<Body>>,
}

/// The parts of a request that each front sends in its own way.
struct RequestLine<'a> {
    method: Method,
    /// As the event has it; `RequestExt::raw_http_path` gives it to the app.
    raw_path: Cow<'a, str>,
    /// As the app sees it: percent-encoded and without the stage.
    path: Cow<'a, str>,
    query: Cow<'a, str>,
    context: RequestContext,
}

impl FrontRequest {
    /// Reads an event of an HTTP API with payload format 2.0, or of a function URL.
    pub(crate) fn from_v2(fields: &EventFields<'_>) -> Result<Self, MalformedEvent> {
        let context: ApiGatewayV2httpRequestContext = read("requestContext", fields.request_context)?;
        let domain = context.domain_name.as_deref().unwrap_or_default();
        let is_function_url = domain.contains(".lambda-url.");
        let front = if is_function_url { Front::FunctionUrl } else { Front::HttpApiV2 };
        let raw_path = read_text("rawPath", fields.raw_path.or(fields.path))?;
        let path = if is_function_url {
            raw_path.clone()
        } else {
            let place = ApiPlace {
                domain,
                domain_prefix: context.domain_prefix.as_deref(),
                api_id: context.apiid.as_deref(),
                stage: context.stage.as_deref().unwrap_or_default(),
            };
            app_path(&raw_path, &place)
        };
        let query = match fields.raw_query_string {
            Some(query) => read_text("rawQueryString", Some(query))?,
            None => rebuild_query("queryStringParameters", fields.query_string_parameters)?,
        };
        let method = context.http.method.clone();
        let context = RequestContext::ApiGatewayV2(context);
        let line = RequestLine { method, raw_path, path, query, context };
        build(front, line, fields)
    }

    /// Reads an event of a REST API, or of an HTTP API with payload format 1.0 (which alone has a `version`).
    pub(crate) fn from_v1(fields: &EventFields<'_>) -> Result<Self, MalformedEvent> {
        let context: ApiGatewayProxyRequestContext = read("requestContext", fields.request_context)?;
        let raw_path = read_text("path", fields.path)?;
        let (front, path) = if fields.version.is_some() {
            let place = ApiPlace {
                domain: context.domain_name.as_deref().unwrap_or_default(),
                domain_prefix: context.domain_prefix.as_deref(),
                api_id: context.apiid.as_deref(),
                stage: context.stage.as_deref().unwrap_or_default(),
            };
            (Front::HttpApiV1, app_path(&raw_path, &place))
        } else {
            (Front::RestApi, raw_path.clone())
        };
        let query = match fields.multi_value_query_string_parameters {
            Some(query) => rebuild_query("multiValueQueryStringParameters", Some(query))?,
            None => rebuild_query("queryStringParameters", fields.query_string_parameters)?,
        };
        let context = RequestContext::ApiGatewayV1(context);
        let line = RequestLine { method: read_method(fields)?, raw_path, path, query, context };
        build(front, line, fields)
    }

    /// Reads an event of a load balancer. Its target group's multi-value headers change the answer's format too.
    pub(crate) fn from_load_balancer(fields: &EventFields<'_>) -> Result<Self, MalformedEvent> {
        let context: AlbTargetGroupRequestContext = read("requestContext", fields.request_context)?;
        let front = if fields.multi_value_headers.is_some() {
            Front::LoadBalancerMultiValue
        } else {
            Front::LoadBalancer
        };
        let raw_path = read_text("path", fields.path)?;
        let query = match fields.multi_value_query_string_parameters {
            Some(query) => join_query("multiValueQueryStringParameters", Some(query))?,
            None => join_query("queryStringParameters", fields.query_string_parameters)?,
        };
        let path = raw_path.clone();
        let context = RequestContext::Alb(context);
        let line = RequestLine { method: read_method(fields)?, raw_path, path, query, context };
        build(front, line, fields)
    }
}

/// The facts that decide whether the stage's prefix is part of an HTTP API's path.
struct ApiPlace<'a> {
    domain: &'a str,
    domain_prefix: Option<&'a str>,
    api_id: Option<&'a str>,
    stage: &'a str,
}

/// The path of an HTTP API as the app sees it.
///
/// Only the API's own domain has the stage in the path. A custom domain maps a base path to the stage, which stays, since
/// the client sees it too.
fn app_path<'a>(raw_path: &Cow<'a, str>, place: &ApiPlace<'_>) -> Cow<'a, str> {
    let is_own_domain = place.domain.is_empty()
        || place.domain.contains(".execute-api.")
        || place.api_id == place.domain_prefix
        // Emulators leave the prefix out.
        || place.domain_prefix.is_none();
    let stage = if is_own_domain { place.stage } else { "" };
    match raw_path {
        Cow::Borrowed(path) => encode_path(strip_stage(path, stage)),
        Cow::Owned(path) => Cow::Owned(encode_path(strip_stage(path, stage)).into_owned()),
    }
}

fn build(
    front: Front,
    line: RequestLine<'_>,
    fields: &EventFields<'_>,
) -> Result<FrontRequest, MalformedEvent> {
    let headers = read_headers(front, fields)?;
    let body = read_body(fields)?;
    let uri = build_uri(&line.path, &line.query);
    let extensions = build_extensions(line.raw_path, &line.query, line.context, fields)?;
    let (Some(headers), Some(body), Some(uri)) = (headers, body, uri) else {
        return Ok(FrontRequest { front, request: None });
    };
    let mut request = Request::new(body);
    *request.method_mut() = line.method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    *request.extensions_mut() = extensions;
    Ok(FrontRequest { front, request: Some(request) })
}

/// The path and query without scheme and host, as an HTTP server gives them to an app; `None` if they aren't valid.
fn build_uri(path: &str, query: &str) -> Option<Uri> {
    let mut text = String::with_capacity(path.len() + query.len() + 2);
    text.push_str(if path.is_empty() { "/" } else { path });
    if !query.is_empty() {
        text.push('?');
        text.push_str(query);
    }
    PathAndQuery::from_maybe_shared(bytes::Bytes::from(text)).ok().map(Uri::from)
}

/// Stores the same extensions that `lambda_http` stores, for `RequestExt`.
fn build_extensions(
    raw_path: Cow<'_, str>,
    query: &str,
    context: RequestContext,
    fields: &EventFields<'_>,
) -> Result<Extensions, MalformedEvent> {
    let mut extensions = Extensions::new().with_raw_http_path(raw_path).with_request_context(context);
    if !query.is_empty() {
        // `QueryMap` reads any text.
        let parameters: QueryMap = query.parse().unwrap_or_default();
        extensions = extensions.with_query_string_parameters(parameters);
    }
    let parameters: Option<HashMap<String, String>> =
        read_optional("pathParameters", fields.path_parameters)?;
    if let Some(parameters) = parameters.filter(|parameters| !parameters.is_empty()) {
        extensions = extensions.with_path_parameters(parameters);
    }
    let variables: Option<HashMap<String, String>> = read_optional("stageVariables", fields.stage_variables)?;
    if let Some(variables) = variables.filter(|variables| !variables.is_empty()) {
        extensions = extensions.with_stage_variables(variables);
    }
    Ok(extensions)
}

/// The request's headers; `None` where a name or value has characters that HTTP doesn't allow.
fn read_headers(front: Front, fields: &EventFields<'_>) -> Result<Option<HeaderMap>, MalformedEvent> {
    // If both maps are there, this one has every value, and the other one the last.
    let map: OrderedMap<'_, TextValues<'_>> = match fields.multi_value_headers {
        Some(headers) => read("multiValueHeaders", Some(headers))?,
        None => read_optional("headers", fields.headers)?.unwrap_or_default(),
    };
    let mut headers = HeaderMap::with_capacity(map.0.len() + 2);
    for (name, values) in &map.0 {
        let Ok(name) = HeaderName::from_bytes(name.0.as_bytes()) else { return Ok(None) };
        for value in values.as_slice() {
            let Ok(value) = decode_value(&value.0) else { return Ok(None) };
            headers.append(name.clone(), value);
        }
    }
    if matches!(front, Front::HttpApiV2 | Front::FunctionUrl) {
        let cookies: Vec<EventText<'_>> = read_optional("cookies", fields.cookies)?.unwrap_or_default();
        if !cookies.is_empty() {
            let cookies: Vec<&str> = cookies.iter().map(|cookie| &*cookie.0).collect();
            let Ok(value) = decode_value(&cookies.join("; ")) else { return Ok(None) };
            // A function URL's event has the header too.
            headers.insert(header::COOKIE, value);
        }
    }
    Ok(Some(headers))
}

/// The request's body; `None` where it isn't the base64 that it should be.
fn read_body(fields: &EventFields<'_>) -> Result<Option<Body>, MalformedEvent> {
    let text = read_text("body", fields.body)?;
    if text.is_empty() {
        return Ok(Some(Body::empty()));
    }
    if read_optional("isBase64Encoded", fields.is_base64_encoded)?.unwrap_or(false) {
        return Ok(STANDARD.decode(text.as_bytes()).ok().map(Body::from));
    }
    Ok(Some(Body::from(text.into_owned())))
}

fn read_method(fields: &EventFields<'_>) -> Result<Method, MalformedEvent> {
    let text = read_text("httpMethod", fields.http_method)?;
    Method::from_bytes(text.as_bytes()).map_err(|_| MalformedEvent {
        field: "httpMethod",
        line: 1,
        column: 1,
    })
}

/// A query from a decoded map: the map's order, each value under its name, encoded again.
fn rebuild_query<'a>(field: &'static str, map: Option<&'a RawValue>) -> Result<Cow<'a, str>, MalformedEvent> {
    write_query(field, map, push_query_text)
}

/// A query from a load balancer's map, whose names and values arrive encoded as the client sent them.
fn join_query<'a>(field: &'static str, map: Option<&'a RawValue>) -> Result<Cow<'a, str>, MalformedEvent> {
    write_query(field, map, String::push_str)
}

fn write_query<'a>(
    field: &'static str,
    map: Option<&'a RawValue>,
    push: fn(&mut String, &str),
) -> Result<Cow<'a, str>, MalformedEvent> {
    let map: OrderedMap<'_, TextValues<'_>> = read_optional(field, map)?.unwrap_or_default();
    let mut query = String::new();
    for (name, values) in &map.0 {
        for value in values.as_slice() {
            if !query.is_empty() {
                query.push('&');
            }
            push(&mut query, &name.0);
            query.push('=');
            push(&mut query, &value.0);
        }
    }
    Ok(Cow::Owned(query))
}

/// A text field; empty where it is missing or `null`.
fn read_text<'a>(field: &'static str, value: Option<&'a RawValue>) -> Result<Cow<'a, str>, MalformedEvent> {
    Ok(read_optional::<EventText<'_>>(field, value)?.unwrap_or_default().0)
}

fn read_optional<'a, T: Deserialize<'a>>(
    field: &'static str,
    value: Option<&'a RawValue>,
) -> Result<Option<T>, MalformedEvent> {
    value.map(|value| read(field, Some(value))).transpose()
}

fn read<'a, T: Deserialize<'a>>(
    field: &'static str,
    value: Option<&'a RawValue>,
) -> Result<T, MalformedEvent> {
    serde_json::from_str(value.map_or("null", RawValue::get)).map_err(|error| MalformedEvent {
        field,
        line: error.line(),
        column: error.column(),
    })
}
