//! What would be there after a plan, or a part of it, was carried out: for tests of the planner's properties.

use std::collections::{BTreeMap, BTreeSet};

use crate::asynchronous::TAG_ASYNC;
use crate::desired::FunctionConfig;
use crate::history;
use crate::names::{
    API_PRINCIPAL, EVENTS_PRINCIPAL, KEEP_WARM, POLICY, RoleName, STATEMENT_API, TARGET, rule_statement,
};
use crate::observed::{
    Alias, Api, AutoDeploy, Bucket, BucketSetting, Canary, Function, Integration, LiveRule, LogGroup, Object,
    Observed, Permission, Role, Route, Target, Version, is_ours,
};
use crate::step::{ApiRef, Call, Caller, IntegrationRef, Plan, VersionRef};

impl Observed {
    /// The cloud after the first `steps` steps of `plan`.
    ///
    /// # Panics
    /// When a step presupposes what isn't there: a plan that the planner must not make.
    #[must_use]
    pub fn after(&self, plan: &Plan, steps: usize) -> Self {
        let mut world = World { cloud: self.clone(), published: None, published_workers: None };
        for step in plan.steps.iter().take(steps) {
            world.apply(&step.call);
        }
        world.cloud
    }
}

struct World {
    cloud: Observed,
    published: Option<String>,
    published_workers: Option<String>,
}

const NEW_ID: &str = "new0000000";

impl World {
    fn apply(&mut self, call: &Call) {
        match call {
            Call::CreateBucket
            | Call::BlockPublicAccess
            | Call::EncryptBucket
            | Call::PutBucketLifecycle
            | Call::AddBucketExpiry
            | Call::TagBucket
            | Call::UploadArtifact(_)
            | Call::DeleteObjects(_)
            | Call::DeleteBucketIfEmpty => self.bucket(call),
            Call::CreateRole { .. }
            | Call::UpdateTrustPolicy(_)
            | Call::PutPermissionsBoundary(_)
            | Call::DeletePermissionsBoundary
            | Call::PutRolePolicy(_)
            | Call::TagRole(_)
            | Call::DeleteRolePolicy(_)
            | Call::DetachRolePolicy(_)
            | Call::DeleteRole => self.role(call),
            Call::CreateLogGroup { .. }
            | Call::PutRetention(_)
            | Call::TagLogGroup(_)
            | Call::DeleteLogGroup => self.log_group(call),
            Call::PutRule { .. }
            | Call::PutTarget { .. }
            | Call::TagRule { .. }
            | Call::RemoveTargets { .. }
            | Call::DeleteRule(_) => self.rule(call),
            Call::CreateApi { .. }
            | Call::CreateIntegration(_)
            | Call::UpdateIntegration { .. }
            | Call::CreateRoute { .. }
            | Call::UpdateRoute { .. }
            | Call::CreateStage { .. }
            | Call::UpdateStage(_)
            | Call::TagApi { .. }
            | Call::DeleteApi(_) => self.api(call),
            Call::OfWorkers(call) => self.workers(call),
            _ => self.function(call),
        }
    }

    /// What a call to the workers does.
    fn workers(&mut self, call: &Call) {
        if let Call::DeleteFunction = call {
            let calls = |version: &Version| version.config.workers.is_some();
            assert!(!self.cloud.live().is_some_and(calls), "who calls the workers goes first");
            self.cloud.workers.function = None;
            self.cloud.workers.versions.clear();
            return;
        }
        if let Call::DeleteVersion(number) = call {
            let called = Some(VersionRef::Known(number.clone()));
            let held = |version: &&Version| self.cloud.held.contains(&version.number);
            let mut callers = self.cloud.versions.iter().filter(held);
            assert!(callers.all(|caller| caller.config.workers != called), "a caller serves");
            self.cloud.workers.versions.retain(|version| version.number != *number);
            return;
        }
        self.swap_parts();
        match call {
            Call::CreateLogGroup { .. }
            | Call::PutRetention(_)
            | Call::TagLogGroup(_)
            | Call::DeleteLogGroup => self.log_group(call),
            Call::PutConcurrency(n) => self.latest().concurrency = Some(*n),
            Call::DeleteConcurrency => self.latest().concurrency = None,
            _ => self.function(call),
        }
        self.swap_parts();
    }

    /// Puts what is the workers' own where that of the app stands, and back.
    fn swap_parts(&mut self) {
        let Observed { function, versions, log_group, workers, .. } = &mut self.cloud;
        std::mem::swap(function, &mut workers.function);
        std::mem::swap(versions, &mut workers.versions);
        std::mem::swap(log_group, &mut workers.log_group);
        std::mem::swap(&mut self.published, &mut self.published_workers);
    }

    /// The settings as they are kept: the workers by the number of their version.
    fn resolved(&self, config: &FunctionConfig) -> FunctionConfig {
        let workers = config.workers.clone().map(|version| match version {
            VersionRef::Published => {
                VersionRef::Known(self.published_workers.clone().expect("the workers were published"))
            }
            known @ VersionRef::Known(_) => known,
        });
        FunctionConfig { workers, ..config.clone() }
    }

    fn bucket(&mut self, call: &Call) {
        if *call == Call::CreateBucket {
            let objects = Vec::new();
            self.cloud.bucket = Some(Bucket {
                public_access_blocked: false,
                managed: true,
                missing: BTreeSet::from([
                    BucketSetting::Encryption,
                    BucketSetting::Lifecycle,
                    BucketSetting::Expiry,
                ]),
                empty: true,
                objects,
            });
            return;
        }
        let names = self.cloud.names.clone();
        let bucket = self.cloud.bucket.as_mut().expect("the bucket exists");
        match call {
            Call::BlockPublicAccess => bucket.public_access_blocked = true,
            Call::TagBucket => bucket.managed = true,
            Call::EncryptBucket => {
                bucket.missing.remove(&BucketSetting::Encryption);
            }
            Call::PutBucketLifecycle => {
                bucket.missing.remove(&BucketSetting::Lifecycle);
                bucket.missing.remove(&BucketSetting::Expiry);
            }
            Call::AddBucketExpiry => {
                assert!(!bucket.missing.contains(&BucketSetting::Lifecycle), "there are rules to add to");
                bucket.missing.remove(&BucketSetting::Expiry);
            }
            Call::UploadArtifact(artifact) => {
                assert!(bucket.public_access_blocked, "nothing goes into an open bucket");
                let key = names.artifact_key(&artifact.sha256);
                bucket.objects.push(Object { key, etag: artifact.sha256.clone() });
            }
            Call::DeleteObjects(keys) => bucket.objects.retain(|object| !keys.contains(&object.key)),
            Call::DeleteBucketIfEmpty if bucket.objects.is_empty() => self.cloud.bucket = None,
            _ => {}
        }
        if let Some(bucket) = &mut self.cloud.bucket {
            bucket.empty = bucket.objects.is_empty();
        }
    }

    fn log_group(&mut self, call: &Call) {
        if let Call::CreateLogGroup { .. } = call {
            self.cloud.log_group = Some(LogGroup { retention_days: None, ours: true });
            return;
        }
        let group = self.cloud.log_group.as_mut().expect("the log group exists");
        match call {
            Call::PutRetention(days) => group.retention_days = Some(*days),
            Call::TagLogGroup(_) => group.ours = true,
            _ => self.cloud.log_group = None,
        }
    }

    fn role(&mut self, call: &Call) {
        match call {
            Call::CreateRole { permissions_boundary, trust_policy, tags } => {
                let RoleName::Made { path } = self.cloud.names.role.clone() else {
                    panic!("an existing role is never made");
                };
                self.cloud.role = Some(Role {
                    path,
                    permissions_boundary: permissions_boundary.clone(),
                    trust_policy: trust_policy.clone(),
                    policy: None,
                    inline: Vec::new(),
                    attached: Vec::new(),
                    tags: tags.clone(),
                });
            }
            Call::DeleteRole => {
                let functions = [&self.cloud.function, &self.cloud.workers.function];
                let role_arn = self.cloud.names.role_arn();
                let has_it = |function: &Function| function.config.role_arn == role_arn;
                assert!(!functions.into_iter().flatten().any(has_it), "the role goes after its functions");
                let role = self.cloud.role.take().expect("the role exists");
                assert!(role.inline.is_empty() && role.attached.is_empty(), "the role's policies go first");
            }
            _ => {
                let role = self.cloud.role.as_mut().expect("the role exists");
                match call {
                    Call::UpdateTrustPolicy(policy) => role.trust_policy = policy.clone(),
                    Call::PutPermissionsBoundary(arn) => role.permissions_boundary = Some(arn.clone()),
                    Call::DeletePermissionsBoundary => role.permissions_boundary = None,
                    Call::PutRolePolicy(policy) => {
                        role.policy = Some(policy.clone());
                        role.inline = vec![POLICY.to_owned()];
                    }
                    Call::TagRole(tags) => role.tags.extend(tags.clone()),
                    Call::DeleteRolePolicy(name) => role.inline.retain(|policy| policy != name),
                    Call::DetachRolePolicy(arn) => role.attached.retain(|policy| policy != arn),
                    _ => {}
                }
            }
        }
    }

    fn rule(&mut self, call: &Call) {
        let arn = self.cloud.names.alias_arn();
        match call {
            Call::PutRule { rule, schedule, .. } => {
                let is_served = rule == KEEP_WARM || self.cloud.alias.is_some();
                assert!(is_served, "a schedule comes after the version that has its task");
                let before = self.cloud.rules.remove(rule);
                let ours = before.as_ref().is_none_or(|rule| rule.ours);
                let targets = before.map(|rule| rule.targets).unwrap_or_default();
                let live = LiveRule { schedule: schedule.clone(), enabled: true, targets, ours };
                self.cloud.rules.insert(rule.clone(), live);
            }
            Call::PutTarget { rule, input } => {
                let rule = self.live_rule(rule);
                rule.targets.retain(|target| target.id != TARGET);
                rule.targets.push(Target { id: TARGET.to_owned(), arn, input: input.clone() });
            }
            Call::TagRule { rule, .. } => self.live_rule(rule).ours = true,
            Call::RemoveTargets { rule, ids } => {
                self.live_rule(rule).targets.retain(|target| !ids.contains(&target.id));
            }
            Call::DeleteRule(rule) => {
                assert!(self.live_rule(rule).targets.is_empty(), "the targets go first");
                self.cloud.rules.remove(rule);
            }
            _ => {}
        }
    }

    fn live_rule(&mut self, name: &str) -> &mut LiveRule {
        self.cloud.rules.get_mut(name).expect("the rule exists")
    }

    fn api(&mut self, call: &Call) {
        if let Call::CreateApi { tags } = call {
            self.cloud.apis.push(Api {
                id: NEW_ID.to_owned(),
                tags: tags.clone(),
                endpoint: format!("https://{NEW_ID}.example"),
                integrations: Vec::new(),
                routes: Vec::new(),
                default_stage: None,
            });
            return;
        }
        let alias_arn = self.cloud.names.alias_arn();
        match call {
            Call::CreateIntegration(api) => self.at(api).integrations.push(Integration {
                id: NEW_ID.to_owned(),
                uri: alias_arn,
                payload_format: "2.0".to_owned(),
            }),
            Call::UpdateIntegration { api, integration } => {
                let found = self.at(api).integrations.iter_mut().find(|i| i.id == *integration);
                let found = found.expect("the integration exists");
                found.uri = alias_arn;
                "2.0".clone_into(&mut found.payload_format);
            }
            Call::CreateRoute { api, integration } => {
                let target = target(integration);
                self.at(api).routes.push(Route { id: NEW_ID.to_owned(), key: "$default".to_owned(), target });
            }
            Call::UpdateRoute { api, route, integration } => {
                let found =
                    self.at(api).routes.iter_mut().find(|r| r.id == *route).expect("the route exists");
                found.target = target(integration);
            }
            Call::CreateStage { api, .. } | Call::UpdateStage(api) => {
                self.at(api).default_stage = Some(AutoDeploy::On);
            }
            Call::TagApi { api, tags } => {
                self.at(&ApiRef::Known(api.clone())).tags.extend(tags.clone());
            }
            Call::DeleteApi(id) => self.cloud.apis.retain(|api| api.id != *id),
            _ => {}
        }
    }

    fn at(&mut self, api: &ApiRef) -> &mut Api {
        let id = Self::api_id(api);
        self.cloud.apis.iter_mut().find(|api| api.id == id).expect("the API exists")
    }

    fn api_id(api: &ApiRef) -> String {
        match api {
            ApiRef::Known(id) => id.clone(),
            ApiRef::Created => NEW_ID.to_owned(),
        }
    }

    fn function(&mut self, call: &Call) {
        match call {
            Call::CreateFunction { config, artifact, tags } => {
                let is_existing = config.role_arn != self.cloud.names.role_arn();
                assert!(is_existing || self.cloud.role.is_some(), "the role comes before the function");
                let key = self.cloud.names.artifact_key(&artifact.sha256);
                let uploaded = self.cloud.bucket.as_ref().is_some_and(|bucket| bucket.has(&key));
                assert!(uploaded, "the code comes before the function");
                self.cloud.function = Some(Function {
                    config: self.resolved(config),
                    code_sha256: artifact.code_sha256.clone(),
                    tags: tags.clone(),
                    concurrency: None,
                });
            }
            Call::UpdateFunctionConfiguration(config) => {
                let config = self.resolved(config);
                let latest = self.latest();
                let architecture = latest.config.architecture;
                latest.config = FunctionConfig { architecture, ..config };
            }
            Call::UpdateFunctionCode { artifact, config } => {
                let latest = self.latest();
                latest.code_sha256.clone_from(&artifact.code_sha256);
                latest.config.architecture = config.architecture;
            }
            Call::TagFunction(tags) => self.latest().tags.extend(tags.clone()),
            Call::DeleteFunction => {
                let names = &self.cloud.names;
                let api = self.cloud.apis.iter().any(|api| is_ours(&api.tags, names));
                let rule = self.cloud.rules.values().any(|rule| rule.ours);
                assert!(!api && !rule, "callers go first");
                self.cloud.function = None;
                self.cloud.versions.clear();
                self.cloud.alias = None;
                self.cloud.held.clear();
                self.cloud.permissions.clear();
                self.cloud.asynchronous = None;
            }
            Call::DeleteVersion(number) => {
                assert!(!self.cloud.held.contains(number), "no alias holds a version that is deleted");
                self.cloud.versions.retain(|version| version.number != *number);
            }
            Call::PublishVersion { description, .. } => self.publish(description),
            Call::Probe { version: VersionRef::Published, .. } => {
                assert!(self.published.is_some(), "what is probed was published");
            }
            Call::Probe { version: VersionRef::Known(number), .. } => {
                assert!(self.cloud.version(number).is_some(), "what is probed exists");
            }
            Call::PutAsync(config) => {
                let tags = self.cloud.function.as_ref().map(|function| &function.tags);
                assert!(tags.is_some_and(|tags| tags.contains_key(TAG_ASYNC)), "the tag comes first");
                assert!(self.cloud.alias.is_some(), "the alias comes before its settings");
                self.cloud.asynchronous = Some(config.clone());
            }
            Call::DeleteAsync => self.cloud.asynchronous = None,
            _ => self.alias(call),
        }
    }

    fn latest(&mut self) -> &mut Function {
        self.cloud.function.as_mut().expect("the function exists")
    }

    /// The previous version's number when nothing changed since, as Lambda does it.
    fn publish(&mut self, description: &str) {
        let latest = self.latest().clone();
        let versions = &mut self.cloud.versions;
        let same =
            versions.last().is_some_and(|v| v.config == latest.config && v.code_sha256 == latest.code_sha256);
        if !same {
            let newest = versions.iter().filter_map(|version| version.number.parse::<u64>().ok()).max();
            versions.push(Version {
                number: (newest.unwrap_or(0) + 1).to_string(),
                config: latest.config,
                code_sha256: latest.code_sha256,
                description: description.to_owned(),
                published: String::new(),
            });
        }
        self.published = versions.last().map(|version| version.number.clone());
    }

    fn alias(&mut self, call: &Call) {
        let resolve = |version: &VersionRef, published: &Option<String>| match version {
            VersionRef::Known(number) => number.clone(),
            VersionRef::Published => published.clone().expect("a version was published"),
        };
        match call {
            Call::CreateAlias(version) => {
                let version = resolve(version, &self.published);
                self.point(Alias { version, description: String::new(), canary: None });
            }
            Call::UpdateAlias { version, canary, live, description, direction } => {
                let version = resolve(version, &self.published);
                let description = history::moved(*direction, description, live, &version);
                let canary = canary.as_ref().map(|share| Canary {
                    version: resolve(&share.version, &self.published),
                    percent: share.percent,
                });
                self.point(Alias { version, description, canary });
            }
            Call::AddPermission(caller) => self.permit(caller),
            Call::RemovePermission(id) => {
                self.cloud.permissions.remove(id);
            }
            _ => {}
        }
    }

    /// Points the alias, which then holds its versions and no others.
    fn point(&mut self, alias: Alias) {
        self.cloud.held = alias.canary.iter().map(|canary| canary.version.clone()).collect();
        self.cloud.held.insert(alias.version.clone());
        self.cloud.alias = Some(alias);
    }

    fn permit(&mut self, caller: &Caller) {
        assert!(self.cloud.alias.is_some(), "the alias comes before its policy");
        let names = &self.cloud.names;
        let (id, principal, source_arn) = match caller {
            Caller::Api(api) => {
                (STATEMENT_API.to_owned(), API_PRINCIPAL, names.api_source_arn(&Self::api_id(api)))
            }
            Caller::Rule(rule) => (rule_statement(rule), EVENTS_PRINCIPAL, names.rule_arn(rule)),
        };
        let permission = Permission { principal: principal.to_owned(), source_arn };
        self.cloud.permissions.insert(id, permission);
    }
}

fn target(integration: &IntegrationRef) -> String {
    match integration {
        IntegrationRef::Known(id) => format!("integrations/{id}"),
        IntegrationRef::Created => format!("integrations/{NEW_ID}"),
    }
}

/// A stage's tags, for tests.
pub fn tags(app: &str, stage: &str) -> BTreeMap<String, String> {
    [(crate::names::TAG_APP, app), (crate::names::TAG_STAGE, stage)]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
