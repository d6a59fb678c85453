//! Lambda in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::time::Duration;

use lzap_wire::invoke::{FunctionFailure, ThrottleReason};

use super::model::Model;
use crate::attempt::{AttemptEnd, AttemptId, AttemptPlace, BilledEnd};
use crate::cost::invocation_dollars;
use crate::random::SplitMix64;

/// The end of an attempt. The attempt's index breaks ties, so that a run is repeatable.
#[derive(Debug, PartialEq, Eq)]
struct EndEvent {
    at: Duration,
    attempt: AttemptId,
    /// False for local and throttled attempts, which have no environment.
    frees: bool,
}

impl Ord for EndEvent {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.attempt).cmp(&(other.at, other.attempt))
    }
}

impl PartialOrd for EndEvent {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Lambda and the caller's clock: sending an invocation advances `now`.
pub(super) struct SimulatedLambda {
    model: Model,
    pub(super) now: Duration,
    events: BinaryHeap<Reverse<EndEvent>>,
    endings: Vec<Option<BilledEnd>>,
    pub(super) invocations: usize,
    pub(super) dollars: f64,
    /// Seconds of each item on a normal host, drawn before the map starts, so that the plan can't change them.
    pub(super) costs: Vec<f64>,
    warm: usize,
    busy: usize,
    pub(super) peak: usize,
    /// New environments that may start, and the time of that count: a token bucket.
    tokens: (f64, Duration),
    random: SplitMix64,
}

impl SimulatedLambda {
    pub(super) fn new(model: Model, items: usize, seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        // A log-normal distribution with the model's mean.
        let mean = model.item.ln() - model.spread * model.spread / 2.0;
        let costs = (0..items).map(|_| (mean + model.spread * random.next_normal()).exp()).collect();
        Self {
            now: Duration::ZERO,
            events: BinaryHeap::new(),
            endings: Vec::new(),
            invocations: 0,
            dollars: 0.0,
            costs,
            warm: 0,
            busy: 0,
            peak: 0,
            tokens: (model.scaling_per_10_secs, Duration::ZERO),
            random,
            model,
        }
    }

    /// Starts an attempt. Its end is decided here already, since nothing can change it later.
    pub(super) fn start_attempt(&mut self, attempt: AttemptId, items: Range<usize>, place: AttemptPlace) {
        let count = items.len();
        let work: f64 = self.costs.get(items).map_or(0.0, |costs| costs.iter().sum());
        if place == AttemptPlace::Here {
            return self.schedule_end(work, attempt, AttemptEnd::Done { items: count, failed: 0 }, false);
        }
        // The caller sends invocations one after the other, so sending advances the time.
        self.now += Duration::from_secs_f64(self.model.send);
        let Some(start) = self.take_environment() else {
            let refused = AttemptEnd::Throttled { reason: ThrottleReason::Concurrency, retry_after: None };
            return self.schedule_end(self.model.overhead / 2.0, attempt, refused, false);
        };
        // A slow host affects the whole chunk, which is why hedging single chunks works.
        let slow =
            if self.random.draw_chance(self.model.stragglers.0) { self.model.stragglers.1 } else { 1.0 };
        let took = start + self.model.overhead + work * slow;
        let failed =
            |failure, message: &str| AttemptEnd::FunctionFailed { failure, message: message.to_owned() };
        let (took, ended) = if self.random.draw_chance(self.model.crashes) {
            ((took / 2.0).min(self.model.timeout), failed(FunctionFailure::Exit, "signal: killed"))
        } else if took > self.model.timeout {
            (self.model.timeout, failed(FunctionFailure::Timeout, "timed out"))
        } else if self.random.draw_chance(self.model.losses) {
            (took, AttemptEnd::ResponseLost("connection reset".to_owned()))
        } else {
            (took, AttemptEnd::Done { items: count, failed: 0 })
        };
        self.schedule_end(took, attempt, ended, true);
    }

    /// Schedules an end in `secs` seconds. Only attempts with an environment (`frees`) are billed.
    fn schedule_end(&mut self, secs: f64, attempt: AttemptId, end: AttemptEnd, frees: bool) {
        if self.endings.len() <= attempt {
            self.endings.resize_with(attempt + 1, || None);
        }
        if let Some(ending) = self.endings.get_mut(attempt) {
            let took = Duration::from_secs_f64(secs);
            let dollars = if frees { invocation_dollars(took, self.model.memory_mb) } else { 0.0 };
            self.invocations += usize::from(frees);
            self.dollars += dollars;
            *ending = Some(BilledEnd { end, dollars });
        }
        let at = self.now + Duration::from_secs_f64(secs);
        self.events.push(Reverse(EndEvent { at, attempt, frees }));
    }

    /// Takes a warm or a new environment, and returns its start-up time in seconds. `None` when Lambda would throttle.
    fn take_environment(&mut self) -> Option<f64> {
        let per_sec = self.model.scaling_per_10_secs / 10.0;
        let (tokens, since) = self.tokens;
        let refilled = tokens + (self.now.saturating_sub(since)).as_secs_f64() * per_sec;
        self.tokens = (refilled.min(self.model.scaling_per_10_secs), self.now);
        // The account's limit comes first. The token bucket only limits new environments.
        if self.busy + self.model.others >= self.model.concurrency {
            return None;
        }
        let start = if self.warm > 0 {
            self.warm -= 1;
            0.0
        } else if self.tokens.0 >= 1.0 {
            self.tokens.0 -= 1.0;
            self.model.cold_start
        } else {
            return None;
        };
        self.busy += 1;
        self.peak = self.peak.max(self.busy);
        Some(start)
    }

    /// True when no attempt will end: a machine that waits now would hang.
    pub(super) fn is_idle(&self) -> bool {
        self.events.is_empty()
    }

    /// Advances the time to the next end, or to `until` if that is earlier, and then returns `None`.
    pub(super) fn advance_to_event(&mut self, until: Option<Duration>) -> Option<(AttemptId, BilledEnd)> {
        let next = self.events.peek().map(|Reverse(event)| event.at);
        match (next, until) {
            (Some(next), Some(until)) if until < next => {
                self.now = self.now.max(until);
                None
            }
            (None, Some(until)) => {
                self.now = self.now.max(until);
                None
            }
            _ => {
                let Reverse(event) = self.events.pop()?;
                self.now = self.now.max(event.at);
                if event.frees {
                    self.busy -= 1;
                    self.warm += 1;
                }
                let ended = self.endings.get_mut(event.attempt).and_then(Option::take)?;
                Some((event.attempt, ended))
            }
        }
    }
}
