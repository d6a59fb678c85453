//! Signatures (`SigV4`) of requests, by `aws-sigv4`.
//!
//! AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>
//!
//! Presigned URLs would be one more function here: the same parameters with `SignatureLocation::QueryParams`.

use std::time::SystemTime;

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::{HeaderName, HeaderValue};

use crate::config::AwsCredentials;
use crate::error::{ClientError, ErrorKind};

/// A service's rules for signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SigningStyle {
    /// The path is encoded once more, and the body's hash is only part of the signature.
    Common,
    /// The path is taken as sent, and the body's hash is a header too. It is always the real one, over HTTPS as well:
    /// bucket policies may refuse unsigned payloads, and a proxy that ends TLS may change bytes.
    S3,
}

/// Everything that a signature covers.
pub(crate) struct Signable<'a> {
    pub(crate) method: &'a str,
    /// Scheme, host and path, encoded as sent.
    pub(crate) url: &'a str,
    pub(crate) headers: &'a [(HeaderName, HeaderValue)],
    pub(crate) body: &'a [u8],
}

/// The credential scope of a signature, and its time.
pub(crate) struct Scope<'a> {
    pub(crate) credentials: &'a AwsCredentials,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) style: SigningStyle,
    pub(crate) time: SystemTime,
}

/// The headers to add: `authorization`, `x-amz-date`, and what goes with them.
pub(crate) fn sign_request(
    request: &Signable<'_>,
    scope: &Scope<'_>,
) -> Result<Vec<(HeaderName, HeaderValue)>, ClientError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        ClientError::new(ErrorKind::Config, "can't be signed: is a name or a credential not plain ASCII?")
            .with_source(error)
    };
    let mut settings = SigningSettings::default();
    if scope.style == SigningStyle::S3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    // Cheap: the secret is shared, not copied.
    let identity = scope.credentials.credentials().clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(scope.time)
        .settings(settings)
        .build()
        .map_err(|error| failed(error.into()))?
        .into();
    // A value that isn't ASCII is sent all the same, but not signed: the crate takes text only.
    let headers =
        request.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let signable =
        SignableRequest::new(request.method, request.url, headers, SignableBody::Bytes(request.body))
            .map_err(|error| failed(error.into()))?;
    let (instructions, _) = sign(signable, &params).map_err(|error| failed(error.into()))?.into_parts();
    let (headers, _) = instructions.into_parts();
    headers
        .into_iter()
        .map(|header| {
            let mut value = HeaderValue::from_str(header.value()).map_err(|error| failed(error.into()))?;
            // `Debug` of a request then hides the session token and the signature.
            value.set_sensitive(header.sensitive());
            Ok((HeaderName::from_static(header.name()), value))
        })
        .collect()
}
