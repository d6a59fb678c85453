//! The objects: artifacts.

use std::path::Path;

use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use lzap_core::desired::Artifact;
use lzap_core::event::Event;
use lzap_core::names::Names;

use crate::clients::Clients;
use crate::error::{Absent, AwsError, Named};
use crate::retry::Progress;

/// How many keys one `DeleteObjects` takes.
///
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
const DELETE_BATCH: usize = 1000;

/// `s3:HeadObject`: whether an object exists.
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>
pub(crate) async fn head_object(clients: &Clients, names: &Names, key: &str) -> Result<bool, AwsError> {
    let call = clients
        .s3()
        .head_object()
        .bucket(names.bucket())
        .key(key)
        .expected_bucket_owner(&names.place.account);
    let answer = call.send().await.named("s3:HeadObject").found();
    answer.map(|answer| answer.is_some()).map_err(|error| error.about_bucket(&names.bucket()))
}

/// `s3:ListObjectsV2`, all pages: the keys that begin with the stage's prefix.
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
pub(crate) async fn list_objects(clients: &Clients, names: &Names) -> Result<Vec<String>, AwsError> {
    let mut keys = Vec::new();
    let mut token = None;
    loop {
        let call = clients
            .s3()
            .list_objects_v2()
            .bucket(names.bucket())
            .prefix(names.prefix())
            .expected_bucket_owner(&names.place.account)
            .set_continuation_token(token);
        let page = call.send().await.named("s3:ListObjectsV2").found();
        let Some(page) = page.map_err(|error| error.about_bucket(&names.bucket()))? else {
            return Ok(keys);
        };
        keys.extend(page.contents().iter().filter_map(|object| object.key()).map(str::to_owned));
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            return Ok(keys);
        }
    }
}

/// `s3:PutObject`, streamed from the file. S3 compares the bytes with their SHA-256, which is known already.
///
/// No read timeout: it would count the time that the upload itself takes. The SDK ends an upload that stalls.
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>
pub(crate) async fn put_object(
    clients: &Clients,
    names: &Names,
    artifact: &Artifact,
    progress: Progress<'_>,
) -> Result<(), AwsError> {
    const OPERATION: &str = "s3:PutObject";
    let body = read(&artifact.path).await?;
    let call = clients
        .s3()
        .put_object()
        .bucket(names.bucket())
        .key(names.artifact_key(&artifact.sha256))
        .expected_bucket_owner(&names.place.account)
        .content_type("application/zip")
        .checksum_sha256(&artifact.code_sha256)
        .body(body);
    let patient = TimeoutConfig::builder().disable_read_timeout().build();
    let config = aws_sdk_s3::config::Builder::new().timeout_config(patient);
    let outcome = call.customize().config_override(config).send().await.named(OPERATION);
    outcome.map_err(|error| error.about_bucket(&names.bucket()))?;
    progress.tell(Event::Uploaded { step: progress.step, bytes: artifact.bytes });
    Ok(())
}

async fn read(path: &Path) -> Result<ByteStream, AwsError> {
    ByteStream::from_path(path).await.map_err(|error| AwsError::artifact(path, error.to_string()))
}

/// `s3:DeleteObjects`, a thousand at a time. An error for one key is an error.
pub(crate) async fn delete_objects(
    clients: &Clients,
    names: &Names,
    keys: &[String],
) -> Result<(), AwsError> {
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
        let Some(answer) = call.send().await.named(OPERATION).found()? else {
            return Ok(());
        };
        if let Some(failed) = answer.errors().first() {
            let message =
                format!("{}: {}", failed.key().unwrap_or("?"), failed.message().unwrap_or("no reason given"));
            return Err(AwsError::entry(OPERATION, failed.code().unwrap_or("Error"), &message));
        }
    }
    Ok(())
}
