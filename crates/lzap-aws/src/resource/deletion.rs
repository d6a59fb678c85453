//! Deletions that a wrong "not found" can't make forget a resource.

use std::future::Future;

use crate::error::{AwsError, Kind};

/// Deletes a resource, and takes it for gone only if a read doesn't find it either.
///
/// Afterwards its kind leaves the function's tag, and no later deploy looks for it. So a resource that AWS only calls
/// missing, as it does while a change isn't visible everywhere, would stay and cost money. `is_there` is a read of the
/// resource, which is made after a "not found" only. If it finds the resource, the result is that "not found".
pub(super) async fn delete_and_confirm(
    delete: impl Future<Output = Result<(), AwsError>>,
    is_there: impl Future<Output = Result<bool, AwsError>>,
) -> Result<(), AwsError> {
    match delete.await {
        Err(missing) if missing.kind() == Kind::NotFound => {
            if is_there.await? {
                Err(missing)
            } else {
                Ok(())
            }
        }
        outcome => outcome,
    }
}
