//! What goes out for each operation, and what is made of the answers.

use std::time::{Duration, SystemTime};

use lzap_client::{
    AccountId, Bucket, ErrorKind, GetOptions, InvocationKind, Invoke, ListOptions, PutCondition, PutObject,
};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::stub::{Stub, answer, soon};

/// The bucket of the tests.
fn owned() -> Bucket {
    Bucket::owned_by("bucket", AccountId::parse("123456789012").expect("an account"))
}

/// The first line, and whether the head has these lines.
fn assert_request(request: &str, first: &str, lines: &[&str]) {
    let mut head = request.split("\r\n\r\n").next().unwrap_or_default().lines();
    assert_eq!(head.next(), Some(first), "{request}");
    let head: Vec<&str> = head.collect();
    for line in lines {
        assert!(head.contains(line), "{line} is missing in {request}");
    }
}

#[tokio::test]
async fn invoke_sends_qualifier_kind_and_log_type_and_reads_the_answer() {
    let headers = "x-amz-executed-version: 7\r\nx-amz-function-error: Unhandled\r\nx-amzn-requestid: id-1\r\n\
                   x-amz-log-result: U1RBUlQ=\r\n";
    let stub = Stub::answering(&[answer("200 OK", headers, r#"{"errorType":"x"}"#)]).await;
    let invoke = Invoke {
        qualifier: Some("ä+/1".to_owned()),
        has_log_tail: true,
        trace: Some("Root=1-2;Lineage=3".to_owned()),
        ..Invoke::new("arn:aws:lambda:eu-central-1:123456789012:function:f", r#"{"n":1}"#)
    };
    let invoked = stub.client().invoke(invoke, soon()).await.expect("an answer");
    assert_eq!(invoked.status, 200);
    assert_eq!(&invoked.payload[..], br#"{"errorType":"x"}"#);
    assert_eq!(invoked.function_error.as_deref(), Some("Unhandled"));
    assert_eq!(invoked.log_tail.as_deref(), Some("START"));
    assert_eq!(invoked.executed_version.as_deref(), Some("7"));
    assert_eq!(invoked.request_id.as_deref(), Some("id-1"));
    let request = &stub.requests()[0];
    assert_request(
        request,
        "POST /2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Afunction%3Af/invocations\
         ?Qualifier=%C3%A4%2B%2F1 HTTP/1.1",
        &[
            "x-amz-invocation-type: RequestResponse",
            "x-amz-log-type: Tail",
            "x-amzn-trace-id: Root=1-2;Lineage=3",
        ],
    );
    assert!(request.ends_with(r#"{"n":1}"#));
}

#[tokio::test]
async fn invoke_asynchronously_sends_event() {
    let stub = Stub::answering(&["HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_owned()]).await;
    let invoke = Invoke { kind: InvocationKind::Event, ..Invoke::new("f", "1") };
    assert_eq!(stub.client().invoke(invoke, soon()).await.expect("queued").status, 202);
    let first = "POST /2015-03-31/functions/f/invocations HTTP/1.1";
    assert_request(&stub.requests()[0], first, &["x-amz-invocation-type: Event"]);
}

#[tokio::test]
async fn invoke_refused_tells_kind_code_reason_and_wait_and_is_not_retried() {
    let headers =
        "x-amzn-errortype: TooManyRequestsException\r\nretry-after: 3\r\nx-amzn-requestid: id-2\r\n";
    let body = r#"{"Reason":"CallerRateLimitExceeded","Type":"User","message":"Rate Exceeded."}"#;
    let stub = Stub::answering(&[answer("429 Too Many Requests", headers, body)]).await;
    let error = stub.client().invoke(Invoke::new("f", "1"), soon()).await.expect_err("throttled");
    assert_eq!(
        (error.kind(), error.status(), error.may_have_run()),
        (ErrorKind::Throttled, Some(429), false)
    );
    assert_eq!(error.throttle_reason(), Some("CallerRateLimitExceeded"));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
    assert_eq!(error.operation(), Some("lambda:Invoke"));
    assert_eq!((error.code(), error.request_id()), (Some("TooManyRequestsException"), Some("id-2")));
    assert_eq!(stub.requests().len(), 1);
}

#[tokio::test]
async fn invoke_refused_before_the_whole_request_was_read_is_too_large() {
    let stub = Stub::start(|_, mut stream, _| async move {
        stream.read_exact(&mut [0; 1000]).await?;
        let headers = "x-amzn-errortype: RequestTooLargeException\r\n";
        stream.write_all(answer("413 Payload Too Large", headers, "{}").as_bytes()).await?;
        std::future::pending().await
    })
    .await;
    let client = stub.client();
    for _ in 0..2 {
        let payload = vec![b'1'; 16 * 1024 * 1024];
        let error = client.invoke(Invoke::new("f", payload), soon()).await.expect_err("refused");
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::TooLarge, false), "{error}");
    }
    // Half a request is on the first connection.
    assert_eq!(stub.connections(), 2);
}

#[tokio::test]
async fn invoke_answered_with_more_than_lambda_allows_is_too_large() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_owned();
    let stub = Stub::answering(&[head]).await;
    let error = stub.client().invoke(Invoke::new("f", "1"), soon()).await.expect_err("too large");
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::TooLarge, true));
}

#[tokio::test]
async fn invoke_with_wrong_clock_is_signed_again_with_the_server_s_time() {
    // An hour and a day ahead; only the day is compared.
    let ahead = SystemTime::now() + Duration::from_hours(25);
    let date = aws_smithy_types::DateTime::from(ahead);
    let date = date.fmt(aws_smithy_types::date_time::Format::HttpDate).expect("a date");
    let refused = answer(
        "403 Forbidden",
        &format!("x-amzn-errortype: InvalidSignatureException\r\ndate: {date}\r\n"),
        r#"{"message":"Signature expired"}"#,
    );
    let stub = Stub::answering(&[refused, answer("200 OK", "", "{}")]).await;
    let client = stub.client();
    for _ in 0..2 {
        client.invoke(Invoke::new("f", "1"), soon()).await.expect("an answer");
    }
    let requests = stub.requests();
    let day = |request: &str| {
        let line = request.lines().find_map(|line| line.strip_prefix("x-amz-date: ")).expect("signed");
        line[..8].to_owned()
    };
    assert_eq!(requests.len(), 3);
    assert_ne!(day(&requests[0]), day(&requests[1]));
    assert_eq!(day(&requests[1]), day(&requests[2]), "the next call is right at once");
}

#[tokio::test]
async fn invoke_refused_for_another_signature_is_not_sent_again() {
    let body = r#"{"message":"wrong"}"#;
    let refused = answer("403 Forbidden", "x-amzn-errortype: InvalidSignatureException\r\n", body);
    let stub = Stub::answering(&[refused]).await;
    let error = stub.client().invoke(Invoke::new("f", "1"), soon()).await.expect_err("refused");
    assert_eq!((error.kind(), stub.requests().len()), (ErrorKind::Denied, 1));
}

#[tokio::test]
async fn put_object_sends_checksum_condition_tags_and_owner() {
    let stub = Stub::answering(&[answer("200 OK", "etag: \"e\"\r\n", "")]).await;
    let object = PutObject {
        condition: Some(PutCondition::IfMatch("\"old\"".to_owned())),
        tags: vec![("lzap:keep".to_owned(), "1 d&é".to_owned())],
        content_type: Some("text/csv".to_owned()),
        ..PutObject::new("123456789")
    };
    let put = stub.client().put_object(&owned(), "a b/+%é//../c", object, soon()).await.expect("written");
    assert_eq!(put.etag.as_deref(), Some("\"e\""));
    assert_request(
        &stub.requests()[0],
        "PUT /bucket/a%20b/%2B%25%C3%A9//../c HTTP/1.1",
        &[
            "x-amz-checksum-crc32: y/Q5Jg==",
            "x-amz-sdk-checksum-algorithm: CRC32",
            "x-amz-tagging: lzap%3Akeep=1%20d%26%C3%A9",
            "x-amz-expected-bucket-owner: 123456789012",
            "if-match: \"old\"",
            "content-type: text/csv",
            "content-length: 9",
            "x-amz-content-sha256: 15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
        ],
    );
}

#[tokio::test]
async fn get_object_reads_part_and_size_and_refuses_the_whole() {
    let part = answer("206 Partial Content", "content-range: bytes 2-4/100\r\netag: \"e\"\r\n", "abc");
    let stub = Stub::answering(&[part, answer("200 OK", "", "abc")]).await;
    let client = stub.client();
    let options =
        || GetOptions { range: Some(2..5), if_match: Some("\"e\"".to_owned()), ..GetOptions::default() };
    let object = client.get_object(&owned(), "k", options(), soon()).await.expect("a part");
    assert_eq!((&object.bytes[..], object.size, object.etag.as_deref()), (&b"abc"[..], 100, Some("\"e\"")));
    let lines = ["range: bytes=2-4", "if-match: \"e\"", "x-amz-expected-bucket-owner: 123456789012"];
    assert_request(&stub.requests()[0], "GET /bucket/k HTTP/1.1", &lines);
    let error = client.get_object(&owned(), "k", options(), soon()).await.expect_err("the whole");
    assert_eq!(error.kind(), ErrorKind::Unreadable);
}

#[tokio::test]
async fn get_object_compares_the_checksum() {
    for (checksum, kind) in [("y/Q5Jg==", None), ("AAAAAA==", Some(ErrorKind::Unreadable))] {
        let headers = format!("x-amz-checksum-crc32: {checksum}\r\nx-amz-checksum-type: FULL_OBJECT\r\n");
        let stub = Stub::answering(&[answer("200 OK", &headers, "123456789")]).await;
        let object = stub.client().get_object(&owned(), "k", GetOptions::default(), soon()).await;
        assert_eq!(object.err().map(|error| error.kind()), kind);
        assert_request(&stub.requests()[0], "GET /bucket/k HTTP/1.1", &["x-amz-checksum-mode: ENABLED"]);
    }
}

#[tokio::test]
async fn head_object_tells_denied_from_missing() {
    for (status, kind) in [("403 Forbidden", ErrorKind::Denied), ("404 Not Found", ErrorKind::NotFound)] {
        let stub = Stub::answering(&[format!("HTTP/1.1 {status}\r\nx-amz-request-id: R\r\n\r\n")]).await;
        let error = stub.client().head_object(&owned(), "k", soon()).await.expect_err("refused");
        assert_eq!((error.kind(), error.code(), error.request_id()), (kind, None, Some("R")));
    }
    let found = "HTTP/1.1 200 OK\r\ncontent-length: 5000000000\r\netag: \"e\"\r\n\r\n".to_owned();
    let stub = Stub::answering(&[found]).await;
    let client = stub.client();
    for _ in 0..2 {
        assert_eq!(client.head_object(&owned(), "k", soon()).await.expect("found").size, 5_000_000_000);
    }
    assert_eq!(stub.connections(), 1);
}

#[tokio::test]
async fn delete_object_is_retried_after_slow_down() {
    let slow = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let stub =
        Stub::answering(&[answer("503 Slow Down", "", slow), "HTTP/1.1 204 No Content\r\n\r\n".to_owned()])
            .await;
    stub.client().delete_object(&owned(), "k", soon()).await.expect("deleted");
    assert_eq!(stub.requests().len(), 2);
    assert_eq!(stub.connections(), 1);
}

#[tokio::test]
async fn delete_object_gives_up_after_four_attempts() {
    let stub = Stub::answering(&[answer("500 Internal Server Error", "", "not XML")]).await;
    let error = stub.client().delete_object(&owned(), "k", soon()).await.expect_err("failed");
    assert_eq!((error.kind(), error.code(), stub.requests().len()), (ErrorKind::Unavailable, None, 4));
}

#[tokio::test]
async fn list_objects_sends_options_and_reads_the_page() {
    let body = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>\
                <Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>";
    let stub = Stub::answering(&[answer("200 OK", "", body)]).await;
    let options = ListOptions {
        prefix: Some("a b/".to_owned()),
        delimiter: Some("/".to_owned()),
        continuation: Some("x+/=".to_owned()),
        max_keys: Some(1),
        ..ListOptions::default()
    };
    let page = stub.client().list_objects(&owned(), options, soon()).await.expect("a page");
    assert_eq!((page.objects[0].key.as_str(), page.next.as_deref()), ("a", Some("t")));
    let first = "GET /bucket/?continuation-token=x%2B%2F%3D&delimiter=%2F&encoding-type=url&list-type=2&max-keys=1\
                 &prefix=a%20b%2F HTTP/1.1";
    assert_request(&stub.requests()[0], first, &[]);
}

#[tokio::test]
async fn operations_with_unusable_arguments_send_nothing() {
    let stub = Stub::answering(&[answer("200 OK", "", "")]).await;
    let client = stub.client();
    let empty = GetOptions { range: Some(5..5), ..GetOptions::default() };
    let object = PutObject { content_type: Some("a\r\nb".to_owned()), ..PutObject::new("") };
    for error in [
        client.get_object(&owned(), "", GetOptions::default(), soon()).await.expect_err("no key"),
        client.get_object(&Bucket::new(""), "k", GetOptions::default(), soon()).await.expect_err("no bucket"),
        client.get_object(&owned(), "k", empty, soon()).await.expect_err("no bytes"),
        client.put_object(&owned(), "k", object, soon()).await.expect_err("two lines"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
    assert_eq!(stub.connections(), 0);
}
