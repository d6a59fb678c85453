//! The SDK clients of one account and region, created once and shared.
//!
//! Credentials, regions, proxies and endpoints are read by the SDK; nothing of that is lzap's own. Only
//! retries and timeouts are set, since the SDK's defaults don't fit a deploy. The embedded cloud gets its
//! own key and its endpoint.

mod attempts;
mod profile;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_types::service_config::ServiceConfigKey;

use crate::error::{AwsError, Kind};
use crate::retry::scaled;

use attempts::Calls;
pub(crate) use attempts::{AnswerTime, Attempts};

/// The cloud to connect to, and the options of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// AWS, or the endpoint in `AWS_ENDPOINT_URL`; configured as the AWS SDK does it.
    Aws {
        /// The region; `None` uses the environment's or the profile's.
        region: Option<String>,
        /// The profile for region and credentials; credentials in the environment win.
        profile: Option<String>,
    },
    /// The embedded cloud. It ignores the environment and the AWS configuration.
    Local {
        /// The URL of the embedded cloud.
        endpoint: String,
        /// The region in names and ARNs.
        region: String,
        /// The key that signs requests.
        key: LocalKey,
    },
}

/// The access key of the owner of the embedded cloud. `Debug` doesn't show the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct LocalKey {
    /// The id, which is sent.
    pub id: String,
    /// The secret, which isn't sent.
    pub secret: String,
}

impl std::fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The clients of one account and region. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clients(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Never empty: [`Clients::connect`] refuses a configuration without a region.
    region: String,
    /// The profile of the settings, for help texts. `None` if none is set, whatever the SDK then uses.
    profile: Option<String>,
    /// The endpoint that stands in for AWS; `None` for AWS itself.
    endpoint: Option<String>,
    /// Set for the embedded cloud.
    local: bool,
    /// Shared by all clients below, so that it counts the requests of a whole command.
    calls: Calls,
    apigateway: aws_sdk_apigatewayv2::Client,
    events: aws_sdk_eventbridge::Client,
    iam: aws_sdk_iam::Client,
    lambda: aws_sdk_lambda::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    s3: aws_sdk_s3::Client,
    sts: aws_sdk_sts::Client,
}

/// Maximum number of requests for a call after network errors and throttling. The SDK's default of 3 is too low for API
/// Gateway, whose control API allows about ten requests per second.
///
/// AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>
const ATTEMPTS: u32 = 6;
/// The embedded cloud responds at once or not at all.
const LOCAL_ATTEMPTS: u32 = 3;
/// The wait before the first retry of the SDK.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
/// The SDK's default.
const MAX_BACKOFF: Duration = Duration::from_secs(20);
/// The SDK sets no read timeout; no control call takes this long.
const READ_TIMEOUT: Duration = Duration::from_mins(1);
/// Time to open a connection; the SDK's default is 3.1 s.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl Clients {
    /// Clients for `cloud`. Reads the AWS configuration files and the environment; sends nothing.
    ///
    /// # Errors
    /// No region is set; the profile doesn't exist.
    pub async fn connect(cloud: &Cloud) -> Result<Self, AwsError> {
        match cloud {
            Cloud::Aws { region, profile } => connect_aws(region.clone(), profile.clone()).await,
            Cloud::Local { endpoint, region, key } => {
                Ok(Self::new(&local_config(endpoint, region, key), None, true))
            }
        }
    }

    /// Returns the region, for names and ARNs.
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// Number of requests that these clients have sent to AWS so far, retries included.
    pub fn calls(&self) -> usize {
        self.0.calls.count()
    }

    /// Creates a client for each service. `profile` is only for texts; `local` marks the embedded cloud.
    pub(crate) fn new(config: &SdkConfig, profile: Option<String>, local: bool) -> Self {
        let calls = Calls::default();
        let endpoint = config.endpoint_url().map(str::to_owned);
        // An endpoint for S3 alone (`AWS_ENDPOINT_URL_S3`) must turn on path-style addressing too.
        let s3_endpoint = endpoint.is_some() || service_endpoint(config, "S3").is_some();
        Self(Arc::new(Inner {
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            profile,
            local,
            apigateway: aws_sdk_apigatewayv2::Client::from_conf(
                aws_sdk_apigatewayv2::config::Builder::from(config).interceptor(calls.clone()).build(),
            ),
            events: aws_sdk_eventbridge::Client::from_conf(
                aws_sdk_eventbridge::config::Builder::from(config).interceptor(calls.clone()).build(),
            ),
            iam: aws_sdk_iam::Client::from_conf(
                aws_sdk_iam::config::Builder::from(config).interceptor(calls.clone()).build(),
            ),
            lambda: aws_sdk_lambda::Client::from_conf(
                aws_sdk_lambda::config::Builder::from(config).interceptor(calls.clone()).build(),
            ),
            logs: aws_sdk_cloudwatchlogs::Client::from_conf(
                aws_sdk_cloudwatchlogs::config::Builder::from(config).interceptor(calls.clone()).build(),
            ),
            // Other implementations of S3 rarely resolve `BUCKET.HOST`, so they get the bucket in the path.
            s3: aws_sdk_s3::Client::from_conf(
                aws_sdk_s3::config::Builder::from(config)
                    .interceptor(calls.clone())
                    .force_path_style(s3_endpoint)
                    .build(),
            ),
            sts: aws_sdk_sts::Client::from_conf(
                aws_sdk_sts::config::Builder::from(config).interceptor(calls.clone()).build(),
            ),
            endpoint,
            calls,
        }))
    }

    /// Adds the endpoint and the profile to `error`; only these clients know them. Called once for an error,
    /// where it leaves this crate.
    pub(crate) fn explain(&self, error: AwsError) -> AwsError {
        let inner = &self.0;
        let aws = format!("AWS in region {}", inner.region);
        error.at(inner.endpoint.as_deref().unwrap_or(&aws), inner.local, inner.profile.as_deref())
    }

    /// Returns `error`, or the error of a missing profile: the SDK reports it as missing credentials.
    pub(crate) async fn explain_credentials(&self, error: AwsError) -> AwsError {
        if error.kind() == Kind::NoCredentials
            && let Some(missing) = profile::find_missing(self.0.profile.as_deref()).await
        {
            return missing;
        }
        self.explain(error)
    }

    /// Returns whether the clients are those of the embedded cloud.
    pub(crate) fn is_local(&self) -> bool {
        self.0.local
    }

    pub(crate) fn apigateway(&self) -> &aws_sdk_apigatewayv2::Client {
        &self.0.apigateway
    }

    pub(crate) fn events(&self) -> &aws_sdk_eventbridge::Client {
        &self.0.events
    }

    pub(crate) fn iam(&self) -> &aws_sdk_iam::Client {
        &self.0.iam
    }

    pub(crate) fn lambda(&self) -> &aws_sdk_lambda::Client {
        &self.0.lambda
    }

    pub(crate) fn logs(&self) -> &aws_sdk_cloudwatchlogs::Client {
        &self.0.logs
    }

    pub(crate) fn s3(&self) -> &aws_sdk_s3::Client {
        &self.0.s3
    }

    pub(crate) fn sts(&self) -> &aws_sdk_sts::Client {
        &self.0.sts
    }
}

/// Loads the configuration as the SDK does, and lets `region` and `profile` win over it.
async fn connect_aws(region: Option<String>, profile: Option<String>) -> Result<Clients, AwsError> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(retry_config(ATTEMPTS))
        .timeout_config(timeout_config());
    if let Some(region) = region {
        loader = loader.region(Region::new(region));
    }
    if let Some(profile) = &profile {
        loader = loader.profile_name(profile);
    }
    let config = loader.load().await;
    // The SDK would fail only at the first call, with an error about endpoints.
    if config.region().is_none() {
        return Err(profile::find_missing(profile.as_deref()).await.unwrap_or_else(AwsError::no_region));
    }
    let is_here = config.endpoint_url().is_some_and(is_loopback);
    let config = if is_here { config.to_builder().http_client(unproxied_client()).build() } else { config };
    Ok(Clients::new(&config, profile, false))
}

/// Returns a client for plain HTTP that ignores `HTTP_PROXY`, `ALL_PROXY` and their kin: a proxy elsewhere can't reach
/// this machine's loopback addresses. For AWS the SDK's own client obeys them.
fn unproxied_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}

/// Returns whether a URL of plain HTTP names this machine.
fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let address: Option<IpAddr> = host.parse().ok();
    let is_local_name = host == "localhost" || host.ends_with(".localhost");
    uri.scheme_str() == Some("http")
        && (is_local_name || address.is_some_and(|address| address.is_loopback()))
}

/// Returns the configuration for the embedded cloud. Sets everything explicitly and reads nothing from the
/// environment: `AWS_ENDPOINT_URL` or real credentials must not reach it.
fn local_config(endpoint: &str, region: &str, key: &LocalKey) -> SdkConfig {
    let credentials = Credentials::from_keys(&key.id, &key.secret, None);
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(unproxied_client())
        .retry_config(retry_config(LOCAL_ATTEMPTS))
        .timeout_config(timeout_config())
        .build()
}

/// Returns the SDK's own retries: `attempts` requests at most. lzap's tests shorten the waits.
fn retry_config(attempts: u32) -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(attempts)
        .with_initial_backoff(scaled(FIRST_BACKOFF))
        .with_max_backoff(scaled(MAX_BACKOFF))
}

/// Returns the timeouts of all calls that don't set their own, as invocations and uploads do.
fn timeout_config() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build()
}

/// Returns the endpoint of one service: `AWS_ENDPOINT_URL_S3`, or its form in the profile; `None` if neither
/// is set.
fn service_endpoint(config: &SdkConfig, service_id: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service_id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    config.service_config()?.load_config(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_on_this_machine_bypasses_a_proxy() {
        for here in [
            "http://127.0.0.1:4510",
            "http://127.1.2.3",
            "http://[::1]:4510",
            "http://localhost:4566",
            "http://s3.localhost:4566",
        ] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in [
            "https://127.0.0.1:4510",
            "http://10.0.0.1:4566",
            "http://localhost.example.com",
            "https://lambda.eu-central-1.amazonaws.com",
            "not a url",
        ] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }
}
