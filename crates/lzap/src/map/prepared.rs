//! A map that is ready to run, its types forgotten: what a job's last attempt left is taken over, a few items are tried,
//! the rest is planned and driven.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Listener;
use super::carry::{Answer, Job};
use super::drive::{Drive, Flying, Sink, Tried, now};
use super::journal::{Journal, Kept};
use super::machine::{End, Machine, Rules};
use super::open::Open;
use super::options::{Caller, Chunk, Options};
use super::plan::{self, Facts, Place, Plan};
use super::report::MapReport;
use crate::engine::TaskTarget;
use crate::environment::memory_mb;
use crate::task::context::now_ms;
use crate::task::error::TaskErrorKind;

/// How long the first items may take before the rest is planned, and how many they are at most. Twice as long, it is
/// waited for them.
const PROBE: Duration = Duration::from_millis(20);
const PROBED: usize = 32;

/// A map that is ready to run, its types forgotten.
pub(super) struct Prepared {
    pub(super) job: Arc<Job>,
    /// Items that are still to plan.
    pub(super) open: Open,
    /// In a job.
    pub(super) journal: Option<Journal>,
    pub(super) options: Options,
    pub(super) listener: Option<Listener>,
    pub(super) idempotent: bool,
    /// Chunks that this process computes at once when no Lambda does.
    pub(super) side_by_side: usize,
    /// Items that one process computes at once.
    pub(super) at_once: usize,
    pub(super) began: Duration,
    /// What an item costs, once some were run.
    pub(super) item_secs: Option<f64>,
}

impl Prepared {
    /// Runs all of it; the sink has what came.
    pub(super) async fn go(&mut self, sink: &mut dyn Sink) -> (MapReport, Option<End>) {
        let resumed = self.resume(sink).await;
        let mut drive = self.drive(resumed);
        let under_way = self.probe(&mut drive, sink).await;
        if drive.machine.end().is_none() {
            match self.plan() {
                Ok(plan) => {
                    (drive.report.remote, drive.report.reason) = (plan.remote, plan.reason);
                    drive.machine.extend(&plan.chunks);
                    // What is left of what is under way may still be sent.
                    if !plan.remote && !plan.chunks.is_empty() {
                        drive.machine.alone(self.side_by_side);
                    }
                }
                Err(end) => drive.machine.stop(end),
            }
        }
        let end = drive.run(under_way, sink).await;
        let (done, report) = (drive.done - resumed, drive.report);
        if done > 0 {
            self.job.shared.learned.learn(self.job.task.name(), report.work_secs / count(done));
        }
        (report, end)
    }

    /// With no chunks yet, and so many items done by earlier attempts of the job.
    pub(super) fn drive(&mut self, resumed: usize) -> Drive {
        let is_own = self.job.shared.workers.is_none();
        Drive {
            machine: Machine::new(self.rules(), &[]),
            report: MapReport {
                job: self.job.id.clone(),
                items: self.job.items.len(),
                resumed,
                ..MapReport::default()
            },
            began: self.began,
            done: resumed,
            failed: 0,
            memory_mb: memory_mb().filter(|_| is_own).unwrap_or(0),
            max_cost: self.options.max_cost,
            journal: self.journal.take(),
            job: Arc::clone(&self.job),
        }
    }

    /// Takes over what earlier attempts of the job did: how many items.
    async fn resume(&mut self, sink: &mut dyn Sink) -> usize {
        let Some(journal) = &mut self.journal else { return 0 };
        let before = self.open.len();
        for Kept { items, results } in journal.read().await {
            let mut rest = self.open.clone();
            if rest.close(&items) && sink.read(&Answer::kept(results, items.len())) == Ok(0) {
                sink.take(items);
                self.open = rest;
            }
        }
        before - self.open.len()
    }

    fn is_remote(&self) -> bool {
        matches!(self.job.shared.target, TaskTarget::Remote(_)) && self.options.caller != Caller::Alone
    }

    /// Runs the first items here, when what they cost decides where the rest goes: one, and as long as they are quick as
    /// many again. What takes longer goes on beside the rest.
    pub(super) async fn probe(&mut self, drive: &mut Drive, sink: &mut dyn Sink) -> Option<Flying> {
        self.item_secs = self.job.shared.learned.item_secs(self.job.task.name());
        let asked = self.options.caller == Caller::Helps && self.options.chunk == Chunk::Auto;
        let is_long = self.item_secs.is_some_and(|secs| secs > PROBE.as_secs_f64());
        // What may have killed the last attempt's process is tried in others.
        let goes_on = drive.journal.as_ref().is_some_and(Journal::goes_on);
        if !asked || !self.is_remote() || is_long || goes_on {
            return None;
        }
        let (began, until) = (now(), Instant::now() + PROBE);
        let (mut done, mut busy_ms) = (0, 0.0);
        while done < PROBED && now() < began + PROBE && drive.machine.end().is_none() {
            let first = self.open.first();
            let items = first.start..first.end.min(first.start + done.max(1));
            if items.is_empty() {
                break;
            }
            self.open.close(&items);
            let patience = (began + 2 * PROBE).saturating_sub(now());
            let until = (done > 0).then_some(until);
            match drive.try_here(items, until, patience, sink).await {
                Tried::Done(items, ms) => {
                    done += items;
                    busy_ms += ms;
                    self.item_secs = Some(busy_ms / 1e3 / count(done));
                }
                Tried::Failed => break,
                Tried::UnderWay(flying) => {
                    // Slower than those before, by how much nobody knows.
                    self.item_secs = None;
                    return Some(flying);
                }
            }
        }
        None
    }

    /// Where the rest goes; the end, when that can't be.
    pub(super) fn plan(&self) -> Result<Plan, End> {
        let bytes_of =
            |places: &Range<usize>| self.open.at(places).map(|items| self.job.items.bytes_of(&items)).sum();
        let place = match self.options.caller {
            _ if !self.is_remote() => Place::Here,
            Caller::WhenStuck => Place::Remote,
            _ if self.options.chunk != Chunk::Auto => Place::Remote,
            _ => Place::Either,
        };
        let learned = &self.job.shared.learned;
        let facts = Facts {
            items: self.open.len(),
            item_secs: self.item_secs,
            bytes: bytes_of(&(0..self.open.len())),
            cores: self.at_once,
            overhead: Duration::from_secs_f64(learned.overhead_secs()),
            limit: self.options.limit.min(learned.room()),
        };
        let plan = plan::plan(&facts, self.options.chunk, place, bytes_of);
        // As asked for: that what is done already lies between makes some more.
        if plan.chunks.len() > plan::MOST_CHUNKS {
            let message = format!(
                "{} chunks are more than the {} that one call may invoke: take larger chunks, or cut the input",
                plan.chunks.len(),
                plan::MOST_CHUNKS
            );
            return Err(End::Fatal { kind: TaskErrorKind::TooLarge, message });
        }
        let chunks = plan.chunks.iter().flat_map(|places| self.open.at(places)).collect();
        let plan = Plan { chunks, ..plan };
        Ok(match self.job.shared.target {
            TaskTarget::InProcess if facts.items > 0 => {
                Plan { reason: "this process is not in Lambda".to_owned(), ..plan }
            }
            _ => plan,
        })
    }

    fn rules(&self) -> Rules {
        let remote = self.is_remote();
        Rules {
            limit: self.options.limit,
            attempts: self.options.attempts,
            idempotent: self.idempotent,
            hedge: self.options.hedge,
            on_error: self.options.on_error,
            caller: if remote { self.options.caller } else { Caller::Alone },
            cores: if remote { 1 } else { self.side_by_side },
            deadline: self.job.deadline,
            last_start: self.job.deadline.map(|end| end.saturating_sub(self.job.way_back)),
            items: self.job.items.len(),
            seed: now_ms(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of items")]
fn count(items: usize) -> f64 {
    items as f64
}
