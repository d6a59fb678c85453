//! Builds the event that API Gateway sends for an HTTP request. A function URL's is much like it. Pure.
//!
//! AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Map, Value, json};

use super::received::Received;
use crate::apigateway::Resolved;
use crate::{ACCOUNT, clock, percent};

/// Headers that belong to a connection, not to a request.
const CONNECTION_HEADERS: [&str; 7] =
    ["connection", "expect", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];
/// Headers that the gateway sets itself, whatever the client sent.
const GATEWAY_HEADERS: [&str; 4] =
    ["x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"];

/// Builds the event, in the payload format of the integration. `path` is what [`super::path::event_path`] gives.
pub(crate) fn build_event(received: &Received, route: &Resolved, path: &str) -> Value {
    if route.payload_version == "1.0" {
        build_v1(received, route, path)
    } else {
        build_v2(received, route, path)
    }
}

fn build_v2(received: &Received, route: &Resolved, path: &str) -> Value {
    let parts = &received.parts;
    let mut headers = join_headers(received);
    let cookies = headers.remove("cookie");
    let mut event = json!({
        "version": "2.0",
        "routeKey": route.route_key,
        "rawPath": path,
        "rawQueryString": parts.uri.query().unwrap_or_default(),
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": received.api_id,
            "domainName": domain_name(received),
            "domainPrefix": received.api_id,
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": received.peer.ip().to_canonical().to_string(),
                "userAgent": user_agent(&parts.headers),
            },
            "requestId": received.request_id,
            "routeKey": route.route_key,
            "stage": route.stage,
            "time": clock::common_log(received.now_ms),
            "timeEpoch": received.now_ms,
        },
    });
    if let Some(cookies) = cookies {
        event["cookies"] = cookies.split("; ").map(|cookie| json!(cookie.trim())).collect();
    }
    let query = join_query(parts.uri.query().unwrap_or_default());
    if !query.is_empty() {
        event["queryStringParameters"] = json!(query);
    }
    add_body(&mut event, received);
    if !route.path_parameters.is_empty() {
        event["pathParameters"] = json!(route.path_parameters);
    }
    if !route.stage_variables.is_empty() {
        event["stageVariables"] = json!(route.stage_variables);
    }
    event
}

fn build_v1(received: &Received, route: &Resolved, path: &str) -> Value {
    let parts = &received.parts;
    let (headers, multi_headers) = split_values(collect_headers(received));
    let query = percent::pairs(parts.uri.query().unwrap_or_default());
    let (query, multi_query) = split_values(query.collect());
    let null_if_empty = |map: Map<String, Value>| {
        if map.is_empty() { Value::Null } else { Value::Object(map) }
    };
    let resource = route.route_key.split_once(' ').map_or("$default", |(_, path)| path);
    let mut event = json!({
        "version": "1.0",
        "resource": resource,
        "path": path,
        "httpMethod": parts.method.as_str(),
        "headers": headers,
        "multiValueHeaders": multi_headers,
        "queryStringParameters": null_if_empty(query),
        "multiValueQueryStringParameters": null_if_empty(multi_query),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": received.api_id,
            "domainName": domain_name(received),
            "domainPrefix": received.api_id,
            "extendedRequestId": received.request_id,
            "httpMethod": parts.method.as_str(),
            "identity": {
                "sourceIp": received.peer.ip().to_canonical().to_string(),
                "userAgent": user_agent(&parts.headers),
            },
            "path": path,
            "protocol": "HTTP/1.1",
            "requestId": received.request_id,
            "requestTime": clock::common_log(received.now_ms),
            "requestTimeEpoch": received.now_ms,
            "resourceId": route.route_key,
            "resourcePath": resource,
            "stage": route.stage,
        },
        "pathParameters": null_if_empty(route.path_parameters.clone()),
        "stageVariables": null_if_empty(route.stage_variables.clone()),
    });
    add_body(&mut event, received);
    if event.get("body").is_none() {
        event["body"] = Value::Null;
    }
    event
}

fn add_body(event: &mut Value, received: &Received) {
    let text = std::str::from_utf8(&received.body).ok().filter(|_| is_text(&received.parts.headers));
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        event["body"] = json!(text);
    } else if !received.body.is_empty() {
        event["body"] = json!(STANDARD.encode(&received.body));
    }
    event["isBase64Encoded"] = json!(!received.body.is_empty() && text.is_none());
}

/// API Gateway sends these bodies as text, and all others, forms among them, in base64.
fn is_text(headers: &HeaderMap) -> bool {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let textual = essence.starts_with("text/")
        || matches!(essence.as_str(), "application/json" | "application/javascript" | "application/xml")
        || essence.ends_with("+json")
        || essence.ends_with("+xml");
    textual && !headers.contains_key(header::CONTENT_ENCODING)
}

/// The request's headers, and those that the gateway adds.
fn collect_headers(received: &Received) -> Vec<(String, String)> {
    let headers = &received.parts.headers;
    let mut all: Vec<(String, String)> = headers
        .iter()
        .filter(|(name, _)| !CONNECTION_HEADERS.contains(&name.as_str()))
        .filter(|(name, _)| !GATEWAY_HEADERS.contains(&name.as_str()))
        .map(|(name, value)| (name.as_str().to_owned(), read_latin_1(value)))
        .collect();
    let mut add = |name: &str, value: String| all.push((name.to_owned(), value));
    if !headers.contains_key(header::CONTENT_LENGTH) {
        add("content-length", received.body.len().to_string());
    }
    let seconds = received.now_ms / 1000;
    let random = uuid::Uuid::new_v4().simple().to_string();
    add("x-amzn-trace-id", format!("Root=1-{seconds:08x}-{}", &random[..24]));
    add("x-forwarded-for", append_client(received));
    add("x-forwarded-port", received.port.to_string());
    add("x-forwarded-proto", "http".to_owned());
    all
}

/// `X-Forwarded-For`: what the client sent, then the client's own address.
fn append_client(received: &Received) -> String {
    let sent = received.parts.headers.get_all("x-forwarded-for").iter().map(read_latin_1);
    let client = received.peer.ip().to_canonical().to_string();
    sent.filter(|value| !value.is_empty()).chain([client]).collect::<Vec<_>>().join(", ")
}

/// A header's bytes as text: each byte is the character of the same number, so that none is lost.
fn read_latin_1(value: &HeaderValue) -> String {
    value.as_bytes().iter().copied().map(char::from).collect()
}

/// One value for each name: cookies as one cookie header, other repeated headers with commas and no blank.
fn join_headers(received: &Received) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in collect_headers(received) {
        let separator = if name == "cookie" { "; " } else { "," };
        join_value(&mut joined, name, &value, separator);
    }
    joined
}

fn join_query(query: &str) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::new();
    for (name, value) in percent::pairs(query) {
        join_value(&mut joined, name, &value, ",");
    }
    joined
}

fn join_value(joined: &mut BTreeMap<String, String>, name: String, value: &str, separator: &str) {
    joined
        .entry(name)
        .and_modify(|known| {
            known.push_str(separator);
            known.push_str(value);
        })
        .or_insert_with(|| value.to_owned());
}

/// Format 1.0 has two maps: the last value of each name, and all values.
fn split_values(pairs: Vec<(String, String)>) -> (Map<String, Value>, Map<String, Value>) {
    let mut single = Map::new();
    let mut multi: Map<String, Value> = Map::new();
    for (name, value) in pairs {
        let values = multi.entry(name.clone()).or_insert_with(|| json!([]));
        if let Some(values) = values.as_array_mut() {
            values.push(json!(value));
        }
        single.insert(name, json!(value));
    }
    (single, multi)
}

fn domain_name(received: &Received) -> String {
    let host = received.parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    host.map_or_else(|| format!("localhost:{}", received.port), str::to_owned)
}

fn user_agent(headers: &HeaderMap) -> String {
    headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;

    use super::*;

    fn route(payload_version: &str) -> Resolved {
        Resolved {
            function_arn: "arn:aws:lambda:us-east-1:000000000000:function:shop:live".into(),
            source_arn: String::new(),
            route_key: "GET /items/{id}".into(),
            stage: "$default".into(),
            path_parameters: Map::from_iter([("id".to_owned(), json!("7"))]),
            stage_variables: Map::new(),
            payload_version: payload_version.into(),
            timeout_ms: 30_000,
        }
    }

    fn received(request: Request<&'static [u8]>) -> Received {
        let (parts, body) = request.into_parts();
        Received {
            api_id: "abcdefghij".into(),
            request_id: "r1".into(),
            now_ms: 1_700_000_000_123,
            peer: "127.0.0.1:50000".parse().expect("an address"),
            port: 4511,
            parts,
            body: Bytes::from_static(body),
        }
    }

    fn request() -> Request<&'static [u8]> {
        Request::builder()
            .uri("/items/a%20b?x=1&y=%26&x=2")
            .header("Host", "localhost:4511")
            .header("User-Agent", "test")
            .header("Accept", "a")
            .header("Accept", "b")
            .header("Cookie", "k=1; l=2")
            .header("Cookie", "m=3")
            .header("Connection", "keep-alive")
            .body(b"".as_slice())
            .expect("a request")
    }

    #[test]
    fn build_v2_of_repeated_names_joins_their_values() {
        let event = build_event(&received(request()), &route("2.0"), "/items/a b");
        assert_eq!(event["rawPath"], "/items/a b");
        assert_eq!(event["rawQueryString"], "x=1&y=%26&x=2");
        assert_eq!(event["queryStringParameters"], json!({ "x": "1,2", "y": "&" }));
        assert_eq!(event["cookies"], json!(["k=1", "l=2", "m=3"]));
        assert_eq!(event["headers"]["accept"], "a,b");
        assert_eq!(event["headers"].get("connection").or(event["headers"].get("cookie")), None);
        assert_eq!(event["headers"]["x-forwarded-port"], "4511");
        assert_eq!(event["pathParameters"], json!({ "id": "7" }));
        let context = &event["requestContext"];
        assert_eq!(context["http"]["sourceIp"], "127.0.0.1");
        assert_eq!(context["domainName"], "localhost:4511");
        assert_eq!(context["time"], "14/Nov/2023:22:13:20 +0000");
        assert_eq!((event.get("body"), &event["isBase64Encoded"]), (None, &json!(false)));
    }

    #[test]
    fn build_v1_of_repeated_names_has_every_value() {
        let event = build_event(&received(request()), &route("1.0"), "/items/a b");
        assert_eq!(event["multiValueQueryStringParameters"], json!({ "x": ["1", "2"], "y": ["&"] }));
        assert_eq!(event["queryStringParameters"]["x"], "2");
        assert_eq!(event["multiValueHeaders"]["accept"], json!(["a", "b"]));
        assert_eq!(event["resource"], "/items/{id}");
        assert_eq!(event["body"], Value::Null);
    }

    #[test]
    fn build_of_headers_keeps_every_byte_and_appends_the_client() {
        let request = Request::builder()
            .uri("/")
            .header("X-Latin", HeaderValue::from_bytes(b"caf\xe9").expect("a header value"))
            .header("X-Utf-8", "café")
            .header("X-Forwarded-For", "192.0.2.1")
            .header("X-Forwarded-For", "192.0.2.2, 192.0.2.3")
            .header("X-Forwarded-Host", "example.com")
            .header("X-Forwarded-Proto", "https")
            .body(b"".as_slice())
            .expect("a request");
        let event = build_event(&received(request), &route("2.0"), "/");
        let headers = &event["headers"];
        assert_eq!(
            (&headers["x-latin"], &headers["x-utf-8"]),
            (&json!("caf\u{e9}"), &json!("caf\u{c3}\u{a9}"))
        );
        assert_eq!(headers["x-forwarded-for"], "192.0.2.1, 192.0.2.2, 192.0.2.3, 127.0.0.1");
        assert_eq!(
            (&headers["x-forwarded-host"], &headers["x-forwarded-proto"]),
            (&json!("example.com"), &json!("http"))
        );
    }

    #[test]
    fn build_of_a_body_sends_text_only_for_a_textual_type() {
        let check = |content_type: &str, body: &'static [u8], expected: &str, base64: bool| {
            let request =
                Request::post("/").header("content-type", content_type).body(body).expect("a request");
            let event = build_event(&received(request), &route("2.0"), "/");
            assert_eq!(
                (&event["body"], &event["isBase64Encoded"]),
                (&json!(expected), &json!(base64)),
                "{content_type}"
            );
        };
        check("application/json; charset=utf-8", b"{}", "{}", false);
        check("text/csv", "ä".as_bytes(), "ä", false);
        check("text/csv", b"\xff", "/w==", true);
        check("application/x-www-form-urlencoded", b"a=1", "YT0x", true);
        check("application/octet-stream", b"a", "YQ==", true);
    }
}
