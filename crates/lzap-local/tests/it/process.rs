//! The cloud as a process: started, killed, asked by strangers, given broken state.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lzap_local::{LocalError, ServeOptions, reset, serve, start, status, stop};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::cloud::{Cloud, config, owner_key, s3};

/// The folder for [`child`].
const CHILD_DIR: &str = "LZAP_TEST_CHILD_DIR";

/// Not a test: what [`cloud_process`] runs in a process of its own.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    if let Some(dir) = std::env::var_os(CHILD_DIR) {
        let port = std::env::var("LZAP_LOCAL_PORT").ok().and_then(|port| port.parse().ok());
        let options =
            ServeOptions { state_dir: dir.into(), port, concurrency: None, environment_concurrency: None };
        if let Err(error) = serve(options).await {
            panic!("{error}");
        }
    }
}

/// This very test binary, as a cloud.
fn cloud_process(dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["process::child", "--exact", "--nocapture"]).env(CHILD_DIR, dir).env("RUST_BACKTRACE", "0");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_cloud_comes_back_with_its_state() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let dir = temp.path();
    let started = start(dir, Some(0), cloud_process(dir)).await.expect("it starts");
    assert!(!started.already_running);
    let client = s3(&config(dir, &started.status.endpoint, "eu-west-1").await);
    let here = aws_sdk_s3::types::CreateBucketConfiguration::builder()
        .location_constraint(aws_sdk_s3::types::BucketLocationConstraint::EuWest1)
        .build();
    client.create_bucket().bucket("shop").create_bucket_configuration(here).send().await.expect("a bucket");
    client.put_object().bucket("shop").key("k").body(vec![7; 1000].into()).send().await.expect("an object");
    tokio::time::sleep(Duration::from_millis(200)).await;

    let pid = started.status.pid.to_string();
    assert!(Command::new("kill").args(["-9", &pid]).status().expect("kill runs").success());
    for _ in 0..100 {
        if status(dir).await.expect("a stale file is no error").is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!dir.join("server.json").exists());

    let started = start(dir, Some(0), cloud_process(dir)).await.expect("it starts again");
    let client = s3(&config(dir, &started.status.endpoint, "eu-west-1").await);
    let object = client.get_object().bucket("shop").key("k").send().await.expect("it survived");
    assert_eq!(object.body.collect().await.expect("all of it").into_bytes().len(), 1000);
    reset(dir).await.expect("it can be reset");
    assert!(!dir.exists());
    assert!(!stop(dir).await.expect("nothing runs"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_start_at_once_one_runs_and_both_succeed() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let dir = temp.path();
    let (one, two) =
        tokio::join!(start(dir, Some(0), cloud_process(dir)), start(dir, Some(0), cloud_process(dir)));
    let (one, two) = (one.expect("it starts"), two.expect("it starts"));
    assert_eq!(one.status.pid, two.status.pid);
    assert_ne!(one.already_running, two.already_running);
    assert!(stop(dir).await.expect("it stops"));
    assert_eq!(status(dir).await.expect("nothing runs"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_state_is_named_and_kept() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let dir = temp.path();
    let cloud = start(dir, Some(0), cloud_process(dir)).await.expect("it starts");
    assert_eq!(cloud.status.apis, []);
    stop(dir).await.expect("it stops");
    fs_err::write(dir.join("state.json"), "{\"version\":1,\"services\":{\"iam\":7}}").expect("a file");
    let error = start(dir, Some(0), cloud_process(dir)).await.expect_err("it can't start");
    assert!(
        matches!(&error, LocalError::Died { log_tail, .. } if log_tail.contains("state.json")),
        "{error}"
    );
    assert!(fs_err::read_to_string(dir.join("state.json")).expect("still there").contains('7'));
    reset(dir).await.expect("it can be reset");
    start(dir, Some(0), cloud_process(dir)).await.expect("it starts again");
    stop(dir).await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_taken_is_an_error() {
    let cloud = Cloud::start().await;
    let state_dir = cloud.dir.path().to_owned();
    let options = ServeOptions { state_dir, port: Some(0), concurrency: None, environment_concurrency: None };
    let again = serve(options).await;
    assert!(matches!(again, Err(LocalError::AlreadyRunning { .. })));
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused() {
    let cloud = Cloud::start().await;
    let port = cloud.status().await.port;
    let check = |head: String, expected: &'static str| async move {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
        stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with(expected), "{head}: {answer}");
        answer
    };
    for head in [
        "GET /_lzap/health HTTP/1.1\r\nHost: localhost",
        "GET /_lzap/health HTTP/1.1\r\nHost: evil.example",
        "POST /_lzap/stop HTTP/1.1\r\nHost: localhost",
        "POST /_lzap/stop HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example",
    ] {
        check(head.to_owned(), "HTTP/1.1 403").await;
    }
    let unsigned = check("GET / HTTP/1.1\r\nHost: localhost".to_owned(), "HTTP/1.1 403").await;
    assert!(unsigned.contains("MissingAuthenticationToken"), "{unsigned}");
    let key = owner_key(cloud.dir.path());
    for (id, code) in [("test", "UnrecognizedClientException"), (&key.id, "InvalidSignatureException")] {
        let head = format!(
            "GET /2015-03-31/functions HTTP/1.1\r\nHost: localhost\r\nX-Amz-Date: {}\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential={id}/20261122/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=0",
            jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ")
        );
        let refused = check(head, "HTTP/1.1 403").await;
        assert!(refused.contains(code), "{refused}");
    }
    cloud.stop().await;
}
