//! Function URLs: at most one for the function itself and one for each alias.
//!
//! `DeleteAlias` doesn't delete the alias's URL, as recorded on AWS by `LocalStack`'s tests. Requests to it are refused
//! from then on, because the alias's policy is deleted. `DeleteFunctionUrlConfig` and `DeleteFunction` delete the URL.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html>

use super::functions::State;
use super::model::{AuthType, FunctionUrl, InvokeMode, LATEST};
use super::names::{FunctionRef, all_digits};
use super::policies::NO_RESOURCE;
use crate::lambda::error::ApiError;

const QUALIFIER_PATTERN: &str = r"must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)";

/// The function URL that `CreateFunctionUrlConfig` makes.
#[derive(Clone, Debug)]
pub(crate) struct NewFunctionUrl {
    /// Unique among all function URLs.
    pub(crate) id: String,
    pub(crate) port: u16,
    pub(crate) auth_type: AuthType,
    pub(crate) invoke_mode: Option<InvokeMode>,
}

/// The changes of `UpdateFunctionUrlConfig`; `None` stays as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FunctionUrlChange {
    pub(crate) auth_type: Option<AuthType>,
    pub(crate) invoke_mode: Option<InvokeMode>,
}

impl State {
    /// `CreateFunctionUrlConfig`.
    pub(crate) fn create_function_url(
        &mut self,
        reference: &FunctionRef,
        new: NewFunctionUrl,
        now_ms: i64,
    ) -> Result<FunctionUrl, ApiError> {
        let alias = self.find_target(reference)?;
        let function = self.function_mut(reference)?;
        if function.urls.contains_key(&alias) {
            return Err(ApiError::conflict(format!(
                "Failed to create function url config for [functionArn = {}]. Error message:  FunctionUrlConfig exists \
                 for this Lambda function",
                reference.full()
            )));
        }
        let url = FunctionUrl {
            id: new.id,
            port: new.port,
            auth_type: new.auth_type,
            invoke_mode: new.invoke_mode,
            created_ms: now_ms,
            modified_ms: now_ms,
        };
        function.urls.insert(alias, url.clone());
        self.revision += 1;
        Ok(url)
    }

    /// `GetFunctionUrlConfig`.
    pub(crate) fn function_url(&self, reference: &FunctionRef) -> Result<&FunctionUrl, ApiError> {
        let alias = check_qualifier(reference)?;
        let url = self.function(reference).ok().and_then(|function| function.urls.get(alias));
        url.ok_or_else(|| ApiError::not_found(NO_RESOURCE))
    }

    /// `UpdateFunctionUrlConfig`.
    pub(crate) fn update_function_url(
        &mut self,
        reference: &FunctionRef,
        change: FunctionUrlChange,
        now_ms: i64,
    ) -> Result<FunctionUrl, ApiError> {
        let alias = self.find_target(reference)?;
        let old = self.function_url(reference)?;
        let url = FunctionUrl {
            auth_type: change.auth_type.unwrap_or(old.auth_type),
            invoke_mode: change.invoke_mode.or(old.invoke_mode),
            modified_ms: now_ms,
            ..old.clone()
        };
        self.function_mut(reference)?.urls.insert(alias, url.clone());
        self.revision += 1;
        Ok(url)
    }

    /// `DeleteFunctionUrlConfig`.
    pub(crate) fn delete_function_url(&mut self, reference: &FunctionRef) -> Result<(), ApiError> {
        self.function_url(reference)?;
        let alias = check_qualifier(reference)?;
        self.function_mut(reference)?.urls.remove(alias);
        self.revision += 1;
        Ok(())
    }

    /// `ListFunctionUrlConfigs`: each URL with what it belongs to.
    pub(crate) fn function_urls_of(
        &self,
        reference: &FunctionRef,
    ) -> Result<Vec<(FunctionRef, &FunctionUrl)>, ApiError> {
        let function = self.function(reference).map_err(|_| no_function())?;
        Ok(function.urls.iter().map(|(alias, url)| (read_target(&function.arn, alias), url)).collect())
    }

    /// The URLs of all functions, in every region.
    pub(crate) fn function_urls(&self) -> impl Iterator<Item = (FunctionRef, &FunctionUrl)> {
        self.functions.values().flat_map(|function| {
            function.urls.iter().map(|(alias, url)| (read_target(&function.arn, alias), url))
        })
    }

    /// Moves a URL to another port, when its own was taken by another program.
    pub(crate) fn set_function_url_port(&mut self, id: &str, port: u16) {
        let mut urls = self.functions.values_mut().flat_map(|function| function.urls.values_mut());
        if let Some(url) = urls.find(|url| url.id == id) {
            url.port = port;
            self.revision += 1;
        }
    }

    /// The key of the function or alias that a URL may belong to. A version has no URL.
    fn find_target(&self, reference: &FunctionRef) -> Result<String, ApiError> {
        let alias = check_qualifier(reference)?;
        let function = self.function(reference).map_err(|_| no_function())?;
        if alias.is_empty() || function.aliases.contains_key(alias) {
            return Ok(alias.to_owned());
        }
        Err(no_function())
    }
}

/// The alias's name; empty for the function itself.
fn check_qualifier(reference: &FunctionRef) -> Result<&str, ApiError> {
    let qualifier = reference.qualifier.as_deref().unwrap_or_default();
    if qualifier == LATEST || all_digits(qualifier) {
        return Err(ApiError::constraint(qualifier, "qualifier", QUALIFIER_PATTERN));
    }
    Ok(qualifier)
}

fn read_target(function_arn: &str, alias: &str) -> FunctionRef {
    let qualifier = Some(alias.to_owned()).filter(|alias| !alias.is_empty());
    FunctionRef { arn: function_arn.to_owned(), qualifier }
}

/// The sentence of these operations for a missing function or alias.
fn no_function() -> ApiError {
    ApiError::not_found("Function does not exist")
}
