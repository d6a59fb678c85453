//! A plan for people: the changes, field by field, and the statements of policies as sentences.
//!
//! The same changes as JSON are in `report`. Which fields a change has is decided by the planner, from the
//! steps: so what is shown is what is applied.
//!
//! On a terminal, each sign in its color:
//! ```text
//!         Plan 1 to create, 1 to change
//!              + log group    /aws/lambda/shop-dev
//!              ~ function     shop-dev  memory 512 MB → 1024 MB
//! ```

use std::collections::BTreeSet;

use anstyle::{AnsiColor, Style};

use lzap_core::plan::{Change, Plan};
use lzap_core::resource::Operation;
use lzap_core::resource::role::RoleOperation;
use lzap_core::step::{Action, FieldChange, Origin, ResourceId};
use lzap_core::text::count;
use serde_json::Value;

use crate::ui::printer::Printer;

const CREATE: Style = AnsiColor::Green.on_default();
const UPDATE: Style = AnsiColor::Yellow.on_default();
const DELETE: Style = AnsiColor::Red.on_default();

/// The blanks before each change, which put it below the text of the status line.
const INDENT: &str = "             ";

/// Shows a plan on stderr, and says so when it undoes changes that were made outside lzap.
pub(crate) fn show_plan(printer: Printer, plan: &Plan) {
    let view = PlanView::of(plan);
    printer.print_status("Plan", view.summary());
    printer.print_note(&view.changes(INDENT));
    if plan.has_drift() {
        printer.print_status("Drift", "settings that were changed outside lzap are set back");
    }
}

/// Shows the prerequisites that are created while the compiler runs.
pub(crate) fn show_prerequisites(printer: Printer, plan: &Plan) {
    let view = PlanView::of(plan);
    printer.print_status("Plan", format_args!("{}, while it compiles", view.summary()));
    printer.print_note(&view.changes(INDENT));
}

/// Shows the rest of a plan, without the changes that have begun: they were shown as prerequisites. The whole
/// plan if nothing has begun.
pub(crate) fn show_rest(printer: Printer, plan: &Plan, begun: &BTreeSet<&ResourceId>) {
    if begun.is_empty() {
        return show_plan(printer, plan);
    }
    let view = PlanView { changes: plan.changes(), plan, hidden: begun };
    printer.print_status("Plan", format_args!("{}, with the artifact", view.summary()));
    printer.print_note(&view.changes(INDENT));
}

/// The changes of a plan, some of which may be hidden. A change is what happens to one resource, of one or
/// several steps.
pub(crate) struct PlanView<'a> {
    changes: Vec<Change>,
    /// The whole plan, for the policies of a new role.
    plan: &'a Plan,
    /// Resources whose changes were shown before.
    hidden: &'a BTreeSet<&'a ResourceId>,
}

impl<'a> PlanView<'a> {
    /// Returns the view of all changes.
    pub(crate) fn of(plan: &'a Plan) -> Self {
        const NONE: &BTreeSet<&ResourceId> = &BTreeSet::new();
        Self { changes: plan.changes(), plan, hidden: NONE }
    }

    /// Returns the changes that are not hidden.
    fn shown_changes(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| !self.hidden.contains(&change.resource))
    }

    /// Returns `4 to create, 1 to change`, without the kinds of action that don't occur.
    pub(crate) fn summary(&self) -> String {
        let number = |action: Action| self.shown_changes().filter(|change| change.action == action).count();
        let parts: Vec<String> = [
            (number(Action::Create), "to create"),
            (number(Action::Update), "to change"),
            (number(Action::Replace), "to replace"),
            (number(Action::Delete), "to delete"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
        if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
    }

    /// Returns the changes, a line or a few each; deletions last, right above a question. `indent` is put
    /// before each line.
    pub(crate) fn changes(&self, indent: &str) -> String {
        let (kept, deleted): (Vec<_>, Vec<_>) =
            self.shown_changes().partition(|change| change.action != Action::Delete);
        kept.into_iter().chain(deleted).map(|change| render_change(self.plan, change, indent)).collect()
    }
}

/// Formats one change: a single field on the same line, several below it. `+` creates, `~` changes, `±`
/// replaces, `-` deletes.
fn render_change(plan: &Plan, change: &Change, indent: &str) -> String {
    let (sign, style) = match change.action {
        Action::Create => ('+', CREATE),
        Action::Update => ('~', UPDATE),
        Action::Replace => ('±', UPDATE),
        Action::Delete => ('-', DELETE),
    };
    let ResourceId { kind, name } = &change.resource;
    let head = format!("{indent}{style}{sign} {:<12}{style:#} {name}", kind.name);
    let mut lines: Vec<String> = change.fields.iter().map(describe_field).collect();
    lines.extend(statements_of_new_role(plan, change));
    if let [line] = lines.as_slice() {
        return format!("{head}  {line}\n");
    }
    let indented = lines.into_iter().map(|line| format!("{indent}    {line}"));
    let all: Vec<String> = std::iter::once(head).chain(indented).collect();
    all.join("\n") + "\n"
}

/// Returns `memory 512 MB → 1024 MB`; a statement of a policy as `policy + Allow …` or `policy - Allow …`.
fn describe_field(field: &FieldChange) -> String {
    let drift = match &field.origin {
        Origin::Wanted => String::new(),
        Origin::Drift => " (changed outside lzap)".to_owned(),
        Origin::OtherVersion(version) => format!(" (left by version {version}, which isn't live)"),
    };
    let name = &field.field;
    match (statement_of(field.before.as_deref()), statement_of(field.after.as_deref())) {
        (None, Some(added)) => return format!("{name} + {}{drift}", describe_statement(&added)),
        (Some(deleted), None) => return format!("{name} - {}{drift}", describe_statement(&deleted)),
        _ => {}
    }
    let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
    format!("{name} {} → {}{drift}", side(&field.before), side(&field.after))
}

/// Returns the value as a statement of an IAM policy; `None` if it is something else. Fields of a change are
/// texts, so a statement is recognized by its `Effect`.
fn statement_of(value: Option<&str>) -> Option<Value> {
    let value: Value = serde_json::from_str(value?).ok()?;
    value.get("Effect").is_some().then_some(value)
}

/// Returns the statements of a new role, in full: they are what the user consents to. None for other changes,
/// whose statements are fields.
fn statements_of_new_role(plan: &Plan, change: &Change) -> Vec<String> {
    let is_new = change.action == Action::Create;
    let steps = plan.steps.iter().filter(|step| is_new && step.target.resource == change.resource);
    steps
        .filter_map(|step| match &step.operation {
            Operation::Role(RoleOperation::Create { trust_policy, .. }) => {
                Some(("trust policy", trust_policy))
            }
            Operation::Role(RoleOperation::PutPolicy(policy)) => Some(("policy", policy)),
            _ => None,
        })
        .flat_map(|(name, policy)| {
            let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
            statements.into_iter().map(move |statement| format!("{name}: {}", describe_statement(&statement)))
        })
        .collect()
}

/// Returns a statement as a sentence: `Allow logs:PutLogEvents on arn:…`. A statement with elements that the
/// sentence has no words for stays JSON, whole: leaving one out would show more or fewer permissions than
/// there are.
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

/// Returns one string, or several joined by commas; `None` for another value.
fn join_words(value: &Value) -> Option<String> {
    match value {
        Value::String(word) => Some(word.clone()),
        Value::Array(words) => {
            words.iter().map(Value::as_str).collect::<Option<Vec<_>>>().map(|words| words.join(", "))
        }
        _ => None,
    }
}

/// Returns ` where KEY is VALUE` for `StringEquals`, nothing for no condition; `None` for a condition of
/// another operator.
fn describe_condition(condition: &Value) -> Option<String> {
    if condition.is_null() {
        return Some(String::new());
    }
    let operators = condition.as_object()?;
    let keys = operators.get("StringEquals").filter(|_| operators.len() == 1)?.as_object()?;
    let tests = keys.iter().map(|(key, value)| Some(format!("{key} is {}", join_words(value)?)));
    Some(format!(" where {}", tests.collect::<Option<Vec<_>>>()?.join(" and ")))
}

/// Returns `3 changes`, for the end of an undeploy.
pub(crate) fn count_changes(plan: &Plan) -> String {
    count(plan.changes().len(), "change")
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
