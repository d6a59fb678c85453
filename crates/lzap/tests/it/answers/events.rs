//! Requests as events, in the formats that AWS documents for each front, and answers as responses.
//!
//! The events are written as text: the order of a map's keys is part of what is tested.
//!
//! AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>,
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{
    client::Exchange,
    model::{Front, STAGE, decoded_pairs, event_headers, group, http_api_path, raw_pairs},
    requests::Sent,
};

/// The client, as the fronts see it.
pub(crate) const CLIENT: &str = "203.0.113.9";

/// The event for a request; `None` where the front answers by itself.
pub(crate) fn build(front: Front, sent: &Sent) -> Option<String> {
    let path = if front.is_http_api() { http_api_path(&sent.path)? } else { sent.path.clone() };
    let path = if front.is_http_api() && front.stage() == STAGE { format!("/{STAGE}{path}") } else { path };
    let mut fields = match front {
        _ if front.is_payload_2() => payload_2(front, sent, &path),
        Front::LoadBalancer | Front::LoadBalancerMulti => load_balancer(front, sent, &path),
        _ => payload_1(front, sent, &path),
    };
    let text = str::from_utf8(&sent.body).ok().filter(|_| is_text(front, sent));
    let is_base64 = text.is_none() && !sent.body.is_empty();
    let body = match text {
        _ if sent.body.is_empty() && front.is_payload_2() => None,
        _ if sent.body.is_empty() && !matches!(front, Front::LoadBalancer | Front::LoadBalancerMulti) => {
            Some(Value::Null)
        }
        Some(text) => Some(json!(text)),
        None => Some(json!(BASE64_STANDARD.encode(&sent.body))),
    };
    fields.extend(body.map(|body| ("body", body.to_string())));
    fields.push(("isBase64Encoded", is_base64.to_string()));
    Some(object(fields.iter().map(|(name, value)| (*name, value.clone()))))
}

type Fields = Vec<(&'static str, String)>;

fn payload_2(front: Front, sent: &Sent, path: &str) -> Fields {
    let mut headers = group(&texts(&event_headers(sent, CLIENT)));
    let cookies = headers.iter().position(|(name, _)| name == "cookie");
    let cookies = cookies.map(|at| headers.remove(at).1).unwrap_or_default();
    let cookies: Vec<&str> = cookies.iter().flat_map(|cookie| cookie.split("; ")).collect();
    let mut headers: Vec<(String, String)> =
        headers.into_iter().map(|(name, values)| (name, values.join(","))).collect();
    if front == Front::FunctionUrl && !cookies.is_empty() {
        headers.push(("cookie".to_owned(), cookies.join("; ")));
    }
    let host = match front {
        Front::FunctionUrl => "2cxn22odiwguak4feg4jtt7cwm0ziblr.lambda-url.us-west-2.on.aws",
        _ => "sjzepsqsu5.execute-api.us-west-2.amazonaws.com",
    };
    let query = sent.query.as_deref().unwrap_or_default();
    let parameters = group(&decoded_pairs(query)).into_iter().map(|(name, values)| (name, values.join(",")));
    let context = json!({
        "accountId": "000000000000",
        "apiId": host.split('.').next(),
        "domainName": host,
        "domainPrefix": host.split('.').next(),
        "http": {
            "method": sent.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": CLIENT, "userAgent": "",
        },
        "requestId": "JKJaXmPLvHcESHA=",
        "routeKey": "$default",
        "stage": front.stage(),
        "time": "10/Jul/2026:19:19:05 +0000",
        "timeEpoch": 1_783_711_145_766_u64,
    });
    let mut fields = vec![
        ("version", json!("2.0").to_string()),
        ("routeKey", json!("$default").to_string()),
        ("rawPath", json!(path).to_string()),
        ("rawQueryString", json!(query).to_string()),
        ("headers", text_map(headers)),
        ("requestContext", context.to_string()),
    ];
    if !cookies.is_empty() {
        fields.push(("cookies", json!(cookies).to_string()));
    }
    if !query.is_empty() {
        fields.push(("queryStringParameters", text_map(parameters)));
    }
    fields
}

fn payload_1(front: Front, sent: &Sent, path: &str) -> Fields {
    let query = decoded_pairs(sent.query.as_deref().unwrap_or_default());
    let host = "5h7pqvr9u4.execute-api.us-west-2.amazonaws.com";
    let context = json!({
        "accountId": "000000000000",
        "apiId": "5h7pqvr9u4",
        "domainName": host,
        "domainPrefix": "5h7pqvr9u4",
        "httpMethod": sent.method,
        "identity": { "sourceIp": CLIENT, "userAgent": null },
        "path": if front == Front::RestApi { format!("/{STAGE}{path}") } else { path.to_owned() },
        "protocol": "HTTP/1.1",
        "requestId": "7c2af7db-31f3-42b5-8a6d-9ffc74e3b9e0",
        "requestTimeEpoch": 1_783_711_144_836_u64,
        "resourcePath": "/{proxy+}",
        "stage": front.stage(),
    });
    let mut fields = vec![
        ("resource", json!("/{proxy+}").to_string()),
        ("path", json!(path).to_string()),
        ("httpMethod", json!(sent.method).to_string()),
        ("requestContext", context.to_string()),
        ("pathParameters", json!({ "proxy": path.trim_start_matches('/') }).to_string()),
        ("stageVariables", "null".to_owned()),
    ];
    if front != Front::RestApi {
        fields.push(("version", json!("1.0").to_string()));
    }
    fields.extend(both_maps(&texts(&event_headers(sent, CLIENT)), "headers", "multiValueHeaders"));
    fields.extend(both_maps(&query, "queryStringParameters", "multiValueQueryStringParameters"));
    fields
}

fn load_balancer(front: Front, sent: &Sent, path: &str) -> Fields {
    let arn = "arn:aws:elasticloadbalancing:us-west-2:000000000000:targetgroup/shop/4efa1ab384b3474d";
    let query = raw_pairs(sent.query.as_deref().unwrap_or_default());
    let headers = both_maps(&texts(&event_headers(sent, CLIENT)), "headers", "multiValueHeaders");
    let query = both_maps(&query, "queryStringParameters", "multiValueQueryStringParameters");
    let mut fields = vec![
        ("requestContext", json!({ "elb": { "targetGroupArn": arn } }).to_string()),
        ("httpMethod", json!(sent.method).to_string()),
        ("path", json!(path).to_string()),
    ];
    let multi = usize::from(front == Front::LoadBalancerMulti);
    for maps in [headers, query] {
        let (name, value) = maps[multi].clone();
        fields.push((name, if value == "null" { "{}".to_owned() } else { value }));
    }
    fields
}

/// The map with the last value of each name, and the map with all of them; `null` where there are none.
fn both_maps(pairs: &[(String, String)], single: &'static str, multi: &'static str) -> Fields {
    let groups = group(pairs);
    if groups.is_empty() {
        return vec![(single, "null".to_owned()), (multi, "null".to_owned())];
    }
    let last = groups.iter().map(|(name, values)| (name.clone(), values[values.len() - 1].clone()));
    let all = groups.iter().map(|(name, values)| (name, json!(values).to_string()));
    vec![(single, text_map(last)), (multi, object(all))]
}

/// True for bodies that arrive as text: every front but a REST API goes by the content type.
fn is_text(front: Front, sent: &Sent) -> bool {
    let has = |name: &str| sent.headers.iter().find(|(known, _)| *known == name);
    let content_type = has("content-type").map_or("", |(_, value)| str::from_utf8(value).expect("ASCII"));
    let textual = ["text/", "application/json", "application/javascript", "application/xml"];
    // A REST API without binary media types sends every body as text.
    let is_textual = textual.iter().any(|kind| content_type.starts_with(kind)) || front == Front::RestApi;
    is_textual && has("content-encoding").is_none()
}

/// Header bytes as JSON carries them: each is the character of the same number.
fn texts(headers: &[(String, Vec<u8>)]) -> Vec<(String, String)> {
    let text = |value: &[u8]| value.iter().copied().map(char::from).collect();
    headers.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

fn text_map(entries: impl IntoIterator<Item = (String, String)>) -> String {
    object(entries.into_iter().map(|(name, value)| (name, json!(value).to_string())))
}

/// A JSON object with its keys in this order.
fn object<N: AsRef<str>>(entries: impl Iterator<Item = (N, String)>) -> String {
    let entries = entries.map(|(name, value)| format!("{}:{value}", json!(name.as_ref())));
    format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
}

/// The response that a front makes of the function's answer.
pub(crate) fn response(front: Front, method: &str, answer: &Value) -> Exchange {
    let status =
        answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status");
    let bytes = |value: &Value| -> Vec<u8> {
        let chars = value.as_str().expect("text").chars();
        chars.map(|char| u8::try_from(u32::from(char)).expect("a byte")).collect()
    };
    let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
    let map =
        if front.is_payload_2() || front == Front::LoadBalancer { "headers" } else { "multiValueHeaders" };
    for (name, values) in answer[map].as_object().expect("headers") {
        match values.as_array() {
            Some(values) => headers.extend(values.iter().map(|value| (name.clone(), bytes(value)))),
            None => headers.push((name.clone(), bytes(values))),
        }
    }
    if front.is_payload_2() {
        let cookies = answer["cookies"].as_array().into_iter().flatten();
        headers.extend(cookies.map(|cookie| ("set-cookie".to_owned(), bytes(cookie))));
    }
    if matches!(front, Front::LoadBalancer | Front::LoadBalancerMulti) {
        let described = answer["statusDescription"].as_str().expect("a description");
        assert!(described.starts_with(&status.to_string()), "{described}");
    }
    let body = answer.get("body").and_then(Value::as_str).unwrap_or_default();
    let is_base64 = answer["isBase64Encoded"].as_bool().expect("a flag");
    let body =
        if is_base64 { BASE64_STANDARD.decode(body).expect("base64") } else { body.as_bytes().to_vec() };
    Exchange::new(method, status, headers, &body)
}
