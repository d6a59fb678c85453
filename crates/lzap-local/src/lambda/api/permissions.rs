//! Resource policies.

use serde_json::json;

use super::reply::Reply;
use super::request::{AddPermission, Call};
use crate::lambda::error::ApiError;
use crate::lambda::state::render_policy;

/// `AddPermission`
pub(super) fn add_permission(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    let body: AddPermission = call.json()?;
    let statement = call.service.state().add_permission(&reference, body.try_into()?)?;
    Ok(Reply::created(json!({ "Statement": statement.render_document().to_string() })))
}

/// `GetPolicy`
pub(super) fn get_policy(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    let state = call.service.state();
    let policy = state.policy(&reference)?;
    Ok(Reply::ok(json!({ "Policy": render_policy(policy).to_string(), "RevisionId": policy.revision_id })))
}

/// `RemovePermission`
pub(super) fn remove_permission(call: &Call<'_>, name: &str, sid: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    call.service.state().remove_permission(&reference, sid, call.parameter("RevisionId"))?;
    Ok(Reply::empty())
}
