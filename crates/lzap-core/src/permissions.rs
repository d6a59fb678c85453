//! The permissions of the deploying identity: the least that one app and stage need, as an IAM policy.
//!
//! Built from the grants of all kinds of resources (see [`crate::resource::grant`]): those of their operations, none of
//! which compiles without a grant, and those of their reads. The actions and resources are from the Service
//! Authorization Reference (<https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html>, read
//! 2026-11); if AWS requires more than that page says, a comment has the link. `docs/permissions.md` explains each
//! wildcard that is left. The permissions of the *function* are in [`crate::role`]; [`github`] gives these permissions
//! to a workflow on GitHub.
//!
//! `sts:GetCallerIdentity` needs no permission.

pub mod github;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::names::Names;
use crate::resource::all_grants;
use crate::resource::grant::GrantScope;

/// Returns the policy that the identity needs which deploys this stage, updates it, looks at it, rolls it
/// back and deletes it. One statement for each scope, so that no action is allowed on more resources than it
/// needs.
///
/// `boundary` bounds the role that lzap makes: then only a role with it may be made and changed. Of an
/// existing role nothing is needed but to pass it on. With `workers`, what is allowed on the function is
/// allowed on theirs.
pub fn policy(names: &Names, boundary: Option<&str>, workers: bool) -> Value {
    let mut needed: BTreeMap<GrantScope, BTreeSet<&str>> = BTreeMap::new();
    for (action, scope) in all_grants() {
        let scope = scope.for_role(names, boundary).filter(|it| workers || *it != GrantScope::Workers);
        if let Some(scope) = scope {
            needed.entry(scope).or_default().insert(action);
        }
    }
    let statements: Vec<Value> = needed
        .into_iter()
        .map(|(scope, actions)| {
            let mut statement = Map::new();
            statement.insert("Sid".to_owned(), json!(format!("{scope:?}")));
            statement.insert("Effect".to_owned(), json!("Allow"));
            statement.insert("Action".to_owned(), json!(actions));
            statement.insert("Resource".to_owned(), scope.arns(names, workers));
            if let Some(condition) = scope.condition(names, boundary) {
                statement.insert("Condition".to_owned(), condition);
            }
            Value::Object(statement)
        })
        .collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Returns the size of a policy as IAM counts it: all characters but white space.
pub fn size(policy: &Value) -> usize {
    policy.to_string().chars().filter(|c| !c.is_whitespace()).count()
}
