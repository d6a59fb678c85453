//! boto3 calls moto through the proxy: the recording has every call, and each one is valid for AWS.

use std::io;
use std::time::Duration;

use lzap_testkit::{Moto, Proxy, Python, Recording};
use serde_json::{Value, json};

const REGION: &str = "eu-central-1";

#[test]
fn proxy_records_every_call_of_boto3_as_valid() -> io::Result<()> {
    let moto = Moto::start()?;
    let proxy = Proxy::start(moto.url(), Duration::from_millis(50))?;
    let trust = json!({"Version": "2012-10-17", "Statement": []}).to_string();
    let answers = Python::ready()?.call_aws(
        proxy.url(),
        REGION,
        &[
            ("sts", "get_caller_identity", json!({})),
            ("s3", "create_bucket", json!({"Bucket": "b-1", "CreateBucketConfiguration": {"LocationConstraint": REGION}})),
            ("s3", "put_object", json!({"Bucket": "b-1", "Key": "a/b.txt", "Body": "hello", "IfNoneMatch": "*"})),
            ("s3", "put_object", json!({"Bucket": "b-1", "Key": "a/b.txt", "Body": "hello", "IfNoneMatch": "*"})),
            ("s3", "get_object", json!({"Bucket": "b-1", "Key": "a/b.txt"})),
            ("iam", "create_role", json!({"RoleName": "r", "AssumeRolePolicyDocument": trust, "Tags": [{"Key": "k", "Value": "v"}]})),
            ("apigatewayv2", "create_api", json!({"Name": "a", "ProtocolType": "HTTP"})),
            ("events", "put_rule", json!({"Name": "warm", "ScheduleExpression": "rate(4 minutes)"})),
            ("logs", "create_log_group", json!({"logGroupName": "/aws/lambda/a"})),
            ("lambda", "get_function", json!({"FunctionName": "missing"})),
        ],
    )?;
    assert_eq!(answers[3], json!({"error": "PreconditionFailed", "status": 412}));
    assert_eq!(answers[4]["Body"], "hello");
    assert_eq!(answers[9]["error"], "ResourceNotFoundException");

    let recording = proxy.take_recording();
    assert_eq!(recording.calls().len(), 10);
    assert_eq!(recording.critical_path_len(), 10, "boto3 waits for each answer");
    assert!(recording.wall_time() >= Duration::from_millis(500), "{:?}", recording.wall_time());
    let checked = recording.check_calls()?;
    let problems: Vec<_> = checked.iter().filter(|each| !each.problems.is_empty()).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    let expected = "sts:GetCallerIdentity s3:CreateBucket s3:PutObject s3:PutObject s3:GetObject iam:CreateRole \
                    apigateway:CreateApi events:PutRule logs:CreateLogGroup lambda:GetFunction";
    let names: Vec<&str> = checked.iter().map(|each| each.operation.as_str()).collect();
    assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
    assert_eq!(proxy.take_recording().calls().len(), 0, "take_recording clears the list");
    Ok(())
}

#[test]
fn invoke_returns_the_next_queued_answer() -> io::Result<()> {
    let moto = Moto::start()?;
    moto.queue_answers(REGION, &[json!({"n": 1}), json!({"n": 2})])?;
    let trust = json!({"Version": "2012-10-17", "Statement": []}).to_string();
    // The smallest zip there is: an empty one.
    let zip = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";
    let function = json!({
        "FunctionName": "f", "Runtime": "provided.al2023", "Handler": "bootstrap", "Code": {"ZipFile": zip},
        "Role": format!("arn:aws:iam::{}:role/r", lzap_testkit::ACCOUNT),
    });
    let invoke = ("lambda", "invoke", json!({"FunctionName": "f", "Payload": "{\"n\":3}"}));
    let answers = moto.call_aws(
        REGION,
        &[
            ("iam", "create_role", json!({"RoleName": "r", "AssumeRolePolicyDocument": trust})),
            ("lambda", "create_function", function),
            invoke.clone(),
            invoke.clone(),
            invoke,
        ],
    )?;
    assert!(answers[1]["error"].is_null(), "{answers:#?}");
    let payloads: Vec<&Value> = answers[2..].iter().map(|answer| &answer["Payload"]).collect();
    assert_eq!(payloads, [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#], "the third is the event itself");
    moto.reset()?;
    let after = moto.call_aws(REGION, &[("lambda", "list_functions", json!({}))])?;
    assert_eq!(after[0]["Functions"], json!([]));
    Ok(())
}

#[test]
fn request_without_upstream_is_answered_with_502() -> io::Result<()> {
    let proxy = Proxy::start("http://127.0.0.1:9", Duration::ZERO)?;
    let response = lzap_testkit::send_request(&hyper::Method::GET, proxy.url(), "text/plain", "")?;
    assert_eq!(response.status, 502);
    let recording: Recording = proxy.take_recording();
    assert_eq!(recording.calls()[0].status, 502);
    Ok(())
}
