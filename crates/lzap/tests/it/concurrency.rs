//! Several invocations at once in one process, as on Managed Instances: whatever belongs to one of them stays with it.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-rust.html>

mod app;
#[cfg(feature = "map")]
mod jobs;
mod load;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use futures_util::future::join_all;
use lzap_invocation::now_ms;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::spawn_blocking};

pub(crate) use app::app;

use crate::{
    app::{App, THREADS},
    local::free_port,
    runtime_api::{Answered, Function, Reception, Sent, http_api_event},
};

/// An app on two threads that gets as many invocations at once.
async fn start(concurrency: &str) -> Function {
    start_with(concurrency, &[(THREADS, "2")]).await
}

async fn start_with(concurrency: &str, environment: &[(&str, &str)]) -> Function {
    let all = [&[("AWS_LAMBDA_MAX_CONCURRENCY", concurrency)], environment].concat();
    Function::start_named("meetings", &all).await
}

/// The invocation number `n` with a request that is answered once `count` requests have come to the meeting `name`.
fn meet(n: usize, name: &str, count: usize) -> Sent {
    let sent = Sent::numbered(n, &Value::Null);
    let mut event = http_api_event("POST", &format!("/meet/{name}/{count}"));
    event["body"] = json!(sent.request_id);
    Sent { event: event.to_string(), ..sent }
}

fn get(n: usize, path: &str) -> Sent {
    Sent::numbered(n, &http_api_event("GET", path))
}

/// Fails unless the answer to `sent` has the ids of `sent` everywhere.
fn assert_own_ids(answered: &Answered, sent: &Sent) {
    assert_eq!(answered.request_id, sent.request_id);
    assert_eq!(answered.invocation_id, sent.invocation_id);
    let crate::runtime_api::Answer::Response(response) = &answered.answer else { panic!("{answered:?}") };
    assert_eq!(response["statusCode"], 200, "{response}");
    let body: Value = serde_json::from_str(response["body"].as_str().expect("text")).expect("JSON");
    assert_eq!(body["body"], sent.request_id.as_str());
    for id in ["lambda_id", "context_id", "context_id_later"] {
        assert_eq!(body[id], sent.request_id.as_str(), "{id}");
    }
    for id in ["trace_header", "context_trace"] {
        assert_eq!(body[id], json!(sent.trace_id), "{id}");
    }
}

/// The log's lines by request id. Lines outside of requests have the id `""`.
fn by_request(log: Vec<Value>) -> BTreeMap<String, Vec<Value>> {
    let mut lines: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in log {
        lines.entry(line["requestId"].as_str().unwrap_or_default().to_owned()).or_default().push(line);
    }
    lines
}

fn messages(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["message"].as_str().expect("a message")).collect()
}

/// The warnings about a runtime with one thread.
fn thread_warnings(log: &[Value]) -> usize {
    let is_warning = |line: &&Value| {
        line["level"] == "WARN"
            && line["message"].as_str().is_some_and(|text| text.contains("has one thread"))
    };
    log.iter().filter(is_warning).count()
}

#[tokio::test]
async fn invocations_in_flight_at_once_are_answered_with_their_own_ids() {
    const COUNT: usize = 16;
    for (threads, warnings) in [(Some("2"), 0), (None, 1)] {
        let environment: Vec<_> = threads.map(|count| (THREADS, count)).into_iter().collect();
        let function = start_with(&COUNT.to_string(), &environment).await;
        for round in 0..2 {
            let name = format!("all-{round}");
            let sent: Vec<_> = (0..COUNT).map(|n| meet(COUNT * round + n, &name, COUNT)).collect();
            let answers = join_all(sent.iter().map(|sent| function.send(sent.clone()))).await;
            for (answered, sent) in answers.iter().zip(&sent) {
                assert_own_ids(answered, sent);
            }
        }
        assert_eq!(function.api.most_in_flight(), COUNT);
        let log = function.log();
        assert_eq!(thread_warnings(&log), warnings, "{log:?}");
        let mut lines = by_request(log);
        assert_eq!(
            lines.remove("").map_or(0, |lines| lines.len()),
            warnings,
            "no other line outside of requests"
        );
        assert_eq!(lines.len(), 2 * COUNT);
        let cold = |line: &Value| line["coldStart"].as_bool().expect("a flag");
        assert_eq!(lines.values().filter(|lines| lines.iter().all(cold)).count(), 1);
        for (id, lines) in &lines {
            assert_eq!(messages(lines), ["met", "request"]);
            assert_eq!(lines[0]["body"], id.as_str());
            assert!(lines.iter().all(|line| cold(line) == cold(&lines[0])), "{lines:?}");
            assert!(
                lines.iter().all(|line| line["task_id"].is_null()),
                "a field of `lambda_runtime`: {lines:?}"
            );
        }
    }
}

#[tokio::test]
async fn failed_invocation_repeats_its_invocation_id_and_one_without_an_id_has_none() {
    let function = start("2").await;
    let event = json!({"source": "aws.s3"});
    for invocation_id in [Some("invocation-7".to_owned()), None] {
        let sent = Sent { invocation_id: invocation_id.clone(), ..Sent::numbered(7, &event) };
        let answered = function.send(sent).await;
        assert_eq!(answered.invocation_id, invocation_id);
        assert_eq!(answered.answer.error()["errorType"], "lzap::UnhandledEvent");
        let sent = Sent { invocation_id: invocation_id.clone(), ..get(8, "/wait/1") };
        let answered = function.send(sent).await;
        assert_eq!(answered.invocation_id, invocation_id);
        assert_eq!(answered.answer.response()["statusCode"], 200);
    }
}

/// The guard logs when it is dropped, and the request would log when its work goes on.
#[tokio::test]
async fn work_past_its_deadline_is_answered_with_its_error_and_dropped() {
    let function = start("3").await;
    function.send(get(0, "/wait/1")).await;
    let now = now_ms();
    let stuck = Sent { deadline_ms: now + 500, ..get(1, "/stuck/1000") };
    let task = json!({"lzap": {"v": 1, "kind": "task", "task": "stuck-task"}, "data": 1_000});
    let stuck_task = Sent { deadline_ms: now + 700, ..Sent::numbered(2, &task) };
    let neighbor = function.send(get(3, "/wait/1200"));
    let answers = [stuck, stuck_task].map(|sent| {
        let answer = function.send(sent.clone());
        async { (answer.await, now_ms() < sent.deadline_ms, sent) }
    });
    let answers = join_all(answers).await;
    // A busy machine may delay one.
    assert!(answers.iter().any(|(_, is_in_time, _)| *is_in_time), "an answer arrives before the deadline");
    for (answered, _, sent) in answers {
        assert_eq!((&answered.request_id, &answered.invocation_id), (&sent.request_id, &sent.invocation_id));
        let error = answered.answer.error();
        assert_eq!(error["errorType"], "lzap::TimedOut");
        assert!(error["errorMessage"].as_str().is_some_and(|text| text.contains("deadline")), "{error}");
    }
    assert_eq!(neighbor.await.answer.response()["statusCode"], 200, "its deadline is far");
    // Each of the three workers serves on.
    join_all((4..7).map(|n| function.send(meet(n, "after", 3)))).await;
    let lines = by_request(function.log());
    for n in [1, 2] {
        let id = get(n, "/").request_id;
        let lines = &lines[&id];
        assert_eq!(messages(lines)[..2], ["stuck", "dropped"], "and never `went on`");
        assert_eq!(lines[1]["dropped_id"], id, "the guard is dropped within its invocation");
        assert_eq!((lines.len(), &lines[2]["level"]), (3, &json!("ERROR")), "{lines:?}");
    }
}

#[tokio::test]
async fn deadline_of_each_invocation_is_its_own() {
    let function = start("3").await;
    let now = now_ms();
    let sent: Vec<_> = [5_000, 10_000, 20_000]
        .into_iter()
        .enumerate()
        .map(|(n, left)| Sent { deadline_ms: now + left, ..meet(n, "deadlines", 3) })
        .collect();
    for (answered, sent) in
        join_all(sent.iter().map(|sent| function.send(sent.clone()))).await.into_iter().zip(&sent)
    {
        let body = answered.answer.response()["body"].clone();
        let body: Value = serde_json::from_str(body.as_str().expect("text")).expect("JSON");
        // The context's deadline leaves a quarter of a second for the answer.
        assert_eq!(body["deadline_ms"], sent.deadline_ms - 250);
    }
}

#[tokio::test]
async fn panic_and_too_large_response_leave_other_invocations_alone() {
    let function = start("5").await;
    let others = join_all([1, 2].map(|n| function.send(meet(n, "others", 3))));
    let others = tokio::spawn(others);
    let paths = ["/panic", "/big", "/panic"];
    for (n, path) in paths.into_iter().enumerate() {
        let response = function.send(get(10 + n, path)).await.answer.response();
        assert_eq!(response["statusCode"], 500);
        let id = get(10 + n, path).request_id;
        assert!(response["body"].as_str().is_some_and(|body| body.contains(&id)), "{response}");
    }
    let last = meet(3, "others", 3);
    assert_own_ids(&function.send(last.clone()).await, &last);
    for (answered, n) in others.await.expect("no panic here").iter().zip([1, 2]) {
        assert_own_ids(answered, &meet(n, "others", 3));
    }
    let lines = by_request(function.log());
    for (n, path) in paths.into_iter().enumerate() {
        let lines = &lines[&get(10 + n, path).request_id];
        let first = if path == "/panic" { "panicked" } else { "the response is larger than" };
        assert!(messages(lines)[0].starts_with(first), "{lines:?}");
        assert_eq!((lines.len(), messages(lines)[1], &lines[1]["status"]), (2, "request", &json!(500)));
    }
}

/// With `lambda_runtime` alone each lost answer ends a worker, and the last worker's end is the process's.
#[tokio::test]
async fn lost_or_refused_answer_leaves_the_process_all_of_its_workers() {
    let mut function = start("2").await;
    let receptions = [Reception::Cut, Reception::Refuse, Reception::Cut, Reception::Cut];
    for (n, reception) in receptions.into_iter().enumerate() {
        let sent = Sent { reception, ..meet(n, &format!("alone-{n}"), 1) };
        assert_own_ids(&function.send(sent.clone()).await, &sent);
    }
    let sent = [10, 11].map(|n| meet(n, "both", 2));
    for (answered, sent) in join_all(sent.clone().map(|sent| function.send(sent))).await.iter().zip(&sent) {
        assert_own_ids(answered, sent);
    }
    assert!(function.app.runs());
    let lines = by_request(function.log());
    for n in 0..receptions.len() {
        let lines = &lines[&meet(n, "", 1).request_id];
        assert!(lines.iter().any(|line| line["level"] == "ERROR"), "the log has the lost answer: {lines:?}");
    }
}

#[tokio::test]
async fn process_without_concurrency_has_one_invocation_at_a_time_and_no_deadline() {
    for variable in [&[][..], &[("AWS_LAMBDA_MAX_CONCURRENCY", "1")]] {
        let function = Function::start_named("meetings", variable).await;
        // Lambda itself ends a process whose invocation reaches its deadline.
        let late = function.send(Sent { deadline_ms: now_ms() + 200, ..get(1, "/wait/500") });
        let sent: Vec<_> = (2..6).map(|n| meet(n, &n.to_string(), 1)).collect();
        let answers = join_all(sent.iter().map(|sent| function.send(sent.clone()))).await;
        for (answered, sent) in answers.iter().zip(&sent) {
            assert_own_ids(answered, sent);
        }
        assert_eq!(late.await.answer.response()["statusCode"], 200);
        assert_eq!(function.api.most_in_flight(), 1);
        let log = function.log();
        assert!(log.iter().all(|line| line["level"] == "INFO"), "no warning: {log:?}");
        assert_eq!(log.iter().filter(|line| line["coldStart"] == true).count(), 1, "the first has one line");
    }
}

#[tokio::test]
async fn process_ends_when_its_runtime_api_is_gone_or_answers_polls_with_an_error() {
    let gone = format!("127.0.0.1:{}", free_port());
    let failing = axum::Router::new().fallback(async || StatusCode::INTERNAL_SERVER_ERROR);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let fails = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move { axum::serve(listener, failing).await });
    for (address, concurrency, seconds) in [(&gone, "1", 3), (&gone, "8", 9), (&fails, "8", 3)] {
        let environment = [
            ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "shop-dev"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_MAX_CONCURRENCY", concurrency),
            (THREADS, "2"),
        ];
        let began = Instant::now();
        let mut app = App::start_named("meetings", &environment);
        let (status, app) = spawn_blocking(move || (app.wait(), app)).await.expect("ends");
        assert!(!status.success());
        assert!(began.elapsed() < Duration::from_secs(seconds), "{:?}", began.elapsed());
        let log = app.log();
        let is_end = |line: &Value| {
            line["panic"].as_str().is_some_and(|error| error.starts_with("the Lambda Runtime API failed"))
        };
        assert!(log.iter().any(is_end), "the error of `run`");
    }
}

/// Polls until `is_true`, for ten seconds at most.
async fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if is_true() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not happen in ten seconds");
}
