//! The alias's function URL: see `lzap_core::resource::function_url`.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_FunctionUrlConfig.html>

use aws_sdk_lambda::types::{FunctionUrlAuthType, InvokeMode};
use lzap_core::names::{ALIAS, Names};
use lzap_core::resource::function_url::{FunctionUrlOperation, ObservedFunctionUrl};

use super::deletion::delete_and_confirm;
use super::step::{Created, StepContext};
use crate::clients::{Attempts, Clients};
use crate::error::{Absent, AwsError, Named};
use crate::retry::{CONFLICT, PROPAGATION, again};

/// Applies one operation. The creation may follow that of the alias, so that "not found" can mean "not yet".
pub(crate) async fn apply_function_url(
    context: StepContext<'_>,
    operation: FunctionUrlOperation,
) -> Result<Created, AwsError> {
    let StepContext { clients, names, progress, .. } = context;
    match operation {
        FunctionUrlOperation::Create => {
            let url = again(PROPAGATION, progress, || create_function_url(clients, names)).await?;
            return Ok(Created::Front { url, api_id: None });
        }
        FunctionUrlOperation::Update => {
            again(CONFLICT, progress, || update_function_url(clients, names)).await?;
        }
        FunctionUrlOperation::Delete => {
            let is_there = async || Ok(get_function_url(clients, names).await?.is_some());
            let delete = || delete_and_confirm(delete_function_url(clients, names), is_there());
            again(PROPAGATION, progress, delete).await?;
        }
    }
    Ok(Created::Nothing)
}

/// `lambda:GetFunctionUrlConfig` of the alias; `None` if it has no URL. Without an invoke mode in the
/// response the URL is buffered.
pub(crate) async fn get_function_url(
    clients: &Clients,
    names: &Names,
) -> Result<Option<ObservedFunctionUrl>, AwsError> {
    let call = clients.lambda().get_function_url_config().function_name(names.function()).qualifier(ALIAS);
    let answer = call.send().await.named("lambda:GetFunctionUrlConfig").found()?;
    Ok(answer.map(|answer| ObservedFunctionUrl {
        url: answer.function_url().to_owned(),
        auth_type: answer.auth_type().as_str().to_owned(),
        streams: answer.invoke_mode() == Some(&InvokeMode::ResponseStream),
    }))
}

/// `lambda:CreateFunctionUrlConfig` of the alias. Returns the URL; reads it if the response to the creation was lost.
async fn create_function_url(clients: &Clients, names: &Names) -> Result<String, AwsError> {
    const OPERATION: &str = "lambda:CreateFunctionUrlConfig";
    let attempts = Attempts::default();
    let call = clients
        .lambda()
        .create_function_url_config()
        .function_name(names.function())
        .qualifier(ALIAS)
        .auth_type(FunctionUrlAuthType::None)
        .invoke_mode(InvokeMode::Buffered);
    let outcome = call.customize().interceptor(attempts.clone()).send().await.named(OPERATION);
    if let Some(answer) = attempts.accept_own_creation(outcome)? {
        return Ok(answer.function_url().to_owned());
    }
    let found = get_function_url(clients, names).await?;
    found
        .map(|found| found.url)
        .ok_or_else(|| AwsError::broken(OPERATION, "the URL exists and can't be read"))
}

/// `lambda:UpdateFunctionUrlConfig` of the alias: public and buffered.
async fn update_function_url(clients: &Clients, names: &Names) -> Result<(), AwsError> {
    let call = clients
        .lambda()
        .update_function_url_config()
        .function_name(names.function())
        .qualifier(ALIAS)
        .auth_type(FunctionUrlAuthType::None)
        .invoke_mode(InvokeMode::Buffered);
    call.send().await.named("lambda:UpdateFunctionUrlConfig").map(drop)
}

/// `lambda:DeleteFunctionUrlConfig` of the alias. A URL that is created later has another address.
async fn delete_function_url(clients: &Clients, names: &Names) -> Result<(), AwsError> {
    let call = clients.lambda().delete_function_url_config().function_name(names.function()).qualifier(ALIAS);
    call.send().await.named("lambda:DeleteFunctionUrlConfig").map(drop)
}
