//! Runs a prepared map: resumes from the job's journal, tries a few items in this process, plans the rest and drives it.
//!
//! Item types are erased before this step, so that this code is compiled once and not for each task.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::attempt::{ChunkAnswer, MapContext};
use crate::clock::now;
use crate::drive::{AttemptFuture, Drive, LocalTrial, Sink};
use crate::journal::{Journal, JournalEntry};
use crate::options::MapOptions;
use crate::sinks::ProgressListener;
use lzap_invocation::now_ms;
use lzap_map_scheduler::budget::BudgetLimits;
use lzap_map_scheduler::cost::invocation_dollars;
use lzap_map_scheduler::machine::Machine;
use lzap_map_scheduler::open_items::OpenItems;
use lzap_map_scheduler::plan::{self, MapPlan, PlanInputs, PlanPlace};
use lzap_map_scheduler::report::MapReport;
use lzap_map_scheduler::rules::{MapEnd, MapRules};
use lzap_map_scheduler::{Caller, Chunk};
use lzap_tasks::TaskErrorKind;
use lzap_tasks::TaskTarget;

/// The time for trying the first items before the rest is planned. Items that still run are awaited for twice this time.
const PROBE_TIME: Duration = Duration::from_millis(20);
/// The largest number of items that are tried.
const MAX_PROBED: usize = 32;

/// A map that is ready to run, without its item types.
pub(crate) struct PreparedMap {
    pub(crate) map: Arc<MapContext>,
    /// Items that no attempt has taken yet.
    pub(crate) open: OpenItems,
    /// The journal; `None` outside of jobs and without a bucket.
    pub(crate) journal: Option<Journal>,
    pub(crate) options: MapOptions,
    pub(crate) listener: Option<ProgressListener>,
    /// The task's items may run more than once.
    pub(crate) idempotent: bool,
    /// Chunks that this process computes concurrently when the map invokes no Lambda.
    pub(crate) side_by_side: usize,
    /// Items that one process computes in parallel.
    pub(crate) at_once: usize,
    /// Time of [`now`].
    pub(crate) began: Duration,
    /// Seconds per item; `None` before it is measured.
    pub(crate) item_secs: Option<f64>,
}

impl PreparedMap {
    /// Runs the map and passes its results to the sink. Returns the report, and the reason of an early end.
    pub(crate) async fn run_to_end(&mut self, sink: &mut dyn Sink) -> (MapReport, Option<MapEnd>) {
        let resumed = self.resume_from_journal(sink).await;
        let mut drive = self.new_driver(resumed);
        let under_way = self.probe_items(&mut drive, sink).await;
        if drive.machine.end().is_none() {
            match self.plan_rest(drive.machine.queued_chunks()) {
                Ok(plan) => {
                    (drive.report.remote, drive.report.reason) = (plan.remote, plan.reason);
                    drive.machine.add_chunks(&plan.chunks);
                    // With nothing planned, the remaining items are those of the attempt in flight. They may still be sent,
                    // so the machine is only switched to local work when there are local chunks.
                    if !plan.remote && !plan.chunks.is_empty() {
                        drive.machine.compute_all_here(self.side_by_side);
                    }
                }
                Err(end) => drive.machine.end_map(end),
            }
        }
        let end = drive.run(under_way, sink).await;
        // Resumed items took no time in this attempt, so they don't count for the average.
        let (done, report) = (drive.done - resumed, drive.report);
        if done > 0 {
            self.map.maps.statistics.record_item_secs(self.map.task.name(), report.work_secs / to_f64(done));
        }
        (report, end)
    }

    /// A driver without chunks, after earlier attempts of the job finished `resumed` items.
    pub(crate) fn new_driver(&mut self, resumed: usize) -> Drive {
        let mut report = MapReport::default();
        (report.items, report.resumed) = (self.map.items.len(), resumed);
        report.job.clone_from(&self.map.id);
        Drive {
            machine: Machine::new(self.machine_rules(), &[]),
            report,
            began: self.began,
            done: resumed,
            failed: 0,
            memory_mb: self.map.maps.worker_limits.memory_mb,
            journal: self.journal.take(),
            map: Arc::clone(&self.map),
        }
    }

    /// Takes results of the job's earlier attempts from the journal, and returns the number of their items.
    async fn resume_from_journal(&mut self, sink: &mut dyn Sink) -> usize {
        let Some(journal) = &mut self.journal else { return 0 };
        let before = self.open.len();
        for JournalEntry { items, results } in journal.read_entries().await {
            // Entries are skipped when they overlap or can't be decoded: then their items run again.
            let mut rest = self.open.clone();
            // Results that fail to decode come from another version of lzap or of the task's types.
            if rest.close_range(&items)
                && sink.read_answer(&ChunkAnswer::from_journal(results, items.len())) == Ok(0)
            {
                sink.take_results(items);
                self.open = rest;
            }
        }
        before - self.open.len()
    }

    /// False under `cargo run`, and with [`Caller::Alone`].
    fn is_remote(&self) -> bool {
        matches!(self.map.host.target, TaskTarget::Remote(_)) && self.options.caller != Caller::Alone
    }

    /// Runs the first items in this process, when their duration decides where the rest runs: one item, then as many again as
    /// are done, while they are quick. Returns an attempt that takes longer, which continues while the rest is planned.
    pub(crate) async fn probe_items(
        &mut self,
        drive: &mut Drive,
        sink: &mut dyn Sink,
    ) -> Option<AttemptFuture> {
        self.item_secs = self.map.maps.statistics.item_secs(self.map.task.name());
        let is_automatic = self.options.caller == Caller::Helps && self.options.chunk == Chunk::Auto;
        let is_slow = self.item_secs.is_some_and(|secs| secs > PROBE_TIME.as_secs_f64());
        // An item may have ended the last attempt's process, so a resumed job computes its items in workers only.
        let is_resumed = drive.journal.as_ref().is_some_and(Journal::is_resumed);
        if !is_automatic || !self.is_remote() || is_slow || is_resumed {
            return None;
        }
        let (began, until) = (now(), Instant::now() + PROBE_TIME);
        let (mut done, mut busy_ms) = (0, 0.0);
        while done < MAX_PROBED && now() < began + PROBE_TIME && drive.machine.end().is_none() {
            let first = self.open.first();
            let items = first.start..first.end.min(first.start + done.max(1));
            if items.is_empty() {
                break;
            }
            // These items are in an attempt from here on, so they are not planned again, whatever its end.
            self.open.close_range(&items);
            // The wait is for all tried items together, so that the map starts its workers soon.
            let patience = (began + 2 * PROBE_TIME).saturating_sub(now());
            // The first item always starts. Without it, there would be nothing to measure.
            let until = (done > 0).then_some(until);
            match drive.try_here(items, until, patience, sink).await {
                LocalTrial::Done(items, ms) => {
                    done += items;
                    busy_ms += ms;
                    self.item_secs = Some(busy_ms / 1e3 / to_f64(done));
                }
                LocalTrial::Failed => break,
                LocalTrial::UnderWay(in_flight) => {
                    // These items are slower than the measured ones, so the measurement no longer predicts the rest.
                    self.item_secs = None;
                    return Some(in_flight);
                }
            }
        }
        None
    }

    /// Plans the remaining items, beside `queued` chunks that are cut already.
    ///
    /// # Errors
    /// The map's end, when there would be too many chunks.
    pub(crate) fn plan_rest(&self, queued: usize) -> Result<MapPlan, MapEnd> {
        let bytes_of = |places: &Range<usize>| {
            self.open.ranges_at(places).map(|items| self.map.items.bytes_of(&items)).sum()
        };
        let place = match self.options.caller {
            _ if !self.is_remote() => PlanPlace::Here,
            Caller::WhenStuck => PlanPlace::Remote,
            _ if self.options.chunk != Chunk::Auto => PlanPlace::Remote,
            _ => PlanPlace::Either,
        };
        let learned = &self.map.maps.statistics;
        let facts = PlanInputs {
            items: self.open.len(),
            item_secs: self.item_secs,
            bytes: bytes_of(&(0..self.open.len())),
            cores: self.at_once,
            overhead: Duration::from_secs_f64(learned.overhead_secs()),
            // After throttling, a plan with fewer chunks than the user's limit avoids waiting for concurrency.
            limit: self.options.limit.min(learned.max_in_flight()),
            max_invocations: self.options.max_invocations.map(|most| most.saturating_sub(queued).max(1)),
        };
        let plan = plan::plan_chunks(&facts, self.options.chunk, place, bytes_of);
        // Checked before the chunks are mapped to open items: gaps of finished items cut some chunks in two, and these
        // additional chunks are not the user's choice.
        if plan.chunks.len() > plan::MAX_CHUNKS {
            let message = format!(
                "{} chunks are more than the {} that one call may invoke: take larger chunks, or cut the input",
                plan.chunks.len(),
                plan::MAX_CHUNKS
            );
            return Err(MapEnd::Fatal { kind: TaskErrorKind::TooLarge, message });
        }
        let chunks = plan.chunks.iter().flat_map(|places| self.open.ranges_at(places)).collect();
        let plan = MapPlan { chunks, ..plan };
        Ok(match self.map.host.target {
            TaskTarget::InProcess if facts.items > 0 => {
                MapPlan { reason: "this process is not in Lambda".to_owned(), ..plan }
            }
            _ => plan,
        })
    }

    /// A map that can't invoke Lambdas gets [`Caller::Alone`], whatever its options.
    fn machine_rules(&self) -> MapRules {
        let (remote, workers) = (self.is_remote(), self.map.maps.worker_limits);
        MapRules {
            limit: self.options.limit,
            budget: BudgetLimits {
                dollars: self.options.max_cost,
                invocations: self.options.max_invocations,
                dollars_per_invocation: invocation_dollars(workers.timeout, workers.memory_mb),
            },
            attempts: self.options.attempts,
            idempotent: self.idempotent,
            hedge: self.options.hedge,
            on_error: self.options.on_error,
            caller: if remote { self.options.caller } else { Caller::Alone },
            // Beside workers, one chunk at a time: this process also sends and reads.
            cores: if remote { 1 } else { self.side_by_side },
            deadline: self.map.deadline,
            last_start: self.map.deadline.map(|end| end.saturating_sub(self.map.return_margin)),
            items: self.map.items.len(),
            // Jitter needs no secret seed.
            seed: now_ms(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of items")]
fn to_f64(items: usize) -> f64 {
    items as f64
}
