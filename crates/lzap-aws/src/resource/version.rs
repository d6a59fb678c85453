//! The published versions of both functions, and the probe of a version: see `lzap_core::resource::version`.
//!
//! A version is a copy of code and settings that can't be changed. AWS:
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html>

use std::collections::BTreeSet;

use aws_sdk_lambda::types::FunctionConfiguration;
use lzap_core::ids::VersionNumber;
use lzap_core::names::Names;
use lzap_core::resource::reference::VersionRef;
use lzap_core::resource::version::{ObservedVersion, VersionOperation};
use lzap_wire::limits::{DESCRIPTION_CHARS, TIMEOUT_SECS};

use super::function::read_config;
use super::settle::{State, state_of, wait_until_settled};
use super::step::{Created, Published, StepContext, StepError};
use crate::clients::Clients;
use crate::error::{Absent, AwsError, Named};
use crate::probe::{Question, Verdict, invoke_probe};
use crate::retry::{CONFLICT, ROLE, again};

/// The qualifier of a function's own, unpublished state.
const LATEST: &str = "$LATEST";

/// Applies one operation. A publication may be repeated after a lost response, because Lambda then returns
/// the version that it has published.
pub(crate) async fn apply_version(
    context: StepContext<'_>,
    operation: &VersionOperation,
) -> Result<Created, StepError> {
    let StepContext { clients, names, progress, .. } = context;
    match operation {
        VersionOperation::Publish { description, code_sha256 } => {
            let publish = || publish_version(clients, names, description, code_sha256);
            let (published, state) = again(CONFLICT, progress, publish).await?;
            wait_until_settled(clients, names, state, Some(&published.number), progress).await?;
            return Ok(Created::Version(names.part, published));
        }
        VersionOperation::Probe { version, tasks, health_path } => {
            probe_version(context, &probed_version(context, version)?, tasks, health_path.as_deref()).await?;
        }
        VersionOperation::Delete(version) => {
            again(CONFLICT, progress, || delete_version(clients, names, version)).await?;
        }
    }
    Ok(Created::Nothing)
}

/// Returns the version to probe. A live version's timeout isn't known here, so Lambda's maximum is used.
fn probed_version(context: StepContext<'_>, version: &VersionRef) -> Result<Published, AwsError> {
    match version {
        VersionRef::Published => context.resolve_published().cloned(),
        VersionRef::Known(number) => {
            Ok(Published { number: number.clone(), timeout_secs: *TIMEOUT_SECS.end() })
        }
    }
}

/// Tests that a version starts and has the tasks, and that it responds to a request if the stage has a `health_path`.
async fn probe_version(
    context: StepContext<'_>,
    version: &Published,
    tasks: &BTreeSet<String>,
    health_path: Option<&str>,
) -> Result<(), StepError> {
    let StepContext { clients, names, progress, .. } = context;
    let number = || version.number.clone();
    for question in [Some(Question::Start), health_path.map(Question::Health)].into_iter().flatten() {
        let invoke = || invoke_probe(clients, names, &version.number, version.timeout_secs, question);
        // An invocation too can fail until the role's key grant has propagated.
        let known = match again(ROLE, progress, invoke).await? {
            Verdict::Answers { tasks } => tasks,
            Verdict::Refuses { reason, log_tail } => {
                return Err(StepError::Probe { version: number(), reason, log_tail });
            }
        };
        let missing = tasks.iter().find(|task| !known.contains(task));
        // Only the start probe reports tasks; a response to a request has none.
        if let Some(task) = missing.filter(|_| question == Question::Start) {
            return Err(StepError::NoTask { version: number(), task: task.clone(), known });
        }
    }
    Ok(())
}

/// `lambda:ListVersionsByFunction`, all pages: the published versions, oldest first, without `$LATEST`. AWS:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_ListVersionsByFunction.html>
pub(crate) async fn list_versions(
    clients: &Clients,
    names: &Names,
) -> Result<Vec<ObservedVersion>, AwsError> {
    let mut versions = Vec::new();
    let mut marker = None;
    loop {
        let call =
            clients.lambda().list_versions_by_function().function_name(names.function()).set_marker(marker);
        let page = call.send().await.named("lambda:ListVersionsByFunction")?;
        let published = page.versions().iter().filter(|version| version.version() != Some(LATEST));
        versions.extend(published.map(observed_version));
        marker = page.next_marker().filter(|marker| !marker.is_empty()).map(str::to_owned);
        if marker.is_none() {
            // Numbers, not text: version 10 comes after version 9.
            versions
                .sort_by_key(|version: &ObservedVersion| version.number.as_str().parse::<u64>().unwrap_or(0));
            return Ok(versions);
        }
    }
}

/// `lambda:PublishVersion`. Lambda refuses if `$LATEST` has other code, and returns the newest version if
/// neither code nor settings have changed since: both are intended. AWS:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html>
async fn publish_version(
    clients: &Clients,
    names: &Names,
    description: &str,
    code_sha256: &str,
) -> Result<(Published, State), AwsError> {
    const OPERATION: &str = "lambda:PublishVersion";
    // Lambda refuses a longer description.
    let description: String = description.chars().take(DESCRIPTION_CHARS).collect();
    let call = clients
        .lambda()
        .publish_version()
        .function_name(names.function())
        // Guards against a lost update: another deploy may have changed the code since our write.
        .code_sha256(code_sha256)
        .description(description);
    let answer = call.send().await.named(OPERATION)?;
    let number = answer.version().ok_or_else(|| AwsError::broken(OPERATION, "no version in the answer"))?;
    let timeout_secs = answer.timeout().and_then(|secs| u32::try_from(secs).ok()).unwrap_or(0);
    Ok((Published { number: VersionNumber::new(number), timeout_secs }, state_of!(answer)))
}

/// `lambda:DeleteFunction` of one version. Lambda refuses it for a version that an alias names.
async fn delete_version(clients: &Clients, names: &Names, version: &VersionNumber) -> Result<(), AwsError> {
    let call = clients.lambda().delete_function().function_name(names.function()).qualifier(version);
    call.send().await.named("lambda:DeleteFunction").or_gone()
}

/// Returns the version as the planner knows it.
fn observed_version(configuration: &FunctionConfiguration) -> ObservedVersion {
    ObservedVersion {
        number: VersionNumber::new(configuration.version().unwrap_or_default()),
        config: read_config(configuration),
        code_sha256: configuration.code_sha256().unwrap_or_default().to_owned(),
        description: configuration.description().unwrap_or_default().to_owned(),
        published: configuration.last_modified().unwrap_or_default().to_owned(),
    }
}
