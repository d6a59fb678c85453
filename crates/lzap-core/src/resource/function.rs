//! The function, as `$LATEST` has it: settings, code, tags, reserved concurrency. No front calls `$LATEST`: a version is
//! published from it (see [`super::version`]).
//!
//! Lambda refuses a write while an earlier one is taking effect, so each step waits until its write has taken effect.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::VersionNumber;
use crate::names::Part;
use crate::platform::Architecture;
use crate::resource::artifact::Artifact;
use crate::resource::grant::{Grant, GrantScope, grants};
use crate::resource::reference::VersionRef;
use crate::step::{Action, FieldChange, ResourceKind, StepId, Steps, Target, missing_tags};

/// The app's function.
pub const KIND: ResourceKind = ResourceKind::new("function");

/// The runtime that runs a binary named `bootstrap`.
pub const RUNTIME: &str = "provided.al2023";
/// The handler's name: required by AWS, and ignored by a binary.
pub const HANDLER: &str = "bootstrap";
/// The one setting that `UpdateFunctionCode` changes.
const ARCHITECTURE: &str = "architecture";

/// The settings of a function that lzap manages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionConfig {
    /// The ARN of the execution role.
    pub role_arn: String,
    /// The runtime's identifier.
    pub runtime: String,
    /// The handler.
    pub handler: String,
    /// The processor architecture.
    pub architecture: Architecture,
    /// Memory in MB.
    pub memory_mb: u32,
    /// Timeout in seconds.
    pub timeout_secs: u32,
    /// Size of `/tmp` in MB.
    pub ephemeral_storage_mb: u32,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// The version of the worker function that its maps call. A version keeps the one that it was deployed with, so that both
    /// are of one artifact, also after a rollback.
    pub workers: Option<VersionRef>,
}

/// The desired function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DesiredFunction<'a> {
    pub(crate) config: &'a FunctionConfig,
    pub(crate) artifact: &'a Artifact,
    pub(crate) tags: &'a BTreeMap<String, String>,
}

/// The function, as Lambda has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedFunction {
    /// Its settings.
    pub config: FunctionConfig,
    /// SHA-256 of its code in base64.
    pub code_sha256: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its reserved concurrency.
    pub concurrency: Option<u32>,
}

impl ObservedFunction {
    /// Returns whether it has the artifact, built for this architecture: the two change together.
    pub(crate) fn has_code(&self, artifact: &Artifact, architecture: Architecture) -> bool {
        self.code_sha256 == artifact.code_sha256 && self.config.architecture == architecture
    }
}

/// A write to a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionOperation {
    /// `lambda:CreateFunction` from the bucket, and a wait until it is `Active`.
    Create {
        /// Its settings.
        config: FunctionConfig,
        /// Its code.
        artifact: Artifact,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// `lambda:UpdateFunctionConfiguration`, and a wait until the update is `Successful`.
    UpdateConfiguration(FunctionConfig),
    /// `lambda:UpdateFunctionCode` from the bucket, and a wait until the update is `Successful`.
    UpdateCode {
        /// The code.
        artifact: Artifact,
        /// The architecture changes with the code.
        architecture: Architecture,
    },
    /// `lambda:TagResource`: other tags stay.
    Tag(BTreeMap<String, String>),
    /// `lambda:PutFunctionConcurrency`: reserves this many concurrent executions.
    PutConcurrency(u32),
    /// `lambda:DeleteFunctionConcurrency`.
    DeleteConcurrency,
    /// `lambda:DeleteFunction`: its versions, its alias and their policies are deleted with it.
    Delete,
}

grants! { FunctionOperation {
    // Lambda fetches the code with the caller's permissions.
    FunctionOperation::Create { .. } => [
        "lambda:CreateFunction" on Function,
        "lambda:TagResource" on Function,
        "iam:PassRole" on PassedRole,
        "s3:GetObject" on Objects
    ];
    FunctionOperation::UpdateConfiguration(_) => [
        "lambda:UpdateFunctionConfiguration" on Function,
        "iam:PassRole" on PassedRole
    ];
    FunctionOperation::UpdateCode { .. } => ["lambda:UpdateFunctionCode" on Function, "s3:GetObject" on Objects];
    FunctionOperation::Tag(_) => ["lambda:TagResource" on Function];
    FunctionOperation::PutConcurrency(_) => ["lambda:PutFunctionConcurrency" on Workers];
    FunctionOperation::DeleteConcurrency => ["lambda:DeleteFunctionConcurrency" on Workers];
    FunctionOperation::Delete => ["lambda:DeleteFunction" on Function];
} }

/// The read actions of an observation.
pub(crate) const READS: &[Grant] = &[
    ("lambda:GetFunction", GrantScope::Function),
    // Without it `GetFunction` leaves the tags out.
    // AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>
    ("lambda:ListTags", GrantScope::Function),
    ("lambda:GetFunctionConfiguration", GrantScope::Function),
];

impl FunctionOperation {
    /// The verb of a progress line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Create { .. } => "creating",
            Self::UpdateConfiguration(_)
            | Self::UpdateCode { .. }
            | Self::Tag(_)
            | Self::PutConcurrency(_)
            | Self::DeleteConcurrency => "setting",
            Self::Delete => "deleting",
        }
    }
}

/// The steps of the function.
pub(crate) struct FunctionSteps {
    /// The last steps before a version can be published.
    pub(crate) updated: Vec<StepId>,
    /// The step that sets its tags.
    pub(crate) tagged: Option<StepId>,
}

/// The app's function as it is, and as far as it differs from what it should be.
pub(crate) struct FoundFunction<'a> {
    pub(crate) function: &'a ObservedFunction,
    /// The settings that differ; see [`app_config_changes`].
    pub(crate) changes: Vec<FieldChange>,
}

/// The steps that those of the app's function wait for.
pub(crate) struct FunctionWaits {
    /// The steps that its code and settings wait for.
    pub(crate) code: Vec<StepId>,
    /// The step that its tags wait for: the last one of a new bucket, whose completeness they tell.
    pub(crate) tags: Option<StepId>,
}

/// Creates or updates the app's function.
pub(crate) fn plan_function(
    steps: &mut impl Steps<FunctionOperation>,
    name: String,
    desired: DesiredFunction<'_>,
    found: Option<FoundFunction<'_>>,
    waits: FunctionWaits,
) -> FunctionSteps {
    let Some(found) = found else {
        let target = Target::new(KIND, name, Action::Create);
        let created = steps.add(&target, create(desired), waits.code);
        return FunctionSteps { updated: vec![created], tagged: None };
    };
    let target = Target::new(KIND, name, Action::Update);
    let fields = missing_tags(&found.function.tags, desired.tags);
    let tag = FunctionOperation::Tag(desired.tags.clone());
    let tagged = (!fields.is_empty()).then(|| steps.add_fields(&target, tag, fields, waits.tags));
    let mut updated = waits.code;
    for (operation, fields) in updates(desired, found.function, found.changes) {
        updated = vec![steps.add_fields(&target, operation, fields, updated)];
    }
    FunctionSteps { updated, tagged }
}

/// The operation that creates a function.
pub(crate) fn create(desired: DesiredFunction<'_>) -> FunctionOperation {
    FunctionOperation::Create {
        config: desired.config.clone(),
        artifact: desired.artifact.clone(),
        tags: desired.tags.clone(),
    }
}

/// The operations that give `$LATEST` its settings and code, in their order.
pub(crate) fn updates(
    desired: DesiredFunction<'_>,
    observed: &ObservedFunction,
    config: Vec<FieldChange>,
) -> Vec<(FunctionOperation, Vec<FieldChange>)> {
    let (mut code, settings): (Vec<_>, Vec<_>) =
        config.into_iter().partition(|field| field.field == ARCHITECTURE);
    code.extend(code_change(&observed.code_sha256, desired.artifact));
    let mut updates = Vec::new();
    // Settings first: each of the two calls waits until the one before has taken effect.
    if !settings.is_empty() {
        updates.push((FunctionOperation::UpdateConfiguration(desired.config.clone()), settings));
    }
    if !code.is_empty() {
        let (artifact, architecture) = (desired.artifact.clone(), desired.config.architecture);
        updates.push((FunctionOperation::UpdateCode { artifact, architecture }, code));
    }
    updates
}

/// The code, where it differs from that of `artifact`.
fn code_change(observed: &str, artifact: &Artifact) -> Option<FieldChange> {
    let short = |sha: &str| sha.chars().take(8).collect::<String>();
    let desired = if artifact.is_pending() {
        "a new build".to_owned()
    } else {
        format!("{} ({} bytes)", short(&artifact.code_sha256), artifact.bytes)
    };
    (observed != artifact.code_sha256).then(|| FieldChange::new("code", short(observed), desired))
}

/// The settings of the app's `$LATEST` that differ; those are drift that the live version still has as lzap deployed them.
///
/// A role that is created again under its old name is another role to the function's key grant, so it is set again:
/// `role_is_missing`.
///
/// A setting that is neither the live version's nor the `newest` version's was changed outside lzap.
pub(crate) fn app_config_changes(
    observed: &ObservedFunction,
    desired: &FunctionConfig,
    live: Option<&FunctionConfig>,
    newest: Option<(&VersionNumber, &FunctionConfig)>,
    role_is_missing: bool,
) -> Vec<FieldChange> {
    let mut fields = config_changes(&observed.config, desired);
    if role_is_missing && observed.config.role_arn == desired.role_arn {
        fields.push(FieldChange::new("role", "(deleted)", &desired.role_arn).drifted());
    }
    let Some(live) = live else { return fields };
    let differs_from = |other: &FunctionConfig, field: &str| {
        config_changes(&observed.config, other).iter().any(|change| change.field == field)
    };
    let explain = |field: FieldChange| match newest {
        _ if !differs_from(live, &field.field) => field,
        Some((number, config)) if !differs_from(config, &field.field) => field.left_by(number),
        _ => field.drifted(),
    };
    fields.into_iter().map(explain).collect()
}

/// The settings that differ, with units. Environment values are secrets: only that they differ is shown.
pub(crate) fn config_changes(observed: &FunctionConfig, desired: &FunctionConfig) -> Vec<FieldChange> {
    let mb = |number: u32| format!("{number} MB");
    let rows = [
        ("role", observed.role_arn.clone(), desired.role_arn.clone()),
        ("runtime", observed.runtime.clone(), desired.runtime.clone()),
        ("handler", observed.handler.clone(), desired.handler.clone()),
        (ARCHITECTURE, observed.architecture.to_string(), desired.architecture.to_string()),
        ("memory", mb(observed.memory_mb), mb(desired.memory_mb)),
        ("timeout", format!("{} s", observed.timeout_secs), format!("{} s", desired.timeout_secs)),
        ("ephemeral storage", mb(observed.ephemeral_storage_mb), mb(desired.ephemeral_storage_mb)),
    ];
    let mut changes: Vec<FieldChange> = rows
        .into_iter()
        .filter(|(_, before, after)| before != after)
        .map(|(field, before, after)| FieldChange::new(field, before, after))
        .collect();
    if observed.workers != desired.workers {
        let text = |version: &Option<VersionRef>| version.as_ref().map(describe_version);
        changes.push(FieldChange::of("workers", text(&observed.workers), text(&desired.workers)));
    }
    let keys: BTreeSet<&String> = observed.environment.keys().chain(desired.environment.keys()).collect();
    for key in keys {
        let (before, after) = (observed.environment.get(key), desired.environment.get(key));
        if before != after {
            // Values are secrets; the plan shows only that they change.
            let hidden = |value: Option<&String>| value.map(|_| "(hidden)".to_owned());
            changes.push(FieldChange::of(format!("environment.{key}"), hidden(before), hidden(after)));
        }
    }
    changes
}

fn describe_version(version: &VersionRef) -> String {
    match version {
        VersionRef::Known(number) => format!("version {number}"),
        VersionRef::Published => "a new version".to_owned(),
    }
}

/// Deletes the app's function, after its callers.
pub(crate) fn plan_deletion(
    steps: &mut impl Steps<FunctionOperation>,
    target: &Target,
    part: Part,
    after: Vec<StepId>,
) -> StepId {
    let operation = FunctionOperation::Delete;
    steps.push(crate::step::NewStep { target, part, operation, fields: Vec::new(), after })
}
