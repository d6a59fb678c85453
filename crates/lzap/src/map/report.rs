//! What a map did, and what it cost.

use std::collections::BTreeSet;
use std::env;
use std::ops::Range;
use std::time::Duration;

use serde::Serialize;

use super::machine::Counts;

/// Dollars for one GB-second, by architecture: us-east-1, first tier.
///
/// AWS: <https://aws.amazon.com/lambda/pricing/> (read 2026-11).
const GB_SECOND: (f64, f64) = (0.000_016_666_7, 0.000_013_333_4);
/// Dollars for one request.
const REQUEST: f64 = 0.000_000_2;

/// What a map did. Serializable, so that a page or a log can show it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MapReport {
    /// Its id: the `job` of its workers' log lines (`lzap tail --job ID`).
    pub job: String,
    /// Whether other Lambdas were to be used.
    pub remote: bool,
    /// Why the work was planned so.
    pub reason: String,
    /// Items of the input.
    pub items: usize,
    /// Items with a result or an error.
    pub done: usize,
    /// Items whose results an earlier attempt of the same job had left.
    pub resumed: usize,
    /// Chunks, after all splitting. The items that the caller tries first, to see what one costs, are one or two of them.
    pub chunks: usize,
    /// Attempts of all chunks.
    pub attempts: usize,
    /// Attempts in this process.
    pub here: usize,
    /// Invocations that Lambda had no room for; they cost nothing.
    pub throttles: usize,
    /// Attempts after a lost connection or a dead worker.
    pub retries: usize,
    /// Chunks that were cut in two because they killed a worker, or were too large.
    pub splits: usize,
    /// Second invocations of slow chunks.
    pub hedges: usize,
    /// Of these, how many answered first.
    pub hedges_won: usize,
    /// Answers to chunks that were answered already.
    pub duplicates: usize,
    /// Workers that Lambda started for this map.
    pub cold_starts: usize,
    /// Different environments that answered.
    pub workers: usize,
    /// Bytes of all events sent.
    pub bytes_up: usize,
    /// Bytes of all answers.
    pub bytes_down: usize,
    /// Payloads that went through S3.
    pub spilled: usize,
    /// Seconds from the first item to the last result.
    pub wall_secs: f64,
    /// Seconds that the items took, all cores of all workers together: what one core would have needed.
    pub work_secs: f64,
    /// Milliseconds of chunks, as the caller saw them: half took less.
    pub p50_ms: f64,
    /// 95 % took less.
    pub p95_ms: f64,
    /// The slowest.
    pub max_ms: f64,
    /// What the workers are billed for: memory times time. Invocations that did not answer count for as long as they were
    /// waited for: what is still under way at the end goes on, and costs more.
    pub gb_seconds: f64,
    /// The same and the requests, in dollars (us-east-1, without free tier; the caller's own time and what new environments
    /// take to start are not in it).
    pub dollars: f64,
    /// Why Lambda was given up for the rest, if it was.
    pub gave_up: Option<String>,
    /// One entry for each attempt that answered.
    pub timeline: Vec<Span>,
}

/// One answered attempt.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Span {
    /// The chunk, counted from 0; those that the caller tries first, if it does, come first.
    pub chunk: usize,
    /// Its items.
    pub items: Range<usize>,
    /// Which environment: `here` is the caller.
    pub worker: String,
    /// Milliseconds since the map began.
    pub start_ms: f64,
    /// The same.
    pub end_ms: f64,
    /// Milliseconds of work in it, of all cores together: more than it took, where a plain task had several.
    pub work_ms: f64,
    /// The environment's first chunk.
    pub cold: bool,
    /// Not the chunk's first attempt.
    pub retry: bool,
    /// Whether its results were used.
    pub used: bool,
}

impl MapReport {
    /// How many times faster than one core doing everything: work by wall time.
    pub fn speed_up(&self) -> f64 {
        if self.wall_secs > 0.0 { self.work_secs / self.wall_secs } else { 1.0 }
    }

    /// One more answer, which took its environment so long.
    pub(crate) fn answered(&mut self, span: Span, took_ms: f64, memory_mb: u32) {
        self.cold_starts += usize::from(span.cold);
        self.work_secs += if span.used { span.work_ms / 1e3 } else { 0.0 };
        if span.worker != HERE {
            self.bill(took_ms, memory_mb);
        }
        self.timeline.push(span);
    }

    /// One that did not answer, after so long: it is billed all the same.
    pub(crate) fn unanswered(&mut self, waited: Duration, memory_mb: u32) {
        self.bill(waited.as_secs_f64() * 1e3, memory_mb);
    }

    /// Lambda bills each begun millisecond that passes, however many cores work in it.
    fn bill(&mut self, ms: f64, memory_mb: u32) {
        let gb_seconds = ms.ceil() / 1e3 * f64::from(memory_mb) / 1024.0;
        self.gb_seconds += gb_seconds;
        self.dollars += gb_seconds * gb_second() + REQUEST;
    }

    pub(crate) fn close(&mut self, wall: Duration, counts: Counts, chunks: usize) {
        self.wall_secs = wall.as_secs_f64();
        self.chunks = chunks;
        (self.attempts, self.here, self.throttles) = (counts.attempts, counts.here, counts.throttles);
        (self.retries, self.splits, self.duplicates) = (counts.retries, counts.splits, counts.duplicates);
        (self.hedges, self.hedges_won) = (counts.hedges, counts.hedges_won);
        let workers = self.timeline.iter().map(|span| span.worker.as_str()).filter(|worker| *worker != HERE);
        self.workers = workers.collect::<BTreeSet<_>>().len();
        let mut times: Vec<f64> = self.timeline.iter().map(|span| span.end_ms - span.start_ms).collect();
        times.sort_by(f64::total_cmp);
        let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
        (self.p50_ms, self.p95_ms) = (at(50).copied().unwrap_or(0.0), at(95).copied().unwrap_or(0.0));
        self.max_ms = times.last().copied().unwrap_or(0.0);
    }
}

/// The caller itself, as a worker.
pub(crate) const HERE: &str = "here";

fn gb_second() -> f64 {
    if env::consts::ARCH == "aarch64" { GB_SECOND.1 } else { GB_SECOND.0 }
}

/// How far a map is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Items with a result or an error.
    pub done: usize,
    /// All items.
    pub items: usize,
    /// Items that failed.
    pub failed: usize,
    /// Invocations that Lambda had no room for.
    pub throttles: usize,
    /// Since the map began.
    pub elapsed: Duration,
    /// What the workers have cost so far.
    pub dollars: f64,
}

impl Progress {
    /// How long it will still take at this pace; none before the first result.
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
    fn time_is_billed_and_work_is_what_the_cores_did() {
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
        report.answered(span, 999.5, 2048);
        report.close(Duration::from_secs(1), Counts::default(), 1);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(report.gb_seconds, 2.0), "{report:?}");
        assert!(near(report.work_secs, 2.0) && near(report.speed_up(), 2.0), "{report:?}");
    }
}
