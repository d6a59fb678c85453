//! The plan of a deploy: what is missing is created, what differs is updated, nothing else is touched.
//!
//! The order that matters: nothing in front of users changes before the probe has answered. Code and settings go to
//! `$LATEST`, which nobody calls; a version is published from it and probed; then the alias moves.

use std::collections::BTreeMap;

use crate::desired::Stage;
use crate::names::{ALIAS, API_PRINCIPAL, EVENTS_PRINCIPAL, STATEMENT_API, STATEMENT_KEEP_WARM, TARGET};
use crate::observed::{Api, LiveRule, Observed, Permission};
use crate::plan::Builder;
use crate::plan::diff::{
    ARCHITECTURE, api_calls, config_changes, function_fields, is_current, role_calls, rule_fields,
};
use crate::step::{
    Action, ApiRef, Call, Caller, Direction, FieldChange, IntegrationRef, Plan, Resource, StepId, VersionRef,
};

pub(super) fn plan(stage: &Stage, observed: &Observed) -> Plan {
    let mut deploy = Deploy { stage, observed, builder: Builder::default() };
    let artifact = deploy.bucket_and_artifact();
    let role = deploy.role();
    let log_group = deploy.log_group();
    let function = deploy.function(artifact.into_iter().chain(role).chain(log_group).collect());
    let alias = deploy.alias(function);
    let api = deploy.api();
    deploy.permissions(&api, alias);
    deploy.rule(alias);
    deploy.builder.finish()
}

struct Deploy<'a> {
    stage: &'a Stage,
    observed: &'a Observed,
    builder: Builder,
}

impl Deploy<'_> {
    /// The bucket, closed to the public, and then what goes into it.
    fn bucket_and_artifact(&mut self) -> Option<StepId> {
        let Some(bucket) = &self.observed.bucket else { return self.new_bucket_and_artifact() };
        let blocked = (!bucket.public_access_blocked).then(|| {
            let fields = vec![FieldChange::new("public access", "possible", "blocked")];
            let name = self.stage.names.bucket();
            let change = self.builder.change_fields(Resource::Bucket, name, Action::Update, fields);
            self.builder.step(change, Call::BlockPublicAccess, [])
        });
        self.artifact(blocked)
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
        self.builder.step(change, Call::PutBucketLifecycle, [encrypted]);
        artifact
    }

    fn artifact(&mut self, bucket: Option<StepId>) -> Option<StepId> {
        let artifact = &self.stage.artifact;
        if self.has_code() || self.observed.artifact_uploaded {
            return bucket;
        }
        let name = self.stage.names.artifact_key(&artifact.sha256);
        let change = self.builder.change(Resource::Artifact, name, Action::Create);
        Some(self.builder.step(change, Call::UploadArtifact(artifact.clone()), bucket))
    }

    /// Whether `$LATEST` has the artifact, for the right architecture: the two change together.
    fn has_code(&self) -> bool {
        self.observed.function.as_ref().is_some_and(|live| {
            live.code_sha256 == self.stage.artifact.code_sha256
                && live.config.architecture == self.stage.function.architecture
        })
    }

    fn role(&mut self) -> Option<StepId> {
        let stage = self.stage;
        let wanted = stage.role.as_ref()?;
        let name = stage.names.role();
        let Some(live) = &self.observed.role else {
            let change = self.builder.change(Resource::Role, name, Action::Create);
            let call = Call::CreateRole {
                permissions_boundary: wanted.permissions_boundary.clone(),
                trust_policy: wanted.trust_policy.clone(),
                tags: stage.tags.clone(),
            };
            let create = self.builder.step(change, call, []);
            return Some(self.builder.step(change, Call::PutRolePolicy(wanted.policy.clone()), [create]));
        };
        let (calls, fields) = role_calls(live, wanted);
        if calls.is_empty() {
            return None;
        }
        let change = self.builder.change_fields(Resource::Role, name, Action::Update, fields);
        calls.into_iter().fold(None, |last, call| Some(self.builder.step(change, call, last)))
    }

    fn log_group(&mut self) -> Option<StepId> {
        let days = self.stage.log_retention_days;
        let name = self.stage.names.log_group();
        match &self.observed.log_group {
            None => {
                let change = self.builder.change(Resource::LogGroup, name, Action::Create);
                let tags = self.stage.tags.clone();
                let create = self.builder.step(change, Call::CreateLogGroup { tags }, []);
                Some(self.builder.step(change, Call::PutRetention(days), [create]))
            }
            Some(group) if group.retention_days != Some(days) => {
                let fields = vec![FieldChange {
                    field: "retention".to_owned(),
                    before: Some(
                        group.retention_days.map_or_else(|| "for ever".to_owned(), |d| format!("{d} days")),
                    ),
                    after: Some(format!("{days} days")),
                }];
                let change = self.builder.change_fields(Resource::LogGroup, name, Action::Update, fields);
                Some(self.builder.step(change, Call::PutRetention(days), []))
            }
            Some(_) => None,
        }
    }

    /// `$LATEST` gets the settings and the code. Answers the steps that a version must wait for.
    fn function(&mut self, after: Vec<StepId>) -> Vec<StepId> {
        let stage = self.stage;
        let name = stage.names.function();
        let Some(function) = &self.observed.function else {
            let change = self.builder.change(Resource::Function, name, Action::Create);
            let call = Call::CreateFunction {
                config: stage.function.clone(),
                artifact: stage.artifact.clone(),
                tags: stage.tags.clone(),
            };
            return vec![self.builder.step(change, call, after)];
        };
        let config = config_changes(&function.config, &stage.function);
        let settings_differ = config.iter().any(|field| field.field != ARCHITECTURE);
        let code_differs = !self.has_code();
        let tags_differ = stage.tags.iter().any(|(key, value)| function.tags.get(key) != Some(value));
        let fields = function_fields(function, stage, config, tags_differ);
        if fields.is_empty() {
            return after;
        }
        let change = self.builder.change_fields(Resource::Function, name, Action::Update, fields);
        let mut last = after;
        if settings_differ {
            let call = Call::UpdateFunctionConfiguration(stage.function.clone());
            last = vec![self.builder.step(change, call, last)];
        }
        if code_differs {
            let call =
                Call::UpdateFunctionCode { artifact: stage.artifact.clone(), config: stage.function.clone() };
            last = vec![self.builder.step(change, call, last)];
        }
        if tags_differ {
            self.builder.step(change, Call::TagFunction(stage.tags.clone()), []);
        }
        last
    }

    /// Publish, probe, switch.
    fn alias(&mut self, after: Vec<StepId>) -> Option<StepId> {
        let stage = self.stage;
        if self.observed.live().is_some_and(|live| is_current(live, stage)) {
            return None;
        }
        let (action, fields) = match &self.observed.alias {
            None => (Action::Create, Vec::new()),
            Some(alias) => {
                (Action::Update, vec![FieldChange::new("version", &alias.version, self.next_version())])
            }
        };
        let change = self.builder.change_fields(Resource::Alias, ALIAS.to_owned(), action, fields);
        let publish = Call::PublishVersion {
            description: stage.version_description.clone(),
            code_sha256: stage.artifact.code_sha256.clone(),
        };
        let publish = self.builder.step(change, publish, after);
        let probe = self.builder.step(change, Call::Probe, [publish]);
        let switch = match &self.observed.alias {
            None => Call::CreateAlias(VersionRef::Published),
            Some(alias) => Call::UpdateAlias {
                version: VersionRef::Published,
                live: alias.version.clone(),
                description: alias.description.clone(),
                direction: Direction::Forward,
            },
        };
        Some(self.builder.step(change, switch, [probe]))
    }

    /// What the published version will be called, as far as can be told.
    fn next_version(&self) -> String {
        match self.observed.versions.last() {
            Some(last) if is_current(last, self.stage) => last.number.clone(),
            _ => "a new one".to_owned(),
        }
    }

    /// The API, its integration, its one route and its one stage.
    fn api(&mut self) -> ApiRef {
        let name = self.stage.names.api();
        let tags = self.stage.tags.clone();
        let Some(api) = self.observed.api() else {
            let change = self.builder.change(Resource::Api, name, Action::Create);
            let create = self.builder.step(change, Call::CreateApi { tags: tags.clone() }, []);
            let integration = self.builder.step(change, Call::CreateIntegration(ApiRef::Created), [create]);
            let route = Call::CreateRoute { api: ApiRef::Created, integration: IntegrationRef::Created };
            self.builder.step(change, route, [integration]);
            self.builder.step(change, Call::CreateStage { api: ApiRef::Created, tags }, [create]);
            return ApiRef::Created;
        };
        self.api_update(api, name);
        self.twins();
        ApiRef::Known(api.id.clone())
    }

    fn api_update(&mut self, api: &Api, name: String) {
        let known = ApiRef::Known(api.id.clone());
        let (calls, fields) = api_calls(api, &self.stage.names.alias_arn(), &self.stage.tags);
        if calls.is_empty() {
            return;
        }
        let change = self.builder.change_fields(Resource::Api, name, Action::Update, fields);
        let mut integration = None;
        for call in calls {
            let after = match call {
                Call::CreateRoute { .. } | Call::UpdateRoute { .. } => integration,
                _ => None,
            };
            let makes_integration = call == Call::CreateIntegration(known.clone());
            let id = self.builder.step(change, call, after);
            if makes_integration {
                integration = Some(id);
            }
        }
    }

    /// APIs that a deploy answered into the void left behind.
    fn twins(&mut self) {
        for twin in self.observed.apis.iter().skip(1) {
            let change = self.builder.change(Resource::Api, twin.id.clone(), Action::Delete);
            self.builder.step(change, Call::DeleteApi(twin.id.clone()), []);
        }
    }

    fn permissions(&mut self, api: &ApiRef, alias: Option<StepId>) {
        let names = &self.stage.names;
        let source = match api {
            ApiRef::Known(id) => Some(names.api_source_arn(id)),
            ApiRef::Created => None,
        };
        let created =
            self.builder.plan.steps.iter().position(|step| matches!(step.call, Call::CreateApi { .. }));
        let after: Vec<StepId> = alias.into_iter().chain(created).collect();
        let wanted = source.map(|source_arn| Permission { principal: API_PRINCIPAL.to_owned(), source_arn });
        self.permission(STATEMENT_API, wanted.as_ref(), Caller::Api(api.clone()), &after);
        let after: Vec<StepId> = alias.into_iter().collect();
        if self.stage.keep_warm.is_some() {
            let source_arn = names.keep_warm_rule_arn();
            let wanted = Permission { principal: EVENTS_PRINCIPAL.to_owned(), source_arn };
            self.permission(STATEMENT_KEEP_WARM, Some(&wanted), Caller::KeepWarm, &after);
        } else if self.observed.permissions.contains_key(STATEMENT_KEEP_WARM) {
            let change =
                self.builder.change(Resource::Permission, STATEMENT_KEEP_WARM.to_owned(), Action::Delete);
            self.builder.step(change, Call::RemovePermission(STATEMENT_KEEP_WARM.to_owned()), after);
        }
    }

    /// A statement can't be changed: one that differs is removed and added. `None`: what is wanted isn't known yet.
    fn permission(&mut self, statement: &str, wanted: Option<&Permission>, caller: Caller, after: &[StepId]) {
        let after = after.iter().copied();
        match self.observed.permissions.get(statement) {
            Some(live) if Some(live) == wanted => {}
            Some(_) => {
                let change = self.builder.change(Resource::Permission, statement.to_owned(), Action::Replace);
                let remove = Call::RemovePermission(statement.to_owned());
                let removed = self.builder.step(change, remove, after);
                self.builder.step(change, Call::AddPermission(caller), [removed]);
            }
            None => {
                let change = self.builder.change(Resource::Permission, statement.to_owned(), Action::Create);
                self.builder.step(change, Call::AddPermission(caller), after);
            }
        }
    }

    fn rule(&mut self, alias: Option<StepId>) {
        let name = self.stage.names.keep_warm_rule();
        match (&self.stage.keep_warm, &self.observed.rule) {
            (None, None) => {}
            (None, Some(rule)) => delete_rule(&mut self.builder, name, rule),
            (Some(wanted), live) => {
                let target = (self.stage.names.alias_arn(), wanted.input.clone());
                let rule_differs = live.as_ref().is_none_or(|r| !r.enabled || r.schedule != wanted.schedule);
                let target_differs = live.as_ref().is_none_or(|rule| {
                    !rule
                        .targets
                        .iter()
                        .any(|t| t.id == TARGET && (&t.arn, &t.input) == (&target.0, &target.1))
                });
                if !rule_differs && !target_differs {
                    return;
                }
                let (action, fields) = rule_fields(live.as_ref(), &wanted.schedule, target_differs);
                let change = self.builder.change_fields(Resource::Rule, name, action, fields);
                let put = rule_differs.then(|| {
                    let tags = if live.is_none() { self.stage.tags.clone() } else { BTreeMap::default() };
                    self.builder.step(change, Call::PutRule { schedule: wanted.schedule.clone(), tags }, [])
                });
                if target_differs {
                    let after: Vec<StepId> = put.into_iter().chain(alias).collect();
                    self.builder.step(change, Call::PutTarget { input: target.1 }, after);
                }
            }
        }
    }
}

/// The targets go before the rule.
pub(super) fn delete_rule(builder: &mut Builder, name: String, rule: &LiveRule) {
    let change = builder.change(Resource::Rule, name, Action::Delete);
    let ids: Vec<String> = rule.targets.iter().map(|target| target.id.clone()).collect();
    let removed = (!ids.is_empty()).then(|| builder.step(change, Call::RemoveTargets(ids), []));
    builder.step(change, Call::DeleteRule, removed);
}
