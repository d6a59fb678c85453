//! Functions and versions: create, update, publish, delete.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html> for `Pending` and `InProgress`,
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html> for versions.

use std::collections::BTreeMap;

use super::functions::{Described, State, check_revision, describe};
use super::model::{Alias, CapacityProvider, Code, Function, LATEST, Settings, Version};
use super::names::FunctionRef;
use super::{names, validate};
use crate::lambda::error::ApiError;

/// The time for which a new function is `Pending`. On AWS it takes seconds; here just long enough that a client has to
/// wait.
const CREATE_MS: i64 = 150;
/// The time for which an update is `InProgress`.
const UPDATE_MS: i64 = 100;
/// The function that `CreateFunction` makes.
#[derive(Clone, Debug)]
pub(crate) struct NewFunction {
    pub(crate) settings: Settings,
    pub(crate) code: Code,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) publish: bool,
}

/// The changes of `UpdateFunctionCode`.
#[derive(Clone, Debug)]
pub(crate) struct CodeChange {
    pub(crate) code: Code,
    pub(crate) architecture: Option<String>,
    pub(crate) publish: bool,
    /// Check only.
    pub(crate) dry_run: bool,
    pub(crate) revision_id: Option<String>,
}

/// The changes of `UpdateFunctionConfiguration`; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct SettingsChange {
    pub(crate) description: Option<String>,
    pub(crate) runtime: Option<String>,
    pub(crate) handler: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) timeout_secs: Option<u32>,
    pub(crate) memory_mb: Option<u32>,
    pub(crate) environment: Option<BTreeMap<String, String>>,
    pub(crate) ephemeral_mb: Option<u32>,
    pub(crate) tracing: Option<String>,
    pub(crate) log_format: Option<String>,
    pub(crate) log_group: Option<String>,
    pub(crate) capacity_provider: Option<CapacityProvider>,
    pub(crate) revision_id: Option<String>,
}

/// The guards and the text of `PublishVersion`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Publish {
    pub(crate) code_sha256: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) revision_id: Option<String>,
}

impl SettingsChange {
    fn applied_to(&self, old: &Settings) -> Settings {
        let new = self.clone();
        Settings {
            description: new.description.unwrap_or_else(|| old.description.clone()),
            runtime: new.runtime.unwrap_or_else(|| old.runtime.clone()),
            handler: new.handler.unwrap_or_else(|| old.handler.clone()),
            role: new.role.unwrap_or_else(|| old.role.clone()),
            timeout_secs: new.timeout_secs.unwrap_or(old.timeout_secs),
            memory_mb: new.memory_mb.unwrap_or(old.memory_mb),
            environment: new.environment.unwrap_or_else(|| old.environment.clone()),
            ephemeral_mb: new.ephemeral_mb.unwrap_or(old.ephemeral_mb),
            architecture: old.architecture.clone(),
            tracing: new.tracing.unwrap_or_else(|| old.tracing.clone()),
            log_format: new.log_format.unwrap_or_else(|| old.log_format.clone()),
            log_group: new.log_group.or_else(|| old.log_group.clone()),
            capacity_provider: new.capacity_provider.or_else(|| old.capacity_provider.clone()),
        }
    }
}

impl State {
    /// `CreateFunction`: `Pending` first, `Active` a moment later.
    pub(crate) fn create(
        &mut self,
        reference: &FunctionRef,
        new: NewFunction,
        now_ms: i64,
    ) -> Result<Described, ApiError> {
        let name = reference.arn.rsplit(':').next().unwrap_or_default().to_owned();
        names::check_length(&name)?;
        validate::check_settings(&new.settings)?;
        validate::check_tags(&new.tags)?;
        if self.functions.contains_key(&reference.arn) {
            return Err(ApiError::conflict(format!("Function already exist: {name}")));
        }
        let latest = Version {
            name: LATEST.to_owned(),
            settings: new.settings,
            code: new.code,
            last_modified_ms: now_ms,
            revision_id: self.next_revision(&reference.arn),
            // A function made again under an old name must not meet the old one's environments.
            generation: self.revision,
            active_at_ms: now_ms + CREATE_MS,
            settled_at_ms: 0,
        };
        let mut function = make_function(name, reference.arn.clone(), latest, new.tags);
        if new.publish {
            freeze_version(&mut function, None, self.next_revision(&reference.arn));
        }
        let shown = function.versions.get(&1).unwrap_or(&function.latest);
        let described = describe(&function, shown, function.arn.clone(), now_ms);
        self.functions.insert(reference.arn.clone(), function);
        Ok(described)
    }

    /// `UpdateFunctionCode`.
    pub(crate) fn update_code(
        &mut self,
        reference: &FunctionRef,
        change: CodeChange,
        now_ms: i64,
    ) -> Result<Described, ApiError> {
        let mut settings = self.writable(reference, change.revision_id.as_deref(), now_ms)?.settings.clone();
        if let Some(architecture) = change.architecture {
            validate::check_architecture(&architecture)?;
            settings.architecture = architecture;
        }
        if change.dry_run {
            return self.describe(reference, now_ms);
        }
        self.replace_latest(reference, settings, Some(change.code), now_ms)?;
        if change.publish {
            return self.publish_latest(reference, None, now_ms);
        }
        self.describe(reference, now_ms)
    }

    /// `UpdateFunctionConfiguration`.
    pub(crate) fn update_settings(
        &mut self,
        reference: &FunctionRef,
        change: &SettingsChange,
        now_ms: i64,
    ) -> Result<Described, ApiError> {
        let latest = self.writable(reference, change.revision_id.as_deref(), now_ms)?;
        let settings = change.applied_to(&latest.settings);
        validate::check_settings(&settings)?;
        self.replace_latest(reference, settings, None, now_ms)?;
        self.describe(reference, now_ms)
    }

    /// `PublishVersion`: the last version again when neither code nor settings changed since.
    pub(crate) fn publish(
        &mut self,
        reference: &FunctionRef,
        publish: Publish,
        now_ms: i64,
    ) -> Result<Described, ApiError> {
        let latest = self.writable(reference, publish.revision_id.as_deref(), now_ms)?;
        let current = &latest.code.sha256;
        if let Some(sent) = publish.code_sha256.filter(|sent| sent != current) {
            return Err(ApiError::invalid(format!(
                "CodeSHA256 ({sent}) is different from current CodeSHA256 in $LATEST ({current}). Please try again \
                 with the CodeSHA256 in $LATEST."
            )));
        }
        if let Some(text) = &publish.description {
            validate::check_description(text)?;
        }
        self.publish_latest(reference, publish.description, now_ms)
    }

    /// `DeleteFunction`: the whole function, or one version that no alias holds.
    pub(crate) fn delete(&mut self, reference: &FunctionRef) -> Result<(), ApiError> {
        let function = self.function_mut(reference)?;
        let Some(qualifier) = reference.qualifier.as_deref() else {
            self.functions.remove(&reference.arn);
            self.revision += 1;
            return Ok(());
        };
        if qualifier == LATEST {
            return Err(ApiError::invalid(
                "$LATEST version cannot be deleted without deleting the function.",
            ));
        }
        if function.aliases.contains_key(qualifier) {
            return Err(ApiError::invalid(
                "Deletion of aliases is not currently supported. Use DeleteAlias instead.",
            ));
        }
        let holds = |alias: &Alias| alias.version == qualifier || alias.weights.contains_key(qualifier);
        let holders: Vec<&str> =
            function.aliases.values().filter(|a| holds(a)).map(|alias| alias.name.as_str()).collect();
        if !holders.is_empty() {
            return Err(ApiError::conflict(format!(
                "Version {qualifier} cannot be deleted because it is referenced by alias(es): {}",
                holders.join(", ")
            )));
        }
        // Deleting a version that isn't there is no error on AWS: the call is idempotent below the function.
        if let Ok(number) = qualifier.parse::<u64>() {
            function.versions.remove(&number);
            function.policies.remove(qualifier);
        }
        self.revision += 1;
        Ok(())
    }

    /// `$LATEST`, when it may be written now by a caller who saw revision `sent`.
    fn writable(
        &self,
        reference: &FunctionRef,
        sent: Option<&str>,
        now_ms: i64,
    ) -> Result<&Version, ApiError> {
        let function = self.function(reference)?;
        let latest = &function.latest;
        if now_ms < latest.active_at_ms {
            return Err(ApiError::conflict(
                "The operation cannot be performed at this time. The function is currently in the following state: \
                 Pending",
            ));
        }
        if now_ms < latest.settled_at_ms {
            return Err(ApiError::conflict(format!(
                "The operation cannot be performed at this time. An update is in progress for resource: {}",
                function.arn
            )));
        }
        check_revision(sent, &latest.revision_id)?;
        Ok(latest)
    }

    /// Puts new settings or code into `$LATEST`; what was there serves until the update has settled.
    fn replace_latest(
        &mut self,
        reference: &FunctionRef,
        settings: Settings,
        code: Option<Code>,
        now_ms: i64,
    ) -> Result<(), ApiError> {
        let revision_id = self.next_revision(&reference.arn);
        let generation = self.revision;
        let function = self.function_mut(reference)?;
        function.previous = Some(Box::new(function.latest.clone()));
        let latest = &mut function.latest;
        latest.settings = settings;
        latest.code = code.unwrap_or_else(|| latest.code.clone());
        latest.revision_id = revision_id;
        latest.generation = generation;
        latest.last_modified_ms = now_ms;
        latest.settled_at_ms = now_ms + UPDATE_MS;
        Ok(())
    }

    fn publish_latest(
        &mut self,
        reference: &FunctionRef,
        description: Option<String>,
        now_ms: i64,
    ) -> Result<Described, ApiError> {
        let revision_id = self.next_revision(&reference.arn);
        let function = self.function_mut(reference)?;
        let number = find_unchanged_version(function)
            .unwrap_or_else(|| freeze_version(function, description, revision_id));
        let name = number.to_string();
        let arn = function.qualified_arn(Some(&name));
        let version = function.version(&name).unwrap_or(&function.latest);
        Ok(describe(function, version, arn, now_ms))
    }
}

fn make_function(name: String, arn: String, latest: Version, tags: BTreeMap<String, String>) -> Function {
    Function {
        name,
        arn,
        latest,
        previous: None,
        versions: BTreeMap::new(),
        next_version: 1,
        aliases: BTreeMap::new(),
        policies: BTreeMap::new(),
        tags,
        reserved_concurrency: None,
        event_invoke: BTreeMap::new(),
        urls: BTreeMap::new(),
    }
}

/// Publishes `$LATEST` under the next number.
fn freeze_version(function: &mut Function, description: Option<String>, revision_id: String) -> u64 {
    let number = function.next_version;
    let mut version = Version { name: number.to_string(), revision_id, ..function.latest.clone() };
    if let Some(description) = description {
        version.settings.description = description;
    }
    function.versions.insert(number, version);
    function.next_version += 1;
    number
}

/// The last published version, when it is what `$LATEST` is. Its description may be its own.
fn find_unchanged_version(function: &Function) -> Option<u64> {
    let (number, last) = function.versions.last_key_value()?;
    let latest = &function.latest;
    let settings = Settings { description: last.settings.description.clone(), ..latest.settings.clone() };
    (last.code.sha256 == latest.code.sha256 && last.settings == settings).then_some(*number)
}
