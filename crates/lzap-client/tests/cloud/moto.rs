//! S3 by moto, with its authentication on, and botocore's models of all requests.

use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use lzap_client::{
    AccountId, Bucket, Client, ErrorKind, GetOptions, Invoke, ListOptions, PutCondition, PutObject,
};
use lzap_testkit::{ACCOUNT, Moto, Proxy, send_request};
use serde_json::{Value, json};

use crate::{REGION, client_at, runtime, soon};

const BUCKET: &str = "lzap-client-test";
const KEYS: &[&str] = &["plain.csv", "a b", "a+b%2F%", "é/ü", "a//b/", "dots/./..", "~-_.!*'()&$@=;:,"];

/// A moto with a bucket and a user who may use it, whose id and secret are returned.
fn start_moto() -> (Moto, String, String) {
    let moto = Moto::start().expect("moto");
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": [format!("arn:aws:s3:::{BUCKET}*")]}
    ]});
    let user = json!({"UserName": "lzap"});
    let constraint = json!({"LocationConstraint": REGION});
    let policy = json!({"UserName": "lzap", "PolicyName": "objects", "PolicyDocument": policy.to_string()});
    let answers = moto
        .call_aws(
            REGION,
            &[
                ("iam", "create_user", user.clone()),
                ("iam", "put_user_policy", policy),
                ("iam", "create_access_key", user),
                ("s3", "create_bucket", json!({"Bucket": BUCKET, "CreateBucketConfiguration": constraint})),
            ],
        )
        .expect("boto3");
    let text = |name: &str| answers[2]["AccessKey"][name].as_str().expect("an access key").to_owned();
    let (key_id, secret) = (text("AccessKeyId"), text("SecretAccessKey"));
    let url = format!("{}/moto-api/reset-auth", moto.url());
    let answer = send_request(&Method::POST, &url, "text/plain", "0").expect("moto answers");
    assert!(answer.status.is_success(), "{}", answer.text());
    (moto, key_id, secret)
}

fn bucket() -> Bucket {
    Bucket::owned_by(BUCKET, AccountId::parse(ACCOUNT).expect("an account"))
}

async fn use_one_object(client: &Client, key: &str) {
    let bucket = bucket();
    let bytes = Bytes::from(format!("0123456789 of {key}"));
    let object = || PutObject {
        condition: Some(PutCondition::IfAbsent),
        tags: vec![("lzap:keep".to_owned(), "7d".to_owned())],
        content_type: Some("text/csv".to_owned()),
        ..PutObject::new(bytes.clone())
    };
    let put = client.put_object(&bucket, key, object(), soon()).await.expect("written");
    let error = client.put_object(&bucket, key, object(), soon()).await.expect_err("exists");
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{error}");

    let head = client.head_object(&bucket, key, soon()).await.expect("found");
    assert_eq!((head.size, &head.etag), (bytes.len() as u64, &put.etag));
    assert_eq!(head.content_type.as_deref(), Some("text/csv"));
    let whole = client.get_object(&bucket, key, GetOptions::default(), soon()).await.expect("read");
    assert_eq!((&whole.bytes, &whole.etag), (&bytes, &put.etag));
    let range = GetOptions { range: Some(2..5), if_match: put.etag.clone(), ..GetOptions::default() };
    let part = client.get_object(&bucket, key, range, soon()).await.expect("read");
    assert_eq!((&part.bytes[..], part.size), (&b"234"[..], bytes.len() as u64));
    let other = GetOptions { if_match: Some("\"other\"".to_owned()), ..GetOptions::default() };
    let error = client.get_object(&bucket, key, other, soon()).await.expect_err("another ETag");
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{error}");
}

/// All keys, by pages of two.
async fn list_all(client: &Client) -> (Vec<String>, usize) {
    let (mut keys, mut pages, mut continuation) = (Vec::new(), 0, None);
    loop {
        let options = ListOptions { continuation, max_keys: Some(2), ..ListOptions::default() };
        let page = client.list_objects(&bucket(), options, soon()).await.expect("a page");
        keys.extend(page.objects.into_iter().map(|object| object.key));
        pages += 1;
        continuation = page.next;
        if continuation.is_none() {
            return (keys, pages);
        }
    }
}

async fn use_objects(client: &Client) {
    for key in KEYS {
        use_one_object(client, key).await;
    }
    let (mut keys, pages) = list_all(client).await;
    keys.sort_unstable();
    let mut expected: Vec<&str> = KEYS.to_vec();
    expected.sort_unstable();
    assert_eq!((keys, pages), (expected.iter().map(|key| (*key).to_owned()).collect(), 4));
    for key in KEYS {
        client.delete_object(&bucket(), key, soon()).await.expect("deleted");
        let error = client.get_object(&bucket(), key, GetOptions::default(), soon()).await.expect_err("gone");
        assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, Some("NoSuchKey")));
        let error = client.head_object(&bucket(), key, soon()).await.expect_err("gone");
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    client.delete_object(&bucket(), "never there", soon()).await.expect("also deleted");
}

#[test]
fn s3_operations_work_against_moto_with_authentication_and_fit_the_models() {
    let (moto, key_id, secret) = start_moto();
    let proxy = Proxy::start(moto.url(), Duration::ZERO).expect("a proxy");
    runtime().block_on(use_objects(&client_at(proxy.url(), &key_id, &secret, None)));
    let recording = proxy.take_recording();
    assert!(recording.calls().iter().all(|call| {
        call.headers.iter().any(|(name, value)| name == "x-amz-expected-bucket-owner" && value == ACCOUNT)
    }));
    let mut operations = std::collections::BTreeSet::new();
    for checked in recording.check_calls().expect("the checker") {
        assert!(checked.problems.is_empty(), "{checked:?}");
        operations.insert(checked.operation);
    }
    let expected = ["s3:DeleteObject", "s3:GetObject", "s3:HeadObject", "s3:ListObjectsV2", "s3:PutObject"];
    assert_eq!(operations.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn s3_with_a_wrong_secret_or_foreign_bucket_is_denied() {
    let (moto, key_id, secret) = start_moto();
    let runtime = runtime();
    for (key_id, secret, code) in [
        (key_id.as_str(), "wrong", "SignatureDoesNotMatch"),
        ("AKIAUNKNOWN000000000", secret.as_str(), "InvalidAccessKeyId"),
    ] {
        let client = client_at(moto.url(), key_id, secret, None);
        let got = runtime.block_on(client.get_object(&bucket(), "k", GetOptions::default(), soon()));
        let error = got.expect_err("refused");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, Some(code)), "{error}");
        let put = runtime.block_on(client.put_object(&bucket(), "k", PutObject::new("x"), soon()));
        assert_eq!(put.expect_err("refused").kind(), ErrorKind::Denied);
    }
    let client = client_at(moto.url(), &key_id, &secret, None);
    let foreign = Bucket::new("another-account");
    let got = runtime.block_on(client.get_object(&foreign, "k", GetOptions::default(), soon()));
    assert_eq!(got.expect_err("refused").kind(), ErrorKind::Denied);
}

#[test]
fn invoke_fits_the_model() {
    let moto = Moto::start().expect("moto");
    let proxy = Proxy::start(moto.url(), Duration::ZERO).expect("a proxy");
    let client = client_at(proxy.url(), "test", "test", None);
    let invoke = Invoke {
        qualifier: Some("7".to_owned()),
        has_log_tail: true,
        ..Invoke::new("shop-dev", r#"{"n":1}"#)
    };
    let invoked = runtime().block_on(client.invoke(invoke, soon())).expect("moto sends the event back");
    assert_eq!(&invoked.payload[..], br#"{"n":1}"#);
    let checked = proxy.take_recording().check_calls().expect("the checker");
    assert_eq!(checked.len(), 1);
    assert_eq!(
        (checked[0].operation.as_str(), checked[0].problems.len()),
        ("lambda:Invoke", 0),
        "{checked:?}"
    );
    let input = &checked[0].input;
    assert_eq!(input["FunctionName"], Value::from("shop-dev"));
    assert_eq!(input["Qualifier"], Value::from("7"));
    assert_eq!(input["LogType"], Value::from("Tail"));
    assert_eq!(input["InvocationType"], Value::from("RequestResponse"));
}
