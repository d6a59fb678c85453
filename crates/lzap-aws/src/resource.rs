//! The kinds of AWS resources, a module each, as in `lzap_core::resource`.
//!
//! A kind's module has one function per AWS operation, the only call site of that operation, with plain data in and out;
//! and `apply`, an exhaustive match over the kind's operations, which says how each is retried.

pub(crate) mod alias;
pub(crate) mod artifact;
pub(crate) mod bucket;
mod deletion;
pub(crate) mod event_invoke;
pub(crate) mod front;
pub(crate) mod function;
pub(crate) mod function_url;
pub(crate) mod http_api;
pub(crate) mod lifecycle;
pub(crate) mod log_group;
pub(crate) mod permission;
pub(crate) mod role;
pub(crate) mod rule;
mod s3_answer;
mod settle;
pub(crate) mod step;
pub(crate) mod version;

use lzap_core::resource::Operation;

use step::{Created, StepContext, StepError};

/// Applies one operation, and again while AWS is busy. Returns the id that AWS assigned, if later steps need
/// it.
pub(crate) async fn apply_operation(
    context: StepContext<'_>,
    operation: &Operation,
) -> Result<Created, StepError> {
    // Boxed: the futures of the SDK are large, and this one would have the size of the largest.
    Ok(match operation {
        Operation::Bucket(operation) => Box::pin(bucket::apply_bucket(context, *operation)).await?,
        Operation::Artifact(operation) => Box::pin(artifact::apply_artifact(context, operation)).await?,
        Operation::Role(operation) => Box::pin(role::apply_role(context, operation)).await?,
        Operation::LogGroup(operation) => Box::pin(log_group::apply_log_group(context, operation)).await?,
        Operation::Function(operation) => Box::pin(function::apply_function(context, operation)).await?,
        Operation::Version(operation) => Box::pin(version::apply_version(context, operation)).await?,
        Operation::Alias(operation) => Box::pin(alias::apply_alias(context, operation)).await?,
        Operation::EventInvoke(operation) => {
            Box::pin(event_invoke::apply_event_invoke(context, operation)).await?
        }
        Operation::FunctionUrl(operation) => {
            Box::pin(function_url::apply_function_url(context, *operation)).await?
        }
        Operation::Front(operation) => Box::pin(front::apply_front(context, operation)).await?,
        Operation::HttpApi(operation) => Box::pin(http_api::apply_http_api(context, operation)).await?,
        Operation::Permission(operation) => {
            Box::pin(permission::apply_permission(context, operation)).await?
        }
        Operation::Rule(operation) => Box::pin(rule::apply_rule(context, operation)).await?,
    })
}
