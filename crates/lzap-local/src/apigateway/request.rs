//! The parts of a request to the control API, and the pages of its lists.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::json;

use super::error::ApiGatewayError;
use super::fields::Fields;
use crate::answer::{self, Answer};

/// The context of an operation: its region, its time, and a free port for a new API.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallContext<'a> {
    /// The caller's region.
    pub(crate) region: &'a str,
    /// Unix milliseconds.
    pub(crate) now_ms: i64,
    /// The port of a new API.
    pub(crate) port: u16,
}

/// The parts of a request.
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    pub(super) segments: Vec<&'a str>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Fields,
}

/// Returns whether a request makes an API, and so needs a port.
pub(crate) fn creates_api(request: &Request<Bytes>) -> bool {
    *request.method() == Method::POST && request.uri().path().trim_end_matches('/') == "/v2/apis"
}

/// Renders one page of a list, as `maxResults` and `nextToken` ask for it.
pub(super) fn render_page<'a>(
    items: impl Iterator<Item = &'a Fields>,
    query: &[(String, String)],
) -> Result<Answer, ApiGatewayError> {
    let find = |name: &str| query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    let number = |name: &str, default: usize| {
        find(name).map_or(Ok(default), |text| {
            text.parse().map_err(|_| ApiGatewayError::bad_request(format!("Invalid {name}")))
        })
    };
    let start = number("nextToken", 0)?;
    let size = number("maxResults", 100)?.clamp(1, 500);
    let mut items = items.skip(start);
    let found: Vec<&Fields> = items.by_ref().take(size).collect();
    let mut answer = json!({ "items": found });
    if items.next().is_some() {
        answer["nextToken"] = json!((start + size).to_string());
    }
    Ok(answer::build_json(200, &answer))
}

/// Returns the name of the operation that a request asks for: `POST …/authorizers` is `CreateAuthorizer`.
pub(super) fn name_operation(method: &Method, segments: &[&str]) -> String {
    const NOUNS: [&str; 13] = [
        "apis",
        "apimappings",
        "authorizers",
        "cors",
        "deployments",
        "domainnames",
        "exports",
        "integrationresponses",
        "integrations",
        "models",
        "routeresponses",
        "routes",
        "vpclinks",
    ];
    let noun = segments.iter().rev().find(|segment| NOUNS.contains(segment));
    let is_list = segments.last() == noun;
    let Some(noun) = noun else {
        return format!("{method} /{}", segments.join("/"));
    };
    let singular = noun.trim_end_matches('s');
    let (first, rest) = singular.split_at(1);
    let verb = match *method {
        Method::POST => "Create",
        Method::PUT => "Import",
        Method::PATCH => "Update",
        Method::DELETE => "Delete",
        _ => "Get",
    };
    let plural = if is_list && *method == Method::GET { "s" } else { "" };
    format!("{verb}{}{rest}{plural}", first.to_uppercase())
}
