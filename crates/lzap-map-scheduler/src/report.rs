//! The report of a map: attempts, durations and costs.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use serde::Serialize;

use crate::attempt::AttemptCounts;
use crate::cost::{gb_seconds, invocation_dollars};

/// The report of a map. It is serializable, so that a page or a log can show it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MapReport {
    /// The map's id, which is `job` in its workers' log lines (`lzap tail --job ID`).
    pub job: String,
    /// True when the plan sent chunks to workers; false when this process was faster or had to compute all.
    pub remote: bool,
    /// One clause on why the plan chose that, for people. Its wording may change.
    pub reason: String,
    /// Items of the input, including resumed ones.
    pub items: usize,
    /// Items with a result or an error, including resumed ones. Fewer than `items` when the map ended early.
    pub done: usize,
    /// Items with results from an earlier attempt of the same job.
    pub resumed: usize,
    /// The number of chunks after splits. The items that the caller tries to measure their duration are one or more of them.
    pub chunks: usize,
    /// In workers and in this process, including throttled ones.
    pub attempts: usize,
    /// Those of `attempts` that ran in the calling process.
    pub here: usize,
    /// Throttled invocations. Lambda does not bill them.
    pub throttles: usize,
    /// Chunks that were sent again after a failure, but not after throttling or a split.
    pub retries: usize,
    /// Chunks that were split, because their worker exited or timed out, or because they were too large.
    pub splits: usize,
    /// Hedged attempts: second invocations of slow chunks.
    pub hedges: usize,
    /// Hedged attempts that answered first. The others were billed for nothing.
    pub hedges_won: usize,
    /// Answers that came too late to count: the chunk was answered, failed or split before. Lambda bills them.
    pub duplicates: usize,
    /// Answers that were their execution environment's first, so Lambda started it for this map.
    pub cold_starts: usize,
    /// Execution environments that answered. Fewer than the chunks, since warm ones compute several.
    pub workers: usize,
    /// Bytes of all events sent.
    pub bytes_up: usize,
    /// Bytes of all answers.
    pub bytes_down: usize,
    /// Payloads that went through S3.
    pub spilled: usize,
    /// Seconds from the first item to the last result.
    pub wall_secs: f64,
    /// Seconds of work, summed over all cores of all workers, which is the time that one core would need.
    pub work_secs: f64,
    /// The median duration of an answered attempt in milliseconds, as the caller measured it; 0 without answers.
    pub p50_ms: f64,
    /// The 95th percentile, in milliseconds. Far above the median, it shows slow hosts or uneven items.
    pub p95_ms: f64,
    /// The longest, in milliseconds.
    pub max_ms: f64,
    /// The workers' billed memory times their billed duration. An invocation without an answer counts for the time that the map
    /// waited. One that is in flight at the map's end continues and costs more than this.
    pub gb_seconds: f64,
    /// The price of `gb_seconds` and of the requests in dollars, in us-east-1 without the free tier. It excludes the caller's
    /// own duration and cold starts.
    pub dollars: f64,
    /// The reason why the map stopped invoking Lambdas and computed the rest itself; `None` when it did not.
    pub gave_up: Option<String>,
    /// One entry for each attempt that answered.
    pub timeline: Vec<Span>,
}

/// One answered attempt.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Span {
    /// The chunk's index, from 0. The chunks that the caller tries before it plans come first.
    pub chunk: usize,
    /// Indexes in the map's input, from 0.
    pub items: Range<usize>,
    /// The execution environment's name; [`HERE`] for the caller.
    pub worker: String,
    /// The start in milliseconds since the map began.
    pub start_ms: f64,
    /// The end in milliseconds since the map began.
    pub end_ms: f64,
    /// Milliseconds of work, summed over all cores. It exceeds the duration when a plain task ran on several cores.
    pub work_ms: f64,
    /// It is the environment's first invocation, so its duration includes a cold start.
    pub cold: bool,
    /// It is a retry or a hedged attempt of its chunk.
    pub retry: bool,
    /// Its results count: no other attempt of the chunk answered before.
    pub used: bool,
}

impl MapReport {
    /// The speed-up over one core: work divided by wall time.
    pub fn speed_up(&self) -> f64 {
        if self.wall_secs > 0.0 { self.work_secs / self.wall_secs } else { 1.0 }
    }

    /// Adds an answered attempt, which took `took` in its execution environment.
    #[doc(hidden)]
    pub fn record_answer(&mut self, span: Span, took: Duration, memory_mb: u32) {
        self.cold_starts += usize::from(span.cold);
        // Work of duplicates is billed, but it is not work that one core would have to do.
        self.work_secs += if span.used { span.work_ms / 1e3 } else { 0.0 };
        if span.worker != HERE {
            self.add_cost(took, memory_mb);
        }
        self.timeline.push(span);
    }

    /// Adds an invocation without an answer after `waited`. Lambda bills it like an answered one.
    #[doc(hidden)]
    pub fn record_unanswered(&mut self, waited: Duration, memory_mb: u32) {
        self.add_cost(waited, memory_mb);
    }

    fn add_cost(&mut self, took: Duration, memory_mb: u32) {
        self.gb_seconds += gb_seconds(took, memory_mb);
        self.dollars += invocation_dollars(took, memory_mb);
    }

    /// Fills in the fields that are known at the map's end. Percentiles need the whole timeline.
    #[doc(hidden)]
    pub fn finish(&mut self, wall: Duration, counts: AttemptCounts, chunks: usize) {
        self.wall_secs = wall.as_secs_f64();
        self.chunks = chunks;
        (self.attempts, self.here, self.throttles) = (counts.attempts, counts.here, counts.throttles);
        (self.retries, self.splits, self.duplicates) = (counts.retries, counts.splits, counts.duplicates);
        (self.hedges, self.hedges_won) = (counts.hedges, counts.hedges_won);
        // Names of environments repeat, since warm ones compute several chunks.
        let workers = self.timeline.iter().map(|span| span.worker.as_str()).filter(|worker| *worker != HERE);
        self.workers = workers.collect::<BTreeSet<_>>().len();
        let mut times: Vec<f64> = self.timeline.iter().map(|span| span.end_ms - span.start_ms).collect();
        times.sort_by(f64::total_cmp);
        let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
        (self.p50_ms, self.p95_ms) = (at(50).copied().unwrap_or(0.0), at(95).copied().unwrap_or(0.0));
        self.max_ms = times.last().copied().unwrap_or(0.0);
    }
}

/// The [`Span::worker`] of the calling process. Its spans cost nothing.
pub const HERE: &str = "here";

/// A snapshot of a running map.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Items with a result or an error, including `failed`.
    pub done: usize,
    /// Items of the input.
    pub items: usize,
    /// Items with an error.
    pub failed: usize,
    /// Throttled invocations: many of them mean that the concurrency limit slows the map.
    pub throttles: usize,
    /// Wall time since the map began.
    pub elapsed: Duration,
    /// The workers' costs so far, in dollars.
    pub dollars: f64,
}

impl Progress {
    /// The estimated time until the end, at the pace so far; `None` before the first result.
    #[expect(clippy::cast_precision_loss, reason = "a share of the items")]
    pub fn remaining(&self) -> Option<Duration> {
        let share = self.items.saturating_sub(self.done) as f64 / self.done as f64;
        (self.done > 0).then(|| self.elapsed.mul_f64(share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answered_attempt_adds_billed_duration_and_work_of_all_cores() {
        let span = Span {
            chunk: 0,
            items: 0..10,
            worker: "a".to_owned(),
            start_ms: 0.0,
            end_ms: 1100.0,
            work_ms: 2000.0,
            cold: false,
            retry: false,
            used: true,
        };
        let mut report = MapReport::default();
        report.record_answer(span, Duration::from_micros(999_500), 2048);
        report.finish(Duration::from_secs(1), AttemptCounts::default(), 1);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(report.gb_seconds, 2.0), "{report:?}");
        assert!(near(report.work_secs, 2.0) && near(report.speed_up(), 2.0), "{report:?}");
    }
}
