//! Who sends a request: the key that it names, and whether its signature is that key's.
//!
//! Signatures are in the `Authorization` header, or in the query of a presigned S3 URL. The signatures of single chunks
//! of an `aws-chunked` body are not verified, only that of the request which announces them.
//!
//! AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html>

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Uri, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::refusal::Refusal;
use crate::answer::encode_hex;
use crate::keys::{KeyHolder, Keys};
use crate::percent;
use crate::signature::{SignatureFacts, compute_signature};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// The clocks of the sender and of AWS may differ by this much.
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html> (`RequestTimeTooSkewed`)
const CLOCK_SKEW: Duration = Duration::from_mins(15);
/// The longest lifetime of a presigned URL.
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
const LONGEST_EXPIRY: Duration = Duration::from_hours(7 * 24);
/// The parameters of a presigned URL that `aws-sigv4` adds by itself.
const SIGNATURE_PARAMETERS: [&str; 6] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

/// The scope of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// For example `eu-central-1`.
    pub(crate) region: String,
    /// The signing name: `s3`, `lambda`, `events`…
    pub(crate) service: String,
    /// The id of the caller's access key.
    pub(crate) access_key: String,
}

impl Scope {
    fn parse(credential: &str) -> Option<Self> {
        let mut parts = credential.rsplitn(5, '/');
        let (last, service, region) = (parts.next()?, parts.next()?, parts.next()?);
        parts.next().filter(|date| date.len() == 8)?;
        let access_key = parts.next().unwrap_or_default().to_owned();
        let plain = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        (last == "aws4_request" && plain(service) && plain(region)).then(|| Self {
            region: region.to_owned(),
            service: service.to_owned(),
            access_key,
        })
    }
}

/// What a request says about its signature; not verified yet.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) scope: Scope,
    /// As it is sent: `20261201T080000Z`.
    time: String,
    signed_headers: Vec<String>,
    signature: String,
    token: Option<String>,
    /// Set for a presigned URL.
    expires: Option<Duration>,
}

impl Claim {
    /// Reads the `Authorization` header, or the query of a presigned S3 URL.
    pub(crate) fn of(headers: &HeaderMap, uri: &Uri) -> Option<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(authorization) = headers.get(header::AUTHORIZATION) else {
            return Self::of_query(uri.query()?);
        };
        let fields = authorization.to_str().ok()?.strip_prefix(ALGORITHM)?;
        let field = |name: &str| {
            fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
        };
        Some(Self {
            scope: Scope::parse(field("Credential")?)?,
            time: text("x-amz-date").unwrap_or_default().to_owned(),
            signed_headers: split_names(field("SignedHeaders")?),
            signature: field("Signature")?.to_owned(),
            token: text("x-amz-security-token").map(str::to_owned),
            expires: None,
        })
    }

    fn of_query(query: &str) -> Option<Self> {
        let find =
            |name: &str| percent::pairs(query).find(|(found, _)| found == name).map(|(_, value)| value);
        // A URL can be opened by any page, so only what is made for that is taken from it.
        let scope = Scope::parse(&find("X-Amz-Credential")?).filter(|scope| scope.service == "s3")?;
        find("X-Amz-Algorithm").filter(|algorithm| algorithm == ALGORITHM)?;
        Some(Self {
            scope,
            time: find("X-Amz-Date")?,
            signed_headers: split_names(&find("X-Amz-SignedHeaders")?),
            signature: find("X-Amz-Signature")?,
            token: find("X-Amz-Security-Token"),
            expires: Some(Duration::from_secs(find("X-Amz-Expires")?.parse().ok()?)),
        })
    }

    /// Finds out whether the signature is that of one of the cloud's keys, and whose.
    ///
    /// # Errors
    /// The refusal of AWS.
    pub(crate) fn verify(
        &self,
        keys: &Keys,
        (parts, body): (&Parts, &Bytes),
        now_ms: i64,
    ) -> Result<KeyHolder, Refusal> {
        let (holder, key) = keys.find(&self.scope.access_key).ok_or(Refusal::UnknownKey)?;
        if !key.has_token(self.token.as_deref()) {
            return Err(Refusal::UnknownKey);
        }
        let time = parse_time(&self.time).ok_or(Refusal::WrongSignature)?;
        let payload = self.payload(parts, body)?;
        let facts = SignatureFacts {
            key,
            region: &self.scope.region,
            service: &self.scope.service,
            time,
            expires: self.expires,
        };
        let query = parts.uri.query().unwrap_or_default();
        let query = if self.expires.is_some() { without_signature(query) } else { query.to_owned() };
        let expected = self
            .covers(&parts.headers)
            .then(|| compute_signature(&facts, parts, &self.signed_headers, &query, &payload))
            .flatten()
            .ok_or(Refusal::WrongSignature)?;
        if !bool::from(expected.as_bytes().ct_eq(self.signature.as_bytes())) {
            return Err(Refusal::WrongSignature);
        }
        // The time is trusted only now that the signature is known to cover it.
        self.check_time(time, now_ms).map(|()| holder)
    }

    /// Returns whether the signature covers what it must: the host and, in a presigned URL, each header that changes
    /// what a request does.
    fn covers(&self, headers: &HeaderMap) -> bool {
        /// SDKs send these with a presigned URL too, and they change nothing.
        const HARMLESS: [&str; 5] = [
            "x-amz-checksum-mode",
            "x-amz-content-sha256",
            "x-amz-date",
            "x-amz-security-token",
            "x-amz-user-agent",
        ];
        let is_signed = |name: &str| self.signed_headers.iter().any(|signed| signed == name);
        let must_be_signed =
            |name: &str| self.expires.is_some() && name.starts_with("x-amz-") && !HARMLESS.contains(&name);
        is_signed("host")
            && headers.keys().all(|name| !must_be_signed(name.as_str()) || is_signed(name.as_str()))
    }

    fn check_time(&self, time: SystemTime, now_ms: i64) -> Result<(), Refusal> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(now_ms).unwrap_or_default());
        let until = self.expires.unwrap_or(CLOCK_SKEW);
        if until > LONGEST_EXPIRY.max(CLOCK_SKEW) || time > now + CLOCK_SKEW {
            return Err(Refusal::WrongTime);
        }
        match (now > time + until, self.expires) {
            (false, _) => Ok(()),
            (true, Some(_)) => Err(Refusal::ExpiredUrl),
            (true, None) => Err(Refusal::WrongTime),
        }
    }

    /// Returns the hash of the body, or what stands for it in the signature.
    fn payload(&self, parts: &Parts, body: &Bytes) -> Result<String, Refusal> {
        if self.expires.is_some() {
            return Ok(UNSIGNED_PAYLOAD.to_owned());
        }
        let stated =
            parts.headers.get("x-amz-content-sha256").map(|value| value.to_str().unwrap_or_default());
        let is_s3 = self.scope.service == "s3";
        match stated {
            Some(marker) if is_s3 && (marker == UNSIGNED_PAYLOAD || marker.starts_with("STREAMING-")) => {
                Ok(marker.to_owned())
            }
            stated => {
                let actual = encode_hex(&Sha256::digest(body));
                let is_right = stated.is_none_or(|stated| stated.eq_ignore_ascii_case(&actual));
                if is_right { Ok(actual) } else { Err(Refusal::WrongPayload) }
            }
        }
    }
}

fn split_names(names: &str) -> Vec<String> {
    names.split(';').map(str::to_ascii_lowercase).collect()
}

/// Removes the parameters of the signature; the session token stays, because it is signed as any other.
fn without_signature(query: &str) -> String {
    let is_other = |part: &&str| {
        let name = part.split_once('=').map_or(*part, |(name, _)| name);
        !SIGNATURE_PARAMETERS.contains(&percent::decode_form(name).as_str())
    };
    query.split('&').filter(|part| !part.is_empty()).filter(is_other).collect::<Vec<_>>().join("&")
}

fn parse_time(text: &str) -> Option<SystemTime> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(jiff::tz::Offset::UTC.to_timestamp(time).ok()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::AccessKey;
    use crate::signature::testing::authorize;

    /// 2026-12-01T08:00:00Z, and the same as Unix time.
    const TIME: &str = "20261201T080000Z";
    const NOW_MS: i64 = 1_796_112_000_000;

    fn parts(uri: &str, authorization: Option<&str>) -> Parts {
        let mut request = http::Request::get(uri).header("host", "127.0.0.1:4510").header("x-amz-date", TIME);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    fn signed(key: &AccessKey, uri: &str) -> Parts {
        let payload = encode_hex(&Sha256::digest(b""));
        parts(uri, Some(&authorize(key, ("eu-west-1", "lambda"), &parts(uri, None), &payload)))
    }

    fn verify(keys: &Keys, parts: &Parts, body: &'static [u8], now_ms: i64) -> Result<KeyHolder, Refusal> {
        let claim = Claim::of(&parts.headers, &parts.uri).expect("a claim");
        claim.verify(keys, (parts, &Bytes::from_static(body)), now_ms)
    }

    #[test]
    fn verify_takes_signatures_of_both_keys_and_no_other() {
        let keys = Keys::random();
        let uri = "/2015-03-31/functions/a%2Fb?Marker=x%20y&MaxItems=2";
        assert_eq!(verify(&keys, &signed(&keys.owner, uri), b"", NOW_MS), Ok(KeyHolder::Owner));
        let mut parts = signed(&keys.function, uri);
        assert_eq!(verify(&keys, &parts, b"", NOW_MS), Err(Refusal::UnknownKey), "without its token");
        let token = keys.function.token.as_deref().expect("a token");
        parts.headers.insert("x-amz-security-token", token.parse().expect("a value"));
        assert_eq!(verify(&keys, &parts, b"", NOW_MS), Ok(KeyHolder::Function));
        let stranger = Keys::random().owner;
        assert_eq!(verify(&keys, &signed(&stranger, uri), b"", NOW_MS), Err(Refusal::UnknownKey));
        let forger = AccessKey { secret: stranger.secret, ..keys.owner.clone() };
        assert_eq!(verify(&keys, &signed(&forger, uri), b"", NOW_MS), Err(Refusal::WrongSignature));
    }

    #[test]
    fn verify_refuses_changed_request() {
        let keys = Keys::random();
        let good = signed(&keys.owner, "/a?b=c");
        assert_eq!(verify(&keys, &good, b"more", NOW_MS), Err(Refusal::WrongSignature), "the body");
        let uri = |uri: &'static str| {
            let mut changed = good.clone();
            changed.uri = Uri::from_static(uri);
            changed
        };
        for changed in [uri("/b?b=c"), uri("/a?b=d"), uri("/a"), uri("/a?b=c&d=e")] {
            assert_eq!(verify(&keys, &changed, b"", NOW_MS), Err(Refusal::WrongSignature), "{}", changed.uri);
        }
        let mut method = good.clone();
        method.method = http::Method::DELETE;
        assert_eq!(verify(&keys, &method, b"", NOW_MS), Err(Refusal::WrongSignature));
        let mut host = good.clone();
        host.headers.insert("host", "localhost:4510".parse().expect("a value"));
        assert_eq!(verify(&keys, &host, b"", NOW_MS), Err(Refusal::WrongSignature));
        let mut payload = good;
        payload.headers.insert("x-amz-content-sha256", "0".repeat(64).parse().expect("a value"));
        assert_eq!(verify(&keys, &payload, b"", NOW_MS), Err(Refusal::WrongPayload));
        payload.headers.insert("x-amz-content-sha256", UNSIGNED_PAYLOAD.parse().expect("a value"));
        assert_eq!(verify(&keys, &payload, b"", NOW_MS), Err(Refusal::WrongPayload), "only S3 takes it");
    }

    #[test]
    fn verify_takes_signatures_of_a_quarter_of_an_hour() {
        let keys = Keys::random();
        let good = signed(&keys.owner, "/");
        let minutes = |minutes: i64| verify(&keys, &good, b"", NOW_MS + minutes * 60_000);
        for near in [-15, -1, 0, 15] {
            assert_eq!(minutes(near), Ok(KeyHolder::Owner), "{near}");
        }
        for far in [-16, 16, 60 * 24] {
            assert_eq!(minutes(far), Err(Refusal::WrongTime), "{far}");
        }
    }

    #[test]
    fn claim_names_region_and_service() {
        let scope = |authorization: &'static str, uri: &'static str| {
            let headers = (!authorization.is_empty())
                .then(|| (header::AUTHORIZATION, authorization.parse().expect("a value")));
            let claim = Claim::of(&headers.into_iter().collect(), &Uri::from_static(uri))?;
            Some((claim.scope.region, claim.scope.service))
        };
        let signed = "AWS4-HMAC-SHA256 Credential=AK/20261122/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=0";
        assert_eq!(scope(signed, "/"), Some(("eu-west-1".into(), "lambda".into())));
        let url = "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20261122%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20261201T080000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=0";
        assert_eq!(scope("", url), Some(("us-east-1".into(), "s3".into())));
        assert_eq!(scope("", "/"), None);
        assert_eq!(scope("Basic abc", "/"), None);
        assert_eq!(
            scope(
                "AWS4-HMAC-SHA256 Credential=AK/20261122/../s3/aws4_request, SignedHeaders=host, Signature=0",
                "/"
            ),
            None
        );
        assert_eq!(scope("", "/?X-Amz-Credential=AK%2F20261122%2Fus-east-1%2Fiam%2Faws4_request"), None);
    }

    #[test]
    fn without_signature_keeps_other_parameters_as_they_are() {
        let query = "versionId=a%20b&X-Amz-Date=1&X%2DAmz-Signature=2&X-Amz-Security-Token=t&acl";
        assert_eq!(without_signature(query), "versionId=a%20b&X-Amz-Security-Token=t&acl");
    }
}
