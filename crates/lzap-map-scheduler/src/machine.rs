//! The state machine of a map: it records how attempts end, and decides which attempt starts next and where.
//!
//! The machine is pure: it has no clock and no I/O, and its random numbers come from a seed. `lzap-map` runs it against
//! Lambda, and the simulator runs the same machine in virtual time. All times count from the owner's epoch.

mod endings;
mod hedge;
mod waiting;

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::time::Duration;

use lzap_wire::task::FailureCode;

use crate::attempt::{
    AttemptCounts, AttemptEnd, AttemptId, AttemptPlace, BilledEnd, ChunkFailure, ChunkId, Verdict,
};
use crate::budget::Budget;
use crate::options::Caller;
use crate::random::SplitMix64;
use crate::rules::{MapEnd, MapRules};
use crate::window::{Capacity, Window};

/// The driver's next step. The machine has recorded a `Start` already, so the driver must carry it out.
#[derive(Clone, Debug, PartialEq)]
pub enum NextStep {
    /// Start this attempt, and ask for the next step again.
    Start {
        /// The attempt's index, by which the driver reports its end.
        attempt: AttemptId,
        /// Indexes in the map's input, from 0.
        items: Range<usize>,
        /// `Here` must not block the driver, which keeps handling the ends of invocations.
        place: AttemptPlace,
    },
    /// Wait until an attempt ends, or until this time; `None` when only an end can change anything.
    Wait(Option<Duration>),
    /// All items have a result or an error, or the map ended early. Attempts may still be in flight.
    Finished,
}

#[derive(Clone, Debug)]
struct ChunkState {
    items: Range<usize>,
    /// It has results or an error, or its halves replace it. Later answers are duplicates.
    is_settled: bool,
    /// Attempts that count towards the limit: neither hedged nor throttled ones.
    tries: u32,
    /// Attempts at which the worker exited or timed out.
    exits: u32,
    /// It is half of a chunk that timed out, so another timeout fails it instead of splitting it again.
    has_timed_out: bool,
    foreign: u32,
    /// Attempts in flight: two while a hedged one runs.
    running: usize,
    is_hedged: bool,
}

#[derive(Clone, Debug)]
struct AttemptState {
    chunk: ChunkId,
    place: AttemptPlace,
    started: Duration,
    is_hedge: bool,
    /// Not the chunk's first attempt; hedged ones count too. For the report only.
    is_retry: bool,
}

/// One map. A driver calls [`Self::next_step`] until it has to wait, and reports each end to [`Self::record_end`].
#[derive(Clone, Debug)]
pub struct Machine {
    rules: MapRules,
    chunks: Vec<ChunkState>,
    attempts: Vec<AttemptState>,
    /// Attempts that have not ended, the oldest first.
    in_flight: BTreeSet<AttemptId>,
    budget: Budget,
    /// Retries and halves go to the front; this process takes from the back.
    queue: VecDeque<ChunkId>,
    /// Chunks that wait for a retry, and the time at which each wait ends.
    delayed: Vec<(Duration, ChunkId)>,
    /// Attempts in flight in workers, of this map only; the window counts those of all maps.
    remote: usize,
    here: usize,
    /// Items without a result or a failure.
    open_items: usize,
    failed_items: usize,
    /// Durations of answered attempts in workers, sorted, for the median.
    times: Vec<Duration>,
    failures: Vec<ChunkFailure>,
    /// The reason why the map stopped invoking Lambda and computes the rest here; `None` while it may invoke.
    pub lambda_unusable: Option<String>,
    end: Option<MapEnd>,
    /// Public, because the driver copies them into the report at the end.
    pub counts: AttemptCounts,
    /// The jitter of retries. It is seeded, so that a simulated map is repeatable.
    random: SplitMix64,
}

impl Machine {
    /// A machine whose chunks are all queued, in the order in which they are sent.
    pub fn new(rules: MapRules, chunks: &[Range<usize>]) -> Self {
        let mut machine = Self {
            random: SplitMix64::new(rules.seed),
            budget: Budget::new(rules.budget),
            rules,
            chunks: Vec::with_capacity(chunks.len()),
            attempts: Vec::with_capacity(chunks.len()),
            in_flight: BTreeSet::new(),
            queue: VecDeque::with_capacity(chunks.len()),
            delayed: Vec::new(),
            remote: 0,
            here: 0,
            failed_items: 0,
            open_items: 0,
            times: Vec::new(),
            failures: Vec::new(),
            lambda_unusable: None,
            end: None,
            counts: AttemptCounts::default(),
        };
        machine.add_chunks(chunks);
        machine
    }

    /// Appends chunks to the queue, for items that the machine has not counted yet.
    pub fn add_chunks(&mut self, chunks: &[Range<usize>]) {
        for items in chunks {
            self.open_items += items.len();
            let id = self.add_chunk(items.clone());
            self.queue.push_back(id);
        }
    }

    /// Adds a chunk that this process starts to compute now, outside of the queue: it tries items before the plan.
    pub fn start_here(&mut self, items: Range<usize>, now: Duration) -> AttemptId {
        self.open_items += items.len();
        let chunk = self.add_chunk(items);
        self.here += 1;
        self.start_attempt(chunk, AttemptPlace::Here, now, false).0
    }

    /// Makes this process compute all remaining chunks, `cores` of them concurrently: the plan found that faster.
    pub fn compute_all_here(&mut self, cores: usize) {
        (self.rules.caller, self.rules.cores) = (Caller::Alone, cores);
    }

    /// The next step at `now`. The driver calls it again until it returns `Wait` or `Finished`.
    pub fn next_step(&mut self, now: Duration, window: &mut Window) -> NextStep {
        // A map whose last answer arrives at its deadline is complete, and not late.
        if self.rules.deadline.is_some_and(|deadline| now >= deadline) && self.open_items > 0 {
            self.end_map(MapEnd::Deadline);
        }
        if self.open_items == 0 || self.end.is_some() {
            return NextStep::Finished;
        }
        // Both can make capacity or chunks available, so they come before the decision.
        self.requeue_due_chunks(now);
        window.double_if_due(now);
        let sends =
            self.rules.caller != Caller::Alone && self.lambda_unusable.is_none() && !self.is_late(now);
        let reached = self.budget.reached_limit().filter(|_| sends);
        if let Some(limit) = reached.filter(|_| self.remote == 0 && !self.queue.is_empty()) {
            // No end of an invocation can free a part of the budget. This process starts nothing more either, since the rest
            // could take it very long.
            if self.here > 0 {
                return NextStep::Wait(self.rules.deadline);
            }
            self.end_map(MapEnd::Budget(limit));
            return NextStep::Finished;
        }
        if sends
            && reached.is_none()
            && self.capacity(now, window) == Capacity::Now
            && let Some((chunk, hedge)) = self.next_chunk(now)
        {
            window.record_launch(now);
            self.budget.record_start();
            self.remote += 1;
            let (attempt, items) = self.start_attempt(chunk, AttemptPlace::Remote, now, hedge);
            return NextStep::Start { attempt, items, place: AttemptPlace::Remote };
        }
        // Workers take chunks from the front of the queue, and this process takes them from the back. The small chunks are
        // there, so this process delays the map's end as little as possible.
        if self.must_compute_here(now, window)
            && let Some(chunk) = self.queue.pop_back()
        {
            self.here += 1;
            let (attempt, items) = self.start_attempt(chunk, AttemptPlace::Here, now, false);
            return NextStep::Start { attempt, items, place: AttemptPlace::Here };
        }
        if self.is_late(now) && self.remote + self.here == 0 && self.delayed.is_empty() {
            // It is too late to start an attempt, and none is in flight, so waiting for the deadline would be useless.
            self.end_map(MapEnd::Deadline);
            return NextStep::Finished;
        }
        NextStep::Wait(self.wait_until(now, window))
    }

    /// True when the answer of an attempt sent now would arrive after the deadline.
    fn is_late(&self, now: Duration) -> bool {
        self.rules.caller != Caller::Alone && self.rules.last_start.is_some_and(|last| now >= last)
    }

    /// Records the end of an attempt, and returns the use of its answer.
    pub fn record_end(
        &mut self,
        id: AttemptId,
        now: Duration,
        end: impl Into<BilledEnd>,
        window: &mut Window,
    ) -> Verdict {
        let BilledEnd { end, dollars } = end.into();
        // A driver reports each attempt once. A second report must not free a place twice.
        if !self.in_flight.remove(&id) {
            return Verdict::Drop;
        }
        let Some(attempt) = self.attempts.get(id).cloned() else { return Verdict::Drop };
        match attempt.place {
            // Local attempts say nothing about Lambda's concurrency.
            AttemptPlace::Here => self.here = self.here.saturating_sub(1),
            AttemptPlace::Remote => {
                self.remote = self.remote.saturating_sub(1);
                window.record_end(now, &end);
                self.budget.record_end(&end, dollars);
            }
        }
        let chunk = attempt.chunk;
        let Some(chunk_state) = self.chunks.get_mut(chunk) else { return Verdict::Drop };
        chunk_state.running = chunk_state.running.saturating_sub(1);
        // A late answer of a hedged or a split chunk has no effect, except that its results were paid for twice.
        if chunk_state.is_settled || self.end.is_some() {
            self.counts.duplicates +=
                usize::from(chunk_state.is_settled && matches!(end, AttemptEnd::Done { .. }));
            return Verdict::Drop;
        }
        match end {
            AttemptEnd::Done { items: 0, .. } => self.retry_unstarted(chunk, now, attempt.place),
            AttemptEnd::Done { items, failed } => {
                self.record_duration(now.saturating_sub(attempt.started), attempt.place);
                // The other attempt keeps running, and its answer counts as a duplicate.
                self.counts.hedges_won += usize::from(attempt.is_hedge);
                return self.record_results(chunk, items, failed, attempt.place);
            }
            AttemptEnd::Throttled { .. } => {
                self.counts.throttles += 1;
                self.requeue_chunk(chunk);
            }
            AttemptEnd::OutOfDescriptors => self.requeue_chunk(chunk),
            AttemptEnd::NotSent(message) => {
                self.retry_unsent(chunk, now, FailureCode::Unreachable, message);
            }
            AttemptEnd::ResponseLost(message) => {
                self.retry_later(chunk, now, FailureCode::Unreachable, message);
            }
            AttemptEnd::FunctionFailed { failure, message } => {
                self.handle_function_failure(chunk, now, failure, message);
            }
            AttemptEnd::TooLarge { ran, message } => self.handle_too_large(chunk, ran, message),
            AttemptEnd::ForeignAnswer(message) => self.handle_foreign_answer(chunk, message),
            AttemptEnd::LambdaUnusable { kind, message } => self.stop_using_lambda(chunk, kind, message),
            AttemptEnd::Fatal { kind, message } => self.end_map(MapEnd::Fatal { kind, message }),
        }
        Verdict::Drop
    }

    /// Ends the map: no attempt starts after this. The first reason stays.
    pub fn end_map(&mut self, end: MapEnd) {
        // Later reasons are consequences of the first.
        self.end.get_or_insert(end);
    }

    /// The reason why the map ended early; `None` while it runs and after a complete one.
    pub fn end(&self) -> Option<&MapEnd> {
        self.end.as_ref()
    }

    /// The failures since the last call. Taken in pieces, because the driver passes them on while the map runs.
    pub fn take_failures(&mut self) -> Vec<ChunkFailure> {
        std::mem::take(&mut self.failures)
    }

    /// The number of items of each chunk, in the order of [`ChunkId`]. A split chunk and its halves are all listed.
    pub fn chunk_sizes(&self) -> Vec<usize> {
        self.chunks.iter().map(|chunk_state| chunk_state.items.len()).collect()
    }

    /// The number of chunks that could be sent now. Those that wait before a retry are not counted.
    pub fn queued_chunks(&self) -> usize {
        self.queue.len()
    }

    /// The number of chunks. A split chunk counts as its two halves.
    pub fn chunk_count(&self) -> usize {
        self.chunks.len() - self.counts.splits
    }

    /// The start times of the invocations in flight, the oldest first: Lambda bills them even after the map's end.
    pub fn in_flight_since(&self) -> impl Iterator<Item = Duration> {
        self.remote_in_flight().map(|attempt| attempt.started)
    }

    /// The attempts in flight in workers, the oldest first.
    fn remote_in_flight(&self) -> impl Iterator<Item = &AttemptState> {
        let attempts = self.in_flight.iter().filter_map(|id| self.attempts.get(*id));
        attempts.filter(|attempt| attempt.place == AttemptPlace::Remote)
    }

    /// The chunk of an attempt, and true if the attempt is not the chunk's first.
    pub fn chunk_of(&self, attempt: AttemptId) -> (ChunkId, bool) {
        self.attempts.get(attempt).map_or((0, false), |attempt| (attempt.chunk, attempt.is_retry))
    }

    /// Adds a chunk without queuing it, since callers differ in which end of the queue it goes to.
    fn add_chunk(&mut self, items: Range<usize>) -> ChunkId {
        self.chunks.push(ChunkState {
            items,
            is_settled: false,
            tries: 0,
            exits: 0,
            has_timed_out: false,
            foreign: 0,
            running: 0,
            is_hedged: false,
        });
        self.chunks.len() - 1
    }

    /// The capacity for another invocation, within the map's own limit and the shared window.
    fn capacity(&self, now: Duration, window: &Window) -> Capacity {
        if self.remote >= self.rules.limit { Capacity::Later } else { window.capacity(now) }
    }

    /// Records the start of an attempt, for the limit on attempts and the counters.
    fn start_attempt(
        &mut self,
        chunk: ChunkId,
        place: AttemptPlace,
        now: Duration,
        hedge: bool,
    ) -> (AttemptId, Range<usize>) {
        let attempt = self.attempts.len();
        self.counts.attempts += 1;
        self.counts.here += usize::from(place == AttemptPlace::Here);
        self.counts.hedges += usize::from(hedge);
        let (mut items, mut again) = (0..0, hedge);
        if let Some(chunk_state) = self.chunks.get_mut(chunk) {
            chunk_state.running += 1;
            // A hedged attempt must not use up the retries of a chunk that is only slow.
            chunk_state.tries += u32::from(!hedge);
            chunk_state.is_hedged |= hedge;
            again |= chunk_state.tries > 1;
            items = chunk_state.items.clone();
        }
        self.attempts.push(AttemptState { chunk, place, started: now, is_hedge: hedge, is_retry: again });
        self.in_flight.insert(attempt);
        (attempt, items)
    }

    /// The first queued chunk, else a slow one to hedge (then the flag is true): new work comes before doubled work.
    fn next_chunk(&mut self, now: Duration) -> Option<(ChunkId, bool)> {
        match self.queue.pop_front() {
            Some(chunk) => Some((chunk, false)),
            None => self.slowest_chunk(now).map(|chunk| (chunk, true)),
        }
    }

    /// With `Helps`, this process computes only what can't be sent now; with `WhenStuck`, only when nothing moves.
    fn must_compute_here(&self, now: Duration, window: &Window) -> bool {
        if self.here >= self.rules.cores {
            return false;
        }
        match self.rules.caller {
            Caller::Alone => true,
            // Without Lambda the map would not finish otherwise, even for `WhenStuck`.
            _ if self.lambda_unusable.is_some() => true,
            Caller::Helps => {
                self.is_late(now)
                    || self.budget.reached_limit().is_some()
                    || self.capacity(now, window) != Capacity::Now
            }
            Caller::WhenStuck => window.is_stuck(now),
        }
    }

    /// Keeps durations of workers only: this process has another speed, and hedging compares workers.
    fn record_duration(&mut self, took: Duration, place: AttemptPlace) {
        if place == AttemptPlace::Remote {
            let at = self.times.partition_point(|time| *time < took);
            self.times.insert(at, took);
        }
    }
}
