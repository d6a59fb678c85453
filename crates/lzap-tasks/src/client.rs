//! The process's AWS client, and the meaning of its errors.

use std::error::Error as _;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use lzap_client::{Client, ClientError, Deadline, ErrorKind};
use lzap_invocation::Invocation;

/// Linux's number of "too many open files": the process's own limit, and the system's.
const NO_DESCRIPTOR: [i32; 2] = [24, 23];

/// The process's client, made at the first call: an app that makes none reads no credentials.
///
/// # Errors
/// When the environment has no region, or a setting can't be read.
pub fn shared_client() -> Result<&'static Client, ClientError> {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client);
    }
    let made = Client::from_env()?;
    Ok(CLIENT.get_or_init(|| made))
}

/// The time between a call's deadline and its invocation's, in which a failed call can still become an answer.
const ANSWER_MARGIN: Duration = Duration::from_millis(100);

/// The longest that a call may take where no deadline ends it: a function's longest run, and the way there and back.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html> (read 2026-11).
const LONGEST_CALL: Duration = Duration::from_secs(1805);

/// The deadline of an AWS call within the current invocation: the invocation's own, less the time in which the call's error
/// becomes an answer.
pub fn call_deadline() -> Deadline {
    let left = Invocation::current().time_left();
    Deadline::after(left.map_or(LONGEST_CALL, |left| left.saturating_sub(ANSWER_MARGIN)))
}

/// True if `EMFILE` or `ENFILE` is among the error's causes: such a call was never sent.
pub fn is_out_of_descriptors(error: &ClientError) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let code = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        if code.is_some_and(|code| NO_DESCRIPTOR.contains(&code)) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// True if S3 says that an object is missing.
///
/// The function's role may not list the bucket, since listing would show the keys of other stages; to such a role S3
/// answers 403 for a missing object. Its message then names `s3:ListBucket` as what was not allowed, and for an object that
/// is there and may not be read it names `s3:GetObject`. A 403 with neither name is an error: a missing permission must not
/// look like lost data.
///
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html>
pub fn is_missing_object(error: &ClientError) -> bool {
    means_missing(error.kind(), error.code(), error.message())
}

fn means_missing(kind: ErrorKind, code: Option<&str>, message: &str) -> bool {
    match kind {
        ErrorKind::NotFound => code != Some("NoSuchBucket"),
        ErrorKind::Denied => message.contains("s3:ListBucket"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message of a 403 has the form that AWS documents; none was recorded on AWS.
    /// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html>
    #[test]
    fn object_is_missing_only_if_s3_says_so_or_would_need_to_list_the_bucket() {
        let denied = |action: &str| {
            format!(
                "User: arn:aws:sts::111122223333:assumed-role/shop/shop is not authorized to perform: {action} on \
                 resource: \"arn:aws:s3:::data/a.csv\" because no identity-based policy allows the {action} action"
            )
        };
        for (kind, code, message, expected) in [
            (ErrorKind::NotFound, "NoSuchKey", "The specified key does not exist.".to_owned(), true),
            (ErrorKind::NotFound, "NoSuchBucket", "The specified bucket does not exist".to_owned(), false),
            (ErrorKind::Denied, "AccessDenied", denied("s3:ListBucket"), true),
            (ErrorKind::Denied, "AccessDenied", denied("s3:GetObject"), false),
            (ErrorKind::Denied, "AccessDenied", "Access Denied".to_owned(), false),
            (ErrorKind::Throttled, "SlowDown", denied("s3:ListBucket"), false),
        ] {
            assert_eq!(means_missing(kind, Some(code), &message), expected, "{code}: {message}");
        }
    }
}
