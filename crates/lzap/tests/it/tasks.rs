//! Tasks: called, spawned and kept as jobs, in this process and in a Lambda in it.

use std::time::Duration;

use lzap::testing::{Attempt, Cloud, Fault};
use lzap::{Job, JobState, TaskErrorKind};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    notes: Vec<String>,
}

/// Any error type will do.
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
async fn a_task_gives_the_same_here_and_elsewhere() {
    assert_eq!(ship.run(order()).await.expect("direct"), "7-12");
    assert_eq!(ship.call(order()).await.expect("in process"), "7-12");
    assert_eq!(cloud().run(ship.call(order())).await.expect("in a cloud"), "7-12");
    let both = ("a".to_owned(), "b".to_owned());
    assert_eq!(cloud().run(join.call(both)).await.expect("two arguments"), "ab");
    cloud().run(nothing.call(())).await.expect("no argument");
}

#[tokio::test]
async fn a_failure_has_its_kind_and_its_text() {
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
async fn a_chain_that_is_too_deep_is_stopped_before_aws_would() {
    for depth in [0, 3] {
        assert_eq!(cloud().run(deeper.call(depth)).await.expect("allowed"), depth);
    }
    for error in [deeper.call(9).await, cloud().run(deeper.call(9)).await] {
        let error = error.expect_err("too deep");
        assert!(error.to_string().contains("more than 4 deep"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_never_ran_is_sent_again_and_what_may_have_run_only_when_that_is_harmless() {
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
async fn each_way_of_not_answering_has_its_kind() {
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
async fn an_input_that_lambda_can_t_carry_is_told_before_it_is_sent() {
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
async fn a_job_s_result_is_found_by_its_id() {
    let job = ship.job(order()).await.expect("taken");
    assert_eq!(job.wait(Duration::from_secs(10)).await.expect("done"), "7-12");
    let found = Job::<String>::find(job.id()).expect("an id");
    assert_eq!(found.state().await.expect("a record"), JobState::Done("7-12".to_owned()));
    assert!(Job::<String>::find("../lock").is_err());
    let unknown = Job::<String>::find(&"0".repeat(32)).expect("an id").state().await.expect_err("no record");
    assert_eq!(unknown.kind(), TaskErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_fails_says_why_after_its_last_attempt() {
    let job = panics.job(()).await.expect("taken");
    let error = job.wait(Duration::from_mins(1)).await.expect_err("panics");
    assert_eq!(error.kind(), TaskErrorKind::Panicked);
}

#[tokio::test]
async fn a_job_that_aws_did_not_take_is_not_left_queued() {
    let (cloud, _) = cloud().bucket();
    let error = cloud.fault(|_| Some(Fault::Denied)).run(ship.job(order())).await.expect_err("denied");
    assert_eq!(error.kind(), TaskErrorKind::Denied);
}

/// What the macro says to mistakes.
#[test]
fn mistakes_are_told_in_words() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
