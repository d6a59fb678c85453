//! The role that the function runs as: an existing one, or one that lzap makes, and what that one may do.
//!
//! What the *deploying* identity may do is in [`crate::permissions`].

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::asynchronous::AsyncConfig;
use crate::names::{Names, RoleName};
use crate::uses::Uses;

/// The execution role as `lzap.toml` describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleSetting {
    /// This one, by its ARN; lzap leaves it as it is, and reads nothing of IAM.
    Existing(String),
    /// lzap makes one.
    Made(MadeRole),
}

/// The settings in `lzap.toml` of a role that lzap creates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeRole {
    /// Its IAM path, with a `/` at both ends.
    pub path: String,
    /// The ARN of the policy that bounds it.
    pub permissions_boundary: Option<String>,
    /// The permissions of the app itself, in addition to writing logs.
    pub statements: Vec<Statement>,
}

/// A statement of the role's policy: what it allows, on what, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The actions.
    pub actions: Vec<String>,
    /// The ARNs.
    pub resources: Vec<String>,
    /// Operator, key and values, as IAM has them.
    pub conditions: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl RoleSetting {
    /// The name of the role.
    pub fn name(&self) -> RoleName {
        match self {
            Self::Existing(arn) => RoleName::Existing(arn.clone()),
            Self::Made(role) => RoleName::Made { path: role.path.clone() },
        }
    }

    /// The ARN of the policy that bounds the role that lzap makes.
    pub fn permissions_boundary(&self) -> Option<&str> {
        match self {
            Self::Existing(_) => None,
            Self::Made(role) => role.permissions_boundary.as_deref(),
        }
    }
}

impl Statement {
    /// The statement in `lzap config`.
    pub(crate) fn text(&self) -> String {
        let when = if self.conditions.is_empty() { "" } else { " under conditions" };
        format!("{} on {}{when}", self.actions.join(", "), self.resources.join(", "))
    }

    /// The statement in the form of a policy document.
    pub(crate) fn to_policy_statement(&self) -> Value {
        let mut statement = Map::new();
        statement.insert("Effect".to_owned(), json!("Allow"));
        statement.insert("Action".to_owned(), json!(self.actions));
        statement.insert("Resource".to_owned(), json!(self.resources));
        if !self.conditions.is_empty() {
            statement.insert("Condition".to_owned(), json!(self.conditions));
        }
        Value::Object(statement)
    }
}

/// Only Lambda may assume the role.
pub(crate) fn trust_policy() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "lambda.amazonaws.com" },
            "Action": "sts:AssumeRole"
        }]
    })
}

/// The role's policy: the function writes to its own log group, does what its tasks need, tells of events that Lambda gave
/// up, and does what the user adds. The `:*` stands for the group's streams, whose names Lambda makes up.
///
/// AWS: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html>
pub(crate) fn policy(
    names: &Names,
    uses: Uses,
    asynchronous: Option<&AsyncConfig>,
    statements: &[Statement],
) -> Value {
    let logs = json!({
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": uses.of_each(names, |names| format!("{}:*", names.log_group_arn()))
    });
    let failures = asynchronous.and_then(AsyncConfig::destination_statement);
    let own = std::iter::once(logs).chain(uses.statements(names)).chain(failures);
    let all: Vec<Value> = own.chain(statements.iter().map(Statement::to_policy_statement)).collect();
    json!({ "Version": "2012-10-17", "Statement": all })
}
