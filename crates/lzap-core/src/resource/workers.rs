//! The worker function, which runs the chunks of maps: the artifact of the app with settings of its own.
//!
//! It has the operations of the app's function ([`super::function`], [`super::version`]), under its own names. A version of
//! the app names the version of the worker function that it calls, so that both are of one artifact: the worker function is
//! published first, and a version that a kept version of the app calls is kept too.

use std::collections::{BTreeMap, BTreeSet};

use crate::names::{Names, Part};
use crate::resource::artifact::Artifact;
use crate::resource::function::{
    DesiredFunction, FunctionConfig, FunctionOperation, ObservedFunction, config_changes, create, updates,
};
use crate::resource::log_group::ObservedLogGroup;
use crate::resource::reference::VersionRef;
use crate::resource::version::{DesiredVersion, ObservedVersion, VersionOperation, plan_release, plan_sweep};
use crate::step::{Action, FieldChange, NewStep, ResourceKind, StepId, Steps, Target, missing_tags};

/// The worker function.
pub const KIND: ResourceKind = ResourceKind::new("workers").optional("workers");

/// The desired worker function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredWorkers {
    /// Its settings.
    pub function: FunctionConfig,
    /// Its reserved concurrency.
    pub concurrency: Option<u32>,
}

/// The worker function, as AWS has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedWorkers {
    /// The function, as `$LATEST` has it.
    pub function: Option<ObservedFunction>,
    /// Its published versions, oldest first.
    pub versions: Vec<ObservedVersion>,
    /// Its log group.
    pub log_group: Option<ObservedLogGroup>,
}

impl ObservedWorkers {
    /// The version that the app calls: the newest one with the desired code and settings, or else a new one.
    pub(crate) fn callable(&self, artifact: &Artifact, desired: &DesiredWorkers) -> VersionRef {
        // A version can't be changed, so an older one with the same code and settings is as good as a new one.
        let fits = |version: &&ObservedVersion| {
            version.code_sha256 == artifact.code_sha256 && version.config == desired.function
        };
        let newest = self.versions.iter().rev().find(fits);
        newest.map_or(VersionRef::Published, |version| VersionRef::Known(version.number.clone()))
    }
}

/// The steps that the app's function and its alias wait for.
#[derive(Default)]
pub(crate) struct WorkersSteps {
    /// The step that publishes its version.
    pub(crate) published: Option<StepId>,
    /// The steps that must end before the app may call it.
    pub(crate) callable: Vec<StepId>,
}

/// The worker function as it should be and as it is, and the steps that it waits for.
pub(crate) struct WorkersInput<'a> {
    pub(crate) names: &'a Names,
    pub(crate) desired: DesiredFunction<'a>,
    /// Its reserved concurrency.
    pub(crate) concurrency: Option<u32>,
    /// The description of a new version.
    pub(crate) description: &'a str,
    pub(crate) observed: Option<&'a ObservedFunction>,
    /// No existing version is as desired.
    pub(crate) publishes: bool,
    /// The steps after which it can be created or get code: those of the artifact and the role.
    pub(crate) after: Vec<StepId>,
    /// The step that creates its log group.
    pub(crate) log_group: Option<StepId>,
}

/// Creates or updates the worker function, and publishes a version if no existing one is as desired.
pub(crate) fn plan_workers(
    steps: &mut (impl Steps<FunctionOperation> + Steps<VersionOperation>),
    input: WorkersInput<'_>,
) -> WorkersSteps {
    let WorkersInput { desired, observed, publishes, .. } = input;
    let name = input.names.workers().function();
    let (target, ready) = match observed {
        None => {
            // The log group comes first: it shows that a worker function may exist, even if this deploy is interrupted.
            let target = Target::new(KIND, name, Action::Create);
            let after = input.after.into_iter().chain(input.log_group).collect();
            let created = push(steps, &target, create(desired), Vec::new(), after);
            (target, vec![created])
        }
        Some(observed) => {
            let target = Target::new(KIND, name, Action::Update);
            plan_tags(steps, &target, desired.tags, observed);
            let after = input.after;
            let updated =
                if publishes { plan_updates(steps, &target, desired, observed, after) } else { Vec::new() };
            (target, updated)
        }
    };
    let mut planned = WorkersSteps::default();
    if publishes || observed.is_none() {
        let version = DesiredVersion {
            config: desired.config,
            artifact: desired.artifact,
            description: input.description,
            tasks: BTreeSet::new(),
            health_path: None,
        };
        let release = plan_release(steps, &target, Part::Workers, &version, ready.clone());
        planned = WorkersSteps { published: Some(release.published), callable: vec![release.probed] };
    }
    let reserved = observed.and_then(|observed| observed.concurrency);
    planned.callable.extend(plan_concurrency(steps, &target, reserved, input.concurrency, ready));
    planned
}

fn plan_tags(
    steps: &mut impl Steps<FunctionOperation>,
    target: &Target,
    tags: &BTreeMap<String, String>,
    observed: &ObservedFunction,
) {
    let fields = missing_tags(&observed.tags, tags);
    if !fields.is_empty() {
        push(steps, target, FunctionOperation::Tag(tags.clone()), fields, Vec::new());
    }
}

/// Updates settings and code of `$LATEST`, which only a new version needs.
fn plan_updates(
    steps: &mut impl Steps<FunctionOperation>,
    target: &Target,
    desired: DesiredFunction<'_>,
    observed: &ObservedFunction,
    after: Vec<StepId>,
) -> Vec<StepId> {
    let config = config_changes(&observed.config, desired.config);
    let mut last = after;
    for (operation, fields) in updates(desired, observed, config) {
        last = vec![push(steps, target, operation, fields, last)];
    }
    last
}

fn plan_concurrency(
    steps: &mut impl Steps<FunctionOperation>,
    target: &Target,
    observed: Option<u32>,
    desired: Option<u32>,
    after: Vec<StepId>,
) -> Option<StepId> {
    if observed == desired {
        return None;
    }
    let operation = desired.map_or(FunctionOperation::DeleteConcurrency, FunctionOperation::PutConcurrency);
    let text = |number: Option<u32>| number.map(|number| number.to_string());
    let field = FieldChange::of("concurrency", text(observed), text(desired));
    let fields = if target.action == Action::Create { Vec::new() } else { vec![field] };
    Some(push(steps, target, operation, fields, after))
}

fn push(
    steps: &mut impl Steps<FunctionOperation>,
    target: &Target,
    operation: FunctionOperation,
    fields: Vec<FieldChange>,
    after: Vec<StepId>,
) -> StepId {
    steps.push(NewStep { target, part: Part::Workers, operation, fields, after })
}

/// Deletes the versions that no kept version of the app calls.
pub(crate) fn plan_version_sweep<'a>(
    steps: &mut impl Steps<VersionOperation>,
    names: &Names,
    observed: &ObservedWorkers,
    callers: impl Iterator<Item = &'a FunctionConfig>,
    after: Option<StepId>,
) {
    let called: BTreeSet<VersionRef> = callers.filter_map(|config| config.workers.clone()).collect();
    let is_called = |version: &ObservedVersion| called.contains(&VersionRef::Known(version.number.clone()));
    let old = observed.versions.iter().filter(|version| !is_called(version));
    plan_sweep(steps, names, Part::Workers, old, after);
}
