//! Aliases.

use super::render;
use super::reply::Reply;
use super::request::{AliasBody, Call};
use crate::lambda::error::ApiError;

/// `CreateAlias`
pub(super) fn create_alias(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    let mut body: AliasBody = call.json()?;
    let missing = |member: &str| ApiError::constraint("null", member, "must not be null");
    let alias = body.name.take().ok_or_else(|| missing("name"))?;
    let change: crate::lambda::state::AliasChange = body.into();
    if change.version.is_none() {
        return Err(missing("functionVersion"));
    }
    let alias = call.service.state().create_alias(&reference, &alias, change)?;
    Ok(Reply::created(render::render_alias(&reference.arn, &alias)))
}

/// `UpdateAlias`
pub(super) fn update_alias(call: &Call<'_>, name: &str, alias: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    let body: AliasBody = call.json()?;
    let alias = call.service.state().update_alias(&reference, alias, body.into())?;
    Ok(Reply::ok(render::render_alias(&reference.arn, &alias)))
}

/// `GetAlias`
pub(super) fn get_alias(call: &Call<'_>, name: &str, alias: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    Ok(Reply::ok(render::render_alias(&reference.arn, call.service.state().alias(&reference, alias)?)))
}

/// `DeleteAlias`
pub(super) fn delete_alias(call: &Call<'_>, name: &str, alias: &str) -> Result<Reply, ApiError> {
    call.service.state().delete_alias(&call.reference(name)?, alias)?;
    Ok(Reply::empty())
}

/// `ListAliases`
pub(super) fn list_aliases(call: &Call<'_>, name: &str) -> Result<Reply, ApiError> {
    let reference = call.reference(name)?;
    let state = call.service.state();
    let wanted = call.parameter("FunctionVersion");
    let aliases = &state.function(&reference)?.aliases;
    let all =
        aliases.values().filter(|alias| wanted.is_none_or(|version| alias.version == version)).collect();
    Ok(Reply::ok(render::render_page("Aliases", call.page(all)?, |alias| {
        render::render_alias(&reference.arn, alias)
    })))
}
