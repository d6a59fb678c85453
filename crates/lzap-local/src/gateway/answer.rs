//! The HTTP response that API Gateway makes of a function's answer. Pure.
//!
//! AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};

/// What the connection sets itself.
const CONNECTION_HEADERS: [&str; 3] = ["connection", "content-length", "transfer-encoding"];

/// The response; `None` when the answer is malformed.
pub(crate) fn build(payload: &[u8], payload_version: &str) -> Option<Response<Bytes>> {
    let answer: Value = serde_json::from_slice(payload).ok()?;
    match answer.as_object().filter(|answer| answer.contains_key("statusCode")) {
        Some(answer) => from_object(answer, payload_version),
        // Format 2.0 takes anything else as a body of type JSON.
        None if payload_version == "2.0" => {
            let text = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
            Some(crate::answer::body(200, "application/json", text))
        }
        None => None,
    }
}

fn from_object(answer: &Map<String, Value>, payload_version: &str) -> Option<Response<Bytes>> {
    let status = match &answer["statusCode"] {
        Value::Number(number) => u16::try_from(number.as_u64()?).ok()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    let mut response = Response::new(body(answer)?);
    *response.status_mut() = StatusCode::from_u16(status).ok().filter(|status| status.as_u16() >= 200)?;
    let headers = response.headers_mut();
    for (name, value) in entries(answer, "headers")? {
        add(headers, name, value, false)?;
    }
    if payload_version == "1.0" {
        for (name, values) in entries(answer, "multiValueHeaders")? {
            headers.remove(name);
            for value in values.as_array()? {
                add(headers, name, value, true)?;
            }
        }
    }
    for cookie in answer.get("cookies").and_then(Value::as_array).into_iter().flatten() {
        headers.append(header::SET_COOKIE, HeaderValue::from_str(cookie.as_str()?).ok()?);
    }
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain;charset=UTF-8"));
    Some(response)
}

fn body(answer: &Map<String, Value>) -> Option<Bytes> {
    let text = match answer.get("body") {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text,
        Some(_) => return None,
    };
    match answer.get("isBase64Encoded") {
        Some(Value::Bool(true)) => STANDARD.decode(text).ok().map(Bytes::from),
        _ => Some(Bytes::copy_from_slice(text.as_bytes())),
    }
}

/// The entries of an object that may be missing.
fn entries<'a>(answer: &'a Map<String, Value>, key: &str) -> Option<Vec<(&'a String, &'a Value)>> {
    match answer.get(key) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(value) => value.as_object().map(|entries| entries.iter().collect()),
    }
}

fn add(headers: &mut HeaderMap, name: &str, value: &Value, append: bool) -> Option<()> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return None,
    };
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    if CONNECTION_HEADERS.contains(&name.as_str()) {
        return Some(());
    }
    let value = HeaderValue::from_bytes(text.as_bytes()).ok()?;
    if append {
        headers.append(name, value);
    } else {
        headers.insert(name, value);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(value: &Value, version: &str) -> Option<(u16, String, String)> {
        let response = build(value.to_string().as_bytes(), version)?;
        let content_type = response.headers()[header::CONTENT_TYPE].to_str().expect("text").to_owned();
        let body = String::from_utf8(response.body().to_vec()).expect("text");
        Some((response.status().as_u16(), content_type, body))
    }

    fn text(status: u16, content_type: &str, body: &str) -> (u16, String, String) {
        (status, content_type.to_owned(), body.to_owned())
    }

    #[test]
    fn an_object_with_a_status_is_a_response() {
        let full = json!({ "statusCode": 201, "headers": { "Content-Type": "text/csv", "X-N": 1 }, "body": "aGk=", "isBase64Encoded": true });
        assert_eq!(answer(&full, "2.0"), Some(text(201, "text/csv", "hi")));
        assert_eq!(
            answer(&json!({ "statusCode": "204" }), "2.0"),
            Some(text(204, "text/plain;charset=UTF-8", ""))
        );
    }

    #[test]
    fn anything_else_is_a_json_body_in_format_2_only() {
        assert_eq!(answer(&json!({ "a": 1 }), "2.0"), Some(text(200, "application/json", "{\"a\":1}")));
        assert_eq!(answer(&json!("hi"), "2.0"), Some(text(200, "application/json", "hi")));
        assert_eq!(answer(&json!(null), "2.0"), Some(text(200, "application/json", "null")));
        assert_eq!(answer(&json!({ "a": 1 }), "1.0"), None);
    }

    #[test]
    fn cookies_and_repeated_headers_stay_apart() {
        let two = json!({ "statusCode": 200, "cookies": ["a=1", "b=2"] });
        let response = build(two.to_string().as_bytes(), "2.0").expect("well formed");
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        let one = json!({ "statusCode": 200, "headers": { "x-a": "0" }, "multiValueHeaders": { "x-a": ["1", "2"] } });
        let response = build(one.to_string().as_bytes(), "1.0").expect("well formed");
        assert_eq!(response.headers().get_all("x-a").iter().count(), 2);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            json!({ "statusCode": 200, "body": { "a": 1 } }),
            json!({ "statusCode": "x" }),
            json!({ "statusCode": 99 }),
            json!({ "statusCode": 100 }),
            json!({ "statusCode": 200, "headers": { "bad name": "x" } }),
            json!({ "statusCode": 200, "headers": { "x": "line\nbreak" } }),
            json!({ "statusCode": 200, "body": "%", "isBase64Encoded": true }),
        ] {
            assert_eq!(answer(&bad, "2.0"), None, "{bad}");
        }
        assert!(build(b"not json", "2.0").is_none());
    }
}
