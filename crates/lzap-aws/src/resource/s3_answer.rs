//! Answers of S3 about a bucket's settings.

use lzap_core::names::Names;

use crate::error::AwsError;

/// A setting of a bucket; `None` where it isn't set, for which S3 has an error code of its own per setting.
pub(super) fn found_unless_code<T>(
    answer: Result<T, AwsError>,
    missing: &str,
    names: &Names,
) -> Result<Option<T>, AwsError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error_code(&error) == Some(missing) => Ok(None),
        Err(error) => Err(error.about_bucket(&names.bucket())),
    }
}

/// The error code that S3 answered with.
pub(super) fn error_code(error: &AwsError) -> Option<&str> {
    error.cause()?.code()
}
