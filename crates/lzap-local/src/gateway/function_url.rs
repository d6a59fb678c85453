//! The event that a function URL makes of a request, and its own error responses; without I/O.
//!
//! The event is payload format 2.0 as for an HTTP API, but for the path, which stays encoded, and the members about the
//! caller. `LocalStack`'s tests recorded 502, and 403 for a missing permission or URL, on AWS in November 2025. AWS
//! documents the statuses of the other answers, but not their bodies.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use serde_json::{Map, Value, json};

use super::event;
use super::received::{Received, Unread};
use crate::apigateway::Resolved;
use crate::keys::Keys;
use crate::lambda::InvokeError;
use crate::lambda::function_urls::UrlTarget;
use crate::server::auth::{Claim, Scope};
use crate::{ACCOUNT, answer};

/// Why a function URL itself answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UrlFailure {
    /// There is no such URL.
    NoUrl,
    /// Sent to a host that isn't this machine, or without the signature that the URL wants.
    Forbidden,
    /// The resource policy doesn't let everybody in, or the alias is gone.
    NotPermitted,
    /// Body or event too large.
    TooLarge,
    /// Too many invocations are at work; AWS's reason.
    Throttled(Option<&'static str>),
    /// The function failed, or its answer is malformed.
    BadGateway,
}

/// The caller of a URL: its signature where the URL wants one.
///
/// # Errors
/// [`UrlFailure::Forbidden`] for a request without a valid signature for Lambda in the function's region.
pub(crate) fn read_caller(
    received: &Received,
    target: &UrlTarget,
    keys: &Keys,
) -> Result<Option<Scope>, UrlFailure> {
    if !target.is_signed {
        return Ok(None);
    }
    let claim = Claim::of(&received.parts.headers, &received.parts.uri).ok_or(UrlFailure::Forbidden)?;
    let verified = claim.verify(keys, (&received.parts, &received.body), received.now_ms);
    let is_for_url = claim.scope.service == "lambda" && claim.scope.region == read_region(target);
    if verified.is_ok() && is_for_url { Ok(Some(claim.scope)) } else { Err(UrlFailure::Forbidden) }
}

/// Builds the event. `caller` is what [`read_caller`] gives.
pub(crate) fn build_event(received: &Received, target: &UrlTarget, caller: Option<&Scope>) -> Value {
    let route = Resolved {
        function_arn: target.function_arn.clone(),
        source_arn: String::new(),
        route_key: "$default".to_owned(),
        stage: "$default".to_owned(),
        path_parameters: Map::new(),
        stage_variables: Map::new(),
        payload_version: "2.0".to_owned(),
        timeout_ms: 0,
    };
    let mut event = event::build_event(received, &route, received.parts.uri.path());
    let context = &mut event["requestContext"];
    // AWS's name although nothing answers there: it is how an app tells a function URL's event from an HTTP API's.
    context["domainName"] = json!(format!("{}.lambda-url.{}.on.aws", received.api_id, read_region(target)));
    context["accountId"] = json!(if caller.is_some() { ACCOUNT } else { "anonymous" });
    if let Some(caller) = caller {
        context["authorizer"] = json!({ "iam": {
            "accessKey": caller.access_key,
            "accountId": ACCOUNT,
            "callerId": ACCOUNT,
            "cognitoIdentity": null,
            "principalOrgId": null,
            "userArn": format!("arn:aws:iam::{ACCOUNT}:root"),
            "userId": ACCOUNT,
        } });
    }
    // An HTTP API tells the length of every body, a function URL only what the client sent.
    let has_length = received.parts.headers.contains_key(header::CONTENT_LENGTH);
    if let Some(headers) = event["headers"].as_object_mut().filter(|_| !has_length) {
        headers.remove("content-length");
    }
    event
}

fn read_region(target: &UrlTarget) -> &str {
    target.function_arn.split(':').nth(3).unwrap_or_default()
}

impl From<Unread> for UrlFailure {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Forbidden => Self::Forbidden,
            Unread::TooLarge => Self::TooLarge,
            Unread::Broken => Self::BadGateway,
        }
    }
}

impl From<InvokeError> for UrlFailure {
    fn from(error: InvokeError) -> Self {
        match error.status {
            // An alias that is gone took its policy along.
            403 | 404 => Self::NotPermitted,
            413 => Self::TooLarge,
            429 => Self::Throttled(error.reason),
            _ => Self::BadGateway,
        }
    }
}

impl UrlFailure {
    /// The response, as AWS sends it.
    pub(crate) fn response(self) -> Response<Bytes> {
        let (status, code, body) = match self {
            Self::NoUrl => (403, "AccessDeniedException", json!({ "Message": null })),
            Self::Forbidden => (403, "AccessDeniedException", json!({ "Message": "Forbidden" })),
            Self::NotPermitted => (
                403,
                "AccessDeniedException",
                json!({ "Message": "Forbidden. For troubleshooting Function URL authorization issues, see: \
                                    https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html" }),
            ),
            Self::TooLarge => (
                413,
                "RequestEntityTooLargeException",
                json!({ "Message": "Request must be smaller than 6291456 bytes for the InvokeFunction operation" }),
            ),
            Self::Throttled(reason) => (
                429,
                "TooManyRequestsException",
                json!({ "Reason": reason, "Type": "User", "message": "Rate Exceeded." }),
            ),
            Self::BadGateway => {
                return answer::build_answer(502, "application/json", "Internal Server Error");
            }
        };
        let mut response = answer::build_json(status, &body);
        response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(code));
        response
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::signature::testing::authorize;

    const ARN: &str = "arn:aws:lambda:eu-west-1:000000000000:function:shop:live";

    fn target(is_signed: bool) -> UrlTarget {
        UrlTarget { function_arn: ARN.to_owned(), is_signed }
    }

    fn received(request: http::request::Builder, body: &'static [u8]) -> Received {
        let (parts, body) = request.body(Bytes::from_static(body)).expect("a request").into_parts();
        Received {
            api_id: "0123456789abcdef".into(),
            request_id: "r1".into(),
            now_ms: 1_700_000_000_123,
            peer: "127.0.0.1:50000".parse().expect("an address"),
            port: 4511,
            parts,
            body,
        }
    }

    /// The event without the header that differs each time.
    fn build(request: http::request::Builder, body: &'static [u8]) -> Value {
        let received = received(request, body);
        let mut event = build_event(&received, &target(false), None);
        let trace = event["headers"].as_object_mut().and_then(|headers| headers.remove("x-amzn-trace-id"));
        assert!(trace.is_some_and(|trace| trace.as_str().is_some_and(|text| text.starts_with("Root=1-"))));
        event
    }

    #[test]
    fn build_event_of_a_request_has_exactly_these_members() {
        let request = Request::post("/a%2Fb/caf%C3%A9?x=1&y=%26&x=2")
            .header("Host", "localhost:4511")
            .header("User-Agent", "test")
            .header("Content-Type", "application/json")
            .header("Content-Length", "2")
            .header("Accept", "a")
            .header("Accept", "b")
            .header("Cookie", "k=1; l=2")
            .header("Connection", "keep-alive");
        let expected = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/a%2Fb/caf%C3%A9",
            "rawQueryString": "x=1&y=%26&x=2",
            "cookies": ["k=1", "l=2"],
            "headers": {
                "accept": "a,b",
                "content-length": "2",
                "content-type": "application/json",
                "host": "localhost:4511",
                "user-agent": "test",
                "x-forwarded-for": "127.0.0.1",
                "x-forwarded-port": "4511",
                "x-forwarded-proto": "http",
            },
            "queryStringParameters": { "x": "1,2", "y": "&" },
            "requestContext": {
                "accountId": "anonymous",
                "apiId": "0123456789abcdef",
                "domainName": "0123456789abcdef.lambda-url.eu-west-1.on.aws",
                "domainPrefix": "0123456789abcdef",
                "http": {
                    "method": "POST",
                    "path": "/a%2Fb/caf%C3%A9",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "test",
                },
                "requestId": "r1",
                "routeKey": "$default",
                "stage": "$default",
                "time": "14/Nov/2023:22:13:20 +0000",
                "timeEpoch": 1_700_000_000_123_i64,
            },
            "body": "{}",
            "isBase64Encoded": false,
        });
        assert_eq!(build(request, b"{}"), expected);
    }

    #[test]
    fn build_event_of_an_empty_request_leaves_members_out() {
        let event = build(Request::get("/").header("Host", "localhost"), b"");
        for member in ["/cookies", "/queryStringParameters", "/body", "/pathParameters", "/stageVariables"] {
            assert_eq!(event.pointer(member), None, "{member}");
        }
        for member in ["/headers/content-length", "/requestContext/authorizer"] {
            assert_eq!(event.pointer(member), None, "{member}");
        }
        assert_eq!((&event["rawPath"], &event["isBase64Encoded"]), (&json!("/"), &json!(false)));
    }

    #[test]
    fn build_event_keeps_every_path_as_it_was_sent() {
        for path in
            ["/", "/a%20b", "/a%2Fb", "/100%25", "/%zz", "/a+b", "/a/../b", "//a", "/%3Fq", "/pa2%Fth/1"]
        {
            let event = build(Request::get(path).header("Host", "localhost"), b"");
            assert_eq!(event["rawPath"], path);
            assert_eq!(event["requestContext"]["http"]["path"], path);
        }
    }

    #[test]
    fn read_caller_of_signed_url_requires_lambda_signature_in_region() {
        let keys = Keys::random();
        // The time of `received`.
        let request =
            || Request::get("/").header("Host", "localhost").header("X-Amz-Date", "20231114T221320Z");
        let read = |authorization: Option<&str>| {
            let request = match authorization {
                Some(value) => request().header("Authorization", value),
                None => request(),
            };
            let received = received(request, b"");
            let caller = read_caller(&received, &target(true), &keys)?;
            Ok(build_event(&received, &target(true), caller.as_ref())["requestContext"].clone())
        };
        let signed = |region: &str, service: &str| {
            let (parts, ()) = request().body(()).expect("a request").into_parts();
            let payload = answer::encode_hex(&Sha256::digest(b""));
            authorize(&keys.owner, (region, service), &parts, &payload)
        };
        let good = signed("eu-west-1", "lambda");
        for refused in [
            None,
            Some("Bearer x"),
            Some(&*signed("eu-west-1", "s3")),
            Some(&*signed("us-east-1", "lambda")),
            Some(&*good.replace("Signature=", "Signature=0")),
        ] {
            assert_eq!(read(refused), Err(UrlFailure::Forbidden), "{refused:?}");
        }
        let context = read(Some(&good)).expect("signed");
        assert_eq!(context["accountId"], ACCOUNT);
        let iam = &context["authorizer"]["iam"];
        assert_eq!(
            (&iam["accessKey"], &iam["userArn"]),
            (&json!(keys.owner.id), &json!("arn:aws:iam::000000000000:root"))
        );
    }
}
