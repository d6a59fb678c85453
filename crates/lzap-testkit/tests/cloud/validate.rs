//! The validation of recorded requests accepts valid requests and reports each kind of violation.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use lzap_testkit::{Call, Checked, Recording};

fn call(service: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Call {
    Call {
        service: service.to_owned(),
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        status: 200,
        start: Duration::ZERO,
        end: Duration::ZERO,
    }
}

fn check(calls: Vec<Call>) -> io::Result<Vec<Checked>> {
    Recording::new(calls).check_calls()
}

const ROLE: &str = "arn:aws:iam::123456789012:role/shop";
const PUT_RULE: &[(&str, &str)] = &[("X-Amz-Target", "AWSEvents.PutRule")];
const RETENTION: &[(&str, &str)] = &[("x-amz-target", "Logs_20140328.PutRetentionPolicy")];

#[test]
fn check_calls_accepts_valid_requests_and_names_operations() -> io::Result<()> {
    let function = format!(
        r#"{{"FunctionName":"shop-dev","Role":"{ROLE}","Code":{{"S3Bucket":"lzap-1","S3Key":"a.zip"}},"MemorySize":128,
        "Runtime":"provided.al2023","Handler":"bootstrap","Architectures":["arm64"],"Tags":{{"lzap:app":"shop"}}}}"#
    );
    let access = "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>";
    let role = "Action=CreateRole&Version=2010-05-08&RoleName=shop&AssumeRolePolicyDocument=%7B%7D\
                &Tags.member.1.Key=lzap%3Aapp&Tags.member.1.Value=shop";
    let checked = check(vec![
        call("s3", "PUT", "/lzap-1/a/b.zip?x-id=PutObject", &[("If-None-Match", "*")], "zip"),
        call("s3", "GET", "/lzap-1/?list-type=2&prefix=a%2F", &[], ""),
        call("s3", "PUT", "/lzap-1/?publicAccessBlock", &[], access),
        call("s3", "HEAD", "/lzap-1", &[], ""),
        call("iam", "POST", "/", &[], role),
        call("sts", "POST", "/", &[], "Action=GetCallerIdentity&Version=2011-06-15"),
        call("lambda", "POST", "/2015-03-31/functions", &[], &function),
        call("lambda", "GET", "/2015-03-31/functions/shop-dev/policy?Qualifier=live", &[], ""),
        call("apigateway", "POST", "/v2/apis", &[], r#"{"name":"shop-dev","protocolType":"HTTP"}"#),
        call("events", "POST", "/", PUT_RULE, r#"{"Name":"r","ScheduleExpression":"rate(4 minutes)"}"#),
        call("logs", "POST", "/", RETENTION, r#"{"logGroupName":"/aws/lambda/a","retentionInDays":30}"#),
    ])?;
    let problems: Vec<_> = checked.iter().flat_map(|each| &each.problems).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    let names: Vec<&str> = checked.iter().map(|each| each.operation.as_str()).collect();
    assert_eq!(
        names,
        [
            "s3:PutObject",
            "s3:ListObjectsV2",
            "s3:PutPublicAccessBlock",
            "s3:HeadBucket",
            "iam:CreateRole",
            "sts:GetCallerIdentity",
            "lambda:CreateFunction",
            "lambda:GetPolicy",
            "apigateway:CreateApi",
            "events:PutRule",
            "logs:PutRetentionPolicy",
        ]
    );
    let reads: Vec<bool> = checked.iter().map(Checked::is_read).collect();
    assert_eq!(reads.iter().filter(|read| **read).count(), 4);
    Ok(())
}

/// Pairs of an expected message and an invalid request.
fn invalid_requests() -> Vec<(&'static str, Call)> {
    let long_name = format!("/2015-03-31/functions/{}/code", "x".repeat(200));
    let target = [("X-Amz-Target", "AWSEvents.PutTargets")];
    vec![
        ("required", call("lambda", "POST", "/2015-03-31/functions", &[], r#"{"FunctionName":"a"}"#)),
        ("is above 140", call("lambda", "PUT", &long_name, &[], "{}")),
        (
            "no such member",
            call("apigateway", "POST", "/v2/apis", &[], r#"{"Name":"a","protocolType":"HTTP"}"#),
        ),
        ("is none of", call("apigateway", "POST", "/v2/apis", &[], r#"{"name":"a","protocolType":"TCP"}"#)),
        ("doesn't match", call("events", "POST", "/", PUT_RULE, r#"{"Name":"two words"}"#)),
        ("is below 1", call("events", "POST", "/", &target, r#"{"Rule":"r","Targets":[]}"#)),
        ("no such parameter", call("iam", "POST", "/", &[], "Action=GetRole&RoleName=a&Colour=red")),
        ("doesn't match", call("iam", "POST", "/", &[], "Action=GetRole&RoleName=a%20b")),
        (
            "where integer belongs",
            call("logs", "POST", "/", RETENTION, r#"{"logGroupName":"a","retentionInDays":"9"}"#),
        ),
        ("no such member", call("s3", "PUT", "/b?publicAccessBlock", &[], "<A><Nonsense>1</Nonsense></A>")),
        ("no such parameter", call("lambda", "GET", "/2015-03-31/functions/a?Colour=red", &[], "")),
        ("unreadable", call("lambda", "GET", "/2015-03-31/nothing", &[], "")),
    ]
}

#[test]
fn check_calls_reports_each_kind_of_violation() -> io::Result<()> {
    let cases = invalid_requests();
    let checked = check(cases.iter().map(|(_, call)| call.clone()).collect())?;
    for ((wanted, call), checked) in cases.iter().zip(checked) {
        let found = checked.problems.iter().any(|problem| problem.contains(wanted));
        assert!(found, "`{wanted}` not found for {} {}: {:?}", call.method, call.target, checked.problems);
    }
    Ok(())
}
