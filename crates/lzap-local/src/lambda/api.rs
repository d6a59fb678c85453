//! Lambda's REST-JSON API: a request becomes an operation of the machine, its answer JSON.
//!
//! [`answer_request`] routes by method and path, as the service model does; [`functions`], [`aliases`], [`permissions`],
//! [`event_invoke`] and [`extras`] hold one function per operation, [`invoke`] the one that runs code. [`request`] reads
//! AWS's shapes, [`render`] writes them, and [`reply`] sends them. Operations that are not implemented get a 501 with
//! their name.
//! AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html>

mod aliases;
mod event_invoke;
mod extras;
mod functions;
mod invoke;
mod permissions;
pub(super) mod render;
pub(super) mod reply;
pub(super) mod request;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};

use super::error::ApiError;
use super::service::LambdaService;
use reply::{Reply, render_error, render_reply};
use request::{Call, take_apart};

/// Answers one request.
pub(crate) async fn answer_request(
    service: &Arc<LambdaService>,
    region: &str,
    request: Request<Bytes>,
) -> Response<Bytes> {
    let (method, segments, call) = take_apart(service, region, request);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let (&Method::POST, ["2015-03-31", "functions", name, "invocations"]) = (&method, segments.as_slice())
    {
        return invoke::invoke_function(&call, name).await.unwrap_or_else(|error| render_error(&error));
    }
    let revision = service.state().revision();
    let reply = route_request(&call, &method, &segments).await;
    if service.state().revision() != revision {
        service.evict();
    }
    render_reply(reply)
}

async fn route_request(call: &Call<'_>, method: &Method, segments: &[&str]) -> Result<Reply, ApiError> {
    match (method.as_str(), segments) {
        ("GET", ["2016-08-19", "account-settings"]) => Ok(extras::account_settings(call)),
        ("GET", ["2015-03-31", "functions"]) => functions::list_functions(call),
        ("POST", ["2015-03-31", "functions"]) => functions::create_function(call).await,
        ("GET" | "POST" | "DELETE", ["2017-03-31", "tags", arn]) => extras::answer_tags(call, method, arn),
        ("PUT" | "DELETE", ["2017-10-31", "functions", name, "concurrency"]) => {
            extras::reserve_concurrency(call, method, name)
        }
        ("GET", ["2019-09-30", "functions", name, "concurrency"]) => {
            extras::get_reserved_concurrency(call, name)
        }
        ("PUT", ["2019-09-25", "functions", name, "event-invoke-config"]) => {
            event_invoke::put_config(call, name)
        }
        ("GET", ["2019-09-25", "functions", name, "event-invoke-config"]) => {
            event_invoke::get_config(call, name)
        }
        ("DELETE", ["2019-09-25", "functions", name, "event-invoke-config"]) => {
            event_invoke::delete_config(call, name)
        }
        (_, ["2015-03-31", "functions", name, rest @ ..]) => {
            route_function_request(call, method, name, rest).await
        }
        _ => Err(refuse_unknown(method, segments)),
    }
}

/// Routes a request below the path of a function.
async fn route_function_request(
    call: &Call<'_>,
    method: &Method,
    name: &str,
    rest: &[&str],
) -> Result<Reply, ApiError> {
    match (method.as_str(), rest) {
        ("GET", []) => functions::get_function(call, name),
        ("DELETE", []) => functions::delete_function(call, name),
        ("PUT", ["code"]) => functions::update_code(call, name).await,
        ("GET", ["configuration"]) => functions::get_configuration(call, name),
        ("PUT", ["configuration"]) => functions::update_configuration(call, name).await,
        ("POST", ["versions"]) => functions::publish_version(call, name),
        ("GET", ["versions"]) => functions::list_versions(call, name),
        ("POST", ["aliases"]) => aliases::create_alias(call, name),
        ("GET", ["aliases"]) => aliases::list_aliases(call, name),
        ("GET", ["aliases", alias]) => aliases::get_alias(call, name, alias),
        ("PUT", ["aliases", alias]) => aliases::update_alias(call, name, alias),
        ("DELETE", ["aliases", alias]) => aliases::delete_alias(call, name, alias),
        ("POST", ["policy"]) => permissions::add_permission(call, name),
        ("GET", ["policy"]) => permissions::get_policy(call, name),
        ("DELETE", ["policy", sid]) => permissions::remove_permission(call, name, sid),
        _ => {
            let segments = [&["2015-03-31", "functions", name], rest].concat();
            Err(refuse_unknown(method, &segments))
        }
    }
}

/// 501, naming the operation where its path tells, and method and path anyway.
fn refuse_unknown(method: &Method, segments: &[&str]) -> ApiError {
    let topic = match segments {
        [_, "event-source-mappings", ..] => "event source mappings: ",
        [_, "capacity-providers", ..] => "capacity providers: ",
        [_, "layers" | "layers-by-arn", ..] => "layers: ",
        [_, "code-signing-configs", ..] | [_, "functions", _, "code-signing-config"] => "code signing: ",
        [_, "functions", _, "event-invoke-config", ..] => "asynchronous invocation settings: ",
        [_, "functions", _, "provisioned-concurrency"] => "provisioned concurrency: ",
        [_, "functions", _, "response-streaming-invocations"] => "InvokeWithResponseStream: ",
        [_, "functions", _, "invoke-async"] => "InvokeAsync: ",
        _ => "",
    };
    ApiError::not_implemented(&format!("{topic}{method} /{}", segments.join("/")))
}
