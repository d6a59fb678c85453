//! Maps of tasks that are not idempotent: an item fails when it is unknown whether it has run.

use std::sync::atomic::{AtomicUsize, Ordering};

use lzap::testing::{Attempt, Fault};
use lzap::{Caller, Chunk, OnError, TaskErrorKind};

use super::{charge, cloud, noise, once};

#[tokio::test]
async fn lost_response_fails_the_items_and_throttling_does_not() {
    let map = charge.map(0..20).chunk(Chunk::Items(10)).caller(Caller::WhenStuck);
    let reset = |attempt: &Attempt| (attempt.chunk == Some(1)).then_some(Fault::Reset);
    let output = cloud().fault(reset).run(map.on_error(OnError::Collect).run()).await.expect("collected");
    assert_eq!(output.report.attempts, 2);
    assert!(output.errors().all(|error| error.kind == TaskErrorKind::Unreachable && error.index >= 10));
    assert_eq!(output.errors().count(), 10);
    // A throttled attempt never ran, so it is retried.
    let map = charge.map(0..20).chunk(Chunk::Items(10)).caller(Caller::WhenStuck);
    let values = cloud().fault(once(Fault::Throttle)).run(map.values()).await.expect("all");
    assert_eq!(values, (0..20).collect::<Vec<_>>());
}

static PRINTED: AtomicUsize = AtomicUsize::new(0);

/// Four of these outputs exceed Lambda's limit for an answer.
#[lzap::task(idempotent = false)]
async fn print(n: u64) -> Result<String, String> {
    PRINTED.fetch_add(1, Ordering::SeqCst);
    Ok(noise(1_500_000 + usize::try_from(n).expect("small")))
}

#[tokio::test]
async fn answer_too_large_fails_the_items_without_running_them_again() {
    let map = print.map(0..4).chunk(Chunk::Items(4)).caller(Caller::WhenStuck).on_error(OnError::Collect);
    let output = cloud().task(print).run(map.run()).await.expect("collected");
    assert!(output.errors().all(|error| error.kind == TaskErrorKind::TooLarge));
    assert_eq!((output.errors().count(), PRINTED.load(Ordering::SeqCst)), (4, 4));
}

/// A value that can be encoded and never decoded.
#[derive(Debug)]
struct Receipt;

impl serde::Serialize for Receipt {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> serde::Deserialize<'de> for Receipt {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("torn"))
    }
}

static TORN: AtomicUsize = AtomicUsize::new(0);

#[lzap::task(idempotent = false)]
async fn tear(_n: u64) -> Result<Receipt, String> {
    TORN.fetch_add(1, Ordering::SeqCst);
    Ok(Receipt)
}

#[tokio::test]
async fn unreadable_results_fail_the_map_without_running_the_item_again() {
    let error = cloud().task(tear).run(tear.map([1]).values()).await.expect_err("torn");
    assert_eq!((error.kind(), TORN.load(Ordering::SeqCst)), (TaskErrorKind::BadOutput, 1), "{error}");
}
