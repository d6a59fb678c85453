//! The control API, asked as a client would.

use super::*;

fn ask(apis: &Apis, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let mut request =
        Request::new(Bytes::from(if body.is_null() { String::new() } else { body.to_string() }));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().expect("a path");
    let answer = apis.handle(&request, CallContext { region: "eu-west-1", now_ms: 0, port: 4511 });
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(answer.body()).unwrap_or_default())
}

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:000000000000:function:shop:live";

#[test]
fn quick_create_makes_integration_route_and_stage() {
    let apis = Apis::default();
    let body = json!({ "name": "shop", "protocolType": "HTTP", "target": FUNCTION, "tags": { "a": "b" } });
    let (status, api) = ask(&apis, Method::POST, "/v2/apis", &body);
    assert_eq!((status, &api["apiEndpoint"]), (201, &json!("http://localhost:4511")));
    let id = api["apiId"].as_str().expect("an id");
    assert_eq!(id.len(), 10);
    let all = |what: &str| {
        ask(&apis, Method::GET, &format!("/v2/apis/{id}/{what}"), &Value::Null).1["items"].clone()
    };
    assert_eq!(all("integrations")[0]["integrationUri"], FUNCTION);
    assert_eq!(all("integrations")[0]["apiGatewayManaged"], true);
    assert_eq!(all("routes")[0]["routeKey"], "$default");
    assert_eq!(all("stages")[0]["stageName"], "$default");
    let route = all("routes")[0]["routeId"].as_str().expect("an id").to_owned();
    assert_eq!(ask(&apis, Method::DELETE, &format!("/v2/apis/{id}/routes/{route}"), &Value::Null).0, 400);
    let found = apis.resolve_route(id, &Method::GET, "/x").expect("a route");
    assert_eq!(
        (found.function_arn.as_str(), found.source_arn.as_str()),
        (FUNCTION, format!("arn:aws:execute-api:eu-west-1:000000000000:{id}/$default/$default").as_str(),)
    );
}

#[test]
fn lists_come_in_pages_and_deletions_are_seen() {
    let apis = Apis::default();
    let body = json!({ "name": "shop", "protocolType": "HTTP" });
    for _ in 0..3 {
        ask(&apis, Method::POST, "/v2/apis", &body);
    }
    let (_, first) = ask(&apis, Method::GET, "/v2/apis?maxResults=2", &Value::Null);
    assert_eq!((first["items"].as_array().map(Vec::len), &first["nextToken"]), (Some(2), &json!("2")));
    let (_, second) = ask(&apis, Method::GET, "/v2/apis?maxResults=2&nextToken=2", &Value::Null);
    assert_eq!((second["items"].as_array().map(Vec::len), second.get("nextToken")), (Some(1), None));
    let id = second["items"][0]["apiId"].as_str().expect("an id");
    assert_eq!(ask(&apis, Method::DELETE, &format!("/v2/apis/{id}"), &Value::Null).0, 204);
    assert_eq!(ask(&apis, Method::DELETE, &format!("/v2/apis/{id}"), &Value::Null).0, 404);
}

#[test]
fn an_integration_is_not_deleted_while_a_route_targets_it() {
    let apis = Apis::default();
    let (_, api) = ask(&apis, Method::POST, "/v2/apis", &json!({ "name": "shop", "protocolType": "HTTP" }));
    let base = format!("/v2/apis/{}", api["apiId"].as_str().expect("an id"));
    let body = json!({ "integrationType": "AWS_PROXY", "integrationUri": FUNCTION, "payloadFormatVersion": "2.0", "timeoutInMillis": 29_000 });
    let (status, integration) = ask(&apis, Method::POST, &format!("{base}/integrations"), &body);
    assert_eq!((status, &integration["timeoutInMillis"]), (201, &json!(29_000)));
    let integration = integration["integrationId"].as_str().expect("an id");
    let route = json!({ "routeKey": "GET /a", "target": format!("integrations/{integration}") });
    let (status, made) = ask(&apis, Method::POST, &format!("{base}/routes"), &route);
    assert_eq!(status, 201);
    assert_eq!(ask(&apis, Method::POST, &format!("{base}/routes"), &route).0, 409);
    let integration = format!("{base}/integrations/{integration}");
    assert_eq!(ask(&apis, Method::DELETE, &integration, &Value::Null).0, 409);
    let made = made["routeId"].as_str().expect("an id");
    assert_eq!(ask(&apis, Method::DELETE, &format!("{base}/routes/{made}"), &Value::Null).0, 204);
    assert_eq!(ask(&apis, Method::DELETE, &integration, &Value::Null).0, 204);
}

#[test]
fn what_is_not_there_is_named() {
    let apis = Apis::default();
    let (status, body) = ask(&apis, Method::POST, "/v2/domainnames", &json!({}));
    assert_eq!(status, 501);
    assert!(body["message"].as_str().is_some_and(|message| message.contains("CreateDomainname")), "{body}");
}
