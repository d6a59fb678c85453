//! Ids of jobs and maps.

use crate::build::hex;
use crate::task::error::{TaskError, TaskErrorKind};

/// 128 random bits as 32 hex digits, from the system's generator: who has a job's id may read its result, so an id must
/// not be guessable.
///
/// # Errors
/// When the system gives no random bytes.
pub(crate) fn random_id() -> Result<String, TaskError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        let why = format!("the system gives no random bytes for an id: {error}");
        TaskError::new(TaskErrorKind::Failed, why)
    })?;
    Ok(hex(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_id_is_32_hex_digits_and_differs_each_time() {
        let (one, two) = (random_id().expect("random bytes"), random_id().expect("random bytes"));
        assert!(lzap_wire::job::is_id(&one) && lzap_wire::job::is_id(&two), "{one} {two}");
        assert_ne!(one, two);
    }
}
