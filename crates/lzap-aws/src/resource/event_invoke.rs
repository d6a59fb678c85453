//! The alias's settings for asynchronous invocations: see `lzap_core::resource::event_invoke`.
//!
//! Without these settings Lambda's own apply: two retries, and events of at most six hours.

use aws_sdk_lambda::types::{DestinationConfig, OnFailure};
use lzap_core::asynchronous::AsyncConfig;
use lzap_core::names::{ALIAS, Names};
use lzap_core::resource::event_invoke::EventInvokeOperation;

use super::deletion::delete_and_confirm;
use super::step::{Created, StepContext};
use crate::clients::Clients;
use crate::error::{Absent, AwsError, Named};
use crate::retry::{PROPAGATION, ROLE, again};

/// Applies one operation. The settings belong to the alias, and are gone with it.
pub(crate) async fn apply_event_invoke(
    context: StepContext<'_>,
    operation: &EventInvokeOperation,
) -> Result<Created, AwsError> {
    let StepContext { clients, names, progress, .. } = context;
    match operation {
        EventInvokeOperation::Put(config) => {
            // AWS checks that the role may send to the destination, and the role may be too new.
            again(ROLE, progress, || put_event_invoke_config(clients, names, config)).await?;
        }
        EventInvokeOperation::Delete => {
            let is_there = async || Ok(get_event_invoke_config(clients, names).await?.is_some());
            let delete = || delete_and_confirm(delete_event_invoke_config(clients, names), is_there());
            again(PROPAGATION, progress, delete).await?;
        }
    }
    Ok(Created::Nothing)
}

/// `lambda:GetFunctionEventInvokeConfig` of the alias; `None` if it has none.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionEventInvokeConfig.html>
pub(crate) async fn get_event_invoke_config(
    clients: &Clients,
    names: &Names,
) -> Result<Option<AsyncConfig>, AwsError> {
    let call = clients.lambda().get_function_event_invoke_config();
    let call = call.function_name(names.function()).qualifier(ALIAS);
    let answer = call.send().await.named("lambda:GetFunctionEventInvokeConfig").found()?;
    Ok(answer.map(|answer| {
        let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok()).unwrap_or(0);
        let failure = answer.destination_config().and_then(DestinationConfig::on_failure);
        // An empty ARN means that there is no destination.
        let destination = failure.and_then(OnFailure::destination).filter(|arn| !arn.is_empty());
        AsyncConfig {
            retries: number(answer.maximum_retry_attempts()),
            max_age_secs: number(answer.maximum_event_age_in_seconds()),
            on_failure: destination.map(str::to_owned),
        }
    }))
}

/// `lambda:PutFunctionEventInvokeConfig` of the alias. It replaces the whole configuration.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>
async fn put_event_invoke_config(
    clients: &Clients,
    names: &Names,
    config: &AsyncConfig,
) -> Result<(), AwsError> {
    let destination = config.on_failure.as_ref().map(|arn| {
        let failure = OnFailure::builder().destination(arn).build();
        DestinationConfig::builder().on_failure(failure).build()
    });
    let call = clients
        .lambda()
        .put_function_event_invoke_config()
        .function_name(names.function())
        .qualifier(ALIAS)
        .maximum_retry_attempts(config.retries.cast_signed())
        .maximum_event_age_in_seconds(config.max_age_secs.cast_signed())
        .set_destination_config(destination);
    call.send().await.named("lambda:PutFunctionEventInvokeConfig").map(drop)
}

/// `lambda:DeleteFunctionEventInvokeConfig` of the alias.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionEventInvokeConfig.html>
async fn delete_event_invoke_config(clients: &Clients, names: &Names) -> Result<(), AwsError> {
    let call = clients.lambda().delete_function_event_invoke_config();
    let call = call.function_name(names.function()).qualifier(ALIAS);
    call.send().await.named("lambda:DeleteFunctionEventInvokeConfig").map(drop)
}
