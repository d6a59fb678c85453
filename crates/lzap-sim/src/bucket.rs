//! The bucket and the objects in it.
//!
//! The real bucket is shared by all stages of an account and region; here it has the objects of one stage.

use std::collections::BTreeSet;

use lzap_core::resource::artifact::{ArtifactOperation, Object};
use lzap_core::resource::bucket::{BucketOperation, BucketSetting, ObservedBucket};

use crate::Model;

impl Model {
    /// Changes the bucket's settings, which are all missing in a new one.
    pub(crate) fn apply_bucket(&mut self, operation: BucketOperation) {
        match operation {
            BucketOperation::Create => {
                let missing = [BucketSetting::Encryption, BucketSetting::Lifecycle, BucketSetting::Expiry];
                self.cloud.bucket = Some(ObservedBucket {
                    public_access_blocked: false,
                    managed: true,
                    // S3 creates a bucket without any of these settings.
                    missing: BTreeSet::from(missing),
                    empty: true,
                    objects: Vec::new(),
                });
            }
            BucketOperation::BlockPublicAccess => self.bucket().public_access_blocked = true,
            BucketOperation::Tag => self.bucket().managed = true,
            BucketOperation::Encrypt => {
                self.bucket().missing.remove(&BucketSetting::Encryption);
            }
            // One call replaces all lifecycle rules, those that let objects expire among them.
            BucketOperation::PutLifecycle => {
                self.bucket().missing.remove(&BucketSetting::Lifecycle);
                self.bucket().missing.remove(&BucketSetting::Expiry);
            }
            // For a bucket that has rules already: they are kept, and the expiry is added.
            BucketOperation::AddExpiry => {
                let has_rules = !self.bucket().missing.contains(&BucketSetting::Lifecycle);
                assert!(has_rules, "there are rules to add to");
                self.bucket().missing.remove(&BucketSetting::Expiry);
            }
            // S3 deletes no bucket with objects, and lzap takes that for a success.
            BucketOperation::DeleteIfEmpty => {
                if self.bucket().objects.is_empty() {
                    self.cloud.bucket = None;
                }
            }
        }
    }

    /// Uploads or deletes objects. The `ETag` only has to differ for different contents, so the hash stands
    /// for it.
    pub(crate) fn apply_artifact(&mut self, operation: &ArtifactOperation) {
        match operation {
            ArtifactOperation::Upload(artifact) => {
                let key = self.names().artifact_key(&artifact.sha256);
                let bucket = self.bucket();
                assert!(bucket.public_access_blocked, "nothing is put into a public bucket");
                bucket.objects.push(Object { key, etag: artifact.sha256.clone() });
            }
            ArtifactOperation::Delete(keys) => {
                self.bucket().objects.retain(|object| !keys.contains(&object.key));
            }
        }
        let bucket = self.bucket();
        // The model has no other stages, so the bucket is empty without this stage's objects.
        bucket.empty = bucket.objects.is_empty();
    }

    /// Returns the bucket.
    ///
    /// # Panics
    /// It doesn't exist: the plan lacks a prerequisite.
    fn bucket(&mut self) -> &mut ObservedBucket {
        self.cloud.bucket.as_mut().expect("the bucket exists")
    }
}
