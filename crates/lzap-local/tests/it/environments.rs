//! Several invocations in one execution environment, with AWS's own runtime for Rust as the process: this very test binary.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_lambda::operation::RequestId as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{CapacityProviderConfig, LambdaManagedInstancesCapacityProviderConfig};
use futures::future::join_all;
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde_json::{Value, json};

use crate::cloud::{Cloud, code};
use crate::gateway::{create_function_of, zip_of};

/// Says that this process is a function's.
const FUNCTION: &str = "LZAP_TEST_FUNCTION";
/// The line that AWS's runtime logs for an answer that was refused with 410. A bare number could be part of an id.
const REFUSAL: &str = r#""Lambda Runtime API rejected the response""#;
const PROVIDER: &str = "arn:aws:lambda:eu-central-1:000000000000:capacity-provider:shop";

/// Not a test: what the function's `bootstrap` runs.
#[tokio::test(flavor = "multi_thread")]
async fn function() {
    if std::env::var_os(FUNCTION).is_some()
        && let Err(error) = Runtime::new(service_fn(handle)).run_concurrent().await
    {
        panic!("{error}");
    }
}

/// Waits until as many events are here at once as `meet` says, or for so many milliseconds as `sleep` says.
async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    static HERE: AtomicUsize = AtomicUsize::new(0);
    let number = |name: &str| event.payload[name].as_u64().unwrap_or_default();
    HERE.fetch_add(1, Ordering::SeqCst);
    let began = Instant::now();
    while (HERE.load(Ordering::SeqCst) as u64) < number("meet") && began.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(number("sleep"))).await;
    let met = HERE.load(Ordering::SeqCst);
    // Only when all of them have seen each other.
    tokio::time::sleep(Duration::from_millis(200)).await;
    HERE.fetch_sub(1, Ordering::SeqCst);
    let id = &event.context.request_id;
    Ok(json!({ "number": event.payload["number"], "met": met, "request_id": id, "pid": std::process::id() }))
}

/// A client of the cloud, with a function of this timeout in it.
async fn deploy(cloud: &Cloud, timeout: i32) -> aws_sdk_lambda::Client {
    let config = cloud.config("eu-central-1").await;
    let lambda = aws_sdk_lambda::Client::new(&config);
    let program = std::env::current_exe().expect("this binary");
    let arguments = "environments::function --exact --nocapture --quiet";
    let bootstrap = format!("#!/bin/sh\n{FUNCTION}=1 exec '{}' {arguments}\n", program.display());
    create_function_of(zip_of(&bootstrap), timeout, &aws_sdk_iam::Client::new(&config), &lambda).await;
    lambda
}

/// Invokes with each event at once; the answers, whose request ids are checked.
async fn invoke_all(lambda: &aws_sdk_lambda::Client, events: &[Value]) -> Vec<Value> {
    let invoke = async |event: &Value| {
        let payload = Blob::new(event.to_string());
        let answer = lambda.invoke().function_name("shop").payload(payload).send().await.expect("an answer");
        let body = answer.payload().map(|body| serde_json::from_slice(body.as_ref()).expect("JSON"));
        let body: Value = body.unwrap_or_default();
        if answer.function_error().is_none() {
            assert_eq!(body["request_id"].as_str(), answer.request_id(), "ids are mixed");
            assert_eq!(body["number"], event["number"], "answers are mixed");
        }
        body
    };
    join_all(events.iter().map(invoke)).await
}

fn different(answers: &[Value], member: &str) -> usize {
    answers.iter().map(|answer| answer[member].to_string()).collect::<BTreeSet<_>>().len()
}

fn meet(count: usize) -> Vec<Value> {
    (0..count).map(|number| json!({ "meet": count, "number": number })).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn awss_runtime_serves_several_invocations_in_one_process_after_a_restart_too() {
    let mut cloud = Cloud::with_environments(4).await;
    let lambda = deploy(&cloud, 20).await;
    let answers = invoke_all(&lambda, &meet(4)).await;
    assert!(answers.iter().all(|answer| answer["met"] == 4), "{answers:?}");
    assert_eq!((different(&answers, "pid"), different(&answers, "request_id")), (1, 4), "{answers:?}");

    cloud.restart().await;
    assert_eq!(cloud.status().await.environment_concurrency, 4, "it is kept");
    let config = cloud.config("eu-central-1").await;
    let answers = invoke_all(&aws_sdk_lambda::Client::new(&config), &meet(4)).await;
    assert_eq!(different(&answers, "pid"), 1, "{answers:?}");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_functions_own_setting_counts_before_the_clouds() {
    let cloud = Cloud::start().await;
    assert_eq!(cloud.status().await.environment_concurrency, 1);
    let lambda = deploy(&cloud, 20).await;
    let update = |concurrency: i32| {
        let managed = LambdaManagedInstancesCapacityProviderConfig::builder()
            .capacity_provider_arn(PROVIDER)
            .per_execution_environment_max_concurrency(concurrency)
            .build()
            .expect("all that is required");
        let config =
            CapacityProviderConfig::builder().lambda_managed_instances_capacity_provider_config(managed);
        let call = lambda.update_function_configuration().function_name("shop");
        call.capacity_provider_config(config.build()).send()
    };
    assert_eq!(code!(update(0).await), "ValidationException");
    assert_eq!(code!(update(1601).await), "ValidationException");
    update(3).await.expect("changed");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let shown = lambda.get_function_configuration().function_name("shop").send().await.expect("it is there");
    let shown = shown.capacity_provider_config.expect("it is shown");
    let shown = shown.lambda_managed_instances_capacity_provider_config.expect("it is shown");
    assert_eq!(shown.per_execution_environment_max_concurrency(), Some(3));
    let answers = invoke_all(&lambda, &meet(3)).await;
    assert_eq!(different(&answers, "pid"), 1, "{answers:?}");
    cloud.stop().await;
}

/// The runtime sends the id of the delivery back by itself, and logs that the answer was refused.
#[tokio::test(flavor = "multi_thread")]
async fn awss_runtime_learns_that_its_answer_was_too_late() {
    let cloud = Cloud::with_environments(2).await;
    let lambda = deploy(&cloud, 1).await;
    let answers = invoke_all(&lambda, &[json!({ "number": 0, "sleep": 1500 }), json!({ "number": 1 })]).await;
    assert_eq!(answers[0]["errorType"], "Sandbox.Timedout", "{answers:?}");
    assert_eq!(answers[1]["number"], 1, "{answers:?}");
    let logs = aws_sdk_cloudwatchlogs::Client::new(&cloud.config("eu-central-1").await);
    let refusals = async || {
        let call = logs.filter_log_events().log_group_name("/aws/lambda/shop").filter_pattern(REFUSAL);
        call.send().await.map(|found| found.events().len()).unwrap_or_default()
    };
    for _ in 0..100 {
        if refusals().await > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(refusals().await > 0, "the late answer was accepted");
    let again = invoke_all(&lambda, &[json!({ "number": 2 })]).await;
    assert_eq!(again[0]["pid"], answers[1]["pid"], "the process goes on");
    cloud.stop().await;
}
