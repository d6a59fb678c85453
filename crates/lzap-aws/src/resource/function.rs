//! The function and the worker function: see `lzap_core::resource::function`.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html>

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{
    Architecture as LambdaArchitecture, Environment, EphemeralStorage, FunctionCode, FunctionConfiguration,
    PackageType, Runtime,
};
use lzap_core::ids::VersionNumber;
use lzap_core::names::Names;
use lzap_core::platform::Architecture;
use lzap_core::resource::artifact::Artifact;
use lzap_core::resource::function::{FunctionConfig, FunctionOperation, ObservedFunction};
use lzap_core::resource::reference::VersionRef;
use lzap_wire::env::LZAP_WORKERS;

use super::deletion::delete_and_confirm;
use super::settle::{State, state_of, wait_until_settled};
use super::step::{Created, StepContext};
use crate::clients::{Attempts, Clients};
use crate::error::{Absent, AwsError, Named};
use crate::retry::{CONFLICT, PROPAGATION, ROLE, again};

/// Lambda's default size of `/tmp`, in MB.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_EphemeralStorage.html>
const EPHEMERAL_STORAGE_MB: u32 = 512;

/// Applies one operation, and waits until it has taken effect, since Lambda refuses the next write before.
/// The worker function has the same operations: `context.names` says which of both it is.
pub(crate) async fn apply_function(
    context: StepContext<'_>,
    operation: &FunctionOperation,
) -> Result<Created, AwsError> {
    let StepContext { clients, names, progress, .. } = context;
    let state = match operation {
        FunctionOperation::Create { config, artifact, tags } => {
            // The version of the worker function is known only after the plan has published it.
            let config = &context.resolve_workers(config)?;
            again(ROLE, progress, || create_function(clients, names, config, artifact, tags)).await?
        }
        FunctionOperation::UpdateConfiguration(config) => {
            let config = &context.resolve_workers(config)?;
            again(ROLE, progress, || update_configuration(clients, names, config)).await?
        }
        FunctionOperation::UpdateCode { artifact, architecture } => {
            // No retry for the role: a change of the code doesn't name it.
            again(CONFLICT, progress, || update_code(clients, names, *architecture, artifact)).await?
        }
        FunctionOperation::Tag(tags) => {
            again(CONFLICT, progress, || tag_function(clients, names, tags)).await?;
            State::Settled
        }
        FunctionOperation::PutConcurrency(reserved) => {
            again(CONFLICT, progress, || put_concurrency(clients, names, *reserved)).await?;
            State::Settled
        }
        FunctionOperation::DeleteConcurrency => {
            again(CONFLICT, progress, || delete_concurrency(clients, names)).await?;
            State::Settled
        }
        FunctionOperation::Delete => {
            let is_there = async || Ok(get_function(clients, names).await?.is_some());
            let delete = || delete_and_confirm(delete_function(clients, names), is_there());
            again(PROPAGATION, progress, delete).await?;
            State::Settled
        }
    };
    let settled = wait_until_settled(clients, names, state, None, progress).await;
    // Lambda can quote the environment in the reason of a failed change, as in its refusals.
    settled.map_err(|error| match operation {
        FunctionOperation::Create { config, .. } | FunctionOperation::UpdateConfiguration(config) => {
            error.hiding(config.environment.values())
        }
        FunctionOperation::UpdateCode { .. }
        | FunctionOperation::Tag(_)
        | FunctionOperation::PutConcurrency(_)
        | FunctionOperation::DeleteConcurrency
        | FunctionOperation::Delete => error,
    })?;
    Ok(Created::Nothing)
}

/// `lambda:GetFunction`: `$LATEST`, the tags and the reserved concurrency in one call; `None` if there is no
/// function.
pub(crate) async fn get_function(
    clients: &Clients,
    names: &Names,
) -> Result<Option<ObservedFunction>, AwsError> {
    const OPERATION: &str = "lambda:GetFunction";
    let call = clients.lambda().get_function().function_name(names.function());
    let Some(answer) = call.send().await.named(OPERATION).found()? else {
        return Ok(None);
    };
    let configuration =
        answer.configuration.ok_or_else(|| AwsError::broken(OPERATION, "no configuration in the answer"))?;
    Ok(Some(ObservedFunction {
        code_sha256: configuration.code_sha256().unwrap_or_default().to_owned(),
        config: read_config(&configuration),
        concurrency: to_positive(answer.concurrency.and_then(|it| it.reserved_concurrent_executions)),
        tags: answer.tags.unwrap_or_default().into_iter().collect(),
    }))
}

/// `lambda:CreateFunction` with code from the bucket, and with the tags: a deploy that is killed right after
/// it leaves no function without an owner. Returns the state, mostly `Pending`.
async fn create_function(
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
        .architectures(lambda_architecture(config.architecture))
        .memory_size(config.memory_mb.cast_signed())
        .timeout(config.timeout_secs.cast_signed())
        .ephemeral_storage(build_ephemeral_storage(OPERATION, config)?)
        .environment(build_environment(names, config))
        .set_tags(Some(tags.clone().into_iter().collect()));
    // The SDK repeats a request after a lost response; "exists" then means that the first attempt succeeded.
    let outcome = call.customize().interceptor(attempts.clone()).send().await.named(OPERATION);
    let outcome = outcome.map_err(|error| error.hiding(config.environment.values()));
    // Without the response the state is unknown, so the wait starts with a read.
    let lost = || State::Changing("created".to_owned());
    Ok(attempts.accept_own_creation(outcome)?.map_or_else(lost, |answer| state_of!(answer)))
}

/// `lambda:UpdateFunctionConfiguration`. The environment is replaced as a whole; fields that aren't sent keep
/// their values. AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html>
async fn update_configuration(
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
        .ephemeral_storage(build_ephemeral_storage(OPERATION, config)?)
        .environment(build_environment(names, config));
    let answer =
        call.send().await.named(OPERATION).map_err(|error| error.hiding(config.environment.values()))?;
    Ok(state_of!(answer))
}

/// `lambda:UpdateFunctionCode` from the bucket. The architecture goes with the code, since Lambda has no
/// other call for it. AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html>
async fn update_code(
    clients: &Clients,
    names: &Names,
    architecture: Architecture,
    artifact: &Artifact,
) -> Result<State, AwsError> {
    let call = clients
        .lambda()
        .update_function_code()
        .function_name(names.function())
        .s3_bucket(names.bucket())
        .s3_key(names.artifact_key(&artifact.sha256))
        .architectures(lambda_architecture(architecture));
    let answer = call.send().await.named("lambda:UpdateFunctionCode")?;
    Ok(state_of!(answer))
}

/// `lambda:TagResource` on the function: adds the tags, and keeps all others.
async fn tag_function(
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

/// `lambda:PutFunctionConcurrency`. Lambda refuses what would leave the account's other functions fewer than 100.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>
async fn put_concurrency(clients: &Clients, names: &Names, reserved: u32) -> Result<(), AwsError> {
    let call = clients.lambda().put_function_concurrency().function_name(names.function());
    let call = call.reserved_concurrent_executions(reserved.cast_signed());
    call.send().await.named("lambda:PutFunctionConcurrency").map(drop)
}

/// `lambda:DeleteFunctionConcurrency`: the function shares the account's concurrency again.
async fn delete_concurrency(clients: &Clients, names: &Names) -> Result<(), AwsError> {
    let call = clients.lambda().delete_function_concurrency().function_name(names.function());
    call.send().await.named("lambda:DeleteFunctionConcurrency").or_gone()
}

/// `lambda:DeleteFunction`, with its versions, its alias and their policies. Its log group, rules, API and
/// role stay. AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html>
async fn delete_function(clients: &Clients, names: &Names) -> Result<(), AwsError> {
    let call = clients.lambda().delete_function().function_name(names.function());
    call.send().await.named("lambda:DeleteFunction").map(drop)
}

/// Returns the SDK's name of the architecture.
fn lambda_architecture(architecture: Architecture) -> LambdaArchitecture {
    match architecture {
        Architecture::Arm64 => LambdaArchitecture::Arm64,
        Architecture::X86_64 => LambdaArchitecture::X8664,
    }
}

/// Returns the variables in `lzap.toml`, and the worker function that the function's maps call:
/// `NAME:VERSION`.
fn build_environment(names: &Names, config: &FunctionConfig) -> Environment {
    let workers = match &config.workers {
        Some(VersionRef::Known(number)) => Some(format!("{}:{number}", names.workers().function())),
        // The published number is resolved before this call: see `StepContext::resolve_workers`.
        Some(VersionRef::Published) | None => None,
    };
    let workers = workers.map(|called| (LZAP_WORKERS.to_owned(), called));
    let variables = config.environment.clone().into_iter().chain(workers).collect();
    Environment::builder().set_variables(Some(variables)).build()
}

/// Returns the size of `/tmp`. The builder only fails for a missing size, which is set here.
fn build_ephemeral_storage(
    operation: &'static str,
    config: &FunctionConfig,
) -> Result<EphemeralStorage, AwsError> {
    let storage = EphemeralStorage::builder().size(config.ephemeral_storage_mb.cast_signed()).build();
    storage.map_err(|error| AwsError::broken(operation, error.to_string()))
}

/// Returns the settings that lzap manages. A missing field has Lambda's default, as in responses about older
/// functions.
pub(super) fn read_config(configuration: &FunctionConfiguration) -> FunctionConfig {
    let environment = configuration.environment().and_then(|environment| environment.variables());
    let mut environment: BTreeMap<String, String> =
        environment.cloned().unwrap_or_default().into_iter().collect();
    // Set by lzap, not by the user, so it is no variable of `lzap.toml`.
    let workers = environment.remove(LZAP_WORKERS);
    let storage = configuration.ephemeral_storage().map(EphemeralStorage::size);
    FunctionConfig {
        role_arn: configuration.role().unwrap_or_default().to_owned(),
        runtime: configuration.runtime().map(|runtime| runtime.as_str().to_owned()).unwrap_or_default(),
        handler: configuration.handler().unwrap_or_default().to_owned(),
        architecture: match configuration.architectures().first() {
            Some(LambdaArchitecture::Arm64) => Architecture::Arm64,
            // A response without an architecture means x86_64, Lambda's default.
            _ => Architecture::X86_64,
        },
        memory_mb: to_positive(configuration.memory_size()).unwrap_or(0),
        timeout_secs: to_positive(configuration.timeout()).unwrap_or(0),
        ephemeral_storage_mb: to_positive(storage).unwrap_or(EPHEMERAL_STORAGE_MB),
        environment,
        workers: workers.map(|called| {
            let number = called.rsplit_once(':').map_or(called.as_str(), |(_, number)| number);
            VersionRef::Known(VersionNumber::new(number))
        }),
    }
}

/// Returns the number; `None` for 0 and for what is no count.
fn to_positive(number: Option<i32>) -> Option<u32> {
    number.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0)
}
