//! The plan of a deploy: what is missing is created, what differs is updated, nothing else is touched.
//!
//! The order that matters: nothing in front of users changes before the probe has answered. Code and settings go to
//! `$LATEST`, which nobody calls; a version is published from it and probed; then the alias moves. What no version needs
//! any more goes last.
//!
//! Here are the bucket, the role and the log group; `function` plans what is called, `front` what calls it, `workers`
//! what the app calls itself.

mod front;
mod function;
mod workers;

use crate::desired::Stage;
use crate::names::{Names, Part};
use crate::observed::{BucketSetting, LiveRule, Observed};
use crate::plan::diff::{missing_tags, role_calls};
use crate::plan::{Builder, PlanError};
use crate::step::{Action, Call, FieldChange, Plan, Resource, StepId};

pub(super) fn plan(stage: &Stage, observed: &Observed) -> Result<Plan, PlanError> {
    let stage = &workers::with_workers(stage, observed);
    let mut deploy =
        Deploy { stage, observed, builder: Builder::default(), new_bucket: None, expiry: None, tagged: None };
    deploy.refuse_other_canary()?;
    let artifact = deploy.bucket_and_artifact();
    let role = deploy.role();
    let log_group = deploy.log_group(Part::App);
    let makeable: Vec<StepId> = artifact.into_iter().chain(role.made).collect();
    let workers = deploy.workers(makeable.clone());
    let mut function = deploy.function(makeable.into_iter().chain(workers.published).collect());
    // What the function may do, where it logs, and whom it calls, counts only when it runs.
    function.extend(role.ready.into_iter().chain(log_group).chain(workers.ready));
    let alias = deploy.alias(function);
    let api = deploy.api();
    let callable = deploy.rules(alias);
    deploy.permissions(&api, alias, callable);
    deploy.asynchronous(alias);
    deploy.sweep(alias);
    Ok(deploy.builder.finish())
}

/// The steps after which the role is there, and is as it should be.
#[derive(Default)]
struct RoleSteps {
    made: Option<StepId>,
    ready: Option<StepId>,
}

struct Deploy<'a> {
    stage: &'a Stage,
    observed: &'a Observed,
    builder: Builder,
    /// The step that finishes a new bucket.
    new_bucket: Option<StepId>,
    /// The step that lets the bucket's objects expire.
    expiry: Option<StepId>,
    /// The step that tags the function.
    tagged: Option<StepId>,
}

impl Deploy<'_> {
    /// The bucket, closed to the public, and then what goes into it. One that lzap made and did not finish is finished;
    /// of any other only the public access is its business.
    fn bucket_and_artifact(&mut self) -> Option<StepId> {
        let Some(bucket) = &self.observed.bucket else { return self.new_bucket_and_artifact() };
        let mut calls = Vec::new();
        if !bucket.public_access_blocked {
            let field = FieldChange::new("public access", "possible", "blocked").drifted();
            calls.push((field, Call::BlockPublicAccess));
        }
        // Both at once, where the one that is called for is the one that makes all of them.
        let has_any = !bucket.missing.contains(&BucketSetting::Lifecycle);
        let missing = bucket.missing.iter().filter_map(|setting| match setting {
            BucketSetting::Encryption => {
                Some((FieldChange::of("encryption", None, Some("AES256".to_owned())), Call::EncryptBucket))
            }
            BucketSetting::Lifecycle => {
                let after = Some("kept for 7 days".to_owned());
                Some((FieldChange::of("unfinished uploads", None, after), Call::PutBucketLifecycle))
            }
            BucketSetting::Expiry if self.stage.uses.any() && has_any => {
                let after = Some("kept for 1 and 7 days".to_owned());
                Some((FieldChange::of("payloads and job records", None, after), Call::AddBucketExpiry))
            }
            BucketSetting::Expiry => None,
        });
        calls.extend(missing);
        if calls.is_empty() {
            return self.artifact(None);
        }
        let (fields, calls): (Vec<_>, Vec<_>) = calls.into_iter().unzip();
        let change =
            self.builder.change_fields(Resource::Bucket, self.stage.names.bucket(), Action::Update, fields);
        let last = calls.into_iter().fold(None, |last, call| Some(self.builder.step(change, call, last)));
        self.expiry = last;
        self.artifact(last)
    }

    /// A new bucket is marked as lzap's at once, and closed before anything goes into it. S3 aborts changes of one
    /// bucket that meet (`OperationAborted`), so its steps come one after the other, those that nobody waits for last.
    fn new_bucket_and_artifact(&mut self) -> Option<StepId> {
        let change = self.builder.change(Resource::Bucket, self.stage.names.bucket(), Action::Create);
        let created = self.builder.step(change, Call::CreateBucket, []);
        let tagged = self.builder.step(change, Call::TagBucket, [created]);
        let blocked = self.builder.step(change, Call::BlockPublicAccess, [tagged]);
        let artifact = self.artifact(Some(blocked));
        let encrypted = self.builder.step(change, Call::EncryptBucket, artifact);
        self.new_bucket = Some(self.builder.step(change, Call::PutBucketLifecycle, [encrypted]));
        artifact
    }

    fn artifact(&mut self, bucket: Option<StepId>) -> Option<StepId> {
        let artifact = &self.stage.artifact;
        let name = self.stage.names.artifact_key(&artifact.sha256);
        let has_code = self.has_code() && !self.workers_lack_code();
        if has_code || self.observed.bucket.as_ref().is_some_and(|bucket| bucket.has(&name)) {
            return bucket;
        }
        let change = self.builder.change(Resource::Artifact, name, Action::Create);
        Some(self.builder.step(change, Call::UploadArtifact(artifact.clone()), bucket))
    }

    fn role(&mut self) -> RoleSteps {
        let stage = self.stage;
        let Some(wanted) = &stage.role else { return RoleSteps::default() };
        let name = stage.names.role();
        let Some(live) = &self.observed.role else {
            let change = self.builder.change(Resource::Role, name, Action::Create);
            let call = Call::CreateRole {
                permissions_boundary: wanted.permissions_boundary.clone(),
                trust_policy: wanted.trust_policy.clone(),
                tags: stage.tags.clone(),
            };
            let create = self.builder.step(change, call, []);
            let ready = self.builder.step(change, Call::PutRolePolicy(wanted.policy.clone()), [create]);
            return RoleSteps { made: Some(create), ready: Some(ready) };
        };
        let (calls, mut fields) = role_calls(live, wanted);
        let tags = missing_tags(&live.tags, &stage.tags);
        let tags_differ = !tags.is_empty();
        fields.extend(tags);
        if fields.is_empty() {
            return RoleSteps::default();
        }
        let change = self.builder.change_fields(Resource::Role, name, Action::Update, fields);
        if tags_differ {
            self.builder.step(change, Call::TagRole(stage.tags.clone()), []);
        }
        let ready = calls.into_iter().fold(None, |last, call| Some(self.builder.step(change, call, last)));
        RoleSteps { made: ready, ready }
    }

    fn log_group(&mut self, part: Part) -> Option<StepId> {
        let days = self.stage.log_retention_days;
        let names = &self.stage.names;
        let (name, group) = match part {
            Part::App => (names.log_group(), &self.observed.log_group),
            Part::Workers => (names.workers().log_group(), &self.observed.workers.log_group),
        };
        let tags = self.stage.tags.clone();
        let put_retention = Call::PutRetention(days).of(part);
        let Some(group) = group else {
            let change = self.builder.change(Resource::LogGroup, name, Action::Create);
            let create = self.builder.step(change, Call::CreateLogGroup { tags }.of(part), []);
            return Some(self.builder.step(change, put_retention, [create]));
        };
        let mut fields = Vec::new();
        let retags = self.retags(group.ours);
        if retags {
            fields.push(FieldChange::of("tags", None, Some("this stage's".to_owned())));
        }
        if group.retention_days != Some(days) {
            let before = group.retention_days.map_or_else(|| "for ever".to_owned(), |d| format!("{d} days"));
            fields.push(FieldChange::new("retention", before, format!("{days} days")));
        }
        if fields.is_empty() {
            return None;
        }
        let change = self.builder.change_fields(Resource::LogGroup, name, Action::Update, fields);
        let tagged = retags.then(|| self.builder.step(change, Call::TagLogGroup(tags).of(part), []));
        if group.retention_days == Some(days) {
            return tagged;
        }
        Some(self.builder.step(change, put_retention, tagged))
    }

    /// Whether a resource whose tags AWS tells only by another call gets its tags anew: it is taken over, or the
    /// function's tags, which are the same, have changed.
    fn retags(&self, ours: bool) -> bool {
        let stale = |live| !missing_tags(live, &self.stage.tags).is_empty();
        !ours || self.observed.function.as_ref().is_some_and(|function| stale(&function.tags))
    }
}

/// The targets go before the rule.
pub(super) fn delete_rule(
    builder: &mut Builder,
    names: &Names,
    name: &str,
    rule: &LiveRule,
    after: &[StepId],
) {
    let change = builder.change(Resource::Rule, names.rule(name), Action::Delete);
    let ids: Vec<String> = rule.targets.iter().map(|target| target.id.clone()).collect();
    let remove = Call::RemoveTargets { rule: name.to_owned(), ids };
    let removed = (!rule.targets.is_empty()).then(|| builder.step(change, remove, after.iter().copied()));
    let after = removed.map_or_else(|| after.to_vec(), |removed| vec![removed]);
    builder.step(change, Call::DeleteRule(name.to_owned()), after);
}
