//! What a function looks like.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_lambda::types::{
    AliasRoutingConfiguration, Architecture as LambdaArchitecture, EphemeralStorage, FunctionConfiguration,
};
use lzap_core::desired::FunctionConfig;
use lzap_core::names::{ALIAS, Names};
use lzap_core::observed::{Alias, Canary, Function, Version};
use lzap_core::platform::Architecture;
use lzap_core::step::VersionRef;
use lzap_wire::env::LZAP_WORKERS;

use crate::clients::Clients;
use crate::error::{Absent, AwsError, Named};

/// What `/tmp` has when nothing is said.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_EphemeralStorage.html>
const EPHEMERAL_STORAGE_MB: u32 = 512;
/// What a function's own, unpublished state is called.
const LATEST: &str = "$LATEST";

/// `lambda:GetFunction`: `$LATEST` and the tags.
pub(crate) async fn get_function(clients: &Clients, names: &Names) -> Result<Option<Function>, AwsError> {
    const OPERATION: &str = "lambda:GetFunction";
    let call = clients.lambda().get_function().function_name(names.function());
    let Some(answer) = call.send().await.named(OPERATION).found()? else {
        return Ok(None);
    };
    let configuration =
        answer.configuration.ok_or_else(|| AwsError::broken(OPERATION, "no configuration in the answer"))?;
    Ok(Some(Function {
        code_sha256: configuration.code_sha256().unwrap_or_default().to_owned(),
        config: config(&configuration),
        concurrency: positive(answer.concurrency.and_then(|it| it.reserved_concurrent_executions)),
        tags: answer.tags.unwrap_or_default().into_iter().collect(),
    }))
}

/// `lambda:ListVersionsByFunction`, all pages: the published versions, oldest first.
pub(crate) async fn list_versions(clients: &Clients, names: &Names) -> Result<Vec<Version>, AwsError> {
    let mut versions = Vec::new();
    let mut marker = None;
    loop {
        let call =
            clients.lambda().list_versions_by_function().function_name(names.function()).set_marker(marker);
        let page = call.send().await.named("lambda:ListVersionsByFunction")?;
        let published = page.versions().iter().filter(|version| version.version() != Some(LATEST));
        versions.extend(published.map(version));
        marker = page.next_marker().filter(|marker| !marker.is_empty()).map(str::to_owned);
        if marker.is_none() {
            versions.sort_by_key(|version: &Version| version.number.parse::<u64>().unwrap_or(0));
            return Ok(versions);
        }
    }
}

/// `lambda:ListAliases`, all pages: the alias `live`, and the versions that any alias holds.
pub(crate) async fn list_aliases(
    clients: &Clients,
    names: &Names,
) -> Result<(Option<Alias>, BTreeSet<String>), AwsError> {
    let (mut live, mut held) = (None, BTreeSet::new());
    let mut marker = None;
    loop {
        let call = clients.lambda().list_aliases().function_name(names.function()).set_marker(marker);
        let page = call.send().await.named("lambda:ListAliases")?;
        for alias in page.aliases() {
            let canary = canary(alias.routing_config());
            let version = alias.function_version().unwrap_or_default().to_owned();
            held.insert(version.clone());
            held.extend(canary.iter().map(|canary| canary.version.clone()));
            if alias.name() == Some(ALIAS) {
                let description = alias.description().unwrap_or_default().to_owned();
                live = Some(Alias { version, description, canary });
            }
        }
        marker = page.next_marker().filter(|marker| !marker.is_empty()).map(str::to_owned);
        if marker.is_none() {
            return Ok((live, held));
        }
    }
}

/// The version that gets a part of the traffic: AWS allows one beside the alias's own.
fn canary(routing: Option<&AliasRoutingConfiguration>) -> Option<Canary> {
    let (version, weight) = routing?.additional_version_weights()?.iter().next()?;
    let percents = 1..=99_u8;
    let percent = percents.min_by(|a, b| {
        let distance = |percent: u8| (f64::from(percent) / 100.0 - weight).abs();
        distance(*a).total_cmp(&distance(*b))
    })?;
    (*weight > 0.0).then(|| Canary { version: version.clone(), percent })
}

fn version(configuration: &FunctionConfiguration) -> Version {
    Version {
        number: configuration.version().unwrap_or_default().to_owned(),
        config: config(configuration),
        code_sha256: configuration.code_sha256().unwrap_or_default().to_owned(),
        description: configuration.description().unwrap_or_default().to_owned(),
        published: configuration.last_modified().unwrap_or_default().to_owned(),
    }
}

/// The settings that lzap manages. What is left out has Lambda's default, as in answers of older functions.
fn config(configuration: &FunctionConfiguration) -> FunctionConfig {
    let environment = configuration.environment().and_then(|environment| environment.variables());
    let mut environment: BTreeMap<String, String> =
        environment.cloned().unwrap_or_default().into_iter().collect();
    let workers = environment.remove(LZAP_WORKERS);
    let storage = configuration.ephemeral_storage().map(EphemeralStorage::size);
    FunctionConfig {
        role_arn: configuration.role().unwrap_or_default().to_owned(),
        runtime: configuration.runtime().map(|runtime| runtime.as_str().to_owned()).unwrap_or_default(),
        handler: configuration.handler().unwrap_or_default().to_owned(),
        architecture: match configuration.architectures().first() {
            Some(LambdaArchitecture::Arm64) => Architecture::Arm64,
            _ => Architecture::X86_64,
        },
        memory_mb: positive(configuration.memory_size()).unwrap_or(0),
        timeout_secs: positive(configuration.timeout()).unwrap_or(0),
        ephemeral_storage_mb: positive(storage).unwrap_or(EPHEMERAL_STORAGE_MB),
        environment,
        workers: workers.map(|called| {
            let number = called.rsplit_once(':').map_or(called.as_str(), |(_, number)| number);
            VersionRef::Known(number.to_owned())
        }),
    }
}

fn positive(number: Option<i32>) -> Option<u32> {
    number.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0)
}
