//! AWS's shapes as JSON.

use serde_json::{Value, json};

use crate::clock::timestamp;
use crate::lambda::state::{Alias, CapacityProvider, Described};

/// `FunctionConfiguration`.
pub(super) fn render_configuration(described: &Described) -> Value {
    let mut shown = render_subset(described);
    shown["State"] = json!(if described.pending { "Pending" } else { "Active" });
    if described.pending {
        shown["StateReason"] = json!("The function is being created.");
        shown["StateReasonCode"] = json!("Creating");
    }
    shown["LastUpdateStatus"] = json!(if described.in_progress { "InProgress" } else { "Successful" });
    if described.in_progress {
        shown["LastUpdateStatusReason"] = json!("The function is being created.");
        shown["LastUpdateStatusReasonCode"] = json!("Creating");
    }
    shown
}

/// `FunctionConfiguration` without the states, as the lists have it.
pub(super) fn render_subset(described: &Described) -> Value {
    let version = &described.version;
    let settings = &version.settings;
    let log_group = settings.log_group.clone().unwrap_or_else(|| format!("/aws/lambda/{}", described.name));
    let mut shown = json!({
        "FunctionName": described.name,
        "FunctionArn": described.arn,
        "Runtime": settings.runtime,
        "Role": settings.role,
        "Handler": settings.handler,
        "CodeSize": version.code.size,
        "Description": settings.description,
        "Timeout": settings.timeout_secs,
        "MemorySize": settings.memory_mb,
        "LastModified": format_modified(version.last_modified_ms),
        "CodeSha256": version.code.sha256,
        "Version": version.name,
        "TracingConfig": { "Mode": settings.tracing },
        "RevisionId": version.revision_id,
        "PackageType": "Zip",
        "Architectures": [settings.architecture],
        "EphemeralStorage": { "Size": settings.ephemeral_mb },
        "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
        "LoggingConfig": { "LogFormat": settings.log_format, "LogGroup": log_group },
    });
    if !settings.environment.is_empty() {
        shown["Environment"] = json!({ "Variables": settings.environment });
    }
    if let Some(provider) = &settings.capacity_provider {
        shown["CapacityProviderConfig"] = render_capacity_provider(provider);
    }
    shown
}

fn render_capacity_provider(provider: &CapacityProvider) -> Value {
    let mut shown = json!({ "CapacityProviderArn": provider.arn });
    if let Some(concurrency) = provider.max_concurrency {
        shown["PerExecutionEnvironmentMaxConcurrency"] = json!(concurrency);
    }
    if let Some(ratio) = &provider.memory_gib_per_vcpu {
        shown["ExecutionEnvironmentMemoryGiBPerVCpu"] = json!(ratio);
    }
    json!({ "LambdaManagedInstancesCapacityProviderConfig": shown })
}

/// `AliasConfiguration`.
pub(super) fn render_alias(function_arn: &str, alias: &Alias) -> Value {
    let mut shown = json!({
        "AliasArn": format!("{function_arn}:{}", alias.name),
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    });
    if !alias.weights.is_empty() {
        shown["RoutingConfig"] = json!({ "AdditionalVersionWeights": alias.weights });
    }
    shown
}

/// One page of a list under `name`, and the marker of the next.
pub(in crate::lambda) fn render_page<T>(
    name: &str,
    (items, next): (Vec<T>, Option<String>),
    render: impl Fn(&T) -> Value,
) -> Value {
    let items: Vec<Value> = items.into_iter().map(|item| render(&item)).collect();
    let mut shown = json!({ name: items });
    if let Some(next) = next {
        shown["NextMarker"] = json!(next);
    }
    shown
}

/// `2026-11-22T19:47:52.123+0000`.
fn format_modified(unix_ms: i64) -> String {
    timestamp(unix_ms).strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}
