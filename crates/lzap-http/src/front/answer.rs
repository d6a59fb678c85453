//! The answer that a front turns into an HTTP response, in the front's own format.

use std::borrow::Cow;

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, header};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::value::{RawValue, to_raw_value};

use super::{header::encode_value, kind::Front};

/// The reason why there is no answer in the front's format.
#[derive(Debug)]
pub(crate) enum AnswerError {
    /// The front would refuse the answer. AWS counts its JSON text, in which base64 makes a body a third larger, and a
    /// quote counts two bytes.
    TooLarge {
        /// The answer's size in bytes, or the body's where that alone is too large.
        bytes: u64,
        /// In bytes of JSON text: 6 MB for Lambda, 1 MB for a load balancer.
        limit: u64,
    },
    /// Not expected: all parts of an answer are text and numbers.
    Json(serde_json::Error),
}

/// Writes a response in the format of the front.
///
/// # Errors
///
/// [`AnswerError::TooLarge`] where the front would refuse it.
pub(crate) fn write_answer(front: Front, response: &Response<Bytes>) -> Result<Box<RawValue>, AnswerError> {
    let limit = front.answer_limit();
    let check = |bytes: usize| match u64::try_from(bytes) {
        Ok(bytes) if bytes <= limit => Ok(()),
        _ => Err(AnswerError::TooLarge { bytes: bytes as u64, limit }),
    };
    let body = AnswerBody::of(response);
    // Its text is never smaller: a body of a gigabyte needs no second one in memory to be refused.
    check(body.least_bytes())?;
    let answer = to_raw_value(&FrontAnswer { front, response, body }).map_err(AnswerError::Json)?;
    check(answer.get().len())?;
    Ok(answer)
}

/// A body as the answer carries it. Only its bytes count, not its content type: UTF-8 is text, all else is base64, and
/// so is an encoded (compressed) body.
#[derive(Clone, Copy)]
enum AnswerBody<'a> {
    Empty,
    Text(&'a str),
    Binary(&'a [u8]),
}

impl<'a> AnswerBody<'a> {
    fn of(response: &'a Response<Bytes>) -> Self {
        let bytes = response.body();
        if bytes.is_empty() {
            return Self::Empty;
        }
        let is_encoded = response.headers().contains_key(header::CONTENT_ENCODING);
        match str::from_utf8(bytes) {
            Ok(text) if !is_encoded => Self::Text(text),
            _ => Self::Binary(bytes),
        }
    }

    /// A lower bound of its bytes in JSON, without its escapes, which only writing it would count.
    fn least_bytes(self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len().div_ceil(3).saturating_mul(4),
        }
    }
}

struct FrontAnswer<'a> {
    front: Front,
    response: &'a Response<Bytes>,
    body: AnswerBody<'a>,
}

impl Serialize for FrontAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (status, headers) = (self.response.status(), self.response.headers());
        let mut answer = serializer.serialize_map(None)?;
        answer.serialize_entry("statusCode", &status.as_u16())?;
        match self.front {
            Front::HttpApiV2 | Front::FunctionUrl => {
                answer.serialize_entry("headers", &JoinedHeaders { headers, cookies: Cookies::Apart })?;
                answer.serialize_entry("cookies", &HeaderValues(headers, &header::SET_COOKIE))?;
            }
            Front::HttpApiV1 | Front::RestApi => {
                answer.serialize_entry("multiValueHeaders", &AllHeaders(headers))?;
            }
            Front::LoadBalancer | Front::LoadBalancerMultiValue => {
                let reason = status.canonical_reason().unwrap_or_default();
                answer.serialize_entry("statusDescription", &format_args!("{} {reason}", status.as_u16()))?;
                if self.front == Front::LoadBalancer {
                    answer.serialize_entry("headers", &JoinedHeaders { headers, cookies: Cookies::Last })?;
                } else {
                    answer.serialize_entry("multiValueHeaders", &AllHeaders(headers))?;
                }
            }
        }
        match self.body {
            AnswerBody::Empty => {}
            AnswerBody::Text(text) => answer.serialize_entry("body", text)?,
            AnswerBody::Binary(bytes) => answer.serialize_entry("body", &Base64Text(bytes))?,
        }
        answer.serialize_entry("isBase64Encoded", &matches!(self.body, AnswerBody::Binary(_)))?;
        answer.end()
    }
}

struct Base64Text<'a>(&'a [u8]);

impl Serialize for Base64Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

/// The place of `Set-Cookie`, the one header whose values can't be joined.
#[derive(Clone, Copy)]
enum Cookies {
    /// In the field `cookies` of payload format 2.0.
    Apart,
    /// The last one only: a load balancer without multi-value headers carries one.
    Last,
}

/// One value for each name: repeated headers are joined as RFC 9110 (section 5.3) allows.
struct JoinedHeaders<'a> {
    headers: &'a HeaderMap,
    cookies: Cookies,
}

impl Serialize for JoinedHeaders<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for name in self.headers.keys() {
            let mut values = self.headers.get_all(name).iter().map(encode_value);
            if name == header::SET_COOKIE {
                if let (Cookies::Last, Some(value)) = (self.cookies, values.next_back()) {
                    map.serialize_entry(name.as_str(), &value)?;
                }
                continue;
            }
            let first = values.next().unwrap_or_default();
            let joined = values.fold(first, |joined, value| Cow::Owned(format!("{joined}, {value}")));
            map.serialize_entry(name.as_str(), &joined)?;
        }
        map.end()
    }
}

/// A list of values for each name, which needs no joining.
struct AllHeaders<'a>(&'a HeaderMap);

impl Serialize for AllHeaders<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.keys().map(|name| (name.as_str(), HeaderValues(self.0, name))))
    }
}

/// The values of one name as a list, in order; empty where there is no such header.
struct HeaderValues<'a>(&'a HeaderMap, &'a HeaderName);

impl Serialize for HeaderValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.get_all(self.1).iter().map(encode_value))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn response(body: impl Into<Bytes>) -> Response<Bytes> {
        let builder = Response::builder().header("vary", "a").header("vary", "b");
        let builder = builder.header("set-cookie", "x=1").header("set-cookie", "y=2");
        let latin_1 = http::HeaderValue::from_bytes(b"caf\xe9").expect("a header value");
        builder.header("warning", latin_1).body(body.into()).expect("a response")
    }

    fn answer(front: Front, response: &Response<Bytes>) -> Value {
        let answer = write_answer(front, response).expect("an answer");
        serde_json::from_str(answer.get()).expect("JSON")
    }

    #[test]
    fn write_answer_of_repeated_headers_uses_what_the_front_has() {
        let response = response("ok");
        let v2 = json!({
            "statusCode": 200, "headers": { "vary": "a, b", "warning": "caf\u{e9}" }, "cookies": ["x=1", "y=2"],
            "body": "ok", "isBase64Encoded": false,
        });
        let all = json!({ "vary": ["a", "b"], "set-cookie": ["x=1", "y=2"], "warning": ["caf\u{e9}"] });
        let one = json!({ "vary": "a, b", "set-cookie": "y=2", "warning": "caf\u{e9}" });
        assert_eq!(answer(Front::HttpApiV2, &response), v2);
        assert_eq!(answer(Front::FunctionUrl, &response), v2);
        for front in [Front::HttpApiV1, Front::RestApi, Front::LoadBalancerMultiValue] {
            assert_eq!(answer(front, &response)["multiValueHeaders"], all, "{front:?}");
        }
        let balancer = answer(Front::LoadBalancer, &response);
        assert_eq!((&balancer["headers"], &balancer["statusDescription"]), (&one, &json!("200 OK")));
    }

    #[test]
    fn write_answer_of_a_body_goes_by_its_bytes() {
        let text = answer(Front::HttpApiV2, &response("ü\"\0"));
        assert_eq!((&text["body"], &text["isBase64Encoded"]), (&json!("ü\"\0"), &json!(false)));
        let binary = answer(Front::HttpApiV2, &response(&b"\xff"[..]));
        assert_eq!((&binary["body"], &binary["isBase64Encoded"]), (&json!("/w=="), &json!(true)));
        let mut zipped = response("text");
        zipped.headers_mut().insert("content-encoding", http::HeaderValue::from_static("br"));
        assert_eq!(answer(Front::HttpApiV2, &zipped)["isBase64Encoded"], true);
        let empty = answer(Front::HttpApiV2, &response(""));
        assert_eq!((empty.get("body"), &empty["isBase64Encoded"]), (None, &json!(false)));
    }

    #[test]
    fn write_answer_counts_the_encoded_bytes() {
        const MB: usize = 1024 * 1024;
        let is_carried = |front, body: Vec<u8>| match write_answer(front, &response(body)) {
            Ok(_) => true,
            Err(AnswerError::TooLarge { bytes, limit }) => {
                assert!(bytes > limit, "{bytes} of {limit}");
                false
            }
            Err(AnswerError::Json(error)) => panic!("{error}"),
        };
        for (front, limit) in [(Front::HttpApiV2, 6 * MB), (Front::LoadBalancerMultiValue, MB)] {
            assert!(is_carried(front, vec![b'x'; limit - 1000]));
            assert!(!is_carried(front, vec![b'x'; limit - 100]), "the headers count");
            assert!(is_carried(front, vec![0xff; limit / 4 * 3 - 1000]));
            assert!(!is_carried(front, vec![0xff; limit / 4 * 3]), "base64 counts");
            assert!(is_carried(front, vec![b'"'; limit / 2 - 1000]));
            assert!(!is_carried(front, vec![b'"'; limit / 2]), "escapes count");
            assert!(!is_carried(front, vec![b'x'; 2 * limit]));
        }
    }
}
