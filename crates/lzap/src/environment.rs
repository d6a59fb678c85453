//! Facts about the execution environment that Lambda sets in the process's variables.

use std::env;

/// The function's memory in MB; none under `cargo run`.
pub(crate) fn memory_mb() -> Option<u32> {
    env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok().and_then(|mb| mb.parse().ok())
}
