//! The role's keys: what IAM would refuse, and what allows more than is probably meant.

use std::ops::Range;

use lzap_wire::limits;
use serde_json::Value;
use toml::Spanned;

use super::{Place, Warning};
use crate::config::{ConfigError, StatementTable};
use crate::role::{MadeRole, RoleSetting, Statement};

impl Place<'_> {
    pub(super) fn role(&self, role: &RoleSetting) -> Result<(), ConfigError> {
        match role {
            RoleSetting::Existing(arn) if is_arn(arn, "role/") && is_name(&arn[arn.len() - 1..]) => Ok(()),
            RoleSetting::Existing(arn) => Err(ConfigError {
                message: format!("role_arn = \"{arn}\" is not the ARN of a role"),
                help: "write it as `arn:aws:iam::123456789012:role/NAME`, with the role's path if it has one"
                    .to_owned(),
                span: self.span(|t| t.role_arn.as_ref()),
            }),
            RoleSetting::Made(made) => {
                self.path(&made.path)?;
                self.boundary(made.permissions_boundary.as_deref())?;
                self.statements(made)
            }
        }
    }

    fn path(&self, path: &str) -> Result<(), ConfigError> {
        let inner = path.strip_prefix('/').and_then(|rest| rest.strip_suffix('/').or(Some(rest)));
        let fits = path.ends_with('/') && (path == "/" || inner.is_some_and(|it| it.split('/').all(is_name)));
        if fits && path.len() <= limits::ROLE_PATH_CHARS {
            return Ok(());
        }
        Err(ConfigError {
            message: format!("role_path = \"{path}\" is not an IAM path"),
            help: format!(
                "write it as `/team/`, with a `/` at both ends; letters, digits and `+=,.@_-` between, at most {} characters",
                limits::ROLE_PATH_CHARS
            ),
            span: self.span(|t| t.role_path.as_ref()),
        })
    }

    fn boundary(&self, boundary: Option<&str>) -> Result<(), ConfigError> {
        let Some(arn) = boundary.filter(|arn| !is_arn(arn, "policy/")) else {
            return Ok(());
        };
        Err(ConfigError {
            message: format!("role_permissions_boundary = \"{arn}\" is not the ARN of a policy"),
            help: "write it as `arn:aws:iam::123456789012:policy/NAME`".to_owned(),
            span: self.span(|t| t.role_permissions_boundary.as_ref()),
        })
    }

    /// Each statement where it stands; then all of them together.
    fn statements(&self, made: &MadeRole) -> Result<(), ConfigError> {
        let Some(tables) = self.tables.iter().find_map(|table| table.role_statements.as_ref()) else {
            return Ok(());
        };
        for table in tables.get_ref() {
            statement(table, &tables.span())?;
        }
        let documents: Value = made.statements.iter().map(Statement::document).collect();
        let chars = documents.to_string().chars().filter(|c| !c.is_whitespace()).count();
        if chars > limits::ROLE_POLICY_CHARS {
            return Err(ConfigError::at(
                tables.span(),
                format!("the role's statements have {chars} characters"),
                format!(
                    "AWS allows {} in all: use fewer, or an existing role (`role_arn`) with managed policies",
                    limits::ROLE_POLICY_CHARS
                ),
            ));
        }
        Ok(())
    }
}

fn statement(table: &StatementTable, all: &Range<usize>) -> Result<(), ConfigError> {
    for (key, list) in [("actions", &table.actions), ("resources", &table.resources)] {
        if list.is_empty() {
            return Err(ConfigError::at(
                all.clone(),
                format!("a statement of the role has no {key}"),
                format!("name at least one in `{key}`, or take the statement out"),
            ));
        }
    }
    if let Some(action) = table.actions.iter().find(|action| !is_action(action.get_ref())) {
        return Err(at(
            action,
            "is not an action of IAM",
            "write it as `SERVICE:Action`, such as `s3:GetObject`",
        ));
    }
    let is_resource = |text: &str| text == "*" || text.starts_with("arn:");
    if let Some(resource) = table.resources.iter().find(|resource| !is_resource(resource.get_ref())) {
        return Err(at(resource, "is not an ARN", "write it as `arn:aws:s3:::BUCKET/*`"));
    }
    Ok(())
}

fn at(word: &Spanned<String>, what: &str, help: &str) -> ConfigError {
    ConfigError::at(word.span(), format!("`{}` {what}", word.get_ref()), help)
}

/// `arn:PARTITION:iam::ACCOUNT:KIND…`, with something behind the kind.
fn is_arn(text: &str, kind: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, service, region, account, resource] = parts.as_slice() else {
        return false;
    };
    let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let path = resource.strip_prefix(kind).unwrap_or_default();
    *arn == "arn"
        && partition.starts_with("aws")
        && *service == "iam"
        && region.is_empty()
        && (is_account || (*account == "aws" && kind == "policy/"))
        && !path.is_empty()
        && path.split('/').all(is_name)
}

/// A name, or a part of a path.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b))
}

fn is_action(text: &str) -> bool {
    let is_word = |word: &str, extra: &[u8]| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || extra.contains(&b))
    };
    text == "*"
        || text
            .split_once(':')
            .is_some_and(|(service, action)| is_word(service, b"-") && is_word(action, b"*?"))
}

/// What allows more than is probably meant: it works, so it is no error.
pub(super) fn warnings(role: &RoleSetting) -> Vec<Warning> {
    let RoleSetting::Made(made) = role else {
        return Vec::new();
    };
    let mut warnings = Vec::new();
    for statement in &made.statements {
        let actions = statement.actions.iter().filter(|action| *action == "*" || action.ends_with(":*"));
        warnings.extend(actions.map(|action| Warning {
            message: format!(
                "role_statements allows every action of `{action}`: name the ones that the app needs"
            ),
        }));
        if statement.resources.iter().any(|resource| resource == "*") {
            let actions = statement.actions.join(", ");
            warnings.push(Warning {
                message: format!(
                    "role_statements allows {actions} on every resource: name the ARNs that the app needs"
                ),
            });
        }
    }
    warnings
}
