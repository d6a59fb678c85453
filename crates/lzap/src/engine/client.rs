//! The AWS SDK's clients, as a function needs them: credentials and region from the environment, TLS without C.
//!
//! In Lambda the credentials are in the environment, so `aws-config` would be more than is needed. TLS is rustls with
//! graviola; the crates' own HTTPS client compiles C.

use std::env;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::config::{BehaviorVersion, Region, SharedHttpClient, StalledStreamProtectionConfig};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector as TcpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::http::chain;

/// How long a function may run, at most, and so how long an answer may take.
const READ: Duration = Duration::from_secs(905);
/// From the request's beginning to that of S3's answer: the largest payload, half a gigabyte, is up in a fraction of it.
const READ_S3: Duration = Duration::from_mins(2);
const CONNECT: Duration = Duration::from_secs(3);
/// A connection on which nothing is said for minutes is kept open, through NATs too.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Shorter than AWS's own, so that no request meets a connection that is just closed.
const IDLE: Duration = Duration::from_secs(20);

/// What both services' clients are made of.
pub(crate) struct Basics {
    pub(crate) http: SharedHttpClient,
    pub(crate) region: Region,
    pub(crate) credentials: Credentials,
}

impl Basics {
    pub(crate) fn from_env() -> Self {
        let text = |name: &str| env::var(name).unwrap_or_default();
        Self {
            http: SharedHttpClient::new(Https::new()),
            region: Region::new(text("AWS_REGION")),
            credentials: Credentials::new(
                text("AWS_ACCESS_KEY_ID"),
                text("AWS_SECRET_ACCESS_KEY"),
                env::var("AWS_SESSION_TOKEN").ok(),
                None,
                "lambda",
            ),
        }
    }
}

/// For a Lambda on a port of this machine.
#[cfg(feature = "map")]
pub(crate) fn local_lambda(url: &str) -> aws_sdk_lambda::Client {
    let basics = Basics {
        region: Region::from_static("eu-central-1"),
        credentials: Credentials::new("test", "test", None, None, "test"),
        ..Basics::from_env()
    };
    lambda_at(&basics, Some(url.to_owned()))
}

/// The Lambda client: no retries of its own, since its bucket of 500 tokens is empty after 100 throttles.
pub(crate) fn lambda(basics: &Basics) -> aws_sdk_lambda::Client {
    lambda_at(basics, endpoint("AWS_ENDPOINT_URL_LAMBDA"))
}

fn lambda_at(basics: &Basics, endpoint: Option<String>) -> aws_sdk_lambda::Client {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(READ).build();
    let mut config = aws_sdk_lambda::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(basics.http.clone())
        .region(basics.region.clone())
        .credentials_provider(basics.credentials.clone())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    config.set_endpoint_url(endpoint);
    aws_sdk_lambda::Client::from_conf(config.build())
}

/// What AWS said in its answer, or why there is none: in one line.
pub(crate) fn said<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug,
{
    match error.as_service_error().map(ProvideErrorMetadata::meta) {
        Some(meta) => {
            let code = meta.code().unwrap_or("an error without a code");
            meta.message().map_or_else(|| code.to_owned(), |message| format!("{code}: {message}"))
        }
        None => chain(error),
    }
}

/// The S3 client, with the SDK's retries.
pub(crate) fn s3(basics: &Basics) -> aws_sdk_s3::Client {
    let endpoint = endpoint("AWS_ENDPOINT_URL_S3");
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(READ_S3).build();
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(basics.http.clone())
        .region(basics.region.clone())
        .credentials_provider(basics.credentials.clone())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard())
        .force_path_style(endpoint.is_some());
    config.set_endpoint_url(endpoint);
    aws_sdk_s3::Client::from_conf(config.build())
}

fn endpoint(of_service: &str) -> Option<String> {
    [of_service, "AWS_ENDPOINT_URL"].iter().find_map(|name| env::var(name).ok()).filter(|url| !url.is_empty())
}

type Hyper = Client<HttpsConnector<TcpConnector>, SdkBody>;

/// One connection pool for all clients.
#[derive(Clone)]
struct Https(Arc<Hyper>);

impl Https {
    fn new() -> Self {
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEP_ALIVE));
        tcp.set_connect_timeout(Some(CONNECT));
        let tls = HttpsConnectorBuilder::new().with_tls_config(tls()).https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(tls.wrap_connector(tcp));
        Self(Arc::new(client))
    }
}

fn tls() -> rustls::ClientConfig {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls_graviola::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

impl fmt::Debug for Https {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Https")
    }
}

impl HttpClient for Https {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Https {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let response = client.request(request).await.map_err(|error| {
                if error.is_connect() {
                    ConnectorError::io(error.into())
                } else {
                    ConnectorError::other(error.into(), None)
                }
            })?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}
