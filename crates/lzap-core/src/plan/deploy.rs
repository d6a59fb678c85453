//! The plan of a deploy: missing resources are created, and those that differ are updated.
//!
//! The order matters: nothing in front of users changes before the probe has answered. Code and settings go to
//! `$LATEST`, which no front calls; a version is published from it and probed; then the alias moves. Resources that no
//! version needs any more are deleted last.

use std::collections::BTreeMap;

use crate::desired::Stage;
use crate::names::{Part, is_ours};
use crate::observed::Observed;
use crate::plan::error::PlanError;
use crate::plan::fronts;
use crate::plan::steps::{Plan, PlanBuilder};
use crate::resource::alias::{AliasInput, AliasSteps, LiveState};
use crate::resource::function::{
    DesiredFunction, FoundFunction, FunctionConfig, FunctionOperation, FunctionSteps, FunctionWaits,
};
use crate::resource::kinds::{Kinds, TAG_KINDS};
use crate::resource::log_group::DesiredLogGroup;
use crate::resource::permission::Caller;
use crate::resource::reference::VersionRef;
use crate::resource::rule::RuleContext;
use crate::resource::version::{DesiredVersion, ObservedVersion};
use crate::resource::workers::{WorkersInput, WorkersSteps};
use crate::resource::{
    alias, artifact, bucket, event_invoke, function, log_group, permission, role, rule, version, workers,
};
use crate::step::{Action, FieldChange, StepId, Steps, Target, missing_tags};

pub(super) fn plan_deploy(stage: &Stage, observed: &Observed) -> Result<Plan, PlanError> {
    let deploy = Deploy::new(stage, observed);
    deploy.refuse_other_canary()?;
    let names = &stage.names;
    let mut steps = PlanBuilder::default();
    // First: the function's tag must name a kind before its first resource exists, or an interrupted deploy leaves an
    // orphan.
    let kinds = deploy.announce_kinds(&mut steps);

    let bucket = bucket::plan_bucket(&mut steps, names, stage.uses.any(), observed.bucket.as_ref());
    let artifact = deploy.plan_artifact(&mut steps, bucket.usable);
    let finished_bucket = bucket::finish_new(&mut steps, &bucket, artifact);
    let role = deploy.plan_role(&mut steps);
    let log_group = deploy.plan_log_group(&mut steps, Part::App);

    let creatable: Vec<StepId> = artifact.into_iter().chain(role.exists).collect();
    // Before the app's function, whose environment names the worker function's version.
    let workers = deploy.plan_workers(&mut steps, creatable.clone());
    let after = creatable.into_iter().chain(workers.published).collect();
    let waits = FunctionWaits { code: after, tags: bucket.expiring };
    let function = deploy.plan_function(&mut steps, &kinds, waits);

    // Permissions, log group and worker function must be ready when the version runs, which is at its probe.
    let runnable =
        function.updated.into_iter().chain(role.is_complete).chain(log_group).chain(workers.callable);
    let input = AliasInput {
        desired: deploy.version(),
        live: deploy.live(),
        canary: stage.canary,
        runnable: runnable.collect(),
        finished_bucket,
    };
    let alias = alias::plan_alias(&mut steps, input);

    fronts::plan_fronts(&mut steps, stage, observed, alias.moved);
    deploy.plan_rules(&mut steps, alias);
    let after = alias.moved.into_iter().chain(function.tagged).collect();
    let wanted = stage.asynchronous.as_ref();
    event_invoke::plan_event_invoke(&mut steps, wanted, observed.asynchronous.as_ref(), after);

    // Last: until the alias has moved, a rollback may need each of the old versions.
    deploy.plan_sweep(&mut steps, alias);
    deploy.retract_kinds(&mut steps, &kinds);
    Ok(steps.finish())
}

struct Deploy<'a> {
    stage: &'a Stage,
    observed: &'a Observed,
    /// The settings of the app's function, with the version of the worker function that it calls.
    config: FunctionConfig,
    tags: BTreeMap<String, String>,
}

impl<'a> Deploy<'a> {
    fn new(stage: &'a Stage, observed: &'a Observed) -> Self {
        let callable = |desired| observed.workers.callable(&stage.artifact, desired);
        let config =
            FunctionConfig { workers: stage.workers.as_ref().map(callable), ..stage.function.clone() };
        let tags = stage.function_tags(observed.function.as_ref().map(|function| &function.tags));
        Self { stage, observed, config, tags }
    }

    fn version(&self) -> DesiredVersion<'_> {
        DesiredVersion {
            config: &self.config,
            artifact: &self.stage.artifact,
            description: &self.stage.version_description,
            tasks: self.stage.scheduled_tasks(),
            health_path: self.stage.health_path.as_deref(),
        }
    }

    fn live(&self) -> LiveState<'a> {
        LiveState { alias: self.observed.alias.as_ref(), versions: &self.observed.versions }
    }

    /// A canary must end before anything else goes live. Only the deploy that started it may be repeated.
    fn refuse_other_canary(&self) -> Result<(), PlanError> {
        let stage = self.stage;
        let Some(alias) = &self.observed.alias else {
            return match stage.canary {
                Some(_) => Err(PlanError::not_deployed(&stage.names)),
                None => Ok(()),
            };
        };
        let Some(canary) = &alias.canary else { return Ok(()) };
        let is_same = self.observed.version(&canary.version).is_some_and(|it| self.version().matches(it));
        // Before the build the artifact's hash is unknown, so this can't tell yet if the deploy repeats the canary's.
        if stage.artifact.is_pending() || (stage.canary.is_some() && is_same) {
            return Ok(());
        }
        Err(PlanError::CanaryRuns {
            version: canary.version.clone(),
            percent: canary.percent,
            stage: stage.names.stage.clone(),
        })
    }

    fn publishes_workers(&self) -> bool {
        self.config.workers == Some(VersionRef::Published)
    }

    /// True if the worker function needs the artifact; the app's function may have it already.
    fn workers_lack_code(&self) -> bool {
        let Stage { artifact, function, .. } = self.stage;
        let workers = self.observed.workers.function.as_ref();
        self.publishes_workers() && !workers.is_some_and(|it| it.has_code(artifact, function.architecture))
    }

    fn plan_artifact(&self, steps: &mut PlanBuilder, bucket: Option<StepId>) -> Option<StepId> {
        let Stage { artifact, function, .. } = self.stage;
        let live = self.observed.function.as_ref();
        let has_code = live.is_some_and(|it| it.has_code(artifact, function.architecture));
        if has_code && !self.workers_lack_code() {
            return bucket;
        }
        artifact::plan_upload(steps, &self.stage.names, artifact, self.observed.objects(), bucket)
    }

    fn plan_role(&self, steps: &mut PlanBuilder) -> role::RoleSteps {
        let Stage { names, tags, role, .. } = self.stage;
        let observed = self.observed.role.as_ref();
        role.as_ref()
            .map(|desired| role::plan_role(steps, names.role(), desired, tags, observed))
            .unwrap_or_default()
    }

    fn plan_log_group(&self, steps: &mut PlanBuilder, part: Part) -> Option<StepId> {
        let Stage { names, tags, log_retention_days, .. } = self.stage;
        let observed = match part {
            Part::App => &self.observed.log_group,
            Part::Workers => &self.observed.workers.log_group,
        };
        let has_new_tags = self.has_new_tags();
        let desired = DesiredLogGroup { part, retention_days: *log_retention_days, tags, has_new_tags };
        log_group::plan_log_group(steps, names, &desired, observed.as_ref())
    }

    /// True if the stage's tags have changed since the last deploy. Only the function's tags are compared: other
    /// resources have the same tags, and reading them would take a call each.
    fn has_new_tags(&self) -> bool {
        let function = self.observed.function.as_ref();
        function.is_some_and(|function| !missing_tags(&function.tags, &self.stage.tags).is_empty())
    }

    fn plan_workers(&self, steps: &mut PlanBuilder, after: Vec<StepId>) -> WorkersSteps {
        let Some(desired) = &self.stage.workers else { return WorkersSteps::default() };
        let Stage { names, tags, artifact, version_description, .. } = self.stage;
        let input = WorkersInput {
            names,
            desired: DesiredFunction { config: &desired.function, artifact, tags },
            concurrency: desired.concurrency,
            description: version_description,
            observed: self.observed.workers.function.as_ref(),
            publishes: self.publishes_workers(),
            after,
            log_group: self.plan_log_group(steps, Part::Workers),
        };
        workers::plan_workers(steps, input)
    }

    fn plan_function(&self, steps: &mut PlanBuilder, kinds: &Kinds, waits: FunctionWaits) -> FunctionSteps {
        let Stage { names, artifact, role, .. } = self.stage;
        let mut tags = self.tags.clone();
        let observed = self.observed.function.as_ref();
        // A new function gets the tag in the call that creates it.
        if observed.is_none() {
            tags.extend([kinds.tag()]);
        }
        // A role that is created again is another role to KMS, so the function must be given it again.
        let role_is_missing = role.is_some() && self.observed.role.is_none();
        let live = self.observed.live().map(|version| &version.config);
        let newest = self.observed.versions.last().map(|version| (&version.number, &version.config));
        let found = observed.map(|function| {
            let changes = function::app_config_changes(function, &self.config, live, newest, role_is_missing);
            FoundFunction { function, changes }
        });
        let desired = DesiredFunction { config: &self.config, artifact, tags: &tags };
        function::plan_function(steps, names.function(), desired, found, waits)
    }

    /// The rules and their permissions.
    fn plan_rules(&self, steps: &mut PlanBuilder, alias: AliasSteps) {
        let Stage { names, tags, rules, .. } = self.stage;
        let permissions = &self.observed.permissions;
        let tasks = self.stage.scheduled_tasks();
        let live_version = self.observed.alias.as_ref().filter(|_| !alias.publishes);
        let context = RuleContext {
            names,
            tags,
            has_new_tags: self.has_new_tags(),
            live_version: live_version.map(|alias| &alias.version),
            tasks: &tasks,
            alias: alias.moved,
            observed: &self.observed.rules,
        };
        let probed = rule::plan_rules(steps, &context, rules);
        let after: Vec<StepId> = probed.into_iter().chain(alias.moved).collect();
        for name in rules.keys() {
            permission::plan_permission(steps, names, &Caller::Rule(name.clone()), permissions, &after);
        }
        permission::plan_stale_rules(steps, |name| rules.contains_key(name), permissions, &after);
    }

    /// Deletes old versions, their artifacts, and the worker function's.
    fn plan_sweep(&self, steps: &mut PlanBuilder, alias: AliasSteps) {
        let Stage { names, artifact, keep_versions, .. } = self.stage;
        let (observed, after) = (self.observed, alias.moved);
        let kept = alias::kept_versions(self.live(), &self.version(), alias, &observed.held, *keep_versions);
        let (kept, old): (Vec<&ObservedVersion>, Vec<&ObservedVersion>) =
            observed.versions.iter().partition(|version| kept.contains(&version.number));
        version::plan_sweep(steps, names, Part::App, old.into_iter(), after);
        let keys = version::unused_artifacts(names, kept.iter().copied(), artifact, observed.objects());
        artifact::plan_deletion(steps, names, keys, after);
        if self.stage.workers.is_some() {
            let callers = kept.iter().map(|version| &version.config).chain([&self.config]);
            workers::plan_version_sweep(steps, names, &observed.workers, callers, after);
        } else if !self.canary_needs_workers() {
            self.plan_workers_deletion(steps, after);
        }
    }

    /// Beside a canary the live version still serves, and may call the worker function: a later deploy deletes it.
    fn canary_needs_workers(&self) -> bool {
        let calls_workers = |live: &ObservedVersion| live.config.workers.is_some();
        self.stage.canary.is_some() && self.observed.live().is_some_and(calls_workers)
    }

    fn plan_workers_deletion(&self, steps: &mut PlanBuilder, after: Option<StepId>) {
        let (names, workers) = (&self.stage.names, &self.observed.workers);
        let ours = workers.function.as_ref().filter(|it| is_ours(&it.tags, names));
        let deleted = ours.map(|_| {
            let target = Target::new(workers::KIND, names.workers().function(), Action::Delete);
            function::plan_deletion(steps, &target, Part::Workers, after.into_iter().collect())
        });
        if workers.log_group.as_ref().is_some_and(|group| group.ours) {
            log_group::plan_deletion(steps, names, Part::Workers, deleted.or(after));
        }
    }

    /// Puts the desired kinds into the function's tag before their first write, and returns the tag's kinds until the plan's
    /// end. A new function is created with them.
    fn announce_kinds(&self, steps: &mut PlanBuilder) -> Kinds {
        let function = self.observed.function.as_ref();
        let tagged = function.and_then(|function| Kinds::of_tags(&function.tags));
        let known = tagged.clone().unwrap_or_default();
        let kinds = known.with(&self.stage.kinds()).with(&self.observed.kinds());
        if function.is_some() && tagged.as_ref() != Some(&kinds) {
            let announced = self.plan_kinds(steps, tagged.as_ref(), &kinds, Vec::new());
            steps.announce(announced, kinds.without(&known));
        }
        kinds
    }

    /// Takes kinds out of the function's tag after their last deletion.
    fn retract_kinds(&self, steps: &mut PlanBuilder, announced: &Kinds) {
        let remaining = self.observed.kinds().without(&steps.deleted_kinds());
        let kinds = self.stage.kinds().with(&remaining);
        if kinds != *announced {
            let deletions = steps.deletions(&announced.without(&kinds));
            self.plan_kinds(steps, Some(announced), &kinds, deletions);
        }
    }

    fn plan_kinds(
        &self,
        steps: &mut PlanBuilder,
        before: Option<&Kinds>,
        after: &Kinds,
        wait_for: Vec<StepId>,
    ) -> StepId {
        let action = if self.observed.function.is_some() { Action::Update } else { Action::Create };
        let target = Target::new(function::KIND, self.stage.names.function(), action);
        let (key, value) = after.tag();
        let before = before.map(|kinds| kinds.tag().1);
        let field = FieldChange::of(format!("tags.{TAG_KINDS}"), before, Some(value.clone()));
        let operation = FunctionOperation::Tag([(key, value)].into());
        steps.add_fields(&target, operation, vec![field], wait_for)
    }
}
