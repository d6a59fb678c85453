//! Signatures (`SigV4`) of requests: made for the cloud's own client, and made again to verify those of others.
//!
//! A received request is signed once more by `aws-sigv4` with the key that it names; the two signatures must be equal.
//!
//! AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningInstructions,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};

use crate::keys::AccessKey;

/// The service in the signatures of requests to `/_lzap/…`.
pub(crate) const OWN_SERVICE: &str = "lzap";
/// The region in them; any is valid.
const OWN_REGION: &str = "us-east-1";

/// The facts that a signature depends on, beside the request itself.
pub(crate) struct SignatureFacts<'a> {
    pub(crate) key: &'a AccessKey,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) time: SystemTime,
    /// The lifetime of a presigned URL; `None` for a signature in headers.
    pub(crate) expires: Option<Duration>,
}

/// Computes the signature that a received request should have. `signed` are its signed headers, `query` its query without
/// the parameters of the signature, `payload` the hash of its body or the marker that stands for it.
///
/// `None` for a request that can't have a valid signature: a signed header is missing or isn't text.
pub(crate) fn compute_signature(
    facts: &SignatureFacts<'_>,
    parts: &Parts,
    signed: &[String],
    query: &str,
    payload: &str,
) -> Option<String> {
    let mut headers = Vec::with_capacity(signed.len());
    for name in signed {
        let mut values = parts.headers.get_all(name.as_str()).iter().peekable();
        values.peek()?;
        for value in values {
            headers.push((name.as_str(), value.to_str().ok()?));
        }
    }
    let host = parts.headers.get(http::header::HOST)?.to_str().ok()?;
    let separator = if query.is_empty() { "" } else { "?" };
    let url = format!("http://{host}{}{separator}{query}", parts.uri.path());
    let body = SignableBody::Precomputed(payload.to_owned());
    let request = SignableRequest::new(parts.method.as_str(), url, headers.into_iter(), body).ok()?;
    let (_, signature) = sign_request(facts, request)?;
    Some(signature)
}

/// Returns the headers that sign a request of the cloud's own client. It has no body and no query.
pub(crate) fn sign_own_request(
    key: &AccessKey,
    method: &Method,
    host: &str,
    path: &str,
) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let facts = SignatureFacts {
        key,
        region: OWN_REGION,
        service: OWN_SERVICE,
        time: SystemTime::now(),
        expires: None,
    };
    let url = format!("http://{host}{path}");
    let request =
        SignableRequest::new(method.as_str(), url, std::iter::empty(), SignableBody::Bytes(&[])).ok()?;
    let (instructions, _) = sign_request(&facts, request)?;
    let (headers, _) = instructions.into_parts();
    headers
        .into_iter()
        .map(|header| {
            Some((HeaderName::from_static(header.name()), HeaderValue::from_str(header.value()).ok()?))
        })
        .collect()
}

fn sign_request(
    facts: &SignatureFacts<'_>,
    request: SignableRequest<'_>,
) -> Option<(SigningInstructions, String)> {
    let mut settings = SigningSettings::default();
    // The headers to sign are listed by the request.
    settings.excluded_headers = None;
    if facts.service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    if facts.expires.is_some() {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = facts.expires;
    }
    // The session token is not given: a received request has it among its headers or in its query.
    let identity = Credentials::new(&facts.key.id, &facts.key.secret, None, None, "lzap-local").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(facts.region)
        .name(facts.service)
        .time(facts.time)
        .settings(settings)
        .build()
        .ok()?
        .into();
    Some(sign(request, &params).ok()?.into_parts())
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Returns the value of `Authorization` for a request with `Host`, at the time of its `X-Amz-Date`.
    /// `scope` is region and service.
    pub(crate) fn authorize(key: &AccessKey, scope: (&str, &str), parts: &Parts, payload: &str) -> String {
        let (region, service) = scope;
        let date = parts.headers["x-amz-date"].to_str().expect("text");
        let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).expect("a time");
        let time = jiff::tz::Offset::UTC.to_timestamp(time).expect("a time").into();
        let facts = SignatureFacts { key, region, service, time, expires: None };
        let signed = ["host".to_owned(), "x-amz-date".to_owned()];
        let query = parts.uri.query().unwrap_or_default();
        let signature = compute_signature(&facts, parts, &signed, query, payload).expect("it can be signed");
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{}/{region}/{service}/aws4_request, SignedHeaders=host;x-amz-date, \
             Signature={signature}",
            key.id,
            &date[..8]
        )
    }

    /// AWS's own example of a signature, from its documentation: a list of users of IAM.
    /// AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
    #[test]
    fn compute_signature_of_documented_request_gives_documented_signature() {
        let key = AccessKey {
            id: "AKIDEXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            token: None,
        };
        let request = http::Request::get("/?Action=ListUsers&Version=2010-05-08")
            .header("host", "iam.amazonaws.com")
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .header("x-amz-date", "20150830T123600Z");
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let time: jiff::Timestamp = "2015-08-30T12:36:00Z".parse().expect("a time");
        let time = time.into();
        let facts = SignatureFacts { key: &key, region: "us-east-1", service: "iam", time, expires: None };
        let signed = ["content-type", "host", "x-amz-date"].map(str::to_owned);
        let query = parts.uri.query().unwrap_or_default();
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(
            compute_signature(&facts, &parts, &signed, query, empty).as_deref(),
            Some("5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")
        );
    }
}
