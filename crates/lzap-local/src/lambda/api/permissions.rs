//! Resource policies.

use serde_json::json;

use super::reply::Reply;
use super::request::{AddPermission, Call};
use crate::lambda::error::ApiError;
use crate::lambda::state::document;

/// `AddPermission`
pub(super) fn add(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    let body: AddPermission = call.json()?;
    let statement = call.service.state().add_permission(&reference, body.try_into()?)?;
    Ok(Reply::created(json!({ "Statement": statement.document().to_string() })))
}

/// `GetPolicy`
pub(super) fn get(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    let state = call.service.state();
    let policy = state.policy(&reference)?;
    Ok(Reply::ok(json!({ "Policy": document(policy).to_string(), "RevisionId": policy.revision_id })))
}

/// `RemovePermission`
pub(super) fn remove(call: &Call<'_>, name: &str, sid: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    call.service.state().remove_permission(&reference, sid, call.parameter("RevisionId"))?;
    Ok(Reply::empty())
}
