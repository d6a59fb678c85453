//! Sets up deploys from GitHub Actions without a stored secret: the trust policy of the deploying role, and the
//! workflow.
//!
//! GitHub signs a token for each job; AWS accepts it if the role's trust policy names the repository and the branch.
//! GitHub: <https://docs.github.com/en/actions/reference/security/oidc>

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};

use crate::names::{Names, Place, cap_length};
use crate::platform::Architecture;

/// The issuer of the tokens.
const ISSUER: &str = "token.actions.githubusercontent.com";
/// The service for which the tokens are signed; AWS refuses tokens for another one.
const AUDIENCE: &str = "sts.amazonaws.com";
/// The workflow, with names in double braces.
const WORKFLOW: &str = include_str!("deploy.yml");

/// A repository: `OWNER/REPO`, or `OWNER@ID/REPO@ID`, as its tokens say it.
///
/// Repositories created since mid-2026 have their ids in the tokens, so that a new owner of a deleted name doesn't
/// inherit its access. Older repositories have them if their owner turns it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository(String);

impl Repository {
    /// True if it is written with its ids.
    pub fn has_ids(&self) -> bool {
        self.0.contains('@')
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Repository {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "write it as OWNER/REPO, or with the ids: OWNER@ID/REPO@ID";
        let (owner, repository) = text.split_once('/').ok_or(WRONG)?;
        let has_id = |part: &str| part.contains('@');
        let fits =
            is_part(owner, b"-_") && is_part(repository, b"-_.") && has_id(owner) == has_id(repository);
        if fits { Ok(Self(text.to_owned())) } else { Err(WRONG) }
    }
}

/// Returns whether the text is a name with or without an id. The characters are those that mean no more to
/// IAM than themselves.
fn is_part(text: &str, extra: &[u8]) -> bool {
    let (name, id) = text.split_once('@').map_or((text, None), |(name, id)| (name, Some(id)));
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || extra.contains(&b));
    is_name && id.is_none_or(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))
}

/// Returns the trust policy of the deploying role: it allows workflows of this repository on this branch
/// only. Both are compared as whole strings, without wildcards.
pub fn trust_policy(names: &Names, repository: &Repository, branch: &str) -> Value {
    let Place { partition, account, .. } = &names.place;
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "GitHubActions",
            "Effect": "Allow",
            "Principal": { "Federated": format!("arn:{partition}:iam::{account}:oidc-provider/{ISSUER}") },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    format!("{ISSUER}:aud"): AUDIENCE,
                    format!("{ISSUER}:sub"): format!("repo:{repository}:ref:refs/heads/{branch}")
                }
            }
        }]
    })
}

/// Returns the deploying role's name, which the workflow uses.
pub fn role(names: &Names) -> String {
    cap_length(&format!("{}-{}", names.app, names.stage), "-deploy")
}

/// Returns the workflow: check out, take the role, `lzap update`. `source` is where cargo installs lzap from.
pub fn workflow(names: &Names, branch: &str, architecture: Architecture, source: &str) -> String {
    let Place { partition, account, region } = &names.place;
    let role = role(names);
    let arn = format!("arn:{partition}:iam::{account}:role/{role}");
    [
        ("app", names.app.as_str()),
        ("stage", names.stage.as_str()),
        // JSON's quotes are YAML's too.
        ("branch", json!(branch).to_string().as_str()),
        ("role", arn.as_str()),
        ("region", region.as_str()),
        ("target", architecture.musl_triple()),
        ("source", source),
    ]
    .into_iter()
    .fold(WORKFLOW.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}
