//! Answers and errors in the shapes that AWS's protocols give them.
//!
//! One function per protocol; the services choose code and text.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

/// The response of every service.
pub(crate) type Answer = Response<Bytes>;

/// An answer with a body of a given type.
pub(crate) fn build_answer(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// An answer without a body.
pub(crate) fn build_empty(status: u16) -> Answer {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}

/// REST-JSON: API Gateway v2, and lzap's own endpoints.
pub(crate) fn build_json(status: u16, value: &Value) -> Answer {
    build_answer(status, "application/json", value.to_string())
}

/// A REST-JSON error: its code travels in a header.
pub(crate) fn json_error(status: u16, code: &'static str, message: &str) -> Answer {
    let mut answer = build_json(status, &json!({ "message": message }));
    answer.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(code));
    answer
}

/// awsJson 1.1: `EventBridge` and CloudWatch Logs.
pub(crate) fn aws_json(status: u16, value: &Value) -> Answer {
    build_answer(status, "application/x-amz-json-1.1", value.to_string())
}

/// An awsJson error: its code travels in the body.
pub(crate) fn aws_json_error(status: u16, code: &str, message: &str) -> Answer {
    aws_json(status, &json!({ "__type": code, "message": message }))
}

/// A Query-protocol error: IAM and STS.
pub(crate) fn query_error(status: u16, code: &str, message: &str) -> Answer {
    let kind = if status < 500 { "Sender" } else { "Receiver" };
    build_answer(
        status,
        "text/xml",
        format!(
            "<ErrorResponse><Error><Type>{kind}</Type><Code>{}</Code><Message>{}</Message></Error><RequestId>{}</RequestId></ErrorResponse>",
            escape_xml(code),
            escape_xml(message),
            uuid::Uuid::new_v4()
        ),
    )
}

/// A REST-XML error: S3.
pub(crate) fn s3_error(status: u16, code: &str, message: &str, resource: &str) -> Answer {
    build_answer(
        status,
        "application/xml",
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message><Resource>{}</Resource><RequestId>{}</RequestId></Error>",
            escape_xml(code),
            escape_xml(message),
            escape_xml(resource),
            uuid::Uuid::new_v4().simple()
        ),
    )
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn encode_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Text as XML content.
pub(crate) fn escape_xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// XML content as text.
pub(crate) fn unescape_xml(content: &str) -> String {
    content
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&apos;", "'")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

/// The content of the first `<tag>` in a document.
pub(crate) fn xml_text(document: &str, tag: &str) -> Option<String> {
    let (_, rest) = document.split_once(&format!("<{tag}>"))?;
    let (content, _) = rest.split_once(&format!("</{tag}>"))?;
    Some(unescape_xml(content.trim()))
}
