//! The resources in an account, listed through boto3.

use std::collections::{BTreeMap, BTreeSet};

use lzap_testkit::Moto;
use serde_json::{Value, json};

use crate::REGION;
use lzap_testkit::shell::Result;

/// Things by kind and name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Inventory(BTreeMap<&'static str, BTreeSet<String>>);

/// A listing: the kind of thing, boto3's service and method, the list in the answer, the name in each item.
type Listing = (&'static str, &'static str, &'static str, &'static str, &'static str);

const LISTINGS: [Listing; 8] = [
    ("function", "lambda", "list_functions", "Functions", "FunctionName"),
    ("role", "iam", "list_roles", "Roles", "RoleName"),
    ("REST API", "apigateway", "get_rest_apis", "items", "id"),
    ("HTTP API", "apigatewayv2", "get_apis", "Items", "ApiId"),
    ("bucket", "s3", "list_buckets", "Buckets", "Name"),
    ("log group", "logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("rule", "events", "list_rules", "Rules", "Name"),
    ("stack", "cloudformation", "describe_stacks", "Stacks", "StackName"),
];

impl Inventory {
    /// All that is in the account of `moto`.
    pub(super) fn of(moto: &Moto) -> Result<Self> {
        let calls = LISTINGS.map(|(_, service, method, ..)| (service, method, json!({})));
        let mut this = Self::default();
        for ((kind, _, _, list, name), answer) in LISTINGS.iter().zip(moto.call_aws(REGION, &calls)?) {
            this.add(kind, items(&answer, list, name));
        }
        this.look_inside(moto)?;
        Ok(this)
    }

    /// Adds the resources that belong to functions and buckets: aliases, function URLs, objects.
    fn look_inside(&mut self, moto: &Moto) -> Result {
        let owners: Vec<(&str, String)> = ["function", "bucket"]
            .into_iter()
            .flat_map(|kind| self.0.get(kind).into_iter().flatten().map(move |name| (kind, name.clone())))
            .collect();
        for (kind, owner) in owners {
            if kind == "bucket" {
                let calls = [("s3", "list_objects_v2", json!({"Bucket": owner}))];
                for answer in moto.call_aws(REGION, &calls)? {
                    self.add("object", items(&answer, "Contents", "Key"));
                }
                continue;
            }
            let of = json!({"FunctionName": owner});
            let calls = [("lambda", "list_aliases", of.clone()), ("lambda", "get_function_url_config", of)];
            for answer in moto.call_aws(REGION, &calls)? {
                self.add("alias", items(&answer, "Aliases", "Name"));
                self.add("function URL", answer["FunctionUrl"].as_str().map(str::to_owned));
            }
        }
        Ok(())
    }

    fn add(&mut self, kind: &'static str, names: impl IntoIterator<Item = String>) {
        let mut names = names.into_iter().peekable();
        if names.peek().is_some() {
            self.0.entry(kind).or_default().extend(names);
        }
    }

    /// Returns the resources that are in `self` and not in `other`.
    pub(super) fn without(&self, other: &Self) -> Self {
        let mut rest = Self::default();
        for (kind, names) in &self.0 {
            let known = other.0.get(kind);
            rest.add(kind, names.iter().filter(|name| !known.is_some_and(|it| it.contains(*name))).cloned());
        }
        rest
    }

    pub(super) fn has(&self, kind: &str) -> bool {
        self.0.contains_key(kind)
    }

    pub(super) fn forget(&mut self, kind: &str) {
        self.0.remove(kind);
    }

    /// The number of resources.
    pub(super) fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    /// In words: `2 buckets, function`; `nothing`.
    pub(super) fn shown(&self) -> String {
        let kinds = self.0.iter().map(|(kind, names)| match names.len() {
            1 => (*kind).to_owned(),
            count if kind.ends_with('s') => format!("{count} {kind}es"),
            count => format!("{count} {kind}s"),
        });
        let text = kinds.collect::<Vec<_>>().join(", ");
        if text.is_empty() { "nothing".to_owned() } else { text }
    }
}

fn items(answer: &Value, list: &str, name: &str) -> Vec<String> {
    let items = answer[list].as_array().into_iter().flatten();
    items.filter_map(|item| item[name].as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory(things: &[(&'static str, &str)]) -> Inventory {
        let mut this = Inventory::default();
        for (kind, name) in things {
            this.add(kind, [(*name).to_owned()]);
        }
        this
    }

    #[test]
    fn what_was_there_before_does_not_count() {
        let before = inventory(&[("bucket", "mine")]);
        let after = inventory(&[("bucket", "mine"), ("object", "a"), ("object", "b"), ("alias", "live")]);
        let made = after.without(&before);
        assert_eq!((made.len(), made.shown().as_str()), (3, "alias, 2 objects"));
        assert!(!made.has("bucket"));
        assert_eq!(before.without(&before).shown(), "nothing");
    }

    #[test]
    fn names_are_read_from_an_answer() {
        let answer = json!({"Rules": [{"Name": "warm"}, {"Arn": "nameless"}]});
        assert_eq!(items(&answer, "Rules", "Name"), ["warm"]);
        assert!(items(&json!({"error": "NotFound"}), "Rules", "Name").is_empty());
    }
}
