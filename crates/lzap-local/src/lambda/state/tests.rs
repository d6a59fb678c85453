//! The machine alone: time is a number.

mod function_urls;
mod in_flight;
mod limits;
mod url_permissions;

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::lambda::error::ApiError;

const ROLE: &str = "arn:aws:iam::000000000000:role/shop";
const ARN: &str = "arn:aws:lambda:eu-west-1:000000000000:function:shop";
/// Long after everything has settled.
const LATER: i64 = 10_000;

fn shop() -> FunctionRef {
    FunctionRef { arn: ARN.to_owned(), qualifier: None }
}

fn qualified(qualifier: &str) -> FunctionRef {
    FunctionRef { qualifier: Some(qualifier.to_owned()), ..shop() }
}

fn settings() -> Settings {
    Settings {
        description: String::new(),
        runtime: "provided.al2023".to_owned(),
        handler: "bootstrap".to_owned(),
        role: ROLE.to_owned(),
        timeout_secs: 3,
        memory_mb: 128,
        environment: BTreeMap::new(),
        ephemeral_mb: 512,
        architecture: "x86_64".to_owned(),
        tracing: "PassThrough".to_owned(),
        log_format: "Text".to_owned(),
        log_group: None,
        capacity_provider: None,
    }
}

fn code(name: &str) -> Code {
    Code { sha256: name.to_owned(), size: 7 }
}

fn new(settings: Settings) -> NewFunction {
    NewFunction { settings, code: code("one"), tags: BTreeMap::new(), publish: false }
}

/// A state with the function `shop`, created at 0.
fn state() -> State {
    let mut state = State::new();
    state.create(&shop(), new(settings()), 0).expect("it is created");
    state
}

fn update(code_name: &str) -> CodeChange {
    CodeChange {
        code: code(code_name),
        architecture: None,
        publish: false,
        dry_run: false,
        revision_id: None,
    }
}

fn code_of<T>(result: Result<T, ApiError>) -> Option<&'static str> {
    result.err().map(|error| error.code)
}

#[test]
fn a_new_function_is_pending_first_and_refuses_writes_and_invokes_meanwhile() {
    let mut state = state();
    let early = state.describe(&shop(), 1).expect("it exists");
    assert!(early.pending && !early.in_progress);
    assert_eq!(code_of(state.update_code(&shop(), update("two"), 1)), Some("ResourceConflictException"));
    assert_eq!(code_of(state.resolve(&shop(), 1, 0.0)), Some("ResourceConflictException"));
    assert!(!state.describe(&shop(), LATER).expect("it exists").pending);
    assert!(state.resolve(&shop(), LATER, 0.0).is_ok());
}

#[test]
fn an_update_is_in_progress_first_and_the_old_code_serves_meanwhile() {
    let mut state = state();
    let updated = state.update_code(&shop(), update("two"), LATER).expect("it is settled");
    assert!(updated.in_progress);
    assert_eq!(updated.version.code, code("two"));
    for refused in [
        code_of(state.update_code(&shop(), update("three"), LATER + 1)),
        code_of(state.update_settings(&shop(), &SettingsChange::default(), LATER + 1)),
        code_of(state.publish(&shop(), Publish::default(), LATER + 1)),
    ] {
        assert_eq!(refused, Some("ResourceConflictException"));
    }
    let during = state.resolve(&shop(), LATER + 1, 0.0).expect("it serves");
    assert_eq!(during.version.code, code("one"));
    let after = state.resolve(&shop(), LATER * 2, 0.0).expect("it serves");
    assert_eq!(after.version.code, code("two"));
    assert!(!state.is_current(&during.key, LATER * 2), "its environments end");
}

#[test]
fn publishing_without_a_change_returns_the_version_that_is_there() {
    let mut state = state();
    let first = state.publish(&shop(), Publish::default(), LATER).expect("published");
    assert_eq!((first.version.name.as_str(), first.arn), ("1", format!("{ARN}:1")));
    let text = Publish { description: Some("other words".to_owned()), ..Publish::default() };
    assert_eq!(state.publish(&shop(), text, LATER).expect("published").version.name, "1");
    let same = CodeChange { publish: true, ..update("one") };
    assert_eq!(state.update_code(&shop(), same, LATER).expect("updated").version.name, "1");
    let change = SettingsChange { memory_mb: Some(256), ..SettingsChange::default() };
    state.update_settings(&shop(), &change, LATER * 2).expect("updated");
    let second = state.publish(&shop(), Publish::default(), LATER * 3).expect("published");
    assert_eq!(second.version.name, "2");
    assert_eq!(state.describe(&qualified("1"), LATER).expect("kept").version.settings.memory_mb, 128);
}

#[test]
fn numbers_of_deleted_versions_are_not_used_again() {
    let mut state = state();
    state.publish(&shop(), Publish::default(), LATER).expect("published");
    state.delete(&qualified("1")).expect("deleted");
    assert_eq!(code_of(state.describe(&qualified("1"), LATER)), Some("ResourceNotFoundException"));
    assert_eq!(state.publish(&shop(), Publish::default(), LATER).expect("published").version.name, "2");
    assert_eq!(code_of(state.delete(&qualified(LATEST))), Some("InvalidParameterValueException"));
}

#[test]
fn a_version_that_an_alias_holds_cannot_be_deleted() {
    let mut state = state();
    state.publish(&shop(), Publish::default(), LATER).expect("published");
    let to = AliasChange { version: Some("1".to_owned()), ..AliasChange::default() };
    state.create_alias(&shop(), "live", to).expect("created");
    assert_eq!(code_of(state.delete(&qualified("1"))), Some("ResourceConflictException"));
    state.delete_alias(&shop(), "live").expect("deleted");
    state.delete_alias(&shop(), "live").expect("a missing alias is no error");
    state.delete(&qualified("1")).expect("nothing holds it now");
}

#[test]
fn a_stale_revision_is_refused_everywhere() {
    let mut state = state();
    let seen = state.describe(&shop(), LATER).expect("it exists").version.revision_id;
    assert_eq!(seen.len(), 36, "shaped like AWS's: {seen}");
    state.update_code(&shop(), update("two"), LATER).expect("updated");
    let later = LATER * 2;
    let stale = Some(seen);
    let code_change = CodeChange { revision_id: stale.clone(), ..update("three") };
    let settings_change = SettingsChange { revision_id: stale.clone(), ..SettingsChange::default() };
    let publish = Publish { revision_id: stale.clone(), ..Publish::default() };
    let alias = AliasChange { version: Some(LATEST.to_owned()), ..AliasChange::default() };
    state.create_alias(&shop(), "live", alias).expect("created");
    let alias_change = AliasChange { revision_id: stale, ..AliasChange::default() };
    for refused in [
        code_of(state.update_code(&shop(), code_change, later)),
        code_of(state.update_settings(&shop(), &settings_change, later)),
        code_of(state.publish(&shop(), publish, later)),
        code_of(state.update_alias(&shop(), "live", alias_change)),
    ] {
        assert_eq!(refused, Some("PreconditionFailedException"));
    }
}

#[test]
fn a_dry_run_checks_and_changes_nothing() {
    let mut state = state();
    let before = state.clone();
    state.update_code(&shop(), CodeChange { dry_run: true, ..update("two") }, LATER).expect("it would work");
    assert_eq!(state, before);
}

#[test]
fn an_alias_splits_its_traffic_by_weight() {
    let mut state = state();
    state.publish(&shop(), Publish::default(), LATER).expect("published");
    state.update_code(&shop(), CodeChange { publish: true, ..update("two") }, LATER).expect("published");
    let split = AliasChange {
        version: Some("1".to_owned()),
        weights: Some([("2".to_owned(), 0.1)].into()),
        ..AliasChange::default()
    };
    state.create_alias(&shop(), "live", split).expect("created");
    let served = |roll| state.resolve(&qualified("live"), LATER * 2, roll).expect("it serves").version.name;
    assert_eq!([served(0.0), served(0.09), served(0.1), served(0.99)], ["2", "2", "1", "1"]);
    for (weights, code) in [
        (vec![("9", 0.1)], "ResourceNotFoundException"),
        (vec![("2", 1.5)], "InvalidParameterValueException"),
        (vec![("1", 0.1), ("2", 0.1)], "InvalidParameterValueException"),
    ] {
        let weights = weights.into_iter().map(|(version, weight)| (version.to_owned(), weight)).collect();
        let change = AliasChange { weights: Some(weights), ..AliasChange::default() };
        assert_eq!(code_of(state.update_alias(&shop(), "live", change)), Some(code));
    }
    assert_eq!(
        code_of(state.create_alias(&shop(), "12", AliasChange::default())),
        Some("ValidationException")
    );
}

#[test]
fn what_is_saved_comes_back_settled() {
    let mut state = state();
    state.update_code(&shop(), CodeChange { publish: true, ..update("two") }, LATER).expect("published");
    let restored = State::restore(state.save()).expect("its own format");
    assert_eq!(restored.revision(), state.revision());
    let latest = restored.describe(&shop(), 1).expect("it exists");
    assert!(!latest.pending && !latest.in_progress);
    assert_eq!(restored.resolve(&shop(), 1, 0.0).expect("it serves").version.code, code("two"));
    assert_eq!(restored.code_in_use().into_iter().collect::<Vec<_>>(), ["two"]);
    let foreign = State::restore(json!({ "format": 2 })).expect_err("another format");
    assert!(foreign.contains('2'), "{foreign}");
}

/// Frozen: clouds that were saved by format 1 are read for ever.
#[test]
fn format_1_is_still_read() {
    let saved = json!({ "format": 1, "revision": 3, "functions": { ARN: {
        "name": "shop", "arn": ARN, "previous": null, "next_version": 1,
        "versions": {}, "aliases": {}, "tags": { "lzap:app": "shop" }, "reserved_concurrency": null,
        "policies": { "": { "revision_id": "r", "statements": [{
            "sid": "s", "action": "lambda:InvokeFunction", "principal": "events.amazonaws.com",
            "source_arn": null, "source_account": null, "resource": ARN,
        }] } },
        "latest": {
            "name": "$LATEST", "code": { "sha256": "one", "size": 7 }, "last_modified_ms": 0, "revision_id": "r",
            "generation": 1, "active_at_ms": 150, "settled_at_ms": 0,
            "settings": {
                "description": "", "runtime": "provided.al2023", "handler": "bootstrap", "role": ROLE,
                "timeout_secs": 3, "memory_mb": 128, "environment": {}, "ephemeral_mb": 512,
                "architecture": "x86_64", "tracing": "PassThrough", "log_format": "Text", "log_group": null,
            },
        },
    } } });
    let state = State::restore(saved.clone()).expect("format 1");
    assert!(state.allows(&shop(), "events.amazonaws.com", "arn:aws:events:x:y:z"));
    let keys = |value: &serde_json::Value| {
        value.as_object().map(|object| object.keys().cloned().collect::<Vec<_>>())
    };
    let again = state.save();
    let latest = format!("/functions/{}/latest/settings", ARN.replace('/', "~1"));
    assert_eq!(keys(again.pointer(&latest).expect("there")), keys(saved.pointer(&latest).expect("there")));
}
