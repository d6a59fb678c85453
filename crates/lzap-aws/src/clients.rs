//! The SDK clients of one account and region, made once and shared.

mod attempts;
mod profile;

use std::sync::Arc;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::retry::RetryConfig;
use aws_types::service_config::ServiceConfigKey;

use crate::error::{AwsError, Kind};
use crate::retry::scaled;

use attempts::Calls;
pub(crate) use attempts::{AnswerTime, Attempts};

/// The cloud to connect to, and the options of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// AWS, or whatever `AWS_ENDPOINT_URL` names: everything as the AWS SDK does it.
    Aws {
        /// The region; without it what the environment or the profile says.
        region: Option<String>,
        /// The profile, for region and credentials; credentials of the environment win.
        profile: Option<String>,
    },
    /// The embedded cloud: the environment and the AWS configuration count for nothing.
    Local {
        /// Its URL.
        endpoint: String,
        /// The region to act in.
        region: String,
    },
}

/// The clients of one account and region. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clients(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    region: String,
    profile: Option<String>,
    endpoint: Option<String>,
    local: bool,
    calls: Calls,
    apigateway: aws_sdk_apigatewayv2::Client,
    events: aws_sdk_eventbridge::Client,
    iam: aws_sdk_iam::Client,
    lambda: aws_sdk_lambda::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    s3: aws_sdk_s3::Client,
    sts: aws_sdk_sts::Client,
}

/// A call thrown back by the network or by throttling is sent this often in all. The SDK's own 3 is few for API
/// Gateway, whose control API takes about ten requests a second.
///
/// AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>
const ATTEMPTS: u32 = 6;
/// The embedded cloud is there at once or not at all.
const LOCAL_ATTEMPTS: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
/// The SDK's own.
const MAX_BACKOFF: Duration = Duration::from_secs(20);
/// The SDK sets no read timeout; no control call takes this long.
const READ_TIMEOUT: Duration = Duration::from_mins(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl Clients {
    /// Clients for `cloud`. Reads the AWS configuration files and the environment; sends nothing.
    ///
    /// # Errors
    /// No region is set; the profile doesn't exist.
    pub async fn connect(cloud: &Cloud) -> Result<Self, AwsError> {
        match cloud {
            Cloud::Aws { region, profile } => connect_aws(region.clone(), profile.clone()).await,
            Cloud::Local { endpoint, region } => Ok(Self::new(&local_config(endpoint, region), None, true)),
        }
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// Number of requests that these clients have sent to AWS so far, retries included.
    pub fn calls(&self) -> usize {
        self.0.calls.count()
    }

    pub(crate) fn new(config: &SdkConfig, profile: Option<String>, local: bool) -> Self {
        let calls = Calls::default();
        let endpoint = config.endpoint_url().map(str::to_owned);
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
            // Whatever isn't AWS itself rarely answers to BUCKET.HOST.
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

    /// `error` with the endpoint and the profile that only these clients know.
    pub(crate) fn explain(&self, error: AwsError) -> AwsError {
        let inner = &self.0;
        let aws = format!("AWS in region {}", inner.region);
        error.at(inner.endpoint.as_deref().unwrap_or(&aws), inner.local, inner.profile.as_deref())
    }

    /// `error`, or that the profile doesn't exist, which the SDK tells as a lack of credentials.
    pub(crate) async fn explain_credentials(&self, error: AwsError) -> AwsError {
        if error.kind() == Kind::NoCredentials
            && let Some(missing) = profile::find_missing(self.0.profile.as_deref()).await
        {
            return missing;
        }
        self.explain(error)
    }

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
    if config.region().is_none() {
        return Err(profile::find_missing(profile.as_deref()).await.unwrap_or_else(AwsError::no_region));
    }
    Ok(Clients::new(&config, profile, false))
}

/// Everything is said here; nothing is read from the environment.
fn local_config(endpoint: &str, region: &str) -> SdkConfig {
    let credentials = Credentials::from_keys("lzaplocal", "lzaplocal", None);
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(retry_config(LOCAL_ATTEMPTS))
        .timeout_config(timeout_config())
        .build()
}

fn retry_config(attempts: u32) -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(attempts)
        .with_initial_backoff(scaled(FIRST_BACKOFF))
        .with_max_backoff(scaled(MAX_BACKOFF))
}

fn timeout_config() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build()
}

/// `AWS_ENDPOINT_URL_S3`, or the like in the profile.
fn service_endpoint(config: &SdkConfig, service_id: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service_id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    config.service_config()?.load_config(key)
}
