//! Drives a map: starts the attempts that the machine asks for, reports their ends to it, and passes results to the sink.
//!
//! The driver is one future and spawns no tasks, so that dropping it ends the map. Invocations that are in flight then
//! run on in Lambda, because Lambda has no operation to cancel one.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use crate::attempt::{AttemptRecord, ChunkAnswer, MapContext};
use crate::clock::now;
use crate::journal::Journal;
use lzap_map_scheduler::attempt::{
    AttemptCounts, AttemptEnd, AttemptId, AttemptPlace, BilledEnd, ChunkFailure, Verdict,
};
use lzap_map_scheduler::cost::invocation_dollars;
use lzap_map_scheduler::machine::{Machine, NextStep};
use lzap_map_scheduler::report::{HERE, MapReport, Progress, Span};
use lzap_map_scheduler::rules::MapEnd;
use lzap_map_scheduler::window::Window;

/// The receiver of a map's results.
pub(crate) trait Sink: Send {
    /// Decodes an answer and returns how many of its items failed.
    ///
    /// # Errors
    /// The reason why the answer can't belong to this map.
    fn read_answer(&mut self, answer: &ChunkAnswer) -> Result<usize, String>;

    /// Keeps the results of the answer that was read last, as those of `items`.
    fn take_results(&mut self, items: Range<usize>);

    /// Records that items have no result.
    fn fail_items(&mut self, failure: ChunkFailure);

    /// Reports progress after each attempt.
    fn report_progress(&mut self, progress: &Progress);
}

/// The longest time for the last journal write after the deadline. It is less than
/// [`ANSWER_MARGIN`](lzap_invocation::ANSWER_MARGIN), after which Lambda stops the process.
const LATE_WRITE_TIMEOUT: Duration = Duration::from_millis(150);

/// Boxed, so that local and remote attempts are in one set.
pub(crate) type AttemptFuture = BoxFuture<'static, (AttemptId, AttemptRecord)>;

/// The outcome of items that the caller tries before it plans the rest.
pub(crate) enum LocalTrial {
    /// The number of items with a result, and the milliseconds of work that they took.
    Done(usize, f64),
    /// No item has a result. The machine retries them like any chunk.
    Failed,
    /// The attempt still runs.
    UnderWay(AttemptFuture),
}

/// Counts a map's invocations in flight, and gives their places in the shared window back when the map ends.
///
/// A map can be dropped with invocations in flight, for example by a timeout around it. Their answers never arrive, so
/// without this guard the window would stay smaller for all later maps of the process.
struct InFlightGuard {
    window: Arc<Mutex<Window>>,
    count: usize,
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let mut window = lock_window(&self.window);
        (0..self.count).for_each(|_| window.release_place());
    }
}

/// The state of a running map. One future owns it, so it needs no lock.
pub(crate) struct Drive {
    pub(crate) map: Arc<MapContext>,
    pub(crate) machine: Machine,
    pub(crate) report: MapReport,
    /// Time of [`now`].
    pub(crate) began: Duration,
    /// Items with a result or an error.
    pub(crate) done: usize,
    pub(crate) failed: usize,
    /// A worker's memory in MB: that of the deploy until an answer reports it; 0 when it is not known.
    pub(crate) memory_mb: u32,
    pub(crate) journal: Option<Journal>,
}

impl Drive {
    /// Computes items in this process, starts none of them after `until`, and waits for at most `patience`.
    pub(crate) async fn try_here(
        &mut self,
        items: Range<usize>,
        until: Option<Instant>,
        patience: Duration,
        sink: &mut dyn Sink,
    ) -> LocalTrial {
        let attempt = self.machine.start_here(items.clone(), now());
        let map = Arc::clone(&self.map);
        // The attempt is boxed, so that it can move into the driver's set of attempts when it outlasts `patience`.
        let mut in_flight: AttemptFuture =
            Box::pin(async move { (attempt, map.run_here(items, until).await) });
        let Ok((attempt, record)) = tokio::time::timeout(patience, &mut in_flight).await else {
            return LocalTrial::UnderWay(in_flight);
        };
        let (done, busy_ms) = (self.done, record.answer.as_ref().map_or(0.0, |answer| answer.busy_ms));
        self.record_attempt(attempt, record, sink);
        if self.done > done { LocalTrial::Done(self.done - done, busy_ms) } else { LocalTrial::Failed }
    }

    /// Runs the map to its end and returns why it ended early, if it did. `under_way` is an attempt that already runs.
    pub(crate) async fn run(
        &mut self,
        under_way: Option<AttemptFuture>,
        sink: &mut dyn Sink,
    ) -> Option<MapEnd> {
        let window = Arc::clone(&self.map.maps.statistics.window);
        let mut guard = InFlightGuard { window: Arc::clone(&window), count: 0 };
        let mut in_flight: FuturesUnordered<AttemptFuture> = under_way.into_iter().collect();
        loop {
            // The window's lock is held for this decision only. Other maps of the process use the same window.
            let next = self.machine.next_step(now(), &mut lock_window(&window));
            match next {
                NextStep::Finished => break,
                NextStep::Start { attempt, items, place } => {
                    // Only remote attempts take a place in the window.
                    guard.count += usize::from(place == AttemptPlace::Remote);
                    let (chunk, map) = (self.machine.chunk_of(attempt).0, Arc::clone(&self.map));
                    in_flight.push(Box::pin(async move {
                        (attempt, map.run_attempt(chunk, attempt, items, place).await)
                    }));
                }
                NextStep::Wait(until) => {
                    let pause = until.map(|until| until.saturating_sub(now()));
                    let sleep = async {
                        match pause {
                            Some(pause) => tokio::time::sleep(pause).await,
                            // Without a time the map waits for the end of an attempt alone.
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        // The journal comes first, because a stream of fast answers must not delay its write.
                        biased;
                        () = write_journal_when_due(self.journal.as_mut()) => {}
                        Some((attempt, record)) = in_flight.next(), if !in_flight.is_empty() => {
                            guard.count -= usize::from(record.place == AttemptPlace::Remote);
                            self.record_attempt(attempt, record, sink);
                        }
                        () = sleep => {}
                    }
                }
            }
        }
        // These invocations are abandoned, and Lambda bills them. The report counts the time until now.
        for since in self.machine.in_flight_since() {
            self.report.record_unanswered(now().saturating_sub(since), self.memory_mb);
        }
        // Dropped before the journal's last write: a map that runs meanwhile can use the places in the window.
        drop((in_flight, guard));
        // Cleaning up may take a little longer than the deadline, because Lambda stops the process only later.
        let left = self.map.deadline.map(|end| end.saturating_sub(now()) + LATE_WRITE_TIMEOUT);
        // In a map without spilled payloads, lost responses hardly left objects, and each deletion costs a request.
        if self.report.spilled > 0 {
            self.map.delete_lost_results(left).await;
        }
        if let Some(journal) = self.journal.take() {
            journal.write_rest(self.began, left).await;
        }
        let wall = now().saturating_sub(self.began);
        self.report.done = self.done;
        self.report.finish(wall, self.machine.counts, self.machine.chunk_count());
        let AttemptCounts { attempts, here, .. } = self.machine.counts;
        self.report.remote |= attempts > here;
        self.report.gave_up = self.machine.lambda_unusable.take();
        self.machine.end().cloned()
    }

    /// Records a finished attempt in the report, the machine, the journal and the sink.
    fn record_attempt(&mut self, attempt: AttemptId, record: AttemptRecord, sink: &mut dyn Sink) {
        let AttemptRecord { end, answer, place, items, started, finished, bytes_up, bytes_down, spilled } =
            record;
        self.report.bytes_up += bytes_up;
        self.report.bytes_down += bytes_down;
        self.report.spilled += spilled;
        let end = match (&answer, end) {
            (Some(answer), None) => match sink.read_answer(answer) {
                Ok(failed) => AttemptEnd::Done { items: answer.items, failed },
                Err(why) => AttemptEnd::ForeignAnswer(why),
            },
            (_, Some(end)) => end,
            (None, None) => AttemptEnd::ForeignAnswer("there is no answer".to_owned()),
        };
        let failed = if let AttemptEnd::Done { failed, .. } = end { failed } else { 0 };
        // A worker reports its memory. This process and a test's workers report none.
        if let Some(answer) = answer.as_ref().filter(|answer| answer.memory_mb > 0) {
            self.memory_mb = answer.memory_mb;
        }
        let took = finished.saturating_sub(started);
        let is_unanswered = answer.is_none() && (bytes_down > 0 || is_billed(&end));
        if is_unanswered && place == AttemptPlace::Remote {
            self.report.record_unanswered(took.min(self.map.maps.worker_limits.timeout), self.memory_mb);
        }
        // The budget counts the time that this process measured. It includes the start of an environment, which is billed too,
        // and no answer of another program can make it less.
        let is_run = answer.is_some() || is_unanswered;
        let dollars = if is_run { invocation_dollars(took, self.memory_mb) } else { 0.0 };
        let (chunk, retry) = self.machine.chunk_of(attempt);
        let window = &self.map.maps.statistics.window;
        let verdict =
            self.machine.record_end(attempt, now(), BilledEnd { end, dollars }, &mut lock_window(window));
        if let Some(answer) = &answer {
            let mut span = Span::default();
            span.chunk = chunk;
            // A worker that ran out of time returns a part of the items, and the rest gets another span.
            span.items = if let Verdict::Take(taken) = &verdict { taken.clone() } else { items };
            span.worker = if place == AttemptPlace::Here { HERE.to_owned() } else { answer.worker.clone() };
            span.start_ms = to_ms(started.saturating_sub(self.began));
            span.end_ms = to_ms(finished.saturating_sub(self.began));
            span.work_ms = answer.busy_ms;
            (span.cold, span.retry) = (answer.cold, retry);
            span.used = matches!(verdict, Verdict::Take(_));
            // Cold starts are left out, because the next invocations of the same environment don't have that overhead.
            if place == AttemptPlace::Remote && !answer.cold {
                let overhead = finished.saturating_sub(started).as_secs_f64() - answer.took_ms / 1e3;
                self.map.maps.statistics.record_overhead(overhead.max(0.0));
            }
            self.report.record_answer(span, answer.took(), self.memory_mb);
        }
        if let Verdict::Take(items) = verdict {
            self.done += items.len();
            self.failed += failed;
            sink.take_results(items.clone());
            // A chunk with failed items is not kept, because the job's next attempt shall try them again.
            if let (Some(journal), Some(answer), 0) = (&mut self.journal, answer, failed) {
                journal.add_results(items, answer.results);
            }
        }
        // One end can fail more than its own chunk, so failures are collected instead of returned.
        for failure in self.machine.take_failures() {
            self.done += failure.items.len();
            self.failed += failure.items.len();
            sink.fail_items(failure);
        }
        let mut progress = Progress::default();
        (progress.done, progress.items) = (self.done, self.map.items.len());
        (progress.failed, progress.throttles) = (self.failed, self.machine.counts.throttles);
        progress.elapsed = now().saturating_sub(self.began);
        progress.dollars = self.report.dollars;
        sink.report_progress(&progress);
    }
}

/// True when Lambda probably bills an invocation without an answer. Lambda doesn't bill throttled and refused ones.
fn is_billed(end: &AttemptEnd) -> bool {
    matches!(
        end,
        AttemptEnd::FunctionFailed { .. }
            | AttemptEnd::ResponseLost(_)
            | AttemptEnd::ForeignAnswer(_)
            | AttemptEnd::TooLarge { ran: true, .. }
    )
}

/// Waits for the journal's next write; without a journal, forever.
async fn write_journal_when_due(journal: Option<&mut Journal>) {
    match journal {
        Some(journal) => journal.write_when_due().await,
        None => std::future::pending().await,
    }
}

/// Milliseconds, rounded to microseconds, for a report.
pub(super) fn to_ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Locks the window that all maps of the process share.
fn lock_window(window: &Mutex<Window>) -> std::sync::MutexGuard<'_, Window> {
    window.lock().unwrap_or_else(PoisonError::into_inner)
}
