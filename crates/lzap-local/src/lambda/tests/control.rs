//! The control API over HTTP: paths, statuses, shapes, error codes.

use serde_json::{Value, json};

use super::{Cloud, ROLE, function, zip};

const FUNCTIONS: &str = "/2015-03-31/functions";

fn tiny() -> bytes::Bytes {
    zip(&[("bootstrap", 0o755, "#!/bin/sh\n")])
}

#[tokio::test]
async fn create_get_list_and_delete() {
    let cloud = Cloud::start().await;
    let settings = json!({
        "MemorySize": 512, "Timeout": 30, "Architectures": ["arm64"], "Tags": { "lzap:app": "shop" },
        "Environment": { "Variables": { "A1": "b" } }, "Description": "d", "EphemeralStorage": { "Size": 1024 },
        "LoggingConfig": { "LogGroup": "/shop" },
    });
    let created = cloud.send("POST", FUNCTIONS, &function("shop", &tiny(), settings)).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(
        (&created.body["State"], &created.body["StateReasonCode"]),
        (&json!("Pending"), &json!("Creating"))
    );
    assert!(created.header("x-amzn-requestid").is_some());
    cloud.settled("shop").await;
    let got = cloud.send("GET", &format!("{FUNCTIONS}/shop"), &Value::Null).await.body;
    let shown = &got["Configuration"];
    let arn = "arn:aws:lambda:eu-west-1:000000000000:function:shop";
    for (member, value) in [
        ("FunctionName", json!("shop")),
        ("FunctionArn", json!(arn)),
        ("Runtime", json!("provided.al2023")),
        ("Role", json!(ROLE)),
        ("MemorySize", json!(512)),
        ("Timeout", json!(30)),
        ("Architectures", json!(["arm64"])),
        ("Environment", json!({ "Variables": { "A1": "b" } })),
        ("EphemeralStorage", json!({ "Size": 1024 })),
        ("LoggingConfig", json!({ "LogFormat": "Text", "LogGroup": "/shop" })),
        ("PackageType", json!("Zip")),
        ("Version", json!("$LATEST")),
        ("State", json!("Active")),
        ("CodeSize", json!(tiny().len())),
    ] {
        assert_eq!(shown[member], value, "{member}");
    }
    assert!(shown["LastModified"].as_str().is_some_and(|text| text.len() == 28 && text.ends_with("+0000")));
    assert_eq!(got["Tags"], json!({ "lzap:app": "shop" }));
    let location =
        got["Code"]["Location"].as_str().and_then(|url| url.strip_prefix("file://")).expect("a file");
    assert_eq!(fs_err::read(location).expect("the zip"), tiny());
    let listed = cloud.send("GET", &format!("{FUNCTIONS}/"), &Value::Null).await.body;
    assert_eq!(listed["Functions"][0]["FunctionArn"], arn);
    let encoded = arn.replace(':', "%3A");
    assert_eq!(cloud.send("DELETE", &format!("{FUNCTIONS}/{encoded}"), &Value::Null).await.status, 204);
    let gone = cloud.send("GET", &format!("{FUNCTIONS}/shop"), &Value::Null).await;
    assert_eq!(gone.error(), (404, "ResourceNotFoundException"));
    assert_eq!(gone.body["Message"], format!("Function not found: {arn}"));
    assert_eq!(cloud.lambda.functions(), 0);
}

#[tokio::test]
async fn what_create_function_refuses() {
    let cloud = Cloud::with_function(json!({})).await;
    let invalid = (400, "InvalidParameterValueException");
    let slip = zip(&[("bootstrap", 0o755, "#!/bin/sh\n"), ("../../escaped", 0o644, "x")]);
    for (body, error) in [
        (function("shop", &tiny(), json!({})), (409, "ResourceConflictException")),
        (function("shop!", &tiny(), json!({})), (400, "ValidationException")),
        (function(&"x".repeat(65), &tiny(), json!({})), (400, "ValidationException")),
        (function("a", &tiny(), json!({ "MemorySize": 64 })), (400, "ValidationException")),
        (function("a", &tiny(), json!({ "MemorySize": -1 })), (400, "ValidationException")),
        (function("a", &tiny(), json!({ "MemorySize": "64" })), (400, "SerializationException")),
        (function("a", &tiny(), json!({ "Runtime": "python3.13" })), invalid),
        (function("a", &tiny(), json!({ "Role": "arn:aws:iam::000000000000:role/none" })), invalid),
        (function("a", &tiny(), json!({ "Role": "arn:aws:iam::000000000000:role/other" })), invalid),
        (function("a", b"not a zip", json!({})), invalid),
        (function("a", &slip, json!({})), invalid),
        (function("a", &tiny(), json!({ "Code": { "S3Bucket": "artifacts", "S3Key": "none" } })), invalid),
        (function("a", &tiny(), json!({ "Code": {} })), invalid),
        (function("a", &tiny(), json!({ "Layers": ["arn:aws:lambda:eu-west-1:1:layer:x:1"] })), invalid),
        (function("a", &tiny(), json!({ "Architectures": ["riscv"] })), (400, "ValidationException")),
    ] {
        let answer = cloud.send("POST", FUNCTIONS, &body).await;
        assert_eq!(answer.error(), error, "{body} {}", answer.body);
    }
    assert_eq!(cloud.lambda.functions(), 1);
    assert!(!cloud.folder.path().join("escaped").exists());
}

#[tokio::test]
async fn code_comes_from_s3_and_is_published_with_the_update() {
    let cloud = Cloud::with_function(json!({})).await;
    let path = format!("{FUNCTIONS}/shop/code");
    let source = json!({ "S3Bucket": "artifacts", "S3Key": "app.zip", "Publish": true });
    let dry = cloud
        .send("PUT", &path, &json!({ "S3Bucket": "artifacts", "S3Key": "app.zip", "DryRun": true }))
        .await;
    assert_eq!((dry.status, &dry.body["Version"]), (200, &json!("$LATEST")));
    let updated = cloud.send("PUT", &path, &source).await;
    assert_eq!(updated.status, 200, "{}", updated.body);
    assert_eq!(
        (&updated.body["Version"], &updated.body["LastUpdateStatus"]),
        (&json!("1"), &json!("InProgress"))
    );
    assert_eq!(updated.body["CodeSize"], tiny().len());
    assert_eq!(cloud.send("PUT", &path, &source).await.error(), (409, "ResourceConflictException"));
    cloud.settled("shop").await;
    let stale = json!({ "S3Bucket": "artifacts", "S3Key": "app.zip", "RevisionId": "other" });
    assert_eq!(cloud.send("PUT", &path, &stale).await.error(), (412, "PreconditionFailedException"));
    let versions = cloud.send("GET", &format!("{FUNCTIONS}/shop/versions"), &Value::Null).await.body;
    let names: Vec<&Value> =
        versions["Versions"].as_array().expect("a list").iter().map(|v| &v["Version"]).collect();
    assert_eq!(names, [&json!("$LATEST"), &json!("1")]);
    let guard = json!({ "CodeSha256": "other" });
    let refused = cloud.send("POST", &format!("{FUNCTIONS}/shop/versions"), &guard).await;
    assert_eq!(refused.error(), (400, "InvalidParameterValueException"));
}

#[tokio::test]
async fn aliases_over_http() {
    let cloud = Cloud::with_function(json!({ "Publish": true })).await;
    let path = format!("{FUNCTIONS}/shop/aliases");
    let alias = json!({ "Name": "live", "FunctionVersion": "1", "Description": "1" });
    let created = cloud.send("POST", &path, &alias).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.body["AliasArn"], "arn:aws:lambda:eu-west-1:000000000000:function:shop:live");
    assert_eq!(cloud.send("POST", &path, &alias).await.error(), (409, "ResourceConflictException"));
    let missing = json!({ "Name": "next", "FunctionVersion": "7" });
    assert_eq!(cloud.send("POST", &path, &missing).await.error(), (404, "ResourceNotFoundException"));
    let change = json!({ "FunctionVersion": "$LATEST" });
    let updated = cloud.send("PUT", &format!("{path}/live"), &change).await.body;
    assert_eq!((&updated["FunctionVersion"], &updated["Description"]), (&json!("$LATEST"), &json!("1")));
    let listed = cloud.send("GET", &path, &Value::Null).await.body;
    assert_eq!(listed["Aliases"].as_array().map(Vec::len), Some(1));
    let through =
        cloud.send("GET", &format!("{FUNCTIONS}/shop/configuration?Qualifier=live"), &Value::Null).await;
    assert_eq!(through.body["FunctionArn"], created.body["AliasArn"]);
    assert_eq!(cloud.send("DELETE", &format!("{path}/live"), &Value::Null).await.status, 204);
    let gone = cloud.send("GET", &format!("{path}/live"), &Value::Null).await;
    assert_eq!(gone.error(), (404, "ResourceNotFoundException"));
}

#[tokio::test]
async fn policies_over_http_are_documents_in_strings() {
    let cloud = Cloud::with_function(json!({})).await;
    let path = format!("{FUNCTIONS}/shop/policy");
    assert_eq!(cloud.send("GET", &path, &Value::Null).await.error(), (404, "ResourceNotFoundException"));
    let source = "arn:aws:events:eu-west-1:000000000000:rule/warm";
    let permission = json!({
        "StatementId": "warm", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com", "SourceArn": source,
    });
    let added = cloud.send("POST", &path, &permission).await;
    let statement: Value =
        serde_json::from_str(added.body["Statement"].as_str().expect("text")).expect("JSON");
    let expected = json!({
        "Sid": "warm", "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
        "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:eu-west-1:000000000000:function:shop",
        "Condition": { "ArnLike": { "AWS:SourceArn": source } },
    });
    assert_eq!((added.status, statement), (201, expected.clone()));
    let policy = cloud.send("GET", &path, &Value::Null).await.body;
    let document: Value = serde_json::from_str(policy["Policy"].as_str().expect("text")).expect("JSON");
    assert_eq!(document["Statement"], json!([expected]));
    let revision = policy["RevisionId"].as_str().expect("text");
    let stale = cloud.send("DELETE", &format!("{path}/warm?RevisionId=x"), &Value::Null).await;
    assert_eq!(stale.error(), (412, "PreconditionFailedException"));
    let removed = cloud.send("DELETE", &format!("{path}/warm?RevisionId={revision}"), &Value::Null).await;
    assert_eq!(removed.status, 204);
}

#[tokio::test]
async fn tags_and_account_over_http() {
    let cloud = Cloud::with_function(json!({})).await;
    let path = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aeu-west-1%3A000000000000%3Afunction%3Ashop";
    let tags = json!({ "Tags": { "lzap:app": "shop", "a b": "c", "d": "e" } });
    assert_eq!(cloud.send("POST", path, &tags).await.status, 204);
    let dropped = cloud.send("DELETE", &format!("{path}?tagKeys=a%20b&tagKeys=d"), &Value::Null).await;
    assert_eq!(dropped.status, 204);
    let left = cloud.send("GET", path, &Value::Null).await.body;
    assert_eq!(left, json!({ "Tags": { "lzap:app": "shop" } }));
    let account = cloud.send("GET", "/2016-08-19/account-settings/", &Value::Null).await.body;
    assert_eq!(account["AccountUsage"]["FunctionCount"], 1);
    assert!(account["AccountLimit"]["ConcurrentExecutions"].as_u64().is_some_and(|limit| limit >= 10));
}

#[tokio::test]
async fn lists_page_at_fifty() {
    let cloud = Cloud::start().await;
    for number in 0..51 {
        let body = function(&format!("f{number:02}"), &tiny(), json!({}));
        assert_eq!(cloud.send("POST", FUNCTIONS, &body).await.status, 201);
    }
    let first = cloud.send("GET", &format!("{FUNCTIONS}/?MaxItems=1000"), &Value::Null).await.body;
    assert_eq!(first["Functions"].as_array().map(Vec::len), Some(50));
    let marker = first["NextMarker"].as_str().expect("more to come").replace('=', "%3D");
    let rest = cloud.send("GET", &format!("{FUNCTIONS}/?Marker={marker}"), &Value::Null).await.body;
    assert_eq!(rest["Functions"][0]["FunctionName"], "f50");
    assert_eq!(rest.get("NextMarker"), None);
    let elsewhere = cloud.lambda.handle("us-east-1", http::Request::new(bytes::Bytes::new())).await;
    assert_eq!(elsewhere.status(), 501);
}

#[tokio::test]
async fn operations_that_are_missing_are_named() {
    let cloud = Cloud::start().await;
    let answer = cloud.send("GET", "/2019-09-30/functions/shop/provisioned-concurrency", &Value::Null).await;
    assert_eq!(answer.error(), (501, "NotImplementedException"));
    assert_eq!(
        answer.body["Message"],
        "the embedded cloud does not implement lambda provisioned concurrency: GET \
         /2019-09-30/functions/shop/provisioned-concurrency"
    );
    let other = cloud.send("PATCH", &format!("{FUNCTIONS}/shop/versions"), &Value::Null).await;
    assert_eq!(other.status, 501);
}

#[tokio::test]
async fn unused_code_is_kept_while_it_is_young() {
    let cloud = Cloud::with_function(json!({})).await;
    let revision = cloud.lambda.revision();
    cloud.send("DELETE", &format!("{FUNCTIONS}/shop"), &Value::Null).await;
    assert!(cloud.lambda.revision() > revision, "the store sees the change");
    let zips = fs_err::read_dir(cloud.folder.path().join("lambda/zips")).expect("the folder").count();
    assert_eq!(zips, 1, "a deploy that runs at the same time may need it");
}
