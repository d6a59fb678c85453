//! Facts about the execution environment, from the variables that Lambda sets and from the machine.

use std::env;
use std::num::NonZero;
use std::sync::OnceLock;
use std::thread;

/// The function's memory in MB; `None` under `cargo run`.
pub(crate) fn memory_mb() -> Option<u32> {
    env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok().and_then(|mb| mb.parse().ok())
}

/// The number of threads that this process can run in parallel. It is read once, since the standard library reads cgroup
/// files for it.
pub(crate) fn core_count() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get))
}

/// The function memory that gets one full vCPU, in MB.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html> (read 2026-11).
const MB_PER_PROCESSOR: usize = 1769;

/// The number of full processors that this process has. Lambda shows two cores to a function whose memory is worth half of
/// one, so the core count alone would overstate the parallel work.
pub(crate) fn full_processors() -> usize {
    let worth = memory_mb().map_or(usize::MAX, |mb| (mb as usize / MB_PER_PROCESSOR).max(1));
    core_count().min(worth)
}
