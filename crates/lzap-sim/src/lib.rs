//! A model of AWS for tests of the planner: it computes the observed state after a plan, or a part of it, was applied.
//!
//! Every match over operations is exhaustive, so a new operation doesn't compile without its effect. The model panics
//! if AWS would refuse a step, or if a plan breaks one of the planner's promises: traffic only for tested versions,
//! callers deleted before the functions that they call, a kind in the tag `lzap:kinds` before its first write.
//!
//! The tests are in `lzap-core/tests/plan`: they plan, apply the plan here, and plan again, which must give
//! an empty plan; and they stop after each step, since a deploy can be killed at any point. Whether the calls
//! to AWS are right is shown elsewhere: by `lzap-aws/tests`, and by the command set against an emulator.
//!
//! The model is kinder than AWS in one way: every change is seen at once. There is no propagation delay and
//! no function that is `Pending`, because the planner decides nothing by them.

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

/// The id of each resource whose id AWS assigns. A plan creates at most one of a kind, so they need not
/// differ.
const NEW_ID: &str = "new0000000";

/// Returns the observed state after the first `steps` steps of `plan`. More steps than the plan has are all
/// of them.
///
/// Steps are applied in the order of the plan; a real deploy may apply independent ones in another order.
///
/// # Panics
/// AWS would refuse a step, or the plan breaks a promise: the planner must not make such a plan.
#[must_use]
pub fn after(observed: &Observed, plan: &Plan, steps: usize) -> Observed {
    let mut model = Model { cloud: observed.clone(), published: BTreeMap::new() };
    for step in plan.steps.iter().take(steps) {
        model.check_kinds(step);
        model.apply(step);
    }
    model.cloud
}

/// Returns the observed state after all steps of `plan`.
#[must_use]
pub fn after_all(observed: &Observed, plan: &Plan) -> Observed {
    after(observed, plan, plan.steps.len())
}

/// Returns the tags by which lzap knows a resource of a stage.
pub fn tags(app: &str, stage: &str) -> BTreeMap<String, String> {
    [(TAG_APP, app), (TAG_STAGE, stage)]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// The state while a plan is applied, step by step.
struct Model {
    /// The resources, in the form in which a deploy would observe them.
    cloud: Observed,
    /// The number of the version that the plan published, for each function. Later steps name it by
    /// reference, because it isn't known when the plan is made.
    published: BTreeMap<Part, VersionNumber>,
}

impl Model {
    /// Applies one step, in the module of its kind.
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

    /// Panics if the step writes a resource whose kind isn't in the function's tag: a later deploy reads only
    /// the kinds in the tag, and would forget the resource. Deletions are exempt, and kinds that every stage
    /// has aren't in the tag.
    fn check_kinds(&self, step: &Step) {
        let kind = step.target.resource.kind;
        let tagged = self.cloud.function.as_ref().and_then(|function| Kinds::of_tags(&function.tags));
        let is_known = kind.tag.is_none() || tagged.is_none_or(|kinds| kinds.has(kind));
        assert!(is_known || step.target.action == Action::Delete, "{} before its tag", kind.name);
    }

    fn names(&self) -> &Names {
        &self.cloud.names
    }

    /// Creates, changes or deletes the function URL. An update makes it public and buffered; on AWS it keeps
    /// its address, here every URL has the same one.
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

    /// Checks that a front can respond: it leads to the alias, and may invoke it. A request changes nothing.
    fn apply_front(&self, operation: &FrontOperation) {
        let FrontOperation::Request { url, .. } = operation;
        assert!(self.cloud.alias.is_some() && !self.cloud.permissions.is_empty(), "the front can't answer");
        // The URL of a front that this plan creates isn't known to the plan.
        if let UrlRef::Known(url) = url {
            let urls = Front::ALL.iter().filter_map(|(front, _)| self.cloud.url(*front));
            assert!(urls.into_iter().any(|known| known == url), "{url} exists");
        }
    }

    /// Returns the place of the log group of one of the two functions.
    fn log_group(&mut self, part: Part) -> &mut Option<ObservedLogGroup> {
        match part {
            Part::App => &mut self.cloud.log_group,
            Part::Workers => &mut self.cloud.workers.log_group,
        }
    }

    /// Changes a log group. Only the tag makes it the stage's own: Lambda creates a group without it at a
    /// first invocation.
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
