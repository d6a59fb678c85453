//! Signatures equal botocore's, for requests that are easy to sign wrongly.

use std::process::Stdio;
use std::time::Duration;

use lzap_client::{
    AccountId, Bucket, Client, ErrorKind, GetOptions, InvocationKind, Invoke, ListOptions, PutCondition,
    PutObject,
};
use lzap_testkit::{Guarded, Proxy, Python, Recording, free_port, wait_until_answers, workspace};
use serde_json::{Value, json};

use crate::{REGION, client_at, runtime, soon};

const KEY_ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "IQoJb3JpZ2luX2VjEDk+/=token";

/// Keys whose encoding differs between clients.
const KEYS: &[&str] = &[
    "plain.csv",
    "a b",
    "a+b%2F%",
    "é/ü/日本",
    "a//b///c/",
    "./a/../b/.",
    "~-_.!*'()&$@=;:,?#[]{}|\\^`\"<>",
    "tab\tand\nline",
];

fn keys(token: Option<&str>, ahead: i64) -> Value {
    json!({"region": REGION, "access_key": KEY_ID, "secret_key": SECRET, "token": token, "ahead": ahead})
}

/// The server that checks signatures with botocore, and a proxy in front that records.
fn start_server(python: &Python, token: Option<&str>, ahead: i64) -> (Proxy, Guarded) {
    let port = free_port().expect("a port");
    let script = workspace().join("crates/lzap-testkit/python/signed_server.py");
    let mut command = python.command("python");
    command.arg(script).arg(port.to_string()).arg(keys(token, ahead).to_string());
    let server = Guarded::spawn(command.stdout(Stdio::null()).stderr(Stdio::null())).expect("a server");
    let url = format!("http://127.0.0.1:{port}");
    wait_until_answers(&url, Duration::from_secs(30)).expect("a running server");
    (Proxy::start(&url, Duration::ZERO).expect("a proxy"), server)
}

/// Each operation in several shapes. All must be accepted.
async fn call_everything(client: &Client) {
    for qualifier in [None, Some("7"), Some("$LATEST"), Some("live+ %é/x")] {
        for function in ["shop-dev", "arn:aws:lambda:eu-central-1:123456789012:function:shop-dev"] {
            for kind in [InvocationKind::RequestResponse, InvocationKind::Event] {
                let invoke = Invoke {
                    qualifier: qualifier.map(str::to_owned),
                    kind,
                    has_log_tail: kind == InvocationKind::RequestResponse,
                    trace: Some("Root=1-2-3".to_owned()),
                    ..Invoke::new(function, r#"{"é":1}"#)
                };
                client.invoke(invoke, soon()).await.expect("accepted");
            }
        }
    }
    let owner = AccountId::parse("123456789012").expect("an account");
    for bucket in [Bucket::new("reports"), Bucket::owned_by("Re.ports", owner)] {
        for key in KEYS {
            let object = PutObject {
                condition: Some(PutCondition::IfAbsent),
                tags: vec![("lzap:keep".to_owned(), "1d +&".to_owned())],
                content_type: Some("text/csv; charset=utf-8".to_owned()),
                ..PutObject::new(*key)
            };
            client.put_object(&bucket, key, object, soon()).await.expect("accepted");
            client.get_object(&bucket, key, GetOptions::default(), soon()).await.expect("accepted");
            client.head_object(&bucket, key, soon()).await.expect("accepted");
            client.delete_object(&bucket, key, soon()).await.expect("accepted");
            let options = ListOptions {
                prefix: Some((*key).to_owned()),
                delimiter: Some("/".to_owned()),
                continuation: Some("1+/=".to_owned()),
                ..ListOptions::default()
            };
            // The server's answer is no listing; what counts is that it isn't a refusal.
            let error = client.list_objects(&bucket, options, soon()).await.expect_err("not a listing");
            assert_eq!(error.kind(), ErrorKind::Unreadable, "{error}");
        }
    }
}

/// Compares what was sent with what botocore adds to the same requests.
fn assert_signed_as_by_botocore(python: &Python, recording: &Recording, token: Option<&str>) {
    let mut input = keys(token, 0);
    let lines = recording.json_lines();
    input["calls"] = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")).collect();
    let output = python.run_script("signatures.py", &input.to_string()).expect("botocore");
    let expected: Vec<Value> = serde_json::from_str(&output).expect("JSON");
    assert_eq!(expected.len(), recording.calls().len());
    for (call, expected) in recording.calls().iter().zip(expected) {
        let added = expected.as_object().expect("headers");
        assert!(added.contains_key("authorization"));
        assert_eq!(added.contains_key("x-amz-security-token"), token.is_some());
        for (name, value) in added {
            let sent = call.headers.iter().find(|(sent, _)| sent == name).map(|(_, value)| value.as_str());
            assert_eq!(sent, value.as_str(), "{name} of {} {}", call.method, call.target);
        }
    }
}

#[test]
fn signatures_of_all_operations_equal_botocore_s() {
    let python = Python::ready().expect("Python");
    for token in [None, Some(TOKEN)] {
        let (proxy, _server) = start_server(&python, token, 0);
        let client = client_at(proxy.url(), KEY_ID, SECRET, token);
        runtime().block_on(call_everything(&client));
        let recording = proxy.take_recording();
        assert_eq!(recording.calls().len(), 16 + 2 * 5 * KEYS.len());
        assert_signed_as_by_botocore(&python, &recording, token);
    }
}

#[test]
fn invoke_with_a_wrong_secret_or_token_is_denied() {
    let python = Python::ready().expect("Python");
    let (proxy, _server) = start_server(&python, Some(TOKEN), 0);
    let runtime = runtime();
    for (secret, token) in [("wrong", Some(TOKEN)), (SECRET, Some("wrong")), (SECRET, None)] {
        let client = client_at(proxy.url(), KEY_ID, secret, token);
        let error = runtime.block_on(client.invoke(Invoke::new("f", "1"), soon())).expect_err("refused");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, Some("InvalidSignatureException")));
        let bucket = Bucket::new("reports");
        let error = runtime.block_on(client.get_object(&bucket, "k", GetOptions::default(), soon()));
        let error = error.expect_err("refused");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, Some("SignatureDoesNotMatch")));
    }
}

#[test]
fn calls_with_a_wrong_clock_are_accepted_after_one_refusal() {
    let python = Python::ready().expect("Python");
    for ahead in [3600, -86_400] {
        let (proxy, _server) = start_server(&python, None, ahead);
        let bucket = Bucket::new("reports");
        let runtime = runtime();
        let client = client_at(proxy.url(), KEY_ID, SECRET, None);
        runtime.block_on(client.invoke(Invoke::new("f", "1"), soon())).expect("accepted");
        runtime.block_on(client.head_object(&bucket, "k", soon())).expect("accepted");
        let statuses: Vec<u16> = proxy.take_recording().calls().iter().map(|call| call.status).collect();
        assert_eq!(statuses, [403, 200, 200]);
        // Another client learns it from S3, also where the refusal has no body.
        let client = client_at(proxy.url(), KEY_ID, SECRET, None);
        runtime.block_on(client.head_object(&bucket, "k", soon())).expect("accepted");
        let statuses: Vec<u16> = proxy.take_recording().calls().iter().map(|call| call.status).collect();
        assert_eq!(statuses, [403, 200]);
    }
}
