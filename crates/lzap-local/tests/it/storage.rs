//! S3.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, CompletedMultipartUpload, CompletedPart, CreateBucketConfiguration, Delete,
    ObjectIdentifier,
};

use crate::cloud::{Cloud, code, s3};

const OWNER: &str = lzap_local::ACCOUNT;

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_lives_in_its_region_and_belongs_to_its_owner() {
    let cloud = Cloud::start().await;
    let (eu, us) = (s3(&cloud.config("eu-central-1").await), s3(&cloud.config("us-east-1").await));
    let here = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuCentral1).build();
    let create = || eu.create_bucket().bucket("shop").create_bucket_configuration(here.clone()).send();

    assert_eq!(code!(eu.create_bucket().bucket("shop").send().await), "IllegalLocationConstraintException");
    create().await.expect("a new bucket");
    assert_eq!(code!(create().await), "BucketAlreadyOwnedByYou");
    us.create_bucket().bucket("shop-us").send().await.expect("a new bucket");
    us.create_bucket().bucket("shop-us").send().await.expect("in us-east-1 a second create is fine");

    let head = eu.head_bucket().bucket("shop").expected_bucket_owner(OWNER).send().await.expect("it is there");
    assert_eq!(head.bucket_region(), Some("eu-central-1"));
    let squatted = eu.head_bucket().bucket("shop").expected_bucket_owner("111111111111").send().await;
    assert_eq!(squatted.expect_err("another owner").raw_response().expect("an answer").status().as_u16(), 403);
    let put = eu.put_object().bucket("shop").key("k").body(ByteStream::from_static(b"x"));
    assert_eq!(code!(put.expected_bucket_owner("111111111111").send().await), "AccessDenied");
    let missing = eu.head_bucket().bucket("nobodys").send().await.expect_err("no such bucket").into_service_error();
    assert!(missing.is_not_found());
    let elsewhere = us.head_bucket().bucket("shop").send().await.expect_err("another region");
    assert_eq!(elsewhere.raw_response().expect("an answer").headers().get("x-amz-bucket-region"), Some("eu-central-1"));

    let block = eu.get_public_access_block().bucket("shop").send().await.expect("new buckets have one");
    assert_eq!(block.public_access_block_configuration().and_then(|block| block.block_public_acls()), Some(true));
    eu.get_bucket_encryption().bucket("shop").send().await.expect("new buckets are encrypted");
    assert_eq!(code!(eu.get_bucket_tagging().bucket("shop").send().await), "NoSuchTagSet");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_upload_arrives_without_its_chunks_and_survives_a_restart() {
    let mut cloud = Cloud::start().await;
    let client = s3(&cloud.config("us-east-1").await);
    client.create_bucket().bucket("shop").send().await.expect("a new bucket");
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| u8::try_from(n % 251).expect("small")).collect();
    let file = cloud.dir.path().join("upload");
    fs_err::write(&file, &bytes).expect("a file");
    let put = || async {
        let body = ByteStream::from_path(&file).await.expect("the file is there");
        client.put_object().bucket("shop").key("a+b/ü.zip").if_none_match("*").metadata("k", "v").body(body).send().await
    };
    put().await.expect("a new object");
    assert_eq!(code!(put().await), "PreconditionFailed");

    cloud.restart().await;
    let client = s3(&cloud.config("us-east-1").await);
    let head = client.head_object().bucket("shop").key("a+b/ü.zip").send().await.expect("it is there");
    assert_eq!(head.content_length(), i64::try_from(bytes.len()).ok());
    assert_eq!(head.metadata().and_then(|metadata| metadata.get("k")).map(String::as_str), Some("v"));
    let got = client.get_object().bucket("shop").key("a+b/ü.zip").send().await.expect("it is there");
    assert_eq!(got.body.collect().await.expect("all of it").into_bytes(), bytes);
    let listed = client.list_objects_v2().bucket("shop").prefix("a+b/").send().await.expect("a list");
    assert_eq!(listed.contents()[0].key(), Some("a+b/ü.zip"));
    let missing = client.get_object().bucket("shop").key("nope").send().await.expect_err("no such key");
    assert!(missing.into_service_error().is_no_such_key());

    assert_eq!(code!(client.delete_bucket().bucket("shop").send().await), "BucketNotEmpty");
    client.delete_object().bucket("shop").key("a+b/ü.zip").send().await.expect("deleted");
    client.delete_bucket().bucket("shop").send().await.expect("an empty bucket goes");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_conditional_puts_one_wins() {
    let cloud = Cloud::start().await;
    let client = s3(&cloud.config("us-east-1").await);
    client.create_bucket().bucket("shop").send().await.expect("a new bucket");
    let puts = (0..20).map(|n| {
        let put = client.put_object().bucket("shop").key("lock").if_none_match("*");
        put.body(ByteStream::from(vec![n; 100])).send()
    });
    let won = futures::future::join_all(puts).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(won, 1);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_lists_and_mass_deletion() {
    let cloud = Cloud::start().await;
    let client = s3(&cloud.config("us-east-1").await);
    client.create_bucket().bucket("shop").send().await.expect("a new bucket");
    let upload = client.create_multipart_upload().bucket("shop").key("big").send().await.expect("an upload");
    let upload = upload.upload_id().expect("an id");
    let mut parts = Vec::new();
    for number in 1..=2 {
        let body = ByteStream::from(vec![0; 5 * 1024 * 1024]);
        let part = client.upload_part().bucket("shop").key("big").upload_id(upload).part_number(number).body(body);
        let tag = part.send().await.expect("a part").e_tag().expect("a tag").to_owned();
        parts.push(CompletedPart::builder().part_number(number).e_tag(tag).build());
    }
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = client.complete_multipart_upload().bucket("shop").key("big").upload_id(upload);
    complete.multipart_upload(parts).send().await.expect("completed");
    for n in 0..5 {
        let body = ByteStream::from_static(b"x");
        client.put_object().bucket("shop").key(format!("k{n}")).body(body).send().await.expect("an object");
    }

    let mut pages = client.list_objects_v2().bucket("shop").max_keys(2).into_paginator().send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.expect("a page");
        assert!(page.contents().len() <= 2);
        keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
    }
    assert_eq!(keys, ["big", "k0", "k1", "k2", "k3", "k4"]);
    let all = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build().expect("a key")).collect();
    let delete = Delete::builder().set_objects(Some(all)).build().expect("objects");
    client.delete_objects().bucket("shop").delete(delete).send().await.expect("deleted");
    client.delete_bucket().bucket("shop").send().await.expect("an empty bucket goes");
    cloud.stop().await;
}
