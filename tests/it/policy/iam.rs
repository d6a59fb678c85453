//! A small evaluator of identity policies: `Allow` statements, wildcards, `StringEquals`. Anything else in a policy is
//! an error, so that nothing is overlooked.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::needs::Need;

/// A policy document.
pub(super) struct Policy(Value);

impl Policy {
    pub(super) fn new(document: Value) -> Self {
        assert_eq!(document["Version"], "2012-10-17", "{document:#}");
        Self(document)
    }

    fn statements(&self) -> impl Iterator<Item = &Value> {
        self.0["Statement"].as_array().into_iter().flatten()
    }

    /// Every pair of statement and action.
    pub(super) fn grants(&self) -> BTreeSet<(String, String)> {
        let pairs = |statement: &Value| {
            let sid = text(&statement["Sid"]);
            strings(&statement["Action"]).into_iter().map(move |action| (sid.clone(), action))
        };
        self.statements().flat_map(pairs).collect()
    }

    /// The statements that allow it, by id.
    pub(super) fn allowing(&self, need: &Need) -> Vec<String> {
        let allows = |statement: &&Value| {
            assert_eq!(statement["Effect"], "Allow", "{statement:#}");
            strings(&statement["Action"]).iter().any(|action| matches(action, &need.action))
                && strings(&statement["Resource"]).iter().any(|pattern| matches(pattern, &need.resource))
                && fulfilled(&statement["Condition"], need)
        };
        self.statements().filter(allows).map(|statement| text(&statement["Sid"])).collect()
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

/// Every key of every operator must be there and fit.
fn fulfilled(condition: &Value, need: &Need) -> bool {
    let operators = condition.as_object().into_iter().flatten();
    operators
        .flat_map(|(operator, keys)| {
            assert_eq!(operator, "StringEquals", "the evaluator knows no other");
            keys.as_object().into_iter().flatten()
        })
        .all(|(key, values)| need.context.get(key).is_some_and(|found| strings(values).contains(found)))
}

/// IAM's patterns: `*` is any text, `/` and `:` too; `?` is any character.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pattern = pattern.chars();
    match pattern.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = pattern.as_str();
            text.char_indices().any(|(at, _)| matches(rest, &text[at..])) || matches(rest, "")
        }
        Some(wanted) => {
            let mut text = text.chars();
            text.next().is_some_and(|found| wanted == '?' || wanted == found)
                && matches(pattern.as_str(), text.as_str())
        }
    }
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(several) => several.iter().map(text).collect(),
        _ => Vec::new(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn patterns_match_as_iam_matches_them() {
    for (pattern, text, fits) in [
        ("arn:a", "arn:a", true),
        ("arn:a", "arn:ab", false),
        ("arn:a:*", "arn:a:b/c:d", true),
        ("arn:a:*", "arn:a", false),
        ("/apis/*/routes", "/apis/x/routes", true),
        ("/apis/*/routes", "/apis/x/routes/y", false),
        ("*", "", true),
    ] {
        assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
    }
}
