//! Several invocations at once in one process, and answers that come too late.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};

use super::{Answer, Cloud, alive, eventually, function, worker_zip};

const CONFIGURATION: &str = "/2015-03-31/functions/shop/configuration";

/// `CapacityProviderConfig` for so many invocations in an environment.
fn managed(max_concurrency: i64) -> Value {
    json!({ "LambdaManagedInstancesCapacityProviderConfig": {
        "CapacityProviderArn": "arn:aws:lambda:eu-west-1:000000000000:capacity-provider:shop",
        "PerExecutionEnvironmentMaxConcurrency": max_concurrency,
    } })
}

/// A cloud with a function `shop` whose environments have so many invocations at once.
async fn start(max_concurrency: i64, timeout: u32) -> Cloud {
    Cloud::with_function(json!({
        "CapacityProviderConfig": managed(max_concurrency), "Timeout": timeout, "MemorySize": 512,
    }))
    .await
}

async fn invoke_all(cloud: &Cloud, events: &[Value]) -> Vec<Answer> {
    join_all(events.iter().map(|event| cloud.invoke("shop", event))).await
}

fn meet(count: usize) -> Vec<Value> {
    (0..count).map(|number| json!({ "do": "meet", "count": count, "number": number })).collect()
}

async fn pid(cloud: &Cloud) -> Value {
    cloud.invoke("shop", &json!({ "do": "context" })).await.body["pid"].clone()
}

/// Starts a process and returns its id, when every one of its tasks has had an invocation. A process whose tasks
/// haven't all asked for an event yet gets fewer invocations, and another one gets the rest.
async fn start_every_task(cloud: &Cloud, count: usize) -> Value {
    let answers = invoke_all(cloud, &meet(count)).await;
    let pids: BTreeSet<String> = answers.iter().map(|answer| answer.body["pid"].to_string()).collect();
    assert_eq!(pids.len(), 1, "{answers:?}");
    answers[0].body["pid"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_has_many_invocations_and_their_ids_never_mix() {
    let cloud = start(8, 20).await;
    let events = meet(8);
    let answers = invoke_all(&cloud, &events).await;
    for (event, answer) in events.iter().zip(&answers) {
        assert_eq!((&answer.body["event"], &answer.body["met"]), (event, &json!(8)), "{answer:?}");
        let request_id = answer.header("x-amzn-requestid").expect("an id");
        assert_eq!(answer.body["request_id"], request_id);
        let log = answer.log();
        assert_eq!(log.matches("REPORT RequestId: ").count(), 1, "{log}");
        assert!(log.contains(&format!("REPORT RequestId: {request_id}\t")), "{log}");
    }
    let different = |member: &str| {
        answers.iter().map(|answer| answer.body[member].to_string()).collect::<BTreeSet<_>>().len()
    };
    assert_eq!(
        (different("pid"), different("request_id"), different("invocation_id")),
        (1, 8, 8),
        "{answers:?}"
    );
    let cold_starts = answers.iter().filter(|answer| answer.log().contains("Init Duration")).count();
    assert_eq!((cold_starts, cloud.streams().len()), (1, 1));
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_environment_starts_only_when_the_first_is_full() {
    let cloud = start(3, 20).await;
    let slow: Vec<Value> = (0..7).map(|n| json!({ "do": "sleep", "secs": 0.5, "n": n })).collect();
    let answers = invoke_all(&cloud, &slow).await;
    let bodies: Vec<&Value> = answers.iter().map(|answer| &answer.body).collect();
    assert_eq!(bodies, slow.iter().collect::<Vec<_>>());
    let cold_starts = answers.iter().filter(|answer| answer.log().contains("Init Duration")).count();
    assert_eq!((cold_starts, cloud.lambda.0.pool.idle()), (3, 3));
    invoke_all(&cloud, &slow).await;
    assert_eq!(cloud.lambda.0.pool.idle(), 3, "the same ones again");
    cloud.lambda.shutdown().await;
}

/// A runtime that doesn't know `AWS_LAMBDA_MAX_CONCURRENCY`.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_takes_one_event_at_a_time_gets_one() {
    let cloud = start(4, 20).await;
    let sequential = json!({ "Environment": { "Variables": { "INIT": "sequential" } } });
    cloud.send("PUT", CONFIGURATION, &sequential).await;
    cloud.settled("shop").await;
    pid(&cloud).await;
    let slow = json!({ "do": "sleep", "secs": 1.0 });
    let began = Instant::now();
    let answers = invoke_all(&cloud, &[slow.clone(), slow.clone()]).await;
    assert!(answers.iter().all(|answer| answer.body == slow), "{answers:?}");
    assert!(began.elapsed() < Duration::from_millis(1900), "one waited for the other");
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_fails_one_invocation_and_its_late_answer_is_refused() {
    let cloud = start(4, 1).await;
    let pid_before = start_every_task(&cloud, 4).await;
    let too_slow = json!({ "do": "sleep", "secs": 1.6 });
    let (late, other) = tokio::join!(cloud.invoke("shop", &too_slow), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        cloud.invoke("shop", &json!({ "do": "sleep", "secs": 0.8 })).await
    });
    assert_eq!(late.body["errorType"], "Sandbox.Timedout", "{late:?}");
    assert!(late.log().contains("\tStatus: timeout"), "{}", late.log());
    assert_eq!(other.body, json!({ "do": "sleep", "secs": 0.8 }));
    let is_refused = || cloud.lines("shop").contains(&"refused 410 InvokeTimeout".to_owned());
    assert!(eventually(is_refused).await, "{:?}", cloud.lines("shop"));
    assert_eq!(pid(&cloud).await, pid_before);
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_only_works_on_what_timed_out_is_ended() {
    let cloud = start(2, 1).await;
    let pid_before = start_every_task(&cloud, 2).await;
    let hang = json!({ "do": "sleep", "secs": 600 });
    let answers = invoke_all(&cloud, &[hang.clone(), hang]).await;
    assert!(answers.iter().all(|answer| answer.body["errorType"] == "Sandbox.Timedout"), "{answers:?}");
    assert!(eventually(|| !alive(&pid_before)).await, "{pid_before} lives on");
    assert_ne!(pid(&cloud).await, pid_before);
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_fails_every_invocation_of_the_process_with_its_own_error() {
    let cloud = start(4, 20).await;
    let pid_before = start_every_task(&cloud, 4).await;
    let slow = json!({ "do": "sleep", "secs": 600 });
    let both = [slow.clone(), slow];
    let (slow, exit) = tokio::join!(invoke_all(&cloud, &both), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        cloud.invoke("shop", &json!({ "do": "exit", "code": 7 })).await
    });
    for answer in slow.iter().chain([&exit]) {
        let request_id = answer.header("x-amzn-requestid").expect("an id");
        let message = format!("RequestId: {request_id} Error: Runtime exited with error: exit status 7");
        assert_eq!(
            answer.body,
            json!({ "errorType": "Runtime.ExitError", "errorMessage": message }),
            "{answer:?}"
        );
        assert!(answer.log().contains(&format!("REPORT RequestId: {request_id}\t")), "{}", answer.log());
    }
    assert_ne!(pid(&cloud).await, pid_before);
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_process_is_frozen_and_one_with_invocations_is_not() {
    let cloud = start(2, 20).await;
    let pid = start_every_task(&cloud, 2).await;
    let is_frozen = || {
        fs_err::read_to_string(format!("/proc/{pid}/status"))
            .is_ok_and(|it| it.contains("State:\tT (stopped)"))
    };
    assert!(eventually(is_frozen).await);
    let began = Instant::now();
    let slow = json!({ "do": "sleep", "secs": 1.0 });
    let (long, frozen) = tokio::join!(cloud.invoke("shop", &slow), async {
        cloud.invoke("shop", &json!({})).await;
        let frozen = is_frozen();
        (began.elapsed(), frozen)
    });
    assert!(frozen.0 < Duration::from_millis(900), "the short one waited for the long one: {frozen:?}");
    assert!(!frozen.1);
    assert_eq!(long.body, slow, "{long:?}");
    assert!(eventually(is_frozen).await);
    cloud.lambda.shutdown().await;
}

/// The first attempt answers while the second one is at work in the same process, with the same request id.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_does_not_count_for_the_retry() {
    let cloud = start(4, 1).await;
    let file = cloud.folder.path().join("attempts");
    let event = json!({ "do": "late", "file": file });
    let answer = cloud.invoke_with("shop", &event, &[("x-amz-invocation-type", "Event")]).await;
    assert_eq!(answer.status, 202);
    let reports = || cloud.lines("shop").iter().filter(|line| line.starts_with("REPORT")).count();
    assert!(eventually(|| reports() == 2).await, "{:?}", cloud.lines("shop"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let lines = cloud.lines("shop");
    let refused: Vec<&String> = lines.iter().filter(|line| line.starts_with("refused")).collect();
    assert_eq!(refused, ["refused 410 InvokeTimeout"], "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.contains("Status: timeout")).count(), 1, "{lines:?}");
    assert_eq!(fs_err::read_to_string(&file).expect("it ran"), "xx");
    cloud.lambda.shutdown().await;
}

/// With one invocation at a time as with several.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_needs_the_id_of_its_delivery_and_counts_once() {
    for max_concurrency in [1, 2] {
        let cloud = start(max_concurrency, 20).await;
        let answer = cloud.invoke("shop", &json!({ "do": "wrong" })).await;
        assert_eq!(answer.body, json!([410, 410, 400]), "{answer:?}");
        let bare = json!({ "do": "bare" });
        assert_eq!(cloud.invoke("shop", &bare).await.body, bare, "a runtime that doesn't know the header");
        let refused = || {
            let lines = cloud.lines("shop");
            lines.iter().filter(|line| *line == "refused 400 InvalidRequestID").count()
        };
        assert!(eventually(|| refused() == 3).await, "{:?}", cloud.lines("shop"));
        cloud.lambda.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_counts_invocations_and_not_environments() {
    let cloud = start(8, 20).await;
    let path = "/2017-10-31/functions/shop/concurrency";
    cloud.send("PUT", path, &json!({ "ReservedConcurrentExecutions": 3 })).await;
    let slow = json!({ "do": "sleep", "secs": 0.5 });
    let answers = invoke_all(&cloud, &[(); 5].map(|()| slow.clone())).await;
    let succeeded = answers.iter().filter(|answer| answer.body == slow).count();
    let throttled = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!((succeeded, throttled), (3, 2), "{answers:?}");
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_init_fails_every_invocation_that_waits_for_it() {
    let cloud = start(4, 20).await;
    let broken = json!({ "Environment": { "Variables": { "INIT": "error" } } });
    cloud.send("PUT", CONFIGURATION, &broken).await;
    cloud.settled("shop").await;
    let answers = invoke_all(&cloud, &[json!({}), json!({}), json!({})]).await;
    assert!(answers.iter().all(|answer| answer.body["errorType"] == "Init.Broken"), "{answers:?}");
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_learns_how_many_invocations_it_may_get() {
    let cloud = Cloud::with_function(json!({})).await;
    let shown = cloud.send("GET", CONFIGURATION, &Value::Null).await.body;
    assert_eq!(shown.get("CapacityProviderConfig"), None);
    let variables = async || {
        let seen = cloud.invoke("shop", &json!({ "do": "environment" })).await.body;
        let of = |name: &str| seen["variables"][name].clone();
        (of("AWS_LAMBDA_MAX_CONCURRENCY"), of("AWS_LAMBDA_INITIALIZATION_TYPE"))
    };
    assert_eq!(variables().await, (Value::Null, json!("on-demand")));
    let change = json!({ "CapacityProviderConfig": managed(7) });
    let changed = cloud.send("PUT", CONFIGURATION, &change).await.body;
    assert_eq!(changed["CapacityProviderConfig"], managed(7));
    cloud.settled("shop").await;
    assert_eq!(variables().await, (json!("7"), json!("lambda-managed-instances")));
    cloud.send("PUT", CONFIGURATION, &json!({ "Description": "kept" })).await;
    let shown = cloud.send("GET", CONFIGURATION, &Value::Null).await.body;
    assert_eq!(shown["CapacityProviderConfig"], managed(7));
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn capacity_provider_settings_have_awss_limits() {
    let cloud = Cloud::start().await;
    let with = |member: &str, value: Value| {
        let mut config = managed(4);
        config["LambdaManagedInstancesCapacityProviderConfig"][member] = value;
        config
    };
    let validation = (400, "ValidationException");
    let serialization = (400, "SerializationException");
    for (config, error) in [
        (managed(0), validation),
        (managed(1601), validation),
        (managed(-1), validation),
        (with("CapacityProviderArn", json!("shop")), validation),
        (with("CapacityProviderArn", json!(null)), serialization),
        (with("ExecutionEnvironmentMemoryGiBPerVCpu", json!(9)), validation),
    ] {
        let body = function("shop", &worker_zip(), json!({ "CapacityProviderConfig": config }));
        let answer = cloud.send("POST", "/2015-03-31/functions", &body).await;
        assert_eq!(answer.error(), error, "{config} {}", answer.body);
    }
    for config in [managed(1), managed(1600), with("ExecutionEnvironmentMemoryGiBPerVCpu", json!(2.5))] {
        let body = function("shop", &worker_zip(), json!({ "CapacityProviderConfig": config }));
        let answer = cloud.send("POST", "/2015-03-31/functions", &body).await;
        assert_eq!((answer.status, &answer.body["CapacityProviderConfig"]), (201, &config));
        cloud.send("DELETE", "/2015-03-31/functions/shop", &Value::Null).await;
    }
    let missing = cloud.send("POST", "/2025-11-30/capacity-providers", &json!({})).await;
    assert_eq!(missing.error(), (501, "NotImplementedException"));
    cloud.lambda.shutdown().await;
}
