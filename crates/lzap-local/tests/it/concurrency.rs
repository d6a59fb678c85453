//! The account's limit and a function's reservation, as an SDK client meets them: refused before anything runs, with
//! AWS's reasons.

use std::time::Duration;

use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::operation::invoke::InvokeError;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    DestinationConfig, FunctionCode, InvocationType, OnFailure, Runtime, ThrottleReason,
};

use crate::cloud::{Cloud, code};
use crate::gateway::{create_function, zip};

const SLOW: &str = r#"{"rawPath":"/slow"}"#;

/// Clients of a cloud with this limit, with a function in it; the client itself tries nothing again.
async fn deployed(limit: u32) -> (Cloud, aws_sdk_lambda::Client) {
    let cloud = Cloud::limited(Some(limit)).await;
    let config = cloud.config("eu-central-1").await;
    let once = aws_sdk_lambda::config::Builder::from(&config).retry_config(RetryConfig::disabled());
    let lambda = aws_sdk_lambda::Client::from_conf(once.build());
    create_function(&aws_sdk_iam::Client::new(&config), &lambda).await;
    (cloud, lambda)
}

/// What an invocation was refused with, and when to try again; `None` when it ran.
async fn refusal(lambda: &aws_sdk_lambda::Client, event: &str) -> Option<(ThrottleReason, String)> {
    let outcome = lambda.invoke().function_name("shop").payload(Blob::new(event)).send().await;
    match outcome.err()?.into_service_error() {
        InvokeError::TooManyRequestsException(throttle) => {
            let after = throttle.retry_after_seconds().unwrap_or_default().to_owned();
            Some((throttle.reason().expect("a reason").clone(), after))
        }
        other => panic!("no throttle: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_accounts_limit_an_invocation_is_refused() {
    let (cloud, lambda) = deployed(2).await;
    assert_eq!(cloud.status().await.concurrency, 2);
    let account = lambda.get_account_settings().send().await.expect("the account").account_limit;
    assert_eq!(account.map(|limit| limit.concurrent_executions), Some(2));
    let third = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        refusal(&lambda, "{}").await
    };
    let (a, b, third) = tokio::join!(refusal(&lambda, SLOW), refusal(&lambda, SLOW), third);
    assert_eq!((a, b), (None, None));
    assert_eq!(third, Some((ThrottleReason::ConcurrentInvocationLimitExceeded, "1".to_owned())));
    assert_eq!(refusal(&lambda, "{}").await, None, "the places are free again");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_has_its_own_reason_and_must_leave_a_hundred() {
    let (cloud, lambda) = deployed(101).await;
    let reserve = |n: i32| {
        lambda.put_function_concurrency().function_name("shop").reserved_concurrent_executions(n).send()
    };
    assert_eq!(code!(reserve(2).await), "InvalidParameterValueException");
    reserve(1).await.expect("a hundred are left");
    let found = lambda.get_function_concurrency().function_name("shop").send().await.expect("it is there");
    assert_eq!(found.reserved_concurrent_executions(), Some(1));
    let second = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        refusal(&lambda, "{}").await
    };
    let (first, second) = tokio::join!(refusal(&lambda, SLOW), second);
    let reason = ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded;
    assert_eq!((first, second), (None, Some((reason, "1".to_owned()))));
    lambda.delete_function_concurrency().function_name("shop").send().await.expect("given back");
    let found = lambda.get_function_concurrency().function_name("shop").send().await.expect("it is there");
    assert_eq!(found.reserved_concurrent_executions(), None);
    cloud.stop().await;
}

/// The settings of asynchronous invocations are kept, and an event that is given up goes to its failure destination.
#[tokio::test(flavor = "multi_thread")]
async fn given_up_event_goes_to_its_failure_destination() {
    let (cloud, lambda) = deployed(10).await;
    let get = || lambda.get_function_event_invoke_config().function_name("shop").send();
    assert_eq!(code!(get().await), "ResourceNotFoundException");
    let put = |retries: i32, arn: &str| {
        let failure = OnFailure::builder().destination(arn).build();
        let destination = DestinationConfig::builder().on_failure(failure).build();
        let call = lambda.put_function_event_invoke_config().function_name("shop");
        call.maximum_retry_attempts(retries).destination_config(destination).send()
    };
    let queue = put(0, "arn:aws:sqs:eu-central-1:000000000000:dead").await;
    assert_eq!(code!(queue), "InvalidParameterValueException", "it has no queues, and says so");
    assert_eq!(code!(put(3, "").await), "ValidationException");
    let role = lambda.get_function_configuration().function_name("shop").send().await.expect("it is there");
    let code = FunctionCode::builder().zip_file(Blob::new(zip())).build();
    let told = lambda.create_function().function_name("told").set_role(role.role).code(code);
    let told = told.runtime(Runtime::Providedal2023).handler("bootstrap").send().await.expect("a function");
    put(0, told.function_arn().unwrap_or_default()).await.expect("set");
    let found = get().await.expect("it is there");
    assert_eq!((found.maximum_retry_attempts(), found.maximum_event_age_in_seconds()), (Some(0), None));

    let fail = lambda.invoke().function_name("shop").invocation_type(InvocationType::Event);
    fail.payload(Blob::new(r#"{"rawPath":"/fail"}"#)).send().await.expect("queued");
    let logs = aws_sdk_cloudwatchlogs::Client::new(&cloud.config("eu-central-1").await);
    let reports = async |group: &str| {
        let found = logs.filter_log_events().log_group_name(group).filter_pattern("REPORT").send().await;
        found.map(|found| found.events().len()).unwrap_or_default()
    };
    for _ in 0..100 {
        if reports("/aws/lambda/told").await > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(reports("/aws/lambda/told").await > 0, "it was told");
    assert_eq!(reports("/aws/lambda/shop").await, 1, "no attempt after the first");
    lambda.delete_function_event_invoke_config().function_name("shop").send().await.expect("deleted");
    assert_eq!(code!(get().await), "ResourceNotFoundException");
    cloud.stop().await;
}
