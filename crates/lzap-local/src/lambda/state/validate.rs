//! The checks of Lambda's settings, with AWS's error codes and messages.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html> for the constraints; the limits are
//! `lzap_wire::limits`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use lzap_wire::env::RESERVED_BY_LAMBDA;
use lzap_wire::limits::{
    DESCRIPTION_CHARS, ENVIRONMENT_BYTES, EPHEMERAL_STORAGE_MB, MEMORY_MB, TIMEOUT_SECS,
};
use serde_json::Value;

use super::in_flight::ENVIRONMENT_CONCURRENCY;
use super::model::{CapacityProvider, Settings};
use super::names::is_word;
use crate::lambda::error::ApiError;

const MAX_TAGS: usize = 50;

/// Refuses settings that AWS would refuse.
pub(crate) fn check_settings(settings: &Settings) -> Result<(), ApiError> {
    check_range(settings.memory_mb, "memorySize", MEMORY_MB)?;
    check_range(settings.timeout_secs, "timeout", TIMEOUT_SECS)?;
    check_range(settings.ephemeral_mb, "ephemeralStorage.size", EPHEMERAL_STORAGE_MB)?;
    check_description(&settings.description)?;
    check_environment(&settings.environment)?;
    check_one_of(&settings.tracing, "tracingConfig.mode", &["Active", "PassThrough"])?;
    check_one_of(&settings.log_format, "loggingConfig.logFormat", &["JSON", "Text"])?;
    check_architecture(&settings.architecture)?;
    check_runtime(&settings.runtime)?;
    if let Some(provider) = &settings.capacity_provider {
        check_capacity_provider(provider)?;
    }
    if settings.handler.is_empty() || settings.handler.contains(char::is_whitespace) {
        return Err(ApiError::constraint(
            &settings.handler,
            "handler",
            r"must satisfy regular expression pattern: [^\s]+",
        ));
    }
    check_role_arn(&settings.role)
}

fn check_range(value: u32, member: &str, range: RangeInclusive<u32>) -> Result<(), ApiError> {
    if value < *range.start() {
        let constraint = format!("must have value greater than or equal to {}", range.start());
        return Err(ApiError::constraint(&value.to_string(), member, &constraint));
    }
    if value > *range.end() {
        let constraint = format!("must have value less than or equal to {}", range.end());
        return Err(ApiError::constraint(&value.to_string(), member, &constraint));
    }
    Ok(())
}

fn check_one_of(value: &str, member: &str, allowed: &[&str]) -> Result<(), ApiError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    let constraint = format!("must satisfy enum value set: [{}]", allowed.join(", "));
    Err(ApiError::constraint(value, member, &constraint))
}

/// Refuses a description that is too long.
pub(crate) fn check_description(text: &str) -> Result<(), ApiError> {
    if text.chars().count() <= DESCRIPTION_CHARS {
        return Ok(());
    }
    let constraint = format!("must have length less than or equal to {DESCRIPTION_CHARS}");
    Err(ApiError::constraint(text, "description", &constraint))
}

/// Refuses an architecture that Lambda doesn't have.
pub(crate) fn check_architecture(name: &str) -> Result<(), ApiError> {
    check_one_of(name, "architectures", &["x86_64", "arm64"])
}

/// AWS runs many runtimes; the embedded cloud runs what a compiled program needs.
fn check_runtime(name: &str) -> Result<(), ApiError> {
    if matches!(name, "provided.al2023" | "provided.al2") {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "Value {name} at 'runtime' is not supported by the embedded cloud: it runs provided.al2023 and provided.al2"
    )))
}

/// The constraints of AWS's service model.
fn check_capacity_provider(provider: &CapacityProvider) -> Result<(), ApiError> {
    const MEMBER: &str = "capacityProviderConfig.lambdaManagedInstancesCapacityProviderConfig";
    let member = |name: &str| format!("{MEMBER}.{name}");
    if let Some(value) = provider.max_concurrency {
        check_range(value, &member("perExecutionEnvironmentMaxConcurrency"), ENVIRONMENT_CONCURRENCY)?;
    }
    let ratio = provider.memory_gib_per_vcpu.as_ref().and_then(serde_json::Number::as_f64);
    if let Some(value) = ratio.filter(|value| !(2.0..=8.0).contains(value)) {
        let constraint = "must have value between 2 and 8, inclusive";
        let name = member("executionEnvironmentMemoryGiBPerVCpu");
        return Err(ApiError::constraint(&value.to_string(), &name, constraint));
    }
    let parts: Vec<&str> = provider.arn.split(':').collect();
    let is_arn = matches!(&parts[..], [arn, partition, lambda, region, account, kind, name]
        if *arn == "arn" && partition.starts_with("aws") && *lambda == "lambda" && !region.is_empty()
            && account.len() == 12 && *kind == "capacity-provider" && is_word(name));
    if is_arn && provider.arn.len() <= 140 {
        return Ok(());
    }
    Err(ApiError::constraint(
        &provider.arn,
        &member("capacityProviderArn"),
        r"must satisfy regular expression pattern: arn:aws[a-zA-Z-]*:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:capacity-provider:[a-zA-Z0-9-_]+",
    ))
}

fn check_role_arn(role: &str) -> Result<(), ApiError> {
    let tail = role.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(":role/"));
    if tail.is_some_and(|(account, name)| account.len() == 12 && !name.is_empty()) {
        return Ok(());
    }
    Err(ApiError::constraint(
        role,
        "role",
        r"must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
    ))
}

fn check_environment(variables: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let reserved: Vec<&str> =
        variables.keys().map(String::as_str).filter(|key| RESERVED_BY_LAMBDA.contains(key)).collect();
    if !reserved.is_empty() {
        return Err(ApiError::invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided contains reserved keys that are currently not supported for modification. Reserved keys used \
             in this request: {}",
            reserved.join(", ")
        )));
    }
    if let Some(key) = variables.keys().find(|key| !is_variable(key)) {
        return Err(ApiError::constraint(
            key,
            "environment.variables.key",
            "must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+",
        ));
    }
    // Counted as the JSON text, as AWS does; the values are not repeated in the message.
    let bytes = serde_json::to_string(variables).map_or(0, |text| text.len());
    if bytes > ENVIRONMENT_BYTES {
        return Err(ApiError::invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided exceeded the 4KB limit. {bytes} bytes measured"
        )));
    }
    Ok(())
}

fn is_variable(key: &str) -> bool {
    key.len() >= 2
        && key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Refuses too many tags, and those of AWS's own.
pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > MAX_TAGS {
        return Err(ApiError::invalid(format!("Number of tags exceeds resource tag limit: {MAX_TAGS}")));
    }
    if let Some(key) = tags.keys().find(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        return Err(ApiError::invalid(format!("Tag key {key}: aws: prefixed tag key names are not allowed")));
    }
    match tags.iter().find(|(key, value)| key.chars().count() > 128 || value.chars().count() > 256) {
        Some((key, _)) => {
            Err(ApiError::invalid(format!("Tag {key} exceeds 128 characters or its value 256")))
        }
        None => Ok(()),
    }
}

/// Refuses a name that an alias can't have.
pub(crate) fn check_alias_name(name: &str) -> Result<(), ApiError> {
    if is_word(name) && !super::names::all_digits(name) && name.len() <= 128 {
        return Ok(());
    }
    Err(ApiError::constraint(
        name,
        "name",
        "must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)",
    ))
}

/// Refuses a role whose trust policy (`None`: there is no such role) doesn't let Lambda assume it.
pub(crate) fn check_trust_policy(policy: Option<&str>) -> Result<(), ApiError> {
    let document: Option<Value> = policy.and_then(|text| serde_json::from_str(text).ok());
    let trusted = document
        .as_ref()
        .and_then(|document| document.get("Statement"))
        .is_some_and(|statements| list_values(statements).iter().any(|statement| allows_lambda(statement)));
    if trusted {
        return Ok(());
    }
    Err(ApiError::invalid("The role defined for the function cannot be assumed by Lambda."))
}

fn allows_lambda(statement: &Value) -> bool {
    let action = statement.get("Action").is_some_and(|actions| {
        list_values(actions)
            .iter()
            .filter_map(|action| action.as_str())
            .any(|action| matches!(action, "sts:AssumeRole" | "sts:*" | "*"))
    });
    let service = statement.pointer("/Principal/Service").is_some_and(|services| {
        list_values(services).iter().any(|service| service.as_str() == Some("lambda.amazonaws.com"))
    });
    statement.get("Effect").and_then(Value::as_str) == Some("Allow") && action && service
}

/// IAM's "one or a list of".
fn list_values(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |list| list.iter().collect())
}
