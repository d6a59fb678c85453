//! The data of functions, versions, aliases and policies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `$LATEST`, the one version that changes.
pub(crate) const LATEST: &str = "$LATEST";

/// The settings of a function; a version has a copy that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) description: String,
    pub(crate) runtime: String,
    pub(crate) handler: String,
    pub(crate) role: String,
    pub(crate) timeout_secs: u32,
    pub(crate) memory_mb: u32,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) ephemeral_mb: u32,
    pub(crate) architecture: String,
    pub(crate) tracing: String,
    pub(crate) log_format: String,
    pub(crate) log_group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) capacity_provider: Option<CapacityProvider>,
}

/// `LambdaManagedInstancesCapacityProviderConfig`: several invocations at once in one environment.
///
/// Of the capacity provider only the ARN is known here; whether there is one isn't checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CapacityProvider {
    pub(crate) arn: String,
    /// `PerExecutionEnvironmentMaxConcurrency`
    pub(crate) max_concurrency: Option<u32>,
    /// `ExecutionEnvironmentMemoryGiBPerVCpu`, which has no effect here.
    pub(crate) memory_gib_per_vcpu: Option<serde_json::Number>,
}

/// A zip, by what it holds; the bytes are a file of the code store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Code {
    /// Base64 SHA-256 of the zip, as AWS shows it.
    pub(crate) sha256: String,
    /// Bytes of the zip.
    pub(crate) size: u64,
}

/// One version of a function: `$LATEST`, or a published copy of what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// `$LATEST` or a number.
    pub(crate) name: String,
    pub(crate) settings: Settings,
    pub(crate) code: Code,
    pub(crate) last_modified_ms: i64,
    pub(crate) revision_id: String,
    /// Grows with each update: environments of an older generation are not used again.
    pub(crate) generation: u64,
    /// `Pending` before, `Active` from then on.
    pub(crate) active_at_ms: i64,
    /// `InProgress` before, `Successful` from then on.
    pub(crate) settled_at_ms: i64,
}

/// A name for a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Alias {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: String,
    /// A second version and its share of the invocations, 0 to 1.
    pub(crate) weights: BTreeMap<String, f64>,
    pub(crate) revision_id: String,
}

/// One statement of a resource policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Statement {
    pub(crate) sid: String,
    pub(crate) action: String,
    pub(crate) principal: String,
    pub(crate) source_arn: Option<String>,
    pub(crate) source_account: Option<String>,
    /// The function, version or alias that it opens.
    pub(crate) resource: String,
    /// The condition `lambda:FunctionUrlAuthType`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) function_url_auth_type: Option<AuthType>,
    /// The condition `lambda:InvokedViaFunctionUrl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) invoked_via_function_url: Option<bool>,
}

/// The resource policy of a function, or of one of its qualifiers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) revision_id: String,
    pub(crate) statements: Vec<Statement>,
}

/// A function with all that hangs on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Without a qualifier.
    pub(crate) arn: String,
    pub(crate) latest: Version,
    /// The version that still serves while an update is in progress.
    pub(crate) previous: Option<Box<Version>>,
    pub(crate) versions: BTreeMap<u64, Version>,
    /// The next number; numbers are not used again.
    pub(crate) next_version: u64,
    pub(crate) aliases: BTreeMap<String, Alias>,
    /// By qualifier; the empty one is the function itself.
    pub(crate) policies: BTreeMap<String, Policy>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) reserved_concurrency: Option<u32>,
    /// Settings for asynchronous invocations, by qualifier.
    #[serde(default)]
    pub(crate) event_invoke: BTreeMap<String, EventInvoke>,
    /// By alias; the empty one is the function itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) urls: BTreeMap<String, FunctionUrl>,
}

/// A function URL: an HTTP endpoint in front of a function or of one of its aliases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FunctionUrl {
    /// On AWS the first label of the host name.
    pub(crate) id: String,
    /// Its port on loopback.
    pub(crate) port: u16,
    pub(crate) auth_type: AuthType,
    /// `None` until a request sets the mode: AWS then leaves the member out of its answers.
    pub(crate) invoke_mode: Option<InvokeMode>,
    pub(crate) created_ms: i64,
    pub(crate) modified_ms: i64,
}

/// The authorization of requests to a function URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AuthType {
    /// Unsigned requests, as far as the resource policy allows them.
    #[serde(rename = "NONE")]
    None,
    /// Signed requests.
    #[serde(rename = "AWS_IAM")]
    AwsIam,
}

/// The way in which a function URL delivers answers. AWS's other mode, `RESPONSE_STREAM`, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum InvokeMode {
    #[serde(rename = "BUFFERED")]
    Buffered,
}

impl AuthType {
    /// The name that AWS gives it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::AwsIam => "AWS_IAM",
        }
    }
}

/// The settings of asynchronous invocations; `None` is AWS's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EventInvoke {
    pub(crate) retries: Option<u32>,
    pub(crate) max_age_secs: Option<u32>,
    /// The failure destination: the ARN of a function.
    pub(crate) on_failure: Option<String>,
    pub(crate) modified_ms: i64,
}

impl Function {
    /// The region, as the ARN has it.
    pub(crate) fn region(&self) -> &str {
        self.arn.split(':').nth(3).unwrap_or_default()
    }

    /// `$LATEST` or the published version of that number.
    pub(crate) fn version(&self, name: &str) -> Option<&Version> {
        if name == LATEST {
            return Some(&self.latest);
        }
        self.versions.get(&name.parse::<u64>().ok()?)
    }

    /// The version that a qualifier (none, `$LATEST`, number, alias) names.
    pub(crate) fn qualified(&self, qualifier: Option<&str>) -> Option<&Version> {
        let qualifier = qualifier.unwrap_or(LATEST);
        match self.aliases.get(qualifier) {
            Some(alias) => self.version(&alias.version),
            None => self.version(qualifier),
        }
    }

    /// The ARN with the qualifier, when there is one.
    pub(crate) fn qualified_arn(&self, qualifier: Option<&str>) -> String {
        qualifier.map_or_else(|| self.arn.clone(), |qualifier| format!("{}:{qualifier}", self.arn))
    }
}
