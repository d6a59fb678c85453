//! The execution role and its inline policy: see `lzap_core::resource::role`.
//!
//! AWS: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html>

use std::collections::BTreeMap;

use aws_sdk_iam::types::Tag;
use lzap_core::names::{Names, POLICY, RoleName};
use lzap_core::resource::role::{ObservedRole, RoleOperation};
use serde_json::Value;

use super::step::{Created, StepContext};
use crate::clients::{Attempts, Clients};
use crate::error::{Absent, AwsError, Named};
use crate::retry::{CONFLICT, PROPAGATION, again};

/// Applies one operation. Policy and tags may follow the creation: IAM can answer `NoSuchEntity` for a role
/// that it has just created.
pub(crate) async fn apply_role(
    context: StepContext<'_>,
    operation: &RoleOperation,
) -> Result<Created, AwsError> {
    let StepContext { clients, names, progress, .. } = context;
    match operation {
        RoleOperation::Create { permissions_boundary, trust_policy, tags } => {
            let boundary = permissions_boundary.as_deref();
            again(CONFLICT, progress, || create_role(clients, names, boundary, trust_policy, tags)).await?;
        }
        RoleOperation::UpdateTrustPolicy(policy) => {
            again(CONFLICT, progress, || update_trust_policy(clients, names, policy)).await?;
        }
        RoleOperation::PutPermissionsBoundary(arn) => {
            again(CONFLICT, progress, || put_permissions_boundary(clients, names, arn)).await?;
        }
        RoleOperation::DeletePermissionsBoundary => {
            again(CONFLICT, progress, || delete_permissions_boundary(clients, names)).await?;
        }
        RoleOperation::PutPolicy(policy) => {
            again(PROPAGATION, progress, || put_role_policy(clients, names, policy)).await?;
        }
        RoleOperation::Tag(tags) => again(PROPAGATION, progress, || tag_role(clients, names, tags)).await?,
        RoleOperation::DeletePolicy(policy) => {
            again(CONFLICT, progress, || delete_role_policy(clients, names, policy)).await?;
        }
        RoleOperation::DetachPolicy(policy) => {
            again(CONFLICT, progress, || detach_role_policy(clients, names, policy)).await?;
        }
        RoleOperation::Delete => again(CONFLICT, progress, || delete_role(clients, names)).await?,
    }
    Ok(Created::Nothing)
}

/// `iam:GetRole`: path, boundary, trust policy and tags, without the inline policy; `None` if there is no
/// role.
pub(crate) async fn get_role(clients: &Clients, names: &Names) -> Result<Option<ObservedRole>, AwsError> {
    let answer =
        clients.iam().get_role().role_name(names.role()).send().await.named("iam:GetRole").found()?;
    let Some(role) = answer.and_then(|answer| answer.role) else {
        return Ok(None);
    };
    let tags = role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    let trust_policy =
        parse_policy_document("iam:GetRole", role.assume_role_policy_document().unwrap_or("null"))?;
    let boundary = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
    Ok(Some(ObservedRole {
        path: role.path().to_owned(),
        permissions_boundary: boundary.map(str::to_owned),
        trust_policy,
        policy: None,
        // Read by calls of their own, and for an undeploy only.
        inline: Vec::new(),
        attached: Vec::new(),
        tags,
    }))
}

/// `iam:GetRolePolicy`: lzap's inline policy; `None` if the role or the policy doesn't exist.
pub(crate) async fn get_role_policy(clients: &Clients, names: &Names) -> Result<Option<Value>, AwsError> {
    const OPERATION: &str = "iam:GetRolePolicy";
    let call = clients.iam().get_role_policy().role_name(names.role()).policy_name(POLICY);
    let answer = call.send().await.named(OPERATION).found()?;
    answer.map(|answer| parse_policy_document(OPERATION, answer.policy_document())).transpose()
}

/// `iam:ListRolePolicies`, all pages: the names of the inline policies.
pub(crate) async fn list_role_policies(clients: &Clients, names: &Names) -> Result<Vec<String>, AwsError> {
    let mut policies = Vec::new();
    let mut marker = None;
    loop {
        let call = clients.iam().list_role_policies().role_name(names.role()).set_marker(marker);
        let Some(page) = call.send().await.named("iam:ListRolePolicies").found()? else {
            return Ok(policies);
        };
        policies.extend(page.policy_names().iter().cloned());
        marker = page.marker().map(str::to_owned);
        if marker.is_none() {
            return Ok(policies);
        }
    }
}

/// `iam:ListAttachedRolePolicies`, all pages: the ARNs of the attached policies.
pub(crate) async fn list_attached_policies(
    clients: &Clients,
    names: &Names,
) -> Result<Vec<String>, AwsError> {
    let mut policies = Vec::new();
    let mut marker = None;
    loop {
        let call = clients.iam().list_attached_role_policies().role_name(names.role()).set_marker(marker);
        let Some(page) = call.send().await.named("iam:ListAttachedRolePolicies").found()? else {
            return Ok(policies);
        };
        policies.extend(page.attached_policies().iter().filter_map(|p| p.policy_arn()).map(str::to_owned));
        marker = page.marker().map(str::to_owned);
        if marker.is_none() {
            return Ok(policies);
        }
    }
}

/// `iam:CreateRole`, under the configured path. Lambda can assume the role only some seconds later: see
/// [`crate::retry::ROLE`]. AWS: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
async fn create_role(
    clients: &Clients,
    names: &Names,
    permissions_boundary: Option<&str>,
    trust_policy: &Value,
    tags: &BTreeMap<String, String>,
) -> Result<(), AwsError> {
    const OPERATION: &str = "iam:CreateRole";
    // lzap never creates a role that `lzap.toml` names by its ARN.
    let path = match &names.role {
        RoleName::Made { path } => Some(path.clone()),
        RoleName::Existing(_) => None,
    };
    let attempts = Attempts::default();
    let call = clients
        .iam()
        .create_role()
        .role_name(names.role())
        .set_path(path)
        .set_permissions_boundary(permissions_boundary.map(str::to_owned))
        // IAM allows Latin-1 only here; app and stage names are ASCII.
        .description(format!("lzap: runs {}, stage {}", names.app, names.stage))
        .assume_role_policy_document(trust_policy.to_string())
        .set_tags(Some(iam_tags(OPERATION, tags)?));
    let outcome = call.customize().interceptor(attempts.clone()).send().await.named(OPERATION);
    attempts.accept_own_creation(outcome).map(drop)
}

/// `iam:TagRole`.
async fn tag_role(clients: &Clients, names: &Names, tags: &BTreeMap<String, String>) -> Result<(), AwsError> {
    const OPERATION: &str = "iam:TagRole";
    let call = clients.iam().tag_role().role_name(names.role()).set_tags(Some(iam_tags(OPERATION, tags)?));
    call.send().await.named(OPERATION).map(drop)
}

/// Converts tags to IAM's type. The builder only fails without key and value.
fn iam_tags(operation: &'static str, tags: &BTreeMap<String, String>) -> Result<Vec<Tag>, AwsError> {
    let tags: Result<Vec<Tag>, _> =
        tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    tags.map_err(|error| AwsError::broken(operation, error.to_string()))
}

/// `iam:UpdateAssumeRolePolicy`, which replaces the whole trust policy.
async fn update_trust_policy(clients: &Clients, names: &Names, policy: &Value) -> Result<(), AwsError> {
    let call =
        clients.iam().update_assume_role_policy().role_name(names.role()).policy_document(policy.to_string());
    call.send().await.named("iam:UpdateAssumeRolePolicy").map(drop)
}

/// `iam:PutRolePermissionsBoundary`. It replaces the boundary that the role has.
async fn put_permissions_boundary(clients: &Clients, names: &Names, boundary: &str) -> Result<(), AwsError> {
    let call =
        clients.iam().put_role_permissions_boundary().role_name(names.role()).permissions_boundary(boundary);
    call.send().await.named("iam:PutRolePermissionsBoundary").map(drop)
}

/// `iam:DeleteRolePermissionsBoundary`.
async fn delete_permissions_boundary(clients: &Clients, names: &Names) -> Result<(), AwsError> {
    let call = clients.iam().delete_role_permissions_boundary().role_name(names.role());
    call.send().await.named("iam:DeleteRolePermissionsBoundary").or_gone()
}

/// `iam:PutRolePolicy`: creates or replaces lzap's inline policy, the only one of the role that lzap writes.
async fn put_role_policy(clients: &Clients, names: &Names, policy: &Value) -> Result<(), AwsError> {
    let call = clients
        .iam()
        .put_role_policy()
        .role_name(names.role())
        .policy_name(POLICY)
        .policy_document(policy.to_string());
    call.send().await.named("iam:PutRolePolicy").map(drop)
}

/// `iam:DeleteRolePolicy`.
async fn delete_role_policy(clients: &Clients, names: &Names, policy: &str) -> Result<(), AwsError> {
    let call = clients.iam().delete_role_policy().role_name(names.role()).policy_name(policy);
    call.send().await.named("iam:DeleteRolePolicy").or_gone()
}

/// `iam:DetachRolePolicy`.
async fn detach_role_policy(clients: &Clients, names: &Names, arn: &str) -> Result<(), AwsError> {
    let call = clients.iam().detach_role_policy().role_name(names.role()).policy_arn(arn);
    call.send().await.named("iam:DetachRolePolicy").or_gone()
}

/// `iam:DeleteRole`. IAM answers `DeleteConflict` while the role has policies: those are deleted by steps
/// before. AWS: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html>
async fn delete_role(clients: &Clients, names: &Names) -> Result<(), AwsError> {
    clients.iam().delete_role().role_name(names.role()).send().await.named("iam:DeleteRole").or_gone()
}

/// Parses a policy document. IAM returns it percent-encoded (RFC 3986); emulators may return plain JSON.
fn parse_policy_document(operation: &'static str, text: &str) -> Result<Value, AwsError> {
    let decoded = if text.trim_start().starts_with('{') { text.to_owned() } else { percent_decoded(text) };
    serde_json::from_str(&decoded)
        .map_err(|error| AwsError::broken(operation, format!("the policy is no JSON: {error}")))
}

/// Decodes percent-encoded UTF-8.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        // A `%` without two hex digits stays as it is.
        let hex = tail.get(..2).filter(|_| first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_encoded_and_plain() {
        let plain = r#"{"Resource":"arn:aws:logs:*","Name":"50% ü"}"#;
        let encoded =
            "%7B%22Resource%22%3A%22arn%3Aaws%3Alogs%3A%2A%22%2C%22Name%22%3A%2250%25%20%C3%BC%22%7D";
        let plain = parse_policy_document("iam:GetRole", plain).expect("plain JSON");
        assert_eq!(parse_policy_document("iam:GetRole", encoded).expect("encoded JSON"), plain);
        assert!(parse_policy_document("iam:GetRole", "%7B").is_err());
    }
}
