//! All functions of an account, and how they are stored.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::model::{Function, Version};
use super::names::FunctionRef;
use crate::lambda::error::ApiError;
use crate::lambda::hex::encode_hex;

/// Concurrent invocations of an account and region, as AWS grants them by default.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html>
pub(crate) const ACCOUNT_CONCURRENCY: u32 = 1000;
/// The format of the saved state.
const FORMAT: u32 = 1;

/// All functions of the account, in every region.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    /// By unqualified ARN.
    pub(super) functions: BTreeMap<String, Function>,
    /// Grows with each change.
    pub(super) revision: u64,
    /// The account's limit of concurrent invocations; the process's setting, and not stored.
    pub(super) concurrency: u32,
    /// The most invocations that an environment has at once, where its function doesn't say; not stored here either.
    pub(super) environment_concurrency: u32,
}

/// The state as it is stored.
#[derive(Serialize, Deserialize)]
struct SavedFunctions {
    format: u32,
    revision: u64,
    functions: BTreeMap<String, Function>,
}

/// One version of a function as a caller sees it at some time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Described {
    pub(crate) name: String,
    /// Qualified as the operation does it.
    pub(crate) arn: String,
    pub(crate) version: Version,
    /// `Pending`; else `Active`.
    pub(crate) pending: bool,
    /// `LastUpdateStatus` `InProgress`; else `Successful`.
    pub(crate) in_progress: bool,
}

impl State {
    /// An account without functions.
    pub(crate) fn new() -> Self {
        Self {
            functions: BTreeMap::new(),
            revision: 0,
            concurrency: ACCOUNT_CONCURRENCY,
            environment_concurrency: 1,
        }
    }

    /// The same with another limit of concurrent invocations for the account, and another number of them for an
    /// environment.
    #[must_use]
    pub(crate) fn with_concurrency(self, concurrency: u32, environment_concurrency: u32) -> Self {
        Self { concurrency, environment_concurrency, ..self }
    }

    /// Reads what [`State::save`] wrote; every function is `Active` and settled again.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub(crate) fn restore(saved: serde_json::Value) -> Result<Self, String> {
        let format = saved.get("format").and_then(serde_json::Value::as_u64);
        if format != Some(u64::from(FORMAT)) {
            return Err(format!("its Lambda part has format {format:?}, this version reads {FORMAT}"));
        }
        let saved: SavedFunctions = serde_json::from_value(saved).map_err(|error| error.to_string())?;
        let mut state = Self { functions: saved.functions, revision: saved.revision, ..Self::new() };
        for function in state.functions.values_mut() {
            function.previous = None;
            for version in function.versions.values_mut().chain([&mut function.latest]) {
                version.active_at_ms = 0;
                version.settled_at_ms = 0;
            }
        }
        Ok(state)
    }

    /// The state as JSON, with its format's number.
    pub(crate) fn save(&self) -> serde_json::Value {
        let saved =
            SavedFunctions { format: FORMAT, revision: self.revision, functions: self.functions.clone() };
        serde_json::to_value(saved).unwrap_or_default()
    }

    /// Grows with each change.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Returns the number of functions.
    pub(crate) fn len(&self) -> usize {
        self.functions.len()
    }

    /// The functions of one region, by name.
    pub(crate) fn in_region<'a>(&'a self, region: &'a str) -> impl Iterator<Item = &'a Function> {
        self.functions.values().filter(move |function| function.region() == region)
    }

    /// The function, without regard to the qualifier.
    pub(crate) fn function(&self, reference: &FunctionRef) -> Result<&Function, ApiError> {
        self.functions.get(&reference.arn).ok_or_else(|| ApiError::no_function(&reference.full()))
    }

    /// The function, to be changed; without regard to the qualifier.
    pub(super) fn function_mut(&mut self, reference: &FunctionRef) -> Result<&mut Function, ApiError> {
        self.functions.get_mut(&reference.arn).ok_or_else(|| ApiError::no_function(&reference.full()))
    }

    /// The version that a reference names, as `GetFunctionConfiguration` shows it.
    pub(crate) fn describe(&self, reference: &FunctionRef, now_ms: i64) -> Result<Described, ApiError> {
        let function = self.function(reference)?;
        let version = function
            .qualified(reference.qualifier.as_deref())
            .ok_or_else(|| ApiError::no_function(&reference.full()))?;
        Ok(describe(function, version, reference.full(), now_ms))
    }

    /// The base64 hashes of all code that some version still needs.
    pub(crate) fn code_in_use(&self) -> BTreeSet<String> {
        self.functions
            .values()
            .flat_map(|f| f.versions.values().chain([&f.latest]).chain(f.previous.as_deref()))
            .map(|version| version.code.sha256.clone())
            .collect()
    }

    /// Counts a change and makes a revision id of it: unique in this state's life, and shaped like AWS's UUIDs.
    pub(super) fn next_revision(&mut self, arn: &str) -> String {
        self.revision += 1;
        let digest = Sha256::digest(format!("{arn} {}", self.revision));
        let hex = encode_hex(&digest[..16]);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

/// A version as seen at `now_ms`.
pub(crate) fn describe(function: &Function, version: &Version, arn: String, now_ms: i64) -> Described {
    Described {
        name: function.name.clone(),
        arn,
        version: version.clone(),
        pending: now_ms < version.active_at_ms,
        in_progress: now_ms < version.settled_at_ms,
    }
}

/// Refuses a request that names another revision than the current one.
pub(super) fn check_revision(sent: Option<&str>, current: &str) -> Result<(), ApiError> {
    match sent {
        Some(sent) if sent != current => Err(ApiError::stale_revision()),
        _ => Ok(()),
    }
}
