//! Function URLs, and who may send requests to them.

use super::super::function_urls::{FunctionUrlChange, NewFunctionUrl};
use super::url_permissions::{for_function, for_url, permission};
use super::*;

const NO_FUNCTION: &str = "Function does not exist";
const NO_RESOURCE: &str = "The resource you requested does not exist.";

fn new_url(id: &str) -> NewFunctionUrl {
    NewFunctionUrl { id: id.to_owned(), port: 4511, auth_type: AuthType::None, invoke_mode: None }
}

fn state_with_alias() -> State {
    let mut state = state();
    let alias = AliasChange { version: Some(LATEST.to_owned()), ..AliasChange::default() };
    state.create_alias(&shop(), "live", alias).expect("created");
    state
}

fn refusal<T: std::fmt::Debug>(result: Result<T, ApiError>) -> (u16, &'static str, String) {
    let error = result.expect_err("it is refused");
    (error.status, error.code, error.message)
}

fn missing(message: &str) -> (u16, &'static str, String) {
    (404, "ResourceNotFoundException", message.to_owned())
}

#[test]
fn function_and_alias_have_one_url_each() {
    let mut state = state_with_alias();
    let live = qualified("live");
    let own = state.create_function_url(&shop(), new_url("a"), 7).expect("created");
    let of_alias = state.create_function_url(&live, new_url("b"), 8).expect("created");
    assert_eq!((own.id.as_str(), own.created_ms, of_alias.id.as_str()), ("a", 7, "b"));
    let message = format!(
        "Failed to create function url config for [functionArn = {ARN}:live]. Error message:  FunctionUrlConfig exists \
         for this Lambda function"
    );
    assert_eq!(
        refusal(state.create_function_url(&live, new_url("c"), 9)),
        (409, "ResourceConflictException", message)
    );
    let of = |reference: &FunctionRef| state.function_url(reference).expect("there").id.clone();
    assert_eq!((of(&shop()), of(&live)), ("a".to_owned(), "b".to_owned()));
    let arns: Vec<String> =
        state.function_urls_of(&live).expect("there").iter().map(|(of, _)| of.full()).collect();
    assert_eq!(arns, [ARN.to_owned(), format!("{ARN}:live")]);
    state.delete_function_url(&shop()).expect("deleted");
    assert_eq!(refusal(state.function_url(&shop())), missing(NO_RESOURCE));
    assert!(state.function_url(&live).is_ok());
}

#[test]
fn update_function_url_changes_only_what_is_named() {
    let mut state = state();
    state.create_function_url(&shop(), new_url("a"), 7).expect("created");
    let mode = Some(InvokeMode::Buffered);
    let change = FunctionUrlChange { invoke_mode: mode, ..FunctionUrlChange::default() };
    state.update_function_url(&shop(), change, 8).expect("updated");
    let change = FunctionUrlChange { auth_type: Some(AuthType::AwsIam), ..FunctionUrlChange::default() };
    let url = state.update_function_url(&shop(), change, 9).expect("updated");
    assert_eq!((url.auth_type, url.invoke_mode, url.port), (AuthType::AwsIam, mode, 4511));
    assert_eq!((url.created_ms, url.modified_ms), (7, 9));
}

#[test]
fn operations_on_a_missing_url_or_function_give_the_404_of_each() {
    let mut state = state_with_alias();
    let other = FunctionRef { arn: format!("{ARN}2"), qualifier: None };
    let change = FunctionUrlChange::default();
    for reference in [&other, &qualified("next")] {
        assert_eq!(refusal(state.create_function_url(reference, new_url("a"), 0)), missing(NO_FUNCTION));
        assert_eq!(refusal(state.update_function_url(reference, change, 0)), missing(NO_FUNCTION));
    }
    assert_eq!(refusal(state.function_urls_of(&other)), missing(NO_FUNCTION));
    for reference in [&other, &shop(), &qualified("live"), &qualified("next")] {
        assert_eq!(refusal(state.function_url(reference)), missing(NO_RESOURCE));
        assert_eq!(refusal(state.delete_function_url(reference)), missing(NO_RESOURCE));
    }
    assert_eq!(refusal(state.update_function_url(&shop(), change, 0)), missing(NO_RESOURCE));
    assert_eq!(state.function_urls_of(&shop()).map(|urls| urls.len()), Ok(0));
}

#[test]
fn a_version_has_no_url() {
    let mut state = state();
    state.publish(&shop(), Publish::default(), LATER).expect("published");
    for qualifier in ["1", LATEST] {
        let reference = qualified(qualifier);
        for code in [
            code_of(state.create_function_url(&reference, new_url("a"), LATER)),
            code_of(state.function_url(&reference)),
            code_of(state.update_function_url(&reference, FunctionUrlChange::default(), LATER)),
            code_of(state.delete_function_url(&reference)),
        ] {
            assert_eq!(code, Some("ValidationException"), "{qualifier}");
        }
    }
}

#[test]
fn delete_alias_keeps_its_url_and_delete_function_deletes_it() {
    let mut state = state_with_alias();
    let live = qualified("live");
    state.create_function_url(&live, new_url("a"), 0).expect("created");
    state.delete_alias(&shop(), "live").expect("deleted");
    assert_eq!(state.function_url(&live).map(|url| url.id.as_str()), Ok("a"));
    assert_eq!(state.function_urls().count(), 1);
    state.delete(&shop()).expect("deleted");
    assert_eq!(state.function_urls().count(), 0);
}

#[test]
fn saved_urls_and_their_permissions_come_back() {
    let mut state = state_with_alias();
    let live = qualified("live");
    state.create_function_url(&live, new_url("a"), 7).expect("created");
    state.set_function_url_port("a", 4599);
    state.add_permission(&live, for_url(AuthType::None)).expect("added");
    state.add_permission(&live, NewStatement { sid: "t".into(), ..for_function(true) }).expect("added");
    let restored = State::restore(state.save()).expect("its own format");
    assert_eq!(restored.function_url(&live), state.function_url(&live));
    assert_eq!(restored.function_url(&live).map(|url| url.port), Ok(4599));
    assert!(restored.allows_everybody_through_url(&live));
}

#[test]
fn a_public_url_needs_both_permissions() {
    let url = || for_url(AuthType::None);
    let function = || for_function(true);
    let narrow = |permission: NewStatement| NewStatement { source_account: Some("1".into()), ..permission };
    let of = |permission: NewStatement, principal: &str| NewStatement {
        principal: principal.to_owned(),
        ..permission
    };
    for (name, statements, opens) in [
        ("none", vec![], false),
        ("only the URL", vec![url()], false),
        ("only the function", vec![function()], false),
        ("both", vec![url(), function()], true),
        ("a URL of the other type", vec![for_url(AuthType::AwsIam), function()], false),
        ("a function for all but URLs", vec![url(), for_function(false)], false),
        (
            "no conditions",
            vec![permission("lambda:InvokeFunctionUrl"), permission("lambda:InvokeFunction")],
            true,
        ),
        ("every action", vec![permission("lambda:*")], true),
        ("a URL for one account", vec![narrow(url()), function()], false),
        ("a function for one service", vec![url(), of(function(), "events.amazonaws.com")], false),
    ] {
        let mut state = state_with_alias();
        for (number, statement) in statements.into_iter().enumerate() {
            let statement = NewStatement { sid: number.to_string(), ..statement };
            state.add_permission(&qualified("live"), statement).expect("added");
        }
        assert_eq!(state.allows_everybody_through_url(&qualified("live")), opens, "{name}");
        assert!(!state.allows_everybody_through_url(&shop()), "{name}: of another qualifier");
    }
}
