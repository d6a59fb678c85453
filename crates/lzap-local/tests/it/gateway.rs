//! HTTP in, a real function process, HTTP out; and rules that fire.

use std::io::Write as _;
use std::time::Duration;

use aws_sdk_apigatewayv2::types::{IntegrationType, ProtocolType};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime, State};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::cloud::Cloud;

/// Answers each event by its path: most are sent back as they came.
const BOOTSTRAP: &str = r#"#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  event=$(curl -sS -D /tmp/headers.$$ "$api/next")
  id=$(tr -d '\r' < /tmp/headers.$$ | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  answer="$event"
  case "$event" in
    *'"rawPath":"/made"'*) answer='{"statusCode":201,"headers":{"X-Made":"yes"},"cookies":["a=1","b=2"],"body":"aGVsbG8=","isBase64Encoded":true}' ;;
    *'"rawPath":"/bad"'*) answer='{"statusCode":200,"body":{}}' ;;
    *'"rawPath":"/slow"'*) sleep 3 ;;
    *'"rawPath":"/text"'*) answer='"hello"' ;;
    *'"rawPath":"/large"'*) answer="\"$(head -c 7000000 /dev/zero | tr '\0' x)\"" ;;
    *'"rawPath":"/fail"'*) curl -sS -X POST -d '{"errorMessage":"no","errorType":"Oops"}' "$api/$id/error" > /dev/null; continue ;;
  esac
  printf '%s' "$answer" | curl -sS -X POST --data-binary @- "$api/$id/response" > /dev/null
done
"#;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

pub(crate) fn zip() -> Vec<u8> {
    zip_of(BOOTSTRAP)
}

/// A zip with this script as its `bootstrap`.
pub(crate) fn zip_of(bootstrap: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("bootstrap", zip::write::SimpleFileOptions::default().unix_permissions(0o755))
        .expect("a file");
    zip.write_all(bootstrap.as_bytes()).expect("written");
    zip.finish().expect("a zip").into_inner()
}

struct Deployed {
    cloud: Cloud,
    lambda: aws_sdk_lambda::Client,
    api: String,
    port: u16,
}

/// A function behind an HTTP API that may not call it yet.
async fn deploy() -> Deployed {
    let cloud = Cloud::start().await;
    let config = cloud.config("eu-central-1").await;
    let lambda = aws_sdk_lambda::Client::new(&config);
    let function = create_function(&aws_sdk_iam::Client::new(&config), &lambda).await;
    let client = aws_sdk_apigatewayv2::Client::new(&config);
    let api =
        client.create_api().name("shop").protocol_type(ProtocolType::Http).send().await.expect("an API");
    let id = api.api_id().expect("an id").to_owned();
    let integration = client.create_integration().api_id(&id).integration_type(IntegrationType::AwsProxy);
    let integration = integration.integration_uri(&function).payload_format_version("2.0");
    let integration = integration.timeout_in_millis(1500).send().await.expect("an integration");
    let target = format!("integrations/{}", integration.integration_id().expect("an id"));
    for key in ["GET /items/{id}", "ANY /{proxy+}"] {
        client.create_route().api_id(&id).route_key(key).target(&target).send().await.expect("a route");
    }
    client.create_stage().api_id(&id).stage_name("$default").auto_deploy(true).send().await.expect("a stage");
    let port = api.api_endpoint().and_then(|url| url.rsplit(':').next()?.parse().ok()).expect("a port");
    Deployed { cloud, lambda, api: id, port }
}

pub(crate) async fn create_function(iam: &aws_sdk_iam::Client, lambda: &aws_sdk_lambda::Client) -> String {
    create_function_of(zip(), 20, iam, lambda).await
}

/// The function `shop` of this zip and timeout in seconds; returns its ARN once it is active.
pub(crate) async fn create_function_of(
    zip: Vec<u8>,
    timeout: i32,
    iam: &aws_sdk_iam::Client,
    lambda: &aws_sdk_lambda::Client,
) -> String {
    let role = iam.create_role().role_name("shop").assume_role_policy_document(TRUST).send().await;
    let role = role.expect("a role").role.expect("a role");
    let code = FunctionCode::builder().zip_file(Blob::new(zip)).build();
    let function =
        lambda.create_function().function_name("shop").role(role.arn()).code(code).timeout(timeout);
    let function = function.runtime(Runtime::Providedal2023).handler("bootstrap").send().await;
    let look = || lambda.get_function_configuration().function_name("shop").send();
    while look().await.expect("it is there").state() != Some(&State::Active) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    function.expect("a function").function_arn.expect("an ARN")
}

/// One request to a port of this machine; status, headers and body of the answer.
pub(crate) async fn ask(port: u16, head: &str, body: &[u8]) -> (u16, String, String) {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    let head = format!("{head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.expect("sent");
    // A body that is too large may be refused before all of it was sent.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_owned(), body.to_owned())
}

/// Waits until nothing listens at a port any more.
pub(crate) async fn wait_until_closed(port: u16) {
    for _ in 0..50 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{port} still listens");
}

impl Deployed {
    async fn allow(&self, principal: &str, source: &str) {
        let permission =
            self.lambda.add_permission().function_name("shop").statement_id(principal.replace('.', "-"));
        let permission = permission.action("lambda:InvokeFunction").principal(principal).source_arn(source);
        permission.send().await.expect("a permission");
    }

    /// One request; status, headers and body of the answer.
    async fn ask(&self, head: &str, body: &[u8]) -> (u16, String, String) {
        ask(self.port, head, body).await
    }

    async fn get(&self, path: &str) -> (u16, String, String) {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost:{}", self.port), b"").await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_reach_the_function_and_come_back() {
    let site = deploy().await;
    let (status, _, body) = site.get("/items/7").await;
    assert_eq!(
        (status, body.as_str()),
        (500, "{\"message\":\"Internal Server Error\"}"),
        "no permission yet"
    );
    let source = format!("arn:aws:execute-api:eu-central-1:000000000000:{}/*/*", site.api);
    site.allow("apigateway.amazonaws.com", &source).await;

    let (status, head, body) = site.get("/items/a%20b?x=1&x=2").await;
    let event: Value = serde_json::from_str(&body).expect("the event");
    assert_eq!((status, &event["pathParameters"]["id"]), (200, &"a b".into()));
    assert_eq!(event["queryStringParameters"]["x"], "1,2");
    assert_eq!(event["requestContext"]["routeKey"], "GET /items/{id}");
    assert!(head.contains("apigw-requestid:"), "{head}");

    let (status, head, body) = site.get("/made").await;
    assert_eq!((status, body.as_str()), (201, "hello"));
    assert!(head.contains("x-made: yes") && head.matches("set-cookie: ").count() == 2, "{head}");
    let (status, head, body) = site.ask("HEAD /made HTTP/1.1\r\nHost: localhost", b"").await;
    assert_eq!((status, body.as_str(), head.contains("content-length: 5")), (201, "", true));

    for (path, status) in [("/bad", 500), ("/fail", 500), ("/slow", 503), ("/", 404)] {
        assert_eq!(site.get(path).await.0, status, "{path}");
    }
    assert_eq!(site.ask("GET /made HTTP/1.1\r\nHost: evil.example", b"").await.0, 403);
    site.cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_have_limits() {
    let site = deploy().await;
    let source = format!("arn:aws:execute-api:eu-central-1:000000000000:{}/*/*", site.api);
    site.allow("apigateway.amazonaws.com", &source).await;
    let post = |kind: &str| format!("POST /up HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}");
    let (status, _, body) = site.ask(&post("application/octet-stream"), b"\x00\xff").await;
    let event: Value = serde_json::from_str(&body).expect("the event");
    assert_eq!((status, &event["body"], &event["isBase64Encoded"]), (200, &"AP8=".into(), &true.into()));
    // In base64 five megabytes are more than the six that a function takes.
    assert_eq!(site.ask(&post("application/octet-stream"), &vec![0; 5 << 20]).await.0, 413);
    assert_eq!(site.ask(&post("text/plain"), &vec![b'x'; (10 << 20) + 1]).await.0, 413);
    site.cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_api_no_longer_listens() {
    let site = deploy().await;
    let client = aws_sdk_apigatewayv2::Client::new(&site.cloud.config("eu-central-1").await);
    client.delete_api().api_id(&site.api).send().await.expect("deleted");
    wait_until_closed(site.port).await;
    site.cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api_whose_port_is_taken_moves_and_the_others_stay() {
    let mut cloud = Cloud::start().await;
    let client = aws_sdk_apigatewayv2::Client::new(&cloud.config("eu-central-1").await);
    for name in ["one", "two", "three"] {
        client.create_api().name(name).protocol_type(ProtocolType::Http).send().await.expect("an API");
    }
    let ports = async |cloud: &Cloud| {
        let mut apis = cloud.status().await.apis;
        apis.sort_by(|a, b| a.name.cmp(&b.name));
        let port = |url: &str| url.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
        let ports: Vec<u16> = apis.iter().filter_map(|api| port(&api.url)).collect();
        <[u16; 3]>::try_from(ports).expect("three APIs")
    };
    let [one, three, two] = ports(&cloud).await;
    cloud.pause().await;
    let _other = tokio::net::TcpListener::bind(("127.0.0.1", three)).await.expect("it is free");
    cloud.resume().await;
    let [one_now, three_now, two_now] = ports(&cloud).await;
    assert!(![one, two, three].contains(&three_now), "{three_now} was another API's");
    // A test that runs beside this one may take a port too; but none of the three gets one of another.
    assert!(one_now == one || ![two, three].contains(&one_now), "{one_now}");
    assert!(two_now == two || ![one, three].contains(&two_now), "{two_now}");
    cloud.stop().await;
}
