//! Tasks: calls, spawned tasks and jobs, in this process and in a test's Lambda.

use std::time::Duration;

use lzap::testing::{Attempt, Cloud, Fault};
use lzap::{Job, JobState, TaskErrorKind};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    notes: Vec<String>,
}

/// A task may return any error type.
#[lzap::task]
async fn ship(order: Order) -> Result<String, std::num::ParseIntError> {
    let first: u64 = order.notes.first().map_or("0", String::as_str).parse()?;
    Ok(format!("{}-{first}", order.id))
}

#[lzap::task]
fn join(left: String, right: String) -> Result<String, String> {
    Ok(left + &right)
}

#[lzap::task]
async fn nothing() -> Result<(), String> {
    Ok(())
}

#[lzap::task(name = "panics-always")]
async fn panics() -> Result<(), String> {
    panic!("a panic on purpose")
}

#[lzap::task]
async fn deeper(left: u32) -> Result<u32, lzap::TaskError> {
    if left == 0 { Ok(0) } else { Ok(1 + Box::pin(deeper.call(left - 1)).await?) }
}

#[lzap::task(idempotent = false)]
async fn charge(cents: u64) -> Result<u64, String> {
    Ok(cents)
}

fn cloud() -> Cloud {
    Cloud::new().task(ship).task(join).task(nothing).task(panics).task(deeper).task(charge)
}

fn order() -> Order {
    Order { id: 7, notes: vec!["12".to_owned()] }
}

#[tokio::test]
async fn call_returns_the_same_in_process_and_in_a_cloud() {
    assert_eq!(ship.run(order()).await.expect("direct"), "7-12");
    assert_eq!(ship.call(order()).await.expect("in process"), "7-12");
    assert_eq!(cloud().run(ship.call(order())).await.expect("in a cloud"), "7-12");
    let both = ("a".to_owned(), "b".to_owned());
    assert_eq!(cloud().run(join.call(both)).await.expect("two arguments"), "ab");
    cloud().run(nothing.call(())).await.expect("no argument");
}

#[tokio::test]
async fn call_of_a_failing_task_returns_its_kind_and_message() {
    let bad = || Order { notes: vec!["x".to_owned()], ..order() };
    for error in [ship.call(bad()).await, cloud().run(ship.call(bad())).await] {
        let error = error.expect_err("not a number");
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (TaskErrorKind::Failed, "invalid digit found in string")
        );
    }
    for error in [panics.call(()).await, cloud().run(panics.call(())).await] {
        let error = error.expect_err("panics");
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (TaskErrorKind::Panicked, "panicked: a panic on purpose")
        );
    }
    let error = Cloud::new().task(join).run(ship.call(order())).await.expect_err("unknown");
    assert_eq!(error.kind(), TaskErrorKind::UnknownTask);
}

#[tokio::test]
async fn chain_of_calls_above_the_maximum_depth_fails() {
    for depth in [0, 3] {
        assert_eq!(cloud().run(deeper.call(depth)).await.expect("allowed"), depth);
    }
    for error in [deeper.call(9).await, cloud().run(deeper.call(9)).await] {
        let error = error.expect_err("too deep");
        assert!(error.to_string().contains("more than 4 deep"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn call_is_retried_unless_a_non_idempotent_task_may_have_run() {
    let first = |fault| move |attempt: &Attempt| (attempt.total == 1).then_some(fault);
    for fault in [Fault::Throttle, Fault::TooFast, Fault::Reset, Fault::Unavailable] {
        cloud().fault(first(fault)).run(ship.call(order())).await.expect("the second time");
    }
    cloud().fault(first(Fault::Throttle)).run(charge.call(5)).await.expect("the second time");
    let error =
        cloud().fault(first(Fault::Reset)).run(charge.call(5)).await.expect_err("may have been charged");
    assert_eq!(error.kind(), TaskErrorKind::Unreachable);
}

#[tokio::test(start_paused = true)]
async fn call_maps_each_fault_to_its_error_kind() {
    for (fault, kind) in [
        (Fault::Crash, TaskErrorKind::Crashed),
        (Fault::Timeout, TaskErrorKind::TimedOut),
        (Fault::Denied, TaskErrorKind::Denied),
        (Fault::Recursion, TaskErrorKind::Recursion),
        (Fault::OtherBuild, TaskErrorKind::WrongBuild),
        (Fault::Garbage, TaskErrorKind::BadOutput),
        (Fault::Throttle, TaskErrorKind::Throttled),
        (Fault::Unavailable, TaskErrorKind::Unreachable),
        (Fault::TooLarge, TaskErrorKind::TooLarge),
    ] {
        let error = cloud().fault(move |_| Some(fault)).run(ship.call(order())).await.expect_err("always");
        assert_eq!(error.kind(), kind, "{fault:?}: {error}");
    }
}

#[tokio::test]
async fn spawn_with_an_input_too_large_fails_before_it_is_sent() {
    let large = || ("x".repeat(2 * 1024 * 1024), String::new());
    join.call(large()).await.expect("6 MB are allowed");
    let error = cloud()
        .fault(|attempt| panic!("{attempt:?}"))
        .run(join.spawn(large()))
        .await
        .expect_err("1 MB is not");
    assert_eq!(error.kind(), TaskErrorKind::TooLarge);
}

#[tokio::test]
async fn find_by_id_returns_a_jobs_result() {
    let job = ship.job(order()).await.expect("taken");
    assert_eq!(job.wait(Duration::from_secs(10)).await.expect("done"), "7-12");
    let found = Job::<String>::find(job.id()).expect("an id");
    assert_eq!(found.state().await.expect("a record"), JobState::Done("7-12".to_owned()));
    assert!(Job::<String>::find("../lock").is_err());
    let unknown = Job::<String>::find(&"0".repeat(32)).expect("an id").state().await.expect_err("no record");
    assert_eq!(unknown.kind(), TaskErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn wait_for_a_failing_job_returns_its_error_after_the_last_attempt() {
    let job = panics.job(()).await.expect("taken");
    let error = job.wait(Duration::from_mins(1)).await.expect_err("panics");
    assert_eq!(error.kind(), TaskErrorKind::Panicked);
}

#[tokio::test]
async fn job_that_lambda_refuses_is_an_error() {
    let (cloud, _) = cloud().bucket();
    let error = cloud.fault(|_| Some(Fault::Denied)).run(ship.job(order())).await.expect_err("denied");
    assert_eq!(error.kind(), TaskErrorKind::Denied);
}

/// The macro's error messages are in `tests/ui/*.stderr`.
#[test]
fn task_attribute_on_invalid_functions_reports_readable_errors() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
