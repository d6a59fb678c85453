//! The stage's objects in the bucket: see `lzap_core::resource::artifact`.
//!
//! All keys begin with `APP/STAGE/`, since stages share the bucket. A zip is named after its hash: the same
//! build is uploaded once.

use std::path::Path;

use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use lzap_core::event::Event;
use lzap_core::names::Names;
use lzap_core::resource::artifact::{Artifact, ArtifactOperation, Object};

use super::step::{Created, StepContext};
use crate::clients::Clients;
use crate::error::{Absent, AwsError, Named};
use crate::retry::{CONFLICT, PROPAGATION, Progress, again};

/// Applies one operation. An upload may follow the bucket's creation, so that "not found" can mean "not yet".
pub(crate) async fn apply_artifact(
    context: StepContext<'_>,
    operation: &ArtifactOperation,
) -> Result<Created, AwsError> {
    let StepContext { clients, names, progress, .. } = context;
    match operation {
        ArtifactOperation::Upload(artifact) => {
            again(PROPAGATION, progress, || put_object(clients, names, artifact, progress)).await?;
        }
        ArtifactOperation::Delete(keys) => {
            again(CONFLICT, progress, || delete_objects(clients, names, keys)).await?;
        }
    }
    Ok(Created::Nothing)
}

/// Maximum number of keys of one `DeleteObjects` call.
///
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
const DELETE_BATCH: usize = 1000;

/// The selection of the stage's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Objects that lzap puts: artifacts, the lock, the mark. An app may keep thousands of its own below.
    Own,
    /// All objects whose keys begin with the stage's prefix.
    All,
}

/// `s3:ListObjectsV2`, all pages: the objects whose keys begin with the stage's prefix; `None` if there is no bucket.
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
pub(crate) async fn list_objects(
    clients: &Clients,
    names: &Names,
    depth: Depth,
) -> Result<Option<Vec<Object>>, AwsError> {
    let mut objects = Vec::new();
    let mut token = None;
    loop {
        let call = clients
            .s3()
            .list_objects_v2()
            .bucket(names.bucket())
            .prefix(names.prefix())
            // With the delimiter S3 returns deeper keys as common prefixes: one entry per folder instead of thousands.
            .set_delimiter((depth == Depth::Own).then(|| "/".to_owned()))
            .expected_bucket_owner(&names.place.account)
            .set_continuation_token(token);
        let page = call.send().await.named("s3:ListObjectsV2").found();
        let Some(page) = page.map_err(|error| error.about_bucket(&names.bucket()))? else {
            return Ok(None);
        };
        objects.extend(page.contents().iter().filter_map(|object| {
            let etag = object.e_tag().unwrap_or_default().to_owned();
            Some(Object { key: object.key()?.to_owned(), etag })
        }));
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            // Sorted, so that two listings can be compared.
            objects.sort();
            return Ok(Some(objects));
        }
    }
}

/// `s3:ListObjectsV2` of one key: returns whether the bucket has no object of any stage. A missing bucket
/// isn't an empty one.
pub(crate) async fn is_empty(clients: &Clients, names: &Names) -> Result<bool, AwsError> {
    let call = clients
        .s3()
        .list_objects_v2()
        .bucket(names.bucket())
        .max_keys(1)
        .expected_bucket_owner(&names.place.account);
    let page = call.send().await.named("s3:ListObjectsV2").found()?;
    Ok(page.is_some_and(|page| page.contents().is_empty()))
}

/// `s3:PutObject`, streamed from the file. S3 checks the bytes against their SHA-256, which is known from the build.
///
/// No read timeout: it would include the time of the upload itself. The SDK ends an upload that stalls. AWS:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>
async fn put_object(
    clients: &Clients,
    names: &Names,
    artifact: &Artifact,
    progress: Progress<'_>,
) -> Result<(), AwsError> {
    const OPERATION: &str = "s3:PutObject";
    let body = open_artifact(&artifact.path).await?;
    let call = clients
        .s3()
        .put_object()
        .bucket(names.bucket())
        .key(names.artifact_key(&artifact.sha256))
        .expected_bucket_owner(&names.place.account)
        .content_type("application/zip")
        // S3 refuses an upload whose bytes differ, for example if the file was rebuilt meanwhile.
        .checksum_sha256(&artifact.code_sha256)
        .body(body);
    let patient = TimeoutConfig::builder().disable_read_timeout().build();
    let config = aws_sdk_s3::config::Builder::new().timeout_config(patient);
    let outcome = call.customize().config_override(config).send().await.named(OPERATION);
    outcome.map_err(|error| error.about_bucket(&names.bucket()))?;
    progress.tell(|step| Event::Uploaded { step, bytes: artifact.bytes });
    Ok(())
}

/// `s3:GetObject`; `None` if the object or the bucket doesn't exist.
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
pub(crate) async fn get_object(
    clients: &Clients,
    names: &Names,
    key: &str,
) -> Result<Option<Vec<u8>>, AwsError> {
    const OPERATION: &str = "s3:GetObject";
    let call =
        clients.s3().get_object().bucket(names.bucket()).key(key).expected_bucket_owner(&names.place.account);
    let answer = call.send().await.named(OPERATION).found();
    let Some(answer) = answer.map_err(|error| error.about_bucket(&names.bucket()))? else {
        return Ok(None);
    };
    let body = answer.body.collect().await;
    let body = body.map_err(|error| AwsError::broken(OPERATION, error.to_string()))?;
    Ok(Some(body.into_bytes().to_vec()))
}

/// Opens the zip for an upload. It is read while it is sent, and again for each retry.
async fn open_artifact(path: &Path) -> Result<ByteStream, AwsError> {
    ByteStream::from_path(path).await.map_err(|error| AwsError::artifact(path, error.to_string()))
}

/// `s3:DeleteObjects`, up to 1,000 keys per call. The failure of one key is an error; a key without an object
/// is none.
async fn delete_objects(clients: &Clients, names: &Names, keys: &[String]) -> Result<(), AwsError> {
    const OPERATION: &str = "s3:DeleteObjects";
    for batch in keys.chunks(DELETE_BATCH) {
        let objects: Result<Vec<ObjectIdentifier>, _> =
            batch.iter().map(|key| ObjectIdentifier::builder().key(key).build()).collect();
        let objects = objects.map_err(|error| AwsError::broken(OPERATION, error.to_string()))?;
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build();
        let delete = delete.map_err(|error| AwsError::broken(OPERATION, error.to_string()))?;
        let call = clients
            .s3()
            .delete_objects()
            .bucket(names.bucket())
            .expected_bucket_owner(&names.place.account)
            .delete(delete);
        // Without the bucket there is nothing left to delete.
        let Some(answer) = call.send().await.named(OPERATION).found()? else {
            return Ok(());
        };
        // S3 answers 200 although it could not delete some keys: only this list tells.
        if let Some(failed) = answer.errors().first() {
            let message =
                format!("{}: {}", failed.key().unwrap_or("?"), failed.message().unwrap_or("no reason given"));
            return Err(AwsError::entry(OPERATION, failed.code().unwrap_or("Error"), &message));
        }
    }
    Ok(())
}
