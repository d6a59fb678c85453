//! The S3 bucket of the account and region, which all stages there share.
//!
//! A new bucket gets lzap's tag at once, and public access is blocked before the first upload. S3 aborts concurrent
//! changes of one bucket (`OperationAborted`), so its steps run one after the other, and those that no other step waits
//! for come last. If a deploy was interrupted, the next one completes the bucket that lzap created; of any other
//! bucket, lzap changes the public access only.

use std::collections::BTreeSet;

use crate::names::Names;
use crate::resource::artifact::{ArtifactOperation, Object};
use crate::resource::grant::{Grant, GrantScope, grants};
use crate::step::{Action, FieldChange, ResourceKind, StepId, Steps, Target};

/// The bucket.
pub const KIND: ResourceKind = ResourceKind::new("bucket").prerequisite();

/// The bucket, as S3 has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedBucket {
    /// All four settings of its public access block are on.
    pub public_access_blocked: bool,
    /// It carries lzap's tag, so lzap created it; read for an undeploy only.
    pub managed: bool,
    /// The settings that lzap didn't complete; read only as long as the stage isn't deployed, or when its app begins to
    /// use tasks.
    pub missing: BTreeSet<BucketSetting>,
    /// It holds no object of any stage; read only for an undeploy that finds none of its stage.
    pub empty: bool,
    /// The stage's objects.
    pub objects: Vec<Object>,
}

/// A setting that a bucket gets after its creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BucketSetting {
    /// Default encryption.
    Encryption,
    /// The rule that aborts unfinished uploads. A bucket without it has no lifecycle rules at all.
    Lifecycle,
    /// The rules that delete payloads and job records, by their tags.
    Expiry,
}

impl ObservedBucket {
    /// Selects the objects that lzap itself puts. Keys in deeper folders belong to the app, which adds and deletes them
    /// at any time.
    pub fn own_objects(names: &Names, objects: impl IntoIterator<Item = Object>) -> Vec<Object> {
        let prefix = names.prefix();
        let is_own =
            |object: &Object| object.key.strip_prefix(&prefix).is_some_and(|name| !name.contains('/'));
        objects.into_iter().filter(is_own).collect()
    }

    /// Returns whether it holds an object with this key.
    pub fn has(&self, key: &str) -> bool {
        self.objects.iter().any(|object| object.key == key)
    }
}

/// A write to the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketOperation {
    /// `s3:CreateBucket` with lzap's tag.
    Create,
    /// `s3:PutPublicAccessBlock`, all four settings on.
    BlockPublicAccess,
    /// `s3:PutBucketEncryption` with S3's own keys.
    Encrypt,
    /// `s3:PutBucketLifecycleConfiguration`: unfinished uploads end after a week, payloads and job records by their tags.
    PutLifecycle,
    /// `s3:PutBucketLifecycleConfiguration` with the bucket's present rules, and those for payloads and job records.
    AddExpiry,
    /// `s3:PutBucketTagging` with lzap's tag, for emulators that ignore tags in `CreateBucket`.
    Tag,
    /// `s3:DeleteBucket`, unless other stages have objects in it.
    DeleteIfEmpty,
}

grants! { BucketOperation {
    BucketOperation::Create => ["s3:CreateBucket" on Bucket, "s3:TagResource" on Bucket];
    BucketOperation::BlockPublicAccess => ["s3:PutBucketPublicAccessBlock" on Bucket];
    BucketOperation::Encrypt => ["s3:PutEncryptionConfiguration" on Bucket];
    BucketOperation::PutLifecycle => ["s3:PutLifecycleConfiguration" on Bucket];
    BucketOperation::AddExpiry => [
        "s3:GetLifecycleConfiguration" on Bucket,
        "s3:PutLifecycleConfiguration" on Bucket
    ];
    BucketOperation::Tag => ["s3:PutBucketTagging" on Bucket];
    BucketOperation::DeleteIfEmpty => ["s3:DeleteBucket" on Bucket];
} }

/// The read actions of an observation.
pub(crate) const READS: &[Grant] = &[
    ("s3:GetBucketPublicAccessBlock", GrantScope::Bucket),
    ("s3:GetBucketTagging", GrantScope::Bucket),
    ("s3:GetEncryptionConfiguration", GrantScope::Bucket),
    ("s3:GetLifecycleConfiguration", GrantScope::Bucket),
    // Also for `GetObject`: without it a missing lock is a 403, not a 404. A condition on the prefix would deny that.
    // AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
    ("s3:ListBucket", GrantScope::Bucket),
];

impl BucketOperation {
    /// The verb of a progress line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Create => "creating",
            Self::BlockPublicAccess | Self::Encrypt | Self::PutLifecycle | Self::AddExpiry | Self::Tag => {
                "setting"
            }
            Self::DeleteIfEmpty => "deleting",
        }
    }
}

/// The steps of a bucket, at their two ends.
#[derive(Default)]
pub(crate) struct BucketSteps {
    /// The step after which objects may be put.
    pub(crate) usable: Option<StepId>,
    /// The step that lets payloads and job records expire, in a bucket that existed.
    pub(crate) expiring: Option<StepId>,
    /// The target of a new bucket, which [`finish_new`] needs.
    created: Option<Target>,
}

/// Creates the bucket, or completes one that exists. `keeps_objects`: the app puts payloads and job records into it.
pub(crate) fn plan_bucket(
    steps: &mut impl Steps<BucketOperation>,
    names: &Names,
    keeps_objects: bool,
    observed: Option<&ObservedBucket>,
) -> BucketSteps {
    let Some(bucket) = observed else {
        let target = Target::new(KIND, names.bucket(), Action::Create);
        let created = steps.add(&target, BucketOperation::Create, []);
        let tagged = steps.add(&target, BucketOperation::Tag, [created]);
        let blocked = steps.add(&target, BucketOperation::BlockPublicAccess, [tagged]);
        return BucketSteps { usable: Some(blocked), expiring: None, created: Some(target) };
    };
    let operations = missing_settings(bucket, keeps_objects);
    let target = Target::new(KIND, names.bucket(), Action::Update);
    let last = steps.add_chain(&target, operations, None);
    BucketSteps { usable: last, expiring: last, created: None }
}

/// Completes a new bucket, after the artifact was uploaded. Returns the last step.
pub(crate) fn finish_new(
    steps: &mut impl Steps<BucketOperation>,
    bucket: &BucketSteps,
    artifact: Option<StepId>,
) -> Option<StepId> {
    let target = bucket.created.as_ref()?;
    let encrypted = steps.add(target, BucketOperation::Encrypt, artifact);
    Some(steps.add(target, BucketOperation::PutLifecycle, [encrypted]))
}

fn missing_settings(
    bucket: &ObservedBucket,
    keeps_objects: bool,
) -> Vec<(BucketOperation, Vec<FieldChange>)> {
    let mut operations = Vec::new();
    if !bucket.public_access_blocked {
        let field = FieldChange::new("public access", "possible", "blocked").drifted();
        operations.push((BucketOperation::BlockPublicAccess, vec![field]));
    }
    // `PutLifecycle` sets the rules for payloads and job records too.
    let has_rules = !bucket.missing.contains(&BucketSetting::Lifecycle);
    operations.extend(bucket.missing.iter().filter_map(|setting| {
        let (operation, field, after) = match setting {
            BucketSetting::Encryption => (BucketOperation::Encrypt, "encryption", "AES256"),
            BucketSetting::Lifecycle => {
                (BucketOperation::PutLifecycle, "unfinished uploads", "kept for 7 days")
            }
            BucketSetting::Expiry if keeps_objects && has_rules => {
                (BucketOperation::AddExpiry, "payloads and job records", "kept for 1 and 7 days")
            }
            BucketSetting::Expiry => return None,
        };
        Some((operation, vec![FieldChange::of(field, None, Some(after.to_owned()))]))
    }));
    operations
}

/// Deletes the stage's objects, the lock last of all; then the bucket itself, if lzap created it and no other stage uses it.
pub(crate) fn plan_deletion(
    steps: &mut (impl Steps<BucketOperation> + Steps<ArtifactOperation>),
    names: &Names,
    bucket: &ObservedBucket,
    all: Vec<StepId>,
) {
    let can_delete = bucket.managed && (bucket.empty || !bucket.objects.is_empty());
    if can_delete {
        let target = Target::new(KIND, names.bucket(), Action::Delete);
        let unlocked = steps.add(&target, ArtifactOperation::Delete(vec![names.lock_key()]), all);
        steps.add(&target, BucketOperation::DeleteIfEmpty, [unlocked]);
    }
}
