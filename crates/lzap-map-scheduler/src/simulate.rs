//! Simulates Lambda in virtual time: scaling, cold starts, slow hosts, throttling and crashes, around the machine that also
//! runs in Lambda. A run with a thousand workers takes milliseconds, and the same seed gives the same run.
//!
//! It is for tests and for the figures in the guide, not for apps.

mod lambda;
mod model;

use std::time::Duration;

use crate::attempt::Verdict;
use crate::budget::BudgetLimits;
use crate::machine::{Machine, NextStep};
use crate::options::{Caller, Chunk, Hedge, OnError};
use crate::plan::{self, PlanInputs, PlanPlace};
use crate::rules::{MapEnd, MapRules};
use crate::window::Window;
use lambda::SimulatedLambda;

pub use model::Model;

/// A map to simulate. Its task is idempotent and its items never fail by themselves.
#[derive(Clone, Debug)]
pub struct Job {
    /// The number of items. Their durations come from the model.
    pub items: usize,
    /// `Bytes` has no meaning here, since simulated items have no size.
    pub chunk: Chunk,
    /// Invocations in flight, at most; the window may allow fewer.
    pub limit: usize,
    /// In dollars, at us-east-1 list prices; `None` for no limit.
    pub max_cost: Option<f64>,
    /// Without throttled ones; `None` for no limit.
    pub max_invocations: Option<usize>,
    /// The condition for hedged attempts; `None` turns them off.
    pub hedge: Option<Hedge>,
    /// The caller has one core here.
    pub caller: Caller,
}

impl Default for Job {
    fn default() -> Self {
        Self {
            items: 1000,
            chunk: Chunk::Auto,
            limit: super::window::MAX_IN_FLIGHT,
            max_cost: None,
            max_invocations: None,
            hedge: Some(Hedge::default()),
            caller: Caller::Helps,
        }
    }
}

/// The result of a simulated map.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Virtual seconds from the first launch to the last result.
    pub wall: f64,
    /// Seconds of work, as one core would need them.
    pub work: f64,
    /// After splits: halves count, and the chunk that they replace does not.
    pub chunks: usize,
    /// In workers and in this process, including throttled ones.
    pub attempts: usize,
    /// Invocations that the model refused. They cost nothing.
    pub throttles: usize,
    /// Invocations that got an environment, which are the billed ones.
    pub invocations: usize,
    /// The cost of all invocations in dollars, including those whose response was lost.
    pub dollars: f64,
    /// Hedged attempts, whether they answered first or not.
    pub hedges: usize,
    /// The largest number of environments that were busy at once; never above the model's concurrency.
    pub peak: usize,
    /// The number of results of each item. Each is 1 when no result was lost or counted twice.
    pub counted: Vec<u32>,
    /// Items with an error: their worker exited twice or timed out, or no attempt was left.
    pub failed: usize,
    /// False when the machine ended the map early: its budget was used up, or it took more than a virtual day.
    pub complete: bool,
}

impl Outcome {
    /// The speed-up over one core: work divided by wall time.
    pub fn speed_up(&self) -> f64 {
        self.work / self.wall.max(f64::MIN_POSITIVE)
    }
}

/// Simulates one map. The same arguments give the same outcome.
///
/// # Panics
/// When the machine waits for an attempt and none is in flight, which would hang a real map.
pub fn run(model: &Model, job: &Job, seed: u64) -> Outcome {
    let mut cloud = SimulatedLambda::new(model.clone(), job.items, seed);
    let facts = PlanInputs {
        items: job.items,
        item_secs: Some(model.item),
        bytes: 0,
        cores: 1,
        overhead: Duration::from_secs_f64(model.overhead),
        limit: job.limit.min(model.concurrency),
        max_invocations: job.max_invocations,
    };
    // Items have no size here, so payload limits don't apply.
    let plan = plan::plan_chunks(&facts, job.chunk, PlanPlace::Remote, |_| 0);
    let rules = MapRules {
        limit: job.limit,
        attempts: 5,
        budget: BudgetLimits {
            dollars: job.max_cost,
            invocations: job.max_invocations,
            dollars_per_invocation: model.largest_cost(),
        },
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
        match machine.next_step(cloud.now, &mut window) {
            NextStep::Finished => break,
            NextStep::Start { attempt, items, place } => cloud.start_attempt(attempt, items, place),
            NextStep::Wait(None) if cloud.is_idle() => panic!("the map waits for nothing"),
            NextStep::Wait(until) => {
                let Some((attempt, ended)) = cloud.advance_to_event(until) else { continue };
                if let Verdict::Take(items) = machine.record_end(attempt, cloud.now, ended, &mut window) {
                    counted.iter_mut().skip(items.start).take(items.len()).for_each(|count| *count += 1);
                }
                failed += machine.take_failures().iter().map(|failure| failure.items.len()).sum::<usize>();
            }
        }
        // A machine that never finishes must fail the test instead of hanging it.
        if cloud.now > Duration::from_hours(24) {
            machine.end_map(MapEnd::Deadline);
        }
    }
    Outcome {
        wall: cloud.now.as_secs_f64(),
        work: cloud.costs.iter().sum(),
        chunks: machine.chunk_count(),
        attempts: machine.counts.attempts,
        throttles: machine.counts.throttles,
        invocations: cloud.invocations,
        dollars: cloud.dollars,
        hedges: machine.counts.hedges,
        peak: cloud.peak,
        counted,
        failed,
        complete: machine.end().is_none(),
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
                ..Job::default()
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
        /// In every model, the map finishes and each item has one result or one error.
        #[test]
        fn simulated_map_gives_each_item_exactly_one_result_or_error(model in model(), job in job(), seed in any::<u64>()) {
            let outcome = run(&model, &job, seed);
            prop_assert!(outcome.complete, "{:?}", outcome.wall);
            let counted = outcome.counted.iter().filter(|count| **count == 1).count();
            prop_assert!(outcome.counted.iter().all(|count| *count <= 1));
            prop_assert_eq!(counted + outcome.failed, job.items);
            prop_assert!(outcome.peak <= model.concurrency);
            // Without faults no item fails, even at the lowest concurrency limit.
            if model.crashes == 0.0 && model.losses == 0.0 {
                prop_assert_eq!(outcome.failed, 0);
            }
        }

        /// A map never spends more than its budget, however its workers fail, and ends early only when it has to.
        #[test]
        fn simulated_map_stays_within_its_budget(
            model in model(),
            job in job(),
            money in prop::option::of(0.0..200.0_f64),
            invocations in prop::option::of(1..300_usize),
            timeout in 1.0..60.0_f64,
            seed in any::<u64>(),
        ) {
            let model = Model { timeout, ..model };
            let job = Job {
                max_cost: money.map(|workers| workers * model.largest_cost()),
                max_invocations: invocations,
                ..job
            };
            let outcome = run(&model, &job, seed);
            prop_assert!(job.max_cost.is_none_or(|most| outcome.dollars <= most), "{}", outcome.dollars);
            prop_assert!(invocations.is_none_or(|most| outcome.invocations <= most), "{}", outcome.invocations);
            prop_assert!(outcome.counted.iter().all(|count| *count <= 1));
            let counted = outcome.counted.iter().filter(|count| **count == 1).count();
            prop_assert!(!outcome.complete || counted + outcome.failed == job.items);
        }

        #[test]
        fn simulation_with_the_same_seed_repeats_exactly(model in model(), job in job(), seed in any::<u64>()) {
            prop_assert_eq!(run(&model, &job, seed), run(&model, &job, seed));
        }
    }

    fn run_10_000_items(model: &Model) -> Outcome {
        run(model, &Job { items: 10_000, ..Job::default() }, 1)
    }

    /// The duration of a map in seconds, averaged over eight seeds.
    fn wall(model: &Model, work: f64, limit: usize) -> f64 {
        const SEEDS: u32 = 8;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
        let items = (work / model.item) as usize;
        let job = Job { items, limit, caller: Caller::WhenStuck, ..Job::default() };
        (1..=SEEDS).map(|seed| run(model, &job, seed.into()).wall).sum::<f64>() / f64::from(SEEDS)
    }

    #[test]
    fn map_with_more_workers_is_not_slower() {
        for item in [0.1, 0.5] {
            let model = Model { item, ..Model::default() };
            for work in [3.0, 30.0, 100.0, 300.0, 1000.0] {
                let walls = [30, 100, 300, 900].map(|limit| wall(&model, work, limit));
                let [.., last] = walls;
                assert!(walls.iter().all(|wall| last <= wall * 1.05), "{work} s of {item} s: {walls:?}");
            }
        }
    }

    /// Bars in seconds for 900 workers. Each allows for a cold start and a chunk on a slow host.
    #[test]
    fn map_with_900_workers_stays_below_the_bars() {
        for (work, bar) in [(10.0, 0.75), (100.0, 1.05), (1000.0, 2.3), (3000.0, 5.2)] {
            let wall = wall(&Model::default(), work, 900);
            assert!(wall <= bar, "{work} s of work took {wall:.2} s, and {bar} are the bar");
        }
    }

    #[test]
    fn map_of_long_chunks_sends_all_before_the_first_answer() {
        let even = Model { item: 10.0, spread: 0.0, stragglers: (0.0, 1.0), ..Model::default() };
        let outcome = run(&even, &Job { items: 900, caller: Caller::WhenStuck, ..Job::default() }, 1);
        assert_eq!((outcome.chunks, outcome.peak), (900, 900));
        assert!(outcome.wall < 10.5, "{:.2}", outcome.wall);
    }

    /// The guide on maps explains these bars.
    #[test]
    fn map_of_1000_core_seconds_reaches_the_speed_up_bars() {
        let even = Model { spread: 0.0, stragglers: (0.0, 1.0), ..Model::default() };
        let outcome = run_10_000_items(&even);
        // 1,000 s of work take 1.1 s on 900 ideal workers. A cold start, a fifth for overhead, and a quarter of a second in
        // which the window grows make 1.8 s.
        assert!(outcome.speed_up() > 550.0, "{:.0}x in {:.2} s", outcome.speed_up(), outcome.wall);
        let small = Model { concurrency: 10, ..even };
        let outcome = run(&small, &Job { items: 1000, ..Job::default() }, 1);
        assert!(outcome.speed_up() > 8.5, "{:.1}x of 10 (and the caller)", outcome.speed_up());
    }

    #[test]
    fn hedged_attempts_shorten_a_map_with_stragglers() {
        let model = Model { stragglers: (0.02, 20.0), ..Model::default() };
        let job = Job { items: 2000, chunk: Chunk::Items(10), ..Job::default() };
        let with = run(&model, &job, 3);
        let without = run(&model, &Job { hedge: None, ..job }, 3);
        assert!(with.hedges > 0 && with.wall < without.wall * 0.7, "{} and {}", with.wall, without.wall);
    }

    /// A chunk of 100 ms takes half a second on a slow host, which is below the usual threshold of one second.
    #[test]
    fn hedging_threshold_at_the_end_shortens_a_map_of_short_chunks() {
        let wall = |hedge: Hedge| -> f64 {
            let job = Job { limit: 300, hedge: Some(hedge), caller: Caller::WhenStuck, ..Job::default() };
            (1..=8).map(|seed| run(&Model::default(), &job, seed).wall).sum()
        };
        let (sooner, later) =
            (wall(Hedge::default()), wall(Hedge::default().at_least(Duration::from_secs(10))));
        assert!(sooner < later * 0.9, "{sooner:.2} and {later:.2}");
    }

    #[test]
    fn map_with_fewer_invocations_than_chunks_gets_larger_chunks_and_ends_complete() {
        let job = Job { items: 5000, chunk: Chunk::Items(1), max_invocations: Some(1000), ..Job::default() };
        let outcome = run(&Model::default(), &job, 1);
        assert_eq!((outcome.complete, outcome.chunks), (true, 900));
        assert!(outcome.invocations <= 1000, "{}", outcome.invocations);
    }

    /// Invocations take a small part of their timeout, so the map waits for them instead of ending.
    #[test]
    fn map_with_money_for_ten_timeouts_has_ten_invocations_in_flight_and_ends_complete() {
        let model = Model { timeout: 30.0, ..Model::default() };
        let most = 10.5 * model.largest_cost();
        let job =
            Job { max_cost: Some(most), chunk: Chunk::Items(1), caller: Caller::WhenStuck, ..Job::default() };
        let outcome = run(&model, &job, 1);
        assert_eq!((outcome.complete, outcome.peak), (true, 10));
        assert!(outcome.dollars <= most, "{} of {most}", outcome.dollars);
    }

    #[test]
    fn map_without_money_for_one_timeout_invokes_nothing() {
        let model = Model { timeout: 30.0, ..Model::default() };
        let job = Job { max_cost: Some(0.9 * model.largest_cost()), ..Job::default() };
        let outcome = run(&model, &job, 1);
        assert_eq!((outcome.complete, outcome.invocations), (false, 0));
    }

    #[test]
    fn map_in_a_full_account_loses_no_item() {
        let model = Model { concurrency: 100, others: 100, ..Model::default() };
        let outcome = run(&model, &Job { items: 50, ..Job::default() }, 1);
        assert!(outcome.complete && outcome.counted.iter().all(|count| *count == 1));
    }
}
