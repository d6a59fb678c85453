//! The bucket of the account and region: see `lzap_core::resource::bucket`.
//!
//! Bucket names are global, so every call passes the expected owner: another account that took the name must not
//! receive the code.
//! AWS: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html>

use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, PublicAccessBlockConfiguration,
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule, Tag, Tagging,
};
use lzap_core::doctor::Bucket;
use lzap_core::names::{Names, Part, Place, RoleName, TAG_MANAGED};
use lzap_core::resource::bucket::BucketOperation;

use super::lifecycle::{add_expiry, put_lifecycle};
use super::s3_answer::{error_code, found_unless_code};
use super::step::{Created, StepContext};
use crate::clients::{Attempts, Clients};
use crate::error::{Absent, AwsError, Kind, Named};
use crate::retry::{CONFLICT, PROPAGATION, again};

/// Applies one operation. The settings are written right after the creation, when S3 can still answer that
/// there is no bucket: for them, and not for creation and deletion, such an answer is temporary.
pub(crate) async fn apply_bucket(
    context: StepContext<'_>,
    operation: BucketOperation,
) -> Result<Created, AwsError> {
    let StepContext { clients, names, progress, .. } = context;
    match operation {
        BucketOperation::Create => again(CONFLICT, progress, || create_bucket(clients, names)).await?,
        BucketOperation::BlockPublicAccess => {
            again(PROPAGATION, progress, || block_public_access(clients, names)).await?;
        }
        BucketOperation::Encrypt => again(PROPAGATION, progress, || encrypt_bucket(clients, names)).await?,
        BucketOperation::PutLifecycle => {
            again(PROPAGATION, progress, || put_lifecycle(clients, names)).await?;
        }
        BucketOperation::AddExpiry => again(PROPAGATION, progress, || add_expiry(clients, names)).await?,
        BucketOperation::Tag => again(PROPAGATION, progress, || tag_bucket(clients, names)).await?,
        BucketOperation::DeleteIfEmpty => again(CONFLICT, progress, || delete_bucket(clients, names)).await?,
    }
    Ok(Created::Nothing)
}

/// The public access block of the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BucketState {
    /// There is no bucket of this name in any account.
    Missing,
    /// Not all four switches are on, so objects could become public. lzap puts nothing into such a bucket
    /// before it has turned them on.
    Open,
    /// All four switches are on.
    Blocked,
}

/// The region that takes no location constraint.
///
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>
const DEFAULT_REGION: &str = "us-east-1";

/// `s3:GetPublicAccessBlock`, which also shows if the bucket exists. AWS:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetPublicAccessBlock.html>
pub(crate) async fn get_public_access_block(
    clients: &Clients,
    names: &Names,
) -> Result<BucketState, AwsError> {
    let call = clients
        .s3()
        .get_public_access_block()
        .bucket(names.bucket())
        .expected_bucket_owner(&names.place.account);
    let answer = match call.send().await.named("s3:GetPublicAccessBlock") {
        Ok(answer) => answer,
        Err(error) if error_code(&error) == Some("NoSuchPublicAccessBlockConfiguration") => {
            // A bucket without this setting has none of the switches on.
            return Ok(BucketState::Open);
        }
        Err(error) if error.kind() == Kind::NotFound => return Ok(BucketState::Missing),
        Err(error) => return Err(error.about_bucket(&names.bucket())),
    };
    let blocked = answer.public_access_block_configuration().is_some_and(|block| {
        [
            block.block_public_acls(),
            block.ignore_public_acls(),
            block.block_public_policy(),
            block.restrict_public_buckets(),
        ]
        .iter()
        .all(|switch| *switch == Some(true))
    });
    Ok(if blocked { BucketState::Blocked } else { BucketState::Open })
}

/// Observes the bucket of `place`, which all stages there share. Two reads at most.
///
/// # Errors
/// The name belongs to another account; a read was refused, or AWS didn't respond.
pub(crate) async fn observe_bucket(clients: &Clients, place: &Place) -> Result<Bucket, AwsError> {
    // The bucket's name contains no app, so the other names can stay empty.
    let names = Names {
        app: String::new(),
        stage: String::new(),
        place: place.clone(),
        role: RoleName::default(),
        part: Part::App,
    };
    let explain = |error| clients.explain(error);
    let name = names.bucket();
    if get_public_access_block(clients, &names).await.map_err(explain)? == BucketState::Missing {
        return Ok(Bucket::Missing { name });
    }
    let managed = is_managed(clients, &names).await.map_err(explain)?;
    Ok(if managed { Bucket::Managed { name } } else { Bucket::Theirs { name } })
}

/// `s3:GetBucketTagging`: returns whether lzap created the bucket. One without tags, or a missing one, counts
/// as not created by lzap. AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketTagging.html>
pub(crate) async fn is_managed(clients: &Clients, names: &Names) -> Result<bool, AwsError> {
    let call =
        clients.s3().get_bucket_tagging().bucket(names.bucket()).expected_bucket_owner(&names.place.account);
    let answer = call.send().await.named("s3:GetBucketTagging").found();
    let answer = answer.map_err(|error| error.about_bucket(&names.bucket()))?;
    Ok(answer.is_some_and(|answer| answer.tag_set().iter().any(|tag| tag.key() == TAG_MANAGED)))
}

/// `s3:GetBucketEncryption`: true if the bucket has a default encryption. S3 encrypts with its own keys in any case.
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketEncryption.html>
pub(crate) async fn is_encrypted(clients: &Clients, names: &Names) -> Result<bool, AwsError> {
    let call = clients
        .s3()
        .get_bucket_encryption()
        .bucket(names.bucket())
        .expected_bucket_owner(&names.place.account);
    let answer = call.send().await.named("s3:GetBucketEncryption");
    Ok(found_unless_code(answer, "ServerSideEncryptionConfigurationNotFoundError", names)?.is_some())
}

/// `s3:CreateBucket`, with lzap's tag in the same call: a deploy that is killed right after it leaves no bucket without
/// an owner. A bucket that the account owns already counts as success: another stage's deploy may have created it
/// meanwhile.
///
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>
async fn create_bucket(clients: &Clients, names: &Names) -> Result<(), AwsError> {
    const OPERATION: &str = "s3:CreateBucket";
    let region = names.place.region.as_str();
    // us-east-1 refuses a location constraint; all other regions require one.
    let location = (region != DEFAULT_REGION).then(|| BucketLocationConstraint::from(region));
    let configuration = CreateBucketConfiguration::builder()
        .set_location_constraint(location)
        .tags(managed_tag(OPERATION)?)
        .build();
    let attempts = Attempts::default();
    let call = clients.s3().create_bucket().bucket(names.bucket()).create_bucket_configuration(configuration);
    let outcome = call.customize().interceptor(attempts.clone()).send().await.named(OPERATION);
    // In us-east-1 S3 answers 200 to a second creation by the owner; elsewhere with an error code, which means the
    // same.
    match attempts.accept_own_creation(outcome) {
        Err(error) if error_code(&error) == Some("BucketAlreadyOwnedByYou") => Ok(()),
        Err(error) => Err(error.about_bucket(&names.bucket())),
        Ok(_) => Ok(()),
    }
}

/// `s3:PutPublicAccessBlock`, all four switches on.
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutPublicAccessBlock.html>
async fn block_public_access(clients: &Clients, names: &Names) -> Result<(), AwsError> {
    let block = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .ignore_public_acls(true)
        .block_public_policy(true)
        .restrict_public_buckets(true)
        .build();
    let call = clients
        .s3()
        .put_public_access_block()
        .bucket(names.bucket())
        .expected_bucket_owner(&names.place.account)
        .public_access_block_configuration(block);
    call.send()
        .await
        .named("s3:PutPublicAccessBlock")
        .map(drop)
        .map_err(|error| error.about_bucket(&names.bucket()))
}

/// `s3:PutBucketEncryption` with S3's own keys.
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketEncryption.html>
async fn encrypt_bucket(clients: &Clients, names: &Names) -> Result<(), AwsError> {
    const OPERATION: &str = "s3:PutBucketEncryption";
    let default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::Aes256)
        .build()
        .map_err(|error| AwsError::broken(OPERATION, error.to_string()))?;
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(default).build();
    let configuration = ServerSideEncryptionConfiguration::builder()
        .rules(rule)
        .build()
        .map_err(|error| AwsError::broken(OPERATION, error.to_string()))?;
    let call = clients
        .s3()
        .put_bucket_encryption()
        .bucket(names.bucket())
        .expected_bucket_owner(&names.place.account)
        .server_side_encryption_configuration(configuration);
    call.send().await.named(OPERATION).map(drop)
}

/// `s3:PutBucketTagging` with lzap's mark. It replaces all tags of the bucket. AWS:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html>
async fn tag_bucket(clients: &Clients, names: &Names) -> Result<(), AwsError> {
    const OPERATION: &str = "s3:PutBucketTagging";
    let tagging = Tagging::builder().tag_set(managed_tag(OPERATION)?).build();
    let tagging = tagging.map_err(|error| AwsError::broken(OPERATION, error.to_string()))?;
    let call = clients
        .s3()
        .put_bucket_tagging()
        .bucket(names.bucket())
        .expected_bucket_owner(&names.place.account)
        .tagging(tagging);
    call.send().await.named(OPERATION).map(drop)
}

/// Returns the tag of a bucket that lzap created. lzap deletes only such a bucket.
fn managed_tag(operation: &'static str) -> Result<Tag, AwsError> {
    let tag = Tag::builder().key(TAG_MANAGED).value("true").build();
    tag.map_err(|error| AwsError::broken(operation, error.to_string()))
}

/// `s3:DeleteBucket`. A bucket with objects of another stage stays: that is a success. AWS:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html>
async fn delete_bucket(clients: &Clients, names: &Names) -> Result<(), AwsError> {
    let call =
        clients.s3().delete_bucket().bucket(names.bucket()).expected_bucket_owner(&names.place.account);
    match call.send().await.named("s3:DeleteBucket") {
        Err(error) if error_code(&error) == Some("BucketNotEmpty") => Ok(()),
        outcome => outcome.or_gone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::testing::{answering, names};

    async fn state(status: u16, body: &'static str) -> Result<BucketState, AwsError> {
        let (clients, requests) = answering(&[(status, body)]);
        let state = get_public_access_block(&clients, &names()).await;
        assert_eq!(requests.lock().expect("no test panics here").len(), 1);
        state
    }

    #[tokio::test]
    async fn the_public_access_block_tells_what_the_bucket_is() {
        let missing = "<Error><Code>NoSuchBucket</Code></Error>";
        assert_eq!(state(404, missing).await.expect("no error"), BucketState::Missing);
        let open = "<Error><Code>NoSuchPublicAccessBlockConfiguration</Code></Error>";
        assert_eq!(state(404, open).await.expect("no error"), BucketState::Open);
        let half = "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>";
        assert_eq!(state(200, half).await.expect("no error"), BucketState::Open);
    }

    #[tokio::test]
    async fn a_bucket_of_another_account_is_told_from_a_missing_permission() {
        let foreign = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
        let error = state(403, foreign).await.expect_err("it is not ours");
        assert_eq!(error.kind(), Kind::BucketTaken, "{error:?}");
        let denied = "<Error><Code>AccessDenied</Code><Message>User: arn:aws:iam::123456789012:user/ci is not \
                      authorized to perform: s3:GetBucketPublicAccessBlock on resource: x</Message></Error>";
        let error = state(403, denied).await.expect_err("it is denied");
        assert_eq!(error.to_string(), "AWS denies s3:GetBucketPublicAccessBlock");
    }
}
