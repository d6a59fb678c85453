//! Tags, concurrency, the account.

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::reply::Reply;
use super::request::Call;
use crate::lambda::error::ApiError;
use crate::lambda::state::FunctionRef;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tags {
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reserved {
    reserved_concurrent_executions: i64,
}

/// `TagResource`, `UntagResource`, `ListTags`
pub(super) fn answer_tags(call: &Call<'_>, method: &Method, arn: &str) -> Result<Reply, ApiError> {
    let reference = FunctionRef::parse(arn, None, call.region, &call.service.config.account)?;
    if reference.qualifier.is_some() || !arn.starts_with("arn:") {
        return Err(ApiError::invalid(
            "Tags on function aliases and versions are not supported. Please specify a function ARN.",
        ));
    }
    let mut state = call.service.state();
    match *method {
        Method::GET => return Ok(Reply::ok(json!({ "Tags": state.function(&reference)?.tags }))),
        Method::POST => state.tag(&reference, call.json::<Tags>()?.tags)?,
        _ => state.untag(&reference, &call.parameters("tagKeys"))?,
    }
    Ok(Reply::empty())
}

/// `PutFunctionConcurrency`, `DeleteFunctionConcurrency`
pub(super) fn reserve_concurrency(call: &Call<'_>, method: &Method, name: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    if *method == Method::DELETE {
        call.service.state().reserve(&reference, None)?;
        return Ok(Reply::empty());
    }
    let wanted = call.json::<Reserved>()?.reserved_concurrent_executions;
    let reserved = u32::try_from(wanted).map_err(|_| {
        let constraint = "must have value greater than or equal to 0";
        ApiError::constraint(&wanted.to_string(), "reservedConcurrentExecutions", constraint)
    })?;
    call.service.state().reserve(&reference, Some(reserved))?;
    Ok(Reply::ok(json!({ "ReservedConcurrentExecutions": reserved })))
}

/// `GetFunctionConcurrency`
pub(super) fn get_reserved_concurrency(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    let reserved = call.service.state().function(&reference)?.reserved_concurrency;
    Ok(Reply::ok(match reserved {
        Some(reserved) => json!({ "ReservedConcurrentExecutions": reserved }),
        None => json!({}),
    }))
}

/// `GetAccountSettings`
pub(super) fn account_settings(call: &Call<'_>) -> Reply {
    let state = call.service.state();
    let code_size: u64 = state
        .in_region(call.region)
        .flat_map(|function| function.versions.values().chain([&function.latest]))
        .map(|version| version.code.size)
        .sum();
    let limit = call.service.concurrency;
    Reply::ok(json!({
        "AccountLimit": {
            "TotalCodeSize": 75_u64 * 1024 * 1024 * 1024,
            "CodeSizeUnzipped": 250 * 1024 * 1024,
            "CodeSizeZipped": 50 * 1024 * 1024,
            "ConcurrentExecutions": limit,
            "UnreservedConcurrentExecutions": limit.saturating_sub(state.reserved_in(call.region)),
        },
        "AccountUsage": { "TotalCodeSize": code_size, "FunctionCount": state.in_region(call.region).count() },
    }))
}
