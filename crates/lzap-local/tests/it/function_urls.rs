//! Function URLs: their operations through the SDK, and requests to them through a real function process.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{Cors, FunctionUrlAuthType, InvokeMode};
use lzap_local::AccessKey;
use serde_json::{Value, json};

use crate::cloud::{Cloud, code, owner_key};
use crate::gateway::{ask, create_function, wait_until_closed};
use crate::signing::sign_lines;

const REGION: &str = "eu-central-1";
const ARN: &str = "arn:aws:lambda:eu-central-1:000000000000:function:shop";
const NOT_PERMITTED: &str = "{\"Message\":\"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html\"}";

/// The function `shop` with the alias `live`, both without a URL.
async fn deploy() -> (Cloud, Client) {
    let cloud = Cloud::start().await;
    let config = cloud.config(REGION).await;
    let lambda = Client::new(&config);
    create_function(&aws_sdk_iam::Client::new(&config), &lambda).await;
    let version = lambda.publish_version().function_name("shop").send().await.expect("a version");
    let alias = lambda.create_alias().function_name("shop").name("live");
    alias.function_version(version.version().expect("a number")).send().await.expect("an alias");
    (cloud, lambda)
}

/// Creates the URL of the function or of an alias, and returns its port.
async fn create_url(lambda: &Client, alias: Option<&str>, auth_type: FunctionUrlAuthType) -> u16 {
    let create = lambda.create_function_url_config().function_name("shop").auth_type(auth_type);
    let url = create.set_qualifier(alias.map(str::to_owned)).send().await.expect("a URL");
    port_of(url.function_url())
}

fn port_of(url: &str) -> u16 {
    let port = url.strip_prefix("http://localhost:").and_then(|rest| rest.strip_suffix('/'));
    port.and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("{url}"))
}

async fn allow_url(lambda: &Client, alias: Option<&str>) {
    let permission = lambda.add_permission().function_name("shop").set_qualifier(alias.map(str::to_owned));
    let permission = permission.statement_id("url").action("lambda:InvokeFunctionUrl").principal("*");
    permission.function_url_auth_type(FunctionUrlAuthType::None).send().await.expect("a permission");
}

async fn allow_function(lambda: &Client, alias: Option<&str>) {
    let permission = lambda.add_permission().function_name("shop").set_qualifier(alias.map(str::to_owned));
    let permission = permission.statement_id("function").action("lambda:InvokeFunction").principal("*");
    permission.invoked_via_function_url(true).send().await.expect("a permission");
}

/// A public URL of the alias `live`; returns its port.
async fn create_public_url(lambda: &Client) -> u16 {
    let port = create_url(lambda, Some("live"), FunctionUrlAuthType::None).await;
    allow_url(lambda, Some("live")).await;
    allow_function(lambda, Some("live")).await;
    port
}

async fn get(port: u16, path: &str) -> (u16, String, String) {
    ask(port, &format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}"), b"").await
}

#[tokio::test(flavor = "multi_thread")]
async fn create_get_update_list_and_delete_function_url() {
    let (cloud, lambda) = deploy().await;
    let none = lambda.get_function_url_config().function_name("shop").send().await;
    assert_eq!(code!(none), "ResourceNotFoundException");
    let create = || lambda.create_function_url_config().function_name("shop").qualifier("live");
    let created = create().auth_type(FunctionUrlAuthType::None).send().await.expect("a URL");
    assert_eq!(created.function_arn(), format!("{ARN}:live"));
    assert_eq!((created.auth_type(), created.invoke_mode()), (&FunctionUrlAuthType::None, None));
    assert!(created.creation_time().ends_with('Z') && created.creation_time().contains('.'));
    let again = create().auth_type(FunctionUrlAuthType::None).send().await;
    assert_eq!(code!(again), "ResourceConflictException");

    let update = lambda.update_function_url_config().function_name("shop:live");
    let update = update.auth_type(FunctionUrlAuthType::AwsIam).invoke_mode(InvokeMode::Buffered);
    update.send().await.expect("updated");
    let found = lambda.get_function_url_config().function_name(ARN).qualifier("live").send().await;
    let found = found.expect("a URL");
    assert_eq!(found.function_url(), created.function_url());
    assert_eq!(found.auth_type(), &FunctionUrlAuthType::AwsIam);
    assert_eq!(found.invoke_mode(), Some(&InvokeMode::Buffered));
    assert!(found.last_modified_time() >= found.creation_time());

    create_url(&lambda, None, FunctionUrlAuthType::None).await;
    let list = || lambda.list_function_url_configs().function_name("shop").max_items(1);
    let first = list().send().await.expect("a page");
    let second = list().marker(first.next_marker().expect("more to come")).send().await.expect("a page");
    let arns = [&first, &second].map(|page| page.function_url_configs()[0].function_arn().to_owned());
    assert_eq!((arns, second.next_marker()), ([ARN.to_owned(), format!("{ARN}:live")], None));

    let delete = || lambda.delete_function_url_config().function_name("shop").qualifier("live");
    delete().send().await.expect("deleted");
    assert_eq!(code!(delete().send().await), "ResourceNotFoundException");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn create_function_url_refuses_unknown_and_unsupported_settings() {
    let (cloud, lambda) = deploy().await;
    let create = || lambda.create_function_url_config().function_name("shop");
    let public = || create().auth_type(FunctionUrlAuthType::None);
    let cors = Cors::builder().allow_origins("*").build();
    for (refused, code, word) in [
        (public().qualifier("1"), "ValidationException", "'qualifier'"),
        (public().qualifier("$LATEST"), "ValidationException", "'qualifier'"),
        (public().qualifier("next"), "ResourceNotFoundException", "Function does not exist"),
        (public().function_name("other"), "ResourceNotFoundException", "Function does not exist"),
        (create().auth_type("JWT".into()), "ValidationException", "'authType'"),
        (public().invoke_mode("FAST".into()), "ValidationException", "[RESPONSE_STREAM, BUFFERED]"),
        (
            public().invoke_mode(InvokeMode::ResponseStream),
            "InvalidParameterValueException",
            "does not implement InvokeMode RESPONSE_STREAM",
        ),
        (public().cors(cors), "InvalidParameterValueException", "does not implement Cors"),
    ] {
        let error = refused.send().await.expect_err("refused").into_service_error();
        let message = error.meta().message().unwrap_or_default();
        assert_eq!(error.meta().code(), Some(code), "{message}");
        assert!(message.contains(word), "{message}");
    }
    let empty = public().cors(Cors::builder().build()).send().await.expect("as good as none");
    assert_eq!(empty.cors(), None);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn add_permission_of_function_urls_refuses_other_conditions() {
    let (cloud, lambda) = deploy().await;
    let add = |action: &str| {
        lambda.add_permission().function_name("shop").statement_id("s").principal("*").action(action)
    };
    for (refused, code) in [
        (
            add("lambda:InvokeFunction").function_url_auth_type(FunctionUrlAuthType::None),
            "InvalidParameterValueException",
        ),
        (add("lambda:InvokeFunctionUrl").invoked_via_function_url(true), "InvalidParameterValueException"),
        (add("lambda:InvokeFunctionUrl").function_url_auth_type("JWT".into()), "ValidationException"),
        (add("lambda:InvokeFunction").principal_org_id("o-abcdefghij"), "InvalidParameterValueException"),
        (add("lambda:InvokeFunction").event_source_token("token"), "InvalidParameterValueException"),
    ] {
        assert_eq!(code!(refused.send().await), code);
    }
    allow_url(&lambda, None).await;
    allow_function(&lambda, None).await;
    let policy = lambda.get_policy().function_name("shop").send().await.expect("a policy");
    let policy: Value = serde_json::from_str(policy.policy().expect("text")).expect("JSON");
    let conditions = [&policy["Statement"][0]["Condition"], &policy["Statement"][1]["Condition"]];
    assert_eq!(
        conditions,
        [
            &json!({ "StringEquals": { "lambda:FunctionUrlAuthType": "NONE" } }),
            &json!({ "Bool": { "lambda:InvokedViaFunctionUrl": "true" } }),
        ]
    );
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_need_both_permissions_of_the_urls_own_alias() {
    let (cloud, lambda) = deploy().await;
    let port = create_url(&lambda, Some("live"), FunctionUrlAuthType::None).await;
    let refused = (403, NOT_PERMITTED.to_owned());
    let answer = || async {
        let (status, head, body) = get(port, "/text").await;
        assert_eq!(head.contains("x-amzn-errortype: AccessDeniedException"), status == 403, "{head}");
        (status, body)
    };
    assert_eq!(answer().await, refused, "none");
    allow_url(&lambda, None).await;
    allow_function(&lambda, None).await;
    assert_eq!(answer().await, refused, "those of the function itself");
    allow_url(&lambda, Some("live")).await;
    assert_eq!(answer().await, refused, "only that for the URL");
    allow_function(&lambda, Some("live")).await;
    assert_eq!(answer().await, (200, "hello".to_owned()));
    lambda
        .remove_permission()
        .function_name("shop")
        .qualifier("live")
        .statement_id("url")
        .send()
        .await
        .expect("ok");
    assert_eq!(answer().await, refused, "only that for the function");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_a_url_reach_the_function_and_come_back() {
    let (cloud, lambda) = deploy().await;
    let port = create_public_url(&lambda).await;
    let (status, head, body) = get(port, "/a%2Fb%20c?x=1&x=%262").await;
    let event: Value = serde_json::from_str(&body).expect("the event");
    assert_eq!((status, &event["rawPath"]), (200, &"/a%2Fb%20c".into()));
    assert_eq!(event["requestContext"]["http"]["path"], "/a%2Fb%20c");
    assert_eq!(
        (&event["rawQueryString"], &event["queryStringParameters"]["x"]),
        (&"x=1&x=%262".into(), &"1,&2".into())
    );
    assert_eq!(event["requestContext"]["accountId"], "anonymous");
    let id = event["requestContext"]["requestId"].as_str().expect("an id");
    assert!(head.contains(&format!("x-amzn-requestid: {id}")), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");

    let (status, head, body) = get(port, "/made").await;
    assert_eq!((status, body.as_str()), (201, "hello"));
    assert!(head.contains("x-made: yes") && head.matches("set-cookie: ").count() == 2, "{head}");
    let (status, head, body) = ask(port, "HEAD /made HTTP/1.1\r\nHost: localhost", b"").await;
    assert_eq!((status, body.as_str(), head.contains("content-length: 5")), (201, "", true));
    for path in ["/bad", "/fail", "/large"] {
        let (status, _, body) = get(port, path).await;
        assert_eq!((status, body.as_str()), (502, "Internal Server Error"), "{path}");
    }
    assert_eq!(get(port, "/slow").await.0, 200, "a URL waits as long as the function's own timeout");

    let post = |kind: &str| format!("POST /up HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}");
    assert_eq!(ask(port, &post("text/plain"), &vec![b'x'; (6 << 20) + 1]).await.0, 413);
    assert_eq!(ask(port, &post("application/octet-stream"), &vec![0; 5 << 20]).await.0, 413);
    assert_eq!(ask(port, "GET /text HTTP/1.1\r\nHost: evil.example", b"").await.0, 403);

    lambda
        .put_function_concurrency()
        .function_name("shop")
        .reserved_concurrent_executions(0)
        .send()
        .await
        .expect("set");
    let (status, _, body) = get(port, "/text").await;
    assert_eq!((status, body.contains("Rate Exceeded.")), (429, true), "{body}");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_of_type_aws_iam_takes_signed_requests_only() {
    let (cloud, lambda) = deploy().await;
    let port = create_url(&lambda, None, FunctionUrlAuthType::AwsIam).await;
    allow_url(&lambda, None).await;
    allow_function(&lambda, None).await;
    let (status, _, body) = get(port, "/").await;
    assert_eq!((status, body.as_str()), (403, "{\"Message\":\"Forbidden\"}"));
    let key = owner_key(cloud.dir.path());
    let mut forger = key.clone();
    "guessed".clone_into(&mut forger.secret);
    let head = |key: &AccessKey| {
        let lines = sign_lines(key, (REGION, "lambda"), "GET", "http://localhost/", b"");
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}", lines.trim_end())
    };
    let (status, _, body) = ask(port, &head(&forger), b"").await;
    assert_eq!((status, body.as_str()), (403, "{\"Message\":\"Forbidden\"}"));
    let (status, _, body) = ask(port, &head(&key), b"").await;
    let event: Value = serde_json::from_str(&body).expect("the event");
    let context = &event["requestContext"];
    assert_eq!((status, &context["accountId"]), (200, &lzap_local::ACCOUNT.into()));
    assert_eq!(context["authorizer"]["iam"]["accessKey"], key.id);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn function_and_alias_keep_their_urls_after_restart() {
    let (mut cloud, lambda) = deploy().await;
    let of_alias = create_public_url(&lambda).await;
    let own = create_url(&lambda, None, FunctionUrlAuthType::None).await;
    assert_ne!(own, of_alias);
    let mut ports = (own, of_alias);
    let mut is_kept = false;
    // Another test may take a port while this cloud is down; then its URL moves.
    for _ in 0..5 {
        cloud.restart().await;
        let lambda = Client::new(&cloud.config(REGION).await);
        let look = || lambda.get_function_url_config().function_name("shop");
        let own = look().send().await.expect("a URL");
        let of_alias = look().qualifier("live").send().await.expect("a URL");
        let found = (port_of(own.function_url()), port_of(of_alias.function_url()));
        is_kept = found == ports;
        ports = found;
        if is_kept {
            break;
        }
    }
    let listed: Vec<u16> = cloud.status().await.function_urls.iter().map(|url| port_of(&url.url)).collect();
    assert_eq!(listed, [ports.0, ports.1]);
    assert!(is_kept, "a restart moves the URLs to {ports:?}");
    let (own, of_alias) = ports;
    assert_eq!(get(of_alias, "/text").await.0, 200);
    assert_eq!(get(own, "/text").await.0, 403, "the permissions are the alias's");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_url_no_longer_listens_and_that_of_a_deleted_alias_refuses() {
    let (cloud, lambda) = deploy().await;
    let of_alias = create_public_url(&lambda).await;
    let own = create_url(&lambda, None, FunctionUrlAuthType::None).await;
    lambda.delete_function_url_config().function_name("shop").send().await.expect("deleted");
    wait_until_closed(own).await;

    assert_eq!(get(of_alias, "/text").await.0, 200);
    lambda.delete_alias().function_name("shop").name("live").send().await.expect("deleted");
    let (status, _, body) = get(of_alias, "/text").await;
    assert_eq!((status, body.as_str()), (403, NOT_PERMITTED), "the URL is still there, as on AWS");

    lambda.delete_function().function_name("shop").send().await.expect("deleted");
    wait_until_closed(of_alias).await;
    cloud.stop().await;
}
