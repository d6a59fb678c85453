//! The published versions. Each deploy that changes code or settings publishes one, and tests it with a probe before it gets
//! traffic. The newest `keep_versions` are kept, and those that an alias holds or a rollback would go to.

use std::collections::BTreeSet;

use crate::ids::VersionNumber;
use crate::names::{Names, Part, sha256_hex};
use crate::resource::artifact::{Artifact, Object};
use crate::resource::function::FunctionConfig;
use crate::resource::grant::{Grant, GrantScope, grants};
use crate::resource::reference::VersionRef;
use crate::step::{Action, NewStep, ResourceKind, StepId, Steps, Target};

/// A published version.
pub const KIND: ResourceKind = ResourceKind::new("version").expendable();

/// The desired version.
#[derive(Clone, Debug)]
pub(crate) struct DesiredVersion<'a> {
    pub(crate) config: &'a FunctionConfig,
    pub(crate) artifact: &'a Artifact,
    /// Commit, author and time.
    pub(crate) description: &'a str,
    /// The tasks that it must have.
    pub(crate) tasks: BTreeSet<String>,
    /// The path that it must answer before it gets traffic.
    pub(crate) health_path: Option<&'a str>,
}

impl DesiredVersion<'_> {
    /// Returns whether a published version has the desired settings and code.
    pub(crate) fn matches(&self, version: &ObservedVersion) -> bool {
        version.code_sha256 == self.artifact.code_sha256 && version.config == *self.config
    }
}

/// A published version, as Lambda has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedVersion {
    /// Its number.
    pub number: VersionNumber,
    /// Its settings.
    pub config: FunctionConfig,
    /// SHA-256 of its code in base64.
    pub code_sha256: String,
    /// Commit, author and time; see [`crate::release`].
    pub description: String,
    /// The time of its publication, as Lambda writes it.
    pub published: String,
}

/// A write to the versions, or the probe of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionOperation {
    /// `lambda:PublishVersion`, and a wait until the version is `Active`.
    Publish {
        /// Its description.
        description: String,
        /// The code that `$LATEST` must have; otherwise another deploy has changed it meanwhile, and AWS refuses.
        code_sha256: String,
    },
    /// `lambda:Invoke` with a probe, and with a request if there is a `health_path`. A wrong response or a missing task
    /// ends the plan before the switch.
    Probe {
        /// The published version, or the live one if only a schedule is new.
        version: VersionRef,
        /// The tasks that it must have.
        tasks: BTreeSet<String>,
        /// The path to request, in the form of the front's event.
        health_path: Option<String>,
    },
    /// `lambda:DeleteFunction` of one version.
    Delete(VersionNumber),
}

grants! { VersionOperation {
    VersionOperation::Publish { .. } => ["lambda:PublishVersion" on Function];
    VersionOperation::Probe { .. } => ["lambda:InvokeFunction" on Version];
    VersionOperation::Delete(_) => ["lambda:DeleteFunction" on Function];
} }

/// The read actions of an observation.
pub(crate) const READS: &[Grant] = &[("lambda:ListVersionsByFunction", GrantScope::Function)];

impl VersionOperation {
    /// The verb of a progress line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Publish { .. } => "publishing",
            Self::Probe { .. } => "probing",
            Self::Delete(_) => "deleting",
        }
    }
}

/// The steps of a new version.
#[derive(Clone, Copy)]
pub(crate) struct ReleaseSteps {
    /// The step that publishes it, after which it has a number.
    pub(crate) published: StepId,
    /// The step after which it may get traffic.
    pub(crate) probed: StepId,
}

/// Publishes a version, and probes it.
pub(crate) fn plan_release(
    steps: &mut impl Steps<VersionOperation>,
    target: &Target,
    part: Part,
    desired: &DesiredVersion<'_>,
    after: Vec<StepId>,
) -> ReleaseSteps {
    let mut push =
        |operation, after| steps.push(NewStep { target, part, operation, fields: Vec::new(), after });
    let publish = VersionOperation::Publish {
        description: desired.description.to_owned(),
        code_sha256: desired.artifact.code_sha256.clone(),
    };
    let published = push(publish, after);
    let probe = VersionOperation::Probe {
        version: VersionRef::Published,
        tasks: desired.tasks.clone(),
        health_path: desired.health_path.map(str::to_owned),
    };
    ReleaseSteps { published, probed: push(probe, vec![published]) }
}

/// Probes a live version for its tasks, because no new version is published.
pub(crate) fn plan_task_probe(
    steps: &mut impl Steps<VersionOperation>,
    target: &Target,
    version: &VersionNumber,
    tasks: BTreeSet<String>,
) -> StepId {
    let version = VersionRef::Known(version.clone());
    steps.add(target, VersionOperation::Probe { version, tasks, health_path: None }, [])
}

/// Deletes the versions that are not in `kept`.
pub(crate) fn plan_sweep<'a>(
    steps: &mut impl Steps<VersionOperation>,
    names: &Names,
    part: Part,
    versions: impl Iterator<Item = &'a ObservedVersion>,
    after: Option<StepId>,
) {
    for version in versions {
        let name = format!("{}:{}", names.of(part).function(), version.number);
        let target = Target::new(KIND, name, Action::Delete);
        let operation = VersionOperation::Delete(version.number.clone());
        let after = after.into_iter().collect();
        steps.push(NewStep { target: &target, part, operation, fields: Vec::new(), after });
    }
}

/// The keys of zips that are neither a kept version's code nor the one that is deployed.
pub(crate) fn unused_artifacts<'a>(
    names: &Names,
    kept: impl Iterator<Item = &'a ObservedVersion>,
    deployed: &Artifact,
    objects: &[Object],
) -> Vec<String> {
    let mut used: BTreeSet<String> = kept
        .filter_map(|version| sha256_hex(&version.code_sha256))
        .map(|sha256| names.artifact_key(&sha256))
        .collect();
    used.insert(names.artifact_key(&deployed.sha256));
    let is_unused = |object: &&Object| names.is_artifact(&object.key) && !used.contains(&object.key);
    objects.iter().filter(is_unused).map(|object| object.key.clone()).collect()
}
