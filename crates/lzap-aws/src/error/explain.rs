//! The texts of [`AwsError`]: what happened, and what to type.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use lzap_core::exit::Exit;
use lzap_core::explain::{CommandContext, Explained};

use super::{AwsError, AwsErrorKind, Cause, Context};

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = &self.context.subject;
        let operation = self.operation().unwrap_or("the request");
        match self.kind {
            AwsErrorKind::NoCredentials => f.write_str("no usable AWS credentials were found"),
            AwsErrorKind::Expired => f.write_str("the AWS credentials have expired"),
            AwsErrorKind::BadCredentials => f.write_str("AWS does not accept the credentials"),
            AwsErrorKind::NoProfile => write!(f, "the AWS profile `{subject}` does not exist"),
            AwsErrorKind::NoRegion => f.write_str("no AWS region is set"),
            AwsErrorKind::ClockSkew => {
                f.write_str("this machine's clock differs from AWS's by more than a few minutes")
            }
            AwsErrorKind::Unreachable => write!(f, "{subject} could not be reached"),
            AwsErrorKind::Denied => write!(f, "AWS denies {subject}"),
            AwsErrorKind::Quota => f.write_str("a quota of the AWS account is used up"),
            AwsErrorKind::Throttled => f.write_str("AWS is throttling requests"),
            AwsErrorKind::NotFound => write!(f, "AWS refused {operation}: the resource does not exist"),
            AwsErrorKind::Exists => write!(f, "AWS refused {operation}: the resource exists already"),
            AwsErrorKind::Conflict => write!(f, "AWS refused {operation}: another change is in progress"),
            AwsErrorKind::PreconditionFailed => write!(f, "AWS refused {operation}: the precondition failed"),
            AwsErrorKind::RoleNotReady => f.write_str("the function's role cannot be assumed by Lambda yet"),
            AwsErrorKind::KmsDenied => f.write_str("the function may not decrypt its environment variables"),
            AwsErrorKind::BucketTaken => write!(f, "the bucket `{subject}` belongs to another AWS account"),
            AwsErrorKind::Overtaken => f.write_str("another deploy changed the function's code meanwhile"),
            AwsErrorKind::NothingToReserve => {
                f.write_str("the account can't reserve so much concurrency for the workers")
            }
            AwsErrorKind::Failed => write!(f, "{subject} failed"),
            AwsErrorKind::NotReady => write!(f, "{subject} is not ready"),
            AwsErrorKind::Broken => write!(f, "{operation} could not be carried out"),
            AwsErrorKind::Artifact => write!(f, "`{subject}` could not be read"),
            AwsErrorKind::Refused => write!(f, "AWS refused {operation}"),
        }
    }
}

impl Error for AwsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause().map(|cause| cause as &(dyn Error + 'static))
    }
}

impl Explained for AwsError {
    fn code(&self) -> Cow<'static, str> {
        self.kind.code().into()
    }

    fn exit(&self) -> Exit {
        self.kind.exit()
    }

    fn why(&self) -> Cow<'static, str> {
        self.kind.why().into()
    }

    fn help(&self, command: &CommandContext) -> String {
        self.setup_help(command).unwrap_or_else(|| self.call_help(command))
    }
}

impl AwsError {
    /// Returns the help of a machine or an account that isn't set up; `None` for the other kinds.
    fn setup_help(&self, command: &CommandContext) -> Option<String> {
        let (again, subject) = (command.again(), &self.context.subject);
        Some(match self.kind {
            AwsErrorKind::NoCredentials => format!(
                "type `aws configure` or `aws sso login`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, then type \
                 `{again}`; without an AWS account: `lzap deploy local`"
            ),
            AwsErrorKind::Expired => {
                let option = self.context.profile.as_ref().map(|name| format!(" --profile {name}"));
                format!(
                    "type `aws sso login{}`, or get new credentials the way you got these, then type `{again}`",
                    option.unwrap_or_default()
                )
            }
            AwsErrorKind::BadCredentials => format!(
                "check them with `aws sts get-caller-identity`; set others with `aws configure`, then type `{again}`"
            ),
            AwsErrorKind::NoProfile => {
                let profiles = &self.context.profiles;
                let existing = if profiles.is_empty() { "none".to_owned() } else { profiles.join(", ") };
                format!(
                    "type `aws configure --profile {subject}`, or name another profile in lzap.toml; these exist: {existing}"
                )
            }
            AwsErrorKind::NoRegion => format!(
                "write `region = \"eu-central-1\"` into {} in lzap.toml, or set AWS_REGION",
                command.table()
            ),
            AwsErrorKind::ClockSkew => {
                format!("set the clock (`sudo timedatectl set-ntp true`), then type `{again}`")
            }
            AwsErrorKind::Unreachable if self.context.is_local => {
                format!("is the embedded cloud running? type `lzap local start`, then `{again}`")
            }
            AwsErrorKind::Unreachable => format!(
                "check the network, the region's name, and AWS_ENDPOINT_URL if it is set; then type `{again}`"
            ),
            AwsErrorKind::Denied => format!(
                "allow `{subject}` to the deploying user or role (`{}` prints the whole policy), then type `{again}`",
                command.for_stage("policy")
            ),
            AwsErrorKind::Quota => format!(
                "delete what is no longer needed, or ask for more at https://console.aws.amazon.com/servicequotas, then \
                 type `{again}`"
            ),
            AwsErrorKind::BucketTaken => format!(
                "lzap uploads no code to another account's bucket: set another `region` in {} in lzap.toml, or ask AWS \
                 Support about the name",
                command.table()
            ),
            AwsErrorKind::NothingToReserve => format!(
                "write a smaller `concurrency` into {}, or leave it out; `{}` shows the account's limit, of which 100 stay \
                 for functions without a reservation",
                command.table().replace(']', ".workers]"),
                command.for_stage("doctor")
            ),
            _ => return None,
        })
    }

    /// Returns the help of a call that failed.
    fn call_help(&self, command: &CommandContext) -> String {
        let again = command.again();
        match self.kind {
            AwsErrorKind::Throttled | AwsErrorKind::Conflict | AwsErrorKind::NotReady => {
                format!("wait a minute, then type `{again}`")
            }
            AwsErrorKind::RoleNotReady => format!("a new role takes up to a minute: type `{again}`"),
            AwsErrorKind::KmsDenied => format!(
                "set the function's role again with `aws lambda update-function-configuration --function-name NAME --role \
                 ROLE_ARN`, then type `{again}`"
            ),
            AwsErrorKind::NotFound
            | AwsErrorKind::Exists
            | AwsErrorKind::PreconditionFailed
            | AwsErrorKind::Overtaken => {
                format!("type `{again}`: it starts from what is deployed now")
            }
            AwsErrorKind::Artifact => format!("type `{again}`, which builds and packs again"),
            AwsErrorKind::Broken => format!("type `{again} -vv`, which also logs every AWS call"),
            AwsErrorKind::Failed | AwsErrorKind::Refused => {
                format!("fix what the cause says, then type `{again}`; `-vv` logs every AWS call")
            }
            // Their help is in `setup_help`; they are listed so that a new kind doesn't compile without help.
            AwsErrorKind::NoCredentials
            | AwsErrorKind::Expired
            | AwsErrorKind::BadCredentials
            | AwsErrorKind::NoProfile
            | AwsErrorKind::NoRegion
            | AwsErrorKind::ClockSkew
            | AwsErrorKind::Unreachable
            | AwsErrorKind::Denied
            | AwsErrorKind::Quota
            | AwsErrorKind::BucketTaken
            | AwsErrorKind::NothingToReserve => format!("type `{again}`"),
        }
    }

    /// Returns one error of each kind, for the reference. Words in capitals stand for names.
    pub fn examples() -> Vec<Self> {
        AwsErrorKind::ALL.into_iter().map(Self::example).collect()
    }

    /// Returns an error of this kind, with the subject and the cause that a real one would have.
    pub(super) fn example(kind: AwsErrorKind) -> Self {
        let subject = match kind {
            AwsErrorKind::Denied => "SERVICE:ACTION",
            AwsErrorKind::Unreachable => "AWS in region REGION",
            AwsErrorKind::BucketTaken => "BUCKET",
            AwsErrorKind::Failed | AwsErrorKind::NotReady => "function NAME",
            AwsErrorKind::Artifact => "ZIP",
            AwsErrorKind::NoProfile => "NAME",
            _ => "",
        };
        let context = Context { subject: subject.to_owned(), ..Context::default() };
        match kind {
            AwsErrorKind::NoProfile | AwsErrorKind::NoRegion => Self::before_any_call(kind, context),
            _ => Self { kind, cause: Some(Box::new(Cause::example())), context: Box::new(context) },
        }
    }
}
