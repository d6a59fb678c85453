//! What the machine refuses, and who may call.

use serde_json::json;

use super::*;

type Set<'a> = &'a dyn Fn(&mut SettingsChange);

#[test]
fn settings_outside_of_awss_limits_are_refused() {
    const CONSTRAINT: Option<&str> = Some("ValidationException");
    const INVALID: Option<&str> = Some("InvalidParameterValueException");
    let variable = |key: &str, value: String| Some([(key.to_owned(), value)].into());
    let cases: [(Set<'_>, Option<&str>); 13] = [
        (&|change| change.memory_mb = Some(127), CONSTRAINT),
        (&|change| change.memory_mb = Some(10_241), CONSTRAINT),
        (&|change| change.memory_mb = Some(10_240), None),
        (&|change| change.timeout_secs = Some(0), CONSTRAINT),
        (&|change| change.timeout_secs = Some(901), CONSTRAINT),
        (&|change| change.ephemeral_mb = Some(511), CONSTRAINT),
        (&|change| change.description = Some("x".repeat(257)), CONSTRAINT),
        (&|change| change.runtime = Some("python3.13".to_owned()), INVALID),
        (&|change| change.role = Some("shop".to_owned()), CONSTRAINT),
        (&|change| change.environment = variable("AWS_REGION", String::new()), INVALID),
        (&|change| change.environment = variable("1ST", String::new()), CONSTRAINT),
        (&|change| change.environment = variable("LONG", "x".repeat(4096)), INVALID),
        (&|change| change.environment = variable("FINE", String::new()), None),
    ];
    for (set, refused) in cases {
        let mut change = SettingsChange::default();
        set(&mut change);
        assert_eq!(code_of(state().update_settings(&shop(), &change, LATER)), refused, "{change:?}");
    }
}

#[test]
fn environment_values_are_never_in_an_error() {
    let variables = [("LONG".to_owned(), "secret".repeat(1000))].into();
    let error = check_settings(&Settings { environment: variables, ..settings() }).expect_err("too long");
    assert!(!error.message.contains("secret"), "{error}");
}

#[test]
fn a_role_must_exist_and_trust_lambda() {
    let document = |principal: &str, effect: &str| {
        json!({ "Statement": { "Effect": effect, "Principal": { "Service": [principal] }, "Action": ["sts:AssumeRole"] } })
            .to_string()
    };
    assert_eq!(check_trust_policy(Some(&document("lambda.amazonaws.com", "Allow"))), Ok(()));
    for refused in [
        None,
        Some("not json".to_owned()),
        Some(document("ec2.amazonaws.com", "Allow")),
        Some(document("lambda.amazonaws.com", "Deny")),
    ] {
        let error = check_trust_policy(refused.as_deref()).expect_err("not assumable");
        assert_eq!(error.message, "The role defined for the function cannot be assumed by Lambda.");
    }
}

#[test]
fn permissions_belong_to_one_qualifier() {
    let mut state = state();
    let alias = AliasChange { version: Some(LATEST.to_owned()), ..AliasChange::default() };
    state.create_alias(&shop(), "live", alias).expect("created");
    let statement = || NewStatement {
        sid: "events".to_owned(),
        action: "lambda:InvokeFunction".to_owned(),
        principal: "events.amazonaws.com".to_owned(),
        source_arn: Some("arn:aws:events:eu-west-1:000000000000:rule/shop-*".to_owned()),
        source_account: None,
        function_url_auth_type: None,
        invoked_via_function_url: None,
        revision_id: None,
    };
    let live = qualified("live");
    state.add_permission(&live, statement()).expect("added");
    assert_eq!(code_of(state.add_permission(&live, statement())), Some("ResourceConflictException"));
    assert_eq!(
        code_of(state.add_permission(&qualified("7"), statement())),
        Some("ResourceNotFoundException")
    );
    assert_eq!(
        code_of(state.add_permission(&qualified(LATEST), statement())),
        Some("InvalidParameterValueException")
    );
    let source = "arn:aws:events:eu-west-1:000000000000:rule/shop-warm";
    assert!(state.allows(&live, "events.amazonaws.com", source));
    assert!(!state.allows(&shop(), "events.amazonaws.com", source));
    assert!(!state.allows(&live, "apigateway.amazonaws.com", source));
    assert!(!state.allows(&live, "events.amazonaws.com", "arn:aws:events:eu-west-1:000000000000:rule/other"));
    assert_eq!(code_of(state.remove_permission(&live, "other", None)), Some("ResourceNotFoundException"));
    state.remove_permission(&live, "events", None).expect("removed");
    assert_eq!(code_of(state.policy(&live)), Some("ResourceNotFoundException"));
    assert_eq!(code_of(state.remove_permission(&live, "events", None)), Some("ResourceNotFoundException"));
}

#[test]
fn a_policy_does_not_grow_without_end() {
    let mut state = state();
    let add = |state: &mut State, number: u32| {
        state.add_permission(
            &shop(),
            NewStatement {
                sid: format!("{number}-{}", "s".repeat(80)),
                action: "lambda:InvokeFunction".to_owned(),
                principal: "events.amazonaws.com".to_owned(),
                source_arn: None,
                source_account: None,
                function_url_auth_type: None,
                invoked_via_function_url: None,
                revision_id: None,
            },
        )
    };
    let refused = (0..200).find_map(|number| add(&mut state, number).err()).expect("the limit is reached");
    assert_eq!(refused.code, "PolicyLengthExceededException");
}

#[test]
fn a_reservation_leaves_a_hundred_to_the_others() {
    let mut state = state();
    state.reserve(&shop(), Some(900)).expect("a hundred are left");
    assert_eq!(code_of(state.reserve(&shop(), Some(901))), Some("InvalidParameterValueException"));
    assert_eq!(state.resolve(&shop(), LATER, 0.0).expect("it serves").unreserved_concurrency, 100);
    state.reserve(&shop(), None).expect("given back");
    assert_eq!(state.reserved_in("eu-west-1"), 0);
}

#[test]
fn tags_have_awss_limits() {
    let mut state = state();
    let tags =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    state.tag(&shop(), tags(&[("lzap:app", "shop")])).expect("tagged");
    assert_eq!(code_of(state.tag(&shop(), tags(&[("aws:x", "y")]))), Some("InvalidParameterValueException"));
    let many = (0..50).map(|number| (number.to_string(), String::new())).collect();
    assert_eq!(code_of(state.tag(&shop(), many)), Some("InvalidParameterValueException"));
    state.untag(&shop(), &["lzap:app".to_owned(), "other".to_owned()]).expect("untagged");
    assert!(state.function(&shop()).expect("it exists").tags.is_empty());
}
