//! The environment as settings: pure, so that tests need no process of their own.

use std::env;
use std::fmt;
use std::path::PathBuf;

use aws_credential_types::Credentials;

use crate::error::{ClientError, ErrorKind};

/// The access key, its secret and the session token. Lambda sets them once for the life of an execution environment, so
/// that they are read once.
///
/// `Debug` shows nothing of them.
#[derive(Clone)]
pub struct AwsCredentials(Credentials);

impl AwsCredentials {
    /// Credentials of these parts. Temporary ones, as Lambda has them, need the session token.
    pub fn new(access_key_id: &str, secret_access_key: &str, session_token: Option<&str>) -> Self {
        let token = session_token.filter(|token| !token.is_empty()).map(str::to_owned);
        Self(Credentials::new(access_key_id, secret_access_key, token, None, "environment"))
    }

    /// The credentials as `aws-sigv4` takes them.
    pub(crate) fn credentials(&self) -> &Credentials {
        &self.0
    }
}

impl fmt::Debug for AwsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwsCredentials(redacted)")
    }
}

/// All that the client takes from its environment.
#[derive(Clone)]
pub struct Settings {
    pub(crate) region: String,
    pub(crate) credentials: AwsCredentials,
    pub(crate) lambda_endpoint: Option<String>,
    pub(crate) s3_endpoint: Option<String>,
    pub(crate) proxy: ProxySettings,
    pub(crate) ca_bundle: Option<PathBuf>,
}

/// The proxy variables, as they are written. They may hold a password, so that neither this nor [`Settings`] shows them.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct ProxySettings {
    pub(crate) https: Option<String>,
    pub(crate) http: Option<String>,
    pub(crate) exceptions: Option<String>,
}

impl Settings {
    /// Settings for a region's own endpoints: no proxy, the built-in certificates.
    pub fn new(region: &str, credentials: AwsCredentials) -> Self {
        Self {
            region: region.to_owned(),
            credentials,
            lambda_endpoint: None,
            s3_endpoint: None,
            proxy: ProxySettings::default(),
            ca_bundle: None,
        }
    }

    /// The settings of this process's environment.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `AWS_REGION`, else `AWS_DEFAULT_REGION` | the region; required |
    /// | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` | the credentials; the first two are required |
    /// | `AWS_ENDPOINT_URL_LAMBDA`, `AWS_ENDPOINT_URL_S3`, else `AWS_ENDPOINT_URL` | another endpoint |
    /// | `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` | `true`: those three are ignored |
    /// | `AWS_CA_BUNDLE` | a PEM file whose certificates replace the built-in ones |
    /// | `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, or lowercase | the proxy, and the hosts that bypass it |
    ///
    /// Nothing else that the SDKs know is read: with FIPS or dual-stack endpoints, name the endpoint. A variable that is not
    /// UTF-8 counts as not set.
    ///
    /// AWS: <https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html>
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when region or credentials are missing; the text says which variables are not set.
    pub fn from_env() -> Result<Self, ClientError> {
        Self::from_lookup(|name| env::var(name).ok())
    }

    /// The same of another environment: `lookup` returns a variable's value.
    ///
    /// # Errors
    /// As [`Settings::from_env`].
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ClientError> {
        // An empty variable is an unset one, as for the AWS CLI: templates and CI systems set them so.
        let value = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let either = |first: &str, second: &str| value(first).or_else(|| value(second));
        let region = either("AWS_REGION", "AWS_DEFAULT_REGION").ok_or_else(|| {
            ClientError::new(
                ErrorKind::Config,
                "AWS can't be called: the environment names no region; set AWS_REGION, for example \
                 `export AWS_REGION=eu-central-1`",
            )
        })?;
        let (key_id, secret) = (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"));
        let (Some(key_id), Some(secret)) = (&key_id, &secret) else {
            return Err(missing_credentials(key_id.is_none(), secret.is_none()));
        };
        // Users' own keys have no token, so that a missing one is not an error here; AWS answers
        // `InvalidClientTokenId`.
        let token = value("AWS_SESSION_TOKEN");
        let ignored = value("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
        let ignored = ignored.is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let endpoint = |name| either(name, "AWS_ENDPOINT_URL").filter(|_| !ignored);
        Ok(Self {
            region,
            credentials: AwsCredentials::new(key_id, secret, token.as_deref()),
            lambda_endpoint: endpoint("AWS_ENDPOINT_URL_LAMBDA"),
            s3_endpoint: endpoint("AWS_ENDPOINT_URL_S3"),
            proxy: ProxySettings {
                https: either("HTTPS_PROXY", "https_proxy"),
                http: either("HTTP_PROXY", "http_proxy"),
                exceptions: either("NO_PROXY", "no_proxy"),
            },
            ca_bundle: value("AWS_CA_BUNDLE").map(PathBuf::from),
        })
    }

    /// The same with another Lambda endpoint, such as `http://127.0.0.1:4510`.
    #[must_use]
    pub fn with_lambda_endpoint(mut self, url: &str) -> Self {
        self.lambda_endpoint = Some(url.to_owned());
        self
    }

    /// The same with another S3 endpoint. Buckets then stand in the path.
    #[must_use]
    pub fn with_s3_endpoint(mut self, url: &str) -> Self {
        self.s3_endpoint = Some(url.to_owned());
        self
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("region", &self.region)
            .field("lambda_endpoint", &self.lambda_endpoint)
            .field("s3_endpoint", &self.s3_endpoint)
            .field("ca_bundle", &self.ca_bundle)
            .finish_non_exhaustive()
    }
}

/// Names the variables that are not set, and the command that sets them outside Lambda.
fn missing_credentials(key_id: bool, secret: bool) -> ClientError {
    let names = match (key_id, secret) {
        (true, true) => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set",
        (true, false) => "AWS_ACCESS_KEY_ID is not set",
        _ => "AWS_SECRET_ACCESS_KEY is not set",
    };
    ClientError::new(
        ErrorKind::Config,
        format!(
            "AWS can't be called: the environment has no credentials: {names}; Lambda sets them itself, elsewhere \
             `eval \"$(aws configure export-credentials --format env)\"` does"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings, ClientError> {
        let find =
            |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Settings::from_lookup(find)
    }

    const COMPLETE: &[(&str, &str)] =
        &[("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "hush")];

    #[test]
    fn from_lookup_without_a_variable_names_it() {
        for (left_out, said) in [
            ("AWS_REGION", "set AWS_REGION"),
            ("AWS_ACCESS_KEY_ID", ": AWS_ACCESS_KEY_ID is not set"),
            ("AWS_SECRET_ACCESS_KEY", ": AWS_SECRET_ACCESS_KEY is not set"),
        ] {
            let pairs: Vec<_> = COMPLETE.iter().copied().filter(|(name, _)| *name != left_out).collect();
            let error = settings(&pairs).expect_err("a variable is missing");
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(said), "{error}");
        }
        let error = settings(&[("AWS_REGION", "x")]).expect_err("both are missing");
        assert!(error.to_string().contains("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"));
        // An empty variable is an unset one.
        settings(&[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "")]).expect_err("no region");
    }

    #[test]
    fn from_lookup_prefers_specific_endpoints_and_ignores_all_when_told() {
        let with = |more: &[(&str, &str)]| settings(&[COMPLETE, more].concat()).expect("complete");
        let both = [("AWS_ENDPOINT_URL", "http://all"), ("AWS_ENDPOINT_URL_S3", "http://s3")];
        let found = with(&both);
        assert_eq!(found.lambda_endpoint.as_deref(), Some("http://all"));
        assert_eq!(found.s3_endpoint.as_deref(), Some("http://s3"));
        let ignored = with(&[both[0], both[1], ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE")]);
        assert_eq!((ignored.lambda_endpoint, ignored.s3_endpoint), (None, None));
    }

    #[test]
    fn debug_shows_no_secret() {
        let pairs = [("AWS_SESSION_TOKEN", "token-1"), ("HTTPS_PROXY", "http://user:pass-1@proxy:3128")];
        let shown = settings(&[COMPLETE, &pairs].concat()).expect("complete");
        let shown = format!("{shown:?} {:?}", shown.credentials);
        for secret in ["AKID", "hush", "token-1", "pass-1"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
