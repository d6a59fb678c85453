//! The desired state of a stage: the settings, the names and the artifact, as AWS's own settings.

use std::collections::{BTreeMap, BTreeSet};

use crate::asynchronous::{AsyncConfig, DEFAULT_RETRIES};
use crate::config::KeepWarm;
use crate::ids::{RuleName, VersionNumber};
use crate::names::{KEEP_WARM, Names, TAG_APP, TAG_STAGE, TAG_USES};
use crate::resource::artifact::Artifact;
use crate::resource::front::Front;
use crate::resource::function::{FunctionConfig, HANDLER, RUNTIME};
use crate::resource::kinds::Kinds;
use crate::resource::role::DesiredRole;
use crate::resource::rule::DesiredRule;
use crate::resource::workers::DesiredWorkers;
use crate::resource::{event_invoke, rule, workers};
use crate::role::{self, RoleSetting};
use crate::settings::Settings;
use crate::uses::Uses;
use lzap_wire::env::{
    LZAP_ACCOUNT, LZAP_APP, LZAP_BUCKET, LZAP_RETRIES, LZAP_STAGE, LZAP_TIMEOUT, LZAP_WORKERS_MEMORY,
};
use lzap_wire::envelope::{Kind, event};
use lzap_wire::task::schedule_input;

/// The goal of a command. Every command that writes is a plan towards one of these.
#[derive(Clone, Debug)]
pub enum Desired {
    /// The whole stage, as configured and built (`deploy`, `update`, `plan`).
    Stage(Box<Stage>),
    /// The alias on an older version, everything else as it is (`rollback`).
    Version(Rollback),
    /// The end of a canary, one way or the other (`deploy --promote`, `deploy --abort`).
    Canary(CanaryEnding),
    /// Nothing of the stage (`undeploy`).
    Nothing(Undeploy),
}

/// The end of a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanaryEnding {
    /// The canary gets all of the traffic.
    Promote,
    /// The canary gets no traffic any more.
    Abort,
}

/// The version that a rollback goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollback {
    /// The version that was live before the current one.
    Previous,
    /// The version with this number.
    To(VersionNumber),
}

/// The scope of an undeploy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Undeploy {
    /// Keep the log group.
    pub keep_logs: bool,
    /// Also delete resources that have the stage's names but not its tags.
    pub adopt: bool,
}

/// A deployed stage.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The names of its resources.
    pub names: Names,
    /// The tags on everything that can be tagged.
    pub tags: BTreeMap<String, String>,
    /// The zip with the function's binary.
    pub artifact: Artifact,
    /// The function's settings.
    pub function: FunctionConfig,
    /// The worker function, if the chunks of maps go to a function of their own.
    pub workers: Option<DesiredWorkers>,
    /// The settings of asynchronous invocations; `None` leaves AWS's defaults.
    pub asynchronous: Option<AsyncConfig>,
    /// The features of the app that need more than HTTP does.
    pub uses: Uses,
    /// The release information that the published version has as its description.
    pub version_description: String,
    /// The execution role, unless an existing one is used.
    pub role: Option<DesiredRole>,
    /// Days that logs are kept.
    pub log_retention_days: u16,
    /// The rules that call the alias, by the suffix of their names: keep-warm, unless it is off, and the schedules.
    pub rules: BTreeMap<RuleName, DesiredRule>,
    /// Number of published versions to keep.
    pub keep_versions: u32,
    /// The path that a new version must answer before it gets traffic.
    pub health_path: Option<String>,
    /// The share of the traffic, in percent, that a new version gets; all of it unless set.
    pub canary: Option<u8>,
    /// Resources with the stage's names, but not its tags, are taken over.
    pub adopt: bool,
    /// The front.
    pub front: Front,
    /// Fronts that the stage had before are kept.
    pub keep_old_front: bool,
    /// The path to request when the stage has a new front; `None`: it isn't requested.
    pub touch_path: Option<String>,
}

impl Stage {
    /// The tasks that schedules call, each once.
    pub(crate) fn scheduled_tasks(&self) -> BTreeSet<String> {
        self.rules.values().filter_map(|rule| rule.task.clone()).collect()
    }

    /// The function's tags: the stage's, and the facts that the next deploy needs.
    pub(crate) fn function_tags(&self, live: Option<&BTreeMap<String, String>>) -> BTreeMap<String, String> {
        let uses = self.uses.tag(live).map(|value| (TAG_USES.to_owned(), value));
        self.tags.clone().into_iter().chain(uses).collect()
    }

    /// The optional kinds of resources that the stage has.
    pub(crate) fn kinds(&self) -> Kinds {
        let kinds = [
            (!self.rules.is_empty(), rule::KIND),
            (self.asynchronous.is_some(), event_invoke::KIND),
            (self.workers.is_some(), workers::KIND),
        ];
        let kinds = kinds.into_iter().filter(|(has, _)| *has).map(|(_, kind)| kind);
        Kinds::of(kinds.chain(self.front.kind()))
    }
}

/// All inputs of a stage's desired state except its artifact. They are read once per command, so that the plan that is
/// shown and the plan that is applied agree.
#[derive(Clone, Debug)]
pub struct StageFacts<'a> {
    /// The stage in `lzap.toml`.
    pub settings: &'a Settings,
    /// The names of its resources.
    pub names: &'a Names,
    /// The features of the runtime crate that the app uses.
    pub uses: Uses,
    /// Commit, author and time, for the description of a new version.
    pub release: String,
    /// The options of the command.
    pub options: DeployOptions,
}

/// The options of a deploy that change its plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeployOptions {
    /// Resources with the stage's names, but not its tags, are taken over.
    pub adopt: bool,
    /// The share of the traffic, in percent, that a new version gets; all of it unless set.
    pub canary: Option<u8>,
    /// Fronts that the stage had before are kept.
    pub keep_old_front: bool,
    /// No front is requested.
    pub no_touch: bool,
}

impl StageFacts<'_> {
    /// The desired state, with this artifact.
    pub fn desired(&self, artifact: Artifact) -> Stage {
        let DeployOptions { adopt, canary, keep_old_front, no_touch } = self.options;
        let stage = stage(self.settings, self.names.clone(), artifact, self.release.clone(), self.uses);
        let touch_path = stage.touch_path.clone().filter(|_| !no_touch);
        Stage { canary, adopt, keep_old_front, touch_path, ..stage }
    }

    /// The optional kinds of resources in `lzap.toml`.
    pub fn kinds(&self) -> Kinds {
        self.desired(Artifact::pending()).kinds()
    }
}

/// The stage that `settings` and `artifact` describe, for an app that uses this.
pub fn stage(
    settings: &Settings,
    names: Names,
    artifact: Artifact,
    version_description: String,
    uses: Uses,
) -> Stage {
    let mut tags = settings.tags.clone();
    tags.insert(TAG_APP.to_owned(), names.app.clone());
    tags.insert(TAG_STAGE.to_owned(), names.stage.clone());
    let function = FunctionConfig {
        role_arn: names.role_arn(),
        runtime: RUNTIME.to_owned(),
        handler: HANDLER.to_owned(),
        architecture: settings.architecture,
        memory_mb: settings.memory_mb,
        timeout_secs: settings.timeout_secs,
        ephemeral_storage_mb: settings.ephemeral_storage_mb,
        environment: desired_environment(settings, &names, uses),
        workers: None,
    };
    let workers = settings.workers.filter(|_| uses.map).map(|workers| DesiredWorkers {
        function: FunctionConfig {
            memory_mb: workers.memory_mb.unwrap_or(settings.memory_mb),
            ..function.clone()
        },
        concurrency: workers.concurrency,
    });
    // A worker function exists only if the app uses `map`.
    let uses = Uses { workers: workers.is_some(), ..uses };
    Stage {
        tags,
        artifact,
        function,
        workers,
        version_description,
        uses,
        asynchronous: settings.asynchronous.clone(),
        role: desired_role(settings, &names, uses),
        log_retention_days: settings.log_retention_days,
        keep_versions: settings.keep_versions,
        health_path: settings.health_path.clone(),
        canary: None,
        adopt: false,
        front: settings.front,
        keep_old_front: false,
        touch_path: Some(settings.touch_path.clone()),
        rules: desired_rules(settings),
        names,
    }
}

/// The variables of `lzap.toml`, and those that the runtime crate reads.
pub(crate) fn desired_environment(
    settings: &Settings,
    names: &Names,
    uses: Uses,
) -> BTreeMap<String, String> {
    let mut environment = settings.environment.clone();
    environment.insert(LZAP_APP.to_owned(), names.app.clone());
    environment.insert(LZAP_STAGE.to_owned(), names.stage.clone());
    if uses.any() {
        environment.insert(LZAP_BUCKET.to_owned(), names.bucket());
        environment.insert(LZAP_ACCOUNT.to_owned(), names.place.account.clone());
        let retries = settings.asynchronous.as_ref().map(|it| it.retries);
        if let Some(retries) = retries.filter(|retries| *retries != DEFAULT_RETRIES) {
            environment.insert(LZAP_RETRIES.to_owned(), retries.to_string());
        }
    }
    if uses.map {
        environment.insert(LZAP_TIMEOUT.to_owned(), settings.timeout_secs.to_string());
        if let Some(memory) = settings.workers.and_then(|workers| workers.memory_mb) {
            environment.insert(LZAP_WORKERS_MEMORY.to_owned(), memory.to_string());
        }
    }
    environment
}

/// The role that lzap creates; `None` if `lzap.toml` names an existing one.
fn desired_role(settings: &Settings, names: &Names, uses: Uses) -> Option<DesiredRole> {
    let RoleSetting::Made(made) = &settings.role else {
        return None;
    };
    Some(DesiredRole {
        path: made.path.clone(),
        permissions_boundary: made.permissions_boundary.clone(),
        trust_policy: role::trust_policy(),
        policy: role::policy(names, uses, settings.asynchronous.as_ref(), &made.statements),
    })
}

/// The rule for a keep-warm setting. `rate(1 minute)` is singular.
///
/// AWS: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>
fn keep_warm(setting: KeepWarm) -> Option<DesiredRule> {
    let KeepWarm::Every(mins) = setting else {
        return None;
    };
    let unit = if mins == 1 { "minute" } else { "minutes" };
    let input = event(Kind::Warm).to_string();
    Some(DesiredRule { schedule: format!("rate({mins} {unit})"), input, task: None })
}

fn desired_rules(settings: &Settings) -> BTreeMap<RuleName, DesiredRule> {
    let schedules = settings.schedules.iter().map(|schedule| {
        let rule = DesiredRule {
            schedule: schedule.expression.clone(),
            input: schedule_input(&schedule.task, &schedule.input).to_string(),
            task: Some(schedule.task.clone()),
        };
        (RuleName::new(&schedule.name), rule)
    });
    let keep_warm = keep_warm(settings.keep_warm).map(|rule| (RuleName::new(KEEP_WARM), rule));
    schedules.chain(keep_warm).collect()
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
