//! The conditions of permissions that are about function URLs.

use super::*;

pub(super) fn permission(action: &str) -> NewStatement {
    NewStatement {
        sid: "s".to_owned(),
        action: action.to_owned(),
        principal: "*".to_owned(),
        source_arn: None,
        source_account: None,
        function_url_auth_type: None,
        invoked_via_function_url: None,
        revision_id: None,
    }
}

pub(super) fn for_url(auth_type: AuthType) -> NewStatement {
    let permission = permission("lambda:InvokeFunctionUrl");
    NewStatement { function_url_auth_type: Some(auth_type), ..permission }
}

pub(super) fn for_function(via_url: bool) -> NewStatement {
    NewStatement { invoked_via_function_url: Some(via_url), ..permission("lambda:InvokeFunction") }
}

#[test]
fn a_permission_through_urls_lets_no_service_in() {
    let mut state = state();
    state.add_permission(&shop(), for_function(true)).expect("added");
    assert!(!state.allows(&shop(), "events.amazonaws.com", "arn:aws:events:x:y:z"));
}

#[test]
fn conditions_of_urls_belong_to_their_own_action() {
    let mut state = state();
    let swapped = [
        NewStatement { function_url_auth_type: Some(AuthType::None), ..permission("lambda:InvokeFunction") },
        NewStatement { invoked_via_function_url: Some(true), ..permission("lambda:InvokeFunctionUrl") },
    ];
    for statement in swapped {
        let refused = state.add_permission(&shop(), statement).expect_err("another action");
        assert_eq!(refused.code, "InvalidParameterValueException");
        assert!(refused.message.contains(" is only supported for lambda:InvokeFunction"), "{refused}");
    }
}

#[test]
fn conditions_of_urls_are_rendered_as_awss() {
    let mut state = state();
    let statement = NewStatement { source_account: Some("1".into()), ..for_url(AuthType::AwsIam) };
    let url = state.add_permission(&shop(), statement).expect("added").render_document();
    assert_eq!(
        url["Condition"],
        json!({ "StringEquals": { "AWS:SourceAccount": "1", "lambda:FunctionUrlAuthType": "AWS_IAM" } })
    );
    let function = NewStatement { sid: "t".into(), ..for_function(true) };
    let function = state.add_permission(&shop(), function).expect("added").render_document();
    assert_eq!(
        (&function["Principal"], &function["Condition"]),
        (&json!("*"), &json!({ "Bool": { "lambda:InvokedViaFunctionUrl": "true" } }))
    );
}
