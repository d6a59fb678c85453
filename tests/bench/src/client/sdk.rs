//! The client of the AWS SDK for Rust.

use aws_credential_types::Credentials;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::{BehaviorVersion, Region};
use aws_sdk_lambda::error::DisplayErrorContext;
use aws_sdk_lambda::primitives::Blob;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use lzap_testkit::shell::Result;

use super::Invoke;
use crate::REGION;

/// `aws-sdk-lambda` as its users have it, except that it trusts the stub's certificate and never retries.
pub(super) struct SdkClient(Client);

impl SdkClient {
    /// A client of `endpoint`, which trusts the root certificate `ca` (PEM) and no other.
    pub(super) fn new(endpoint: &str, ca: Option<Vec<u8>>) -> Result<Self> {
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(endpoint)
            .credentials_provider(Credentials::new("test", "test", None, None, "bench"))
            .retry_config(RetryConfig::disabled());
        let mut store = TrustStore::empty();
        if let Some(ca) = ca {
            store.add_pem_certificate(ca);
        }
        let context = TlsContext::builder().with_trust_store(store).build()?;
        let provider = Provider::Rustls(CryptoMode::AwsLc);
        let http = Builder::new().tls_provider(provider).tls_context(context).build_https();
        Ok(Self(Client::from_conf(config.http_client(http).build())))
    }
}

impl Invoke for SdkClient {
    async fn invoke(&self, payload: Vec<u8>) -> std::result::Result<Vec<u8>, String> {
        let call = self.0.invoke().function_name("bench").payload(Blob::new(payload));
        let answer = call.send().await.map_err(|error| DisplayErrorContext(error).to_string())?;
        answer.payload.map(Blob::into_inner).ok_or_else(|| "an answer without a payload".to_owned())
    }
}
