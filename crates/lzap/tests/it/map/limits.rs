//! The deadline and the maximum cost of a map.

use std::time::Duration;

use lzap::testing::{Cloud, Fault};
use lzap::{Caller, Chunk, MapReport, OnError, ReachedLimit, TaskErrorKind};

use super::{add, assert_doubled, charge, cloud, doubled, nap, once_of_ten};

#[tokio::test]
async fn map_past_its_deadline_fails_with_the_number_of_items() {
    let map = || nap.map([1, 1, 1, 60_000]).chunk(Chunk::Items(1)).caller(Caller::WhenStuck);
    let map = || map().deadline(Duration::from_millis(300));
    let error = cloud().run(map().values()).await.expect_err("too late");
    assert_eq!(error.kind(), TaskErrorKind::TimedOut);
    assert!(error.to_string().contains("after 3 of 4 items"), "{error}");
    let output = cloud().run(map().on_error(OnError::Collect).run()).await.expect("a part");
    assert!(!output.is_complete());
    assert_eq!(output.results.iter().filter(|result| result.is_ok()).count(), 3);
}

/// The price of a worker of 1,024 MB that runs into its timeout of 30 s, on x86-64 or arm64.
fn dollars_per_timeout() -> f64 {
    let gb_second = if cfg!(target_arch = "aarch64") { 0.000_013_333_4 } else { 0.000_016_666_7 };
    30.0 * gb_second + REQUEST
}

const REQUEST: f64 = 2e-7;

fn cloud_with_memory() -> Cloud {
    cloud().timeout(Duration::from_secs(30)).memory_mb(1024)
}

/// The largest number of a map's attempts that were in flight at the same time.
fn largest_overlap(report: &MapReport) -> usize {
    let at_start =
        |time: f64| report.timeline.iter().filter(|span| span.start_ms <= time && time < span.end_ms).count();
    report.timeline.iter().map(|span| at_start(span.start_ms)).max().unwrap_or(0)
}

#[tokio::test]
async fn map_whose_next_worker_might_exceed_the_maximum_cost_waits_and_completes() {
    let most = 2.5 * dollars_per_timeout();
    let map = nap.map(vec![20; 12]).chunk(Chunk::Items(1)).caller(Caller::WhenStuck).max_cost(most);
    let output = cloud_with_memory().run(map.run()).await.expect("all");
    assert!(output.is_complete() && output.report.dollars <= most, "{:?}", output.report);
    assert_eq!(largest_overlap(&output.report), 2);
}

#[tokio::test]
async fn map_without_money_for_one_worker_fails_and_names_the_settings() {
    let map = || doubled().max_cost(0.9 * dollars_per_timeout());
    let error = cloud_with_memory().run(map().values()).await.expect_err("no money");
    assert_eq!((error.kind(), error.report().attempts), (TaskErrorKind::CostLimit, 0));
    assert!(error.to_string().contains("raise `max_cost`, or lower `timeout_secs`"), "{error}");
    let error = cloud_with_memory().run(doubled().max_cost(f64::NAN).values()).await.expect_err("no number");
    assert_eq!((error.kind(), error.report().attempts), (TaskErrorKind::CostLimit, 0));
    let output = cloud_with_memory().run(map().on_error(OnError::Collect).run()).await.expect("nothing");
    assert!(output.errors().all(|error| error.kind == TaskErrorKind::CostLimit));
}

/// A worker whose response was lost may run until its timeout.
#[tokio::test]
async fn lost_responses_use_up_the_maximum_cost_as_if_they_timed_out() {
    let map = doubled().concurrency(1).attempts(9).max_cost(3.5 * dollars_per_timeout());
    let cloud = cloud_with_memory().fault(|_| Some(Fault::Reset));
    let error = cloud.run(map.values()).await.expect_err("no money");
    assert_eq!((error.kind(), error.report().attempts), (TaskErrorKind::CostLimit, 3));
}

#[tokio::test]
async fn map_with_fewer_invocations_than_chunks_gets_larger_chunks() {
    let map = doubled().chunk(Chunk::Items(1)).max_invocations(20);
    let report = assert_doubled(cloud().run(map.run()).await);
    assert_eq!((report.attempts, report.chunks), (18, 18), "{report:?}");
    assert!(report.reason.ends_with("made larger for at most 18 of them"), "{}", report.reason);
}

/// The rest of the items that the caller tried first is not cut into single items.
#[tokio::test]
async fn map_that_tries_its_first_items_completes_with_few_invocations() {
    let map = nap.map(vec![2; 400]).max_invocations(20);
    let output = cloud().run(map.run()).await.expect("all");
    let report = &output.report;
    assert!(output.is_complete() && report.remote, "{report:?}");
    assert!(report.attempts - report.here <= 20, "{report:?}");
}

#[tokio::test]
async fn map_whose_workers_exit_makes_no_more_invocations_than_allowed() {
    let map = doubled().chunk(Chunk::Items(1)).max_invocations(20);
    let error = cloud().fault(|_| Some(Fault::Crash)).run(map.values()).await.expect_err("no invocations");
    assert_eq!((error.kind(), error.report().attempts), (TaskErrorKind::CostLimit, 20));
    assert_eq!(error.reached_limit(), Some(ReachedLimit::Invocations));
    assert!(error.to_string().contains("raise `max_invocations`"), "{error}");
}

/// Throttled invocations are not billed and don't count, so the map completes.
#[tokio::test]
async fn throttled_invocations_do_not_use_up_the_allowed_ones() {
    let map = doubled().chunk(Chunk::Items(1)).max_invocations(20);
    let throttled = cloud().fault(|attempt| (attempt.total <= 30).then_some(Fault::Throttle));
    let report = assert_doubled(throttled.run(map.run()).await);
    assert!(report.attempts - report.throttles <= 20, "{report:?}");
}

#[tokio::test]
async fn failed_connections_are_retried_for_a_task_that_must_not_run_twice() {
    let map = charge.map(0..10).chunk(Chunk::Items(1)).caller(Caller::WhenStuck);
    let cloud = cloud().fault(|attempt| (attempt.number == 1).then_some(Fault::Refuse));
    let output = cloud.run(map.run()).await.expect("all");
    assert!(output.is_complete() && output.errors().count() == 0, "{:?}", output.report);
}

/// Lambda bills them, so the report includes them.
#[tokio::test]
async fn report_includes_the_costs_of_unanswered_invocations() {
    let report = assert_doubled(cloud().fault(once_of_ten(Fault::Timeout)).run(doubled().run()).await);
    assert_eq!(report.attempts, 60);
    assert!(report.dollars > 59.9 * REQUEST, "{report:?}");
    let map = doubled().concurrency(1).max_cost(2.5 * REQUEST).on_error(OnError::Collect);
    let output = cloud().fault(|_| Some(Fault::Timeout)).run(map.run()).await.expect("a part");
    assert_eq!(output.report.attempts, 2, "{:?}", output.report);
}

/// A worker's deadline is earlier than the map's, so its results arrive in time.
#[tokio::test]
async fn chunk_past_the_deadline_returns_its_finished_items() {
    let map = nap.map(vec![50; 40]).chunk(Chunk::Items(40)).caller(Caller::WhenStuck);
    let map = map.deadline(Duration::from_secs(1)).on_error(OnError::Collect);
    let output = cloud().run(map.run()).await.expect("a part");
    assert!(!output.is_complete() && output.report.done > 0, "{:?}", output.report);
}

#[tokio::test]
async fn reduce_and_stream_past_the_deadline_fail() {
    use futures_util::StreamExt as _;
    let map = || nap.map([1, 1, 1, 60_000]).chunk(Chunk::Items(1)).caller(Caller::WhenStuck);
    let map = || map().deadline(Duration::from_millis(300)).on_error(OnError::Collect);
    let error = cloud().run(map().reduce(add)).await.expect_err("not all");
    assert_eq!(error.kind(), TaskErrorKind::TimedOut);
    let results: Vec<_> = cloud().run(async { map().stream().collect().await }).await;
    let (items, ends): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    let ends: Vec<_> = ends.into_iter().filter_map(Result::err).map(|end| end.kind()).collect();
    assert_eq!((items.len(), ends), (3, vec![TaskErrorKind::TimedOut]));
}
