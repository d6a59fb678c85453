//! Functions and versions.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use lzap_wire::limits::INLINE_ZIP_BYTES;
use serde_json::{Value, json};

use super::render;
use super::reply::Reply;
use super::request::{
    Call, CodeSource, CreateFunction, PublishVersion, SettingsBody, UpdateFunctionCode, read_architecture,
    refuse_unsupported,
};
use crate::lambda::error::ApiError;
use crate::lambda::state::{
    self, Code, CodeChange, Described, LATEST, NewFunction, Settings, SettingsChange, State,
};

const REPLACED: &str = "The embedded cloud takes Code as ZipFile or as S3Bucket with S3Key.";

/// `CreateFunction`
pub(super) async fn create_function(call: &Call<'_>) -> Result<Reply, ApiError> {
    refuse_unsupported(&call.json::<Value>()?)?;
    let body: CreateFunction = call.json()?;
    if body.package_type.as_deref().is_some_and(|kind| kind != "Zip") || body.code.image_uri.is_some() {
        return Err(ApiError::invalid("the embedded cloud does not implement container images"));
    }
    let reference = call.reference(&body.function_name)?;
    if reference.qualifier.is_some() {
        return Err(ApiError::invalid("A function's name has no qualifier when it is created."));
    }
    state::check_length(reference.arn.rsplit(':').next().unwrap_or_default())?;
    let change: SettingsChange = call.json::<SettingsBody>()?.into();
    let architecture =
        read_architecture(body.architectures.as_deref())?.unwrap_or_else(|| "x86_64".to_owned());
    let settings = make_settings(change, architecture)?;
    state::check_settings(&settings)?;
    if call.service.state().function(&reference).is_err() {
        check_role(call, &settings.role).await?;
    }
    let code = take_code(call, body.code, "CreateFunction").await?;
    let new = NewFunction { settings, code, tags: body.tags, publish: body.publish };
    let described = call.service.state().create(&reference, new, call.service.now_ms())?;
    Ok(Reply::created(render::render_configuration(&described)))
}

/// Makes the settings of a new function, with AWS's defaults.
fn make_settings(change: SettingsChange, architecture: String) -> Result<Settings, ApiError> {
    let required = |value: Option<String>, member: &str| {
        value.ok_or_else(|| ApiError::constraint("null", member, "must not be null"))
    };
    Ok(Settings {
        description: change.description.unwrap_or_default(),
        runtime: required(change.runtime, "runtime")?,
        handler: required(change.handler, "handler")?,
        role: required(change.role, "role")?,
        timeout_secs: change.timeout_secs.unwrap_or(3),
        memory_mb: change.memory_mb.unwrap_or(128),
        environment: change.environment.unwrap_or_default(),
        ephemeral_mb: change.ephemeral_mb.unwrap_or(512),
        architecture,
        tracing: change.tracing.unwrap_or_else(|| "PassThrough".to_owned()),
        log_format: change.log_format.unwrap_or_else(|| "Text".to_owned()),
        log_group: change.log_group,
        capacity_provider: change.capacity_provider,
    })
}

async fn check_role(call: &Call<'_>, role: &str) -> Result<(), ApiError> {
    state::check_trust_policy(call.service.host.ports.roles.trust_policy(role).await.as_deref())
}

/// Fetches the zip, keeps it and unpacks it.
async fn take_code(call: &Call<'_>, source: CodeSource, operation: &str) -> Result<Code, ApiError> {
    let zip = match source {
        CodeSource { zip_file: Some(text), .. } => decode_inline_zip(&text, operation)?,
        CodeSource { s3_object_version: Some(_), .. } => {
            return Err(ApiError::invalid("the embedded cloud does not implement S3ObjectVersion"));
        }
        CodeSource { s3_bucket: Some(bucket), s3_key: Some(key), .. } => {
            let object = call.service.host.ports.objects.get(&bucket, &key).await;
            object.ok_or_else(|| {
                ApiError::invalid(
                    "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key \
                     does not exist.",
                )
            })?
        }
        _ => return Err(ApiError::invalid(REPLACED)),
    };
    let store = call.service.code.clone();
    tokio::task::spawn_blocking(move || store.put(&zip))
        .await
        .map_err(|error| ApiError::service(format!("unpacking stopped: {error}")))?
}

fn decode_inline_zip(text: &str, operation: &str) -> Result<Bytes, ApiError> {
    let zip = BASE64_STANDARD.decode(text).map_err(|_| ApiError::serialization("ZipFile is not base64"))?;
    if zip.len() as u64 > INLINE_ZIP_BYTES {
        return Err(ApiError::too_large(format!(
            "Request must be smaller than 70167211 bytes for the {operation} operation"
        )));
    }
    Ok(zip.into())
}

/// `UpdateFunctionCode`
pub(super) async fn update_code(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    // A function that can't be written now refuses before its new code is fetched, as a dry run would.
    let body: UpdateFunctionCode = call.json()?;
    let (revision_id, architecture) = (body.revision_id, read_architecture(body.architectures.as_deref())?);
    let old = call.service.state().describe(&reference, call.service.now_ms())?.version.code;
    let mut change =
        CodeChange { code: old, architecture, publish: body.publish, dry_run: true, revision_id };
    call.service.state().update_code(&reference, change.clone(), call.service.now_ms())?;
    change.code = take_code(call, call.json()?, "UpdateFunctionCode").await?;
    change.dry_run = body.dry_run;
    let described = call.service.state().update_code(&reference, change, call.service.now_ms())?;
    Ok(Reply::ok(render::render_configuration(&described)))
}

/// `UpdateFunctionConfiguration`
pub(super) async fn update_configuration(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    refuse_unsupported(&call.json::<Value>()?)?;
    let reference = call.reference(name)?;
    let change: SettingsChange = call.json::<SettingsBody>()?.into();
    call.service.state().function(&reference)?;
    if let Some(role) = &change.role {
        check_role(call, role).await?;
    }
    let described = call.service.state().update_settings(&reference, &change, call.service.now_ms())?;
    Ok(Reply::ok(render::render_configuration(&described)))
}

/// `GetFunction`
pub(super) fn get_function(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    let state = call.service.state();
    let described = state.describe(&reference, call.service.now_ms())?;
    let function = state.function(&reference)?;
    let location = call.service.code.zip_path(&described.version.code.sha256);
    let mut body = json!({
        "Configuration": render::render_configuration(&described),
        "Code": { "RepositoryType": "S3", "Location": format!("file://{}", location.display()) },
    });
    if !function.tags.is_empty() {
        body["Tags"] = json!(function.tags);
    }
    if let Some(reserved) = function.reserved_concurrency {
        body["Concurrency"] = json!({ "ReservedConcurrentExecutions": reserved });
    }
    Ok(Reply::ok(body))
}

/// `GetFunctionConfiguration`
pub(super) fn get_configuration(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let described = call.service.state().describe(&call.reference(name)?, call.service.now_ms())?;
    Ok(Reply::ok(render::render_configuration(&described)))
}

/// `ListFunctions`
pub(super) fn list_functions(call: &Call<'_>) -> Result<Reply, ApiError> {
    let every_version = match call.parameter("FunctionVersion") {
        None => false,
        Some("ALL") => true,
        Some(other) => {
            return Err(ApiError::constraint(other, "functionVersion", "must satisfy enum value set: [ALL]"));
        }
    };
    let now_ms = call.service.now_ms();
    let state = call.service.state();
    let mut all = Vec::new();
    for function in state.in_region(call.region) {
        if every_version {
            all.extend(describe_versions(function, now_ms));
        } else {
            all.push(state::describe(function, &function.latest, function.arn.clone(), now_ms));
        }
    }
    Ok(Reply::ok(render::render_page("Functions", call.page(all)?, render::render_subset)))
}

/// `ListVersionsByFunction`
pub(super) fn list_versions(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let state = call.service.state();
    let all = describe_versions(state.function(&call.reference(name)?)?, call.service.now_ms());
    Ok(Reply::ok(render::render_page("Versions", call.page(all)?, render::render_subset)))
}

/// `$LATEST`, then the published ones in order.
fn describe_versions(function: &state::Function, now_ms: i64) -> Vec<Described> {
    [&function.latest]
        .into_iter()
        .chain(function.versions.values())
        .map(|version| {
            state::describe(function, version, function.qualified_arn(Some(&version.name)), now_ms)
        })
        .collect()
}

/// `PublishVersion`
pub(super) fn publish_version(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    if reference.qualifier.as_deref().is_some_and(|qualifier| qualifier != LATEST) {
        return Err(ApiError::invalid("Only $LATEST can be published."));
    }
    let body: PublishVersion = call.json()?;
    let described = call.service.state().publish(&reference, body.into(), call.service.now_ms())?;
    Ok(Reply::created(render::render_configuration(&described)))
}

/// `DeleteFunction`
pub(super) fn delete_function(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    let in_use = {
        let mut state = call.service.state();
        state.delete(&reference)?;
        State::code_in_use(&state)
    };
    call.service.code.collect(&in_use);
    Ok(Reply::empty())
}
