//! What AWS refuses, or why it could not be asked: one classification by error code, one clear line and the next
//! command for each.
//!
//! Deliberately not here: what to do about an error. Waiting and trying again is [`crate::retry`]; what a half-done
//! plan means is [`crate::apply`].

mod cause;
mod classify;

use std::path::Path;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

pub use cause::Cause;
pub(crate) use classify::Kind;

/// AWS refused, or could not be asked.
#[derive(Debug, Clone, thiserror::Error, miette::Diagnostic)]
pub enum AwsError {
    /// Nothing on this machine says who calls.
    #[error("no usable AWS credentials were found")]
    #[diagnostic(
        code(lzap::aws::no_credentials),
        help(
            "type `aws configure` or `aws sso login`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; \
             without an AWS account: `lzap deploy local`"
        )
    )]
    NoCredentials {
        /// What the SDK tried.
        source: Box<Cause>,
    },
    /// The credentials, or the sign-on that they come from, are too old.
    #[error("the AWS credentials have expired")]
    #[diagnostic(
        code(lzap::aws::expired),
        help("type `aws sso login{option}`, or get new credentials the way you got these")
    )]
    Expired {
        /// ` --profile NAME`, or nothing.
        option: String,
        /// What was answered.
        source: Box<Cause>,
    },
    /// AWS doesn't know the credentials.
    #[error("AWS does not accept the credentials")]
    #[diagnostic(
        code(lzap::aws::bad_credentials),
        help("check them with `aws sts get-caller-identity`; `aws configure` sets others")
    )]
    BadCredentials {
        /// What was answered.
        source: Box<Cause>,
    },
    /// The profile isn't in the AWS configuration.
    #[error("the AWS profile `{name}` does not exist")]
    #[diagnostic(
        code(lzap::aws::no_profile),
        help("type `aws configure --profile {name}`, or name another in lzap.toml; these exist: {existing}")
    )]
    NoProfile {
        /// The profile.
        name: String,
        /// Those that exist.
        existing: String,
    },
    /// No region is set anywhere.
    #[error("no AWS region is set")]
    #[diagnostic(
        code(lzap::aws::no_region),
        help("write `region = \"eu-central-1\"` into the stage's section of lzap.toml, or set AWS_REGION")
    )]
    NoRegion,
    /// The machine's clock is wrong.
    #[error("this machine's clock differs from AWS's by more than a few minutes")]
    #[diagnostic(
        code(lzap::aws::clock_skew),
        help("set the clock (`sudo timedatectl set-ntp true`), then run the command again")
    )]
    ClockSkew {
        /// What was answered.
        source: Box<Cause>,
    },
    /// Nobody answered.
    #[error("{endpoint} could not be reached")]
    #[diagnostic(code(lzap::aws::unreachable), help("{advice}"))]
    Unreachable {
        /// Who.
        endpoint: String,
        /// What to do.
        advice: &'static str,
        /// Why.
        source: Box<Cause>,
    },
    /// A permission is missing.
    #[error("AWS denies {action}")]
    #[diagnostic(
        code(lzap::aws::denied),
        help("let the deploying user or role do `{action}`, then run the command again")
    )]
    Denied {
        /// The action, as a policy names it.
        action: String,
        /// What was answered.
        source: Box<Cause>,
    },
    /// A quota is used up.
    #[error("a quota of the AWS account is used up")]
    #[diagnostic(
        code(lzap::aws::quota),
        help(
            "delete what is no longer needed, or ask for more at https://console.aws.amazon.com/servicequotas"
        )
    )]
    Quota {
        /// What was answered.
        source: Box<Cause>,
    },
    /// Too many requests, for too long.
    #[error("AWS is throttling requests")]
    #[diagnostic(code(lzap::aws::throttled), help("wait a minute, then run the command again"))]
    Throttled {
        /// What was answered.
        source: Box<Cause>,
    },
    /// IAM has not spread the role yet.
    #[error("the function's role cannot be assumed by Lambda yet")]
    #[diagnostic(
        code(lzap::aws::role_not_ready),
        help("new roles take up to a minute; run the command again")
    )]
    RoleNotReady {
        /// What was answered.
        source: Box<Cause>,
    },
    /// The function's key grant belongs to a role that was deleted.
    #[error("the function may not decrypt its environment variables")]
    #[diagnostic(
        code(lzap::aws::kms_denied),
        help(
            "a role that was deleted and made again is another role to KMS: set it again with \
             `aws lambda update-function-configuration --function-name NAME --role ROLE_ARN`"
        )
    )]
    KmsDenied {
        /// What was answered.
        source: Box<Cause>,
    },
    /// Bucket names are global, and this one is taken.
    #[error("the bucket `{bucket}` belongs to another AWS account")]
    #[diagnostic(
        code(lzap::aws::bucket_taken),
        help(
            "lzap sends no code to a bucket that is not yours: use another region for this stage, or ask AWS Support about the name"
        )
    )]
    BucketTaken {
        /// The bucket.
        bucket: String,
        /// What was answered.
        source: Box<Cause>,
    },
    /// Somebody else changed the code between the upload and the publication.
    #[error("the function's code was changed by another deploy meanwhile")]
    #[diagnostic(code(lzap::aws::overtaken), help("run the command again: it starts from what is there now"))]
    Overtaken {
        /// What was answered.
        source: Box<Cause>,
    },
    /// The account hasn't so much concurrency left to reserve.
    #[error("the account can't reserve so much concurrency for the workers")]
    #[diagnostic(
        code(lzap::aws::concurrency),
        help(
            "write a smaller `concurrency` into [stage.NAME.workers], or leave it out; `lzap doctor` shows the account's limit, of which 100 stay for functions without a reservation"
        )
    )]
    NothingToReserve {
        /// What was answered.
        source: Box<Cause>,
    },
    /// A change of a function went wrong inside Lambda.
    #[error("{what} failed")]
    #[diagnostic(code(lzap::aws::failed), help("mend what the cause names, then run the command again"))]
    Failed {
        /// What was being made.
        what: String,
        /// Lambda's reason.
        source: Box<Cause>,
    },
    /// A change didn't come to its end in time.
    #[error("{what} is not ready")]
    #[diagnostic(
        code(lzap::aws::not_settled),
        help("AWS is slow today; wait a minute, then run the command again")
    )]
    NotSettled {
        /// What is being waited for.
        what: String,
        /// The state it was last seen in.
        source: Box<Cause>,
    },
    /// Anything else that AWS refuses.
    #[error("AWS refused {operation}", operation = source.operation())]
    #[diagnostic(
        code(lzap::aws::refused),
        help("mend what the cause names, then run the command again; `-v` shows each call")
    )]
    Refused {
        /// What was answered.
        source: Box<Cause>,
    },
    /// The answer could not be understood, or the request could not be made.
    #[error("{operation} could not be carried out", operation = source.operation())]
    #[diagnostic(code(lzap::aws::broken_call), help("run the command again; `-v` shows each call"))]
    Broken {
        /// Why.
        source: Box<Cause>,
    },
    /// The artifact could not be read.
    #[error("`{path}` could not be read")]
    #[diagnostic(code(lzap::aws::artifact), help("run the command again: it builds and packs anew"))]
    Artifact {
        /// The zip.
        path: String,
        /// Why.
        source: Box<Cause>,
    },
}

impl AwsError {
    /// The error for `cause`, by its kind.
    pub(crate) fn new(cause: Cause) -> Self {
        let action = cause.action();
        let kind = cause.kind();
        let source = Box::new(cause);
        match kind {
            Kind::NoCredentials => Self::NoCredentials { source },
            Kind::Expired => Self::Expired { option: String::new(), source },
            Kind::BadCredentials => Self::BadCredentials { source },
            Kind::Skew => Self::ClockSkew { source },
            Kind::Denied => Self::Denied { action, source },
            Kind::Quota => Self::Quota { source },
            Kind::Throttled => Self::Throttled { source },
            Kind::RoleNotReady => Self::RoleNotReady { source },
            Kind::KmsDenied => Self::KmsDenied { source },
            Kind::Overtaken => Self::Overtaken { source },
            Kind::NothingToReserve => Self::NothingToReserve { source },
            Kind::Unreachable => Self::Unreachable { endpoint: "AWS".to_owned(), advice: ADVICE_AWS, source },
            Kind::Broken => Self::Broken { source },
            Kind::NotFound | Kind::Exists | Kind::Conflict | Kind::Unmet | Kind::Unsettled | Kind::Other => {
                Self::Refused { source }
            }
        }
    }

    /// What AWS said, where it was asked at all.
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::NoProfile { .. } | Self::NoRegion => None,
            Self::NoCredentials { source }
            | Self::Expired { source, .. }
            | Self::BadCredentials { source }
            | Self::ClockSkew { source }
            | Self::Unreachable { source, .. }
            | Self::Denied { source, .. }
            | Self::Quota { source }
            | Self::Throttled { source }
            | Self::RoleNotReady { source }
            | Self::KmsDenied { source }
            | Self::BucketTaken { source, .. }
            | Self::Overtaken { source }
            | Self::NothingToReserve { source }
            | Self::Failed { source, .. }
            | Self::NotSettled { source, .. }
            | Self::Refused { source }
            | Self::Broken { source }
            | Self::Artifact { source, .. } => Some(source),
        }
    }

    /// Whether it ends by itself: a throttle, a network that is away. Whoever only waits for news can wait longer.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unreachable { .. })
    }

    pub(crate) fn kind(&self) -> Kind {
        self.cause().map_or(Kind::Other, Cause::kind)
    }

    /// Whether it is an object that isn't there, in a bucket that is.
    pub(crate) fn is_missing_key(&self) -> bool {
        self.cause().and_then(Cause::code) == Some("NoSuchKey")
    }

    /// A wait that isn't over: `state` is what was seen.
    pub(crate) fn unsettled(operation: &'static str, what: String, state: &str) -> Self {
        let source = Box::new(Cause::seen(operation, Kind::Unsettled, format!("state {state}")));
        Self::NotSettled { what, source }
    }

    /// A change that ended badly, with Lambda's reason.
    pub(crate) fn failed(operation: &'static str, what: String, reason: String) -> Self {
        Self::Failed { what, source: Box::new(Cause::seen(operation, Kind::Other, reason)) }
    }

    /// An answer of success that says within that it isn't one, or lacks what it must have.
    pub(crate) fn broken(operation: &'static str, message: impl Into<String>) -> Self {
        Self::Broken { source: Box::new(Cause::seen(operation, Kind::Broken, message.into())) }
    }

    /// Nobody answered in time.
    pub(crate) fn no_answer(operation: &'static str, patience: Duration) -> Self {
        let message = format!("no answer within {} s", patience.as_secs());
        Self::new(Cause::seen(operation, Kind::Unreachable, message))
    }

    /// A zip that isn't there, or can't be read.
    pub(crate) fn artifact(path: &Path, reason: String) -> Self {
        let source = Box::new(Cause::seen("s3:PutObject", Kind::Broken, reason));
        Self::Artifact { path: path.display().to_string(), source }
    }

    /// An entry that failed, of a request whose answer was a success.
    pub(crate) fn entry(operation: &'static str, code: &str, message: &str) -> Self {
        Self::new(Cause::entry(operation, code, message))
    }

    /// The same error with the bucket named, where the account has no right to it.
    pub(crate) fn about_bucket(self, bucket: &str) -> Self {
        match self {
            Self::Denied { source, .. } if !source.names_action() => {
                Self::BucketTaken { bucket: bucket.to_owned(), source }
            }
            Self::Refused { source } if source.code() == Some("BucketAlreadyExists") => {
                Self::BucketTaken { bucket: bucket.to_owned(), source }
            }
            other => other,
        }
    }

    /// The same error without `values`: AWS quotes a function's environment where it finds fault with it.
    pub(crate) fn hiding<'a>(mut self, values: impl IntoIterator<Item = &'a String>) -> Self {
        if let Some(source) = self.cause_mut() {
            source.hide(values);
        }
        self
    }

    /// The same error with what only the clients know: which endpoint, which profile.
    pub(crate) fn at(self, endpoint: &str, local: bool, profile: Option<&str>) -> Self {
        match self {
            Self::Unreachable { source, .. } => {
                let advice = if local { ADVICE_LOCAL } else { ADVICE_AWS };
                Self::Unreachable { endpoint: endpoint.to_owned(), advice, source }
            }
            Self::Expired { source, .. } => {
                let option = profile.map(|name| format!(" --profile {name}")).unwrap_or_default();
                Self::Expired { option, source }
            }
            other => other,
        }
    }

    fn cause_mut(&mut self) -> Option<&mut Cause> {
        match self {
            Self::Refused { source }
            | Self::Denied { source, .. }
            | Self::RoleNotReady { source }
            | Self::KmsDenied { source }
            | Self::Quota { source }
            | Self::Throttled { source }
            | Self::Failed { source, .. }
            | Self::Broken { source } => Some(source),
            _ => None,
        }
    }
}

const ADVICE_LOCAL: &str = "is the embedded cloud running? type `lzap local start`";
const ADVICE_AWS: &str =
    "check the network, the region's name, and AWS_ENDPOINT_URL if it is set; then run the command again";

/// Gives the result of an SDK call its `service:Operation` name.
pub(crate) trait Named<T> {
    /// The value, or an error that names `operation`.
    fn named(self, operation: &'static str) -> Result<T, AwsError>;
}

impl<T, E> Named<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn named(self, operation: &'static str) -> Result<T, AwsError> {
        self.map_err(|error| AwsError::new(Cause::from_sdk(operation, &error)))
    }
}

/// What an absent resource means for a result.
pub(crate) trait Absent<T> {
    /// `None` for a resource that doesn't exist.
    fn found(self) -> Result<Option<T>, AwsError>;
    /// Success for a deletion of what doesn't exist.
    fn or_gone(self) -> Result<(), AwsError>;
}

impl<T> Absent<T> for Result<T, AwsError> {
    fn found(self) -> Result<Option<T>, AwsError> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn or_gone(self) -> Result<(), AwsError> {
        self.found().map(drop)
    }
}
