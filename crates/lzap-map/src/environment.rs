//! Facts about the execution environment, from the variables that Lambda sets and from the machine.

use std::env;
use std::num::NonZero;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use lzap_wire::env::{LZAP_TIMEOUT, LZAP_WORKERS_MEMORY};

/// Lambda's longest timeout.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html>
const LONGEST_TIMEOUT: Duration = Duration::from_mins(15);

/// The function's memory in MB; `None` under `cargo run`.
pub(crate) fn memory_mb() -> Option<u32> {
    env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok().and_then(|mb| mb.parse().ok())
}

/// The timeout and the memory of a worker, which bound what one of its invocations costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerLimits {
    /// The timeout of a worker. A map's budget reserves the cost of this time while an invocation is in flight.
    pub timeout: Duration,
    /// The worker's memory in MB; 0 when it is not known.
    pub memory_mb: u32,
}

impl WorkerLimits {
    /// The limits of the workers that were deployed with this process. A function that an older tool deployed doesn't know
    /// them; then they are Lambda's longest timeout, and this function's own memory.
    pub(crate) fn from_env() -> Self {
        let number = |name| env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
        Self {
            timeout: number(LZAP_TIMEOUT).map_or(LONGEST_TIMEOUT, |secs| Duration::from_secs(secs.into())),
            // The larger one, since chunks go to this function when the worker function can't be invoked.
            memory_mb: number(LZAP_WORKERS_MEMORY).max(memory_mb()).unwrap_or(0),
        }
    }
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
