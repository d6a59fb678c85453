//! Builds the HTTP response that API Gateway or a function URL sends for a function's answer. Pure.
//!
//! AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Map, Value};

/// Headers that the server sets itself, for each connection and body.
const CONNECTION_HEADERS: [&str; 3] = ["connection", "content-length", "transfer-encoding"];

/// The format in which a front reads a function's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerFormat {
    /// An HTTP API with payload format 1.0.
    HttpApi1,
    /// An HTTP API with payload format 2.0.
    HttpApi2,
    /// A function URL: format 2.0, with another content type where the function names none.
    FunctionUrl,
}

impl AnswerFormat {
    /// The format of an HTTP API's integration.
    pub(crate) fn of_http_api(payload_version: &str) -> Self {
        if payload_version == "1.0" { Self::HttpApi1 } else { Self::HttpApi2 }
    }

    fn default_content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::HttpApi1 | Self::HttpApi2 => "text/plain;charset=UTF-8",
            Self::FunctionUrl => "application/json",
        })
    }
}

/// Builds the response; `None` where the answer is malformed. The answer to a HEAD request has no body, and keeps the
/// function's `content-length`.
pub(crate) fn build_response(
    payload: &[u8],
    format: AnswerFormat,
    method: &Method,
) -> Option<Response<Bytes>> {
    let mut response = read_answer(payload, format)?;
    let length = response.headers_mut().remove(header::CONTENT_LENGTH);
    if *method == Method::HEAD {
        let sent = response.body().len();
        let length = length.or((sent > 0).then(|| HeaderValue::from(sent)));
        if let Some(length) = length {
            response.headers_mut().insert(header::CONTENT_LENGTH, length);
        }
        *response.body_mut() = Bytes::new();
    }
    Some(response)
}

fn read_answer(payload: &[u8], format: AnswerFormat) -> Option<Response<Bytes>> {
    let answer: Value = serde_json::from_slice(payload).ok()?;
    match answer.as_object().filter(|answer| answer.contains_key("statusCode")) {
        Some(answer) => read_object(answer, format),
        None if format == AnswerFormat::HttpApi1 => None,
        // Format 2.0 sends any other answer as a body of type JSON.
        None => {
            let text = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
            Some(crate::answer::build_answer(200, "application/json", text))
        }
    }
}

fn read_object(answer: &Map<String, Value>, format: AnswerFormat) -> Option<Response<Bytes>> {
    let status = match &answer["statusCode"] {
        Value::Number(number) => u16::try_from(number.as_u64()?).ok()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    let mut response = Response::new(read_body(answer)?);
    *response.status_mut() = StatusCode::from_u16(status).ok().filter(|status| status.as_u16() >= 200)?;
    let headers = response.headers_mut();
    for (name, value) in read_entries(answer, "headers")? {
        add_header(headers, name, value, Repeat::Replace)?;
    }
    if format == AnswerFormat::HttpApi1 {
        for (name, values) in read_entries(answer, "multiValueHeaders")? {
            headers.remove(name);
            for value in values.as_array()? {
                add_header(headers, name, value, Repeat::Append)?;
            }
        }
    }
    for cookie in answer.get("cookies").and_then(Value::as_array).into_iter().flatten() {
        headers.append(header::SET_COOKIE, write_latin_1(cookie.as_str()?)?);
    }
    if !response.body().is_empty() {
        response.headers_mut().entry(header::CONTENT_TYPE).or_insert_with(|| format.default_content_type());
    }
    Some(response)
}

fn read_body(answer: &Map<String, Value>) -> Option<Bytes> {
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
fn read_entries<'a>(answer: &'a Map<String, Value>, key: &str) -> Option<Vec<(&'a String, &'a Value)>> {
    match answer.get(key) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(value) => value.as_object().map(|entries| entries.iter().collect()),
    }
}

fn add_header(headers: &mut HeaderMap, name: &str, value: &Value, repeat: Repeat) -> Option<()> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return None,
    };
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    if CONNECTION_HEADERS.contains(&name.as_str()) && name != header::CONTENT_LENGTH {
        return Some(());
    }
    let value = write_latin_1(&text)?;
    if repeat == Repeat::Append {
        headers.append(name, value);
    } else {
        headers.insert(name, value);
    }
    Some(())
}

/// A header's text as bytes: each character up to U+00FF is the byte of the same number. Other text is UTF-8.
fn write_latin_1(text: &str) -> Option<HeaderValue> {
    let bytes: Option<Vec<u8>> = text.chars().map(|char| u8::try_from(u32::from(char)).ok()).collect();
    HeaderValue::from_bytes(&bytes.unwrap_or_else(|| text.as_bytes().to_vec())).ok()
}

/// Keeps or drops an earlier value of the same header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    Append,
    Replace,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::AnswerFormat::{FunctionUrl, HttpApi1, HttpApi2};
    use super::*;

    fn answer(value: &Value, format: AnswerFormat) -> Option<(u16, String, String)> {
        let response = build_response(value.to_string().as_bytes(), format, &Method::GET)?;
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.map_or("", |value| value.to_str().expect("text")).to_owned();
        let body = String::from_utf8(response.body().to_vec()).expect("text");
        Some((response.status().as_u16(), content_type, body))
    }

    fn text(status: u16, content_type: &str, body: &str) -> (u16, String, String) {
        (status, content_type.to_owned(), body.to_owned())
    }

    #[test]
    fn build_of_an_object_with_a_status_is_a_response() {
        let full = json!({ "statusCode": 201, "headers": { "Content-Type": "text/csv", "X-N": 1 }, "body": "aGk=", "isBase64Encoded": true });
        assert_eq!(answer(&full, HttpApi2), Some(text(201, "text/csv", "hi")));
        assert_eq!(answer(&json!({ "statusCode": "204" }), HttpApi2), Some(text(204, "", "")));
        assert_eq!(
            answer(&json!({ "statusCode": 200, "body": "hi" }), HttpApi2),
            Some(text(200, "text/plain;charset=UTF-8", "hi"))
        );
    }

    #[test]
    fn build_of_other_json_is_a_json_body_in_format_2_only() {
        assert_eq!(answer(&json!({ "a": 1 }), HttpApi2), Some(text(200, "application/json", "{\"a\":1}")));
        assert_eq!(answer(&json!("hi"), HttpApi2), Some(text(200, "application/json", "hi")));
        assert_eq!(answer(&json!(null), HttpApi2), Some(text(200, "application/json", "null")));
        assert_eq!(answer(&json!({ "a": 1 }), HttpApi1), None);
    }

    #[test]
    fn build_for_a_function_url_is_json_where_nothing_else_is_said() {
        for (value, body) in [
            (json!("hi"), "hi"),
            (json!({ "a": 1 }), "{\"a\":1}"),
            (json!([1]), "[1]"),
            (json!({ "body": "x" }), "{\"body\":\"x\"}"),
            (json!({ "statusCode": 200, "body": "x" }), "x"),
        ] {
            assert_eq!(answer(&value, FunctionUrl), Some(text(200, "application/json", body)), "{value}");
        }
        assert_eq!(answer(&json!({ "statusCode": "418", "body": {} }), FunctionUrl), None);
    }

    #[test]
    fn build_of_cookies_and_repeated_headers_keeps_each() {
        let two = json!({ "statusCode": 200, "cookies": ["a=1", "b=2"] });
        let response =
            build_response(two.to_string().as_bytes(), HttpApi2, &Method::GET).expect("well formed");
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        let one = json!({ "statusCode": 200, "headers": { "x-a": "0" }, "multiValueHeaders": { "x-a": ["1", "2"] } });
        let response =
            build_response(one.to_string().as_bytes(), HttpApi1, &Method::GET).expect("well formed");
        assert_eq!(response.headers().get_all("x-a").iter().count(), 2);
    }

    #[test]
    fn build_of_a_header_beyond_ascii_writes_the_byte() {
        let answer = json!({ "statusCode": 200, "headers": { "x-a": "caf\u{e9}", "x-b": "Srī" }, "cookies": ["k=\u{e9}"] });
        let response =
            build_response(answer.to_string().as_bytes(), HttpApi2, &Method::GET).expect("well formed");
        assert_eq!(response.headers()["x-a"].as_bytes(), b"caf\xe9");
        assert_eq!(response.headers()["x-b"].as_bytes(), "Srī".as_bytes());
        assert_eq!(response.headers()["set-cookie"].as_bytes(), b"k=\xe9");
    }

    #[test]
    fn build_for_head_keeps_the_length_and_drops_the_body() {
        let build = |answer: Value, method: &Method| {
            let response =
                build_response(answer.to_string().as_bytes(), HttpApi2, method).expect("well formed");
            let length = response
                .headers()
                .get("content-length")
                .map(|value| value.to_str().expect("text").to_owned());
            (length, response.body().len())
        };
        let named = json!({ "statusCode": 200, "headers": { "content-length": "1234" } });
        assert_eq!(build(named.clone(), &Method::HEAD), (Some("1234".to_owned()), 0));
        assert_eq!(build(named, &Method::GET), (None, 0));
        assert_eq!(
            build(json!({ "statusCode": 200, "body": "hello" }), &Method::HEAD),
            (Some("5".to_owned()), 0)
        );
        assert_eq!(build(json!({ "statusCode": 200 }), &Method::HEAD), (None, 0));
    }

    #[test]
    fn build_of_a_malformed_answer_is_none() {
        for bad in [
            json!({ "statusCode": 200, "body": { "a": 1 } }),
            json!({ "statusCode": "x" }),
            json!({ "statusCode": 99 }),
            json!({ "statusCode": 100 }),
            json!({ "statusCode": 200, "headers": { "bad name": "x" } }),
            json!({ "statusCode": 200, "headers": { "x": "line\nbreak" } }),
            json!({ "statusCode": 200, "body": "%", "isBase64Encoded": true }),
        ] {
            assert_eq!(answer(&bad, HttpApi2), None, "{bad}");
        }
        assert!(build_response(b"not json", HttpApi2, &Method::GET).is_none());
    }
}
