//! Which environment serves, how long it lives, and who may call.

use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};
use serde_json::{Value, json};

use super::{Cloud, alive, eventually, start_in};
use crate::lambda::service::count_processes;
use crate::lambda::state::FunctionRef;
use crate::lambda::worker::{Environment, Spec};
use crate::lambda::{Caller, Invocation, InvocationKind};

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_invocations_get_processes_of_their_own() {
    let cloud = Cloud::with_function(json!({ "Timeout": 20 })).await;
    let slow = json!({ "do": "sleep", "secs": 0.5 });
    let began = Instant::now();
    let (a, b, c) =
        tokio::join!(cloud.invoke("shop", &slow), cloud.invoke("shop", &slow), cloud.invoke("shop", &slow));
    for answer in [a, b, c] {
        assert_eq!(answer.body, slow, "{answer:?}");
    }
    assert!(began.elapsed() < Duration::from_millis(1400), "they ran one after another");
    assert_eq!(cloud.lambda.0.pool.idle(), 3);
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_throttles_before_anything_runs() {
    let cloud = Cloud::with_function(json!({})).await;
    let path = "/2017-10-31/functions/shop/concurrency";
    cloud.send("PUT", path, &json!({ "ReservedConcurrentExecutions": 1 })).await;
    let slow = json!({ "do": "sleep", "secs": 0.5 });
    let (a, b) = tokio::join!(cloud.invoke("shop", &slow), cloud.invoke("shop", &slow));
    let throttled = if a.status == 429 { a } else { b };
    assert_eq!(throttled.error(), (429, "TooManyRequestsException"));
    assert_eq!(throttled.body["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded");
    assert_eq!(cloud.invoke("shop", &json!({})).await.body, json!({}), "the place is free again");
    cloud.send("PUT", path, &json!({ "ReservedConcurrentExecutions": 0 })).await;
    assert_eq!(cloud.invoke("shop", &json!({})).await.status, 429);
    cloud.send("DELETE", path, &Value::Null).await;
    assert_eq!(cloud.invoke("shop", &json!({})).await.body, json!({}));
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_need_the_permission_on_the_qualifier_they_call() {
    let cloud = Cloud::with_function(json!({ "Publish": true })).await;
    cloud
        .send(
            "POST",
            "/2015-03-31/functions/shop/aliases",
            &json!({ "Name": "live", "FunctionVersion": "1" }),
        )
        .await;
    let call = |arn: &str| Invocation {
        function_arn: arn.to_owned(),
        payload: "{}".into(),
        kind: InvocationKind::RequestResponse,
        caller: Caller::Service {
            principal: "apigateway.amazonaws.com".to_owned(),
            source_arn: "arn:aws:execute-api:eu-west-1:000000000000:abc/$default/GET/x".to_owned(),
        },
        request_id: None,
    };
    let arn = "arn:aws:lambda:eu-west-1:000000000000:function:shop";
    let live = format!("{arn}:live");
    let refused = cloud.lambda.invoke(call(&live)).await.expect_err("no policy yet");
    assert_eq!((refused.status, refused.code), (403, "AccessDeniedException"));
    let added = cloud
        .send("POST", "/2015-03-31/functions/shop/policy?Qualifier=live", &json!({
            "StatementId": "http-api", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com",
            "SourceArn": "arn:aws:execute-api:eu-west-1:000000000000:abc/*/*",
        }))
        .await;
    assert_eq!(added.status, 201, "{}", added.body);
    let invoked = cloud.lambda.invoke(call(&live)).await.expect("the alias is open");
    assert_eq!((invoked.status, invoked.executed_version.as_str()), (200, "1"));
    assert_eq!(cloud.lambda.invoke(call(arn)).await.expect_err("not the function").status, 403);
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_code_ends_old_environments_and_versions_keep_theirs() {
    let cloud = Cloud::with_function(json!({ "Publish": true })).await;
    let old = cloud.invoke("shop", &json!({ "do": "context" })).await.body["pid"].clone();
    let kept = cloud.invoke("shop?Qualifier=1", &json!({ "do": "context" })).await.body["pid"].clone();
    let change = json!({ "Environment": { "Variables": { "INIT": "anew" } } });
    cloud.send("PUT", "/2015-03-31/functions/shop/configuration", &change).await;
    let meanwhile = cloud.invoke("shop", &json!({ "do": "environment" })).await.body;
    assert_eq!(
        meanwhile["variables"].get("INIT"),
        None,
        "the old settings serve until the update has settled"
    );
    cloud.settled("shop").await;
    let seen = cloud.invoke("shop", &json!({ "do": "environment" })).await.body;
    assert_eq!(seen["variables"]["INIT"], "anew");
    assert!(eventually(|| !alive(&old)).await, "the old environment lives on");
    assert!(alive(&kept));
    cloud.send("DELETE", "/2015-03-31/functions/shop", &Value::Null).await;
    assert!(eventually(|| !alive(&kept)).await, "a deleted function's worker lives on");
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_environments_expire() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let (lambda, lines) = start_in(&folder, None, Duration::from_millis(300)).await;
    let cloud = Cloud { lambda, folder, lines };
    cloud.create("shop", json!({})).await;
    let pid = cloud.invoke("shop", &json!({ "do": "context" })).await.body["pid"].clone();
    assert!(alive(&pid));
    assert!(eventually(|| !alive(&pid)).await);
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_survive_a_restart_and_leftover_workers_do_not() {
    let cloud = Cloud::with_function(json!({})).await;
    let saved = cloud.lambda.snapshot();
    let pid = cloud.invoke("shop", &json!({ "do": "context" })).await.body["pid"].clone();
    // No shutdown: the first service stands for one that was killed, its worker for one that was left behind.
    let (lambda, lines) = start_in(&cloud.folder, Some(saved), Duration::from_mins(1)).await;
    assert!(eventually(|| !alive(&pid)).await, "the leftover worker lives on");
    let again = Cloud { lambda, folder: tempfile::TempDir::new().expect("a temporary folder"), lines };
    assert_eq!(again.lambda.functions(), 1);
    let answer = again.invoke("shop", &json!({ "back": 1 })).await;
    assert_eq!(answer.body, json!({ "back": 1 }), "active at once, its code still there");
    again.lambda.shutdown().await;
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_calls_reuse_one_worker_quickly() {
    let cloud = Cloud::with_function(json!({})).await;
    cloud.invoke("shop", &json!({})).await;
    let began = Instant::now();
    for number in 0..100 {
        assert_eq!(cloud.invoke("shop", &json!({ "n": number })).await.body["n"], number);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?} for 100 warm calls", began.elapsed());
    assert_eq!(cloud.streams().len(), 1);
    cloud.lambda.shutdown().await;
}

/// The pool opens environments under its lock.
#[tokio::test(flavor = "multi_thread")]
async fn an_environment_makes_its_folder_only_when_its_process_starts() {
    let cloud = Cloud::with_function(json!({})).await;
    let inner = &cloud.lambda.0;
    let folders = || fs_err::read_dir(&inner.host.folder).expect("the folder of environments").count();
    let reference = FunctionRef::parse("shop", None, "eu-west-1", "000000000000").expect("a name");
    let resolved = inner.state().resolve(&reference, inner.now_ms(), 0.0).expect("it is active");
    let environment = Environment::open(Spec::new(&resolved, cloud.folder.path().to_owned()), &inner.host);
    assert_eq!(folders(), 0);
    drop(environment);
    cloud.invoke("shop", &json!({})).await;
    assert_eq!(folders(), 1);
    cloud.lambda.shutdown().await;
    assert_eq!(folders(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_open_files_counts_a_connection_for_each_place() {
    let cases = [
        (6256, 1, 1000),
        (3256, 1, 500),
        (6256, 1600, 10),
        (65_536, 1600, 40),
        (65_536, 64, 946),
        (64, 1, 10),
    ];
    for (files, environment_concurrency, processes) in cases {
        assert_eq!(count_processes(files, environment_concurrency), processes, "{files} files");
    }
    let cloud = Cloud::start().await;
    let limit = getrlimit(Resource::Nofile);
    assert_eq!(limit.current, limit.maximum);
    cloud.lambda.shutdown().await;
}
