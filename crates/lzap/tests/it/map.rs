//! Maps in a test's Lambda with faults: correct results in order, or the documented error.

mod builds;
mod first;
mod limits;
mod once;
mod spill;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lzap::testing::{Attempt, Cloud, Fault};
use lzap::{Caller, Chunk, Codec, Hedge, Map, MapError, MapOutput, OnError, TaskErrorKind};

#[lzap::task]
async fn double(n: u64) -> Result<u64, String> {
    match n {
        13_000 => Err("thirteen".to_owned()),
        13_001 => panic!("a panic on purpose"),
        n => Ok(2 * n),
    }
}

#[lzap::task]
fn blow_up(n: usize) -> Result<String, String> {
    Ok("x".repeat(n))
}

#[lzap::task]
async fn nap(ms: u64) -> Result<u64, String> {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    Ok(ms)
}

#[lzap::task(idempotent = false)]
async fn charge(n: u64) -> Result<u64, String> {
    Ok(n)
}

#[lzap::task]
fn add(a: u64, b: u64) -> Result<u64, String> {
    Ok(a + b)
}

const ITEMS: u64 = 200;

fn cloud() -> Cloud {
    Cloud::new().task(double).task(blow_up).task(nap).task(charge).task(add)
}

/// A map of 20 chunks of ten items, each computed by a worker.
fn doubled() -> Map<u64, u64> {
    double.map(0..ITEMS).chunk(Chunk::Items(10)).caller(Caller::WhenStuck)
}

fn assert_doubled(output: Result<MapOutput<u64>, MapError>) -> lzap::MapReport {
    let output = output.expect("all done");
    let report = output.report.clone();
    assert_eq!(output.into_values().expect("every item"), (0..ITEMS).map(|n| 2 * n).collect::<Vec<_>>());
    report
}

/// A rule with a fault in the first attempt of each chunk.
fn once(fault: Fault) -> impl Fn(&Attempt) -> Option<Fault> + Send + Sync {
    move |attempt| (attempt.number == 1).then_some(fault)
}

#[tokio::test]
async fn map_with_temporary_faults_returns_all_results_in_order() {
    for (fault, retries) in [
        (Fault::Throttle, false),
        (Fault::TooFast, false),
        (Fault::Refuse, true),
        (Fault::Reset, true),
        (Fault::Unavailable, true),
        (Fault::Garbage, true),
        (Fault::Foreign, true),
        (Fault::OutOfFiles, false),
    ] {
        let report = assert_doubled(cloud().fault(once(fault)).run(doubled().run()).await);
        assert_eq!(report.retries > 0, retries, "{fault:?}: {report:?}");
        assert_eq!((report.items, report.done, report.remote), (200, 200, true), "{fault:?}");
        assert!(report.dollars > 0.0 && report.bytes_up > 0 && report.bytes_down > 0, "{fault:?}");
    }
}

/// The same faults through the client, in the forms of Lambda's HTTP API.
#[tokio::test]
async fn map_over_http_handles_the_same_faults() {
    for (fault, retries, splits) in [
        (Fault::Throttle, false, false),
        (Fault::TooFast, false, false),
        (Fault::Reset, true, false),
        (Fault::Unavailable, true, false),
        (Fault::Garbage, true, false),
        (Fault::Crash, false, true),
        (Fault::Timeout, false, true),
        (Fault::TooLarge, false, true),
    ] {
        let map = doubled().run();
        let output = cloud().fault(once_of_ten(fault)).run_over_http(map).await.expect("a free port");
        let report = assert_doubled(output);
        assert_eq!((report.retries > 0, report.splits > 0), (retries, splits), "{fault:?}: {report:?}");
    }
    for (fault, kind) in
        [(Fault::Denied, TaskErrorKind::Denied), (Fault::OtherBuild, TaskErrorKind::WrongBuild)]
    {
        let output =
            cloud().fault(move |_| Some(fault)).run_over_http(doubled().run()).await.expect("a free port");
        assert_eq!(output.expect_err("refused").kind(), kind);
    }
    let looped =
        cloud().fault(|_| Some(Fault::Recursion)).run_over_http(doubled().run()).await.expect("a free port");
    assert!(assert_doubled(looped).gave_up.is_some_and(|why| why.contains("put-function-recursion-config")));
}

#[tokio::test]
async fn map_with_throttled_chunks_succeeds() {
    let report =
        assert_doubled(cloud().limit(3).latency(Duration::from_millis(5)).run(doubled().run()).await);
    assert!(report.throttles > 0, "{report:?}");
    assert_eq!(report.chunks, 20);
}

#[tokio::test(start_paused = true)]
async fn map_without_available_concurrency_runs_in_the_caller() {
    for caller in [Caller::WhenStuck, Caller::Helps] {
        let report = assert_doubled(cloud().limit(0).run(doubled().caller(caller).run()).await);
        assert_eq!(report.here, 20, "{report:?}");
    }
}

#[tokio::test]
async fn map_without_permission_or_in_a_loop_runs_in_the_caller() {
    for fault in [Fault::Denied, Fault::Recursion] {
        let map = doubled().caller(Caller::Helps);
        let report = assert_doubled(cloud().fault(move |_| Some(fault)).run(map.run()).await);
        assert!(report.gave_up.is_some() && report.here > 0, "{fault:?}: {report:?}");
    }
    let error =
        cloud().fault(|_| Some(Fault::Denied)).run(doubled().run()).await.expect_err("all by invocations");
    assert_eq!(error.kind(), TaskErrorKind::Denied);
}

/// Splitting finds the items that make the worker exit, and only they fail.
#[tokio::test]
async fn chunk_whose_worker_exits_is_split_down_to_one_item() {
    let kills = |attempt: &Attempt| (attempt.chunk == Some(7) || attempt.items < 10).then_some(Fault::Crash);
    // The workers of chunk 7 and of its halves exit; the other chunks succeed.
    let output =
        cloud().fault(kills).run(doubled().on_error(OnError::Collect).run()).await.expect("collected");
    let failed: Vec<_> = output.errors().map(|error| (error.index, error.kind)).collect();
    assert_eq!(failed, (70..80).map(|n| (n, TaskErrorKind::Crashed)).collect::<Vec<_>>());
    assert_eq!(output.report.splits, 9);
    let message = output.errors().next().expect("one").message.clone();
    assert!(message.contains("killed"), "{message}");
}

#[tokio::test]
async fn chunk_that_fails_once_is_split_and_succeeds() {
    let report = assert_doubled(cloud().fault(once_of_ten(Fault::Crash)).run(doubled().run()).await);
    assert_eq!(report.splits, 20);
    let report = assert_doubled(cloud().fault(once_of_ten(Fault::Timeout)).run(doubled().run()).await);
    assert_eq!(report.splits, 20);
    let report = assert_doubled(cloud().fault(once_of_ten(Fault::TooLarge)).run(doubled().run()).await);
    assert_eq!(report.splits, 20);
}

/// A rule with a fault in the first attempt of each chunk of ten items, but not in its halves.
fn once_of_ten(fault: Fault) -> impl Fn(&Attempt) -> Option<Fault> + Send + Sync {
    move |attempt| (attempt.items == 10 && attempt.number == 1).then_some(fault)
}

#[tokio::test]
async fn chunk_that_always_times_out_is_split_once_and_fails() {
    let output = cloud()
        .fault(|attempt| {
            (attempt.chunk.is_some_and(|chunk| chunk == 3 || chunk >= 20)).then_some(Fault::Timeout)
        })
        .run(doubled().on_error(OnError::Collect).run())
        .await
        .expect("collected");
    let failed: Vec<_> = output.errors().map(|error| (error.index, error.kind)).collect();
    assert_eq!(failed, (30..40).map(|n| (n, TaskErrorKind::TimedOut)).collect::<Vec<_>>());
    assert_eq!(output.report.splits, 1);
}

#[tokio::test]
async fn item_with_an_error_of_its_own_is_not_retried() {
    for (items, kind) in [([1, 13_000], TaskErrorKind::Failed), ([1, 13_001], TaskErrorKind::Panicked)] {
        let map = || double.map(items).chunk(Chunk::Items(2)).caller(Caller::WhenStuck);
        let error = cloud().run(map().values()).await.expect_err("fails fast");
        assert_eq!((error.kind(), error.item()), (kind, Some(1)));
        let output = cloud().run(map().on_error(OnError::Collect).run()).await.expect("collected");
        assert_eq!(output.results[0], Ok(2));
        assert_eq!(output.report.attempts, 1);
        let error = cloud().run(map().on_error(OnError::Tolerate(0.4)).run()).await.expect_err("half failed");
        assert_eq!(error.kind(), kind);
        cloud().run(map().on_error(OnError::Tolerate(0.5)).run()).await.expect("half may fail");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_chunk_gets_a_hedged_attempt_whose_answer_counts() {
    let slow = |attempt: &Attempt| {
        (attempt.chunk == Some(4) && attempt.number == 1).then_some(Fault::Slow(Duration::from_mins(10)))
    };
    let cloud = cloud().latency(Duration::from_millis(50)).fault(slow);
    let report = assert_doubled(cloud.run(doubled().run()).await);
    assert_eq!((report.hedges, report.hedges_won), (1, 1), "{report:?}");
    let slow = |attempt: &Attempt| (attempt.chunk == Some(4)).then_some(Fault::Slow(Duration::from_mins(10)));
    let report = assert_doubled(self::cloud().fault(slow).run(doubled().hedge(None::<Hedge>).run()).await);
    assert_eq!((report.hedges, report.attempts), (0, 20));
}

#[tokio::test]
async fn stream_of_a_panicking_map_ends_with_the_panic() {
    use futures_util::StreamExt as _;
    let map = doubled().progress(|_| panic!("a panic on purpose"));
    let results: Vec<_> = cloud().run(async { map.stream().collect().await }).await;
    let end = results.into_iter().find_map(Result::err).expect("it isn't complete");
    assert_eq!(end.kind(), TaskErrorKind::Panicked);
}

/// An error that panics when it is formatted.
struct Mute;

impl std::fmt::Debug for Mute {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("a panic on purpose")
    }
}

impl std::fmt::Display for Mute {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("a panic on purpose")
    }
}

impl std::error::Error for Mute {}

#[lzap::task]
fn fail_mutely(n: u64) -> Result<u64, Mute> {
    if n == 3 { Err(Mute) } else { Ok(n) }
}

#[tokio::test]
async fn item_whose_error_panics_fails_alone() {
    let map = fail_mutely.map(0..8).chunk(Chunk::Items(8)).caller(Caller::WhenStuck);
    let output =
        cloud().task(fail_mutely).run(map.on_error(OnError::Collect).run()).await.expect("collected");
    for (index, result) in (0..).zip(output.results) {
        match result {
            Ok(n) => assert_eq!(n, index),
            Err(error) => assert_eq!((error.index, error.kind), (3, TaskErrorKind::Panicked)),
        }
    }
}

/// Random text, which deflate can't shrink.
fn noise(bytes: usize) -> String {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + u8::try_from(state % 90).expect("below 90"))
    };
    (0..bytes).map(|_| next()).collect()
}

#[tokio::test]
async fn map_returns_the_same_with_json_and_postcard() {
    for codec in [Codec::Json, Codec::Postcard] {
        assert_doubled(cloud().run(doubled().codec(codec).run()).await);
        let sum = cloud().run(doubled().codec(codec).reduce(add)).await.expect("joined");
        assert_eq!(sum, Some((0..ITEMS).map(|n| 2 * n).sum()), "{codec:?}");
    }
}

#[tokio::test]
async fn map_of_no_or_cheap_items_invokes_nothing() {
    let none = cloud().fault(|attempt| panic!("{attempt:?}")).run(double.map([]).run()).await.expect("empty");
    assert_eq!((none.results.len(), none.report.attempts), (0, 0));
    let few = cloud().fault(|attempt| panic!("{attempt:?}")).run(double.map(0..200).run()).await;
    let report = assert_doubled(few);
    assert!(!report.remote && report.reason.contains("of work here"), "{report:?}");
}

/// Each item is in one span of the timeline, including the items that the caller tries.
#[tokio::test]
async fn timeline_has_the_items_that_the_caller_tries() {
    let here = cloud().run(double.map(0..200).run()).await.expect("all done").report;
    let spread = cloud().run(nap.map(vec![5; 100]).hedge(None).run()).await.expect("all done").report;
    assert!(!here.remote && spread.remote, "{here:?} {spread:?}");
    for (report, items) in [(here, 200), (spread, 100)] {
        let first = &report.timeline[0];
        assert_eq!((first.chunk, first.items.start, first.worker.as_str()), (0, 0, "here"), "{report:?}");
        assert!(first.used && first.items.end <= 32 && first.end_ms >= first.start_ms, "{first:?}");
        let used = || report.timeline.iter().filter(|span| span.used);
        let mut seen: Vec<usize> = used().flat_map(|span| span.items.clone()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..items).collect::<Vec<_>>());
        let chunks: std::collections::BTreeSet<usize> = used().map(|span| span.chunk).collect();
        assert_eq!((chunks.len(), used().count()), (report.chunks, report.chunks), "{report:?}");
        let here = report.timeline.iter().filter(|span| span.worker == "here").count();
        assert_eq!((report.timeline.len(), here), (report.attempts, report.here), "{report:?}");
    }
}

#[tokio::test]
async fn error_of_a_tried_item_has_a_report() {
    let error = cloud().run(double.map([13_000]).values()).await.expect_err("thirteen");
    let report = error.report();
    assert_eq!((error.item(), report.done, report.chunks, report.attempts), (Some(0), 1, 1, 1));
    assert_eq!(report.timeline.len(), 1);
    assert!(report.wall_secs > 0.0);
}

#[tokio::test]
async fn map_with_more_chunks_than_the_maximum_fails_before_the_first() {
    let map = double.map(0..10_001).chunk(Chunk::Items(1)).caller(Caller::WhenStuck);
    let error = cloud().run(map.values()).await.expect_err("too many");
    assert_eq!(error.kind(), TaskErrorKind::TooLarge);
    assert!(error.to_string().contains("10001 chunks"), "{error}");
}

#[tokio::test]
async fn reduce_joins_values_in_order_and_skips_failed_items() {
    let sum = cloud().run(doubled().reduce(add)).await.expect("joined");
    assert_eq!(sum, Some((0..ITEMS).map(|n| 2 * n).sum()));
    assert_eq!(cloud().run(double.map([]).reduce(add)).await.expect("nothing"), None);
    let map = double.map([1, 13_000, 3]).chunk(Chunk::Items(3)).caller(Caller::WhenStuck);
    assert_eq!(cloud().run(map.on_error(OnError::Collect).reduce(add)).await.expect("two"), Some(8));
}

#[tokio::test]
async fn stream_returns_each_item_once_after_lost_responses() {
    use futures_util::StreamExt as _;
    let mut seen: Vec<usize> = cloud()
        .fault(once(Fault::Reset))
        .run(async { doubled().stream().map(|item| item.expect("no end").0).collect().await })
        .await;
    seen.sort_unstable();
    assert_eq!(seen, (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn explain_returns_the_plan_without_an_invocation() {
    let map = doubled().caller(Caller::WhenStuck);
    let plan = cloud().fault(|attempt| panic!("{attempt:?}")).run(map.explain()).await.expect("a plan");
    assert_eq!(plan.chunks, vec![10; 20]);
    assert!(plan.to_string().starts_with("200 items ("), "{plan}");
}

#[tokio::test]
async fn progress_never_decreases_and_reaches_all_items() {
    let seen = Arc::new(AtomicUsize::new(0));
    let last = Arc::clone(&seen);
    let map = doubled().progress(move |progress| {
        assert!(progress.done >= last.swap(progress.done, Ordering::SeqCst));
    });
    assert_doubled(cloud().run(map.run()).await);
    assert_eq!(seen.load(Ordering::SeqCst), 200);
}

#[tokio::test]
async fn map_of_an_unregistered_task_fails_before_an_invocation() {
    let error = Cloud::new().task(add).run(doubled().values()).await.expect_err("unknown");
    assert_eq!(error.kind(), TaskErrorKind::UnknownTask);
    assert!(error.to_string().contains("there are: add"), "{error}");
}

#[tokio::test]
async fn map_outside_of_lambda_runs_in_this_process() {
    let report = assert_doubled(double.map(0..ITEMS).run().await);
    assert!(!report.remote);
    assert_eq!(blow_up.map([1, 2]).values().await.expect("plain"), ["x", "xx"]);
    let naps = nap.map(vec![20; 8]).run().await.expect("naps");
    assert!(naps.report.speed_up() > 2.0, "side by side: {:?}", naps.report);
}

#[lzap::task]
fn dwell(ms: u64) -> Result<u64, String> {
    std::thread::sleep(Duration::from_millis(ms));
    Ok(ms)
}

/// A plain task uses all cores, and the report sums their work, in this process and in a worker.
#[tokio::test]
async fn report_sums_the_work_of_all_cores() {
    let here = dwell.map(vec![5; 40]).run().await.expect("all done").report;
    let cloud = cloud().task(dwell);
    let map = dwell.map(vec![5; 40]).chunk(Chunk::Items(20)).caller(Caller::WhenStuck);
    let spread = cloud.run(map.run()).await.expect("all done").report;
    for report in [here, spread] {
        // A sleep is never shorter than its duration.
        assert!(report.work_secs >= 0.2, "{report:?}");
    }
}

#[lzap::task]
async fn count_records(rows: lzap::Rows) -> Result<usize, lzap::TaskError> {
    let text = String::from_utf8_lossy(&rows.read().await?).into_owned();
    let (mut records, mut inside) = (0, false);
    for byte in text.bytes() {
        inside ^= byte == b'"';
        records += usize::from(byte == b'\n' && !inside);
    }
    Ok(records)
}

/// The object has quoted line breaks, and a row that is longer than the first additional read.
#[tokio::test]
async fn split_csv_returns_each_record_in_one_part() {
    let record = |n: u32| {
        let cell = if n == 150 { "x\n".repeat(100_000) } else { format!("line\nbreak \"\"{n}\"\"\n") };
        [n.to_string(), format!("\"{cell}\"\n")].join(",")
    };
    let csv = (0..300).map(record).collect::<Vec<_>>().concat();
    let bytes = csv.len();
    let (cloud, keys) = cloud().task(count_records).bucket();
    keys.put("s3://data/table.csv", csv);
    let counted = cloud.run(async {
        let object = lzap::Object::open("s3://data/table.csv").await?;
        assert_eq!(object.bytes(), bytes as u64);
        let parts = object.split_csv(777).await?;
        assert!(parts.len() > 250);
        count_records.map(parts).chunk(Chunk::Items(20)).caller(Caller::WhenStuck).values().await
    });
    assert_eq!(counted.await.expect("counted").iter().sum::<usize>(), 300);
    let missing = Cloud::new().bucket().0.run(lzap::Object::open("s3://data/none")).await;
    assert_eq!(missing.expect_err("none").kind(), TaskErrorKind::NotFound);
    let wrong = Cloud::new().run(lzap::Object::open("data/none")).await;
    assert_eq!(wrong.expect_err("no address").kind(), TaskErrorKind::BadInput);
}

/// A dropped map gives its places in the shared window back.
#[tokio::test]
async fn dropped_map_frees_its_concurrency_for_the_next() {
    let cloud = cloud().limit(1000);
    let values = cloud.run(async {
        for _ in 0..3 {
            let map = nap.map(vec![60_000; 60]).chunk(Chunk::Items(1)).caller(Caller::WhenStuck);
            let ended = tokio::time::timeout(Duration::from_millis(50), map.values()).await;
            assert!(ended.is_err(), "it sleeps for a minute");
        }
        let map = nap.map(vec![1; 60]).chunk(Chunk::Items(1)).caller(Caller::WhenStuck);
        tokio::time::timeout(Duration::from_secs(10), map.values()).await.expect("concurrency is available")
    });
    assert_eq!(values.await.expect("all").len(), 60);
}
