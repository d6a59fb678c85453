//! The version that serves a call.

use super::functions::State;
use super::model::{Function, LATEST, Version};
use super::names::FunctionRef;
use super::policies;
use crate::lambda::error::ApiError;

/// The key of an environment: each update of a version gets another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct EnvironmentKey {
    /// The function's ARN, without a qualifier.
    pub(crate) function_arn: String,
    /// `$LATEST` or a number.
    pub(crate) version: String,
    /// The number of its update.
    pub(crate) generation: u64,
}

/// All that an invocation needs to know of the function.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) key: EnvironmentKey,
    pub(crate) name: String,
    /// As the caller named it: what `Lambda-Runtime-Invoked-Function-Arn` says.
    pub(crate) invoked_arn: String,
    pub(crate) region: String,
    pub(crate) version: Version,
    /// The most invocations that an environment of it has at once.
    pub(crate) max_concurrency: u32,
    pub(crate) reserved_concurrency: Option<u32>,
    /// The account's concurrency that no function has reserved.
    pub(crate) unreserved_concurrency: u32,
}

impl State {
    /// The version that serves `reference` now. `roll` in `0.0..1.0` decides where an alias splits its traffic.
    pub(crate) fn resolve(
        &self,
        reference: &FunctionRef,
        now_ms: i64,
        roll: f64,
    ) -> Result<Resolved, ApiError> {
        let function = self.function(reference)?;
        let name = pick_version(function, reference.qualifier.as_deref(), roll);
        let version = find_serving_version(function, &name, now_ms)
            .ok_or_else(|| ApiError::no_function(&reference.full()))?;
        if now_ms < version.active_at_ms {
            return Err(ApiError::conflict(
                "The operation cannot be performed at this time. The function is currently in the following state: \
                 Pending",
            ));
        }
        let region = function.region().to_owned();
        let limit = self.concurrency.saturating_sub(self.reserved_in(&region));
        Ok(Resolved {
            key: make_key(function, version),
            name: function.name.clone(),
            invoked_arn: reference.full(),
            region,
            version: version.clone(),
            max_concurrency: self.max_concurrency(version),
            reserved_concurrency: function.reserved_concurrency,
            unreserved_concurrency: limit,
        })
    }

    /// The function's own number, else that of the embedded cloud.
    fn max_concurrency(&self, version: &Version) -> u32 {
        let provider = version.settings.capacity_provider.as_ref();
        provider.and_then(|provider| provider.max_concurrency).unwrap_or(self.environment_concurrency)
    }

    /// True if the policy of the reference's own qualifier lets a service in.
    pub(crate) fn allows(&self, reference: &FunctionRef, principal: &str, source_arn: &str) -> bool {
        self.function(reference).is_ok_and(|function| {
            policies::allows_service(function, reference.qualifier.as_deref(), principal, source_arn)
        })
    }

    /// True if the policy of the reference's own qualifier lets everybody in through a function URL.
    pub(crate) fn allows_everybody_through_url(&self, reference: &FunctionRef) -> bool {
        self.function(reference).is_ok_and(|function| {
            policies::allows_everybody_through_url(function, reference.qualifier.as_deref())
        })
    }

    /// True if an environment of this key may serve another invocation.
    pub(crate) fn is_current(&self, wanted: &EnvironmentKey, now_ms: i64) -> bool {
        self.functions.get(&wanted.function_arn).is_some_and(|function| {
            find_serving_version(function, &wanted.version, now_ms)
                .is_some_and(|version| version.generation == wanted.generation)
        })
    }
}

fn make_key(function: &Function, version: &Version) -> EnvironmentKey {
    EnvironmentKey {
        function_arn: function.arn.clone(),
        version: version.name.clone(),
        generation: version.generation,
    }
}

/// `$LATEST` is what it was until its update has settled.
fn find_serving_version<'a>(function: &'a Function, name: &str, now_ms: i64) -> Option<&'a Version> {
    let in_progress = name == LATEST && now_ms < function.latest.settled_at_ms;
    match &function.previous {
        Some(previous) if in_progress => Some(previous),
        _ => function.version(name),
    }
}

fn pick_version(function: &Function, qualifier: Option<&str>, roll: f64) -> String {
    let qualifier = qualifier.unwrap_or(LATEST);
    let Some(alias) = function.aliases.get(qualifier) else {
        return qualifier.to_owned();
    };
    let mut passed = 0.0;
    for (version, weight) in &alias.weights {
        passed += weight;
        if roll < passed {
            return version.clone();
        }
    }
    alias.version.clone()
}
