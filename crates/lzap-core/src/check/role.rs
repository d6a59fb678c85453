//! The statements of the role: actions and resources that IAM would refuse, and those that allow more than is probably meant.

use lzap_wire::limits;

use crate::config::{ConfigError, ConfigErrorKind, Node, NodeValue};
use crate::names::Names;
use crate::role::{self, RoleSetting};
use crate::settings::{Settings, Warning, keys, matches};
use crate::uses::Uses;

use super::tables::StageTables;

/// An action, or a pattern of actions. AWS:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>
const ACTION: &str = r"^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$";
/// The beginning of an ARN, or all resources. The rest differs from service to service.
const RESOURCE: &str = r"^(\*$|arn:)";

/// Checks the actions and resources of each statement, in the file: the settings don't have the places any
/// more.
pub(super) fn check_role(tables: &StageTables<'_>) -> Result<(), ConfigError> {
    for statement in tables.find(&keys::ROLE_STATEMENTS).into_iter().flat_map(Node::elements) {
        check_words(statement, keys::STATEMENT_ACTIONS.name, ACTION, |word| {
            (
                format!("`{word}` is not an action of IAM"),
                "write it as `SERVICE:Action`, such as `s3:GetObject`",
            )
        })?;
        check_words(statement, keys::STATEMENT_RESOURCES.name, RESOURCE, |word| {
            (format!("`{word}` is not an ARN"), "write it as `arn:aws:s3:::BUCKET/*`")
        })?;
    }
    Ok(())
}

/// Checks the size of the whole role's policy, lzap's own statements among them.
pub(super) fn check_policy_size(
    tables: &StageTables<'_>,
    settings: &Settings,
    names: &Names,
    uses: Uses,
) -> Result<(), ConfigError> {
    let RoleSetting::Made(made) = &settings.role else { return Ok(()) };
    let policy = role::policy(names, uses, settings.asynchronous.as_ref(), &made.statements);
    let chars = policy.to_string().chars().filter(|it| !it.is_whitespace()).count();
    if chars <= limits::ROLE_POLICY_CHARS {
        return Ok(());
    }
    let span = tables.find(&keys::ROLE_STATEMENTS).map(|node| node.span.clone());
    let message = format!("the role's policy has {chars} characters as JSON, lzap's own statements included");
    let help = format!(
        "IAM allows {}: join statements, use `*` in ARNs, or name a role of your own with `role_arn`",
        limits::ROLE_POLICY_CHARS
    );
    Err(ConfigError { span, ..ConfigErrorKind::OutOfRange.whole(message, help) })
}

/// Checks each element of the list `key` of a statement.
fn check_words(
    statement: &Node,
    key: &str,
    pattern: &str,
    explain: impl Fn(&str) -> (String, &'static str),
) -> Result<(), ConfigError> {
    for word in statement.get(key).into_iter().flat_map(Node::elements) {
        if let NodeValue::Text(text) = &word.value
            && !matches(pattern, text)
        {
            let (message, help) = explain(text);
            return Err(ConfigErrorKind::InvalidValue.at(word.span.clone(), message, help));
        }
    }
    Ok(())
}

/// Finds statements that allow more than is probably meant. They work, so they are no errors.
pub(super) fn find_role_warnings(role: &RoleSetting) -> Vec<Warning> {
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
