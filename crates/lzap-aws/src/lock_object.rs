//! The stage's lock: a small object that is written only if none exists, or if it replaces exactly the one that was
//! read.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html>

use std::time::Duration;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use lzap_core::names::Names;

use crate::clients::{AnswerTime, Clients};
use crate::error::{Absent, AwsError, Kind, Named};

/// The lock object as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LockObject {
    /// The content of the object.
    pub(crate) text: String,
    /// The `ETag` of this write, for conditional writes and deletes.
    pub(crate) etag: String,
    /// Time since it was written; both times are from S3's own clock.
    pub(crate) age: Duration,
}

/// The precondition of a write: the object that it replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InPlaceOf<'a> {
    /// No object may exist.
    Nothing,
    /// The object with this `ETag`.
    Etag(&'a str),
}

/// `s3:GetObject` of the lock; `None` if there is no lock or no bucket.
pub(crate) async fn get_lock(clients: &Clients, names: &Names) -> Result<Option<LockObject>, AwsError> {
    const OPERATION: &str = "s3:GetObject";
    let time = AnswerTime::default();
    let call = clients
        .s3()
        .get_object()
        .bucket(names.bucket())
        .key(names.lock_key())
        .expected_bucket_owner(&names.place.account);
    let answer = call.customize().interceptor(time.clone()).send().await.named(OPERATION).found();
    let Some(answer) = answer.map_err(|error| error.about_bucket(&names.bucket()))? else {
        return Ok(None);
    };
    // The response's own `Date` is compared with `Last-Modified`: both are S3's clock, so a wrong clock on this machine
    // can't make a lock look stale.
    let age = age_since_write(&answer, time.unix_secs());
    let etag = answer.e_tag().unwrap_or_default().to_owned();
    let body = answer.body.collect().await;
    let body = body.map_err(|error| AwsError::broken(OPERATION, error.to_string()))?;
    let text = String::from_utf8_lossy(&body.into_bytes()).into_owned();
    Ok(Some(LockObject { text, etag, age }))
}

/// Returns the time between the write of the object and the response (`answered`, in seconds since 1970); 0
/// where either is unknown.
fn age_since_write(answer: &GetObjectOutput, answered: Option<i64>) -> Duration {
    // Without a date the lock counts as new: taking over a lock that is held is worse than waiting for the lease.
    let written = answer.last_modified().map(aws_sdk_s3::primitives::DateTime::secs);
    let secs = answered.zip(written).map_or(0, |(answered, written)| answered - written);
    Duration::from_secs(u64::try_from(secs).unwrap_or(0))
}

/// `s3:PutObject` of the lock with a precondition. Returns the new `ETag`, or `None` if the precondition failed.
pub(crate) async fn put_lock(
    clients: &Clients,
    names: &Names,
    text: &str,
    place: InPlaceOf<'_>,
) -> Result<Option<String>, AwsError> {
    let call = clients
        .s3()
        .put_object()
        .bucket(names.bucket())
        .key(names.lock_key())
        .expected_bucket_owner(&names.place.account)
        .content_type("application/json")
        .body(ByteStream::from(text.as_bytes().to_vec()));
    // S3 decides which of two writers wins. A read before the write would leave a gap between both.
    let call = match place {
        InPlaceOf::Nothing => call.if_none_match("*"),
        InPlaceOf::Etag(etag) => call.if_match(etag),
    };
    match call.send().await.named("s3:PutObject") {
        Ok(answer) => Ok(Some(answer.e_tag().unwrap_or_default().to_owned())),
        // S3 answers 412 to a failed precondition; a 409 (two conditional writes at once) is a conflict, which the
        // caller retries.
        Err(error) if error.kind() == Kind::PreconditionFailed => Ok(None),
        // The object to replace has been deleted meanwhile.
        Err(error) if place != InPlaceOf::Nothing && error.is_missing_key() => Ok(None),
        Err(error) => Err(error.about_bucket(&names.bucket())),
    }
}

/// `s3:DeleteObject` of the lock with this `ETag`. One that is gone, or that another process holds by now, stays as it
/// is. AWS: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html>
pub(crate) async fn delete_lock(clients: &Clients, names: &Names, etag: &str) -> Result<(), AwsError> {
    let call = clients
        .s3()
        .delete_object()
        .bucket(names.bucket())
        .key(names.lock_key())
        .expected_bucket_owner(&names.place.account)
        .if_match(etag);
    match call.send().await.named("s3:DeleteObject") {
        Err(error) if error.kind() == Kind::PreconditionFailed => Ok(()),
        outcome => outcome.or_gone(),
    }
}

/// `s3:PutObject` of the stage's mark: the next listing shows that a command changed the stage.
pub(crate) async fn put_mark(clients: &Clients, names: &Names, text: &str) -> Result<(), AwsError> {
    let call = clients
        .s3()
        .put_object()
        .bucket(names.bucket())
        .key(names.mark_key())
        .expected_bucket_owner(&names.place.account)
        .content_type("application/json")
        .body(ByteStream::from(text.as_bytes().to_vec()));
    let outcome = call.send().await.named("s3:PutObject");
    outcome.map(drop).map_err(|error| error.about_bucket(&names.bucket()))
}
