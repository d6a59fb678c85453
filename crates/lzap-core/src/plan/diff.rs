//! What differs between a resource that should be and the one that is: for people, and for the steps that mend it.

use std::collections::{BTreeMap, BTreeSet};

use crate::desired::{self, FunctionConfig, Stage};
use crate::observed::{Api, AutoDeploy, Function, LiveRule, Role, Version};
use crate::step::{Action, ApiRef, Call, FieldChange, IntegrationRef};

pub(super) const ARCHITECTURE: &str = "architecture";

/// Whether a published version is what the stage should be.
pub(super) fn is_current(version: &Version, stage: &Stage) -> bool {
    version.code_sha256 == stage.artifact.code_sha256 && version.config == stage.function
}

pub(super) fn function_fields(
    function: &Function,
    stage: &Stage,
    mut fields: Vec<FieldChange>,
    tags_differ: bool,
) -> Vec<FieldChange> {
    if function.code_sha256 != stage.artifact.code_sha256 {
        let short = |sha: &str| sha.chars().take(8).collect::<String>();
        fields.push(FieldChange::new(
            "code",
            short(&function.code_sha256),
            format!("{} ({} bytes)", short(&stage.artifact.code_sha256), stage.artifact.bytes),
        ));
    }
    if tags_differ {
        let differing = stage.tags.iter().filter(|(key, value)| function.tags.get(*key) != Some(value));
        fields.extend(differing.map(|(key, value)| FieldChange {
            field: format!("tags.{key}"),
            before: function.tags.get(key).cloned(),
            after: Some(value.clone()),
        }));
    }
    fields
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
    let keys: BTreeSet<&String> = live.environment.keys().chain(wanted.environment.keys()).collect();
    for key in keys {
        let (before, after) = (live.environment.get(key), wanted.environment.get(key));
        if before != after {
            changes.push(FieldChange {
                field: format!("environment.{key}"),
                before: before.map(|_| "(hidden)".to_owned()),
                after: after.map(|_| "(hidden)".to_owned()),
            });
        }
    }
    changes
}

/// The calls that bring a role in line, in their order: the boundary first, since an account may want it in place
/// before it lets anything else of the role change.
pub(super) fn role_calls(live: &Role, wanted: &desired::Role) -> (Vec<Call>, Vec<FieldChange>) {
    let (mut calls, mut fields) = (Vec::new(), Vec::new());
    if live.permissions_boundary != wanted.permissions_boundary {
        fields.push(FieldChange {
            field: "permissions boundary".to_owned(),
            before: live.permissions_boundary.clone(),
            after: wanted.permissions_boundary.clone(),
        });
        calls.push(match &wanted.permissions_boundary {
            Some(boundary) => Call::PutPermissionsBoundary(boundary.clone()),
            None => Call::DeletePermissionsBoundary,
        });
    }
    if live.trust_policy != wanted.trust_policy {
        fields.push(FieldChange::new("trust policy", &live.trust_policy, &wanted.trust_policy));
        calls.push(Call::UpdateTrustPolicy(wanted.trust_policy.clone()));
    }
    if live.policy.as_ref() != Some(&wanted.policy) {
        fields.push(FieldChange {
            field: "policy".to_owned(),
            before: live.policy.as_ref().map(ToString::to_string),
            after: Some(wanted.policy.to_string()),
        });
        calls.push(Call::PutRolePolicy(wanted.policy.clone()));
    }
    (calls, fields)
}

pub(super) fn rule_fields(
    live: Option<&LiveRule>,
    schedule: &str,
    target_differs: bool,
) -> (Action, Vec<FieldChange>) {
    let Some(live) = live else {
        return (Action::Create, Vec::new());
    };
    let mut fields = Vec::new();
    if live.schedule != schedule {
        fields.push(FieldChange::new("schedule", &live.schedule, schedule));
    }
    if !live.enabled {
        fields.push(FieldChange::new("state", "disabled", "enabled"));
    }
    if target_differs {
        fields.push(FieldChange::new("target", "another", "the alias, with a warm ping"));
    }
    (Action::Update, fields)
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
                fields.push(FieldChange::new("integration", &routed.uri, alias_arn));
                calls.push(Call::UpdateIntegration { api: known.clone(), integration: routed.id.clone() });
            }
            IntegrationRef::Known(routed.id.clone())
        }
        (None, Some(spare)) => IntegrationRef::Known(spare.id.clone()),
        (None, None) => {
            fields.push(FieldChange {
                field: "integration".to_owned(),
                before: None,
                after: Some(alias_arn.to_owned()),
            });
            calls.push(Call::CreateIntegration(known.clone()));
            IntegrationRef::Created
        }
    };
    if routed.is_none() {
        fields.push(FieldChange {
            field: "route".to_owned(),
            before: None,
            after: Some("$default".to_owned()),
        });
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
            fields.push(FieldChange::new("automatic deployment", "off", "on"));
            calls.push(Call::UpdateStage(known));
        }
        None => {
            fields.push(FieldChange {
                field: "stage".to_owned(),
                before: None,
                after: Some("$default".to_owned()),
            });
            calls.push(Call::CreateStage { api: known, tags: tags.clone() });
        }
    }
    (calls, fields)
}
