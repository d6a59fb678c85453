//! The service and the region of a request, from the credential scope of its signature.
//!
//! Signatures are not verified. Any key is accepted, and all of them are the same account.
//!
//! AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html>

use http::{HeaderMap, Uri, header};

use crate::percent;

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
    /// Reads the `Authorization` header, or the query of a presigned S3 URL.
    pub(crate) fn of(headers: &HeaderMap, uri: &Uri) -> Option<Self> {
        if let Some(authorization) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok())
        {
            let (_, credential) = authorization.split_once("Credential=")?;
            return Self::parse(credential.split([',', ' ']).next()?);
        }
        let query = uri.query()?;
        let (_, credential) = percent::pairs(query).find(|(name, _)| name == "X-Amz-Credential")?;
        // A URL can be opened by any page, so only what is made for that is taken from it.
        Self::parse(&credential).filter(|scope| scope.service == "s3")
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(authorization: Option<&'static str>, uri: &'static str) -> Option<(String, String)> {
        let headers = authorization.map(|value| (header::AUTHORIZATION, value.parse().expect("a value")));
        let scope = Scope::of(&headers.into_iter().collect(), &Uri::from_static(uri))?;
        Some((scope.region, scope.service))
    }

    #[test]
    fn the_scope_names_region_and_service() {
        let signed = "AWS4-HMAC-SHA256 Credential=AK/20261122/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=0";
        assert_eq!(scope(Some(signed), "/"), Some(("eu-west-1".into(), "lambda".into())));
        let url = "/b/k?X-Amz-Credential=AK%2F20261122%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=0";
        assert_eq!(scope(None, url), Some(("us-east-1".into(), "s3".into())));
    }

    #[test]
    fn what_is_not_signed_has_no_scope() {
        assert_eq!(scope(None, "/"), None);
        assert_eq!(scope(Some("Basic abc"), "/"), None);
        assert_eq!(scope(Some("AWS4-HMAC-SHA256 Credential=AK/20261122/../s3/aws4_request"), "/"), None);
        assert_eq!(scope(None, "/?X-Amz-Credential=AK%2F20261122%2Fus-east-1%2Fiam%2Faws4_request"), None);
    }
}
