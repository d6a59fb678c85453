//! Ids of jobs and maps.

use crate::build_id::to_hex;
use crate::error::{TaskError, TaskErrorKind};

/// Makes an id of 128 random bits as 32 hex digits. The bits come from the system's generator, because a job's id grants
/// access to its result and must not be guessable.
///
/// # Errors
/// When the system gives no random bytes.
pub fn random_id() -> Result<String, TaskError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        let why = format!("the system gives no random bytes for an id: {error}");
        TaskError::new(TaskErrorKind::Failed, why)
    })?;
    Ok(to_hex(&bytes))
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
