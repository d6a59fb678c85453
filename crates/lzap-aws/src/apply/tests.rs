//! Plans against a cloud of recorded answers; time is paused, so waits take none.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use lzap_core::event::Event;
use lzap_core::explain::{CommandContext, Explained as _};
use lzap_core::ids::{ApiId, RuleName, StatementId, VersionNumber};
use lzap_core::platform::Architecture;
use lzap_core::resource::Operation;
use lzap_core::resource::alias::AliasOperation;
use lzap_core::resource::artifact::Artifact;
use lzap_core::resource::artifact::ArtifactOperation;
use lzap_core::resource::bucket::BucketOperation;
use lzap_core::resource::event_invoke::EventInvokeOperation;
use lzap_core::resource::front::FrontOperation;
use lzap_core::resource::function::FunctionOperation;
use lzap_core::resource::function::{FunctionConfig, HANDLER, RUNTIME};
use lzap_core::resource::function_url::FunctionUrlOperation;
use lzap_core::resource::http_api::HttpApiOperation;
use lzap_core::resource::log_group::LogGroupOperation;
use lzap_core::resource::permission::Caller;
use lzap_core::resource::permission::PermissionOperation;
use lzap_core::resource::reference::{ApiRef, IntegrationRef, UrlRef, VersionRef};
use lzap_core::resource::rule::RuleOperation;
use lzap_core::resource::version::VersionOperation;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Applied, ApplyError, Site, apply};
use crate::error::{AwsError, Kind};
use crate::testing::{Answer, answering, names, plan_of};

const ROLE_TOO_NEW: Answer = (
    400,
    r#"InvalidParameterValueException|{"Message":"The role defined for the function cannot be assumed by Lambda."}"#,
);
const BROKEN: Answer = (500, r#"InternalFailure|{"Message":"oops"}"#);
const OK: Answer = (200, "{}");

struct Outcome {
    result: Result<Applied, ApplyError>,
    requests: Vec<String>,
    events: Vec<Event>,
}

impl Outcome {
    fn waits(&self) -> Vec<&'static str> {
        let reason = |event: &Event| match event {
            Event::StepWaiting { reason, .. } => Some(*reason),
            _ => None,
        };
        self.events.iter().filter_map(reason).collect()
    }

    fn error(&self) -> &AwsError {
        match &self.result {
            Err(ApplyError::Step { source, .. }) => source,
            other => panic!("a step must fail, not {other:?}"),
        }
    }
}

/// Carries out `calls`, each after the one before.
async fn carry_out(calls: Vec<Operation>, answers: &[Answer]) -> Outcome {
    let plan = plan_of(calls);
    let (clients, requests) = answering(answers);
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let (names, stop) = (names(), CancellationToken::new());
    let site = Site { clients: &clients, names: &names, events: &sender, stop: &stop };
    let mut applied = Applied::default();
    let result = apply(site, &plan, &mut applied).await.map(|()| applied);
    drop(sender);
    let mut events = Vec::new();
    while let Some(event) = receiver.recv().await {
        events.push(event);
    }
    let requests = requests.lock().expect("no test panics here").clone();
    assert_eq!(clients.calls(), requests.len(), "each request is counted, retries included");
    Outcome { result, requests, events }
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
        environment: BTreeMap::from([("TOKEN".to_owned(), "hunter22".to_owned())]),
        workers: None,
    }
}

fn create_function() -> Operation {
    let artifact =
        Artifact { path: PathBuf::new(), sha256: "00".to_owned(), code_sha256: "AA==".to_owned(), bytes: 0 };
    Operation::Function(FunctionOperation::Create { config: config(), artifact, tags: BTreeMap::new() })
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_too_new_is_waited_for() {
    let answers = [ROLE_TOO_NEW, ROLE_TOO_NEW, (201, r#"{"State":"Active"}"#)];
    let outcome = carry_out(vec![create_function()], &answers).await;
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    assert_eq!(outcome.waits(), ["for the new role to be usable"; 2]);
    assert_eq!(outcome.requests.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn create_function_gives_up_after_a_minute_of_unpropagated_role() {
    let began = tokio::time::Instant::now();
    let outcome = carry_out(vec![create_function()], &[ROLE_TOO_NEW]).await;
    let waited = began.elapsed();
    assert!(waited > Duration::from_secs(50) && waited <= Duration::from_mins(1), "{waited:?}");
    assert_eq!(outcome.error().kind(), Kind::RoleNotReady);
    let cause = outcome.error().cause().expect("AWS answered").to_string();
    let expected = "InvalidParameterValueException from lambda:CreateFunction (request 4f1c): \
                    The role defined for the function cannot be assumed by Lambda.";
    assert_eq!(cause, expected);
}

#[tokio::test(start_paused = true)]
async fn any_other_wrong_parameter_is_not_tried_again_and_shows_no_environment() {
    let message = r#"InvalidParameterValueException|{"Message":"Value '{TOKEN=hunter22}' is not allowed"}"#;
    let outcome = carry_out(vec![create_function()], &[(400, message)]).await;
    assert_eq!(outcome.requests.len(), 1);
    let cause = outcome.error().cause().expect("AWS answered").to_string();
    assert!(cause.ends_with("Value '{TOKEN=(hidden)}' is not allowed"), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn an_update_is_waited_for_until_it_took_effect() {
    let answers = [
        (200, r#"{"State":"Active","LastUpdateStatus":"InProgress"}"#),
        (200, r#"{"State":"Active","LastUpdateStatus":"InProgress"}"#),
        (200, r#"{"State":"Active","LastUpdateStatus":"Successful"}"#),
    ];
    let outcome =
        carry_out(vec![Operation::Function(FunctionOperation::UpdateConfiguration(config()))], &answers)
            .await;
    assert!(outcome.result.is_ok());
    assert_eq!(outcome.waits(), ["for Lambda to finish"; 2]);

    let failed = r#"{"State":"Active","LastUpdateStatus":"Failed","LastUpdateStatusReason":"no such key"}"#;
    let outcome = carry_out(
        vec![Operation::Function(FunctionOperation::UpdateConfiguration(config()))],
        &[(200, failed)],
    )
    .await;
    assert_eq!(outcome.error().kind(), Kind::Failed);
    assert!(outcome.error().cause().expect("a reason").to_string().contains("no such key"));
}

#[tokio::test(start_paused = true)]
async fn a_change_under_way_is_waited_for() {
    let busy = r#"ResourceConflictException|{"Message":"An update is in progress for resource: shop-dev"}"#;
    let answers = [(409, busy), (200, r#"{"Version":"7","Timeout":30,"State":"Active"}"#)];
    let publish = Operation::Version(VersionOperation::Publish {
        description: "x".repeat(300),
        code_sha256: "AA==".to_owned(),
    });
    let outcome = carry_out(vec![publish], &answers).await;
    assert_eq!(outcome.result.as_ref().ok().and_then(Applied::version), Some(&VersionNumber::new("7")));
    assert_eq!(outcome.waits(), ["for another change to end"]);
    let request = outcome.requests.last().expect("a request");
    assert!(request.contains(&format!("{:?}", "x".repeat(256))), "AWS takes 256 characters: {request}");
}

#[tokio::test(start_paused = true)]
async fn create_api_is_sent_once() {
    let outcome =
        carry_out(vec![Operation::HttpApi(HttpApiOperation::Create(BTreeMap::new()))], &[BROKEN]).await;
    assert_eq!(outcome.requests.len(), 1, "a second one could make a twin");
    assert_eq!(outcome.error().kind(), Kind::Refused);
}

#[tokio::test(start_paused = true)]
async fn exists_is_success_only_after_a_lost_response() {
    let exists = (409, r#"ResourceConflictException|{"Message":"Alias already exists: shop-dev:live"}"#);
    let create =
        || vec![Operation::Alias(AliasOperation::Create(VersionRef::Known(VersionNumber::new("1"))))];
    let outcome = carry_out(create(), &[exists]).await;
    assert_eq!(outcome.error().kind(), Kind::Exists);
    assert_eq!(outcome.requests.len(), 1);
    let outcome = carry_out(create(), &[BROKEN, exists]).await;
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
}

#[tokio::test(start_paused = true)]
async fn targets_that_failed_are_an_error_although_the_answer_is_200() {
    let answer = r#"{"FailedEntryCount":1,"FailedEntries":[{"TargetId":"live",
        "ErrorCode":"LimitExceededException","ErrorMessage":"too many targets"}]}"#;
    let rule = || RuleName::new("keep-warm");
    for call in [
        Operation::Rule(RuleOperation::PutTarget { rule: rule(), input: "{}".to_owned() }),
        Operation::Rule(RuleOperation::RemoveTargets { rule: rule(), ids: vec!["live".to_owned()] }),
    ] {
        let outcome = carry_out(vec![call], &[(200, answer)]).await;
        assert_eq!(outcome.error().kind(), Kind::Quota, "{:?}", outcome.error());
    }
}

#[tokio::test(start_paused = true)]
async fn deleting_what_is_gone_is_a_success() {
    let gone = (404, r#"ResourceNotFoundException|{"Message":"Function not found: shop-dev"}"#);
    let calls = vec![
        Operation::Permission(PermissionOperation::Remove(StatementId::new("x"))),
        Operation::Function(FunctionOperation::Delete),
        Operation::EventInvoke(EventInvokeOperation::Delete),
        Operation::FunctionUrl(FunctionUrlOperation::Delete),
    ];
    let outcome = carry_out(calls, &[gone]).await;
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    let delete_api = vec![Operation::HttpApi(HttpApiOperation::Delete(ApiId::new("a")))];
    let outcome = carry_out(delete_api, &[gone, (200, r#"{"items":[]}"#)]).await;
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    let delete_rule = vec![Operation::Rule(RuleOperation::Delete(RuleName::new("keep-warm")))];
    let outcome = carry_out(delete_rule, &[gone, (200, r#"{"Rules":[]}"#)]).await;
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
}

/// A deploy that believes it takes the kind from the function's tag, and no later one looks for the resource.
#[tokio::test(start_paused = true)]
async fn not_found_that_a_read_contradicts_is_tried_again() {
    let gone = (404, r#"ResourceNotFoundException|{"Message":"not found"}"#);
    let apis = r#"{"items":[{"apiId":"a","tags":{"lzap:app":"shop","lzap:stage":"dev"}}]}"#;
    let rules = r#"{"Rules":[{"Name":"shop-dev-keep-warm"}]}"#;
    let url = r#"{"FunctionUrl":"https://x.example/","FunctionArn":"a","AuthType":"NONE","CreationTime":"","LastModifiedTime":""}"#;
    let cases = [
        (Operation::HttpApi(HttpApiOperation::Delete(ApiId::new("a"))), apis),
        (Operation::Rule(RuleOperation::Delete(RuleName::new("keep-warm"))), rules),
        (Operation::FunctionUrl(FunctionUrlOperation::Delete), url),
        (Operation::EventInvoke(EventInvokeOperation::Delete), "{}"),
        (Operation::Function(FunctionOperation::Delete), r#"{"Configuration":{}}"#),
    ];
    for (operation, found) in cases {
        let outcome = carry_out(vec![operation.clone()], &[gone, (200, found), OK]).await;
        assert!(outcome.result.is_ok(), "{operation:?}: {:?}", outcome.result);
        assert_eq!(outcome.requests.len(), 3, "deleted, read, deleted: {:?}", outcome.requests);
        assert_eq!(outcome.requests.first(), outcome.requests.last(), "{operation:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_others_use_stays() {
    let full = "<Error><Code>BucketNotEmpty</Code><Message>not empty</Message></Error>";
    let outcome = carry_out(vec![Operation::Bucket(BucketOperation::DeleteIfEmpty)], &[(409, full)]).await;
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    let taken = "<Error><Code>BucketAlreadyExists</Code><Message>taken</Message></Error>";
    let outcome = carry_out(vec![Operation::Bucket(BucketOperation::Create)], &[(409, taken)]).await;
    assert_eq!(outcome.error().kind(), Kind::BucketTaken, "{:?}", outcome.error());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_could_not_be_deleted_is_an_error() {
    let answer = "<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>";
    let outcome = carry_out(
        vec![Operation::Artifact(ArtifactOperation::Delete(vec!["k".to_owned()]))],
        &[(200, answer)],
    )
    .await;
    assert_eq!(outcome.error().kind(), Kind::Denied, "{:?}", outcome.error());
}

#[tokio::test(start_paused = true)]
async fn what_aws_names_is_put_where_the_plan_says() {
    let answers = [
        (201, r#"{"apiId":"abc123","apiEndpoint":"https://abc123.execute-api.eu-central-1.amazonaws.com"}"#),
        (201, r#"{"integrationId":"int456"}"#),
        OK,
    ];
    let calls = vec![
        Operation::HttpApi(HttpApiOperation::Create(BTreeMap::new())),
        Operation::HttpApi(HttpApiOperation::CreateIntegration(ApiRef::Created)),
        Operation::HttpApi(HttpApiOperation::CreateRoute {
            api: ApiRef::Created,
            integration: IntegrationRef::Created,
        }),
        Operation::Permission(PermissionOperation::Add(Caller::Api(ApiRef::Created))),
    ];
    let outcome = carry_out(calls, &answers).await;
    let applied = outcome.result.expect("the plan can be carried out");
    assert_eq!(applied.endpoint(), Some("https://abc123.execute-api.eu-central-1.amazonaws.com"));
    let requests = outcome.requests.join("\n");
    assert!(requests.contains("/v2/apis/abc123/integrations"));
    assert!(requests.contains("function:shop-dev:live"), "the integration is on the alias");
    assert!(requests.contains("integrations/int456"));
    assert!(requests.contains("arn:aws:execute-api:eu-central-1:123456789012:abc123/*/*"));
}

#[tokio::test(start_paused = true)]
async fn failed_step_starts_no_other_and_help_names_the_command() {
    let denied = r#"AccessDeniedException|{"Message":"User: arn:aws:iam::1:user/ci is not authorized to perform: lambda:DeleteFunction on resource: x"}"#;
    let calls = vec![
        Operation::HttpApi(HttpApiOperation::Delete(ApiId::new("a"))),
        Operation::Function(FunctionOperation::Delete),
        Operation::LogGroup(LogGroupOperation::Delete),
    ];
    let outcome = carry_out(calls, &[OK, (403, denied)]).await;
    assert_eq!(outcome.requests.len(), 2);
    let error = outcome.result.expect_err("the second step is denied");
    assert!(matches!(error, ApplyError::Step { done: 1, total: 3, .. }));
    assert_eq!(error.to_string(), "AWS denies lambda:DeleteFunction");
    assert_eq!(error.code(), "lzap::aws::denied");
    let help = error.help(&CommandContext::new("undeploy", Some("dev")));
    assert!(help.ends_with("1 of 3 steps done; `lzap undeploy dev` does the rest"), "{help}");
}

/// A URL that no request can be made of: the network has no part in it, and time is paused.
fn request_front() -> Operation {
    let url = UrlRef::Known("http://a front".to_owned());
    Operation::Front(FrontOperation::Request { url, path: "/".to_owned() })
}

#[tokio::test(start_paused = true)]
async fn a_silent_front_fails_the_plan_after_20_seconds() {
    let began = tokio::time::Instant::now();
    let outcome = carry_out(vec![request_front()], &[OK]).await;
    assert!(matches!(outcome.result, Err(ApplyError::Front { .. })), "{:?}", outcome.result);
    assert!(began.elapsed() >= Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(outcome.waits().contains(&"for the new front to answer"));
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_ends_the_wait_for_a_front() {
    let (clients, _) = answering(&[OK]);
    let (sender, _receiver) = mpsc::unbounded_channel();
    let (names, stop) = (names(), CancellationToken::new());
    let site = Site { clients: &clients, names: &names, events: &sender, stop: &stop };
    let (plan, mut applied) = (plan_of(vec![request_front()]), Applied::default());
    let began = tokio::time::Instant::now();
    let interrupt = async {
        tokio::time::sleep(Duration::from_millis(2500)).await;
        stop.cancel();
    };
    let (result, ()) = tokio::join!(apply(site, &plan, &mut applied), interrupt);
    assert!(matches!(result, Err(ApplyError::Stopped { .. })), "{result:?}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}
