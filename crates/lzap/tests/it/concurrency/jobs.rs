//! Tasks, jobs and maps beside requests in one process.

use futures_util::future::join_all;
use lzap::{Caller, Chunk};
use serde_json::{Value, json};

use super::{assert_own_ids, by_request, meet, start_with, wait_until};
use crate::{app::THREADS, runtime_api::Sent};

/// Registers the tasks of this module.
pub(super) fn register(app: lzap::App) -> lzap::App {
    app.task(stuck_task).task(square).task(sum_of_squares)
}

#[lzap::task(name = "stuck-task")]
async fn stuck_task(ms: u64) -> Result<String, String> {
    Ok(super::app::stuck(ms).await.to_owned())
}

#[lzap::task]
async fn square(n: u64) -> Result<u64, String> {
    Ok(n * n)
}

/// Maps in chunks that other invocations compute. The test's Lambda sends them to this same process.
#[lzap::task(name = "sum-of-squares")]
async fn sum_of_squares(start: u64, count: u64) -> Result<u64, lzap::MapError> {
    tracing::info!(start, "began");
    let map = square.map(start..start + count).chunk(Chunk::Items(5)).caller(Caller::WhenStuck);
    Ok(map.values().await?.into_iter().sum())
}

const COUNT: u64 = 60;

/// The job of the number `n`: its id, its invocation, and its result.
fn job(n: u64) -> (String, Sent, u64) {
    let id = format!("{n:032x}");
    let start = 1_000 * n;
    let head = json!({"v": 1, "kind": "task", "task": "sum-of-squares", "mode": "job", "job": id});
    let event = json!({"lzap": head, "data": [start, COUNT]});
    let sent = Sent::numbered(usize::try_from(n).expect("small"), &event);
    (id, sent, (start..start + COUNT).map(|n| n * n).sum())
}

#[tokio::test]
async fn jobs_with_maps_and_requests_at_once_keep_their_ids_and_results() {
    let environment = [
        (THREADS, "2"),
        ("AWS_ENDPOINT_URL", "{api}"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("LZAP_APP", "shop"),
        ("LZAP_STAGE", "dev"),
        ("LZAP_BUCKET", "bucket"),
    ];
    let function = start_with("16", &environment).await;
    let jobs = [1, 2, 3].map(job);
    // Half of the requests meet while the jobs run: the last ones come when the app has invoked itself.
    let first: Vec<_> = (100..104).map(|n| meet(n, "beside", 8)).collect();
    let last: Vec<_> = (104..108).map(|n| meet(n, "beside", 8)).collect();
    let first_answers = tokio::spawn(join_all(first.iter().map(|sent| function.send(sent.clone()))));
    let job_answers = tokio::spawn(join_all(jobs.iter().map(|(_, sent, _)| function.send(sent.clone()))));
    wait_until("a chunk", || function.api.own_invocations() > 0).await;
    let last_answers = join_all(last.iter().map(|sent| function.send(sent.clone()))).await;
    let first_answers = first_answers.await.expect("no panic");
    for (answered, sent) in first_answers.iter().chain(&last_answers).zip(first.iter().chain(&last)) {
        assert_own_ids(answered, sent);
    }
    for (answered, (id, sent, total)) in job_answers.await.expect("no panic").into_iter().zip(&jobs) {
        assert_eq!(answered.request_id, sent.request_id);
        assert_eq!(answered.invocation_id, sent.invocation_id);
        answered.answer.response();
        let record = function.api.object(&format!("bucket/shop/dev/jobs/{id}.json")).expect("a record");
        let record: Value = serde_json::from_slice(&record).expect("JSON");
        assert_eq!((&record["state"], &record["result"]), (&json!("done"), &json!(total)), "{record}");
        assert_eq!(record["attempt"], 1);
    }
    // By the trace, Lambda recognizes loops of invocations.
    let traces = function.api.own_traces();
    for (_, sent, _) in &jobs {
        assert!(traces.contains(&sent.trace_id), "the chunks of a job are in its trace: {traces:?}");
    }
    assert!(!traces.contains(&None), "{traces:?}");
    let lines = by_request(function.log());
    for (id, sent, _) in &jobs {
        let lines = &lines[&sent.request_id];
        assert!(lines.iter().all(|line| line["job"] == id.as_str()), "{lines:?}");
    }
    for sent in first.iter().chain(&last) {
        let lines = &lines[&sent.request_id];
        assert!(lines.iter().all(|line| line["job"].is_null()), "a request is in no job: {lines:?}");
    }
}
