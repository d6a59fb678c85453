//! The table: flows × calls × harm, each case in an account of its own.
//!
//! A case disturbs a command at one call. What is then in the account decides all that follows, so each distinct state
//! is resumed once: the same command again, then `undeploy`; and, from a copy, `undeploy` at once. With
//! `LZAP_FAULTS=all` every case is resumed for itself, and none is left out. Else what leaves it open whether a call was
//! carried out happens at every write, and of the rest a share is drawn by a seed, which is printed and can be set with
//! `LZAP_FAULTS_SEED`.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use lzap_testkit::{Account, Outcome, Proxy};
use serde_json::Value;

use super::flows::{FLOWS, Point, Prepared, Workshop, is_read};
use super::harm::{ACCIDENTS, Harm, refusals};
use crate::support::{REGION, Result, new_app_with_workers};

/// More than any case takes: a probe that is sent again wants another answer.
const PROBES: usize = 40;
/// Of the harms that are drawn, how many in a hundred.
const DRAWN_PERCENT: u64 = 12;
/// Which ones, unless `LZAP_FAULTS_SEED` says another: the same in every run, so that a failure is a change's.
const SEED: u64 = 8;

/// One cell.
struct Case<'a> {
    prepared: &'a Prepared,
    point: &'a Point,
    harm: Harm,
}

impl Case<'_> {
    fn describe(&self) -> String {
        let Point { operation, nth, .. } = self.point;
        format!("{}, {operation} #{nth}, {}", self.prepared.flow.name, self.harm.describe())
    }
}

/// What became of the states that the cases left behind, by flow and state.
type Verdicts = HashMap<(&'static str, String), std::result::Result<(), String>>;

struct Table {
    workshop: Workshop,
    empty: Account,
    nothing: Value,
    all: bool,
    seed: u64,
    resumed: Mutex<Verdicts>,
}

#[test]
fn whatever_breaks_the_same_command_again_and_undeploy_lead_where_they_should() -> Result {
    let began = Instant::now();
    let table = Table::new()?;
    let flows: Vec<_> = FLOWS
        .iter()
        .map(|flow| Prepared::new(*flow, &table.empty, &table.workshop))
        .collect::<Result<_>>()?;
    let cases = table.cases(&flows)?;
    let failures = table.run_all(&cases);
    table.report(&cases, &failures, began.elapsed())?;
    assert!(failures.is_empty(), "{} of {} cases failed", failures.len(), cases.len());
    Ok(())
}

impl Table {
    fn new() -> Result<Self> {
        let empty = Account::start_empty(REGION, PROBES)?;
        let nothing = empty.dump_resources()?;
        let set = std::env::var("LZAP_FAULTS_SEED").ok().and_then(|seed| seed.parse().ok());
        Ok(Self {
            workshop: Workshop::new(new_app_with_workers()?)?,
            empty,
            nothing,
            all: std::env::var("LZAP_FAULTS").is_ok_and(|which| which == "all"),
            seed: set.unwrap_or(SEED),
            resumed: Mutex::default(),
        })
    }

    fn cases<'a>(&self, flows: &'a [Prepared]) -> Result<Vec<Case<'a>>> {
        let mut operations: Vec<String> =
            flows.iter().flat_map(|flow| &flow.points).map(|point| point.operation.clone()).collect();
        operations.sort();
        operations.dedup();
        let refusals = refusals(&operations)?;
        let mut random = Random(self.seed);
        let mut cases = Vec::new();
        for prepared in flows {
            for point in &prepared.points {
                let documented = refusals[&point.operation].iter().cloned().map(Harm::Refused);
                let harms = ACCIDENTS.iter().cloned().chain(documented);
                let always = |harm: &Harm| self.all || harm.hides() && !is_read(&point.operation);
                let chosen = harms.filter(|harm| always(harm) || random.percent() < DRAWN_PERCENT);
                cases.extend(chosen.map(|harm| Case { prepared, point, harm }));
            }
        }
        // `LZAP_FAULTS_ONLY` holds words that a case's description must have, for work on one of them.
        let only = std::env::var("LZAP_FAULTS_ONLY").unwrap_or_default();
        cases.retain(|case| only.split(',').all(|word| case.describe().contains(word.trim())));
        Ok(cases)
    }

    /// The cases that failed, with why.
    fn run_all(&self, cases: &[Case<'_>]) -> Vec<(usize, String)> {
        let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let workers = thread::available_parallelism().map_or(2, usize::from) * 2;
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let index = next.fetch_add(1, Ordering::Relaxed)
                        && let Some(case) = cases.get(index)
                    {
                        let result = self.run(case).map_err(|error| error.to_string()).flatten();
                        if let Err(why) = result {
                            failures.lock().unwrap_or_else(PoisonError::into_inner).push((index, why));
                        }
                    }
                });
            }
        });
        let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
        failures.sort();
        failures
    }

    fn run(&self, case: &Case<'_>) -> Result<std::result::Result<(), String>> {
        let account = case.prepared.account.start_copy()?;
        let outcome = match self.disturb(case, &account)? {
            Ok(outcome) => outcome,
            Err(why) => return Ok(Err(why)),
        };
        if let Err(why) = ended_well(case, &outcome) {
            return Ok(Err(why));
        }
        let key = (case.prepared.flow.name, account.dump_resources()?.to_string());
        if let Some(known) = self.resumed().get(&key).filter(|_| !self.all) {
            return Ok(known.clone());
        }
        let resumed = self.resume(case.prepared, &account)?;
        let resumed =
            resumed.map_err(|why| format!("{why}\nthe disturbed command: {}", outcome.transcript()));
        self.resumed().insert(key, resumed.clone());
        Ok(resumed)
    }

    fn resumed(&self) -> MutexGuard<'_, Verdicts> {
        self.resumed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the command, and lets the harm happen to it.
    fn disturb(&self, case: &Case<'_>, account: &Account) -> Result<std::result::Result<Outcome, String>> {
        let proxy = Proxy::start(account.url(), Duration::ZERO)?;
        let (trigger, fault) = case.harm.at(case.point);
        proxy.arm(trigger, fault);
        let mut running = case.prepared.spawn(proxy.url(), &self.workshop)?;
        if case.harm.kills() {
            while !proxy.is_held() && !running.has_ended()? {
                thread::sleep(Duration::from_millis(2));
            }
            // It may have ended by itself, without the call; that is told below.
            drop(running.kill());
            proxy.drop_held();
        }
        let outcome = running.wait_for_exit(Duration::from_mins(2))?;
        while !proxy.is_idle() {
            thread::sleep(Duration::from_millis(2));
        }
        if proxy.count_faulted_calls() == 0 {
            return Ok(Err(format!("the call was not made\n{}", outcome.transcript())));
        }
        Ok(Ok(outcome))
    }

    /// The same command again, then `undeploy`; and `undeploy` at once.
    fn resume(&self, prepared: &Prepared, account: &Account) -> Result<std::result::Result<(), String>> {
        let at_once = account.start_copy()?;
        let again = prepared.spawn(account.url(), &self.workshop)?.wait_for_exit(Duration::from_mins(2))?;
        if !prepared.may_end_so(&again) {
            return Ok(Err(format!("the same command again does not succeed: {}", again.transcript())));
        }
        let differs = differences(&prepared.done, &account.dump_resources()?);
        if !differs.is_empty() {
            return Ok(Err(format!("the same command again leads elsewhere:\n{differs}")));
        }
        for (account, when) in [(account, "after it"), (&at_once, "at once")] {
            let undeploy = prepared.undeploy(account, &self.workshop)?;
            if undeploy.code != Some(0) {
                return Ok(Err(format!("an undeploy {when} does not succeed: {}", undeploy.transcript())));
            }
            let left = differences(&self.nothing, &account.dump_resources()?);
            if !left.is_empty() {
                return Ok(Err(format!("an undeploy {when} leaves something:\n{left}")));
            }
        }
        Ok(Ok(()))
    }

    fn report(&self, cases: &[Case<'_>], failures: &[(usize, String)], took: Duration) -> Result {
        let mut by_kind: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        let failed = |index: &usize| failures.iter().any(|(failed, _)| failed == index);
        for (index, case) in cases.iter().enumerate() {
            let count = by_kind.entry(case.harm.name()).or_default();
            count.0 += 1;
            count.1 += usize::from(failed(&index));
        }
        // Past the test harness, which shows what is printed only when a test fails.
        let mut out = io::stdout().lock();
        for (index, why) in failures {
            writeln!(out, "\nFAILED {}\n{why}", cases[*index].describe())?;
        }
        let share = if self.all { "all".to_owned() } else { format!("{DRAWN_PERCENT} %") };
        writeln!(
            out,
            "\nfaults: {} cases, {} failures, {} distinct states resumed, in {:.0} s (seed {}, {share} of what is drawn)",
            cases.len(),
            failures.len(),
            self.resumed().len(),
            took.as_secs_f64(),
            self.seed,
        )?;
        for (kind, (count, failures)) in by_kind {
            writeln!(out, "  {kind:<24} {count:>5} cases {failures:>4} failures")?;
        }
        Ok(())
    }
}

/// Whatever happens, the command ends with a documented code, and says what to do next.
fn ended_well(case: &Case<'_>, outcome: &Outcome) -> std::result::Result<(), String> {
    let documented = matches!(outcome.code, Some(0 | 1 | 2 | 5 | 7));
    let helps = outcome.code == Some(0) || outcome.stderr.contains("help: ");
    if case.harm.kills() || (documented && helps) {
        return Ok(());
    }
    Err(format!("no way to end: {}", outcome.transcript()))
}

/// What differs between two dumps, a line for each place.
fn differences(expected: &Value, found: &Value) -> String {
    let mut lines = String::new();
    compare(expected, found, "", &mut lines);
    lines
}

fn compare(expected: &Value, found: &Value, path: &str, lines: &mut String) {
    match (expected, found) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                compare(&expected[key], &found[key], &format!("{path}/{key}"), lines);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                compare(left, right, &format!("{path}/{index}"), lines);
            }
        }
        _ if expected == found => {}
        _ => {
            use std::fmt::Write;
            // Writing to a `String` can't fail.
            let _ = writeln!(lines, "  {path}: {expected} is wanted, {found} is there");
        }
    }
}

/// A generator of numbers that look random: good enough to draw a share (xorshift64*).
struct Random(u64);

impl Random {
    fn percent(&mut self) -> u64 {
        let mut state = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0 = state;
        state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (state ^ (state >> 31)) % 100
    }
}
