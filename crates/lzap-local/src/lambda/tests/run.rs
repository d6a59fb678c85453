//! Invocations, end to end: real processes from a real zip.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Cloud, alive, eventually, function, zip};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_echoed_and_its_log_has_awss_lines() {
    let cloud = Cloud::with_function(json!({ "MemorySize": 256 })).await;
    let answer = cloud.invoke("shop", &json!({ "a": [1, "ü"] })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body, json!({ "a": [1, "ü"] }));
    assert_eq!(answer.header("x-amz-executed-version"), Some("$LATEST"));
    assert_eq!(answer.header("x-amz-function-error"), None);
    let id = answer.header("x-amzn-requestid").expect("a request id").to_owned();
    let log = answer.log();
    let lines: Vec<&str> = log.lines().collect();
    let start = lines.iter().position(|line| *line == format!("START RequestId: {id} Version: $LATEST"));
    let start = start.expect("a START line");
    assert_eq!(&lines[start + 1..start + 3], ["doing echo", &format!("END RequestId: {id}")], "{log}");
    let report = lines[start + 3];
    assert!(report.starts_with(&format!("REPORT RequestId: {id}\tDuration: ")), "{report}");
    assert!(report.contains("\tMemory Size: 256 MB\tMax Memory Used: "), "{report}");
    assert!(report.contains("\tInit Duration: "), "{report}");
    assert!(eventually(|| cloud.lines("/aws/lambda/shop").len() == 6).await, "{:?}", cloud.streams());
    let all = cloud.lines("eu-west-1 /aws/lambda/shop ");
    assert!(all[0].starts_with("INIT_START Runtime Version: provided:al2023.v"), "{all:?}");
    assert!(cloud.streams()[0].contains("/[$LATEST]"));
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_environment_is_used_again_and_frozen_between() {
    let cloud = Cloud::with_function(json!({})).await;
    let first = cloud.invoke("shop", &json!({ "do": "context" })).await.body;
    let pid = &first["pid"];
    let file = format!("/proc/{pid}/status");
    let is_frozen = || fs_err::read_to_string(&file).is_ok_and(|it| it.contains("State:\tT (stopped)"));
    assert!(eventually(is_frozen).await, "{:?}", fs_err::read_to_string(&file));
    let second = cloud.invoke("shop", &json!({ "do": "context" })).await;
    assert_eq!((&second.body["pid"], &second.body["served"]), (pid, &json!(2)));
    assert!(!second.log().contains("Init Duration"));
    let [a, b] = [&first, &second.body].map(|context| {
        assert_eq!(
            context["lambda-runtime-invoked-function-arn"],
            "arn:aws:lambda:eu-west-1:000000000000:function:shop"
        );
        let deadline: f64 =
            context["lambda-runtime-deadline-ms"].as_str().expect("set").parse().expect("number");
        let left = deadline - context["now"].as_f64().expect("a number");
        assert!((1000.0..=3000.0).contains(&left), "{left} ms left of 3 s");
        context["lambda-runtime-trace-id"].clone()
    });
    assert_ne!(a, b, "each invocation has its own trace");
    cloud.lambda.shutdown().await;
    assert!(eventually(|| !alive(pid)).await, "shutdown ends idle workers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workers_environment_is_lambdas_and_not_the_hosts() {
    let cloud = Cloud::with_function(json!({ "Environment": { "Variables": { "RUST_LOG": "info" } } })).await;
    let seen = cloud.invoke("shop", &json!({ "do": "environment" })).await.body;
    let variables = seen["variables"].as_object().expect("an object");
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_NAME", "shop"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/shop"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4510"),
        ("_HANDLER", "bootstrap"),
        ("TZ", ":UTC"),
        ("RUST_LOG", "info"),
    ] {
        assert_eq!(variables[name], value, "{name}");
    }
    for host in ["HOME", "CARGO", "CARGO_MANIFEST_DIR", "USER"] {
        assert!(!variables.contains_key(host), "{host} leaked");
    }
    assert_eq!(variables["LAMBDA_TASK_ROOT"], seen["cwd"]);
    assert_eq!(seen["files"], json!(["bootstrap", "data"]));
    cloud.lambda.shutdown().await;
}

/// Every way to fail: HTTP 200, `Unhandled`, a body with type and message, and a cloud that goes on.
#[tokio::test(flavor = "multi_thread")]
async fn failures_are_function_errors_and_the_next_invocation_works() {
    let cloud = Cloud::with_function(json!({ "Timeout": 2 })).await;
    for (event, kind, message) in [
        (json!({ "do": "error" }), "Oops", "as asked"),
        (
            json!({ "do": "exit", "code": 1 }),
            "Runtime.ExitError",
            "Error: Runtime exited with error: exit status 1",
        ),
        (
            json!({ "do": "exit", "code": 0 }),
            "Runtime.ExitError",
            "Error: Runtime exited without providing a reason",
        ),
        (json!({ "do": "kill" }), "Runtime.ExitError", "with error: signal: segmentation fault"),
        (json!({ "do": "sleep", "secs": 30 }), "Sandbox.Timedout", "Task timed out after 2.00 seconds"),
        (json!({ "do": "allocate", "mb": 200 }), "Runtime.OutOfMemory", "with error: signal: killed"),
        (json!({ "do": "long", "bytes": 6_291_556 }), "Function.ResponseSizeTooLarge", "(6291556 bytes)."),
    ] {
        let answer = cloud.invoke("shop", &event).await;
        assert_eq!(
            (answer.status, answer.header("x-amz-function-error")),
            (200, Some("Unhandled")),
            "{event}"
        );
        assert_eq!(answer.body["errorType"], kind, "{}", answer.body);
        let said = answer.body["errorMessage"].as_str().expect("a message");
        assert!(said.contains(message), "{said}");
        assert!(answer.log().contains("REPORT RequestId"), "{}", answer.log());
        let next = cloud.invoke("shop", &json!({ "fine": true })).await;
        assert_eq!(next.body, json!({ "fine": true }), "after {event}");
    }
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_ends_the_whole_process_group() {
    let cloud = Cloud::with_function(json!({ "Timeout": 1 })).await;
    let pid = cloud.invoke("shop", &json!({ "do": "context" })).await.body["pid"].clone();
    let running = |pid: &Value| {
        fs_err::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let child = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        running(&pid)
    };
    let event = json!({ "do": "child" });
    let (answer, child) = tokio::join!(cloud.invoke("shop", &event), child);
    assert_eq!(answer.body["errorType"], "Sandbox.Timedout");
    assert!(!child.is_empty(), "the worker had a child");
    let gone = || !alive(&pid) && !std::path::Path::new(&format!("/proc/{child}")).exists();
    assert!(eventually(gone).await, "{child} lives on");
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn init_failures_are_tried_once_more_and_then_told() {
    let cloud = Cloud::start().await;
    for (init, kind, attempts) in
        [("exit", "Runtime.ExitError", 2), ("error", "Init.Broken", 2), ("once", "", 2)]
    {
        let settings = json!({ "Environment": { "Variables": { "INIT": init } }, "Timeout": 10 });
        cloud.create(init, settings).await;
        let answer = cloud.invoke(init, &json!({})).await;
        assert_eq!(answer.body["errorType"].as_str().unwrap_or_default(), kind, "{answer:?}");
        assert_eq!(answer.log().matches(&format!("starting {init}")).count(), attempts, "{}", answer.log());
        assert!(answer.log().contains("INIT_REPORT Init Duration: "), "{}", answer.log());
    }
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_executed_is_an_invalid_entrypoint() {
    let cloud = Cloud::start().await;
    // The header of an ELF file for a machine that no host here has (SPARC).
    let foreign = "\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x02\0";
    for (name, file, mode, text, message) in [
        ("missing", "main", 0o755, "#!/bin/sh\n", "Couldn't find valid bootstrap(s)"),
        ("foreign", "bootstrap", 0o755, foreign, "exec format error"),
        ("text", "bootstrap", 0o755, "echo", "exec format error"),
        ("locked", "bootstrap", 0o644, "#!/bin/sh\n", "permission denied"),
        ("lost", "bootstrap", 0o755, "#!/no/such/shell\n", "no such file or directory"),
    ] {
        let body = function(name, &zip(&[(file, mode, text)]), json!({}));
        assert_eq!(cloud.send("POST", "/2015-03-31/functions", &body).await.status, 201);
        cloud.settled(name).await;
        let answer = cloud.invoke(name, &json!({})).await;
        assert_eq!(answer.body["errorType"], "Runtime.InvalidEntrypoint", "{name}: {answer:?}");
        assert!(
            answer.body["errorMessage"].as_str().is_some_and(|said| said.contains(message)),
            "{answer:?}"
        );
    }
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_after_the_answer_goes_on_until_the_worker_asks_for_more() {
    let cloud = Cloud::with_function(json!({})).await;
    let began = Instant::now();
    let answer = cloud.invoke("shop", &json!({ "do": "linger", "secs": 0.8 })).await;
    assert_eq!(answer.status, 200);
    assert!(began.elapsed() < Duration::from_millis(750), "the caller waited for work behind the answer");
    assert!(eventually(|| cloud.lines("shop").contains(&"lingered".to_owned())).await);
    assert!(eventually(|| cloud.lambda.0.pool.idle() == 1).await);
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asynchronous_invocations_answer_at_once_and_are_tried_three_times() {
    let cloud = Cloud::with_function(json!({})).await;
    let file = cloud.folder.path().join("count");
    let event = json!({ "do": "count", "file": file });
    let answer = cloud.invoke_with("shop", &event, &[("x-amz-invocation-type", "Event")]).await;
    assert_eq!((answer.status, answer.body), (202, Value::Null));
    let attempts = || fs_err::read_to_string(&file).map_or(0, |text| text.len());
    assert!(eventually(|| attempts() == 3).await, "{} attempts", attempts());
    let checked = cloud.invoke_with("shop", &event, &[("x-amz-invocation-type", "DryRun")]).await;
    assert_eq!(checked.status, 204);
    assert_eq!(attempts(), 3);
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_are_checked_before_anything_runs() {
    let cloud = Cloud::with_function(json!({})).await;
    let text = |bytes: usize| Value::String("x".repeat(bytes - 2));
    let mb = 1024 * 1024;
    let event = [("x-amz-invocation-type", "Event")];
    let too_large = (413, "RequestEntityTooLargeException");
    assert_eq!(cloud.invoke("shop", &text(6 * mb)).await.status, 200);
    assert_eq!(cloud.invoke("shop", &text(6 * mb + 1)).await.error(), too_large);
    assert_eq!(cloud.invoke_with("shop", &text(mb + 1), &event).await.error(), too_large);
    let request =
        http::Request::post("/2015-03-31/functions/shop/invocations").body("{".into()).expect("a request");
    let answer = super::Answer::of(cloud.lambda.handle("eu-west-1", request).await);
    assert_eq!(answer.error(), (400, "InvalidRequestContentException"));
    assert_eq!(cloud.invoke("missing", &json!({})).await.error(), (404, "ResourceNotFoundException"));
    cloud.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_while_it_answers_has_exited_and_not_answered() {
    let cloud = Cloud::with_function(json!({ "Timeout": 20 })).await;
    for kind in ["response", "error"] {
        let answer = cloud.invoke("shop", &json!({ "do": "truncate", "kind": kind })).await;
        assert_eq!(answer.body["errorType"], "Runtime.ExitError", "{kind}: {answer:?}");
    }
    cloud.lambda.shutdown().await;
}
