//! The deploying identity's policy: as narrow as AWS allows, small enough, and the same for every clone.

use lzap_core::names::{Names, Part, Place, RoleName};
use lzap_core::permissions::github::{self, Repository};
use lzap_core::permissions::{policy, size};
use lzap_core::platform::Architecture;
use lzap_wire::limits::MANAGED_POLICY_CHARS;
use serde_json::{Value, json};

const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/boundary";

fn names(app: &str, partition: &str, region: &str) -> Names {
    let place = Place {
        partition: partition.to_owned(),
        account: "123456789012".to_owned(),
        region: region.to_owned(),
    };
    Names { app: app.to_owned(), stage: "dev".to_owned(), place, role: RoleName::default(), part: Part::App }
}

fn shop() -> Names {
    names("shop", "aws", "eu-central-1")
}

fn statement<'a>(policy: &'a Value, sid: &str) -> Option<&'a Value> {
    policy["Statement"].as_array().into_iter().flatten().find(|statement| statement["Sid"] == sid)
}

fn actions(policy: &Value) -> Vec<&str> {
    let statements = policy["Statement"].as_array().into_iter().flatten();
    statements
        .flat_map(|it| it["Action"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect()
}

#[test]
fn a_policy_fits_even_with_the_longest_names() {
    // Beyond this, `lzap policy` says that it takes two.
    for (longest, workers) in [(42, false), (31, true)] {
        let long = names(&"a".repeat(longest), "aws-us-gov", "us-gov-east-1");
        let chars = size(&policy(&long, Some(BOUNDARY), workers));
        assert!(chars <= MANAGED_POLICY_CHARS, "{chars} characters");
    }
}

#[test]
fn no_action_is_a_wildcard_and_no_resource_is_everything() {
    let policy = policy(&shop(), None, false);
    for action in actions(&policy) {
        assert!(!action.contains('*'), "{action}");
    }
    for statement in policy["Statement"].as_array().into_iter().flatten() {
        assert_eq!(statement["Effect"], "Allow");
        assert_ne!(statement["Resource"], "*", "{statement:#}");
    }
}

#[test]
fn every_arn_carries_the_partition() {
    let china = policy(&names("shop", "aws-cn", "cn-north-1"), None, false).to_string();
    assert!(!china.contains("arn:aws:"), "{china}");
    assert!(china.contains("arn:aws-cn:s3:::lzap-123456789012-cn-north-1/shop/dev/*"), "{china}");
}

#[test]
fn of_an_existing_role_it_is_enough_to_pass_it_on() {
    let arn = "arn:aws:iam::123456789012:role/team/shop";
    let existing = Names { role: RoleName::Existing(arn.to_owned()), ..shop() };
    let policy = policy(&existing, None, false);
    let iam: Vec<&str> = actions(&policy).into_iter().filter(|action| action.starts_with("iam:")).collect();
    assert_eq!(iam, ["iam:PassRole"]);
    let passed = statement(&policy, "PassedRole").expect("the role is passed on");
    assert_eq!(passed["Resource"], arn);
    assert_eq!(passed["Condition"]["StringEquals"]["iam:PassedToService"], "lambda.amazonaws.com");
}

#[test]
fn with_a_boundary_no_role_can_be_made_or_widened_without_it() {
    let names = Names { role: RoleName::Made { path: "/team/".to_owned() }, ..shop() };
    let with = policy(&names, Some(BOUNDARY), false);
    let bounded = statement(&with, "BoundedRole").expect("a statement of its own");
    assert_eq!(
        bounded["Action"],
        json!(["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"])
    );
    assert_eq!(bounded["Resource"], "arn:aws:iam::123456789012:role/team/shop-dev-eu-central-1-lzap");
    assert_eq!(bounded["Condition"], json!({"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}}));
    assert!(!actions(&with).contains(&"iam:DeleteRolePermissionsBoundary"));
    let without = policy(&names, None, false);
    assert!(statement(&without, "BoundedRole").is_none());
    assert!(actions(&without).contains(&"iam:DeleteRolePermissionsBoundary"));
    assert!(!actions(&without).contains(&"iam:PutRolePermissionsBoundary"));
}

#[test]
fn only_one_branch_of_one_repository_may_take_the_deploying_role() {
    for (text, sub) in [
        ("acme/shop.rs", "repo:acme/shop.rs:ref:refs/heads/main"),
        ("acme@12/shop@345", "repo:acme@12/shop@345:ref:refs/heads/main"),
    ] {
        let repository: Repository = text.parse().expect("a repository");
        let trust = github::trust_policy(&names("shop", "aws-cn", "cn-north-1"), &repository, "main");
        let statement = &trust["Statement"][0];
        assert_eq!(
            statement["Condition"],
            json!({"StringEquals": {
                "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                "token.actions.githubusercontent.com:sub": sub,
            }})
        );
        let provider = "arn:aws-cn:iam::123456789012:oidc-provider/token.actions.githubusercontent.com";
        assert_eq!(statement["Principal"], json!({"Federated": provider}));
    }
    for wrong in
        ["shop", "acme/", "/shop", "acme/*", "a b/shop", "acme/shop/x", "acme@1/shop", "acme@x/shop@1"]
    {
        assert!(wrong.parse::<Repository>().is_err(), "{wrong}");
    }
}

#[test]
fn workflow_has_all_values_and_no_placeholder_left() {
    let names = names(&"a".repeat(60), "aws", "eu-central-1");
    let workflow = github::workflow(&names, "release/1", Architecture::Arm64, "https://example.com/lzap");
    assert!(!workflow.contains("{{"), "{workflow}");
    for line in [
        "branches: [\"release/1\"]",
        "rustup target add aarch64-unknown-linux-musl",
        "role-to-assume: arn:aws:iam::123456789012:role/aaaa",
        "aws-region: eu-central-1",
        "run: lzap update dev",
    ] {
        assert!(workflow.contains(line), "no `{line}` in\n{workflow}");
    }
    assert!(github::role(&names).len() <= 64);
}
