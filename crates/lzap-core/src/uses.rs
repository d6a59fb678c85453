//! The features of the runtime crate that need something in the cloud: more permissions, the bucket.
//!
//! Read from the features of the `lzap` dependency, as cargo resolved them. A tag of the function stores the result of
//! the last deploy, so that `lzap status` needs no build, and that a deploy removes the permissions of a feature that
//! is no longer used.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::names::{Names, TAG_USES};

/// The features of the runtime crate that an app uses in addition to HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Tasks, and jobs whose state and result are kept.
    pub tasks: bool,
    /// `map`, whose payloads may be too large for an invocation.
    pub map: bool,
    /// `map` with a worker function for its chunks.
    pub workers: bool,
}

const TASKS: &str = "tasks";
const MAP: &str = "map";
const WORKERS: &str = "workers";
/// The tag's value of a function that used a feature earlier: without it the tag would keep the old value.
const NOTHING: &str = "none";

impl Uses {
    /// Converts the enabled features of the `lzap` dependency.
    pub fn of_features<'a>(features: impl IntoIterator<Item = &'a str>) -> Self {
        features.into_iter().fold(Self::default(), |uses, feature| Self {
            tasks: uses.tasks || feature == TASKS,
            map: uses.map || feature == MAP,
            ..uses
        })
    }

    /// Reads the result of the last deploy from the function's tags.
    pub fn of_tags(tags: &BTreeMap<String, String>) -> Self {
        let words = || tags.get(TAG_USES).into_iter().flat_map(|value| value.split(' '));
        Self { workers: words().any(|word| word == WORKERS), ..Self::of_features(words()) }
    }

    /// True if the app uses any of them.
    pub fn any(self) -> bool {
        self.tasks || self.map
    }

    /// The tag's value for a function with these `tags`; `None` for one that never used a feature.
    pub(crate) fn tag(self, live: Option<&BTreeMap<String, String>>) -> Option<String> {
        let all = [(self.tasks, TASKS), (self.map, MAP), (self.workers, WORKERS)];
        let words: Vec<&str> = all.into_iter().filter(|(on, _)| *on).map(|(_, word)| word).collect();
        match words.as_slice() {
            [] => live.filter(|tags| tags.contains_key(TAG_USES)).map(|_| NOTHING.to_owned()),
            words => Some(words.join(" ")),
        }
    }

    /// The statements of the function's role beyond writing its log: invoke its own versions and those of its worker
    /// function, keep job records, spill payloads.
    ///
    /// A version invokes itself, so that caller and callee are of one build: never the unqualified function. AWS:
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html>,
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>
    pub(crate) fn statements(self, names: &Names) -> Vec<Value> {
        let allow = |actions: &[&str], resource: Value| json!({ "Effect": "Allow", "Action": actions, "Resource": resource });
        // Bucket names are global: a bucket of another account with this name must not receive a payload.
        let allow_objects = |actions: &[&str], prefix: &str| {
            let mut statement = allow(actions, json!(names.objects_arn(prefix)));
            statement["Condition"] = json!({ "StringEquals": { "s3:ResourceAccount": names.place.account } });
            statement
        };
        let mut statements = Vec::new();
        if self.any() {
            // `:*` covers all versions and aliases, and not the unqualified function.
            statements.push(allow(
                &["lambda:InvokeFunction"],
                self.of_each(names, |names| format!("{}:*", names.function_arn())),
            ));
        }
        // Each feature gets only the actions that its own code calls, on its own keys.
        if self.tasks {
            let actions = ["s3:GetObject", "s3:PutObject", "s3:PutObjectTagging"];
            let prefix = lzap_wire::job::prefix(&names.app, &names.stage);
            statements.push(allow_objects(&actions, &prefix));
        }
        if self.map {
            let actions = ["s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject"];
            let prefix = lzap_wire::job::spill_prefix(&names.app, &names.stage);
            statements.push(allow_objects(&actions, &prefix));
        }
        statements
    }

    /// The function's ARN, and the worker function's if there is one, in the form of a policy.
    pub(crate) fn of_each(self, names: &Names, arn: impl Fn(&Names) -> String) -> Value {
        if self.workers { json!([arn(names), arn(&names.workers())]) } else { json!(arn(names)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_tells_what_the_features_told() {
        for (features, tag) in [
            (vec!["http"], None),
            (vec!["tasks", "http"], Some("tasks")),
            (vec!["map"], Some("map")),
            (vec!["map", "tasks"], Some("tasks map")),
        ] {
            let uses = Uses::of_features(features);
            assert_eq!(uses.tag(None).as_deref(), tag);
            let tags: BTreeMap<_, _> =
                tag.map(|tag| (TAG_USES.to_owned(), tag.to_owned())).into_iter().collect();
            assert_eq!(Uses::of_tags(&tags), uses);
            let after = Uses::default().tag(Some(&tags));
            assert_eq!(after.as_deref(), tag.map(|_| "none"), "what was used once is taken back");
        }
        assert!(!Uses::of_tags(&BTreeMap::from([(TAG_USES.to_owned(), "none".to_owned())])).any());
    }
}
