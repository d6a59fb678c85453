//! Payloads above Lambda's limit: they are spilled to S3 in both directions and deleted.

use std::time::Duration;

use lzap::testing::{Attempt, Fault};
use lzap::{Caller, Chunk, TaskErrorKind};

use super::{cloud, noise};

#[lzap::task]
async fn echo(text: String) -> Result<String, String> {
    Ok(text)
}

#[tokio::test]
async fn large_payloads_are_spilled_in_both_directions_and_deleted() {
    // Up: one item of 6 MB. Down: an answer of 9 MB.
    let (cloud, keys) = cloud().bucket();
    let big = noise(6 * 1024 * 1024);
    let values = cloud
        .task(echo)
        .run(
            echo.map([big.clone(), "small".to_owned()])
                .chunk(Chunk::Items(1))
                .caller(Caller::WhenStuck)
                .run(),
        )
        .await
        .expect("spilled");
    assert_eq!(values.report.spilled, 2);
    assert_eq!(values.into_values().expect("both"), [big, "small".to_owned()]);
    assert_eq!(keys.all(), Vec::<String>::new());
}

#[tokio::test]
async fn large_answers_without_a_bucket_are_split_or_fail() {
    let error = cloud().task(echo).run(echo.map([noise(9_000_000)]).caller(Caller::WhenStuck).values()).await;
    assert_eq!(error.expect_err("too large").kind(), TaskErrorKind::TooLarge);
    let items = || (0..4).map(|_| noise(1_500_000));
    let map = echo.map(items()).chunk(Chunk::Items(4)).caller(Caller::WhenStuck);
    let values = cloud().task(echo).run(map.run()).await.expect("split");
    assert!(values.report.chunks > 1);
    assert_eq!(values.into_values().expect("all"), items().collect::<Vec<_>>());
}

/// Equal items have equal keys, so their S3 keys also contain the attempt.
#[tokio::test]
async fn equal_items_have_separate_spilled_payloads() {
    let (cloud, keys) = cloud().bucket();
    let big = noise(5 * 1024 * 1024);
    let slow_one =
        |attempt: &Attempt| (attempt.chunk == Some(1)).then_some(Fault::Slow(Duration::from_millis(300)));
    let map = echo.map([big.clone(), big.clone()]).chunk(Chunk::Items(1)).caller(Caller::WhenStuck);
    let values = cloud.task(echo).fault(slow_one).run(map.values()).await.expect("both");
    assert!(values == [big.clone(), big]);
    assert_eq!(keys.all(), Vec::<String>::new());
}

/// A throttled hedged attempt deletes its own payload, not that of the slow attempt, which still reads it.
#[tokio::test]
async fn end_of_a_hedged_attempt_keeps_the_other_attempts_payload() {
    let (cloud, keys) = cloud().bucket();
    let items: Vec<_> = (0..12).map(|n| noise(if n == 4 { 5 << 20 } else { 10 + n })).collect();
    let rule = |attempt: &Attempt| match (attempt.chunk, attempt.number) {
        (Some(4), 1) => Some(Fault::Slow(Duration::from_millis(600))),
        (Some(4), _) => Some(Fault::Throttle),
        _ => None,
    };
    let map = echo.map(items.clone()).chunk(Chunk::Items(1)).caller(Caller::WhenStuck);
    let hedge = lzap::Hedge::slower_than(1.0).at_least(Duration::from_millis(200));
    let output = cloud.task(echo).fault(rule).run(map.hedge(hedge).run()).await.expect("all");
    assert!(output.report.hedges > 0, "{:?}", output.report);
    assert!(output.into_values().expect("all") == items);
    assert_eq!(keys.all(), Vec::<String>::new());
}
