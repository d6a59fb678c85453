//! What a stage should look like: the settings, the names and the artifact, as AWS's own settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::config::KeepWarm;
use crate::names::{Names, TAG_APP, TAG_STAGE};
use crate::platform::Architecture;
use crate::settings::Settings;
use lzap_wire::env::{LZAP_APP, LZAP_STAGE};
use lzap_wire::envelope::{Kind, event};

/// What a command wants of the cloud. Every command that writes is a plan towards one of these.
#[derive(Clone, Debug)]
pub enum Desired {
    /// The whole stage, as configured and built (`deploy`, `update`, `plan`).
    Stage(Box<Stage>),
    /// The alias on an older version, everything else as it is (`rollback`).
    Version(Rollback),
    /// Nothing of the stage (`undeploy`).
    Nothing(Undeploy),
}

/// Which version a rollback goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollback {
    /// The one that was live before this one.
    Previous,
    /// This one.
    To(String),
}

/// What an undeploy leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undeploy {
    /// Nothing.
    Everything,
    /// The log group.
    KeepLogs,
}

/// A deployed stage.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The names of its resources.
    pub names: Names,
    /// The tags on everything that can be tagged.
    pub tags: BTreeMap<String, String>,
    /// The zip.
    pub artifact: Artifact,
    /// The function's settings.
    pub function: FunctionConfig,
    /// What the published version says about itself.
    pub version_description: String,
    /// Who may take the execution role.
    pub trust_policy: Value,
    /// What the execution role may do.
    pub role_policy: Value,
    /// Days that logs are kept.
    pub log_retention_days: u16,
    /// The keep-warm rule, unless it is off.
    pub keep_warm: Option<Rule>,
}

/// A zip on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 of its bytes in lower-case hex: its name in the bucket.
    pub sha256: String,
    /// SHA-256 of its bytes in base64: how Lambda names it.
    pub code_sha256: String,
    /// Its size.
    pub bytes: u64,
}

/// The settings of a function that lzap manages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionConfig {
    /// The execution role.
    pub role_arn: String,
    /// The runtime's identifier.
    pub runtime: String,
    /// The handler; what a custom runtime makes of it is its own affair.
    pub handler: String,
    /// The processor architecture.
    pub architecture: Architecture,
    /// Memory in MB.
    pub memory_mb: u32,
    /// Timeout in seconds.
    pub timeout_secs: u32,
    /// Size of `/tmp` in MB.
    pub ephemeral_storage_mb: u32,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
}

/// An `EventBridge` rule that calls the alias with a constant input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `rate(4 minutes)`.
    pub schedule: String,
    /// The JSON text that the function gets.
    pub input: String,
}

/// The runtime that runs a binary named `bootstrap`.
pub const RUNTIME: &str = "provided.al2023";
/// The handler's name: unused by a binary, required by AWS.
pub const HANDLER: &str = "bootstrap";

/// The stage that `settings` and `artifact` describe.
pub fn stage(settings: &Settings, names: Names, artifact: Artifact, version_description: String) -> Stage {
    let mut tags = settings.tags.clone();
    tags.insert(TAG_APP.to_owned(), names.app.clone());
    tags.insert(TAG_STAGE.to_owned(), names.stage.clone());
    let mut environment = settings.environment.clone();
    environment.insert(LZAP_APP.to_owned(), names.app.clone());
    environment.insert(LZAP_STAGE.to_owned(), names.stage.clone());
    Stage {
        tags,
        artifact,
        function: FunctionConfig {
            role_arn: names.role_arn(),
            runtime: RUNTIME.to_owned(),
            handler: HANDLER.to_owned(),
            architecture: settings.architecture,
            memory_mb: settings.memory_mb,
            timeout_secs: settings.timeout_secs,
            ephemeral_storage_mb: settings.ephemeral_storage_mb,
            environment,
        },
        version_description,
        trust_policy: trust_policy(),
        role_policy: role_policy(&names),
        log_retention_days: settings.log_retention_days,
        keep_warm: keep_warm(settings.keep_warm),
        names,
    }
}

/// Lambda, and nobody else, may take the role.
fn trust_policy() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "lambda.amazonaws.com" },
            "Action": "sts:AssumeRole"
        }]
    })
}

/// The least that a function needs: to write to its own log group. The `:*` stands for the group's streams, whose
/// names Lambda makes up.
///
/// AWS: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html>
fn role_policy(names: &Names) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": format!("{}:*", names.log_group_arn())
        }]
    })
}

/// The rule for a keep-warm setting. `rate(1 minute)` is singular.
///
/// AWS: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>
fn keep_warm(setting: KeepWarm) -> Option<Rule> {
    let KeepWarm::Every(mins) = setting else {
        return None;
    };
    let unit = if mins == 1 { "minute" } else { "minutes" };
    Some(Rule { schedule: format!("rate({mins} {unit})"), input: event(Kind::Warm).to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_one_minute_is_singular() {
        for (mins, rate) in [(1, "rate(1 minute)"), (2, "rate(2 minutes)"), (4, "rate(4 minutes)")] {
            assert_eq!(keep_warm(KeepWarm::Every(mins)).map(|rule| rule.schedule).as_deref(), Some(rate));
        }
        assert_eq!(keep_warm(KeepWarm::Off), None);
    }
}
