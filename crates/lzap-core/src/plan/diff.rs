//! What differs between a resource that should be and the one that is: for people, and for the steps that mend it.

use std::collections::{BTreeMap, BTreeSet};

use crate::asynchronous::AsyncConfig;
use crate::desired::{self, Artifact, FunctionConfig, Rule, Stage};
use crate::names::TARGET;
use crate::observed::{Api, AutoDeploy, Function, LiveRule, Role, Version};
use crate::step::{Action, ApiRef, Call, FieldChange, IntegrationRef, VersionRef};

pub(super) const ARCHITECTURE: &str = "architecture";

/// Whether a published version is what the stage should be.
pub(super) fn is_current(version: &Version, stage: &Stage) -> bool {
    version.code_sha256 == stage.artifact.code_sha256 && version.config == stage.function
}

pub(super) fn function_fields(
    function: &Function,
    stage: &Stage,
    mut fields: Vec<FieldChange>,
) -> Vec<FieldChange> {
    fields.extend(code_field(&function.code_sha256, &stage.artifact));
    fields.extend(missing_tags(&function.tags, &stage.function_tags(Some(&function.tags))));
    fields
}

/// The code, where it is another than that of `artifact`.
pub(super) fn code_field(live: &str, artifact: &Artifact) -> Option<FieldChange> {
    let short = |sha: &str| sha.chars().take(8).collect::<String>();
    let wanted = format!("{} ({} bytes)", short(&artifact.code_sha256), artifact.bytes);
    (live != artifact.code_sha256).then(|| FieldChange::new("code", short(live), wanted))
}

/// The tags that are missing or have another value. Further ones are somebody else's, and stay.
pub(super) fn missing_tags(
    live: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
) -> Vec<FieldChange> {
    let differing = wanted.iter().filter(|(key, value)| live.get(*key) != Some(value));
    differing
        .map(|(key, value)| {
            FieldChange::of(format!("tags.{key}"), live.get(key).cloned(), Some(value.clone()))
        })
        .collect()
}

/// The settings that differ, with units. Environment values are secrets: only that they differ is said.
pub(super) fn config_changes(live: &FunctionConfig, wanted: &FunctionConfig) -> Vec<FieldChange> {
    let rows = [
        ("role", live.role_arn.clone(), wanted.role_arn.clone()),
        ("runtime", live.runtime.clone(), wanted.runtime.clone()),
        ("handler", live.handler.clone(), wanted.handler.clone()),
        (ARCHITECTURE, live.architecture.to_string(), wanted.architecture.to_string()),
        ("memory", format!("{} MB", live.memory_mb), format!("{} MB", wanted.memory_mb)),
        ("timeout", format!("{} s", live.timeout_secs), format!("{} s", wanted.timeout_secs)),
        (
            "ephemeral storage",
            format!("{} MB", live.ephemeral_storage_mb),
            format!("{} MB", wanted.ephemeral_storage_mb),
        ),
    ];
    let mut changes: Vec<FieldChange> = rows
        .into_iter()
        .filter(|(_, before, after)| before != after)
        .map(|(field, before, after)| FieldChange::new(field, before, after))
        .collect();
    if live.workers != wanted.workers {
        let (before, after) = (live.workers.as_ref().map(version), wanted.workers.as_ref().map(version));
        changes.push(FieldChange::of("workers", before, after));
    }
    let keys: BTreeSet<&String> = live.environment.keys().chain(wanted.environment.keys()).collect();
    for key in keys {
        let (before, after) = (live.environment.get(key), wanted.environment.get(key));
        if before != after {
            let hidden = |value: Option<&String>| value.map(|_| "(hidden)".to_owned());
            changes.push(FieldChange::of(format!("environment.{key}"), hidden(before), hidden(after)));
        }
    }
    changes
}

fn version(version: &VersionRef) -> String {
    match version {
        VersionRef::Known(number) => format!("version {number}"),
        VersionRef::Published => "a new version".to_owned(),
    }
}

/// The calls that bring a role in line, in their order: the boundary first, since an account may want it in place
/// before it lets anything else of the role change.
pub(super) fn role_calls(live: &Role, wanted: &desired::Role) -> (Vec<Call>, Vec<FieldChange>) {
    let (mut calls, mut fields) = (Vec::new(), Vec::new());
    if live.permissions_boundary != wanted.permissions_boundary {
        let (before, after) = (live.permissions_boundary.clone(), wanted.permissions_boundary.clone());
        fields.push(FieldChange::of("permissions boundary", before, after));
        calls.push(match &wanted.permissions_boundary {
            Some(boundary) => Call::PutPermissionsBoundary(boundary.clone()),
            None => Call::DeletePermissionsBoundary,
        });
    }
    if live.trust_policy != wanted.trust_policy {
        fields.push(FieldChange::new("trust policy", &live.trust_policy, &wanted.trust_policy).drifted());
        calls.push(Call::UpdateTrustPolicy(wanted.trust_policy.clone()));
    }
    if live.policy.as_ref() != Some(&wanted.policy) {
        let before = live.policy.as_ref().map(ToString::to_string);
        fields.push(FieldChange::of("policy", before, Some(wanted.policy.to_string())));
        calls.push(Call::PutRolePolicy(wanted.policy.clone()));
    }
    (calls, fields)
}

pub(super) fn rule_fields(
    live: Option<&LiveRule>,
    wanted: &Rule,
    alias_arn: &str,
) -> (Action, Vec<FieldChange>) {
    let Some(live) = live else {
        return (Action::Create, wanted.task.iter().map(|_| new_schedule(wanted)).collect());
    };
    let mut fields = Vec::new();
    if live.schedule != wanted.schedule {
        fields.push(FieldChange::new("schedule", &live.schedule, &wanted.schedule));
    }
    if !live.enabled {
        fields.push(FieldChange::new("state", "disabled", "enabled").drifted());
    }
    let target = live.targets.iter().find(|target| target.id == TARGET).or(live.targets.first());
    match target {
        Some(target) if target.id == TARGET && target.arn == alias_arn => {
            if target.input != wanted.input {
                fields.push(FieldChange::new("input", &target.input, &wanted.input));
            }
        }
        other => {
            let asked =
                wanted.task.as_ref().map_or("a warm ping".to_owned(), |task| format!("task `{task}`"));
            let before = other.map(|target| target.arn.clone());
            fields.push(FieldChange::of("target", before, Some(format!("the alias, with {asked}"))));
        }
    }
    (Action::Update, fields)
}

/// The settings for events that nobody waits for, which differ or are new.
pub(super) fn async_fields(live: Option<&AsyncConfig>, wanted: &AsyncConfig) -> Vec<FieldChange> {
    let before = live.map(AsyncConfig::rows);
    let rows = wanted.rows().into_iter().enumerate();
    let changes = rows.map(|(place, (field, after))| {
        let before = before.as_ref().map(|rows| rows[place].1.clone());
        FieldChange::of(field, before, Some(after))
    });
    changes.filter(|change| change.before != change.after).collect()
}

/// When a new schedule runs, for those who look at the plan.
fn new_schedule(wanted: &Rule) -> FieldChange {
    FieldChange::of("schedule", None, Some(wanted.schedule.clone()))
}

/// The calls that bring an API in line, the integration before the route that needs it.
pub(super) fn api_calls(
    api: &Api,
    alias_arn: &str,
    tags: &BTreeMap<String, String>,
) -> (Vec<Call>, Vec<FieldChange>) {
    let known = ApiRef::Known(api.id.clone());
    let route = api.routes.iter().find(|route| route.key == "$default");
    let routed =
        route.and_then(|r| api.integrations.iter().find(|i| r.target == format!("integrations/{}", i.id)));
    let fits = |uri: &str, format: &str| uri == alias_arn && format == "2.0";
    let (mut calls, mut fields) = (Vec::new(), Vec::new());
    let spare = api.integrations.iter().find(|i| fits(&i.uri, &i.payload_format));
    let target = match (routed, spare) {
        (Some(routed), _) => {
            if !fits(&routed.uri, &routed.payload_format) {
                fields.push(FieldChange::new("integration", &routed.uri, alias_arn).drifted());
                calls.push(Call::UpdateIntegration { api: known.clone(), integration: routed.id.clone() });
            }
            IntegrationRef::Known(routed.id.clone())
        }
        (None, Some(spare)) => IntegrationRef::Known(spare.id.clone()),
        (None, None) => {
            fields.push(FieldChange::of("integration", None, Some(alias_arn.to_owned())));
            calls.push(Call::CreateIntegration(known.clone()));
            IntegrationRef::Created
        }
    };
    if routed.is_none() {
        fields.push(FieldChange::of("route", None, Some("$default".to_owned())));
        calls.push(match route {
            Some(route) => {
                Call::UpdateRoute { api: known.clone(), route: route.id.clone(), integration: target }
            }
            None => Call::CreateRoute { api: known.clone(), integration: target },
        });
    }
    match api.default_stage {
        Some(AutoDeploy::On) => {}
        Some(AutoDeploy::Off) => {
            fields.push(FieldChange::new("automatic deployment", "off", "on").drifted());
            calls.push(Call::UpdateStage(known));
        }
        None => {
            fields.push(FieldChange::of("stage", None, Some("$default".to_owned())));
            calls.push(Call::CreateStage { api: known, tags: tags.clone() });
        }
    }
    (calls, fields)
}
