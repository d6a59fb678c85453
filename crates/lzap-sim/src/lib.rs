//! A model of AWS for tests of the planner: it computes the observed state after a plan, or a part of it, was applied.
//!
//! Every match over operations is exhaustive, so a new operation doesn't compile without its effect. The model panics
//! if AWS would refuse a step, or if a plan breaks one of the planner's promises: traffic only for tested versions,
//! callers deleted before the functions that they call, a kind in the tag `lzap:kinds` before its first write.

mod bucket;
mod function;
mod http_api;
mod role;
mod rule;

use std::collections::BTreeMap;

use lzap_core::ids::VersionNumber;
use lzap_core::names::{Names, Part, TAG_APP, TAG_STAGE};
use lzap_core::observed::Observed;
use lzap_core::plan::{Plan, Step};
use lzap_core::resource::Operation;
use lzap_core::resource::front::{Front, FrontOperation};
use lzap_core::resource::function_url::{FunctionUrlOperation, ObservedFunctionUrl, PUBLIC};
use lzap_core::resource::kinds::Kinds;
use lzap_core::resource::log_group::{LogGroupOperation, ObservedLogGroup};
use lzap_core::resource::permission::Caller;
use lzap_core::resource::reference::UrlRef;
use lzap_core::step::Action;

/// The id of each resource whose id AWS assigns.
const NEW_ID: &str = "new0000000";

/// The observed state after the first `steps` steps of `plan`.
///
/// # Panics
/// A step needs a resource that doesn't exist: the planner must not make such a plan.
#[must_use]
pub fn after(observed: &Observed, plan: &Plan, steps: usize) -> Observed {
    let mut model = Model { cloud: observed.clone(), published: BTreeMap::new() };
    for step in plan.steps.iter().take(steps) {
        model.check_kinds(step);
        model.apply(step);
    }
    model.cloud
}

/// The observed state after all steps of `plan`.
#[must_use]
pub fn after_all(observed: &Observed, plan: &Plan) -> Observed {
    after(observed, plan, plan.steps.len())
}

/// The tags of a stage.
pub fn tags(app: &str, stage: &str) -> BTreeMap<String, String> {
    [(TAG_APP, app), (TAG_STAGE, stage)]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

struct Model {
    cloud: Observed,
    /// The versions that the plan published.
    published: BTreeMap<Part, VersionNumber>,
}

impl Model {
    fn apply(&mut self, step: &Step) {
        let part = step.part;
        match &step.operation {
            Operation::Bucket(operation) => self.apply_bucket(*operation),
            Operation::Artifact(operation) => self.apply_artifact(operation),
            Operation::Role(operation) => self.apply_role(operation),
            Operation::LogGroup(operation) => self.apply_log_group(part, operation),
            Operation::Function(operation) => self.apply_function(part, operation),
            Operation::Version(operation) => self.apply_version(part, operation),
            Operation::Alias(operation) => self.apply_alias(operation),
            Operation::EventInvoke(operation) => self.apply_event_invoke(operation),
            Operation::FunctionUrl(operation) => self.apply_function_url(*operation),
            Operation::Front(operation) => self.apply_front(operation),
            Operation::HttpApi(operation) => self.apply_http_api(operation),
            Operation::Permission(operation) => self.apply_permission(operation),
            Operation::Rule(operation) => self.apply_rule(operation),
        }
    }

    /// A later deploy reads only the kinds in the function's tag: a resource of any other kind would be forgotten.
    fn check_kinds(&self, step: &Step) {
        let kind = step.target.resource.kind;
        let tagged = self.cloud.function.as_ref().and_then(|function| Kinds::of_tags(&function.tags));
        let is_known = kind.tag.is_none() || tagged.is_none_or(|kinds| kinds.has(kind));
        assert!(is_known || step.target.action == Action::Delete, "{} before its tag", kind.name);
    }

    fn names(&self) -> &Names {
        &self.cloud.names
    }

    fn apply_function_url(&mut self, operation: FunctionUrlOperation) {
        let permitted = [Caller::UrlRequest, Caller::UrlInvocation]
            .iter()
            .all(|caller| self.cloud.permissions.contains_key(&caller.statement()));
        self.cloud.function_url = match operation {
            FunctionUrlOperation::Create | FunctionUrlOperation::Update => {
                // AWS answers 403 while one of the two is missing.
                assert!(permitted, "the permissions come before the URL");
                let (url, auth_type) = (format!("https://{NEW_ID}.url.example/"), PUBLIC.to_owned());
                Some(ObservedFunctionUrl { url, auth_type, streams: false })
            }
            FunctionUrlOperation::Delete => None,
        };
    }

    /// A front responds only if it leads to the alias and may invoke it.
    fn apply_front(&self, operation: &FrontOperation) {
        let FrontOperation::Request { url, .. } = operation;
        assert!(self.cloud.alias.is_some() && !self.cloud.permissions.is_empty(), "the front can't answer");
        if let UrlRef::Known(url) = url {
            let urls = Front::ALL.iter().filter_map(|(front, _)| self.cloud.url(*front));
            assert!(urls.into_iter().any(|known| known == url), "{url} exists");
        }
    }

    fn log_group(&mut self, part: Part) -> &mut Option<ObservedLogGroup> {
        match part {
            Part::App => &mut self.cloud.log_group,
            Part::Workers => &mut self.cloud.workers.log_group,
        }
    }

    fn apply_log_group(&mut self, part: Part, operation: &LogGroupOperation) {
        let group = self.log_group(part);
        match operation {
            LogGroupOperation::Create(_) => {
                *group = Some(ObservedLogGroup { retention_days: None, ours: true });
            }
            LogGroupOperation::PutRetention(days) => {
                group.as_mut().expect("the log group exists").retention_days = Some(*days);
            }
            LogGroupOperation::Tag(_) => group.as_mut().expect("the log group exists").ours = true,
            LogGroupOperation::Delete => *group = None,
        }
    }
}
