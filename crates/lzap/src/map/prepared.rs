//! A map that is ready to run, its types forgotten: what a job's last attempt left is taken over, a few items are tried,
//! the rest is planned and driven.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;

use super::Listener;
use super::carry::{Answer, Carried, Job};
use super::chunk;
use super::drive::{Drive, Sink, Tried, Trying};
use super::journal::{Journal, Kept};
use super::machine::{End, Machine, Rules};
use super::open::Open;
use super::options::{Caller, Chunk, Options};
use super::plan::{self, Facts, Place, Plan};
use super::report::MapReport;
use crate::engine::Carrier;
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
        let mut report = MapReport {
            job: self.job.id.clone(),
            items: self.job.items.len(),
            resumed: self.resume(sink).await,
            ..MapReport::default()
        };
        let tried = self.probe().await;
        let plan = match self.plan() {
            Ok(plan) => plan,
            Err(end) => return (MapReport { done: report.resumed, ..report }, Some(end)),
        };
        (report.remote, report.reason) = (plan.remote, plan.reason);
        let first = tried.iter().map(|tried| tried.items.clone());
        let chunks: Vec<_> = first.chain(plan.chunks).collect();
        let mut drive = Drive {
            machine: Machine::new(self.rules(plan.remote), &chunks),
            began: self.began,
            done: report.resumed,
            failed: 0,
            memory_mb: chunk::memory_mb().unwrap_or(0),
            max_cost: self.options.max_cost,
            journal: self.journal.take(),
            job: Arc::clone(&self.job),
            report,
        };
        let end = drive.run(tried, sink).await;
        let (done, report) = (drive.done - drive.report.resumed, drive.report);
        if done > 0 {
            self.job.shared.learned.learn(self.job.task.name(), report.work_secs / count(done));
        }
        (report, end)
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
        matches!(self.job.shared.engine, Carrier::Remote(_)) && self.options.caller != Caller::Alone
    }

    /// Runs the first items here, when what they cost decides where the rest goes: one, and a few more when that was
    /// quick. What takes longer goes on beside the rest.
    pub(super) async fn probe(&mut self) -> Vec<Tried> {
        self.item_secs = self.job.shared.learned.item_secs(self.job.task.name());
        let asked = self.options.caller == Caller::Helps && self.options.chunk == Chunk::Auto;
        let is_long = self.item_secs.is_some_and(|secs| secs > PROBE.as_secs_f64());
        // What may have killed the last attempt's process is tried in others.
        let goes_on = self.journal.as_ref().is_some_and(Journal::goes_on);
        let mut tried = Vec::new();
        if !asked || !self.is_remote() || is_long || goes_on {
            return tried;
        }
        let began = Instant::now();
        let (until, patience) = (began + PROBE, began + 2 * PROBE);
        let (mut items_done, mut took_ms) = (0, 0.0);
        for most in [1, PROBED - 1] {
            let first = self.open.first();
            let items = first.start..first.end.min(first.start + most);
            if items.is_empty() || Instant::now() >= until {
                break;
            }
            self.open.close(&items);
            let job = Arc::clone(&self.job);
            let range = items.clone();
            let until = (most > 1).then_some(until);
            let mut under_way: BoxFuture<'static, Carried> =
                Box::pin(async move { job.carry_here(range, until).await });
            let Ok(carried) = tokio::time::timeout_at(patience.into(), &mut under_way).await else {
                tried.push(Tried { items, carried: Trying::UnderWay(under_way) });
                break;
            };
            let answer = carried.answer.as_ref().map(|answer| (answer.items, answer.took_ms));
            tried.push(Tried { items, carried: Trying::Over(Box::new(carried)) });
            let Some((items, ms)) = answer.filter(|(items, _)| *items > 0) else { break };
            items_done += items;
            took_ms += ms;
            self.item_secs = Some(took_ms / 1e3 / count(items_done));
        }
        tried
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
        Ok(match self.job.shared.engine {
            Carrier::Here if facts.items > 0 => {
                Plan { reason: "this process is not in Lambda".to_owned(), ..plan }
            }
            _ => plan,
        })
    }

    fn rules(&self, remote: bool) -> Rules {
        Rules {
            limit: self.options.limit,
            attempts: self.options.attempts,
            idempotent: self.idempotent,
            hedge: self.options.hedge,
            on_error: self.options.on_error,
            caller: if remote { self.options.caller } else { Caller::Alone },
            cores: if remote { 1 } else { self.side_by_side },
            deadline: self.job.deadline,
            items: self.job.items.len(),
            seed: now_ms(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of items")]
fn count(items: usize) -> f64 {
    items as f64
}
