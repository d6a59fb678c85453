//! In Lambda: the answer to each kind of event, and its log lines.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::runtime_api::{Function, http_api_event};

fn bytes(response: &Value) -> Vec<u8> {
    let body = response["body"].as_str().expect("a body");
    if response["isBase64Encoded"] == json!(true) {
        BASE64_STANDARD.decode(body).expect("base64")
    } else {
        body.as_bytes().to_vec()
    }
}

#[tokio::test]
async fn http_api_request_reaches_the_router() {
    let mut function = Function::start().await;
    let response = function.get("/").await;
    assert_eq!((&response["statusCode"], &response["body"]), (&json!(200), &json!("ok")));
    assert_eq!(response["headers"]["content-type"], "text/plain; charset=utf-8");
    assert_eq!(function.get("/nowhere").await["statusCode"], 404);
    let uri = function.get("/uri?q=a%20b&q=2").await;
    assert_eq!(uri["body"], "/uri?q=a%20b&q=2", "as under `cargo run`");
}

#[tokio::test]
async fn cookies_of_request_and_response_stay_apart() {
    let mut function = Function::start().await;
    let mut event = http_api_event("GET", "/cookies");
    event["cookies"] = json!(["session=1", "theme=dark"]);
    let response = function.invoke(event).await.response();
    assert_eq!(response["body"], "session=1; theme=dark");
    assert_eq!(response["cookies"], json!(["a=1; Path=/", "b=2"]));
    assert_eq!(response["headers"]["set-cookie"], Value::Null);
}

#[tokio::test]
async fn bodies_of_request_and_response_keep_their_bytes() {
    let mut function = Function::start().await;
    let mut event = http_api_event("POST", "/echo");
    event["body"] = json!(BASE64_STANDARD.encode([0, 159, 146, 150]));
    event["isBase64Encoded"] = json!(true);
    assert_eq!(bytes(&function.invoke(event).await.response()), [0, 159, 146, 150]);

    let mut event = http_api_event("POST", "/echo");
    event["body"] = json!("grün");
    assert_eq!(bytes(&function.invoke(event).await.response()), "grün".as_bytes());

    let binary = function.get("/binary").await;
    assert_eq!((&binary["isBase64Encoded"], bytes(&binary)), (&json!(true), vec![0xff, 0xd8, 0x00]));
    let text = function.get("/text").await;
    assert_eq!(bytes(&text), [0xe9], "a text is not decoded while its header still names the charset");
}

#[tokio::test]
async fn repeated_response_headers_of_payload_2_are_joined() {
    let mut function = Function::start().await;
    let response = function.get("/headers").await;
    assert_eq!(response["headers"]["vary"], "origin, accept");
    assert_eq!(response["headers"]["warning"], "café");
}

#[tokio::test]
async fn requests_of_rest_apis_and_load_balancers_are_answered() {
    let mut function = Function::start().await;
    let rest = json!({
        "resource": "/{proxy+}", "path": "/", "httpMethod": "GET", "headers": {"host": "example.com"},
        "multiValueHeaders": {"host": ["example.com"]}, "queryStringParameters": null,
        "multiValueQueryStringParameters": null, "pathParameters": {"proxy": ""}, "stageVariables": null,
        "requestContext": {"stage": "$default", "httpMethod": "GET", "requestId": "1", "identity": {}},
        "body": null, "isBase64Encoded": false
    });
    let response = function.invoke(rest).await.response();
    assert_eq!((&response["statusCode"], &response["body"]), (&json!(200), &json!("ok")));
    assert_eq!(response["multiValueHeaders"]["content-type"], json!(["text/plain; charset=utf-8"]));

    let balancer = json!({
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:0:targetgroup/a/b"}},
        "httpMethod": "GET", "path": "/", "queryStringParameters": {}, "headers": {"host": "example.com"},
        "body": "", "isBase64Encoded": false
    });
    let response = function.invoke(balancer).await.response();
    assert_eq!((&response["statusCode"], &response["statusDescription"]), (&json!(200), &json!("200 OK")));
}

#[tokio::test]
async fn pings_and_probes_do_not_reach_the_app() {
    let mut function = Function::start().await;
    for kind in ["warm", "probe"] {
        let answer = function.invoke(json!({"lzap": {"v": 1, "kind": kind}})).await.response();
        assert_eq!(answer, json!({"lzap": {"v": 1, "kind": kind, "runtime": env!("CARGO_PKG_VERSION")}}));
    }
    function.get("/").await;
    let log = function.log();
    assert_eq!(log.len(), 1, "only the request is logged: {log:?}");
    assert_eq!(log[0]["coldStart"], false, "the first ping was the cold start");
}

#[tokio::test]
async fn foreign_event_fails_with_its_source_and_no_quote() {
    let mut function = Function::start().await;
    for (event, named) in [
        (
            json!({"source": "aws.s3", "detail-type": "Object Created", "detail": {"k": "hush"}}),
            "`aws.s3` (`Object Created`)",
        ),
        (json!({"Records": [{"eventSource": "aws:sqs", "body": "hush"}]}), "records from `aws:sqs`"),
        (json!({"Records": [{"EventSource": "aws:sns", "Sns": {}}]}), "records from `aws:sns`"),
        (json!({"order": "hush", "id": 1}), "the keys `id`, `order`"),
        (json!({}), "an empty event"),
        (json!(["hush"]), "not a JSON object"),
        (json!({"lzap": {"v": 2, "kind": "warm"}}), "envelope version 2 kind \"warm\""),
        (json!({"requestContext": {"http": "hush"}}), "looks like a HTTP payload 2.0 request"),
    ] {
        let error = function.invoke(event).await.error();
        let message = error["errorMessage"].as_str().expect("a message");
        assert!(message.contains(named), "{message}");
        assert_eq!(error["errorType"], "lzap::UnhandledEvent");
    }
    assert_eq!(function.get("/").await["statusCode"], 200, "the process lives on");
    let log = function.log();
    assert_eq!(log.iter().filter(|line| line["level"] == "ERROR").count(), 8);
    assert!(log.iter().all(|line| !line.to_string().contains("hush")), "{log:?}");
}

#[tokio::test]
async fn panic_is_a_500_and_the_process_answers_the_next_request() {
    let mut function = Function::start().await;
    for (path, message) in [("/panic", "the secret is 42"), ("/panic/body", "half-way")] {
        let response = function.get(path).await;
        assert_eq!(response["statusCode"], 500);
        assert_eq!(response["headers"]["content-type"], "application/json");
        assert_eq!(
            response["body"],
            r#"{"message":"Internal Server Error","requestId":"8f5e0d3a-0000-4000-8000-000000000001"}"#,
            "{message}"
        );
    }
    assert_eq!(function.get("/").await["statusCode"], 200);
    let log = function.log();
    let panic = &log[0];
    assert_eq!(panic["panic"], "the secret is 42");
    assert!(panic["location"].as_str().expect("a place").contains("app.rs:"), "{panic}");
    assert_eq!(panic["requestId"], "8f5e0d3a-0000-4000-8000-000000000001");
    assert_eq!((&panic["level"], &panic["coldStart"]), (&json!("ERROR"), &json!(true)));
    assert_eq!(log[2]["panic"], "half-way");
}

#[tokio::test]
async fn service_error_is_a_500_and_is_logged() {
    let mut function = Function::start().await;
    let response = function.get("/fail").await;
    assert_eq!(response["statusCode"], 500);
    assert!(!response.to_string().contains("password"));
    assert_eq!(function.log()[0]["error"], "the password is 123");
}

#[tokio::test]
async fn answer_beyond_the_encoded_limit_is_a_500_with_one_log_line() {
    const MB: u64 = 1024 * 1024;
    let mut function = Function::start().await;
    let balancer = |path: &str| {
        json!({
            "requestContext": {"elb": {"targetGroupArn": "arn"}}, "httpMethod": "GET", "path": path,
            "queryStringParameters": {}, "headers": {"host": "example.com"}, "body": "", "isBase64Encoded": false
        })
    };
    let too_large = [
        (http_api_event("GET", "/big"), 6 * MB),
        (http_api_event("GET", "/bytes/4718592"), 6 * MB),
        (http_api_event("GET", "/quotes/4194304"), 6 * MB),
        (balancer("/bytes/786432"), MB),
        (balancer("/quotes/1000000"), MB),
    ];
    let limits = too_large.each_ref().map(|(_, limit)| *limit);
    for (event, _) in too_large {
        let response = function.invoke(event).await.response();
        assert_eq!(response["statusCode"], 500);
        assert!(response["body"].as_str().is_some_and(|body| body.contains("8f5e0d3a-")), "{response}");
    }
    for event in [http_api_event("GET", "/bytes/4700000"), balancer("/bytes/780000")] {
        assert_eq!(function.invoke(event).await.response()["statusCode"], 200);
    }
    let log = function.log();
    assert_eq!(log.len(), 12, "{log:?}");
    for (lines, limit) in log.chunks(2).zip(limits) {
        let message = lines[0]["message"].as_str().expect("a message");
        assert!(message.starts_with("the response is larger than"), "{message}");
        assert_eq!(lines[0]["limit"], limit);
        assert!(lines[0]["bytes"].as_u64().is_some_and(|bytes| bytes > limit), "{}", lines[0]);
        assert_eq!((&lines[1]["target"], &lines[1]["status"]), (&json!("lzap::access"), &json!(500)));
    }
}

#[tokio::test]
async fn request_that_http_cannot_carry_is_a_400() {
    let mut function = Function::start().await;
    assert_eq!(function.get("/?q=\"<>\"").await["statusCode"], 400, "a query that no URI can hold");
    let mut event = http_api_event("GET", "/");
    event["headers"]["x-broken"] = json!("line\nbreak");
    assert_eq!(function.invoke(event).await.response()["statusCode"], 400);
    let mut event = http_api_event("POST", "/echo");
    (event["body"], event["isBase64Encoded"]) = (json!("%"), json!(true));
    assert_eq!(function.invoke(event).await.response()["statusCode"], 400);
    assert_eq!(function.get("/").await["statusCode"], 200);
}

#[tokio::test]
async fn body_that_fails_is_a_500_and_logs_its_cause_once() {
    let mut function = Function::start().await;
    assert_eq!(function.get("/failing").await["statusCode"], 500);
    let log = function.log();
    assert_eq!(log.len(), 2, "{log:?}");
    assert_eq!(
        (&log[0]["message"], &log[0]["error"]),
        (&json!("the response body failed"), &json!("the disk is full"))
    );
    assert_eq!(log[1]["status"], 500);
}

#[tokio::test]
async fn text_printed_without_a_newline_leaves_json_lines_whole() {
    let mut function = Function::start().await;
    // The test harness prints text before the first line.
    for path in ["/", "/print", "/"] {
        function.get(path).await;
    }
    let stdout = function.app.stdout();
    let lines: Vec<_> = stdout.lines().filter(|line| line.contains("lzap::access")).collect();
    assert_eq!(lines.len(), 3, "{stdout}");
    assert!(lines[1..].iter().all(|line| line.starts_with("{\"timestamp\"")), "{stdout}");
}

#[tokio::test]
async fn request_ext_of_lambda_http_reads_what_the_event_has() {
    const ID: &str = "8f5e0d3a-0000-4000-8000-000000000001";
    let mut function = Function::start().await;
    let mut event = http_api_event("GET", "/prod/context?q=a%20b&q=2");
    event["requestContext"]["stage"] = json!("prod");
    event["pathParameters"] = json!({"proxy": "context"});
    event["stageVariables"] = json!({"color": "blue"});
    let body = function.invoke(event).await.response()["body"].clone();
    let domain = "abc123.execute-api.eu-west-1.amazonaws.com";
    let expected = format!(r#"{domain} /prod/context ["a b", "2"] Some("context") Some("blue") {ID}"#);
    assert_eq!(body, expected);
    let body = function.get("/context").await["body"].clone();
    assert_eq!(body, format!("{domain} /context [] None None {ID}"));
}

#[tokio::test]
async fn custom_domain_keeps_its_base_path_and_a_stage_leaves_the_path() {
    let mut function = Function::start().await;
    let mut event = http_api_event("GET", "/prod/uri?a=1");
    event["requestContext"]["stage"] = json!("prod");
    assert_eq!(function.invoke(event.clone()).await.response()["body"], "/uri?a=1");
    event["requestContext"]["domainName"] = json!("api.example.com");
    event["requestContext"]["domainPrefix"] = json!("api");
    assert_eq!(function.invoke(event.clone()).await.response()["statusCode"], 404, "/prod is the app's own");
    event["rawPath"] = json!("/uri");
    assert_eq!(function.invoke(event).await.response()["body"], "/uri?a=1");
    let rest = json!({
        "resource": "/{proxy+}", "path": "/uri", "httpMethod": "GET", "headers": null, "multiValueHeaders": null,
        "queryStringParameters": null, "multiValueQueryStringParameters": null, "pathParameters": null,
        "stageVariables": null, "body": null, "isBase64Encoded": false,
        "requestContext": {"stage": "prod", "httpMethod": "GET", "requestId": "1", "identity": {}, "path": "/prod/uri"}
    });
    assert_eq!(function.invoke(rest).await.response()["body"], "/uri");
}

#[tokio::test]
async fn log_lines_of_a_request_have_its_id_and_the_cold_start_flag() {
    let mut function = Function::start_with(&[("RUST_LOG", "it=info,lzap::access=info")]).await;
    function.get("/log?token=hush").await;
    function.get("/").await;
    let log = function.log();
    let shipped = &log[0];
    assert_eq!((&shipped["message"], &shipped["order"]), (&json!("shipped"), &json!(17)));
    assert_eq!((&shipped["level"], &shipped["target"]), (&json!("INFO"), &json!("it::app")));
    assert_eq!(shipped["coldStart"], true);
    assert_eq!(shipped["requestId"], "8f5e0d3a-0000-4000-8000-000000000001", "the app can't overwrite it");
    assert!(shipped["timestamp"].as_str().is_some_and(|time| time.starts_with("20") && time.ends_with('Z')));

    let access = &log[1];
    assert_eq!((&access["target"], &access["message"]), (&json!("lzap::access"), &json!("request")));
    assert_eq!(
        (&access["method"], &access["path"], &access["status"]),
        (&json!("GET"), &json!("/log"), &json!(204))
    );
    assert!(access["duration_ms"].as_f64().is_some_and(|ms| (0.0..10_000.0).contains(&ms)), "{access}");
    assert_eq!(access["requestId"], "8f5e0d3a-0000-4000-8000-000000000001");
    assert_eq!(log[2]["coldStart"], false);
}

#[tokio::test]
async fn lambda_log_level_without_rust_log_is_the_filter() {
    let mut function = Function::start_with(&[("AWS_LAMBDA_LOG_LEVEL", "ERROR")]).await;
    function.get("/").await;
    function.get("/fail").await;
    let log = function.log();
    assert_eq!(log.len(), 1, "{log:?}");
}
