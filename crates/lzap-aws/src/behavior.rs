//! Tests of AWS's real behavior, one for each peculiarity that no other test shows: recorded responses, paused time.
//!
//! `docs/aws-behaviour.md` is the whole list, with the test for each line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use lzap_core::explain::{CommandContext, Explained as _};
use lzap_core::history::Direction;
use lzap_core::ids::{RuleName, StatementId, VersionNumber};
use lzap_core::names::{Names, TAG_APP, TAG_STAGE};
use lzap_core::platform::Architecture;
use lzap_core::resource::Operation;
use lzap_core::resource::alias::AliasOperation;
use lzap_core::resource::artifact::Artifact;
use lzap_core::resource::artifact::ArtifactOperation;
use lzap_core::resource::bucket::BucketOperation;
use lzap_core::resource::function::FunctionOperation;
use lzap_core::resource::function::{FunctionConfig, HANDLER, RUNTIME};
use lzap_core::resource::http_api::HttpApiOperation;
use lzap_core::resource::log_group::LogGroupOperation;
use lzap_core::resource::permission::Caller;
use lzap_core::resource::permission::PermissionOperation;
use lzap_core::resource::reference::VersionRef;
use lzap_core::resource::role::RoleOperation;
use lzap_core::resource::version::VersionOperation;

use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::apply::{Applied, ApplyError, Site, apply};
use crate::error::{AwsError, Kind};
use crate::resource::bucket::get_public_access_block;
use crate::resource::function::get_function;
use crate::resource::http_api::list_apis;
use crate::resource::role::get_role;
use crate::resource::version::list_versions;
use crate::testing::{Answer, answering, names, plan_of};

/// Carries out `calls`, each after the one before; and what was asked.
async fn carry_out(calls: Vec<Operation>, answers: &[Answer]) -> (Result<Applied, ApplyError>, Vec<String>) {
    carry_out_as(&names(), calls, answers).await
}

/// The same under other names, for behavior that differs between regions.
async fn carry_out_as(
    names: &Names,
    calls: Vec<Operation>,
    answers: &[Answer],
) -> (Result<Applied, ApplyError>, Vec<String>) {
    let plan = plan_of(calls);
    let (clients, requests) = answering(answers);
    let (sender, _receiver) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let site = Site { clients: &clients, names, events: &sender, stop: &stop };
    let mut applied = Applied::default();
    let result = apply(site, &plan, &mut applied).await.map(|()| applied);
    let requests = requests.lock().expect("no test panics here").clone();
    (result, requests)
}

/// An artifact whose content doesn't matter: the cloud of these tests is a list of answers.
fn artifact() -> Artifact {
    Artifact { path: PathBuf::new(), sha256: "00".to_owned(), code_sha256: "AA==".to_owned(), bytes: 0 }
}

fn config() -> FunctionConfig {
    FunctionConfig {
        role_arn: names().role_arn(),
        runtime: RUNTIME.to_owned(),
        handler: HANDLER.to_owned(),
        architecture: Architecture::Arm64,
        memory_mb: 256,
        timeout_secs: 30,
        ephemeral_storage_mb: 512,
        environment: BTreeMap::new(),
        workers: None,
    }
}

fn publish() -> Operation {
    Operation::Version(VersionOperation::Publish {
        description: "1".to_owned(),
        code_sha256: "AA==".to_owned(),
    })
}

// Lambda

/// Lambda refuses to publish a function that is `Pending`: `PublishVersion` must come after the wait. A
/// function that becomes `Failed` ends the deploy with Lambda's reason.
#[tokio::test(start_paused = true)]
async fn a_new_function_is_pending_until_it_is_active() {
    let create = Operation::Function(FunctionOperation::Create {
        config: config(),
        artifact: artifact(),
        tags: BTreeMap::new(),
    });
    let pending = (201, r#"{"State":"Pending","StateReasonCode":"Creating"}"#);
    let still = (200, r#"{"State":"Pending","StateReasonCode":"Creating"}"#);
    let active = (200, r#"{"State":"Active","LastUpdateStatus":"Successful"}"#);
    let version = (201, r#"{"Version":"1","Timeout":30,"State":"Active"}"#);
    let (result, requests) =
        carry_out(vec![create.clone(), publish()], &[pending, still, active, version]).await;
    assert!(result.is_ok(), "{result:?}");
    let waited = requests.iter().filter(|request| request.contains("/configuration")).count();
    assert_eq!(waited, 2, "nothing is published before: {requests:#?}");

    let failed = r#"{"State":"Failed","StateReasonCode":"InternalError","StateReason":"no capacity"}"#;
    let (result, _) = carry_out(vec![create], &[pending, (200, failed)]).await;
    assert_eq!(step_error(&result).kind(), Kind::Failed, "{result:?}");
    assert!(step_error(&result).cause().is_some_and(|cause| cause.message().contains("no capacity")));
}

/// The second of two writes would get a 409 while the first one is `InProgress`.
#[tokio::test(start_paused = true)]
async fn configuration_and_code_settle_one_before_the_other() {
    let calls = vec![
        Operation::Function(FunctionOperation::UpdateConfiguration(config())),
        Operation::Function(FunctionOperation::UpdateCode {
            artifact: artifact(),
            architecture: config().architecture,
        }),
    ];
    let under_way = (200, r#"{"State":"Active","LastUpdateStatus":"InProgress"}"#);
    let settled = (200, r#"{"State":"Active","LastUpdateStatus":"Successful"}"#);
    let (result, requests) = carry_out(calls, &[under_way, settled, settled]).await;
    assert!(result.is_ok(), "{result:?}");
    let methods: Vec<&str> = requests.iter().filter_map(|request| request.split(' ').next()).collect();
    assert_eq!(methods, ["PUT", "GET", "PUT"], "{requests:#?}");
}

/// Without a change Lambda gives no new number, and that is no error.
#[tokio::test(start_paused = true)]
async fn publishing_what_is_published_already_answers_with_the_old_version() {
    let (result, _) = carry_out(vec![publish()], &[(201, r#"{"Version":"3","Timeout":30}"#)]).await;
    assert_eq!(result.expect("no error").version(), Some(&VersionNumber::new("3")));
}

/// Without the hash in the request, Lambda would publish the other deploy's code.
#[tokio::test(start_paused = true)]
async fn code_that_another_deploy_changed_is_not_published() {
    let other = r#"InvalidParameterValueException|{"Message":"CodeSHA256 (AA==) is different from current CodeSHA256 in $LATEST (Yg==)."}"#;
    let (result, requests) = carry_out(vec![publish()], &[(400, other)]).await;
    assert_eq!(step_error(&result).kind(), Kind::Overtaken, "{result:?}");
    assert!(requests[0].contains(r#""CodeSha256":"AA==""#), "{requests:?}");
}

/// A permission of the function's own ARN isn't checked for calls of the alias.
#[tokio::test(start_paused = true)]
async fn a_permission_belongs_to_the_alias() {
    let calls = vec![
        Operation::Permission(PermissionOperation::Add(Caller::Rule(RuleName::new("keep-warm")))),
        Operation::Permission(PermissionOperation::Remove(StatementId::new("x"))),
    ];
    let (result, requests) = carry_out(calls, &[(201, "{}"), (204, "")]).await;
    assert!(result.is_ok(), "{result:?}");
    assert!(requests.iter().all(|request| request.contains("Qualifier=live")), "{requests:#?}");
}

/// A role that was deleted and created again has another id, and the key's grant names the old one. The
/// call is repeated for a while, as for a new role; then the help has the command that makes a new grant.
#[tokio::test(start_paused = true)]
async fn kms_denied_after_role_recreation_names_the_fix() {
    let denied =
        r#"KMSAccessDeniedException|{"Message":"Lambda was unable to decrypt the environment variables"}"#;
    let version = (201, r#"{"Version":"1","Timeout":30,"State":"Active"}"#);
    let probe = Operation::Version(VersionOperation::Probe {
        version: VersionRef::Published,
        tasks: BTreeSet::new(),
        health_path: None,
    });
    let (result, requests) = carry_out(vec![publish(), probe], &[version, (502, denied)]).await;
    assert_eq!(step_error(&result).kind(), Kind::KmsDenied, "{result:?}");
    assert!(requests.len() > 3, "the grant of a new role takes a while: it is waited for");
    let help = step_error(&result).help(&CommandContext::new("deploy", Some("dev")));
    assert!(help.contains("update-function-configuration"), "{help}");
}

/// A missing permission must not look like a missing function, which a deploy would create.
#[tokio::test]
async fn get_function_403_is_an_error_and_404_is_none() {
    let denied =
        r#"AccessDeniedException|{"Message":"User: x is not authorized to perform: lambda:GetFunction"}"#;
    let (clients, _) = answering(&[(403, denied)]);
    let error = get_function(&clients, &names()).await.expect_err("it is denied");
    assert_eq!(error.kind(), Kind::Denied, "{error:?}");
    let gone = r#"ResourceNotFoundException|{"Message":"Function not found"}"#;
    let (clients, _) = answering(&[(404, gone)]);
    assert_eq!(get_function(&clients, &names()).await.expect("no error"), None);
}

/// A list without its second page would make a deploy miscount the versions to keep. Numbers are sorted as
/// numbers.
#[tokio::test]
async fn versions_come_in_pages() {
    let first = (200, r#"{"NextMarker":"more","Versions":[{"Version":"$LATEST"},{"Version":"10"}]}"#);
    let second = (200, r#"{"Versions":[{"Version":"9"}]}"#);
    let (clients, requests) = answering(&[first, second]);
    let versions = list_versions(&clients, &names()).await.expect("no error");
    let numbers: Vec<&str> = versions.iter().map(|version| version.number.as_str()).collect();
    assert_eq!(numbers, ["9", "10"], "by number, oldest first");
    assert!(requests.lock().expect("no test panics here")[1].contains("Marker=more"));
}

// API Gateway

/// Names of APIs aren't unique, so one of the same name can belong to another program.
#[tokio::test(start_paused = true)]
async fn apis_come_in_pages_and_only_tags_tell_whose_they_are() {
    let tags = json!({ TAG_APP: "shop", TAG_STAGE: "dev" });
    let first: &'static str =
        json!({"nextToken": "more", "items": [{"apiId": "theirs", "name": "shop-dev"}]}).to_string().leak();
    let second: &'static str = json!({"items": [{"apiId": "ours", "tags": tags}]}).to_string().leak();
    let (clients, requests) = answering(&[(200, first), (200, second)]);
    let apis = list_apis(&clients, &names()).await.expect("no error");
    assert_eq!(apis.iter().map(|api| api.id.as_str()).collect::<Vec<_>>(), ["ours"]);
    assert!(requests.lock().expect("no test panics here")[1].contains("nextToken=more"));
}

/// The control API takes about ten requests a second; a throttled `CreateApi` has created nothing.
#[tokio::test(start_paused = true)]
async fn a_throttled_control_api_is_waited_for() {
    let throttled = (429, r#"TooManyRequestsException|{"message":"Too Many Requests"}"#);
    let api = (201, r#"{"apiId":"a","apiEndpoint":"https://a"}"#);
    let (result, requests) = carry_out(
        vec![Operation::HttpApi(HttpApiOperation::Create(BTreeMap::new()))],
        &[throttled, throttled, api],
    )
    .await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(requests.len(), 3, "rejected before anything was made, so that even this one is sent again");
}

// IAM

/// IAM is eventually consistent, also for its own next call.
#[tokio::test(start_paused = true)]
async fn a_role_just_made_may_not_be_seen_yet() {
    let unseen =
        "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>no</Message></Error></ErrorResponse>";
    let done = "<PutRolePolicyResponse/>";
    let (result, requests) = carry_out(
        vec![Operation::Role(RoleOperation::PutPolicy(json!({})))],
        &[(404, unseen), (404, unseen), (200, done)],
    )
    .await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(requests.len(), 3);
}

/// Policies that someone attached after the role was observed are not lzap's to remove.
#[tokio::test(start_paused = true)]
async fn delete_role_conflict_keeps_the_role_and_names_the_reason() {
    let conflict = "<ErrorResponse><Error><Code>DeleteConflict</Code><Message>Cannot delete entity, must detach all \
                    policies first.</Message></Error></ErrorResponse>";
    let (result, _) = carry_out(vec![Operation::Role(RoleOperation::Delete)], &[(409, conflict)]).await;
    assert!(
        step_error(&result).cause().is_some_and(|cause| cause.message().contains("detach")),
        "{result:?}"
    );
}

/// A first deploy finds no role, and must plan one.
#[tokio::test]
async fn a_missing_role_is_none() {
    let none = "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>no</Message></Error></ErrorResponse>";
    let (clients, _) = answering(&[(404, none)]);
    assert_eq!(get_role(&clients, &names()).await.expect("no error"), None);
}

// S3

/// Two stages of an account may create their common bucket at the same time. us-east-1 is the only region
/// that refuses its own name as a location.
#[tokio::test(start_paused = true)]
async fn create_bucket_accepts_own_bucket_and_omits_us_east_1_location() {
    let ours = "<Error><Code>BucketAlreadyOwnedByYou</Code><Message>yours</Message></Error>";
    let (result, requests) =
        carry_out(vec![Operation::Bucket(BucketOperation::Create)], &[(409, ours)]).await;
    assert!(result.is_ok(), "{result:?}");
    assert!(requests[0].contains("<LocationConstraint>eu-central-1<"), "{requests:?}");
    let mut american = names();
    american.place.region = "us-east-1".to_owned();
    let (result, requests) =
        carry_out_as(&american, vec![Operation::Bucket(BucketOperation::Create)], &[(200, "")]).await;
    assert!(result.is_ok(), "{result:?}");
    assert!(!requests[0].contains("LocationConstraint"), "{requests:?}");
}

/// S3 answers this for some time after a bucket of the same name was deleted.
#[tokio::test(start_paused = true)]
async fn create_bucket_repeats_after_operation_aborted() {
    let aborted = "<Error><Code>OperationAborted</Code><Message>in progress</Message></Error>";
    let (result, requests) = carry_out(
        vec![Operation::Bucket(BucketOperation::Create)],
        &[(409, aborted), (409, aborted), (200, "")],
    )
    .await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(requests.len(), 3);
}

/// A bucket that another account created under lzap's name must not receive code, nor settings.
#[tokio::test(start_paused = true)]
async fn a_bucket_of_another_account_is_refused_whatever_is_asked_of_it() {
    let calls = vec![
        Operation::Bucket(BucketOperation::Tag),
        Operation::Bucket(BucketOperation::BlockPublicAccess),
        Operation::Bucket(BucketOperation::Encrypt),
        Operation::Bucket(BucketOperation::PutLifecycle),
        Operation::Artifact(ArtifactOperation::Delete(vec!["k".to_owned()])),
        Operation::Bucket(BucketOperation::DeleteIfEmpty),
    ];
    let squatted = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    for call in calls {
        let (result, requests) = carry_out(vec![call], &[(403, squatted)]).await;
        assert!(matches!(step_error(&result).kind(), Kind::BucketTaken | Kind::Denied), "{result:?}");
        assert_eq!(requests.len(), 1, "nothing makes it right to ask again: {requests:?}");
    }
    let (clients, _) = answering(&[(403, squatted)]);
    let error = get_public_access_block(&clients, &names()).await.expect_err("it is not ours");
    assert_eq!(error.kind(), Kind::BucketTaken, "{error:?}");
}

// CloudWatch Logs

/// Lambda creates the group at a first invocation, and without retention: it is set nevertheless.
#[tokio::test(start_paused = true)]
async fn a_log_group_that_lambda_made_first_is_fine() {
    let exists = r#"{"__type":"ResourceAlreadyExistsException","message":"it exists"}"#;
    let calls = vec![
        Operation::LogGroup(LogGroupOperation::Create(BTreeMap::new())),
        Operation::LogGroup(LogGroupOperation::PutRetention(30)),
    ];
    let (result, requests) = carry_out(calls, &[(400, exists), (200, "{}")]).await;
    assert!(result.is_ok(), "{result:?}");
    assert!(requests[1].contains(r#""retentionInDays":30"#), "{requests:?}");
}

// Lost responses

/// The SDK repeats the call after a 500. The same write once more changes nothing.
#[tokio::test(start_paused = true)]
async fn the_alias_is_moved_once_however_often_the_answer_is_lost() {
    let lost = (500, r#"ServiceException|{"Message":"internal"}"#);
    let call = Operation::Alias(AliasOperation::Update {
        version: VersionRef::Known(VersionNumber::new("2")),
        canary: None,
        live: VersionNumber::new("1"),
        description: String::new(),
        direction: Direction::Forward,
    });
    let (result, requests) = carry_out(vec![call], &[lost, lost, (200, "{}")]).await;
    assert_eq!(result.expect("no error").version(), Some(&VersionNumber::new("2")));
    assert!(requests.windows(2).all(|pair| pair[0] == pair[1]), "the same write: {requests:#?}");
}

/// Returns AWS's error of the step that failed.
fn step_error(result: &Result<Applied, ApplyError>) -> &AwsError {
    match result {
        Err(ApplyError::Step { source, .. }) => source,
        other => panic!("a step must fail, not {other:?}"),
    }
}
