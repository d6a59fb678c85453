//! Making, changing, publishing and deleting the function.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{
    Architecture as LambdaArchitecture, Environment, EphemeralStorage, FunctionCode, LastUpdateStatus,
    PackageType, Runtime, State as LambdaState,
};
use lzap_core::desired::{Artifact, FunctionConfig};
use lzap_core::names::Names;
use lzap_core::platform::Architecture;
use lzap_core::step::VersionRef;
use lzap_wire::env::LZAP_WORKERS;
use lzap_wire::limits::DESCRIPTION_CHARS;

use crate::clients::{Attempts, Clients};
use crate::error::{Absent, AwsError, Named};

/// Whether the last write has taken effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It has.
    Settled,
    /// Not yet; the text is Lambda's name for the state.
    Changing(String),
    /// It never will; the text is Lambda's reason.
    Failed(String),
}

/// A version, just published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    /// Its number.
    pub(crate) number: String,
    /// Its timeout.
    pub(crate) timeout_secs: u32,
    /// Whether it can be invoked.
    pub(crate) state: State,
}

/// The state in an answer: the SDK has one type for each operation, all with the same fields.
macro_rules! state_of {
    ($answer:expr) => {
        State::new(
            $answer.state(),
            $answer.state_reason(),
            $answer.last_update_status(),
            $answer.last_update_status_reason(),
        )
    };
}

impl State {
    /// An idle function (`Inactive`) takes writes as an active one does. Emulators leave the states out.
    fn new(
        state: Option<&LambdaState>,
        reason: Option<&str>,
        update: Option<&LastUpdateStatus>,
        update_reason: Option<&str>,
    ) -> Self {
        match (state, update) {
            (Some(LambdaState::Failed), _) => Self::Failed(reason.unwrap_or("no reason given").to_owned()),
            (_, Some(LastUpdateStatus::Failed)) => {
                Self::Failed(update_reason.unwrap_or("no reason given").to_owned())
            }
            (Some(LambdaState::Pending), _) => Self::Changing("Pending".to_owned()),
            (_, Some(LastUpdateStatus::InProgress)) => Self::Changing("InProgress".to_owned()),
            _ => Self::Settled,
        }
    }
}

/// `lambda:GetFunctionConfiguration`: the state of `$LATEST`, or of a version.
pub(crate) async fn get_state(
    clients: &Clients,
    names: &Names,
    version: Option<&str>,
) -> Result<State, AwsError> {
    let call = clients
        .lambda()
        .get_function_configuration()
        .function_name(names.function())
        .set_qualifier(version.map(str::to_owned));
    let answer = call.send().await.named("lambda:GetFunctionConfiguration")?;
    Ok(state_of!(answer))
}

/// `lambda:CreateFunction` with code from the bucket.
pub(crate) async fn create_function(
    clients: &Clients,
    names: &Names,
    config: &FunctionConfig,
    artifact: &Artifact,
    tags: &BTreeMap<String, String>,
) -> Result<State, AwsError> {
    const OPERATION: &str = "lambda:CreateFunction";
    let code = FunctionCode::builder()
        .s3_bucket(names.bucket())
        .s3_key(names.artifact_key(&artifact.sha256))
        .build();
    let attempts = Attempts::default();
    let call = clients
        .lambda()
        .create_function()
        .function_name(names.function())
        .description(format!("lzap: {}, stage {}", names.app, names.stage))
        .package_type(PackageType::Zip)
        .code(code)
        .runtime(Runtime::from(config.runtime.as_str()))
        .handler(&config.handler)
        .role(&config.role_arn)
        .architectures(architecture(config))
        .memory_size(config.memory_mb.cast_signed())
        .timeout(config.timeout_secs.cast_signed())
        .ephemeral_storage(storage(OPERATION, config)?)
        .environment(environment(names, config))
        .set_tags(Some(tags.clone().into_iter().collect()));
    let outcome = call.customize().interceptor(attempts.clone()).send().await.named(OPERATION);
    let outcome = outcome.map_err(|error| error.hiding(config.environment.values()));
    let lost = || State::Changing("created".to_owned());
    Ok(attempts.settle(outcome)?.map_or_else(lost, |answer| state_of!(answer)))
}

/// `lambda:UpdateFunctionConfiguration`.
pub(crate) async fn update_configuration(
    clients: &Clients,
    names: &Names,
    config: &FunctionConfig,
) -> Result<State, AwsError> {
    const OPERATION: &str = "lambda:UpdateFunctionConfiguration";
    let call = clients
        .lambda()
        .update_function_configuration()
        .function_name(names.function())
        .runtime(Runtime::from(config.runtime.as_str()))
        .handler(&config.handler)
        .role(&config.role_arn)
        .memory_size(config.memory_mb.cast_signed())
        .timeout(config.timeout_secs.cast_signed())
        .ephemeral_storage(storage(OPERATION, config)?)
        .environment(environment(names, config));
    let answer =
        call.send().await.named(OPERATION).map_err(|error| error.hiding(config.environment.values()))?;
    Ok(state_of!(answer))
}

/// `lambda:UpdateFunctionCode` from the bucket.
pub(crate) async fn update_code(
    clients: &Clients,
    names: &Names,
    config: &FunctionConfig,
    artifact: &Artifact,
) -> Result<State, AwsError> {
    let call = clients
        .lambda()
        .update_function_code()
        .function_name(names.function())
        .s3_bucket(names.bucket())
        .s3_key(names.artifact_key(&artifact.sha256))
        .architectures(architecture(config));
    let answer = call.send().await.named("lambda:UpdateFunctionCode")?;
    Ok(state_of!(answer))
}

/// `lambda:TagResource` on the function.
pub(crate) async fn tag_function(
    clients: &Clients,
    names: &Names,
    tags: &BTreeMap<String, String>,
) -> Result<(), AwsError> {
    let call = clients
        .lambda()
        .tag_resource()
        .resource(names.function_arn())
        .set_tags(Some(tags.clone().into_iter().collect()));
    call.send().await.named("lambda:TagResource").map(drop)
}

/// `lambda:PutFunctionConcurrency`; with `None`, `lambda:DeleteFunctionConcurrency`. Lambda refuses what would leave the
/// account's other functions fewer than 100.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>
pub(crate) async fn set_concurrency(
    clients: &Clients,
    names: &Names,
    reserved: Option<u32>,
) -> Result<(), AwsError> {
    let lambda = clients.lambda();
    let Some(n) = reserved else {
        let call = lambda.delete_function_concurrency().function_name(names.function());
        return call.send().await.named("lambda:DeleteFunctionConcurrency").or_gone();
    };
    let call = lambda.put_function_concurrency().function_name(names.function());
    let call = call.reserved_concurrent_executions(n.cast_signed());
    call.send().await.named("lambda:PutFunctionConcurrency").map(drop)
}

/// `lambda:PublishVersion`. Lambda refuses when `$LATEST` holds other code, and answers with the newest version when
/// neither code nor settings changed since: both are what is wanted.
pub(crate) async fn publish_version(
    clients: &Clients,
    names: &Names,
    description: &str,
    code_sha256: &str,
) -> Result<Published, AwsError> {
    const OPERATION: &str = "lambda:PublishVersion";
    let description: String = description.chars().take(DESCRIPTION_CHARS).collect();
    let call = clients
        .lambda()
        .publish_version()
        .function_name(names.function())
        .code_sha256(code_sha256)
        .description(description);
    let answer = call.send().await.named(OPERATION)?;
    let number = answer.version().ok_or_else(|| AwsError::broken(OPERATION, "no version in the answer"))?;
    Ok(Published {
        number: number.to_owned(),
        timeout_secs: answer.timeout().and_then(|secs| u32::try_from(secs).ok()).unwrap_or(0),
        state: state_of!(answer),
    })
}

/// `lambda:DeleteFunction`, with its versions, its alias and their policies.
pub(crate) async fn delete_function(clients: &Clients, names: &Names) -> Result<(), AwsError> {
    let call = clients.lambda().delete_function().function_name(names.function());
    call.send().await.named("lambda:DeleteFunction").or_gone()
}

/// `lambda:DeleteFunction` of one version.
pub(crate) async fn delete_version(clients: &Clients, names: &Names, version: &str) -> Result<(), AwsError> {
    let call = clients.lambda().delete_function().function_name(names.function()).qualifier(version);
    call.send().await.named("lambda:DeleteFunction").or_gone()
}

fn architecture(config: &FunctionConfig) -> LambdaArchitecture {
    match config.architecture {
        Architecture::Arm64 => LambdaArchitecture::Arm64,
        Architecture::X86_64 => LambdaArchitecture::X8664,
    }
}

/// The variables of `lzap.toml`, and whom the function's maps call.
fn environment(names: &Names, config: &FunctionConfig) -> Environment {
    let workers = match &config.workers {
        Some(VersionRef::Known(number)) => Some(format!("{}:{number}", names.workers().function())),
        // Carrying out a plan puts the number in.
        Some(VersionRef::Published) | None => None,
    };
    let workers = workers.map(|called| (LZAP_WORKERS.to_owned(), called));
    let variables = config.environment.clone().into_iter().chain(workers).collect();
    Environment::builder().set_variables(Some(variables)).build()
}

fn storage(operation: &'static str, config: &FunctionConfig) -> Result<EphemeralStorage, AwsError> {
    let storage = EphemeralStorage::builder().size(config.ephemeral_storage_mb.cast_signed()).build();
    storage.map_err(|error| AwsError::broken(operation, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_settled_when_neither_state_nor_update_is_under_way() {
        let changing = |state: &str| State::Changing(state.to_owned());
        let failed = State::Failed("no subnet".to_owned());
        for (state, update, expected) in [
            (Some(LambdaState::Pending), None, changing("Pending")),
            (Some(LambdaState::Active), Some(LastUpdateStatus::InProgress), changing("InProgress")),
            (Some(LambdaState::Active), Some(LastUpdateStatus::Successful), State::Settled),
            (Some(LambdaState::Inactive), Some(LastUpdateStatus::Successful), State::Settled),
            (Some(LambdaState::Active), Some(LastUpdateStatus::Failed), failed.clone()),
            (Some(LambdaState::Failed), None, failed.clone()),
            (None, None, State::Settled),
        ] {
            let found = State::new(state.as_ref(), Some("no subnet"), update.as_ref(), Some("no subnet"));
            assert_eq!(found, expected, "{state:?} {update:?}");
        }
    }
}
