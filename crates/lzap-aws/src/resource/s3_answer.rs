//! Reads S3's responses about a bucket's settings.

use lzap_core::names::Names;

use crate::error::AwsError;

/// Returns the setting of a bucket; `None` if it isn't set. S3 has an error code of its own for each missing
/// setting.
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

/// Returns the error code of S3's response; `None` without a response.
pub(super) fn error_code(error: &AwsError) -> Option<&str> {
    error.cause()?.code()
}
