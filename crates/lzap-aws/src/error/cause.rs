//! AWS's response to a failed call: operation, code, message, request id.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;

use super::classify::classify;
use super::{HiddenValues, Kind};

/// AWS's response, or the SDK's message if there was none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// `service:Operation`, as the actions of IAM policies are written.
    operation: &'static str,
    /// AWS's error code; `HTTP STATUS` for a response without one; `None` without a response.
    code: Option<String>,
    message: String,
    /// From the header of the response; `None` without one.
    request_id: Option<String>,
}

impl Cause {
    /// `service:Operation`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// AWS's error code; `None` without a response.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// AWS's message, or the SDK's.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The id by which AWS finds the request in its own logs.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Reads and classifies an error of the SDK.
    pub(super) fn from_sdk<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> (Kind, Self)
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let request_id = error.request_id().map(str::to_owned);
        // Without a response there is no code, only the SDK's chain of errors.
        let Some(service) = error.as_service_error() else {
            let cause = Self { operation, code: None, message: innermost_text(error), request_id };
            return (classify_unanswered(error), cause);
        };
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        let message = service.message().unwrap_or_default().to_owned();
        let kind = classify(service.code(), status, &message);
        // A response can lack a code; the HTTP status then stands for it.
        let code = service.code().map_or_else(|| format!("HTTP {status}"), str::to_owned);
        (kind, Self { operation, code: Some(code), message, request_id })
    }

    /// Reads and classifies the failure of one entry of a batch whose response has a success status.
    pub(super) fn from_entry(operation: &'static str, code: &str, message: &str) -> (Kind, Self) {
        let kind = classify(Some(code), 0, message);
        let cause =
            Self { operation, code: Some(code.to_owned()), message: message.to_owned(), request_id: None };
        (kind, cause)
    }

    /// A problem that lzap found in a response with a success status.
    pub(super) fn from_message(operation: &'static str, message: String) -> Self {
        Self { operation, code: None, message, request_id: None }
    }

    /// An example for the error reference.
    pub(super) fn example() -> Self {
        Self {
            operation: "SERVICE:OPERATION",
            code: Some("CODE".to_owned()),
            message: "AWS'S MESSAGE".to_owned(),
            request_id: Some("ID".to_owned()),
        }
    }

    /// True if AWS named the denied action. It does so only to callers of the account itself.
    pub(super) fn names_action(&self) -> bool {
        denied_action(&self.message).is_some()
    }

    /// The action that a policy must allow, as AWS names it; otherwise the operation.
    pub(super) fn required_action(&self) -> &str {
        denied_action(&self.message).unwrap_or(self.operation)
    }

    pub(super) fn hide(&mut self, values: &HiddenValues) {
        values.remove_from(&mut self.message);
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = &self.code {
            write!(f, "{code} from ")?;
        }
        f.write_str(self.operation)?;
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl Error for Cause {}

/// Returns the action that AWS names in a refusal: "User: … is not authorized to perform: iam:CreateRole on
/// resource: …". `None` where the message has another form.
fn denied_action(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("not authorized to perform: ")?;
    rest.split_whitespace().next()
}

/// Classifies an error without an answer.
fn classify_unanswered<E, R>(error: &SdkError<E, R>) -> Kind
where
    E: Error + 'static,
    R: fmt::Debug,
{
    // Checked first: the SDK reports missing credentials inside another error, which looks like a network problem.
    if let Some(credentials) = credentials_error(error) {
        return if is_expired(credentials) { Kind::Expired } else { Kind::NoCredentials };
    }
    match error {
        // A timeout and a network error have the same fix, so they are one kind.
        SdkError::TimeoutError(_) => Kind::Unreachable,
        SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => Kind::Unreachable,
        _ => Kind::Broken,
    }
}

/// Returns the error of the credentials among the sources, at any depth.
fn credentials_error<E, R>(error: &SdkError<E, R>) -> Option<&CredentialsError>
where
    E: Error + 'static,
    R: fmt::Debug,
{
    iterate_sources(error.source()).find_map(|error| error.downcast_ref::<CredentialsError>())
}

/// True if the user must sign on again. The SDK has no type for it, so this matches its texts: those of its SSO token
/// cache, and the responses of SSO and STS.
fn is_expired(error: &CredentialsError) -> bool {
    iterate_sources(Some(error)).any(|error| {
        let text = error.to_string().to_lowercase();
        text.contains("expired") || text.contains("sso token") || text.contains("cached sso")
    })
}

/// Returns an error and its sources, outermost first.
fn iterate_sources<'a>(
    first: Option<&'a (dyn Error + 'static)>,
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(first, |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// Returns the text of the innermost error, because the SDK's outer ones only say "dispatch failure".
fn innermost_text<E, R>(error: &SdkError<E, R>) -> String
where
    E: Error + 'static,
    R: fmt::Debug,
{
    iterate_sources(error.source()).last().map_or_else(|| "no answer".to_owned(), ToString::to_string)
}
