//! The JSON documents on stdout. Their fields are part of the command line's contract.

use std::time::Duration;

use lzap_core::ids::VersionNumber;
use lzap_core::names::{ALIAS, Names};
use lzap_core::plan::{Change, Plan};
use lzap_core::step::Origin;
use serde_json::{Value, json};

/// Returns app, stage, region and account.
pub(crate) fn place_fields(names: &Names) -> Value {
    json!({
        "app": names.app,
        "stage": names.stage,
        "region": names.place.region,
        "account": names.place.account,
    })
}

/// Returns the document with further fields behind its own.
pub(crate) fn add_fields(mut document: Value, fields: Value) -> Value {
    if let (Some(document), Value::Object(fields)) = (document.as_object_mut(), fields) {
        document.extend(fields);
    }
    document
}

/// The changes of a plan.
pub(crate) fn changes_to_json(plan: &Plan) -> Value {
    plan.changes().iter().map(change_to_json).collect()
}

/// Returns one change as JSON.
fn change_to_json(change: &Change) -> Value {
    let fields: Vec<Value> = change
        .fields
        .iter()
        .map(|field| {
            json!({
                "field": field.field,
                "before": field.before,
                "after": field.after,
                "drift": field.origin == Origin::Drift,
            })
        })
        .collect();
    json!({
        "resource": change.resource.kind.name,
        "name": change.resource.name,
        "action": change.action.as_str(),
        "fields": fields,
    })
}

/// The function behind the URL.
pub(crate) fn function_fields(names: &Names, version: Option<&VersionNumber>) -> Value {
    let version = version.map(VersionNumber::as_str);
    json!({"name": names.function(), "arn": names.function_arn(), "version": version, "alias": ALIAS})
}

/// Seconds with three decimals.
pub(crate) fn round_seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
