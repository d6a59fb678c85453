//! The zips in the bucket, each named by its own hash. A deploy uploads a new one before the function needs it, and
//! deletes old ones as soon as no version has their code.

use std::path::PathBuf;

use crate::names::Names;
use crate::resource::grant::{Grant, GrantScope, grants};
use crate::step::{Action, ResourceKind, StepId, Steps, Target};

/// The zips of a stage.
pub const KIND: ResourceKind = ResourceKind::new("artifact").expendable();

/// A zip on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artifact {
    /// Its path.
    pub path: PathBuf,
    /// SHA-256 of its bytes in lower-case hex: its name in the bucket.
    pub sha256: String,
    /// SHA-256 of its bytes in base64: Lambda's `CodeSha256`.
    pub code_sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Artifact {
    /// The artifact of a build that hasn't ended: no version and no object is equal to it.
    pub fn pending() -> Self {
        Self { sha256: "pending".to_owned(), ..Self::default() }
    }

    /// Returns whether the build hasn't ended.
    pub fn is_pending(&self) -> bool {
        self.path.as_os_str().is_empty() && self.code_sha256.is_empty()
    }
}

/// An object in the bucket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its `ETag`, which changes with its content.
    pub etag: String,
}

/// A write to the stage's objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArtifactOperation {
    /// `s3:PutObject`.
    Upload(Artifact),
    /// `s3:DeleteObjects`, by key.
    Delete(Vec<String>),
}

grants! { ArtifactOperation {
    ArtifactOperation::Upload(_) => ["s3:PutObject" on Objects];
    ArtifactOperation::Delete(_) => ["s3:DeleteObject" on Objects];
} }

/// The lock is an object next to the artifacts: it is written, read and deleted.
pub(crate) const READS: &[Grant] = &[
    ("s3:GetObject", GrantScope::Objects),
    ("s3:PutObject", GrantScope::Objects),
    ("s3:DeleteObject", GrantScope::Objects),
];

impl ArtifactOperation {
    /// The verb of a progress line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Upload(_) => "uploading",
            Self::Delete(_) => "deleting",
        }
    }
}

/// Uploads the artifact, unless the bucket has it. Returns the step after which it can be used.
pub(crate) fn plan_upload(
    steps: &mut impl Steps<ArtifactOperation>,
    names: &Names,
    artifact: &Artifact,
    observed: &[Object],
    after: Option<StepId>,
) -> Option<StepId> {
    let key = names.artifact_key(&artifact.sha256);
    // The key is the content's hash, so an existing object has the right content.
    if observed.iter().any(|object| object.key == key) {
        return after;
    }
    let target = Target::new(KIND, key, Action::Create);
    Some(steps.add(&target, ArtifactOperation::Upload(artifact.clone()), after))
}

/// Deletes objects of the stage.
pub(crate) fn plan_deletion(
    steps: &mut impl Steps<ArtifactOperation>,
    names: &Names,
    keys: Vec<String>,
    after: Option<StepId>,
) {
    if !keys.is_empty() {
        let target = Target::new(KIND, names.prefix(), Action::Delete);
        steps.add(&target, ArtifactOperation::Delete(keys), after);
    }
}
