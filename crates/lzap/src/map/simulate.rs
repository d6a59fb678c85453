//! A Lambda in virtual time: AWS's scaling, slow starts, stragglers, throttles and crashes, around the same machine
//! that runs in Lambda. A thousand workers take milliseconds; the same seed gives the same run.
//!
//! For tests, and for the figures in the guide. Not for apps.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::time::Duration;

use super::machine::{AttemptId, End, Ended, Machine, Next, Rules, Verdict, Where};
use super::options::{Caller, Chunk, Hedge, OnError};
use super::plan::{self, Facts, Place};
use super::window::Window;
use crate::engine::{FunctionFailure, ThrottleReason};

/// A cloud's behavior. Times are seconds.
#[derive(Clone, Debug)]
pub struct Model {
    /// Environments at once, at most.
    pub concurrency: usize,
    /// New environments every ten seconds, refilled continuously.
    ///
    /// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html>
    pub scaling_per_10_secs: f64,
    /// Environments that others use of the concurrency.
    pub others: usize,
    /// An invocation's way there and back.
    pub overhead: f64,
    /// What a new environment takes to start.
    pub cold_start: f64,
    /// One item's time.
    pub item: f64,
    /// How much items differ: the standard deviation of the logarithm.
    pub spread: f64,
    /// The share of invocations on a slow host, and how many times slower they are.
    pub stragglers: (f64, f64),
    /// The share of invocations whose worker dies half-way.
    pub crashes: f64,
    /// The share of invocations whose answer is lost.
    pub losses: f64,
    /// What the caller takes to send one invocation.
    pub send: f64,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            concurrency: 1000,
            scaling_per_10_secs: 1000.0,
            others: 0,
            overhead: 0.025,
            cold_start: 0.15,
            item: 0.1,
            spread: 0.2,
            stragglers: (0.01, 5.0),
            crashes: 0.0,
            losses: 0.0,
            send: 0.000_125,
        }
    }
}

/// What is mapped, and how.
#[derive(Clone, Debug)]
pub struct Job {
    /// Items.
    pub items: usize,
    /// How they are cut.
    pub chunk: Chunk,
    /// Invocations at once, at most.
    pub limit: usize,
    /// Second invocations of slow chunks.
    pub hedge: Option<Hedge>,
    /// What the caller does itself.
    pub caller: Caller,
}

impl Default for Job {
    fn default() -> Self {
        Self {
            items: 1000,
            chunk: Chunk::Auto,
            limit: super::window::MOST,
            hedge: Some(Hedge::default()),
            caller: Caller::Helps,
        }
    }
}

/// What became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Seconds from the first launch to the last result.
    pub wall: f64,
    /// Seconds that one core would have needed.
    pub work: f64,
    /// Chunks.
    pub chunks: usize,
    /// Attempts.
    pub attempts: usize,
    /// Refused for want of room.
    pub throttles: usize,
    /// Second invocations.
    pub hedges: usize,
    /// Environments at work at once, at most.
    pub peak: usize,
    /// How often each item was counted; all are 1 when nothing was lost and nothing counted twice.
    pub counted: Vec<u32>,
    /// Items that have an error.
    pub failed: usize,
    /// Whether it came to its end by itself.
    pub complete: bool,
}

impl Outcome {
    /// How many times faster than one core.
    pub fn speed_up(&self) -> f64 {
        self.work / self.wall.max(f64::MIN_POSITIVE)
    }
}

/// Runs a map in a model cloud.
pub fn run(model: &Model, job: &Job, seed: u64) -> Outcome {
    let mut cloud = Cloud::new(model.clone(), job.items, seed);
    let facts = Facts {
        items: job.items,
        item_secs: Some(model.item),
        bytes: 0,
        cores: 1,
        overhead: Duration::from_secs_f64(model.overhead),
        limit: job.limit.min(model.concurrency),
    };
    let plan = plan::plan(&facts, job.chunk, Place::Remote, |_| 0);
    let rules = Rules {
        limit: job.limit,
        attempts: 5,
        idempotent: true,
        hedge: job.hedge,
        on_error: OnError::Collect,
        caller: job.caller,
        cores: 1,
        deadline: None,
        last_start: None,
        items: job.items,
        seed,
    };
    let mut machine = Machine::new(rules, &plan.chunks);
    let mut window = Window::default();
    let mut counted = vec![0; job.items];
    let mut failed = 0;
    loop {
        match machine.next(cloud.now, &mut window) {
            Next::Finished => break,
            Next::Start { attempt, items, place } => cloud.launch(attempt, items, place),
            Next::Wait(until) => {
                let Some((attempt, ended)) = cloud.step(until) else { continue };
                if let Verdict::Take(items) = machine.ended(attempt, cloud.now, ended, &mut window) {
                    counted.iter_mut().skip(items.start).take(items.len()).for_each(|count| *count += 1);
                }
                failed += machine.take_failures().iter().map(|failure| failure.items.len()).sum::<usize>();
            }
        }
        if cloud.now > Duration::from_hours(24) {
            machine.stop(End::Deadline);
        }
    }
    Outcome {
        wall: cloud.now.as_secs_f64(),
        work: cloud.costs.iter().sum(),
        chunks: machine.chunks(),
        attempts: machine.counts.attempts,
        throttles: machine.counts.throttles,
        hedges: machine.counts.hedges,
        peak: cloud.peak,
        counted,
        failed,
        complete: machine.end().is_none(),
    }
}

/// Something that will have happened.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    at: Duration,
    attempt: AttemptId,
    /// Whether an environment is free again then.
    frees: bool,
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.attempt).cmp(&(other.at, other.attempt))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The cloud's state.
struct Cloud {
    model: Model,
    now: Duration,
    events: BinaryHeap<Reverse<Event>>,
    endings: Vec<Option<Ended>>,
    /// Seconds of each item.
    costs: Vec<f64>,
    warm: usize,
    busy: usize,
    peak: usize,
    /// New environments that may start now, and when that was counted.
    tokens: (f64, Duration),
    random: Random,
}

impl Cloud {
    fn new(model: Model, items: usize, seed: u64) -> Self {
        let mut random = Random(seed);
        // A log-normal distribution with the model's mean.
        let mean = model.item.ln() - model.spread * model.spread / 2.0;
        let costs = (0..items).map(|_| (mean + model.spread * random.normal()).exp()).collect();
        Self {
            now: Duration::ZERO,
            events: BinaryHeap::new(),
            endings: Vec::new(),
            costs,
            warm: 0,
            busy: 0,
            peak: 0,
            tokens: (model.scaling_per_10_secs, Duration::ZERO),
            random,
            model,
        }
    }

    fn launch(&mut self, attempt: AttemptId, items: Range<usize>, place: Where) {
        let count = items.len();
        let work: f64 = self.costs.get(items).map_or(0.0, |costs| costs.iter().sum());
        if place == Where::Here {
            return self.at(work, attempt, Ended::Done { items: count, failed: 0 }, false);
        }
        // The caller sends one after the other.
        self.now += Duration::from_secs_f64(self.model.send);
        let Some(start) = self.environment() else {
            let refused = Ended::Throttled { cause: ThrottleReason::Concurrency, retry_after: None };
            return self.at(self.model.overhead / 2.0, attempt, refused, false);
        };
        let slow = if self.random.chance(self.model.stragglers.0) { self.model.stragglers.1 } else { 1.0 };
        let took = start + self.model.overhead + work * slow;
        if self.random.chance(self.model.crashes) {
            let died = Ended::Died { how: FunctionFailure::Exit, message: "signal: killed".to_owned() };
            return self.at(took / 2.0, attempt, died, true);
        }
        let ended = if self.random.chance(self.model.losses) {
            Ended::Lost("connection reset".to_owned())
        } else {
            Ended::Done { items: count, failed: 0 }
        };
        self.at(took, attempt, ended, true);
    }

    fn at(&mut self, secs: f64, attempt: AttemptId, ended: Ended, frees: bool) {
        if self.endings.len() <= attempt {
            self.endings.resize_with(attempt + 1, || None);
        }
        if let Some(ending) = self.endings.get_mut(attempt) {
            *ending = Some(ended);
        }
        let at = self.now + Duration::from_secs_f64(secs);
        self.events.push(Reverse(Event { at, attempt, frees }));
    }

    /// A warm environment, or a new one: how long it takes to be there. None when there is no room.
    fn environment(&mut self) -> Option<f64> {
        let per_sec = self.model.scaling_per_10_secs / 10.0;
        let (tokens, since) = self.tokens;
        let refilled = tokens + (self.now.saturating_sub(since)).as_secs_f64() * per_sec;
        self.tokens = (refilled.min(self.model.scaling_per_10_secs), self.now);
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

    /// Goes on to the next event, or to `until`.
    fn step(&mut self, until: Option<Duration>) -> Option<(AttemptId, Ended)> {
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

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let high = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }

    fn chance(&mut self, share: f64) -> bool {
        self.fraction() < share
    }

    /// By Box and Muller.
    fn normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.fraction(), self.fraction());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn model() -> impl Strategy<Value = Model> {
        let limits = (1..300_usize, 10.0..2000.0_f64, 0..50_usize);
        let times = (0.0..0.2_f64, 0.0..1.0_f64, 0.001..2.0_f64, 0.0..1.0_f64);
        let faults = (0.0..0.2_f64, 1.0..20.0_f64, 0.0..0.2_f64, 0.0..0.2_f64);
        (limits, times, faults).prop_map(|(limits, times, faults)| Model {
            concurrency: limits.0,
            scaling_per_10_secs: limits.1,
            others: limits.2,
            overhead: times.0,
            cold_start: times.1,
            item: times.2,
            spread: times.3,
            stragglers: (faults.0, faults.1),
            crashes: faults.2,
            losses: faults.3,
            ..Model::default()
        })
    }

    fn job() -> impl Strategy<Value = Job> {
        let caller = prop_oneof![Just(Caller::Helps), Just(Caller::WhenStuck)];
        let chunk = prop_oneof![Just(Chunk::Auto), (1..50_usize).prop_map(Chunk::Items)];
        (1..2000_usize, chunk, 1..900_usize, any::<bool>(), caller).prop_map(
            |(items, chunk, limit, hedges, caller)| Job {
                items,
                chunk,
                limit,
                hedge: hedges.then(Hedge::default),
                caller,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
        /// In whatever cloud: every item has one result or one error, and it comes to its end.
        #[test]
        fn nothing_is_lost_and_nothing_counts_twice(model in model(), job in job(), seed in any::<u64>()) {
            let outcome = run(&model, &job, seed);
            prop_assert!(outcome.complete, "{:?}", outcome.wall);
            let counted = outcome.counted.iter().filter(|count| **count == 1).count();
            prop_assert!(outcome.counted.iter().all(|count| *count <= 1));
            prop_assert_eq!(counted + outcome.failed, job.items);
            prop_assert!(outcome.peak <= model.concurrency);
            // Without faults nothing fails, however little room there is.
            if model.crashes == 0.0 && model.losses == 0.0 {
                prop_assert_eq!(outcome.failed, 0);
            }
        }

        #[test]
        fn the_same_seed_is_the_same_run(model in model(), job in job(), seed in any::<u64>()) {
            prop_assert_eq!(run(&model, &job, seed), run(&model, &job, seed));
        }
    }

    fn thousand(model: &Model) -> Outcome {
        run(model, &Job { items: 10_000, ..Job::default() }, 1)
    }

    /// Seconds that a map takes, on average over some seeds.
    fn wall(model: &Model, work: f64, limit: usize) -> f64 {
        const SEEDS: u32 = 8;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
        let items = (work / model.item) as usize;
        let job = Job { items, limit, caller: Caller::WhenStuck, ..Job::default() };
        (1..=SEEDS).map(|seed| run(model, &job, seed.into()).wall).sum::<f64>() / f64::from(SEEDS)
    }

    #[test]
    fn more_workers_are_never_slower() {
        for item in [0.1, 0.5] {
            let model = Model { item, ..Model::default() };
            for work in [3.0, 30.0, 100.0, 300.0, 1000.0] {
                let walls = [30, 100, 300, 900].map(|limit| wall(&model, work, limit));
                let [.., last] = walls;
                assert!(walls.iter().all(|wall| last <= wall * 1.05), "{work} s of {item} s: {walls:?}");
            }
        }
    }

    /// Seconds with 900 workers; none of these is below a cold start and a chunk on a slow host.
    #[test]
    fn nine_hundred_workers_are_worth_it() {
        for (work, bar) in [(10.0, 0.75), (100.0, 1.05), (1000.0, 2.3), (3000.0, 5.2)] {
            let wall = wall(&Model::default(), work, 900);
            assert!(wall <= bar, "{work} s of work took {wall:.2} s, and {bar} are the bar");
        }
    }

    #[test]
    fn long_chunks_are_all_sent_before_the_first_answer() {
        let even = Model { item: 10.0, spread: 0.0, stragglers: (0.0, 1.0), ..Model::default() };
        let outcome = run(&even, &Job { items: 900, caller: Caller::WhenStuck, ..Job::default() }, 1);
        assert_eq!((outcome.chunks, outcome.peak), (900, 900));
        assert!(outcome.wall < 10.5, "{:.2}", outcome.wall);
    }

    /// The bars of the design: see the guide on maps.
    #[test]
    fn a_hundred_thousand_core_seconds_are_spread_well() {
        let even = Model { spread: 0.0, stragglers: (0.0, 1.0), ..Model::default() };
        let outcome = thousand(&even);
        // 1,000 s of work; ideal on 900 workers: 1.1 s. A cold start, a fifth for overhead, and a quarter of a second to
        // find out how much room there is: 1.8 s.
        assert!(outcome.speed_up() > 550.0, "{:.0}x in {:.2} s", outcome.speed_up(), outcome.wall);
        let small = Model { concurrency: 10, ..even };
        let outcome = run(&small, &Job { items: 1000, ..Job::default() }, 1);
        assert!(outcome.speed_up() > 8.5, "{:.1}x of 10 (and the caller)", outcome.speed_up());
    }

    #[test]
    fn a_rival_for_stragglers_pays() {
        let model = Model { stragglers: (0.02, 20.0), ..Model::default() };
        let job = Job { items: 2000, chunk: Chunk::Items(10), ..Job::default() };
        let with = run(&model, &job, 3);
        let without = run(&model, &Job { hedge: None, ..job }, 3);
        assert!(with.hedges > 0 && with.wall < without.wall * 0.7, "{} and {}", with.wall, without.wall);
    }

    /// Of chunks of 100 ms, one on a slow host takes half a second: nothing for the rule of a second.
    #[test]
    fn at_the_end_a_rival_comes_sooner() {
        let wall = |hedge: Hedge| -> f64 {
            let job = Job { limit: 300, hedge: Some(hedge), caller: Caller::WhenStuck, ..Job::default() };
            (1..=8).map(|seed| run(&Model::default(), &job, seed).wall).sum()
        };
        let (sooner, later) =
            (wall(Hedge::default()), wall(Hedge::default().at_least(Duration::from_secs(10))));
        assert!(sooner < later * 0.9, "{sooner:.2} and {later:.2}");
    }

    #[test]
    fn a_full_account_costs_throttles_and_no_item() {
        let model = Model { concurrency: 100, others: 100, ..Model::default() };
        let outcome = run(&model, &Job { items: 50, ..Job::default() }, 1);
        assert!(outcome.complete && outcome.counted.iter().all(|count| *count == 1));
    }
}
