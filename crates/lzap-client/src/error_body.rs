//! AWS's errors as JSON (Lambda) and XML (S3). Parsing never fails: unreadable parts are left out.

use std::time::Duration;

use http::HeaderMap;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use crate::error::{AnswerDetails, ErrorKind};

/// The format of a service's errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorFormat {
    Json,
    Xml,
}

/// Parses an answer that is not a success.
pub(crate) fn parse_error(
    format: ErrorFormat,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> AnswerDetails {
    let header = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let mut details = match format {
        ErrorFormat::Json => parse_json(body),
        ErrorFormat::Xml => parse_xml(body),
    };
    details.status = status;
    // The header wins over the body: for Lambda it is the only one with the code.
    let named = header("x-amzn-errortype").or_else(|| header("x-amz-error-code"));
    details.code = named.as_deref().map(shorten_code).or(details.code).filter(|code| !code.is_empty());
    details.request_id = read_request_id(headers).or(details.request_id);
    details.retry_after = header("retry-after").as_deref().and_then(parse_seconds).or(details.retry_after);
    // A redirect, or a bucket in another region: S3 names the region in a header, and the text doesn't.
    if let (300..=400, Some(region)) = (status, header("x-amz-bucket-region")) {
        let message = details.message.unwrap_or_default();
        let message = format!("{message} (the bucket is in {region})");
        details.message = Some(message.trim_start().to_owned());
    }
    details
}

/// AWS's id of a request.
pub(crate) fn read_request_id(headers: &HeaderMap) -> Option<String> {
    let names = ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"];
    let value = names.iter().find_map(|name| headers.get(*name))?;
    Some(value.to_str().ok()?.to_owned())
}

/// The kind of an error, by its code and else by its status. The code is first, since statuses are ambiguous: S3's throttle
/// is a 503, and its expired token a 400.
pub(crate) fn classify(details: &AnswerDetails) -> ErrorKind {
    match details.code.as_deref().unwrap_or_default() {
        // The names that AWS's SDKs take as throttles. Lambda sends the last one with status 502, when EC2 throttles the
        // start of an execution environment; the function has not run.
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "LimitExceededException"
        | "SlowDown"
        | "EC2ThrottledException" => {
            return ErrorKind::Throttled;
        }
        "AccessDenied"
        | "AccessDeniedException"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "UnrecognizedClientException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidToken"
        | "RequestTimeTooSkewed" => return ErrorKind::Denied,
        "NoSuchKey" | "NoSuchBucket" | "NoSuchVersion" | "ResourceNotFoundException" => {
            return ErrorKind::NotFound;
        }
        "PreconditionFailed" => return ErrorKind::PreconditionFailed,
        "RequestTooLargeException" | "EntityTooLarge" => return ErrorKind::TooLarge,
        // S3 gave up waiting for the body: nothing was stored. The status is 400, which would make it final.
        "RequestTimeout" => return ErrorKind::Unavailable,
        _ => {}
    }
    // Without a code: the answer to HEAD, or one of a proxy or load balancer before the service.
    match details.status {
        401 | 403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        412 => ErrorKind::PreconditionFailed,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::Throttled,
        500.. => ErrorKind::Unavailable,
        _ => ErrorKind::Refused,
    }
}

/// `aws.protocoltests#Name:http://…` is `Name`.
fn shorten_code(code: &str) -> String {
    let code = code.split(':').next().unwrap_or_default();
    code.rsplit('#').next().unwrap_or_default().trim().to_owned()
}

/// Seconds, also broken ones. HTTP dates, which `Retry-After` also allows, are not used by AWS.
fn parse_seconds(text: &str) -> Option<Duration> {
    let seconds = text.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Lambda writes `message` or `Message`, older services `__type` in place of the header. `Reason` and `retryAfterSeconds`
/// come with a throttled invocation.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
fn parse_json(body: &[u8]) -> AnswerDetails {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| value.get(name));
        found.and_then(Value::as_str).map(str::to_owned)
    };
    let retry_after = match value.get("retryAfterSeconds") {
        Some(Value::String(text)) => parse_seconds(text),
        Some(Value::Number(number)) => parse_seconds(&number.to_string()),
        _ => None,
    };
    AnswerDetails {
        status: 0,
        code: text(&["__type", "code"]).as_deref().map(shorten_code),
        message: text(&["message", "Message", "errorMessage"]),
        request_id: None,
        reason: text(&["Reason"]),
        retry_after,
    }
}

/// S3's error, with or without the `ErrorResponse` around it that query services have.
///
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
fn parse_xml(body: &[u8]) -> AnswerDetails {
    let mut details = AnswerDetails::default();
    for (path, text) in XmlTexts::new(body) {
        let at = path.strip_prefix("ErrorResponse/").unwrap_or(&path);
        match at {
            "Error/Code" => details.code = Some(text),
            "Error/Message" => details.message = Some(text),
            "Error/RequestId" | "RequestId" => details.request_id = Some(text),
            _ => {}
        }
    }
    details
}

/// Every element at its end: its path, such as `Error/Code`, and its text, which is empty where it has children. Stops
/// at the first thing that is not XML.
pub(crate) struct XmlTexts<'a> {
    reader: Reader<&'a [u8]>,
    path: Vec<String>,
    text: String,
    is_leaf: bool,
}

impl<'a> XmlTexts<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Self {
        let mut reader = Reader::from_reader(body);
        // An empty element is one without text, not another kind of element.
        reader.config_mut().expand_empty_elements = true;
        Self { reader, path: Vec::new(), text: String::new(), is_leaf: false }
    }
}

impl Iterator for XmlTexts<'_> {
    type Item = (String, String);

    fn next(&mut self) -> Option<Self::Item> {
        /// AWS's documents have four levels; deeper ones would only cost memory.
        const DEEPEST: usize = 32;
        loop {
            match self.reader.read_event().ok()? {
                Event::Start(start) => {
                    let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
                    self.path.push(name);
                    self.text.clear();
                    self.is_leaf = true;
                    if self.path.len() > DEEPEST {
                        return None;
                    }
                }
                // The predefined entities and character references only; any other entity ends the document.
                Event::Text(text) => self.text.push_str(&text.unescape().ok()?),
                Event::CData(text) => self.text.push_str(&String::from_utf8_lossy(&text)),
                Event::End(_) => {
                    let path = self.path.join("/");
                    self.path.pop();
                    let text = std::mem::take(&mut self.text);
                    let is_leaf = std::mem::take(&mut self.is_leaf);
                    return Some((path, if is_leaf { text } else { String::new() }));
                }
                Event::Eof => return None,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn parse_error_of_lambda_s_throttle_has_reason_and_wait() {
        let body = br#"{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}"#;
        let headers = headers(&[
            ("x-amzn-errortype", "TooManyRequestsException:http://internal.amazon.com/coral/"),
            ("x-amzn-requestid", "1-2"),
            ("retry-after", "2"),
        ]);
        let details = parse_error(ErrorFormat::Json, 429, &headers, body);
        assert_eq!(classify(&details), ErrorKind::Throttled);
        assert_eq!(details.code.as_deref(), Some("TooManyRequestsException"));
        assert_eq!(details.message.as_deref(), Some("Rate Exceeded."));
        assert_eq!(details.reason.as_deref(), Some("ReservedFunctionConcurrentInvocationLimitExceeded"));
        assert_eq!(details.retry_after, Some(Duration::from_secs(2)));
        assert_eq!(details.request_id.as_deref(), Some("1-2"));
    }

    #[test]
    fn parse_error_of_json_takes_type_and_either_message() {
        let body =
            br#"{"__type":"com.amazonaws.lambda#ServiceException","Message":"oh","retryAfterSeconds":"1.5"}"#;
        let details = parse_error(ErrorFormat::Json, 500, &HeaderMap::new(), body);
        assert_eq!(details.code.as_deref(), Some("ServiceException"));
        assert_eq!(details.message.as_deref(), Some("oh"));
        assert_eq!(details.retry_after, Some(Duration::from_millis(1500)));
    }

    #[test]
    fn parse_error_of_s3_reads_code_message_and_id() {
        let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>The &lt;key&gt; \
                    doesn't exist.</Message><Key>a</Key><RequestId>R1</RequestId><HostId>h</HostId></Error>";
        let details = parse_error(ErrorFormat::Xml, 404, &HeaderMap::new(), body.as_bytes());
        assert_eq!(classify(&details), ErrorKind::NotFound);
        assert_eq!(details.code.as_deref(), Some("NoSuchKey"));
        assert_eq!(details.message.as_deref(), Some("The <key> doesn't exist."));
        assert_eq!(details.request_id.as_deref(), Some("R1"));
    }

    #[test]
    fn parse_error_of_redirect_names_the_bucket_s_region() {
        let body = b"<Error><Code>PermanentRedirect</Code><Message>Use the other one.</Message></Error>";
        let details =
            parse_error(ErrorFormat::Xml, 301, &headers(&[("x-amz-bucket-region", "eu-north-1")]), body);
        assert_eq!(classify(&details), ErrorKind::Refused);
        assert!(details.message.is_some_and(|message| message.contains("eu-north-1")));
    }

    #[test]
    fn classify_tells_denied_from_missing() {
        let kind = |status, code: Option<&str>| {
            classify(&AnswerDetails { status, code: code.map(str::to_owned), ..AnswerDetails::default() })
        };
        for (status, code, expected) in [
            (403, None, ErrorKind::Denied),
            (403, Some("AccessDenied"), ErrorKind::Denied),
            (404, None, ErrorKind::NotFound),
            (404, Some("NoSuchBucket"), ErrorKind::NotFound),
            (503, Some("SlowDown"), ErrorKind::Throttled),
            (503, Some("ServiceUnavailable"), ErrorKind::Unavailable),
            (502, Some("EC2ThrottledException"), ErrorKind::Throttled),
            (409, Some("ConditionalRequestConflict"), ErrorKind::Conflict),
            (412, None, ErrorKind::PreconditionFailed),
            (413, Some("RequestTooLargeException"), ErrorKind::TooLarge),
            (400, Some("ExpiredToken"), ErrorKind::Denied),
            (400, Some("InvalidParameterValueException"), ErrorKind::Refused),
        ] {
            assert_eq!(kind(status, code), expected, "{status} {code:?}");
        }
    }

    proptest! {
        #[test]
        fn parse_error_of_garbage_does_not_panic(body in proptest::collection::vec(any::<u8>(), 0..300), status in 300_u16..600) {
            for format in [ErrorFormat::Json, ErrorFormat::Xml] {
                classify(&parse_error(format, status, &HeaderMap::new(), &body));
            }
        }

        #[test]
        fn parse_error_of_broken_xml_does_not_panic(cut in 0_usize..200, byte in any::<u8>(), at in 0_usize..200) {
            let mut body = b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]><Error><Code><![CDATA[A]]></Code>\
                <Message a=\"&b;\">&amp;&#x41;</Message><X/></Error>".to_vec();
            body.truncate(cut);
            if let Some(place) = body.get_mut(at) { *place = byte; }
            parse_error(ErrorFormat::Xml, 400, &HeaderMap::new(), &body);
        }
    }
}
