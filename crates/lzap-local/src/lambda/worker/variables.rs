//! The environment variables of a worker: those of Lambda and those of the user, and none of the host.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>

use std::collections::BTreeMap;
use std::path::Path;

use super::logs::StreamName;
use super::spec::Spec;
use crate::keys::AccessKey;

/// The facts that differ between two environments of one version.
pub(crate) struct EnvironmentFacts<'a> {
    /// `HOST:PORT` of the Runtime API.
    pub(crate) runtime_api: &'a str,
    pub(crate) stream: &'a StreamName,
    /// Stands for `/tmp`.
    pub(crate) scratch: &'a Path,
    /// The cloud's own endpoint.
    pub(crate) endpoint: &'a str,
    /// The key of functions.
    pub(crate) key: &'a AccessKey,
}

/// All variables. What the user set wins over Lambda's defaults, not over its reserved names.
pub(crate) fn build_variables(spec: &Spec, own: &EnvironmentFacts<'_>) -> BTreeMap<String, String> {
    let root = spec.task_root.display();
    let mut all: BTreeMap<String, String> = [
        ("LANG", "en_US.UTF-8".to_owned()),
        ("LD_LIBRARY_PATH", format!("{root}:{root}/lib")),
        ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin".to_owned()),
        ("TMPDIR", own.scratch.display().to_string()),
        ("TZ", ":UTC".to_owned()),
        ("AWS_ENDPOINT_URL", own.endpoint.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    all.extend(spec.version.settings.environment.clone());
    all.extend(build_reserved(spec, own).map(|(name, value)| (name.to_owned(), value)));
    if spec.is_managed() {
        // Runtimes poll that many times at once when they see this variable, and once without it.
        all.insert("AWS_LAMBDA_MAX_CONCURRENCY".to_owned(), spec.max_concurrency.to_string());
    }
    all
}

fn build_reserved(spec: &Spec, own: &EnvironmentFacts<'_>) -> [(&'static str, String); 15] {
    let settings = &spec.version.settings;
    let initialization_type = if spec.is_managed() { "lambda-managed-instances" } else { "on-demand" };
    [
        ("AWS_ACCESS_KEY_ID", own.key.id.clone()),
        ("AWS_SECRET_ACCESS_KEY", own.key.secret.clone()),
        ("AWS_SESSION_TOKEN", own.key.token.clone().unwrap_or_default()),
        ("AWS_DEFAULT_REGION", spec.region.clone()),
        ("AWS_REGION", spec.region.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", settings.memory_mb.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", spec.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", spec.version.name.clone()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", initialization_type.to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", own.stream.group.clone()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", own.stream.stream.clone()),
        ("AWS_LAMBDA_RUNTIME_API", own.runtime_api.to_owned()),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
        ("LAMBDA_TASK_ROOT", spec.task_root.display().to_string()),
        ("_HANDLER", settings.handler.clone()),
    ]
}
