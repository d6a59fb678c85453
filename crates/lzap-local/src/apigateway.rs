//! The control API of API Gateway v2, for HTTP APIs with Lambda proxy integrations.
//!
//! lzap's own, because the gateway runs on this very state: APIs, integrations, routes, stages, deployments, tags.
//! Each resource is the JSON object that AWS answers, so nothing a client sets is lost. Not here: authorizers, domain
//! names, VPC links, models, WebSocket APIs (501 by name). Requests to the APIs themselves are `gateway`'s.
//!
//! AWS: <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/api-reference.html>

mod api;
mod error;
mod fields;
mod integration;
mod matching;
mod request;
mod resource;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub(crate) use api::Resolved;
pub(crate) use request::{CallContext, creates_api};

use crate::answer::{self, Answer};
use crate::percent;
use api::Api;
use error::ApiGatewayError;
use fields::{new_id, read_text};
use request::{Call, name_operation, render_page};

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

impl Apis {
    /// Takes up a state that was saved.
    pub(crate) fn new(state: State) -> Self {
        Self { state: Mutex::new(state) }
    }

    /// Answers one request.
    pub(crate) fn handle(&self, request: &Request<Bytes>, context: CallContext<'_>) -> Answer {
        let segments: Vec<_> =
            request.uri().path().trim_matches('/').split('/').map(percent::decode).collect();
        let body =
            if request.body().is_empty() { Ok(Map::new()) } else { serde_json::from_slice(request.body()) };
        let Ok(body) = body else {
            return ApiGatewayError::bad_request("Invalid request input").into();
        };
        let call = Call {
            method: request.method(),
            segments: segments.iter().map(String::as_str).collect(),
            query: percent::pairs(request.uri().query().unwrap_or_default()).collect(),
            body,
        };
        self.lock().answer_call(call, context).unwrap_or_else(Into::into)
    }

    /// The state, for the store.
    pub(crate) fn snapshot(&self) -> State {
        self.lock().clone()
    }

    /// Each API's id and port.
    pub(crate) fn list_ports(&self) -> Vec<(String, u16)> {
        self.lock().apis.iter().map(|(id, api)| (id.clone(), api.port)).collect()
    }

    /// Gives an API another port, when its own was taken by someone else.
    pub(crate) fn set_port(&self, id: &str, port: u16) {
        if let Some(api) = self.lock().apis.get_mut(id) {
            api.set_port(port);
        }
    }

    /// Finds the target of a request to an API.
    pub(crate) fn resolve_route(&self, id: &str, method: &Method, path: &str) -> Option<Resolved> {
        self.lock().apis.get(id)?.resolve_route(id, method, path)
    }

    /// Id, name and URL of each API.
    pub(crate) fn list_statuses(&self) -> Vec<crate::ApiStatus> {
        let status = |(id, api): (&String, &Api)| crate::ApiStatus {
            id: id.clone(),
            name: read_text(&api.fields, "name").to_owned(),
            url: read_text(&api.fields, "apiEndpoint").to_owned(),
        };
        self.lock().apis.iter().map(status).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn answer_call(&mut self, call: Call<'_>, context: CallContext<'_>) -> Result<Answer, ApiGatewayError> {
        match call.segments.as_slice() {
            ["v2", "apis"] => self.answer_apis(call, context),
            ["v2", "apis", id] => {
                let id = (*id).to_owned();
                self.answer_api(&id, call, context)
            }
            ["v2", "apis", id, rest @ ..] => {
                let rest: Vec<String> = rest.iter().map(|&segment| segment.to_owned()).collect();
                let api = self.find_api(id, context.region)?;
                let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
                resource::answer_resource(api, &rest, call, context.now_ms)
            }
            ["v2", "tags", arn @ ..] => {
                let arn = arn.join("/");
                self.answer_tags(&arn, &call, context.region)
            }
            segments => Err(ApiGatewayError::not_implemented(&name_operation(call.method, segments))),
        }
    }

    fn answer_apis(&mut self, call: Call<'_>, context: CallContext<'_>) -> Result<Answer, ApiGatewayError> {
        match *call.method {
            Method::POST => {
                let id = new_id(10);
                let api = Api::create(&id, call.body, context)?;
                let answer = answer::build_json(201, &Value::Object(api.fields.clone()));
                self.apis.insert(id, api);
                Ok(answer)
            }
            Method::GET => {
                let here = self.apis.values().filter(|api| api.region == context.region);
                render_page(here.map(|api| &api.fields), &call.query)
            }
            _ => Err(ApiGatewayError::not_implemented(&name_operation(call.method, &call.segments))),
        }
    }

    fn answer_api(
        &mut self,
        id: &str,
        call: Call<'_>,
        context: CallContext<'_>,
    ) -> Result<Answer, ApiGatewayError> {
        let api = self.find_api(id, context.region)?;
        match *call.method {
            Method::GET => Ok(answer::build_json(200, &Value::Object(api.fields.clone()))),
            Method::PATCH => {
                api.update(call.body)?;
                Ok(answer::build_json(200, &Value::Object(api.fields.clone())))
            }
            Method::DELETE => {
                self.apis.remove(id);
                Ok(answer::build_empty(204))
            }
            _ => Err(ApiGatewayError::not_implemented(&name_operation(call.method, &call.segments))),
        }
    }

    /// `TagResource`, `UntagResource`, `GetTags`, for APIs and stages.
    fn answer_tags(&mut self, arn: &str, call: &Call<'_>, region: &str) -> Result<Answer, ApiGatewayError> {
        let path = arn.split_once("::/apis/").map(|(_, path)| path.to_owned());
        let path = path.ok_or_else(|| ApiGatewayError::bad_request(format!("Invalid resource ARN {arn}")))?;
        let (id, stage) =
            path.split_once("/stages/").map_or((path.as_str(), None), |(id, stage)| (id, Some(stage)));
        let api = self.find_api(id, region)?;
        let fields = match stage {
            None => &mut api.fields,
            Some(stage) => api
                .stages
                .get_mut(stage)
                .ok_or_else(|| ApiGatewayError::not_found("Invalid stage identifier specified"))?,
        };
        let tags = fields.entry("tags").or_insert_with(|| json!({}));
        let Some(tags) = tags.as_object_mut() else {
            return Err(ApiGatewayError::bad_request("Invalid tags"));
        };
        match *call.method {
            Method::GET => Ok(answer::build_json(200, &json!({ "tags": tags }))),
            Method::POST => {
                let new = call.body.get("tags").and_then(Value::as_object).cloned().unwrap_or_default();
                tags.extend(new);
                Ok(answer::build_json(201, &json!({})))
            }
            Method::DELETE => {
                for (_, key) in call.query.iter().filter(|(name, _)| name == "tagKeys") {
                    tags.remove(key);
                }
                Ok(answer::build_empty(204))
            }
            _ => Err(ApiGatewayError::not_implemented("tags")),
        }
    }

    fn find_api(&mut self, id: &str, region: &str) -> Result<&mut Api, ApiGatewayError> {
        let missing = || {
            ApiGatewayError::not_found(format!("Invalid API identifier specified {}:{id}", crate::ACCOUNT))
        };
        self.apis.get_mut(id).filter(|api| api.region == region).ok_or_else(missing)
    }
}
