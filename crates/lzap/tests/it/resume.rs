//! Maps in jobs: the next attempt of a job resumes from the results of the last one.
//!
//! The tests run in virtual time, except for the wall clock of deadlines, so no test waits.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lzap::testing::{Cloud, Keys};
use lzap::{Caller, Chunk, Job, JobState, Map, OnError, TaskErrorKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

const ITEMS: u64 = 60;

/// The error type of these tasks.
type Failed = Box<dyn std::error::Error + Send + Sync>;

/// A number of runs.
type Count = AtomicUsize;

/// Increments the count and returns it.
fn next(count: &Count) -> usize {
    count.fetch_add(1, Ordering::SeqCst) + 1
}

/// Runs one item after the other in workers. Each takes a tenth of a second.
fn slowly<O>(map: Map<u64, O>) -> Map<u64, O> {
    map.chunk(Chunk::Items(1)).concurrency(1).caller(Caller::WhenStuck).hedge(None)
}

/// Runs a job in a cloud with a bucket, and returns its state and the bucket's objects.
async fn run<O>(
    cloud: Cloud,
    job: impl Future<Output = Result<Job<O>, lzap::TaskError>>,
) -> (JobState<O>, Keys)
where
    O: Serialize + DeserializeOwned,
{
    let (cloud, keys) = cloud.bucket();
    let state = cloud.run(async { job.await.expect("taken").state().await.expect("a record") }).await;
    (state, keys)
}

/// A task that counts its runs.
macro_rules! counted {
    ($runs:ident, $task:ident) => {
        static $runs: Count = Count::new(0);

        #[lzap::task]
        async fn $task(n: u64) -> Result<u64, String> {
            tokio::time::sleep(Duration::from_millis(100)).await;
            next(&$runs);
            Ok(n)
        }
    };
}

counted!(KILLED_RUNS, killed_item);
static KILLED: Count = Count::new(0);

#[lzap::task]
async fn killed(items: u64) -> Result<(Vec<u64>, usize), Failed> {
    let first = next(&KILLED) == 1;
    let map = slowly(killed_item.map(0..items));
    let output = map.progress(move |p| assert!(!first || p.done < 45, "killed on purpose")).run().await?;
    let resumed = output.report.resumed;
    assert_eq!(output.report.done, usize::try_from(items).expect("small"));
    Ok((output.into_values()?, resumed))
}

#[tokio::test(start_paused = true)]
async fn job_after_a_panic_resumes_from_the_journal() {
    let (state, keys) = run(Cloud::new().task(killed).task(killed_item), killed.job(ITEMS)).await;
    let JobState::Done((values, resumed)) = state else { panic!("{state:?}") };
    assert_eq!(values, (0..ITEMS).collect::<Vec<_>>());
    // The journal is written once a second, so the results of one second may be lost.
    assert!((34..=45).contains(&resumed), "{resumed}");
    let runs = KILLED_RUNS.load(Ordering::SeqCst);
    assert_eq!(runs, 45 + 60 - resumed);
    assert_eq!(keys.all(), Vec::<String>::new(), "the finished job deletes its journal");
}

counted!(LATE_RUNS, late_item);

#[lzap::task]
async fn late(items: u64) -> Result<Vec<u64>, Failed> {
    Ok(slowly(late_item.map(0..items)).values().await?)
}

#[tokio::test(start_paused = true)]
async fn job_that_takes_longer_than_one_invocation_finishes() {
    let cloud = Cloud::new().task(late).task(late_item).timeout(Duration::from_secs(3));
    let (state, keys) = run(cloud, late.job(ITEMS)).await;
    assert_eq!(state, JobState::Done((0..ITEMS).collect()));
    // The item in flight at each timeout runs again.
    let runs = LATE_RUNS.load(Ordering::SeqCst);
    assert!((60..=64).contains(&runs), "{runs}");
    assert_eq!(keys.all(), Vec::<String>::new());
}

static FLAKY_RUNS: Count = Count::new(0);

#[lzap::task]
async fn flaky_item(n: u64) -> Result<u64, String> {
    tokio::time::sleep(Duration::from_millis(100)).await;
    if next(&FLAKY_RUNS) == 38 { Err("not this time".to_owned()) } else { Ok(n) }
}

#[lzap::task]
async fn flaky(items: u64) -> Result<Vec<u64>, Failed> {
    Ok(slowly(flaky_item.map(0..items)).values().await?)
}

#[tokio::test(start_paused = true)]
async fn job_after_a_failed_item_runs_only_that_item_again() {
    let (state, _) = run(Cloud::new().task(flaky).task(flaky_item), flaky.job(ITEMS)).await;
    assert_eq!(state, JobState::Done((0..ITEMS).collect()));
    assert_eq!(FLAKY_RUNS.load(Ordering::SeqCst), 61);
}

static TICKETS: Count = Count::new(0);
static TWICE: Count = Count::new(0);
static DRAWN: Mutex<Vec<Vec<usize>>> = Mutex::new(Vec::new());

#[lzap::task]
async fn ticket(_n: u64) -> Result<usize, String> {
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok(next(&TICKETS))
}

#[lzap::task]
async fn twice(items: u64) -> Result<(), Failed> {
    let first_attempt = next(&TWICE) == 1;
    let first = slowly(ticket.map(0..items)).values().await?;
    let second = slowly(ticket.map(0..items));
    let second = second.progress(move |p| assert!(!first_attempt || p.done < 30)).values().await?;
    DRAWN.lock().expect("no panic").extend([first, second]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn two_maps_of_the_same_items_have_separate_journals() {
    let (state, _) = run(Cloud::new().task(twice).task(ticket), twice.job(ITEMS)).await;
    assert_eq!(state, JobState::Done(()));
    let drawn = DRAWN.lock().expect("no panic").clone();
    let all: std::collections::BTreeSet<usize> = drawn.iter().flatten().copied().collect();
    assert_eq!(all.len(), 120, "no ticket is drawn twice");
    assert_eq!(drawn[0], (1..=60).collect::<Vec<_>>(), "those of the first attempt");
}

counted!(SUM_RUNS, summand);
static SUMS: Count = Count::new(0);

#[lzap::task]
fn plus(a: u64, b: u64) -> Result<u64, String> {
    Ok(a + b)
}

#[lzap::task]
async fn sum(items: u64) -> Result<Option<u64>, Failed> {
    let first = next(&SUMS) == 1;
    let map =
        summand.map(0..items).chunk(Chunk::Items(7)).concurrency(1).caller(Caller::WhenStuck).hedge(None);
    Ok(map.progress(move |p| assert!(!first || p.done < 40, "killed on purpose")).reduce(plus).await?)
}

#[tokio::test(start_paused = true)]
async fn job_with_reduce_resumes_joined_values() {
    let (state, _) = run(Cloud::new().task(sum).task(summand).task(plus), sum.job(ITEMS)).await;
    assert_eq!(state, JobState::Done(Some((0..ITEMS).sum())));
    assert!(SUM_RUNS.load(Ordering::SeqCst) < 2 * 60 - 14, "{SUM_RUNS:?}");
}

counted!(SPOILED_RUNS, spoiled_item);
static SPOILED: Count = Count::new(0);
static BUCKET: Mutex<Option<Keys>> = Mutex::new(None);

#[lzap::task]
async fn spoiled(items: u64) -> Result<Vec<u64>, Failed> {
    let first = next(&SPOILED) == 1;
    let map = slowly(spoiled_item.map(0..items)).on_error(OnError::Collect);
    let output = map.deadline(Duration::from_secs(if first { 3 } else { 60 })).run().await?;
    if let (true, Some(keys)) = (first, &*BUCKET.lock().expect("no panic")) {
        let kept = keys.all();
        assert!(!kept.is_empty(), "two seconds' results at least");
        for key in &kept {
            keys.put(key, &b"\x02\x01\xff\xff\xff"[..]);
        }
    }
    assert_eq!(output.report.resumed, 0);
    Ok(output.into_values()?)
}

#[tokio::test(start_paused = true)]
async fn job_with_an_unreadable_journal_runs_all_items_again() {
    let (cloud, keys) = Cloud::new().task(spoiled).task(spoiled_item).bucket();
    *BUCKET.lock().expect("no panic") = Some(keys.clone());
    let job = async { spoiled.job(ITEMS).await.expect("taken").state().await.expect("a record") };
    assert_eq!(cloud.run(job).await, JobState::Done((0..ITEMS).collect()));
    assert_eq!(keys.all(), Vec::<String>::new());
}

counted!(SHORT_RUNS, short_item);

#[lzap::task]
async fn short(items: u64) -> Result<(), Failed> {
    slowly(short_item.map(0..items)).values().await?;
    Err("something else went wrong".into())
}

#[tokio::test(start_paused = true)]
async fn map_shorter_than_a_second_writes_no_journal() {
    let (state, keys) = run(Cloud::new().task(short).task(short_item), short.job(5)).await;
    assert!(matches!(&state, JobState::Failed(error) if error.kind() == TaskErrorKind::Failed), "{state:?}");
    assert_eq!(SHORT_RUNS.load(Ordering::SeqCst), 15, "each of three attempts does all of it");
    assert_eq!(keys.all(), Vec::<String>::new());
}
