//! Measures a stage: wall time, and processor time of the processes that it started. It reads `/proc`, so it
//! works on Linux only. The benchmarks have a measurement of their own in `tests/bench`.

use std::fmt::{self, Display};
use std::time::{Duration, Instant};

use fs_err as fs;
use lzap_testkit::shell::{Failure, Result};

/// The duration of a stage, or of the whole run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StageTime {
    name: &'static str,
    wall: Duration,
    /// User and system time of the child processes that have ended, and of their children. A process that
    /// outlives its parent, such as an embedded cloud, is not included.
    processor: Duration,
}

impl Display for StageTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s, {:.1} s of processor time", self.wall.as_secs_f64(), self.processor.as_secs_f64())
    }
}

/// A running measurement.
pub(super) struct Stopwatch {
    began: Instant,
    processor: Duration,
}

impl Stopwatch {
    /// Starts a measurement. Fails if `/proc/self/stat` cannot be read.
    pub(super) fn start() -> Result<Self> {
        Ok(Self { began: Instant::now(), processor: read_children_processor_time()? })
    }

    /// Returns the time since the start, labeled with the `name` of a stage. The stopwatch keeps running.
    pub(super) fn read(&self, name: &'static str) -> Result<StageTime> {
        let processor = read_children_processor_time()?.saturating_sub(self.processor);
        Ok(StageTime { name, wall: self.began.elapsed(), processor })
    }
}

/// Returns a table in seconds with one line per stage and one for the whole run.
pub(super) fn format_table(stages: &[StageTime], total: &StageTime) -> String {
    let mut lines = vec![format!("{:>9} {:>9}", "wall", "processor")];
    for time in stages.iter().chain([total]) {
        let (wall, processor) = (time.wall.as_secs_f64(), time.processor.as_secs_f64());
        lines.push(format!("{wall:>8.1}s {processor:>8.1}s {}", time.name));
    }
    lines.join("\n")
}

/// Returns the user and system time of all child processes that have ended so far. The resolution is 10 ms on
/// common kernels.
fn read_children_processor_time() -> Result<Duration> {
    // `getrusage(RUSAGE_CHILDREN)` returns the same, but rustix does not offer it and this workspace forbids
    // `unsafe`.
    let stat = fs::read_to_string("/proc/self/stat")?;
    let ticks = parse_children_ticks(&stat).ok_or_else(|| Failure::new("cannot read /proc/self/stat"))?;
    let per_second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_millis(ticks * 1_000 / per_second.max(1)))
}

/// Returns the sum of the fields `cutime` and `cstime` (see `proc_pid_stat(5)`), in clock ticks.
fn parse_children_ticks(stat: &str) -> Option<u64> {
    // The second field is the program's name in parentheses. It may contain blanks and parentheses, so fields
    // count from the last one.
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(13);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_children_ticks_adds_user_and_system_time() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 1 2 3 4 11 12 130 14 20 0 1 0 99 8 9";
        assert_eq!(parse_children_ticks(stat), Some(144));
        assert_eq!(parse_children_ticks("7 (a) S 1"), None);
    }

    #[test]
    fn stopwatch_counts_processor_time_of_ended_child() -> Result {
        let watch = Stopwatch::start()?;
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        std::process::Command::new("sh").args(["-c", busy]).status()?;
        assert!(watch.read("busy")?.processor > Duration::ZERO);
        Ok(())
    }

    #[test]
    fn format_table_has_one_line_per_stage_and_a_total() {
        let time = |name, seconds| StageTime {
            name,
            wall: Duration::from_secs(seconds),
            processor: Duration::from_millis(seconds * 1_500),
        };
        let text = format_table(&[time("fmt", 2), time("unit", 60)], &time("all", 62));
        assert_eq!(text.lines().count(), 4);
        assert_eq!(text.lines().last(), Some("    62.0s     93.0s all"));
    }
}
