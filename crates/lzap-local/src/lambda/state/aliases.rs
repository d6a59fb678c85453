//! Aliases: names that point to versions.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html>

use std::collections::BTreeMap;

use super::functions::{State, check_revision};
use super::model::{Alias, Function, LATEST};
use super::names::FunctionRef;
use super::validate;
use crate::lambda::error::ApiError;

/// The settings of `CreateAlias` and the changes of `UpdateAlias`; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct AliasChange {
    pub(crate) version: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) weights: Option<BTreeMap<String, f64>>,
    pub(crate) revision_id: Option<String>,
}

impl State {
    /// `CreateAlias`.
    pub(crate) fn create_alias(
        &mut self,
        reference: &FunctionRef,
        name: &str,
        change: AliasChange,
    ) -> Result<Alias, ApiError> {
        validate::check_alias_name(name)?;
        let function = self.function(reference)?;
        if function.aliases.contains_key(name) {
            let arn = function.qualified_arn(Some(name));
            return Err(ApiError::conflict(format!("Alias already exists: {arn}")));
        }
        let alias = Alias {
            name: name.to_owned(),
            version: change.version.unwrap_or_else(|| LATEST.to_owned()),
            description: change.description.unwrap_or_default(),
            weights: change.weights.unwrap_or_default(),
            revision_id: String::new(),
        };
        self.put_alias(reference, alias)
    }

    /// `UpdateAlias`.
    pub(crate) fn update_alias(
        &mut self,
        reference: &FunctionRef,
        name: &str,
        change: AliasChange,
    ) -> Result<Alias, ApiError> {
        let old = self.alias(reference, name)?;
        check_revision(change.revision_id.as_deref(), &old.revision_id)?;
        let alias = Alias {
            name: name.to_owned(),
            version: change.version.unwrap_or_else(|| old.version.clone()),
            description: change.description.unwrap_or_else(|| old.description.clone()),
            weights: change.weights.unwrap_or_else(|| old.weights.clone()),
            revision_id: String::new(),
        };
        self.put_alias(reference, alias)
    }

    /// `GetAlias`.
    pub(crate) fn alias(&self, reference: &FunctionRef, name: &str) -> Result<&Alias, ApiError> {
        let function = self.function(reference)?;
        let missing =
            || ApiError::not_found(format!("Cannot find alias arn: {}", function.qualified_arn(Some(name))));
        function.aliases.get(name).ok_or_else(missing)
    }

    /// `DeleteAlias`: its policy goes with it, its function URL stays; a missing alias is no error.
    pub(crate) fn delete_alias(&mut self, reference: &FunctionRef, name: &str) -> Result<(), ApiError> {
        let function = self.function_mut(reference)?;
        function.aliases.remove(name);
        function.policies.remove(name);
        function.event_invoke.remove(name);
        self.revision += 1;
        Ok(())
    }

    fn put_alias(&mut self, reference: &FunctionRef, alias: Alias) -> Result<Alias, ApiError> {
        check_alias(self.function(reference)?, &alias)?;
        let alias = Alias { revision_id: self.next_revision(&reference.arn), ..alias };
        self.function_mut(reference)?.aliases.insert(alias.name.clone(), alias.clone());
        Ok(alias)
    }
}

fn check_alias(function: &Function, alias: &Alias) -> Result<(), ApiError> {
    validate::check_description(&alias.description)?;
    for version in alias.weights.keys().chain([&alias.version]) {
        if function.version(version).is_none() {
            return Err(ApiError::no_function(&function.qualified_arn(Some(version))));
        }
    }
    if alias.weights.len() > 1 {
        return Err(ApiError::invalid(
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ));
    }
    if !alias.weights.values().all(|weight| (0.0..=1.0).contains(weight)) {
        return Err(ApiError::invalid("Value for AdditionalVersionWeights must be between 0.0 and 1.0"));
    }
    if !alias.weights.is_empty() && alias.version == LATEST {
        return Err(ApiError::invalid(
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ));
    }
    Ok(())
}
