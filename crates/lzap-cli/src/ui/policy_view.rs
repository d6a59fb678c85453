//! The documents for a deploy from GitHub, as one readable text that says where each goes.

use lzap_core::names::Names;
use lzap_core::permissions::github::{self, Repository};
use serde_json::Value;

/// The documents for a deploy from GitHub. None of them holds a secret.
pub(crate) struct Documents {
    /// The permissions of the deploying role.
    pub(crate) policy: Value,
    /// The workflows that may assume the role, by repository and branch.
    pub(crate) trust_policy: Value,
    /// The workflow file, as YAML.
    pub(crate) workflow: String,
}

/// Returns the documents in the order in which they are used, under comments that say how. The file as a
/// whole isn't meant to be run: each part goes to a file of its own.
pub(crate) fn format_github_documents(names: &Names, documents: &Documents) -> String {
    let role = github::role(names);
    let stage = &names.stage;
    let (partition, account) = (&names.place.partition, &names.place.account);
    let Documents { policy, trust_policy, workflow } = documents;
    format!(
        "# 1. What the deploying role may do. Save it as policy.json, then:
#    aws iam create-policy --policy-name {role} --policy-document file://policy.json
{policy:#}

# 2. Who may take the role. Once for each account, GitHub must be known to it:
#    aws iam create-open-id-connect-provider --url https://token.actions.githubusercontent.com \\
#      --client-id-list sts.amazonaws.com
#    Save this as trust.json, then:
#    aws iam create-role --role-name {role} --assume-role-policy-document file://trust.json
#    aws iam attach-role-policy --role-name {role} \\
#      --policy-arn arn:{partition}:iam::{account}:policy/{role}
{trust_policy:#}

# 3. The workflow. Save it as .github/workflows/deploy-{stage}.yml; the first deploy is `lzap deploy {stage}` by hand.
{workflow}"
    )
}

/// Returns a hint about the ids that GitHub may add to a repository's name in its tokens.
pub(crate) fn ids_hint(repository: &Repository) -> String {
    format!(
        "the tokens of repositories made since mid-2026 have ids in them; `gh api repos/{repository} --jq \
         '\"\\(.owner.login)@\\(.owner.id)/\\(.name)@\\(.id)\"'` prints what to give to --github then"
    )
}
