//! Errors of calls to AWS: one struct, classified by AWS's error code.
//!
//! `classify` maps error codes to kinds, `kind` is the table of the kinds, `explain` has their texts and help.
//!
//! An error's way: [`Named::named`] classifies the SDK's error and gives it its operation; [`Absent`] makes a
//! success of "not found" where that is one; `retry` repeats the call for kinds that pass;
//! [`AwsError::about_bucket`] and [`AwsError::hiding`] correct what only the call site knows;
//! [`crate::clients::Clients::explain`] adds endpoint and profile where the error leaves this crate.
//!
//! Deliberately not here: retries ([`crate::retry`]), and how far a plan was applied ([`crate::apply`]).

mod cause;
mod classify;
mod explain;
mod hide;
mod kind;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

pub use cause::Cause;
use hide::HiddenValues;
pub use kind::AwsErrorKind;
pub(crate) use kind::AwsErrorKind as Kind;

/// A call that AWS refused, or that got no response.
///
/// One struct for all kinds, so that the rules for every error (keep the cause, hide environment values) hold for a new
/// kind too.
#[derive(Clone, Debug)]
pub struct AwsError {
    /// Decides about code, exit code, help, and whether a call is repeated.
    kind: AwsErrorKind,
    /// AWS's response; `None` if no call was made. Boxed like the context, so that a `Result` stays small.
    cause: Option<Box<Cause>>,
    /// The names that the text and the help need.
    context: Box<Context>,
}

/// The names in an error's text and help.
#[derive(Clone, Debug, Default)]
struct Context {
    /// The subject of the error: the denied action, the bucket, the endpoint, the profile, the function or
    /// the zip. Empty for kinds whose text needs none.
    subject: String,
    /// The profile in use, for `aws sso login --profile`.
    profile: Option<String>,
    /// The profiles in the AWS configuration, if the wanted one isn't among them.
    profiles: Vec<String>,
    /// True if the endpoint is the embedded cloud.
    is_local: bool,
}

impl AwsError {
    /// Returns the error of a call, with the subject that its kind can be shown with before more is known.
    fn new(kind: AwsErrorKind, cause: Cause) -> Self {
        let subject = match kind {
            AwsErrorKind::Denied => cause.required_action().to_owned(),
            AwsErrorKind::Unreachable => "AWS".to_owned(),
            _ => String::new(),
        };
        Self::about(kind, subject, cause)
    }

    /// Returns the error of a call about a named thing.
    fn about(kind: AwsErrorKind, subject: String, cause: Cause) -> Self {
        let context = Context { subject, ..Context::default() };
        Self { kind, cause: Some(Box::new(cause)), context: Box::new(context) }
    }

    /// Returns an error that was found without a call: there is no response to show.
    fn before_any_call(kind: AwsErrorKind, context: Context) -> Self {
        Self { kind, cause: None, context: Box::new(context) }
    }

    /// The meaning of the error for a command.
    pub fn kind(&self) -> AwsErrorKind {
        self.kind
    }

    /// AWS's response; `None` if no call was made.
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_deref()
    }

    /// `service:Operation`; `None` if no call was made.
    pub fn operation(&self) -> Option<&'static str> {
        self.cause().map(Cause::operation)
    }

    /// True if the problem can end by itself, as throttling and network failures do. A command that only reads can
    /// wait.
    pub fn is_passing(&self) -> bool {
        matches!(self.kind, AwsErrorKind::Throttled | AwsErrorKind::Unreachable)
    }

    /// True if the bucket exists and the object doesn't.
    pub(crate) fn is_missing_key(&self) -> bool {
        self.cause().and_then(Cause::code) == Some("NoSuchKey")
    }

    /// Returns the error for a missing region: neither `lzap.toml`, the environment nor the profile names
    /// one.
    pub(crate) fn no_region() -> Self {
        Self::before_any_call(AwsErrorKind::NoRegion, Context::default())
    }

    /// The profile `name` isn't among the `profiles` of the AWS configuration.
    pub(crate) fn no_profile(name: String, profiles: Vec<String>) -> Self {
        let context = Context { subject: name, profiles, ..Context::default() };
        Self::before_any_call(AwsErrorKind::NoProfile, context)
    }

    /// A change that has not taken effect yet. `state` is Lambda's name of the state.
    pub(crate) fn unsettled(operation: &'static str, what: String, state: &str) -> Self {
        Self::about(AwsErrorKind::NotReady, what, Cause::from_message(operation, format!("state {state}")))
    }

    /// A change that failed inside Lambda, with Lambda's reason.
    pub(crate) fn failed(operation: &'static str, what: String, reason: String) -> Self {
        Self::about(AwsErrorKind::Failed, what, Cause::from_message(operation, reason))
    }

    /// A response with a success status that lacks a required field.
    pub(crate) fn broken(operation: &'static str, message: impl Into<String>) -> Self {
        Self::new(AwsErrorKind::Broken, Cause::from_message(operation, message.into()))
    }

    /// No response within `patience`.
    pub(crate) fn no_answer(operation: &'static str, patience: Duration) -> Self {
        let message = format!("no answer within {} s", patience.as_secs());
        Self::new(AwsErrorKind::Unreachable, Cause::from_message(operation, message))
    }

    /// The zip at `path` could not be read.
    pub(crate) fn artifact(path: &Path, reason: String) -> Self {
        let cause = Cause::from_message("s3:PutObject", reason);
        Self::about(AwsErrorKind::Artifact, path.display().to_string(), cause)
    }

    /// One entry of a batch failed, although the response to the batch has a success status.
    pub(crate) fn entry(operation: &'static str, code: &str, message: &str) -> Self {
        let (kind, cause) = Cause::from_entry(operation, code, message);
        Self::new(kind, cause)
    }

    /// Returns the error with the bucket's name if another account owns the bucket.
    pub(crate) fn about_bucket(mut self, bucket: &str) -> Self {
        // S3 names the denied action only to callers of the bucket's own account, so a 403 without an action is another
        // account's bucket.
        let names_action = self.cause().is_some_and(Cause::names_action);
        let is_taken = match self.kind {
            AwsErrorKind::Denied => !names_action,
            AwsErrorKind::Refused => self.cause().and_then(Cause::code) == Some("BucketAlreadyExists"),
            _ => false,
        };
        if is_taken {
            self.kind = AwsErrorKind::BucketTaken;
            bucket.clone_into(&mut self.context.subject);
        }
        self
    }

    /// Removes `values` from the error: AWS quotes a function's environment in its messages.
    pub(crate) fn hiding<'a>(mut self, values: impl IntoIterator<Item = &'a String>) -> Self {
        let hidden = HiddenValues::new(values);
        hidden.remove_from(&mut self.context.subject);
        if let Some(cause) = &mut self.cause {
            cause.hide(&hidden);
        }
        self
    }

    /// Adds the facts that only the clients know: the endpoint, the profile.
    pub(crate) fn at(mut self, endpoint: &str, local: bool, profile: Option<&str>) -> Self {
        if self.kind == AwsErrorKind::Unreachable {
            endpoint.clone_into(&mut self.context.subject);
        }
        self.context.is_local = local;
        self.context.profile = profile.map(str::to_owned);
        self
    }
}

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
        self.map_err(|error| {
            let (kind, cause) = Cause::from_sdk(operation, &error);
            AwsError::new(kind, cause)
        })
    }
}

/// The meaning of an absent resource for a result.
pub(crate) trait Absent<T> {
    /// `None` for a resource that doesn't exist.
    fn found(self) -> Result<Option<T>, AwsError>;
    /// Success if the resource doesn't exist: deletions are idempotent.
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
