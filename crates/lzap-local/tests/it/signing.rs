//! Signed requests of a client that isn't an SDK.

use std::fmt::Write as _;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use lzap_local::AccessKey;

/// Returns the header lines that sign a request to one of the services that aren't S3.
pub(crate) fn sign_lines(
    key: &AccessKey,
    (region, service): (&str, &str),
    method: &str,
    url: &str,
    body: &[u8],
) -> String {
    let identity = Credentials::new(&key.id, &key.secret, None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .expect("all of it is set")
        .into();
    let request = SignableRequest::new(method, url, std::iter::empty(), SignableBody::Bytes(body));
    let (instructions, _) = sign(request.expect("a request"), &params).expect("a signature").into_parts();
    instructions.headers().fold(String::new(), |mut lines, (name, value)| {
        let _ = write!(lines, "{name}: {value}\r\n");
        lines
    })
}
