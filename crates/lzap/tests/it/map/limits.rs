//! The deadline and the maximum cost of a map.

use std::time::Duration;

use lzap::testing::Fault;
use lzap::{Caller, Chunk, OnError, TaskErrorKind};

use super::{add, assert_doubled, cloud, doubled, nap, once_of_ten};

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

#[tokio::test]
async fn map_above_its_maximum_cost_starts_no_more_attempts() {
    let map = doubled().concurrency(1).max_cost(1e-7).on_error(OnError::Collect);
    let output = cloud().run(map.run()).await.expect("a part");
    assert!(!output.is_complete() && output.report.attempts < 20, "{:?}", output.report);
}

/// Lambda bills them, so the report includes them.
#[tokio::test]
async fn report_includes_the_costs_of_unanswered_invocations() {
    const REQUEST: f64 = 2e-7;
    let report = assert_doubled(cloud().fault(once_of_ten(Fault::Timeout)).run(doubled().run()).await);
    assert_eq!(report.attempts, 60);
    assert!(report.dollars > 59.9 * REQUEST, "{report:?}");
    let map = doubled().concurrency(1).max_cost(2.5 * REQUEST).on_error(OnError::Collect);
    let output = cloud().fault(|_| Some(Fault::Timeout)).run(map.run()).await.expect("a part");
    assert_eq!(output.report.attempts, 3, "{:?}", output.report);
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
