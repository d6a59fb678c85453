//! The statements of the alias's resource policy: which fronts and rules may invoke it.
//!
//! A statement can't be changed, so one that differs is removed and added again.

use std::collections::BTreeMap;

use crate::ids::{ApiId, RuleName, StatementId};
use crate::names::{API_PRINCIPAL, EVENTS_PRINCIPAL, Names, STATEMENT_API, rule_statement, statement_rule};
use crate::resource::function_url::PUBLIC;
use crate::resource::grant::{Grant, GrantScope, grants};
use crate::resource::reference::ApiRef;
use crate::step::{Action, ResourceKind, StepId, Steps, Target};

/// A statement of the alias's resource policy.
pub const KIND: ResourceKind = ResourceKind::new("permission");

/// A statement, as AWS keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The action that it allows.
    pub action: String,
    /// The service that may invoke the alias, or `*`.
    pub principal: String,
    /// When it may.
    pub condition: PermissionCondition,
}

/// The condition of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PermissionCondition {
    /// The service acts for the resource with this ARN.
    Source(String),
    /// The request comes through a function URL with this authorization (`lambda:FunctionUrlAuthType`).
    UrlAuthType(String),
    /// The invocation comes through a function URL (`lambda:InvokedViaFunctionUrl`).
    ViaUrl,
    /// None of those that lzap sets.
    Other,
}

/// The action of all callers that AWS services act for.
pub const INVOKE: &str = "lambda:InvokeFunction";
/// The action of a request of a function URL.
const REQUEST_URL: &str = "lambda:InvokeFunctionUrl";
/// The id of the statement that makes the function URL public.
const STATEMENT_URL: &str = "lzap-function-url";

/// The resource that may invoke the alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The HTTP API.
    Api(ApiRef),
    /// A public request of the function URL.
    UrlRequest,
    /// The invocation of the function by the function URL.
    UrlInvocation,
    /// The rule with this name, without the stage's prefix.
    Rule(RuleName),
}

impl Caller {
    /// The id of its statement.
    pub fn statement(&self) -> StatementId {
        match self {
            Self::Api(_) => StatementId::new(STATEMENT_API),
            Self::UrlRequest => StatementId::new(STATEMENT_URL),
            Self::UrlInvocation => StatementId::new(format!("{STATEMENT_URL}-invoke")),
            Self::Rule(rule) => rule_statement(rule),
        }
    }

    /// Its permission. `created_api` is the id of an API that the plan creates; as long as it is unknown, the permission of
    /// that API is `None`.
    pub fn permission(&self, names: &Names, created_api: Option<&ApiId>) -> Option<Permission> {
        let (principal, source_arn) = match self {
            Self::UrlRequest => {
                let condition = PermissionCondition::UrlAuthType(PUBLIC.to_owned());
                return Some(Permission {
                    action: REQUEST_URL.to_owned(),
                    principal: "*".to_owned(),
                    condition,
                });
            }
            Self::UrlInvocation => {
                let condition = PermissionCondition::ViaUrl;
                return Some(Permission { action: INVOKE.to_owned(), principal: "*".to_owned(), condition });
            }
            Self::Api(ApiRef::Known(id)) => (API_PRINCIPAL, names.api_source_arn(id)),
            Self::Api(ApiRef::Created) => (API_PRINCIPAL, names.api_source_arn(created_api?)),
            Self::Rule(rule) => (EVENTS_PRINCIPAL, names.rule_arn(rule)),
        };
        let (action, principal) = (INVOKE.to_owned(), principal.to_owned());
        Some(Permission { action, principal, condition: PermissionCondition::Source(source_arn) })
    }
}

/// A write to the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PermissionOperation {
    /// `lambda:AddPermission` on the alias.
    Add(Caller),
    /// `lambda:RemovePermission` on the alias, by statement id.
    Remove(StatementId),
}

grants! { PermissionOperation {
    PermissionOperation::Add(_) => ["lambda:AddPermission" on Function];
    PermissionOperation::Remove(_) => ["lambda:RemovePermission" on Function];
} }

/// The read actions of an observation.
pub(crate) const READS: &[Grant] = &[("lambda:GetPolicy", GrantScope::Function)];

impl PermissionOperation {
    /// The verb of a progress line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Add(_) => "setting",
            Self::Remove(_) => "deleting",
        }
    }
}

/// Adds the caller's statement, or replaces one that differs. Returns the last step.
pub(crate) fn plan_permission(
    steps: &mut impl Steps<PermissionOperation>,
    names: &Names,
    caller: &Caller,
    observed: &BTreeMap<StatementId, Permission>,
    after: &[StepId],
) -> Option<StepId> {
    let statement = caller.statement();
    let add = PermissionOperation::Add(caller.clone());
    let after = after.iter().copied();
    match observed.get(&statement) {
        Some(found) if Some(found) == caller.permission(names, None).as_ref() => None,
        Some(_) => {
            let target = Target::new(KIND, statement.as_str(), Action::Replace);
            // Lambda can't change a statement, and refuses a second one with the same id.
            let removed = steps.add(&target, PermissionOperation::Remove(statement), after);
            Some(steps.add(&target, add, [removed]))
        }
        None => Some(steps.add(&Target::new(KIND, statement.as_str(), Action::Create), add, after)),
    }
}

/// Removes the statements of rules that the stage no longer has.
pub(crate) fn plan_stale_rules(
    steps: &mut impl Steps<PermissionOperation>,
    has_rule: impl Fn(&RuleName) -> bool,
    observed: &BTreeMap<StatementId, Permission>,
    after: &[StepId],
) {
    let is_stale = |statement: &&StatementId| statement_rule(statement).is_some_and(|rule| !has_rule(&rule));
    for statement in observed.keys().filter(is_stale) {
        plan_removal(steps, statement, after);
    }
}

/// Removes a statement.
pub(crate) fn plan_removal(
    steps: &mut impl Steps<PermissionOperation>,
    statement: &StatementId,
    after: &[StepId],
) {
    let target = Target::new(KIND, statement.as_str(), Action::Delete);
    steps.add(&target, PermissionOperation::Remove(statement.clone()), after.iter().copied());
}
