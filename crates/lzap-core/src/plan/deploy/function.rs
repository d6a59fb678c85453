//! The function: its settings and code, its versions, the alias, and what is swept up behind a switch.

use std::collections::BTreeSet;

use super::Deploy;
use crate::history;
use crate::names::{ALIAS, sha256_hex};
use crate::observed::{Alias, Function, Object, Version};
use crate::plan::PlanError;
use crate::plan::diff::{ARCHITECTURE, async_fields, config_changes, function_fields, is_current};
use crate::step::{Action, Call, Direction, FieldChange, Resource, Share, StepId, VersionRef};

impl Deploy<'_> {
    /// Whether `$LATEST` has the artifact, for the right architecture: the two change together.
    pub(super) fn has_code(&self) -> bool {
        self.observed.function.as_ref().is_some_and(|live| {
            live.code_sha256 == self.stage.artifact.code_sha256
                && live.config.architecture == self.stage.function.architecture
        })
    }

    /// `$LATEST` gets the settings and the code. Answers the steps that a version must wait for.
    pub(super) fn function(&mut self, after: Vec<StepId>) -> Vec<StepId> {
        let stage = self.stage;
        let name = stage.names.function();
        let Some(function) = &self.observed.function else {
            let change = self.builder.change(Resource::Function, name, Action::Create);
            let call = Call::CreateFunction {
                config: stage.function.clone(),
                artifact: stage.artifact.clone(),
                tags: stage.function_tags(None),
            };
            return vec![self.builder.step(change, call, after)];
        };
        let config = self.config_fields(function);
        let settings_differ = config.iter().any(|field| field.field != ARCHITECTURE);
        let code_differs = !self.has_code();
        let fields = function_fields(function, stage, config);
        if fields.is_empty() {
            return after;
        }
        let tags_differ = fields.iter().any(|field| field.field.starts_with("tags."));
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
            // The tag says that the bucket has its rules.
            let expiry = self.expiry;
            let tags = stage.function_tags(Some(&function.tags));
            self.tagged = Some(self.builder.step(change, Call::TagFunction(tags), expiry));
        }
        last
    }

    /// The settings of `$LATEST` that differ; by hand, where the live version still has what lzap had set.
    ///
    /// A role that is made again under its old name is another role to the function's key grant, so it is set again.
    fn config_fields(&self, function: &Function) -> Vec<FieldChange> {
        let wanted = &self.stage.function;
        let mut fields = config_changes(&function.config, wanted);
        let is_gone = self.stage.role.is_some() && self.observed.role.is_none();
        if is_gone && function.config.role_arn == wanted.role_arn {
            fields.push(FieldChange::new("role", "(deleted)", &wanted.role_arn).drifted());
        }
        let Some(live) = self.observed.live() else { return fields };
        let put_back: BTreeSet<String> =
            config_changes(&function.config, &live.config).into_iter().map(|field| field.field).collect();
        fields
            .into_iter()
            .map(|field| if put_back.contains(&field.field) { field.drifted() } else { field })
            .collect()
    }

    /// A canary is ended before anything else goes live; only the deploy that began it may be repeated.
    pub(super) fn refuse_other_canary(&self) -> Result<(), PlanError> {
        let stage = &self.stage;
        let Some(alias) = &self.observed.alias else {
            return match stage.canary {
                Some(_) => Err(PlanError::not_deployed(&stage.names)),
                None => Ok(()),
            };
        };
        let Some(canary) = &alias.canary else { return Ok(()) };
        let same = self.observed.version(&canary.version).is_some_and(|version| is_current(version, stage));
        if stage.artifact.is_pending() || (stage.canary.is_some() && same) {
            return Ok(());
        }
        Err(PlanError::CanaryRuns {
            version: canary.version.clone(),
            percent: canary.percent,
            stage: stage.names.stage.clone(),
        })
    }

    /// Publish, probe, switch.
    pub(super) fn alias(&mut self, after: Vec<StepId>) -> Option<StepId> {
        let Some(alias) = &self.observed.alias else {
            let change = self.builder.change(Resource::Alias, ALIAS.to_owned(), Action::Create);
            let probe = self.publish_and_probe(change, after);
            // A stage with an alias has a finished bucket, so that nobody has to look again.
            let after = self.new_bucket.into_iter().chain([probe]);
            return Some(self.builder.step(change, Call::CreateAlias(VersionRef::Published), after));
        };
        if self.observed.live().is_some_and(|live| is_current(live, self.stage)) {
            return None;
        }
        match self.stage.canary {
            Some(percent) => self.share(alias, percent, after),
            None => Some(self.switch(alias, after)),
        }
    }

    fn switch(&mut self, alias: &Alias, after: Vec<StepId>) -> StepId {
        let fields = vec![FieldChange::new("version", &alias.version, self.next_version())];
        let change = self.builder.change_fields(Resource::Alias, ALIAS.to_owned(), Action::Update, fields);
        let probe = self.publish_and_probe(change, after);
        let call = Call::UpdateAlias {
            version: VersionRef::Published,
            canary: None,
            live: alias.version.clone(),
            description: alias.description.clone(),
            direction: Direction::Forward,
        };
        self.builder.step(change, call, [probe])
    }

    /// A part of the traffic for the new version; the rest stays where it is.
    fn share(&mut self, alias: &Alias, percent: u8, after: Vec<StepId>) -> Option<StepId> {
        let running = alias.canary.as_ref();
        if running.is_some_and(|canary| canary.percent == percent) {
            return None;
        }
        let before = running.map(|canary| format!("version {} at {} %", canary.version, canary.percent));
        let version = running.map_or_else(|| self.next_version(), |canary| canary.version.clone());
        let fields =
            vec![FieldChange::of("canary", before, Some(format!("version {version} at {percent} %")))];
        let change = self.builder.change_fields(Resource::Alias, ALIAS.to_owned(), Action::Update, fields);
        let (version, after) = match running {
            Some(canary) => (VersionRef::Known(canary.version.clone()), after),
            None => (VersionRef::Published, vec![self.publish_and_probe(change, after)]),
        };
        let call = Call::UpdateAlias {
            version: VersionRef::Known(alias.version.clone()),
            canary: Some(Share { version, percent }),
            live: alias.version.clone(),
            description: alias.description.clone(),
            direction: Direction::Stay,
        };
        Some(self.builder.step(change, call, after))
    }

    fn publish_and_probe(&mut self, change: usize, after: Vec<StepId>) -> StepId {
        let publish = Call::PublishVersion {
            description: self.stage.version_description.clone(),
            code_sha256: self.stage.artifact.code_sha256.clone(),
        };
        let published = self.builder.step(change, publish, after);
        let probe = Call::Probe {
            version: VersionRef::Published,
            tasks: self.stage.scheduled_tasks(),
            health_path: self.stage.health_path.clone(),
        };
        self.builder.step(change, probe, [published])
    }

    /// What the published version will be called, as far as can be told.
    fn next_version(&self) -> String {
        match self.observed.versions.last() {
            Some(last) if is_current(last, self.stage) => last.number.clone(),
            _ => "a new one".to_owned(),
        }
    }

    /// What becomes of the alias's events that nobody waits for. The tag comes first: by it the settings are found again.
    pub(super) fn asynchronous(&mut self, alias: Option<StepId>) {
        let (wanted, live) = (&self.stage.asynchronous, &self.observed.asynchronous);
        let after: Vec<StepId> = alias.into_iter().chain(self.tagged).collect();
        match (wanted, live) {
            (None, None) => {}
            (Some(wanted), live) if live.as_ref() == Some(wanted) => {}
            (None, Some(_)) => {
                let change = self.builder.change(Resource::Async, ALIAS.to_owned(), Action::Delete);
                self.builder.step(change, Call::DeleteAsync, after);
            }
            (Some(wanted), live) => {
                let fields = async_fields(live.as_ref(), wanted);
                let action = if live.is_some() { Action::Update } else { Action::Create };
                let change = self.builder.change_fields(Resource::Async, ALIAS.to_owned(), action, fields);
                self.builder.step(change, Call::PutAsync(wanted.clone()), after);
            }
        }
    }

    /// Versions beyond those that are kept, never one that an alias holds or that a rollback would go to; and the
    /// artifacts that no version has.
    pub(super) fn sweep(&mut self, alias: Option<StepId>) {
        let kept = self.kept_versions();
        let old: Vec<&Version> =
            self.observed.versions.iter().filter(|version| !kept.contains(&version.number)).collect();
        for version in &old {
            let name = format!("{}:{}", self.stage.names.function(), version.number);
            let change = self.builder.change(Resource::Version, name, Action::Delete);
            self.builder.step(change, Call::DeleteVersion(version.number.clone()), alias);
        }
        let keys = self.unused_artifacts(&kept);
        if !keys.is_empty() {
            let change = self.builder.change(Resource::Artifact, self.stage.names.prefix(), Action::Delete);
            self.builder.step(change, Call::DeleteObjects(keys), alias);
        }
        self.sweep_workers(&kept, alias);
    }

    fn kept_versions(&self) -> BTreeSet<String> {
        let versions = &self.observed.versions;
        let publishes =
            self.builder.plan.steps.iter().any(|step| matches!(step.call, Call::PublishVersion { .. }));
        let is_new = publishes && !versions.last().is_some_and(|last| is_current(last, self.stage));
        let room = usize::try_from(self.stage.keep_versions).unwrap_or(usize::MAX);
        let room = room.saturating_sub(usize::from(is_new));
        let newest = versions.iter().rev().take(room).map(|version| version.number.clone());
        newest.chain(self.observed.held.iter().cloned()).chain(self.previous()).collect()
    }

    /// Where a rollback goes after this plan, unless that is the version that an alias holds now.
    fn previous(&self) -> Option<String> {
        let switches = |call: &Call| {
            matches!(call, Call::UpdateAlias { direction: Direction::Forward, .. } | Call::CreateAlias(_))
        };
        if self.builder.plan.steps.iter().any(|step| switches(&step.call)) {
            return None;
        }
        let description = &self.observed.alias.as_ref()?.description;
        history::parse(description).into_iter().find(|version| self.observed.version(version).is_some())
    }

    /// Keys of zips that are neither a kept version's code nor what is being deployed.
    fn unused_artifacts(&self, kept: &BTreeSet<String>) -> Vec<String> {
        let names = &self.stage.names;
        let versions = self.observed.versions.iter().filter(|version| kept.contains(&version.number));
        let mut used: BTreeSet<String> = versions
            .filter_map(|version| sha256_hex(&version.code_sha256))
            .map(|sha256| names.artifact_key(&sha256))
            .collect();
        used.insert(names.artifact_key(&self.stage.artifact.sha256));
        let objects = self.observed.bucket.iter().flat_map(|bucket| &bucket.objects);
        let is_unused = |object: &&Object| names.is_artifact(&object.key) && !used.contains(&object.key);
        objects.filter(is_unused).map(|object| object.key.clone()).collect()
    }
}
