//! The front `function-url`: a URL of the alias, without API Gateway. Everybody may request it; CORS is left to the app.
//!
//! AWS operations: `CreateFunctionUrlConfig`, `GetFunctionUrlConfig`, `UpdateFunctionUrlConfig`, `DeleteFunctionUrlConfig`.
//! AWS demands two permissions of the alias, each with a condition of its own (since October 2025), and answers 403 while
//! one is missing: so both are added before the URL is created. `DeleteAlias` leaves the URL of an alias behind.
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html>

use crate::names::ALIAS;
use crate::resource::grant::{Grant, GrantScope, grants};
use crate::resource::reference::UrlRef;
use crate::step::{Action, FieldChange, ResourceKind, StepId, Steps, Target};

/// The function URL.
pub const KIND: ResourceKind = ResourceKind::new("function URL").optional("function-url");
/// The authorization type of a public URL.
pub const PUBLIC: &str = "NONE";

/// The function URL, as Lambda has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedFunctionUrl {
    /// The URL, verbatim.
    pub url: String,
    /// `NONE` or `AWS_IAM`.
    pub auth_type: String,
    /// Responses are streamed (invoke mode `RESPONSE_STREAM`).
    pub streams: bool,
}

/// A write to the function URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionUrlOperation {
    /// `lambda:CreateFunctionUrlConfig` of the alias.
    Create,
    /// `lambda:UpdateFunctionUrlConfig` of the alias: public and buffered.
    Update,
    /// `lambda:DeleteFunctionUrlConfig` of the alias.
    Delete,
}

grants! { FunctionUrlOperation {
    FunctionUrlOperation::Create => ["lambda:CreateFunctionUrlConfig" on Function];
    FunctionUrlOperation::Update => ["lambda:UpdateFunctionUrlConfig" on Function];
    FunctionUrlOperation::Delete => ["lambda:DeleteFunctionUrlConfig" on Function];
} }

/// The read actions of an observation.
pub(crate) const READS: &[Grant] = &[("lambda:GetFunctionUrlConfig", GrantScope::Function)];

impl FunctionUrlOperation {
    /// The verb of a progress line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Create => "creating",
            Self::Update => "setting",
            Self::Delete => "deleting",
        }
    }
}

/// Creates or updates the URL. `after`: the steps that create the alias and both permissions. Returns the URL, and the
/// step that must end before it responds.
pub(crate) fn plan_function_url(
    steps: &mut impl Steps<FunctionUrlOperation>,
    observed: Option<&ObservedFunctionUrl>,
    after: Vec<StepId>,
) -> (UrlRef, Option<StepId>) {
    let Some(observed) = observed else {
        let target = Target::new(KIND, ALIAS, Action::Create);
        return (UrlRef::Created, Some(steps.add(&target, FunctionUrlOperation::Create, after)));
    };
    let mut fields = Vec::new();
    if observed.auth_type != PUBLIC {
        fields.push(FieldChange::new("authorization", &observed.auth_type, PUBLIC).drifted());
    }
    // `RESPONSE_STREAM` would deliver a buffered response as its JSON envelope.
    if observed.streams {
        fields.push(FieldChange::new("invoke mode", "RESPONSE_STREAM", "BUFFERED").drifted());
    }
    let target = Target::new(KIND, ALIAS, Action::Update);
    let updated =
        (!fields.is_empty()).then(|| steps.add_fields(&target, FunctionUrlOperation::Update, fields, after));
    (UrlRef::Known(observed.url.clone()), updated)
}

/// The deletion of the URL.
pub(crate) fn deletion_target() -> Target {
    Target::new(KIND, ALIAS, Action::Delete)
}

/// Deletes the URL.
pub(crate) fn plan_deletion(
    steps: &mut impl Steps<FunctionUrlOperation>,
    observed: &ObservedFunctionUrl,
    after: &[StepId],
) -> StepId {
    let url = FieldChange::of("url", Some(observed.url.clone()), None);
    let operation = FunctionUrlOperation::Delete;
    steps.add_fields(&deletion_target(), operation, vec![url], after.iter().copied())
}
