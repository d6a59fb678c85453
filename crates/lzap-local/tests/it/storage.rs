//! S3.

use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, CompletedMultipartUpload, CompletedPart, CreateBucketConfiguration, Delete,
    ObjectIdentifier, PublicAccessBlockConfiguration,
};

use crate::cloud::{Cloud, code, s3};

const OWNER: &str = lzap_local::ACCOUNT;

fn in_frankfurt() -> CreateBucketConfiguration {
    CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuCentral1).build()
}

/// A cloud with the bucket `shop` in us-east-1.
async fn with_bucket() -> (Cloud, Client) {
    let cloud = Cloud::start().await;
    let client = s3(&cloud.config("us-east-1").await);
    client.create_bucket().bucket("shop").send().await.expect("a new bucket");
    (cloud, client)
}

async fn put(client: &Client, key: &str, bytes: &'static [u8]) {
    let put = client.put_object().bucket("shop").key(key).body(ByteStream::from_static(bytes));
    put.send().await.expect("an object");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_made_where_its_region_is() {
    let cloud = Cloud::start().await;
    let client = s3(&cloud.config("eu-central-1").await);
    let unspecified = client.create_bucket().bucket("shop").send().await;
    assert_eq!(code!(unspecified), "IllegalLocationConstraintException");
    let create = || client.create_bucket().bucket("shop").create_bucket_configuration(in_frankfurt()).send();
    create().await.expect("a new bucket");
    assert_eq!(code!(create().await), "BucketAlreadyOwnedByYou");
    let head = client.head_bucket().bucket("shop").send().await.expect("it is there");
    assert_eq!(head.bucket_region(), Some("eu-central-1"));

    let client = s3(&cloud.config("us-east-1").await);
    let elsewhere = client.head_bucket().bucket("shop").send().await.expect_err("another region");
    let headers = elsewhere.raw_response().expect("an answer").headers();
    assert_eq!(headers.get("x-amz-bucket-region"), Some("eu-central-1"));
    client.create_bucket().bucket("shop-us").send().await.expect("a new bucket");
    client.create_bucket().bucket("shop-us").send().await.expect("in us-east-1 a second create is fine");
    let missing = client.head_bucket().bucket("nobodys").send().await.expect_err("no such bucket");
    assert!(missing.into_service_error().is_not_found());
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_of_another_owner_is_refused() {
    let (cloud, client) = with_bucket().await;
    client.head_bucket().bucket("shop").expected_bucket_owner(OWNER).send().await.expect("it is ours");
    let head = client.head_bucket().bucket("shop").expected_bucket_owner("111111111111").send().await;
    let head = head.expect_err("another owner");
    assert_eq!(head.raw_response().expect("an answer").status().as_u16(), 403);
    let put = client.put_object().bucket("shop").key("k").expected_bucket_owner("111111111111");
    assert_eq!(code!(put.body(ByteStream::from_static(b"x")).send().await), "AccessDenied");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_bucket_is_private_and_encrypted() {
    let (cloud, client) = with_bucket().await;
    let block = client.get_public_access_block().bucket("shop").send().await.expect("it has one");
    let block = block.public_access_block_configuration();
    assert_eq!(block.and_then(PublicAccessBlockConfiguration::block_public_acls), Some(true));
    client.get_bucket_encryption().bucket("shop").send().await.expect("it has one");
    assert_eq!(code!(client.get_bucket_tagging().bucket("shop").send().await), "NoSuchTagSet");
    let lifecycle = client.get_bucket_lifecycle_configuration().bucket("shop").send().await;
    assert_eq!(code!(lifecycle), "NoSuchLifecycleConfiguration");
    cloud.stop().await;
}

/// The SDK streams a file in `aws-chunked` form, with a checksum behind it.
async fn upload(client: &Client, file: &Path) -> Result<(), String> {
    let body = ByteStream::from_path(file).await.expect("the file is there");
    let put = client.put_object().bucket("shop").key("a+b/ü.zip").if_none_match("*");
    match put.metadata("k", "v").body(body).send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.into_service_error().meta().code().unwrap_or_default().to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_upload_arrives_without_its_chunks_and_survives_a_restart() {
    let (mut cloud, client) = with_bucket().await;
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| u8::try_from(n % 251).expect("small")).collect();
    let file = cloud.dir.path().join("upload");
    fs_err::write(&file, &bytes).expect("a file");
    assert_eq!(upload(&client, &file).await, Ok(()));
    assert_eq!(upload(&client, &file).await, Err("PreconditionFailed".to_owned()));

    cloud.restart().await;
    let client = s3(&cloud.config("us-east-1").await);
    let head = client.head_object().bucket("shop").key("a+b/ü.zip").send().await.expect("it is there");
    assert_eq!(head.content_length(), i64::try_from(bytes.len()).ok());
    assert_eq!(head.metadata().and_then(|metadata| metadata.get("k")).map(String::as_str), Some("v"));
    let got = client.get_object().bucket("shop").key("a+b/ü.zip").send().await.expect("it is there");
    assert_eq!(got.body.collect().await.expect("all of it").into_bytes(), bytes);
    let listed = client.list_objects_v2().bucket("shop").prefix("a+b/").send().await.expect("a list");
    assert_eq!(listed.contents()[0].key(), Some("a+b/ü.zip"));
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_goes_when_it_is_empty_even_after_a_restart() {
    let (mut cloud, client) = with_bucket().await;
    put(&client, "k", b"first").await;
    put(&client, "k", b"second").await;
    cloud.restart().await;
    let client = s3(&cloud.config("us-east-1").await);
    assert_eq!(code!(client.delete_bucket().bucket("shop").send().await), "BucketNotEmpty");
    client.delete_object().bucket("shop").key("k").send().await.expect("deleted");
    let missing = client.get_object().bucket("shop").key("k").send().await.expect_err("it is gone");
    assert!(missing.into_service_error().is_no_such_key());
    client.delete_bucket().bucket("shop").send().await.expect("an empty bucket goes");
    cloud.restart().await;
    let client = s3(&cloud.config("us-east-1").await);
    let buckets = client.list_buckets().send().await.expect("a list");
    assert_eq!(buckets.buckets(), []);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_conditional_puts_one_wins() {
    let (cloud, client) = with_bucket().await;
    let puts = (0..20).map(|n| {
        let put = client.put_object().bucket("shop").key("lock").if_none_match("*");
        put.body(ByteStream::from(vec![n; 100])).send()
    });
    let won = futures::future::join_all(puts).await.into_iter().flatten().count();
    assert_eq!(won, 1);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_become_one_object() {
    let (cloud, client) = with_bucket().await;
    let upload = client.create_multipart_upload().bucket("shop").key("big").send().await.expect("an upload");
    let upload = upload.upload_id().expect("an id");
    let mut parts = CompletedMultipartUpload::builder();
    for number in 1..=2 {
        let part = client.upload_part().bucket("shop").key("big").upload_id(upload).part_number(number);
        let part = part.body(ByteStream::from(vec![0; 5 << 20])).send().await.expect("a part");
        let tag = part.e_tag().expect("a tag");
        parts = parts.parts(CompletedPart::builder().part_number(number).e_tag(tag).build());
    }
    let complete = client.complete_multipart_upload().bucket("shop").key("big").upload_id(upload);
    complete.multipart_upload(parts.build()).send().await.expect("completed");
    let head = client.head_object().bucket("shop").key("big").send().await.expect("it is there");
    assert_eq!(head.content_length(), Some(10 << 20));
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages_and_many_objects_go_at_once() {
    let (cloud, client) = with_bucket().await;
    let keys = ["k0", "k1", "k2", "ö3", "語4"];
    for key in keys {
        put(&client, key, b"x").await;
    }
    let mut pages = client.list_objects_v2().bucket("shop").max_keys(2).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.expect("a page");
        assert!(page.contents().len() <= 2);
        found.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
    }
    assert_eq!(found, keys);
    let mut delete = Delete::builder();
    for key in keys {
        delete = delete.objects(ObjectIdentifier::builder().key(key).build().expect("a key"));
    }
    let delete = delete.build().expect("objects");
    client.delete_objects().bucket("shop").delete(delete).send().await.expect("deleted");
    client.delete_bucket().bucket("shop").send().await.expect("an empty bucket goes");
    cloud.stop().await;
}

/// A header of `PutObject`, not a call of its own: what lets an object expire is there with it.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_has_the_tags_that_it_was_put_with() {
    let (cloud, client) = with_bucket().await;
    let put = client.put_object().bucket("shop").key("jobs/a b.json").body(ByteStream::from_static(b"{}"));
    put.tagging("lzap%3Akeep=7d&who=a%26b").send().await.expect("an object");
    let tags = client.get_object_tagging().bucket("shop").key("jobs/a b.json").send().await.expect("tags");
    let mut found: Vec<(&str, &str)> = tags.tag_set().iter().map(|tag| (tag.key(), tag.value())).collect();
    found.sort_unstable();
    assert_eq!(found, [("lzap:keep", "7d"), ("who", "a&b")]);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_differ_in_slashes_are_different_objects_after_a_restart_too() {
    const KEYS: [&str; 6] = ["a", "a/", "a//", "a/b", "a//b", "=/b"];
    let (mut cloud, client) = with_bucket().await;
    for key in KEYS {
        let put = client.put_object().bucket("shop").key(key);
        put.body(key.as_bytes().to_vec().into()).send().await.expect("an object");
    }
    for restarted in [false, true] {
        if restarted {
            cloud.restart().await;
        }
        let client = s3(&cloud.config("us-east-1").await);
        for key in KEYS {
            let object = client.get_object().bucket("shop").key(key).send().await.expect(key);
            let bytes = object.body.collect().await.expect("all of it").into_bytes();
            assert_eq!(bytes, key.as_bytes(), "{key}, restarted: {restarted}");
        }
    }
    cloud.stop().await;
}
