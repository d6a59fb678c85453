//! A plan for people: what is created, changed and deleted, field by field, policies in full.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use lzap_core::step::{Action, Call, Change, Origin, Plan};
use serde_json::Value;

use crate::ui::text::count;

const CREATE: Style = AnsiColor::Green.on_default();
const UPDATE: Style = AnsiColor::Yellow.on_default();
const DELETE: Style = AnsiColor::Red.on_default();

/// A plan, or a part of it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) plan: &'a Plan,
    /// Which changes are shown, by their place.
    pub(crate) shown: &'a dyn Fn(usize) -> bool,
}

impl<'a> View<'a> {
    /// The whole plan.
    pub(crate) fn of(plan: &'a Plan) -> Self {
        Self { plan, shown: &|_| true }
    }

    fn shown(self) -> impl Iterator<Item = (usize, &'a Change)> {
        self.plan.changes.iter().enumerate().filter(move |(id, _)| (self.shown)(*id))
    }

    /// `4 to create, 1 to change`.
    pub(crate) fn summary(self) -> String {
        let number =
            |actions: &[Action]| self.shown().filter(|(_, change)| actions.contains(&change.action)).count();
        let parts: Vec<String> = [
            (number(&[Action::Create]), "to create"),
            (number(&[Action::Update]), "to change"),
            (number(&[Action::Replace]), "to replace"),
            (number(&[Action::Delete]), "to delete"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
        if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
    }

    /// The changes, a line or a few each; deletions last. `indent` is put before each line.
    pub(crate) fn changes(self, indent: &str) -> String {
        let mut text = String::new();
        let (kept, gone): (Vec<_>, Vec<_>) =
            self.shown().partition(|(_, change)| change.action != Action::Delete);
        for (id, change) in kept.into_iter().chain(gone) {
            render(&mut text, self.plan, id, change, indent);
        }
        text
    }
}

fn render(text: &mut String, plan: &Plan, id: usize, change: &Change, indent: &str) {
    let (sign, style) = match change.action {
        Action::Create => ('+', CREATE),
        Action::Update => ('~', UPDATE),
        Action::Replace => ('±', UPDATE),
        Action::Delete => ('-', DELETE),
    };
    // Writing to a `String` can't fail.
    let _ = write!(text, "{indent}{style}{sign} {:<11}{style:#} {}", change.resource.as_str(), change.name);
    let mut lines: Vec<String> = change
        .fields
        .iter()
        .map(|field| {
            let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
            let by_hand = if field.origin == Origin::Drift { " (changed by hand)" } else { "" };
            format!("{} {} → {}{by_hand}", field.field, side(&field.before), side(&field.after))
        })
        .collect();
    lines.extend(policies(plan, id));
    if let [line] = lines.as_slice() {
        let _ = write!(text, "  {line}");
        lines.clear();
    }
    text.push('\n');
    for line in lines {
        let _ = writeln!(text, "{indent}    {line}");
    }
}

/// The statements of a new role, in full: they are what the user consents to.
fn policies(plan: &Plan, change: usize) -> Vec<String> {
    let steps = plan.steps.iter().filter(|step| step.change == change);
    steps
        .filter_map(|step| match &step.call {
            Call::CreateRole { trust_policy, .. } => Some(("trust policy", trust_policy)),
            Call::PutRolePolicy(policy) if plan.changes[change].action == Action::Create => {
                Some(("policy", policy))
            }
            _ => None,
        })
        .flat_map(|(name, policy)| {
            let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
            statements.into_iter().map(move |statement| format!("{name}: {}", describe_statement(&statement)))
        })
        .collect()
}

/// A statement as a sentence: `Allow logs:PutLogEvents on arn:…`. A statement with elements that the sentence has no words
/// for stays JSON, whole.
fn describe_statement(statement: &Value) -> String {
    let known = ["Effect", "Action", "Resource", "Principal", "Condition"];
    let is_known =
        statement.as_object().is_some_and(|fields| fields.keys().all(|key| known.contains(&key.as_str())));
    let (resource, service) =
        (join_words(&statement["Resource"]), join_words(&statement["Principal"]["Service"]));
    let condition = describe_condition(&statement["Condition"]).filter(|_| is_known);
    let (effect, action) = (join_words(&statement["Effect"]), join_words(&statement["Action"]));
    match (effect, action, resource, service, condition) {
        (Some(effect), Some(action), Some(resource), None, Some(condition)) => {
            format!("{effect} {action} on {resource}{condition}")
        }
        (Some(effect), Some(action), None, Some(service), Some(condition)) => {
            format!("{effect} {action} to {service}{condition}")
        }
        _ => statement.to_string(),
    }
}

/// One string, or several joined by commas; none for another value.
fn join_words(value: &Value) -> Option<String> {
    match value {
        Value::String(word) => Some(word.clone()),
        Value::Array(words) => {
            words.iter().map(Value::as_str).collect::<Option<Vec<_>>>().map(|words| words.join(", "))
        }
        _ => None,
    }
}

/// ` where KEY is VALUE` for `StringEquals`, nothing for no condition; none for a condition of another operator.
fn describe_condition(condition: &Value) -> Option<String> {
    if condition.is_null() {
        return Some(String::new());
    }
    let operators = condition.as_object()?;
    let keys = operators.get("StringEquals").filter(|_| operators.len() == 1)?.as_object()?;
    let tests = keys.iter().map(|(key, value)| Some(format!("{key} is {}", join_words(value)?)));
    Some(format!(" where {}", tests.collect::<Option<Vec<_>>>()?.join(" and ")))
}

/// `3 changes`, for the end of a deploy.
pub(crate) fn changed(plan: &Plan) -> String {
    count(plan.changes.len(), "change")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::describe_statement;

    #[test]
    fn describe_statement_makes_a_sentence_only_where_nothing_is_lost() {
        let plain = json!({"Effect": "Allow", "Action": ["logs:A", "logs:B"], "Resource": "arn:x"});
        assert_eq!(describe_statement(&plain), "Allow logs:A, logs:B on arn:x");
        let trust = json!({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"});
        assert_eq!(describe_statement(&trust), "Allow sts:AssumeRole to lambda.amazonaws.com");
        let owned = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:y",
            "Condition": {"StringEquals": {"s3:ResourceAccount": "123456789012"}}});
        assert_eq!(
            describe_statement(&owned),
            "Allow s3:GetObject on arn:y where s3:ResourceAccount is 123456789012"
        );
        let conditional =
            json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {}}});
        assert_eq!(describe_statement(&conditional), conditional.to_string());
    }
}
