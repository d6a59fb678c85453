//! The items that the caller tries before it plans the rest. They follow the same rules as the others.

use std::time::Duration;

use lzap::testing::Cloud;
use lzap::{MapError, OnError, TaskErrorKind};

use super::{charge, cloud, double, nap};

#[tokio::test(start_paused = true)]
async fn tried_item_that_takes_long_continues_while_workers_run() {
    let report = cloud().run(nap.map(vec![2000; 20]).hedge(None).run()).await.expect("all done").report;
    assert_eq!((report.here, report.remote, report.chunks), (1, true, 20), "{report:?}");
    assert!(report.wall_secs < 3.0, "not one after the other: {report:?}");
}

/// Items after a slow one go to workers instead of waiting for it.
#[tokio::test(start_paused = true)]
async fn slow_item_among_quick_ones_delays_no_other() {
    for quick in [1, 2, 5] {
        for slow in [20, 100] {
            let items = [vec![1; quick], vec![1000; slow]].concat();
            let report = cloud().run(nap.map(items).hedge(None).run()).await.expect("all done").report;
            assert_eq!((report.done, report.remote), (quick + slow, true), "{report:?}");
            assert!(report.wall_secs < 2.5, "{quick} quick, {slow} slow: {report:?}");
        }
    }
}

/// A type that encodes `None` as no bytes and decodes it as one, as `skip_serializing_if` does with postcard.
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Row {
    n: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[lzap::task]
async fn row(n: u64) -> Result<Row, String> {
    Ok(Row { n, note: (n > 0).then(|| "a note".to_owned()) })
}

#[tokio::test]
async fn unreadable_result_fails_and_is_not_replaced_by_the_next() {
    let error = cloud().task(row).run(row.map(0..40).run()).await.expect_err("not readable");
    assert_eq!(error.kind(), TaskErrorKind::BadOutput, "{error}");
}

#[tokio::test]
async fn explain_runs_no_item_of_a_task_that_is_not_idempotent() {
    let plan = cloud().run(charge.map(0..40).explain()).await.expect("a plan");
    assert_eq!((plan.items, plan.chunks), (40, vec![1; 40]), "one for each: nothing is known about them");
}

#[tokio::test]
async fn deadline_ends_tried_items() {
    let map = nap.map([60_000, 1, 1]).deadline(Duration::from_millis(300));
    let error = tokio::time::timeout(Duration::from_secs(30), cloud().run(map.values()));
    let error = error.await.expect("it ends").expect_err("too late");
    assert_eq!((error.kind(), error.report().done), (TaskErrorKind::TimedOut, 2));
}

#[tokio::test]
async fn failed_tried_items_count_towards_tolerate() {
    let map = |share| double.map([13_000, 1, 2, 3]).on_error(OnError::Tolerate(share));
    let error = cloud().run(map(0.2).run()).await.expect_err("a quarter failed");
    assert_eq!((error.kind(), error.item()), (TaskErrorKind::Failed, Some(0)));
    cloud().run(map(0.25).run()).await.expect("a quarter may fail");
    // The share is of all items, including the tried ones.
    let mostly = || (0..40).map(|n| if n == 39 { 13_000 } else { n });
    cloud().run(double.map(mostly()).on_error(OnError::Tolerate(0.03)).run()).await.expect("one of forty");
}

#[lzap::task]
async fn nested(left: u32) -> Result<u32, MapError> {
    if left == 0 { Ok(0) } else { Ok(1 + Box::pin(nested.map([left - 1]).values()).await?[0]) }
}

#[tokio::test]
async fn chain_of_maps_above_the_maximum_depth_fails() {
    let cloud = || Cloud::new().task(nested);
    assert_eq!(cloud().run(nested.map([3]).values()).await.expect("allowed"), [3]);
    let error = cloud().run(nested.map([9]).values()).await.expect_err("too deep");
    assert!(error.to_string().contains("more than 4 deep"), "{error}");
}
