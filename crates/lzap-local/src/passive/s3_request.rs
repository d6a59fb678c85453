//! The parts of an S3 request that need no look at a bucket: its target, its body, its checksums.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request};
use sha2::{Digest as _, Sha256};

use super::chunked;
use crate::answer::{self, Answer};
use crate::{REGION, percent};

/// The target of a request.
#[derive(Debug)]
pub(crate) struct Target {
    /// Empty for requests about the account.
    pub(crate) bucket: String,
    /// Empty for requests about a bucket.
    pub(crate) key: String,
    /// The path, as errors name it.
    pub(crate) resource: String,
}

impl Target {
    /// Reads a path-style address.
    pub(crate) fn of(request: &Request<Bytes>) -> Self {
        let path = request.uri().path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        Self {
            bucket: percent::decode(bucket),
            key: percent::decode(key),
            resource: percent::decode(request.uri().path()),
        }
    }
}

/// The tags that `PutObject` puts in a header (`a=1&b=2`), as `PutObjectTagging` takes them; none where there are none.
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>
pub(crate) fn tagging_body(header: &str) -> Option<String> {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let tag = |(key, value): (String, String)| {
        format!("<Tag><Key>{}</Key><Value>{}</Value></Tag>", escaped(&key), escaped(&value))
    };
    let tags: Vec<String> = percent::pairs(header).map(tag).collect();
    (!tags.is_empty()).then(|| format!("<Tagging><TagSet>{}</TagSet></Tagging>", tags.concat()))
}

/// The request as the service behind understands it: no chunks, no signature; checksums compared.
pub(crate) fn prepare_request(
    request: Request<Bytes>,
    target: &Target,
) -> Result<Request<Bytes>, Box<Answer>> {
    let (mut parts, mut body) = request.into_parts();
    if chunked::is_chunked(&parts.headers) {
        body = chunked::decode(&mut parts.headers, &body).ok_or_else(|| {
            let message =
                "You did not provide the number of bytes specified by the Content-Length HTTP header.";
            Box::new(answer::s3_error(400, "IncompleteBody", message, &target.resource))
        })?;
    }
    if let Some((code, message)) = wrong_checksum(&parts.headers, &body) {
        return Err(Box::new(answer::s3_error(400, code, message, &target.resource)));
    }
    if parts.method == Method::POST && has_parameter(parts.uri.query().unwrap_or_default(), "delete") {
        body = Bytes::from(bytes_as_chars(&body));
    }
    // The service behind would take the region from the signature, and reads a plus in a path as a space.
    parts.headers.remove("authorization");
    let path = parts.uri.path().replace('+', "%2B");
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    parts.uri = format!("{path}{query}").parse().map_err(|_| {
        Box::new(answer::s3_error(400, "InvalidURI", "Couldn't parse the specified URI.", &target.resource))
    })?;
    Ok(Request::from_parts(parts, body))
}

/// The first checksum header that the body contradicts, as code and message.
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>
fn wrong_checksum(headers: &HeaderMap, body: &Bytes) -> Option<(&'static str, &'static str)> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let message = "The checksum of the content did not match the one that was sent with it.";
    if text("x-amz-checksum-sha256").is_some_and(|expected| expected != STANDARD.encode(Sha256::digest(body)))
    {
        return Some(("BadDigest", message));
    }
    let crc32 = text("x-amz-checksum-crc32")?;
    let actual = STANDARD.encode(crc32fast::hash(body).to_be_bytes());
    (crc32 != actual).then_some(("BadDigest", message))
}

/// Returns the region of a new bucket.
///
/// # Errors
/// Code and message of the refusal.
///
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucketConfiguration.html>
pub(crate) fn find_home_region(
    region: &str,
    constraint: Option<String>,
) -> Result<String, (&'static str, String)> {
    let illegal = |text: &str| {
        let text = format!(
            "The {text} location constraint is incompatible for the region specific endpoint this request was sent to."
        );
        Err(("IllegalLocationConstraintException", text))
    };
    match constraint.filter(|constraint| !constraint.is_empty()) {
        Some(constraint) if constraint == REGION => {
            Err(("InvalidLocationConstraint", "The specified location-constraint is not valid".to_owned()))
        }
        Some(constraint) if region == REGION || constraint == region => Ok(constraint),
        Some(constraint) => illegal(&constraint),
        None if region == REGION => Ok(REGION.to_owned()),
        None => illegal("unspecified"),
    }
}

/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
pub(crate) fn is_bucket_name(name: &str) -> bool {
    let edge =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|byte| edge(Some(byte)) || b"-.".contains(byte))
        && !name.contains("..")
}

/// `PUT /bucket` with no sub-resource.
pub(crate) fn is_create_bucket(request: &Request<Bytes>, target: &Target) -> bool {
    *request.method() == Method::PUT
        && !target.bucket.is_empty()
        && target.key.is_empty()
        && query_is_plain(request.uri().query().unwrap_or_default())
}

/// Returns whether a query names no sub-resource.
pub(crate) fn query_is_plain(query: &str) -> bool {
    percent::pairs(query).all(|(name, _)| name == "x-id" || name.to_ascii_lowercase().starts_with("x-amz-"))
}

/// Returns whether a query names this sub-resource.
pub(crate) fn has_parameter(query: &str, name: &str) -> bool {
    percent::pairs(query).any(|(found, _)| found == name)
}

/// `GetBucketLocation`; us-east-1 has no name there.
pub(crate) fn render_location(region: &str) -> Answer {
    let name = if region == REGION { "" } else { region };
    answer::build_answer(
        200,
        "application/xml",
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{name}</LocationConstraint>"
        ),
    )
}

/// An answer that names keys, with the keys as they are.
///
/// The service behind reads a percent-encoded path byte by byte: each byte of a key's UTF-8 becomes a character, and
/// is answered as one. Keys in XML bodies get the same treatment on the way in, so that it comes out right here.
pub(crate) fn name_keys(method: &Method, query: &str, target: &Target, mut answer: Answer) -> Answer {
    let lists = target.key.is_empty()
        && percent::pairs(query).all(|(name, _)| {
            const LISTS: [&str; 13] = [
                "continuation-token",
                "delimiter",
                "encoding-type",
                "fetch-owner",
                "key-marker",
                "list-type",
                "marker",
                "max-keys",
                "prefix",
                "start-after",
                "uploads",
                "version-id-marker",
                "versions",
            ];
            LISTS.contains(&name.as_str()) || query_is_plain(&name)
        });
    if *method == Method::POST || (*method == Method::GET && lists) {
        let chars = std::str::from_utf8(answer.body()).unwrap_or_default().chars();
        let bytes: Option<Vec<u8>> = chars.map(|char| u8::try_from(u32::from(char)).ok()).collect();
        if let Some(text) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
            *answer.body_mut() = Bytes::from(text);
            answer.headers_mut().remove("content-length");
        }
    }
    answer
}

fn bytes_as_chars(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Sets a header, when the text can be one.
pub(crate) fn insert_header(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A `HEAD` request is never answered with a body.
pub(crate) fn remove_body(method: &Method, mut answer: Answer) -> Answer {
    if *method == Method::HEAD {
        *answer.body_mut() = Bytes::new();
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_constraint_must_fit_the_region() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(find_home_region("us-east-1", None).as_deref(), Ok("us-east-1"));
        assert_eq!(find_home_region("us-east-1", some("eu-west-1")).as_deref(), Ok("eu-west-1"));
        assert_eq!(find_home_region("eu-west-1", some("eu-west-1")).as_deref(), Ok("eu-west-1"));
        let code = |region, constraint| find_home_region(region, constraint).map_err(|(code, _)| code);
        assert_eq!(code("eu-west-1", None), Err("IllegalLocationConstraintException"));
        assert_eq!(code("eu-west-1", some("eu-west-2")), Err("IllegalLocationConstraintException"));
        assert_eq!(code("us-east-1", some("us-east-1")), Err("InvalidLocationConstraint"));
    }

    #[test]
    fn bucket_names_are_checked() {
        assert!(is_bucket_name("lzap-000000000000-us-east-1"));
        for name in ["ab", "-ab", "ab-", "Abc", "a_b", "a..b", &"a".repeat(64)] {
            assert!(!is_bucket_name(name), "{name}");
        }
    }
}
