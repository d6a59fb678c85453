//! What AWS answered: operation, code, message, request id.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;

use super::classify::{Kind, classify};

/// What AWS answered, or what the SDK says where nobody answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    operation: &'static str,
    kind: Kind,
    code: Option<String>,
    message: String,
    request_id: Option<String>,
}

impl Cause {
    /// `service:Operation`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// AWS's error code; `None` where AWS didn't answer.
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

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn from_sdk<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let request_id = error.request_id().map(str::to_owned);
        let Some(service) = error.as_service_error() else {
            return Self {
                operation,
                kind: unanswered(error),
                code: None,
                message: innermost(error),
                request_id,
            };
        };
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        let message = service.message().unwrap_or_default().to_owned();
        let kind = classify(service.code(), status, &message);
        let code = service.code().map_or_else(|| format!("HTTP {status}"), str::to_owned);
        Self { operation, kind, code: Some(code), message, request_id }
    }

    /// One entry's failure, within an answer that was a success by its status.
    pub(super) fn entry(operation: &'static str, code: &str, message: &str) -> Self {
        let kind = classify(Some(code), 0, message);
        Self { operation, kind, code: Some(code.to_owned()), message: message.to_owned(), request_id: None }
    }

    /// What was seen in an answer that was a success by its status.
    pub(super) fn seen(operation: &'static str, kind: Kind, message: String) -> Self {
        Self { operation, kind, code: None, message, request_id: None }
    }

    /// Whether AWS named the action that is denied: only then it knows the caller as one of the account's own.
    pub(super) fn names_action(&self) -> bool {
        denied_action(&self.message).is_some()
    }

    /// The action that a policy must allow, as AWS names it; the operation where it doesn't.
    pub(super) fn action(&self) -> String {
        denied_action(&self.message).unwrap_or(self.operation).to_owned()
    }

    pub(super) fn hide<'a>(&mut self, values: impl IntoIterator<Item = &'a String>) {
        /// What is shorter is no secret, and taking it out would leave an unreadable message.
        const SECRET_CHARS: usize = 4;
        for value in values.into_iter().filter(|value| value.len() >= SECRET_CHARS) {
            self.message = self.message.replace(value.as_str(), "(hidden)");
        }
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

/// "User: … is not authorized to perform: iam:CreateRole on resource: …"
fn denied_action(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("not authorized to perform: ")?;
    rest.split_whitespace().next()
}

/// Why there was no answer.
fn unanswered<E, R>(error: &SdkError<E, R>) -> Kind
where
    E: Error + 'static,
    R: fmt::Debug,
{
    if let Some(credentials) = credentials_error(error) {
        return if is_expired(credentials) { Kind::Expired } else { Kind::NoCredentials };
    }
    match error {
        SdkError::TimeoutError(_) => Kind::Unreachable,
        SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => Kind::Unreachable,
        _ => Kind::Broken,
    }
}

fn credentials_error<E, R>(error: &SdkError<E, R>) -> Option<&CredentialsError>
where
    E: Error + 'static,
    R: fmt::Debug,
{
    chain(error.source()).find_map(|error| error.downcast_ref::<CredentialsError>())
}

/// Whether a sign-on has to be repeated. The SDK has no type for it, only texts: of its SSO token cache, and of SSO's
/// and STS's own answers.
fn is_expired(error: &CredentialsError) -> bool {
    chain(Some(error)).any(|error| {
        let text = error.to_string().to_lowercase();
        text.contains("expired") || text.contains("sso token") || text.contains("cached sso")
    })
}

/// An error and its sources, outermost first.
fn chain<'a>(first: Option<&'a (dyn Error + 'static)>) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(first, |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// The last text of the chain: the SDK's outer ones say "dispatch failure" only.
fn innermost<E, R>(error: &SdkError<E, R>) -> String
where
    E: Error + 'static,
    R: fmt::Debug,
{
    chain(error.source()).last().map_or_else(|| "no answer".to_owned(), ToString::to_string)
}
