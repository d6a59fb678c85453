//! The bucket's lifecycle: what S3 deletes by itself.
//!
//! Unfinished uploads cost money and can't be seen. Payloads and job records carry a tag that says for how long they are
//! kept; the bucket is shared, so the rules go by that tag and not by a stage's prefix.
//! AWS: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html>

use std::collections::BTreeSet;

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration,
    LifecycleRule, LifecycleRuleFilter, Tag,
};
use lzap_core::names::Names;
use lzap_core::resource::bucket::BucketSetting;
use lzap_wire::job::{KEEP_DAYS, KEEP_TAG};

use super::s3_answer::found_unless_code;
use crate::clients::Clients;
use crate::error::{AwsError, Named};

/// Days after which S3 forgets an upload that was never finished.
const UNFINISHED_DAYS: i32 = 7;
/// The operation, for errors.
const PUT: &str = "s3:PutBucketLifecycleConfiguration";

/// `s3:GetBucketLifecycleConfiguration`: returns which of lzap's rules are missing. They are recognized by
/// their ids, so rules that were changed by hand stay as they are.
pub(crate) async fn missing_rules(
    clients: &Clients,
    names: &Names,
) -> Result<BTreeSet<BucketSetting>, AwsError> {
    let Some(rules) = get_rules(clients, names).await? else {
        return Ok(BTreeSet::from([BucketSetting::Lifecycle, BucketSetting::Expiry]));
    };
    let has_all = KEEP_DAYS.iter().all(|(keep, _)| rules.iter().any(|it| it.id() == Some(&expiry_id(keep))));
    Ok(if has_all { BTreeSet::new() } else { BTreeSet::from([BucketSetting::Expiry]) })
}

/// Returns the rules of the bucket; `None` if it has no lifecycle configuration. AWS:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLifecycleConfiguration.html>
async fn get_rules(clients: &Clients, names: &Names) -> Result<Option<Vec<LifecycleRule>>, AwsError> {
    let call = clients
        .s3()
        .get_bucket_lifecycle_configuration()
        .bucket(names.bucket())
        .expected_bucket_owner(&names.place.account);
    let answer = call.send().await.named("s3:GetBucketLifecycleConfiguration");
    let answer = found_unless_code(answer, "NoSuchLifecycleConfiguration", names)?;
    Ok(answer.map(|answer| answer.rules.unwrap_or_default()))
}

/// `s3:PutBucketLifecycleConfiguration` of a bucket that has no rules yet.
pub(crate) async fn put_lifecycle(clients: &Clients, names: &Names) -> Result<(), AwsError> {
    let uploads = LifecycleRule::builder()
        .id("lzap-unfinished-uploads")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("").build())
        .abort_incomplete_multipart_upload(
            AbortIncompleteMultipartUpload::builder().days_after_initiation(UNFINISHED_DAYS).build(),
        )
        .build()
        .map_err(|error| AwsError::broken(PUT, error.to_string()))?;
    put_rules(clients, names, std::iter::once(uploads).chain(expiry_rules()?).collect()).await
}

/// Adds the rules for payloads and job records, and keeps all others: `s3:GetBucketLifecycleConfiguration`, then
/// `s3:PutBucketLifecycleConfiguration`, which replaces all rules at once.
pub(crate) async fn add_expiry(clients: &Clients, names: &Names) -> Result<(), AwsError> {
    let added = expiry_rules()?;
    // Rules of other owners stay; older rules of lzap are replaced.
    let is_other = |rule: &LifecycleRule| added.iter().all(|new| new.id() != rule.id());
    let mut all: Vec<LifecycleRule> =
        get_rules(clients, names).await?.unwrap_or_default().into_iter().filter(is_other).collect();
    all.extend(added.clone());
    put_rules(clients, names, all).await
}

/// Replaces all rules of the bucket. AWS:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html>
async fn put_rules(clients: &Clients, names: &Names, rules: Vec<LifecycleRule>) -> Result<(), AwsError> {
    let configuration = BucketLifecycleConfiguration::builder()
        .set_rules(Some(rules))
        .build()
        .map_err(|error| AwsError::broken(PUT, error.to_string()))?;
    let call = clients
        .s3()
        .put_bucket_lifecycle_configuration()
        .bucket(names.bucket())
        .expected_bucket_owner(&names.place.account)
        .lifecycle_configuration(configuration);
    call.send().await.named(PUT).map(drop)
}

/// Returns one expiry rule per value of the tag.
fn expiry_rules() -> Result<Vec<LifecycleRule>, AwsError> {
    let rule = |(keep, days): &(&str, u32)| {
        let tag = Tag::builder().key(KEEP_TAG).value(*keep).build()?;
        LifecycleRule::builder()
            .id(expiry_id(keep))
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().tag(tag).build())
            .expiration(LifecycleExpiration::builder().days(days.cast_signed()).build())
            .build()
    };
    let rules: Result<Vec<LifecycleRule>, _> = KEEP_DAYS.iter().map(rule).collect();
    rules.map_err(|error| AwsError::broken(PUT, error.to_string()))
}

/// Returns the id of the rule for a value of the tag. It must stay the same in later versions of lzap, which
/// look for it.
fn expiry_id(keep: &str) -> String {
    format!("lzap-keep-{keep}")
}
