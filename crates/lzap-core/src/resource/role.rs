//! The execution role that lzap creates. An existing role is neither read nor changed.
//!
//! The permissions boundary is set first: an account may refuse any other change of a role without it. IAM deletes a
//! role only without policies: lzap's own policies and those added outside lzap.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::resource::grant::{Grant, GrantScope, grants};
use crate::step::{Action, FieldChange, ResourceKind, StepId, Steps, Target, missing_tags};

/// The execution role.
pub const KIND: ResourceKind = ResourceKind::new("role").prerequisite();

/// The desired execution role.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredRole {
    /// Its IAM path.
    pub path: String,
    /// The ARN of its permissions boundary.
    pub permissions_boundary: Option<String>,
    /// Its trust policy.
    pub trust_policy: Value,
    /// Its permissions.
    pub policy: Value,
}

/// The execution role, as IAM has it.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedRole {
    /// Its IAM path.
    pub path: String,
    /// The ARN of its permissions boundary.
    pub permissions_boundary: Option<String>,
    /// Its trust policy.
    pub trust_policy: Value,
    /// lzap's inline policy.
    pub policy: Option<Value>,
    /// The names of all inline policies; read for an undeploy only.
    pub inline: Vec<String>,
    /// The ARNs of the attached policies; lzap attaches none itself. Read for an undeploy only.
    pub attached: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A write to the role.
#[derive(Clone, Debug, PartialEq)]
pub enum RoleOperation {
    /// `iam:CreateRole`.
    Create {
        /// The ARN of its permissions boundary.
        permissions_boundary: Option<String>,
        /// Its trust policy.
        trust_policy: Value,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// `iam:UpdateAssumeRolePolicy`.
    UpdateTrustPolicy(Value),
    /// `iam:PutRolePermissionsBoundary`, by the policy's ARN.
    PutPermissionsBoundary(String),
    /// `iam:DeleteRolePermissionsBoundary`.
    DeletePermissionsBoundary,
    /// `iam:PutRolePolicy`.
    PutPolicy(Value),
    /// `iam:TagRole`.
    Tag(BTreeMap<String, String>),
    /// `iam:DeleteRolePolicy`: lzap's own policy, or one added outside lzap.
    DeletePolicy(String),
    /// `iam:DetachRolePolicy`, by the policy's ARN.
    DetachPolicy(String),
    /// `iam:DeleteRole`.
    Delete,
}

grants! { RoleOperation {
    RoleOperation::Create { .. } => ["iam:CreateRole" on BoundedRole, "iam:TagRole" on Role];
    RoleOperation::UpdateTrustPolicy(_) => ["iam:UpdateAssumeRolePolicy" on Role];
    RoleOperation::PutPermissionsBoundary(_) => ["iam:PutRolePermissionsBoundary" on Boundary];
    RoleOperation::DeletePermissionsBoundary => ["iam:DeleteRolePermissionsBoundary" on NoBoundary];
    RoleOperation::PutPolicy(_) => ["iam:PutRolePolicy" on BoundedRole];
    RoleOperation::Tag(_) => ["iam:TagRole" on Role];
    RoleOperation::DeletePolicy(_) => ["iam:DeleteRolePolicy" on Role];
    RoleOperation::DetachPolicy(_) => ["iam:DetachRolePolicy" on Role];
    RoleOperation::Delete => ["iam:DeleteRole" on Role];
} }

/// The read actions of an observation.
pub(crate) const READS: &[Grant] = &[
    ("iam:GetRole", GrantScope::Role),
    ("iam:GetRolePolicy", GrantScope::Role),
    ("iam:ListRolePolicies", GrantScope::Role),
    ("iam:ListAttachedRolePolicies", GrantScope::Role),
];

impl RoleOperation {
    /// The verb of a progress line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Create { .. } => "creating",
            Self::UpdateTrustPolicy(_)
            | Self::PutPermissionsBoundary(_)
            | Self::DeletePermissionsBoundary
            | Self::PutPolicy(_)
            | Self::Tag(_) => "setting",
            Self::DeletePolicy(_) | Self::DetachPolicy(_) | Self::Delete => "deleting",
        }
    }
}

/// The two points in a role's creation that other steps wait for.
#[derive(Default)]
pub(crate) struct RoleSteps {
    /// The last step before a function can name the role.
    pub(crate) exists: Option<StepId>,
    /// The last step before the role has its permissions.
    pub(crate) is_complete: Option<StepId>,
}

/// Creates the role, or updates what differs.
pub(crate) fn plan_role(
    steps: &mut impl Steps<RoleOperation>,
    name: String,
    desired: &DesiredRole,
    tags: &BTreeMap<String, String>,
    observed: Option<&ObservedRole>,
) -> RoleSteps {
    let Some(observed) = observed else {
        let target = Target::new(KIND, name, Action::Create);
        let create = RoleOperation::Create {
            permissions_boundary: desired.permissions_boundary.clone(),
            trust_policy: desired.trust_policy.clone(),
            tags: tags.clone(),
        };
        // The function needs only the role's ARN, so its creation doesn't wait for the policy.
        let created = steps.add(&target, create, []);
        let permitted = steps.add(&target, RoleOperation::PutPolicy(desired.policy.clone()), [created]);
        return RoleSteps { exists: Some(created), is_complete: Some(permitted) };
    };
    let target = Target::new(KIND, name, Action::Update);
    let tag_fields = missing_tags(&observed.tags, tags);
    // One after the other, the boundary first.
    let last = steps.add_chain(&target, updates(desired, observed), None);
    if !tag_fields.is_empty() {
        steps.add_fields(&target, RoleOperation::Tag(tags.clone()), tag_fields, []);
    }
    RoleSteps { exists: last, is_complete: last }
}

fn updates(desired: &DesiredRole, observed: &ObservedRole) -> Vec<(RoleOperation, Vec<FieldChange>)> {
    let mut updates = Vec::new();
    if observed.permissions_boundary != desired.permissions_boundary {
        let (before, after) = (observed.permissions_boundary.clone(), desired.permissions_boundary.clone());
        let operation = after
            .clone()
            .map_or(RoleOperation::DeletePermissionsBoundary, RoleOperation::PutPermissionsBoundary);
        updates.push((operation, vec![FieldChange::of("permissions boundary", before, after)]));
    }
    if observed.trust_policy != desired.trust_policy {
        let fields = statement_changes("trust policy", Some(&observed.trust_policy), &desired.trust_policy);
        // lzap never changes its trust policy, so a difference was made outside lzap.
        let fields = fields.into_iter().map(FieldChange::drifted).collect();
        updates.push((RoleOperation::UpdateTrustPolicy(desired.trust_policy.clone()), fields));
    }
    if observed.policy.as_ref() != Some(&desired.policy) {
        let fields = statement_changes("policy", observed.policy.as_ref(), &desired.policy);
        updates.push((RoleOperation::PutPolicy(desired.policy.clone()), fields));
    }
    updates
}

/// The statements of a policy that are added and deleted, each as JSON text; a policy without such statements that still
/// differs (in its version, say) is one change as a whole.
fn statement_changes(field: &str, before: Option<&Value>, after: &Value) -> Vec<FieldChange> {
    let statements = |policy: Option<&Value>| -> Vec<Value> {
        policy.and_then(|policy| policy["Statement"].as_array()).cloned().unwrap_or_default()
    };
    let (old, new) = (statements(before), statements(Some(after)));
    let deleted = old.iter().filter(|statement| !new.contains(statement));
    let added = new.iter().filter(|statement| !old.contains(statement));
    let changes: Vec<FieldChange> = deleted
        .map(|statement| FieldChange::of(field, Some(statement.to_string()), None))
        .chain(added.map(|statement| FieldChange::of(field, None, Some(statement.to_string()))))
        .collect();
    if changes.is_empty() {
        return vec![FieldChange::of(field, before.map(ToString::to_string), Some(after.to_string()))];
    }
    changes
}

/// Deletes the role after its policies, and both after the functions that run as it.
pub(crate) fn plan_deletion(
    steps: &mut impl Steps<RoleOperation>,
    name: String,
    role: &ObservedRole,
    functions: &[StepId],
) {
    let target = Target::new(KIND, name, Action::Delete);
    let inline = role.inline.iter().cloned().map(RoleOperation::DeletePolicy);
    let attached = role.attached.iter().cloned().map(RoleOperation::DetachPolicy);
    let emptied: Vec<StepId> = inline
        .chain(attached)
        .map(|operation| steps.add(&target, operation, functions.iter().copied()))
        .collect();
    steps.add(&target, RoleOperation::Delete, functions.iter().copied().chain(emptied));
}
