//! Reading requests: paths, queries, bodies.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Number, Value};

use crate::lambda::error::ApiError;
use crate::lambda::service::LambdaService;
use crate::lambda::state::{
    AliasChange, AuthType, CapacityProvider, FunctionRef, NewStatement, Publish, SettingsChange,
};
use crate::percent;

/// The most items of a page.
const PAGE: usize = 50;

/// One request, on its way to an operation.
pub(in crate::lambda) struct Call<'a> {
    pub(in crate::lambda) service: &'a Arc<LambdaService>,
    pub(super) region: &'a str,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Call<'_> {
    /// The function that a path or body names, with the query's qualifier.
    pub(in crate::lambda) fn reference(&self, given: &str) -> Result<FunctionRef, ApiError> {
        FunctionRef::parse(given, self.parameter("Qualifier"), self.region, &self.service.config.account)
    }

    /// A value of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of that name.
    pub(super) fn parameters(&self, name: &str) -> Vec<String> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    /// The body; an empty one is an empty object.
    pub(in crate::lambda) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let bytes: &[u8] = if self.body.is_empty() { b"{}" } else { &self.body };
        serde_json::from_slice(bytes).map_err(|error| ApiError::serialization(error.to_string()))
    }

    /// One page of `items`, and the marker of the next.
    pub(in crate::lambda) fn page<T>(&self, items: Vec<T>) -> Result<(Vec<T>, Option<String>), ApiError> {
        let bad_marker = || ApiError::invalid("The pagination token is invalid.");
        let from: usize = match self.parameter("Marker").filter(|marker| !marker.is_empty()) {
            None => 0,
            Some(marker) => BASE64_STANDARD
                .decode(marker)
                .ok()
                .and_then(|text| String::from_utf8(text).ok()?.parse().ok())
                .ok_or_else(bad_marker)?,
        };
        let wanted: usize = match self.parameter("MaxItems") {
            None => PAGE,
            Some(text) => text.parse().map_err(|_| ApiError::serialization("MaxItems is not a number"))?,
        };
        let size = wanted.clamp(1, PAGE);
        let more = items.len() > from.saturating_add(size);
        let next = more.then(|| BASE64_STANDARD.encode((from + size).to_string()));
        Ok((items.into_iter().skip(from).take(size).collect(), next))
    }
}

/// The request's method, the decoded segments of its path, and the rest.
pub(in crate::lambda) fn take_apart<'a>(
    service: &'a Arc<LambdaService>,
    region: &'a str,
    request: Request<Bytes>,
) -> (Method, Vec<String>, Call<'a>) {
    let (parts, body) = request.into_parts();
    let segments =
        parts.uri.path().split('/').filter(|segment| !segment.is_empty()).map(percent::decode).collect();
    let query = percent::pairs(parts.uri.query().unwrap_or_default()).collect();
    (parts.method, segments, Call { service, region, query, headers: parts.headers, body })
}

/// `Code`, and the code part of `UpdateFunctionCode`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct CodeSource {
    pub(super) zip_file: Option<String>,
    pub(super) s3_bucket: Option<String>,
    pub(super) s3_key: Option<String>,
    pub(super) s3_object_version: Option<String>,
    pub(super) image_uri: Option<String>,
}

/// `CreateFunction`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateFunction {
    pub(super) function_name: String,
    pub(super) code: CodeSource,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) publish: bool,
    pub(super) architectures: Option<Vec<String>>,
    pub(super) package_type: Option<String>,
}

/// `UpdateFunctionCode`, besides its [`CodeSource`].
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct UpdateFunctionCode {
    pub(super) architectures: Option<Vec<String>>,
    pub(super) dry_run: bool,
    pub(super) publish: bool,
    pub(super) revision_id: Option<String>,
}

/// The settings in `CreateFunction` and `UpdateFunctionConfiguration`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct SettingsBody {
    description: Option<String>,
    runtime: Option<String>,
    handler: Option<String>,
    role: Option<String>,
    timeout: Option<i64>,
    memory_size: Option<i64>,
    environment: Option<Environment>,
    ephemeral_storage: Option<EphemeralStorage>,
    tracing_config: Option<TracingConfig>,
    logging_config: Option<LoggingConfig>,
    capacity_provider_config: Option<CapacityProviderConfig>,
    revision_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Environment {
    variables: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EphemeralStorage {
    size: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct TracingConfig {
    mode: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct LoggingConfig {
    log_format: Option<String>,
    log_group: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CapacityProviderConfig {
    lambda_managed_instances_capacity_provider_config: Option<ManagedInstances>,
}

/// `LambdaManagedInstancesCapacityProviderConfig`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ManagedInstances {
    capacity_provider_arn: String,
    per_execution_environment_max_concurrency: Option<i64>,
    #[serde(rename = "ExecutionEnvironmentMemoryGiBPerVCpu")]
    memory_gib_per_vcpu: Option<Number>,
}

impl From<ManagedInstances> for CapacityProvider {
    fn from(body: ManagedInstances) -> Self {
        Self {
            arn: body.capacity_provider_arn,
            max_concurrency: body.per_execution_environment_max_concurrency.map(clamp_to_u32),
            memory_gib_per_vcpu: body.memory_gib_per_vcpu,
        }
    }
}

/// Out of u32's range is out of Lambda's range too: the check of the range then names the member.
fn clamp_to_u32(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(if value < 0 { 0 } else { u32::MAX })
}

impl From<SettingsBody> for SettingsChange {
    fn from(body: SettingsBody) -> Self {
        let managed = body
            .capacity_provider_config
            .and_then(|config| config.lambda_managed_instances_capacity_provider_config);
        let logging = body.logging_config.unwrap_or_default();
        Self {
            description: body.description,
            runtime: body.runtime,
            handler: body.handler,
            role: body.role,
            timeout_secs: body.timeout.map(clamp_to_u32),
            memory_mb: body.memory_size.map(clamp_to_u32),
            environment: body.environment.map(|environment| environment.variables),
            ephemeral_mb: body.ephemeral_storage.map(|storage| clamp_to_u32(storage.size)),
            tracing: body.tracing_config.and_then(|tracing| tracing.mode),
            log_format: logging.log_format,
            log_group: logging.log_group,
            capacity_provider: managed.map(CapacityProvider::from),
            revision_id: body.revision_id,
        }
    }
}

/// Refuses what the embedded cloud can't do, rather than to leave it out in silence.
pub(super) fn refuse_unsupported(body: &Value) -> Result<(), ApiError> {
    const UNSUPPORTED: [&str; 7] = [
        "/Layers",
        "/VpcConfig/SubnetIds",
        "/FileSystemConfigs",
        "/DeadLetterConfig/TargetArn",
        "/ImageConfig",
        "/KMSKeyArn",
        "/CodeSigningConfigArn",
    ];
    let set = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    };
    let named = UNSUPPORTED.iter().find(|path| body.pointer(path).is_some_and(set));
    if let Some(path) = named {
        let name = path.trim_start_matches('/').replace('/', ".");
        return Err(ApiError::invalid(format!("the embedded cloud does not implement {name}")));
    }
    match body.pointer("/SnapStart/ApplyOn").and_then(Value::as_str) {
        None | Some("None") => Ok(()),
        Some(_) => {
            Err(ApiError::invalid("provided runtimes are not supported for SnapStart enabled functions."))
        }
    }
}

/// `PublishVersion`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct PublishVersion {
    code_sha256: Option<String>,
    description: Option<String>,
    revision_id: Option<String>,
}

impl From<PublishVersion> for Publish {
    fn from(body: PublishVersion) -> Self {
        Self { code_sha256: body.code_sha256, description: body.description, revision_id: body.revision_id }
    }
}

/// `CreateAlias` and `UpdateAlias`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct AliasBody {
    pub(super) name: Option<String>,
    function_version: Option<String>,
    description: Option<String>,
    routing_config: Option<RoutingConfig>,
    revision_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RoutingConfig {
    additional_version_weights: BTreeMap<String, f64>,
}

impl From<AliasBody> for AliasChange {
    fn from(body: AliasBody) -> Self {
        Self {
            version: body.function_version,
            description: body.description,
            weights: body.routing_config.map(|routing| routing.additional_version_weights),
            revision_id: body.revision_id,
        }
    }
}

/// `AddPermission`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AddPermission {
    statement_id: String,
    action: String,
    principal: String,
    source_arn: Option<String>,
    source_account: Option<String>,
    function_url_auth_type: Option<String>,
    invoked_via_function_url: Option<bool>,
    revision_id: Option<String>,
    event_source_token: Option<Value>,
    #[serde(rename = "PrincipalOrgID")]
    principal_org_id: Option<Value>,
}

impl TryFrom<AddPermission> for NewStatement {
    type Error = ApiError;

    fn try_from(body: AddPermission) -> Result<Self, ApiError> {
        // Both are conditions: a permission without them would let more callers in than its owner meant.
        for (member, value) in
            [("EventSourceToken", body.event_source_token), ("PrincipalOrgID", body.principal_org_id)]
        {
            if value.is_some() {
                return Err(ApiError::invalid(format!("the embedded cloud does not implement {member}")));
            }
        }
        Ok(Self {
            sid: body.statement_id,
            action: body.action,
            principal: body.principal,
            source_arn: body.source_arn,
            source_account: body.source_account,
            function_url_auth_type: read_auth_type(
                body.function_url_auth_type.as_deref(),
                "functionUrlAuthType",
            )?,
            invoked_via_function_url: body.invoked_via_function_url,
            revision_id: body.revision_id,
        })
    }
}

/// Reads a `FunctionUrlAuthType`.
pub(in crate::lambda) fn read_auth_type(
    given: Option<&str>,
    member: &str,
) -> Result<Option<AuthType>, ApiError> {
    match given {
        None => Ok(None),
        Some("NONE") => Ok(Some(AuthType::None)),
        Some("AWS_IAM") => Ok(Some(AuthType::AwsIam)),
        Some(other) => {
            let constraint = "must satisfy enum value set: [NONE, AWS_IAM]";
            Err(ApiError::constraint(other, member, constraint))
        }
    }
}

/// The one architecture of a request's list.
pub(super) fn read_architecture(list: Option<&[String]>) -> Result<Option<String>, ApiError> {
    match list {
        None | Some([]) => Ok(None),
        Some([one]) => Ok(Some(one.clone())),
        Some(many) => Err(ApiError::constraint(
            &format!("[{}]", many.join(", ")),
            "architectures",
            "must have length less than or equal to 1",
        )),
    }
}
