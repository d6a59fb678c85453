//! The JSON documents on stdout. Their fields are part of the command line's contract.
//!
//! Only the parts that several commands share are here; each command adds its own fields with [`add_fields`].

use std::time::Duration;

use lzap_core::ids::VersionNumber;
use lzap_core::names::{ALIAS, Names};
use lzap_core::plan::{Change, Plan};
use lzap_core::resource::alias::Canary;
use lzap_core::step::Origin;
use serde_json::{Value, json};

/// Returns app, stage, region and account, the first fields of most documents.
pub(crate) fn place_fields(names: &Names) -> Value {
    json!({
        "app": names.app,
        "stage": names.stage,
        "region": names.place.region,
        "account": names.place.account,
    })
}

/// Returns the document with further fields behind its own. A field of the same name is replaced; values that
/// are no objects are ignored.
pub(crate) fn add_fields(mut document: Value, fields: Value) -> Value {
    if let (Some(document), Value::Object(fields)) = (document.as_object_mut(), fields) {
        document.extend(fields);
    }
    document
}

/// Returns the changes of a plan as a list; an empty one means that nothing had to be done.
pub(crate) fn changes_to_json(plan: &Plan) -> Value {
    plan.changes().iter().map(change_to_json).collect()
}

/// Returns one change as JSON. `before` and `after` are texts for people, or null where there is no value;
/// `drift` is true if the setting was changed outside lzap.
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

/// Returns the function behind the URL. `version` is null if it isn't known; `alias` is always the one that
/// fronts call.
pub(crate) fn function_fields(names: &Names, version: Option<&VersionNumber>) -> Value {
    let version = version.map(VersionNumber::as_str);
    json!({"name": names.function(), "arn": names.function_arn(), "version": version, "alias": ALIAS})
}

/// Returns the canary as JSON: its version, and the share of the requests that it gets.
pub(crate) fn canary_fields(canary: &Canary) -> Value {
    json!({"version": canary.version.as_str(), "percent": canary.percent})
}

/// Returns seconds with three decimals.
pub(crate) fn round_seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
