//! The workers: the function that the chunks of maps go to, its versions, and which of them the app calls.
//!
//! A version of the app names a version of the workers, so that both are of one artifact: the workers are published
//! before the app gets its settings, and what a version that is kept still calls is kept too.

use std::collections::BTreeSet;

use super::Deploy;
use crate::desired::{FunctionConfig, Stage, Workers};
use crate::names::Part;
use crate::observed::{Function, Observed, Version, is_ours};
use crate::plan::diff::{ARCHITECTURE, code_field, config_changes, missing_tags};
use crate::step::{Action, Call, FieldChange, Resource, StepId, VersionRef};

/// The steps that the app's function and its alias wait for.
#[derive(Default)]
pub(super) struct WorkersSteps {
    /// A version is there, so that it can be named.
    pub(super) published: Option<StepId>,
    /// It may be called: it answers.
    pub(super) ready: Vec<StepId>,
}

/// The stage, whose app calls the workers that are there, if they are as they should be, else new ones.
pub(super) fn with_workers(stage: &Stage, observed: &Observed) -> Stage {
    let workers = stage.workers.as_ref().map(|wanted| {
        let fits = |version: &&Version| {
            version.code_sha256 == stage.artifact.code_sha256 && version.config == wanted.function
        };
        let newest = observed.workers.versions.iter().rev().find(fits);
        newest.map_or(VersionRef::Published, |version| VersionRef::Known(version.number.clone()))
    });
    Stage { function: FunctionConfig { workers, ..stage.function.clone() }, ..stage.clone() }
}

/// The call that makes what is reserved what it should be.
fn reservation(live: Option<u32>, wanted: Option<u32>) -> Option<Call> {
    (live != wanted).then(|| wanted.map_or(Call::DeleteConcurrency, Call::PutConcurrency))
}

impl Deploy<'_> {
    fn publishes_workers(&self) -> bool {
        self.stage.function.workers == Some(VersionRef::Published)
    }

    /// Whether the workers need the artifact, which the app may have already.
    pub(super) fn workers_lack_code(&self) -> bool {
        let has_code = |live: &Function| {
            live.code_sha256 == self.stage.artifact.code_sha256
                && live.config.architecture == self.stage.function.architecture
        };
        self.publishes_workers() && !self.observed.workers.function.as_ref().is_some_and(has_code)
    }

    /// The function, and a version of it, where none is as it should be.
    pub(super) fn workers(&mut self, after: Vec<StepId>) -> WorkersSteps {
        let stage = self.stage;
        let Some(wanted) = &stage.workers else { return WorkersSteps::default() };
        let log_group = self.log_group(Part::Workers);
        if let Some(live) = &self.observed.workers.function {
            return self.changed_workers(wanted, live, after);
        }
        let name = stage.names.workers().function();
        let change = self.builder.change(Resource::Workers, name, Action::Create);
        let create = Call::CreateFunction {
            config: wanted.function.clone(),
            artifact: stage.artifact.clone(),
            tags: stage.tags.clone(),
        };
        // By its log group the function is found again, whatever becomes of this deploy.
        let created = vec![self.of_workers(change, create, after.into_iter().chain(log_group).collect())];
        let mut steps = self.publish_workers(change, created.clone());
        steps
            .ready
            .extend(reservation(None, wanted.concurrency).map(|call| self.of_workers(change, call, created)));
        steps
    }

    fn changed_workers(&mut self, wanted: &Workers, live: &Function, after: Vec<StepId>) -> WorkersSteps {
        let stage = self.stage;
        let publishes = self.publishes_workers();
        let reserves = reservation(live.concurrency, wanted.concurrency);
        let tags = missing_tags(&live.tags, &stage.tags);
        // What only `$LATEST` has and no version needs is nobody's concern.
        let config = if publishes { config_changes(&live.config, &wanted.function) } else { Vec::new() };
        let settings_differ = config.iter().any(|field| field.field != ARCHITECTURE);
        let tags_differ = !tags.is_empty();
        let mut fields = config;
        fields.extend(code_field(&live.code_sha256, &stage.artifact).filter(|_| publishes));
        fields.extend(reserves.as_ref().map(|_| {
            let at_once = |n: Option<u32>| n.map(|n| n.to_string());
            FieldChange::of("concurrency", at_once(live.concurrency), at_once(wanted.concurrency))
        }));
        fields.extend(tags);
        if fields.is_empty() && !publishes {
            return WorkersSteps::default();
        }
        let name = stage.names.workers().function();
        let change = self.builder.change_fields(Resource::Workers, name, Action::Update, fields);
        if tags_differ {
            self.of_workers(change, Call::TagFunction(stage.tags.clone()), Vec::new());
        }
        let mut last = after;
        if settings_differ {
            let call = Call::UpdateFunctionConfiguration(wanted.function.clone());
            last = vec![self.of_workers(change, call, last)];
        }
        if self.workers_lack_code() {
            let (artifact, config) = (stage.artifact.clone(), wanted.function.clone());
            last = vec![self.of_workers(change, Call::UpdateFunctionCode { artifact, config }, last)];
        }
        let mut steps =
            if publishes { self.publish_workers(change, last.clone()) } else { WorkersSteps::default() };
        steps.ready.extend(reserves.map(|call| self.of_workers(change, call, last)));
        steps
    }

    fn publish_workers(&mut self, change: usize, after: Vec<StepId>) -> WorkersSteps {
        let publish = Call::PublishVersion {
            description: self.stage.version_description.clone(),
            code_sha256: self.stage.artifact.code_sha256.clone(),
        };
        let published = self.of_workers(change, publish, after);
        let probe = Call::Probe { version: VersionRef::Published, tasks: BTreeSet::new(), health_path: None };
        let probed = self.of_workers(change, probe, vec![published]);
        WorkersSteps { published: Some(published), ready: vec![probed] }
    }

    fn of_workers(&mut self, change: usize, call: Call, after: Vec<StepId>) -> StepId {
        self.builder.step(change, call.of(Part::Workers), after)
    }

    /// The workers that no version of the app calls any more; all of them, once the stage has none.
    pub(super) fn sweep_workers(&mut self, kept: &BTreeSet<String>, alias: Option<StepId>) {
        let names = self.stage.names.workers();
        let workers = &self.observed.workers;
        if self.stage.workers.is_none() {
            // Beside a canary the live version still serves, and may call them: they go with a later deploy.
            let calls = |live: &Version| live.config.workers.is_some();
            if self.stage.canary.is_some() && self.observed.live().is_some_and(calls) {
                return;
            }
            let ours = workers.function.as_ref().filter(|live| is_ours(&live.tags, &names));
            let gone = ours.map(|_| {
                let change = self.builder.change(Resource::Workers, names.function(), Action::Delete);
                self.of_workers(change, Call::DeleteFunction, alias.into_iter().collect())
            });
            if workers.log_group.as_ref().is_some_and(|group| group.ours) {
                let change = self.builder.change(Resource::LogGroup, names.log_group(), Action::Delete);
                self.of_workers(change, Call::DeleteLogGroup, gone.or(alias).into_iter().collect());
            }
            return;
        }
        let callers = self.observed.versions.iter().filter(|version| kept.contains(&version.number));
        let called: BTreeSet<VersionRef> = callers
            .filter_map(|version| version.config.workers.clone())
            .chain(self.stage.function.workers.clone())
            .collect();
        let is_called = |version: &&Version| called.contains(&VersionRef::Known(version.number.clone()));
        let old: Vec<String> =
            workers.versions.iter().filter(|it| !is_called(it)).map(|it| it.number.clone()).collect();
        for number in old {
            let name = format!("{}:{number}", names.function());
            let change = self.builder.change(Resource::Version, name, Action::Delete);
            self.of_workers(change, Call::DeleteVersion(number), alias.into_iter().collect());
        }
    }
}
