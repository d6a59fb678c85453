//! The echo app: it reports what it sees of a request in a response header, and answers as the request asks.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use axum::body::Body;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use serde_json::{Value, json};

/// The request header that says what to answer: a status, a kind of body, and `cookies` or `repeated`.
pub(crate) const ANSWER: &str = "x-answer";
/// The response header with the report.
pub(crate) const SEEN: &str = "x-seen";

/// A request as the app sees it. Bytes beyond ASCII are escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Empty where there is none.
    pub(crate) query: String,
    /// The values of each name, in order.
    pub(crate) headers: BTreeMap<String, Vec<String>>,
    /// The body's length and hash.
    pub(crate) body: (u64, u64),
}

impl Seen {
    /// Reads the report.
    pub(crate) fn parse(report: &str) -> Self {
        let report: Value = serde_json::from_str(report).expect("a report is JSON");
        let text = |key: &str| report[key].as_str().expect("text").to_owned();
        let headers = report["headers"].as_object().expect("headers").iter();
        let values = |values: &Value| -> Vec<String> {
            let values = values.as_array().expect("a list").iter();
            values.map(|value| value.as_str().expect("text").to_owned()).collect()
        };
        Self {
            method: text("method"),
            path: text("path"),
            query: text("query"),
            headers: headers.map(|(name, all)| (name.clone(), values(all))).collect(),
            body: (report["length"].as_u64().expect("a length"), report["hash"].as_u64().expect("a hash")),
        }
    }
}

/// Bytes as ASCII text.
pub(crate) fn escape(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// A body's length and hash. The hasher has fixed keys.
pub(crate) fn digest(body: &[u8]) -> (u64, u64) {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    (body.len() as u64, hasher.finish())
}

/// Answers one request.
pub(crate) async fn echo(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a request has its whole body");
    let headers: BTreeMap<&str, Vec<String>> = parts
        .headers
        .keys()
        .map(|name| {
            let values = parts.headers.get_all(name).iter().map(|value| escape(value.as_bytes()));
            (name.as_str(), values.collect())
        })
        .collect();
    let (length, hash) = digest(&body);
    let report = json!({
        "method": parts.method.as_str(),
        "path": escape(parts.uri.path().as_bytes()),
        "query": escape(parts.uri.query().unwrap_or_default().as_bytes()),
        "headers": headers,
        "length": length,
        "hash": hash,
    });
    let wanted = parts.headers.get(ANSWER).and_then(|value| value.to_str().ok()).unwrap_or("200 empty");
    let mut response = answer(wanted);
    let report = HeaderValue::from_str(&report.to_string()).expect("ASCII");
    response.headers_mut().insert(HeaderName::from_static(SEEN), report);
    Ok(response)
}

/// The response that [`ANSWER`] describes, as in `200 text cookies repeated`.
fn answer(wanted: &str) -> Response<Body> {
    let mut words = wanted.split(' ');
    let status: u16 = words.next().and_then(|status| status.parse().ok()).expect("a status");
    let (content_type, body): (&str, &[u8]) = match words.next() {
        Some("text") => ("text/plain; charset=utf-8", "grün \"quoted\" \\ \u{1f980}\n".as_bytes()),
        Some("binary") => ("application/octet-stream", &[0, 159, 146, 150, 255, 10]),
        Some("gzip") => (
            "text/plain",
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        ),
        // Compressed by name only: the bytes would pass for text.
        Some("encoded") => ("text/plain", b"plain"),
        _ => ("", b""),
    };
    let mut response = Response::new(Body::from(body.to_vec()));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    let headers = response.headers_mut();
    if !content_type.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(content_type).expect("a header value"));
    }
    match wanted {
        _ if wanted.contains("gzip") => {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        _ if wanted.contains("encoded") => {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("x-none"));
        }
        _ => {}
    }
    for word in words {
        let (name, values): (HeaderName, [&[u8]; 2]) = match word {
            "cookies" => {
                (header::SET_COOKIE, [b"a=1; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT", b"b=2"])
            }
            "repeated" => (header::VARY, [b"origin", b"accept, accept-encoding"]),
            "latin" => (HeaderName::from_static("x-name"), [b"caf\xe9", b"\xc3\xa9"]),
            other => panic!("`{other}` is no answer"),
        };
        for value in values {
            headers.append(&name, HeaderValue::from_bytes(value).expect("a header value"));
        }
    }
    response
}
