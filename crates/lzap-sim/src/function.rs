//! The function and the worker function, their versions; the alias, its policy and its settings.
//!
//! One module for all of them, as they depend on each other: a version is a copy of the function's settings
//! and code, an alias names versions, and deleting the function deletes everything below it.

use lzap_core::history;
use lzap_core::ids::{ApiId, VersionNumber};
use lzap_core::names::{Part, is_ours};
use lzap_core::resource::alias::{AliasOperation, Canary, ObservedAlias};
use lzap_core::resource::event_invoke::EventInvokeOperation;
use lzap_core::resource::function::{FunctionConfig, FunctionOperation, ObservedFunction};
use lzap_core::resource::permission::PermissionOperation;
use lzap_core::resource::reference::VersionRef;
use lzap_core::resource::version::{ObservedVersion, VersionOperation};

use crate::{Model, NEW_ID};

impl Model {
    /// Changes the function `part`, as `$LATEST`: what runs is a version, and changes only when one is
    /// published.
    pub(crate) fn apply_function(&mut self, part: Part, operation: &FunctionOperation) {
        match operation {
            FunctionOperation::Create { config, artifact, tags } => {
                // An existing role of the user's isn't part of the model.
                let is_existing = config.role_arn != self.names().role_arn();
                assert!(is_existing || self.cloud.role.is_some(), "the role comes before the function");
                let key = self.names().artifact_key(&artifact.sha256);
                let is_uploaded = self.cloud.bucket.as_ref().is_some_and(|bucket| bucket.has(&key));
                assert!(is_uploaded, "the code comes before the function");
                *self.function(part) = Some(ObservedFunction {
                    config: self.resolve_workers(config),
                    code_sha256: artifact.code_sha256.clone(),
                    tags: tags.clone(),
                    concurrency: None,
                });
            }
            FunctionOperation::UpdateConfiguration(config) => {
                let config = self.resolve_workers(config);
                let latest = self.latest(part);
                let architecture = latest.config.architecture;
                // Lambda changes the architecture only together with the code.
                latest.config = FunctionConfig { architecture, ..config };
            }
            FunctionOperation::UpdateCode { artifact, architecture } => {
                let latest = self.latest(part);
                latest.code_sha256.clone_from(&artifact.code_sha256);
                latest.config.architecture = *architecture;
            }
            // Lambda adds the given tags and keeps the others.
            FunctionOperation::Tag(tags) => self.latest(part).tags.extend(tags.clone()),
            FunctionOperation::PutConcurrency(reserved) => self.latest(part).concurrency = Some(*reserved),
            FunctionOperation::DeleteConcurrency => self.latest(part).concurrency = None,
            FunctionOperation::Delete => match part {
                Part::App => self.delete_app(),
                Part::Workers => self.delete_workers(),
            },
        }
    }

    /// Deletes the app's function with everything that Lambda deletes together with it.
    ///
    /// # Panics
    /// An API, a rule or a URL of the stage still calls it, and would fail from now on.
    fn delete_app(&mut self) {
        let names = self.names();
        let has_api = self.cloud.apis.iter().any(|api| is_ours(&api.tags, names));
        let has_rule = self.cloud.rules.values().any(|rule| rule.ours);
        let has_url = self.cloud.function_url.is_some();
        assert!(!has_api && !has_rule && !has_url, "callers are deleted first");
        self.cloud.function = None;
        // Lambda deletes versions, alias, policies and settings together with the function.
        self.cloud.versions.clear();
        self.cloud.alias = None;
        self.cloud.held.clear();
        self.cloud.permissions.clear();
        self.cloud.asynchronous = None;
    }

    /// Deletes the worker function.
    ///
    /// # Panics
    /// The live version still sends its maps there.
    fn delete_workers(&mut self) {
        let calls_workers = |version: &ObservedVersion| version.config.workers.is_some();
        assert!(!self.cloud.live().is_some_and(calls_workers), "its callers are deleted first");
        self.cloud.workers.function = None;
        self.cloud.workers.versions.clear();
    }

    /// Returns the place of one of the two functions.
    fn function(&mut self, part: Part) -> &mut Option<ObservedFunction> {
        match part {
            Part::App => &mut self.cloud.function,
            Part::Workers => &mut self.cloud.workers.function,
        }
    }

    /// Returns the function's settings and code that the next version will have.
    ///
    /// # Panics
    /// The function doesn't exist.
    fn latest(&mut self, part: Part) -> &mut ObservedFunction {
        self.function(part).as_mut().expect("the function exists")
    }

    /// Returns the published versions of a function, oldest first.
    fn versions(&mut self, part: Part) -> &mut Vec<ObservedVersion> {
        match part {
            Part::App => &mut self.cloud.versions,
            Part::Workers => &mut self.cloud.workers.versions,
        }
    }

    /// Returns the settings as Lambda stores them: the worker function with the number of its version. A plan
    /// may name a version that it publishes itself.
    fn resolve_workers(&self, config: &FunctionConfig) -> FunctionConfig {
        let known = |version: &VersionRef| VersionRef::Known(self.number(Part::Workers, version));
        FunctionConfig { workers: config.workers.as_ref().map(known), ..config.clone() }
    }

    /// Returns the number of a version.
    ///
    /// # Panics
    /// The plan uses a version that it publishes in a later step, or never.
    fn number(&self, part: Part, version: &VersionRef) -> VersionNumber {
        match version {
            VersionRef::Known(number) => number.clone(),
            VersionRef::Published => self.published.get(&part).expect("a version was published").clone(),
        }
    }

    /// Publishes, probes or deletes a version. A probe always succeeds here: after a failed one no step
    /// follows.
    pub(crate) fn apply_version(&mut self, part: Part, operation: &VersionOperation) {
        match operation {
            VersionOperation::Publish { description, .. } => self.publish(part, description),
            VersionOperation::Probe { version, .. } => {
                let number = self.number(part, version);
                let exists = self.versions(part).iter().any(|version| version.number == number);
                assert!(exists, "a probed version exists");
            }
            VersionOperation::Delete(number) => {
                self.check_unused(part, number);
                self.versions(part).retain(|version| version.number != *number);
            }
        }
    }

    /// Panics if a version that is deleted is still in use: of the app, if the alias holds it; of the
    /// workers, if a version that the alias holds calls it.
    fn check_unused(&self, part: Part, number: &VersionNumber) {
        match part {
            Part::App => assert!(!self.cloud.held.contains(number), "an alias holds version {number}"),
            Part::Workers => {
                let called = Some(VersionRef::Known(number.clone()));
                let is_held = |version: &&ObservedVersion| self.cloud.held.contains(&version.number);
                let mut callers = self.cloud.versions.iter().filter(is_held);
                assert!(callers.all(|caller| caller.config.workers != called), "a live version calls it");
            }
        }
    }

    /// Publishes a version. Returns the newest one again if nothing has changed since, as Lambda does: then
    /// there is no new number, and the description isn't changed.
    fn publish(&mut self, part: Part, description: &str) {
        let latest = self.latest(part).clone();
        let versions = self.versions(part);
        let is_same =
            |it: &ObservedVersion| it.config == latest.config && it.code_sha256 == latest.code_sha256;
        if !versions.last().is_some_and(is_same) {
            // Numbers are never used again, so the next one follows the highest, not the count.
            let newest =
                versions.iter().filter_map(|version| version.number.as_str().parse::<u64>().ok()).max();
            versions.push(ObservedVersion {
                number: VersionNumber::new((newest.unwrap_or(0) + 1).to_string()),
                config: latest.config,
                code_sha256: latest.code_sha256,
                description: description.to_owned(),
                // The time, which the planner doesn't use.
                published: String::new(),
            });
        }
        let number = versions.last().expect("a version was pushed").number.clone();
        self.published.insert(part, number);
    }

    /// Moves the alias. The description gets the history of live versions by the same function as on AWS.
    pub(crate) fn apply_alias(&mut self, operation: &AliasOperation) {
        match operation {
            AliasOperation::Create(version) => {
                let version = self.number(Part::App, version);
                self.point_alias(ObservedAlias { version, description: String::new(), canary: None });
            }
            AliasOperation::Update { version, canary, live, description, direction } => {
                let version = self.number(Part::App, version);
                let description = history::moved(*direction, description, live, &version);
                let canary = canary.as_ref().map(|share| Canary {
                    version: self.number(Part::App, &share.version),
                    percent: share.percent,
                });
                self.point_alias(ObservedAlias { version, description, canary });
            }
        }
    }

    /// Points the alias to its versions; it no longer holds any others, which may then be deleted.
    fn point_alias(&mut self, alias: ObservedAlias) {
        self.cloud.held = alias.canary.iter().map(|canary| canary.version.clone()).collect();
        self.cloud.held.insert(alias.version.clone());
        self.cloud.alias = Some(alias);
    }

    /// Changes the settings of asynchronous invocations, which belong to the alias.
    pub(crate) fn apply_event_invoke(&mut self, operation: &EventInvokeOperation) {
        assert!(self.cloud.alias.is_some(), "the alias comes before its settings");
        self.cloud.asynchronous = match operation {
            EventInvokeOperation::Put(config) => Some(config.clone()),
            EventInvokeOperation::Delete => None,
        };
    }

    /// Changes the alias's resource policy.
    ///
    /// # Panics
    /// The alias doesn't exist, or a statement is added twice: AWS answers 409 to that.
    pub(crate) fn apply_permission(&mut self, operation: &PermissionOperation) {
        assert!(self.cloud.alias.is_some(), "the alias comes before its policy");
        match operation {
            PermissionOperation::Add(caller) => {
                let permission =
                    caller.permission(self.names(), Some(&ApiId::new(NEW_ID))).expect("the API has an id");
                let before = self.cloud.permissions.insert(caller.statement(), permission);
                assert!(before.is_none(), "a statement is removed before it is added again");
            }
            PermissionOperation::Remove(statement) => {
                self.cloud.permissions.remove(statement);
            }
        }
    }
}
