//! STS, IAM, `EventBridge`, CloudWatch Logs, the control API of API Gateway, and what isn't there.

use std::collections::HashMap;

use aws_sdk_apigatewayv2::types::{IntegrationType, ProtocolType};
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use aws_sdk_eventbridge::types::{Tag, Target};

use crate::cloud::{Cloud, code};

const REGION: &str = "eu-central-1";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const FUNCTION: &str = "arn:aws:lambda:eu-central-1:000000000000:function:shop-dev:live";
const BOUNDARY: &str = "arn:aws:iam::000000000000:policy/limits";
const GROUP: &str = "/aws/lambda/shop-dev";

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_the_local_account() {
    let cloud = Cloud::start().await;
    let sts = aws_sdk_sts::Client::new(&cloud.config(REGION).await);
    let caller = sts.get_caller_identity().send().await.expect("a caller");
    assert_eq!(caller.account(), Some(lzap_local::ACCOUNT));
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_has_what_it_was_given() {
    let mut cloud = Cloud::start().await;
    let iam = aws_sdk_iam::Client::new(&cloud.config(REGION).await);
    let role = iam.create_role().role_name("shop").assume_role_policy_document(TRUST).description("a & b");
    let tag = aws_sdk_iam::types::Tag::builder().key("lzap:app").value("shop").build().expect("a tag");
    role.permissions_boundary(BOUNDARY).tags(tag).send().await.expect("a new role");

    cloud.restart().await;
    let iam = aws_sdk_iam::Client::new(&cloud.config(REGION).await);
    let role = iam.get_role().role_name("shop").send().await.expect("it is there").role.expect("a role");
    assert_eq!(role.description(), Some("a & b"));
    let boundary = role.permissions_boundary().and_then(|found| found.permissions_boundary_arn());
    assert_eq!(boundary, Some(BOUNDARY));
    assert_eq!(role.tags()[0].value(), "shop");
    let document = role.assume_role_policy_document().unwrap_or_default();
    assert!(document.starts_with("%7B%22Version%22"), "{document}");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_goes_only_without_policies() {
    let cloud = Cloud::start().await;
    let iam = aws_sdk_iam::Client::new(&cloud.config(REGION).await);
    let bad = iam.create_role().role_name("bad").assume_role_policy_document("{").send().await;
    assert_eq!(code!(bad), "MalformedPolicyDocument");
    iam.create_role().role_name("shop").assume_role_policy_document(TRUST).send().await.expect("a new role");
    let put = iam.put_role_policy().role_name("shop").policy_name("run");
    put.policy_document(TRUST).send().await.expect("a policy");
    let policy = iam.get_role_policy().role_name("shop").policy_name("run").send().await.expect("a policy");
    assert!(policy.policy_document().starts_with("%7B%22Version%22"));
    assert_eq!(code!(iam.delete_role().role_name("shop").send().await), "DeleteConflict");
    iam.delete_role_policy().role_name("shop").policy_name("run").send().await.expect("deleted");
    iam.delete_role().role_name("shop").send().await.expect("deleted");
    assert_eq!(code!(iam.get_role().role_name("shop").send().await), "NoSuchEntity");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_and_inputs_are_checked() {
    let cloud = Cloud::start().await;
    let events = aws_sdk_eventbridge::Client::new(&cloud.config(REGION).await);
    for bad in ["rate(4 minute)", "rate(0 minutes)", "cron(0 3 * * * *)", "every day"] {
        let refused = events.put_rule().name("warm").schedule_expression(bad).send().await;
        assert_eq!(code!(refused), "ValidationException", "{bad}");
    }
    events.put_rule().name("warm").schedule_expression("rate(4 minutes)").send().await.expect("a new rule");
    let broken = Target::builder().id("1").arn(FUNCTION).input("{").build().expect("a target");
    let put = events.put_targets().rule("warm").targets(broken).send().await;
    assert_eq!(code!(put), "ValidationException");
    let mut six = events.put_targets().rule("warm");
    for id in 0..6 {
        six = six.targets(Target::builder().id(id.to_string()).arn(FUNCTION).build().expect("a target"));
    }
    assert_eq!(code!(six.send().await), "LimitExceededException");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_keeps_its_tags_and_targets() {
    let mut cloud = Cloud::start().await;
    let events = aws_sdk_eventbridge::Client::new(&cloud.config(REGION).await);
    let tag = Tag::builder().key("lzap:app").value("shop").build().expect("a tag");
    let rule = events.put_rule().name("warm").schedule_expression("rate(4 minutes)").tags(tag);
    let arn = rule.send().await.expect("a new rule").rule_arn.expect("an ARN");
    let target = Target::builder().id("1").arn(FUNCTION).input("{\"lzap\":1}").build().expect("a target");
    let put = events.put_targets().rule("warm").targets(target).send().await.expect("an answer");
    assert_eq!(put.failed_entry_count(), 0);

    cloud.restart().await;
    let events = aws_sdk_eventbridge::Client::new(&cloud.config(REGION).await);
    let tags = events.list_tags_for_resource().resource_arn(&arn).send().await.expect("tags");
    assert_eq!(tags.tags()[0].value(), "shop");
    let targets = events.list_targets_by_rule().rule("warm").send().await.expect("targets");
    assert_eq!(targets.targets()[0].input(), Some("{\"lzap\":1}"));
    assert_eq!(code!(events.delete_rule().name("warm").send().await), "ValidationException");
    events.remove_targets().rule("warm").ids("1").send().await.expect("an answer");
    events.delete_rule().name("warm").send().await.expect("deleted");
    let gone = events.describe_rule().name("warm").send().await;
    assert_eq!(code!(gone), "ResourceNotFoundException");
    let gone = events.list_tags_for_resource().resource_arn(&arn).send().await;
    assert_eq!(code!(gone), "ResourceNotFoundException");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_group_checks_its_retention() {
    let mut cloud = Cloud::start().await;
    let logs = aws_sdk_cloudwatchlogs::Client::new(&cloud.config(REGION).await);
    let create = || logs.create_log_group().log_group_name(GROUP).tags("lzap:app", "shop").send();
    create().await.expect("a new group");
    assert_eq!(code!(create().await), "ResourceAlreadyExistsException");
    let retain = |days| logs.put_retention_policy().log_group_name(GROUP).retention_in_days(days).send();
    assert_eq!(code!(retain(31).await), "InvalidParameterException");
    retain(30).await.expect("an allowed value");

    cloud.restart().await;
    let logs = aws_sdk_cloudwatchlogs::Client::new(&cloud.config(REGION).await);
    let found = logs.describe_log_groups().log_group_name_prefix(GROUP).send().await.expect("groups");
    assert_eq!(found.log_groups()[0].retention_in_days(), Some(30));
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn log_events_are_kept_until_their_group_goes() {
    let mut cloud = Cloud::start().await;
    let logs = aws_sdk_cloudwatchlogs::Client::new(&cloud.config(REGION).await);
    logs.create_log_group().log_group_name(GROUP).send().await.expect("a new group");
    logs.create_log_stream().log_group_name(GROUP).log_stream_name("s").send().await.expect("a new stream");
    let event = |ms, text| InputLogEvent::builder().timestamp(ms).message(text).build().expect("an event");
    let put = logs.put_log_events().log_group_name(GROUP).log_stream_name("s");
    put.log_events(event(1, "one")).log_events(event(2, "two")).send().await.expect("stored");

    cloud.restart().await;
    let logs = aws_sdk_cloudwatchlogs::Client::new(&cloud.config(REGION).await);
    let found = logs.filter_log_events().log_group_name(GROUP).filter_pattern("two").send().await;
    let found = found.expect("events");
    assert_eq!(found.events().len(), 1);
    assert_eq!(found.events()[0].message(), Some("two"));
    assert!(found.events()[0].event_id().is_some_and(|id| id.len() == 56));
    logs.delete_log_group().log_group_name(GROUP).send().await.expect("deleted");
    let gone = logs.filter_log_events().log_group_name(GROUP).send().await;
    assert_eq!(code!(gone), "ResourceNotFoundException");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_keeps_its_id_address_and_tags() {
    let mut cloud = Cloud::start().await;
    let client = aws_sdk_apigatewayv2::Client::new(&cloud.config(REGION).await);
    let api = client.create_api().name("shop").protocol_type(ProtocolType::Http).tags("lzap:app", "shop");
    let api = api.send().await.expect("a new API");
    let id = api.api_id().expect("an id");
    let plain = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    assert!(id.len() == 10 && plain, "{id}");
    let arn = format!("arn:aws:apigateway:{REGION}::/apis/{id}");
    client.tag_resource().resource_arn(&arn).tags("a", "b").send().await.expect("tagged");

    cloud.restart().await;
    let client = aws_sdk_apigatewayv2::Client::new(&cloud.config(REGION).await);
    let found = client.get_apis().send().await.expect("APIs");
    assert_eq!(found.items()[0].api_endpoint(), api.api_endpoint());
    assert_eq!(found.items()[0].tags().map(HashMap::len), Some(2));
    assert_eq!(cloud.status().await.apis[0].url, api.api_endpoint().expect("an endpoint"));
    client.delete_api().api_id(id).send().await.expect("deleted");
    assert_eq!(code!(client.get_api().api_id(id).send().await), "NotFoundException");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integration_stays_while_a_route_needs_it() {
    let cloud = Cloud::start().await;
    let client = aws_sdk_apigatewayv2::Client::new(&cloud.config(REGION).await);
    let api =
        client.create_api().name("shop").protocol_type(ProtocolType::Http).send().await.expect("an API");
    let id = api.api_id().expect("an id");
    let integration = client.create_integration().api_id(id).integration_type(IntegrationType::AwsProxy);
    let integration = integration.integration_uri(FUNCTION).payload_format_version("2.0").send().await;
    let integration = integration.expect("an integration").integration_id.expect("an id");
    let target = format!("integrations/{integration}");
    let route = client.create_route().api_id(id).route_key("$default").target(target).send().await;
    let route = route.expect("a route").route_id.expect("an id");
    client.create_stage().api_id(id).stage_name("$default").auto_deploy(true).send().await.expect("a stage");
    let delete = || client.delete_integration().api_id(id).integration_id(&integration).send();
    assert_eq!(code!(delete().await), "ConflictException");
    client.delete_route().api_id(id).route_id(route).send().await.expect("deleted");
    delete().await.expect("deleted");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_said_by_name() {
    let cloud = Cloud::start().await;
    let client = aws_sdk_apigatewayv2::Client::new(&cloud.config(REGION).await);
    let error = client.get_vpc_links().send().await.expect_err("not implemented").into_service_error();
    let message = error.meta().message().unwrap_or_default();
    assert!(message.contains("GetVpclinks"), "{message}");
    cloud.stop().await;
}
