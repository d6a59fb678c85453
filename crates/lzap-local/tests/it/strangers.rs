//! Everybody who isn't the owner of the cloud is refused: other users, other keys, old signatures, web pages.
//!
//! Each attempt would read or change something if it succeeded. The tests print how many were made.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use lzap_local::AccessKey;

use crate::cloud::{Cloud, owner_key, s3};
use crate::gateway::{ask, create_function_of, zip_of};
use crate::signing::sign_lines;

const REGION: &str = "us-east-1";
/// `nobody`.
const OTHER_USER: u32 = 65534;
/// A request that reads or changes something, for each service: its signing name, and method and path.
const REQUESTS: [(&str, &str); 9] = [
    ("sts", "POST /?Action=GetCallerIdentity&Version=2011-06-15"),
    ("iam", "POST /?Action=ListRoles&Version=2010-05-08"),
    ("lambda", "GET /2015-03-31/functions"),
    ("lambda", "POST /2015-03-31/functions/shop/invocations"),
    ("lambda", "DELETE /2015-03-31/functions/shop"),
    ("apigateway", "GET /v2/apis"),
    ("events", "POST /"),
    ("lzap", "GET /_lzap/health"),
    ("lzap", "POST /_lzap/stop"),
];
/// Tells the address of its Runtime API.
const BOOTSTRAP: &str = r#"#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  id=$(curl -sS -D - -o /dev/null "$api/next" | tr -d '\r' | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  curl -sS -X POST -d "\"$AWS_LAMBDA_RUNTIME_API\"" "$api/$id/response" > /dev/null
done
"#;

/// How many attempts were made, and which succeeded.
#[derive(Default)]
struct Attempts {
    made: usize,
    succeeded: Vec<String>,
}

impl Attempts {
    fn note(&mut self, what: impl Into<String>, has_succeeded: bool) {
        self.made += 1;
        if has_succeeded {
            self.succeeded.push(what.into());
        }
    }

    #[expect(clippy::print_stdout, reason = "the counts are a result of the test")]
    fn assert_none_succeeded(&self, who: &str) {
        println!("{who}: {} attempts, {} succeeded", self.made, self.succeeded.len());
        assert!(self.made > 0);
        assert_eq!(self.succeeded, [""; 0], "{who}");
    }
}

/// A cloud with the function `shop` and the object `shop/page.html`.
async fn deploy() -> Cloud {
    let cloud = Cloud::start().await;
    let config = cloud.config(REGION).await;
    let lambda = aws_sdk_lambda::Client::new(&config);
    create_function_of(zip_of(BOOTSTRAP), 20, &aws_sdk_iam::Client::new(&config), &lambda).await;
    let s3 = s3(&config);
    s3.create_bucket().bucket("shop").send().await.expect("a bucket");
    let page = ByteStream::from_static(b"<script>alert(1)</script>");
    let put = s3.put_object().bucket("shop").key("page.html").content_type("text/html").body(page);
    put.send().await.expect("an object");
    cloud
}

/// Status, head and body of a request with these header lines.
async fn send(port: u16, request: &str, lines: &str) -> (u16, String, String) {
    let head = format!("{request} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{lines}");
    // `ask` goes on after the last line.
    ask(port, head.trim_end(), b"").await
}

fn sign(key: &AccessKey, port: u16, service: &str, request: &str) -> String {
    let (method, path) = request.split_once(' ').expect("method and path");
    sign_lines(key, (REGION, service), method, &format!("http://127.0.0.1:{port}{path}"), b"")
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_the_owners_signature_are_refused() {
    let cloud = deploy().await;
    let port = cloud.status().await.port;
    let key = owner_key(cloud.dir.path());
    let mut wrong_secret = key.clone();
    wrong_secret.secret.push('0');
    let mut wrong_id = key.clone();
    "AKIAIOSFODNN7EXAMPLE".clone_into(&mut wrong_id.id);
    let mut attempts = Attempts::default();
    for (service, request) in REQUESTS {
        let other_request = sign(&key, port, service, "GET /other");
        let other_service = sign(&key, port, "dynamodb", request);
        for (what, lines) in [
            ("unsigned", String::new()),
            ("the secret of another cloud", sign(&wrong_secret, port, service, request)),
            ("the key of another cloud", sign(&wrong_id, port, service, request)),
            ("the signature of another request", other_request),
            ("the signature for another service", other_service.replace("dynamodb", service)),
        ] {
            let (status, _, body) = send(port, request, &lines).await;
            attempts.note(format!("{what}: {request}: {status} {body}"), status != 403);
        }
    }
    attempts.assert_none_succeeded("unsigned and wrongly signed");
    let (status, ..) =
        send(port, "GET /2015-03-31/functions", &sign(&key, port, "lambda", "GET /2015-03-31/functions"))
            .await;
    assert_eq!(status, 200, "the owner's own request is answered");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presigned_url_is_valid_for_its_request_until_it_expires() {
    let cloud = deploy().await;
    let port = cloud.status().await.port;
    let s3 = s3(&cloud.config(REGION).await);
    let presign = async |starts_ago: u64| {
        let start = SystemTime::now() - Duration::from_secs(starts_ago);
        let config = PresigningConfig::builder().start_time(start).expires_in(Duration::from_mins(1)).build();
        let get = s3.get_object().bucket("shop").key("page.html");
        let url = get.presigned(config.expect("a lifetime")).await.expect("a URL").uri().to_owned();
        url.split_once(&format!(":{port}")).expect("the port").1.to_owned()
    };
    let good = presign(0).await;
    let (status, head, body) = send(port, &format!("GET {good}"), "").await;
    assert_eq!((status, body.as_str()), (200, "<script>alert(1)</script>"));
    let head = head.to_ascii_lowercase();
    assert!(head.contains("\r\ncontent-security-policy: sandbox; default-src 'none'"), "{head}");
    assert!(head.contains("\r\nx-content-type-options: nosniff"), "{head}");

    let expired = presign(61).await;
    let mut attempts = Attempts::default();
    for (what, request, lines) in [
        ("expired", format!("GET {expired}"), ""),
        ("a longer lifetime", format!("GET {}", expired.replace("Expires=60", "Expires=600")), ""),
        ("another object", format!("GET {}", good.replace("page.html", "secret")), ""),
        ("another method", format!("DELETE {good}"), ""),
        ("another query", format!("GET {good}&tagging"), ""),
        ("an unsigned header", format!("GET {good}"), "x-amz-copy-source: /shop/secret"),
        ("a page of another site", format!("GET {good}"), "Origin: https://evil.example"),
        ("a link on another site", format!("GET {good}"), "Sec-Fetch-Site: cross-site"),
    ] {
        let (status, _, body) = send(port, &request, lines).await;
        attempts.note(format!("{what}: {status} {body}"), status != 403);
    }
    attempts.assert_none_succeeded("presigned URLs");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn web_pages_are_refused_even_with_a_valid_signature() {
    let cloud = deploy().await;
    let port = cloud.status().await.port;
    let key = owner_key(cloud.dir.path());
    let mut attempts = Attempts::default();
    for (service, request) in REQUESTS {
        for line in [
            "Origin: https://evil.example",
            "Origin: http://localhost:3000",
            "Origin: http://127.0.0.1:4511",
            "Origin: null",
            "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Site: same-site",
        ] {
            let lines = format!("{}{line}", sign(&key, port, service, request));
            let (status, ..) = send(port, request, &lines).await;
            attempts.note(format!("{line}: {request}: {status}"), status != 403);
        }
    }
    attempts.assert_none_succeeded("web pages");
    cloud.stop().await;
}

/// Runs curl, as another user where this one may do that. Its output, and the HTTP status at its end.
fn curl(as_other_user: bool, args: &[&str]) -> String {
    let mut command = Command::new("curl");
    command.args(["-sS", "--max-time", "5", "-w", "%{http_code}"]).args(args).current_dir("/");
    if as_other_user {
        command.uid(OTHER_USER).gid(OTHER_USER);
    }
    let output = command.output().expect("curl runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn can_read(as_other_user: bool, file: &Path) -> bool {
    let mut command = Command::new("cat");
    command.arg(file).current_dir("/");
    if as_other_user {
        command.uid(OTHER_USER).gid(OTHER_USER);
    }
    command.output().expect("cat runs").status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn other_users_and_other_processes_are_refused() {
    let cloud = deploy().await;
    let port = cloud.status().await.port;
    let lambda = aws_sdk_lambda::Client::new(&cloud.config(REGION).await);
    let invoked = lambda.invoke().function_name("shop").send().await.expect("an answer");
    let runtime_api: String =
        serde_json::from_slice(invoked.payload().expect("a payload").as_ref()).expect("a text");
    assert!(runtime_api.starts_with("127.0.0.1:"), "{runtime_api}");
    let dir = cloud.dir.path().to_owned();
    let is_root = is_root_user();
    let attempts = tokio::task::spawn_blocking(move || {
        let mut attempts = Attempts::default();
        if is_root {
            for file in ["keys.json", "server.json", "state.json"] {
                attempts.note(format!("read {file}"), can_read(true, &dir.join(file)));
            }
            for (service, request) in REQUESTS {
                let (method, path) = request.split_once(' ').expect("method and path");
                let url = format!("http://127.0.0.1:{port}{path}");
                let sigv4 = format!("aws:amz:{REGION}:{service}");
                for extra in [&[][..], &["--aws-sigv4", &sigv4, "--user", "test:test"][..]] {
                    let answer = curl(true, &[&["-X", method, &url][..], extra].concat());
                    attempts.note(format!("{request}: {answer}"), !answer.ends_with("403"));
                }
            }
        }
        // The own user's other processes don't belong to the environment either.
        for as_other_user in [false, true].into_iter().filter(|other| is_root || !other) {
            let at = |path: &str| format!("http://{runtime_api}/2018-06-01/runtime/{path}");
            for args in [
                &[&*at("invocation/next")][..],
                &["-d", "{}", &at("init/error")],
                &["-d", "{}", &at("invocation/0/response")],
                &["-d", "{}", &at("invocation/0/error")],
            ] {
                let answer = curl(as_other_user, args);
                attempts.note(format!("{args:?}: {answer}"), answer != "000");
            }
        }
        attempts
    })
    .await
    .expect("no panic");
    attempts.assert_none_succeeded(if is_root {
        "another user and other processes"
    } else {
        "other processes"
    });
    let again = lambda.invoke().function_name("shop").send().await.expect("an answer");
    assert!(again.function_error().is_none(), "the function still serves");
    cloud.stop().await;
}

/// Only root may start processes of another user.
fn is_root_user() -> bool {
    rustix::process::geteuid().is_root()
}

/// The body of a stranger's request isn't read, and that of the owner's has a limit.
#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_are_refused() {
    let cloud = Cloud::start().await;
    let port = cloud.status().await.port;
    let key = owner_key(cloud.dir.path());
    let body = vec![b'x'; 10 * 1024 * 1024 + 1];
    for (service, status) in [("events", 413), ("logs", 413)] {
        let url = format!("http://127.0.0.1:{port}/");
        let lines = sign_lines(&key, (REGION, service), "POST", &url, &body);
        let head = format!("POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{}", lines.trim_end());
        assert_eq!(ask(port, &head, &body).await.0, status, "{service}");
    }
    cloud.stop().await;
}

/// A function that wants more than its environment: its child has left the process group.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_calls_setsid_ends_with_its_environment() {
    let script = BOOTSTRAP.replace("while true", "(setsid sleep 4242 &)\nwhile true");
    let cloud = Cloud::start().await;
    let config = cloud.config(REGION).await;
    let lambda = aws_sdk_lambda::Client::new(&config);
    create_function_of(zip_of(&script), 20, &aws_sdk_iam::Client::new(&config), &lambda).await;
    let invoked = lambda.invoke().function_name("shop").send().await.expect("an answer");
    let api: String = serde_json::from_slice(invoked.payload().expect("a payload").as_ref()).expect("a text");
    let marker = format!("AWS_LAMBDA_RUNTIME_API={api}");
    let count = || {
        let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
        let variables = processes.filter_map(|process| fs_err::read(process.path().join("environ")).ok());
        variables.filter(|all| all.split(|byte| *byte == 0).any(|one| one == marker.as_bytes())).count()
    };
    assert!(count() >= 2, "the worker and its child");
    lambda.delete_function().function_name("shop").send().await.expect("deleted");
    for _ in 0..100 {
        if count() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(count(), 0);
    cloud.stop().await;
}
