//! The control API of API Gateway v2, for HTTP APIs with Lambda proxy integrations.
//!
//! lzap's own, because the gateway runs on this very state: APIs, integrations, routes, stages, deployments, tags.
//! Each resource is the JSON object that AWS answers, so nothing a client sets is lost. Not here: authorizers, domain
//! names, VPC links, models, WebSocket APIs (501 by name). Requests to the APIs themselves are `gateway`'s.
//!
//! AWS: <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/api-reference.html>

mod api;
mod matching;
mod resource;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub(crate) use api::{Api, Resolved};

use crate::answer::{self, Answer};
use crate::passive::not_implemented;
use crate::percent;

/// A JSON object.
pub(crate) type Fields = Map<String, Value>;

/// A refusal: status, code, message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal(u16, &'static str, String);

impl Refusal {
    fn bad(message: impl Into<String>) -> Self {
        Self(400, "BadRequestException", message.into())
    }

    fn missing(message: impl Into<String>) -> Self {
        Self(404, "NotFoundException", message.into())
    }

    fn conflict(message: impl Into<String>) -> Self {
        Self(409, "ConflictException", message.into())
    }

    fn unknown(operation: &str) -> Self {
        Self(501, "NotImplemented", not_implemented("apigateway", operation))
    }
}

impl From<Refusal> for Answer {
    fn from(Refusal(status, code, message): Refusal) -> Self {
        answer::json_error(status, code, &message)
    }
}

/// All APIs.
#[derive(Debug, Default)]
pub(crate) struct Apis {
    state: Mutex<State>,
}

/// The state, for the store.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// By id.
    pub(crate) apis: BTreeMap<String, Api>,
}

/// What an operation may use: when it is, where it is, and a free port for a new API.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Around<'a> {
    /// The caller's region.
    pub(crate) region: &'a str,
    /// Unix milliseconds.
    pub(crate) now_ms: i64,
    /// Where a new API will answer.
    pub(crate) port: u16,
}

/// A request, taken apart.
struct Call<'a> {
    method: &'a Method,
    segments: Vec<&'a str>,
    query: Vec<(String, String)>,
    body: Fields,
}

/// Whether a request makes an API, and so needs a port.
pub(crate) fn creates_api(request: &Request<Bytes>) -> bool {
    *request.method() == Method::POST && request.uri().path().trim_end_matches('/') == "/v2/apis"
}

impl Apis {
    /// Takes up a state that was saved.
    pub(crate) fn new(state: State) -> Self {
        Self { state: Mutex::new(state) }
    }

    /// Answers one request.
    pub(crate) fn handle(&self, request: &Request<Bytes>, around: Around<'_>) -> Answer {
        let segments: Vec<_> =
            request.uri().path().trim_matches('/').split('/').map(percent::decode).collect();
        let body =
            if request.body().is_empty() { Ok(Map::new()) } else { serde_json::from_slice(request.body()) };
        let Ok(body) = body else {
            return Refusal(400, "BadRequestException", "Invalid request input".to_owned()).into();
        };
        let call = Call {
            method: request.method(),
            segments: segments.iter().map(String::as_str).collect(),
            query: percent::pairs(request.uri().query().unwrap_or_default()).collect(),
            body,
        };
        self.lock().answer(call, around).unwrap_or_else(Into::into)
    }

    /// The state, for the store.
    pub(crate) fn snapshot(&self) -> State {
        self.lock().clone()
    }

    /// Each API's id and port.
    pub(crate) fn ports(&self) -> Vec<(String, u16)> {
        self.lock().apis.iter().map(|(id, api)| (id.clone(), api.port)).collect()
    }

    /// Gives an API another port, when its own was taken by someone else.
    pub(crate) fn set_port(&self, id: &str, port: u16) {
        if let Some(api) = self.lock().apis.get_mut(id) {
            api.set_port(port);
        }
    }

    /// Where a request to an API goes.
    pub(crate) fn resolve(&self, id: &str, method: &Method, path: &str) -> Option<Resolved> {
        self.lock().apis.get(id)?.resolve(id, method, path)
    }

    /// Id, name and URL of each API.
    pub(crate) fn list(&self) -> Vec<crate::ApiStatus> {
        let status = |(id, api): (&String, &Api)| crate::ApiStatus {
            id: id.clone(),
            name: text(&api.fields, "name").to_owned(),
            url: text(&api.fields, "apiEndpoint").to_owned(),
        };
        self.lock().apis.iter().map(status).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn answer(&mut self, call: Call<'_>, around: Around<'_>) -> Result<Answer, Refusal> {
        match call.segments.as_slice() {
            ["v2", "apis"] => self.apis(call, around),
            ["v2", "apis", id] => {
                let id = (*id).to_owned();
                self.one_api(&id, call, around)
            }
            ["v2", "apis", id, rest @ ..] => {
                let rest: Vec<String> = rest.iter().map(|&segment| segment.to_owned()).collect();
                let api = self.api(id, around.region)?;
                let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
                resource::answer(api, &rest, call, around.now_ms)
            }
            ["v2", "tags", arn @ ..] => {
                let arn = arn.join("/");
                self.tags(&arn, &call, around.region)
            }
            segments => Err(Refusal::unknown(&operation(call.method, segments))),
        }
    }

    fn apis(&mut self, call: Call<'_>, around: Around<'_>) -> Result<Answer, Refusal> {
        match *call.method {
            Method::POST => {
                let id = new_id(10);
                let api = Api::create(&id, call.body, around)?;
                let answer = answer::json(201, &Value::Object(api.fields.clone()));
                self.apis.insert(id, api);
                Ok(answer)
            }
            Method::GET => {
                let here = self.apis.values().filter(|api| api.region == around.region);
                page(here.map(|api| &api.fields), &call.query)
            }
            _ => Err(Refusal::unknown(&operation(call.method, &call.segments))),
        }
    }

    fn one_api(&mut self, id: &str, call: Call<'_>, around: Around<'_>) -> Result<Answer, Refusal> {
        let api = self.api(id, around.region)?;
        match *call.method {
            Method::GET => Ok(answer::json(200, &Value::Object(api.fields.clone()))),
            Method::PATCH => {
                api.update(call.body)?;
                Ok(answer::json(200, &Value::Object(api.fields.clone())))
            }
            Method::DELETE => {
                self.apis.remove(id);
                Ok(answer::empty(204))
            }
            _ => Err(Refusal::unknown(&operation(call.method, &call.segments))),
        }
    }

    /// `TagResource`, `UntagResource`, `GetTags`, for APIs and stages.
    fn tags(&mut self, arn: &str, call: &Call<'_>, region: &str) -> Result<Answer, Refusal> {
        let path = arn.split_once("::/apis/").map(|(_, path)| path.to_owned());
        let path = path.ok_or_else(|| Refusal::bad(format!("Invalid resource ARN {arn}")))?;
        let (id, stage) =
            path.split_once("/stages/").map_or((path.as_str(), None), |(id, stage)| (id, Some(stage)));
        let api = self.api(id, region)?;
        let fields = match stage {
            None => &mut api.fields,
            Some(stage) => api
                .stages
                .get_mut(stage)
                .ok_or_else(|| Refusal::missing("Invalid stage identifier specified"))?,
        };
        let tags = fields.entry("tags").or_insert_with(|| json!({}));
        let Some(tags) = tags.as_object_mut() else {
            return Err(Refusal::bad("Invalid tags"));
        };
        match *call.method {
            Method::GET => Ok(answer::json(200, &json!({ "tags": tags }))),
            Method::POST => {
                let new = call.body.get("tags").and_then(Value::as_object).cloned().unwrap_or_default();
                tags.extend(new);
                Ok(answer::json(201, &json!({})))
            }
            Method::DELETE => {
                for (_, key) in call.query.iter().filter(|(name, _)| name == "tagKeys") {
                    tags.remove(key);
                }
                Ok(answer::empty(204))
            }
            _ => Err(Refusal::unknown("tags")),
        }
    }

    fn api(&mut self, id: &str, region: &str) -> Result<&mut Api, Refusal> {
        let missing =
            || Refusal::missing(format!("Invalid API identifier specified {}:{id}", crate::ACCOUNT));
        self.apis.get_mut(id).filter(|api| api.region == region).ok_or_else(missing)
    }
}

/// One page of a list, as `maxResults` and `nextToken` ask for it.
fn page<'a>(items: impl Iterator<Item = &'a Fields>, query: &[(String, String)]) -> Result<Answer, Refusal> {
    let find = |name: &str| query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    let number = |name: &str, default: usize| {
        find(name)
            .map_or(Ok(default), |text| text.parse().map_err(|_| Refusal::bad(format!("Invalid {name}"))))
    };
    let start = number("nextToken", 0)?;
    let size = number("maxResults", 100)?.clamp(1, 500);
    let mut items = items.skip(start);
    let found: Vec<&Fields> = items.by_ref().take(size).collect();
    let mut answer = json!({ "items": found });
    if items.next().is_some() {
        answer["nextToken"] = json!((start + size).to_string());
    }
    Ok(answer::json(200, &answer))
}

/// A field that is text; empty when it is missing.
fn text<'a>(fields: &'a Fields, key: &str) -> &'a str {
    fields.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// An id as API Gateway makes them: lower-case letters and digits.
fn new_id(length: usize) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = uuid::Uuid::new_v4().as_u128() ^ uuid::Uuid::new_v4().as_u128().rotate_left(64);
    (0..length)
        .map(|_| {
            let digit = usize::try_from(random % 36).unwrap_or_default();
            random /= 36;
            char::from(ALPHABET[digit])
        })
        .collect()
}

/// The operation that a request asks for: `POST …/authorizers` is `CreateAuthorizer`.
fn operation(method: &Method, segments: &[&str]) -> String {
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
