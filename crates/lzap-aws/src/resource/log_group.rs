//! The log group, and that of the worker function: see `lzap_core::resource::log_group`.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_Operations.html>

use std::collections::BTreeMap;

use lzap_core::names::Names;
use lzap_core::resource::log_group::{LogGroupOperation, ObservedLogGroup};

use super::step::{Created, StepContext};
use crate::clients::Clients;
use crate::error::{Absent, AwsError, Kind, Named};
use crate::retry::{CONFLICT, PROPAGATION, again};

/// Applies one operation. Retention and tags may follow the creation, so that "not found" can mean "not yet".
pub(crate) async fn apply_log_group(
    context: StepContext<'_>,
    operation: &LogGroupOperation,
) -> Result<Created, AwsError> {
    let StepContext { clients, names, progress, .. } = context;
    match operation {
        LogGroupOperation::Create(tags) => {
            again(CONFLICT, progress, || create_log_group(clients, names, tags)).await?;
        }
        LogGroupOperation::PutRetention(days) => {
            again(PROPAGATION, progress, || put_retention(clients, names, *days)).await?;
        }
        LogGroupOperation::Tag(tags) => {
            again(PROPAGATION, progress, || tag_log_group(clients, names, tags)).await?;
        }
        LogGroupOperation::Delete => again(CONFLICT, progress, || delete_log_group(clients, names)).await?,
    }
    Ok(Created::Nothing)
}

/// `logs:DescribeLogGroups`: the function's log group and the worker function's, whose name has the same
/// prefix. AWS sorts by name, so the function's group comes first; the worker function's may be on another
/// page.
/// AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html>
pub(crate) async fn describe_log_groups(
    clients: &Clients,
    names: &Names,
) -> Result<[Option<ObservedLogGroup>; 2], AwsError> {
    let [own, workers] = [names.log_group(), names.workers().log_group()];
    let (groups, is_all) = log_groups(clients, &own).await?;
    // The prefix also matches groups of other functions, such as those of a stage `dev2` for `dev`.
    let mut found = [&own, &workers].map(|name| groups.get(name).cloned());
    if found[1].is_none() && !is_all {
        // A second call only if other groups lie between the two names.
        found[1] = log_groups(clients, &workers).await?.0.get(&workers).cloned();
    }
    Ok(found)
}

/// Returns the first page of the groups with this prefix, and whether there is no other page.
async fn log_groups(
    clients: &Clients,
    prefix: &str,
) -> Result<(BTreeMap<String, ObservedLogGroup>, bool), AwsError> {
    let call = clients.logs().describe_log_groups().log_group_name_prefix(prefix);
    let Some(answer) = call.send().await.named("logs:DescribeLogGroups").found()? else {
        return Ok((BTreeMap::new(), true));
    };
    let group = |group: &aws_sdk_cloudwatchlogs::types::LogGroup| ObservedLogGroup {
        retention_days: group.retention_in_days().and_then(|days| u16::try_from(days).ok()),
        // The owner is known only after the group's tags are read.
        ours: false,
    };
    let named =
        |it: &aws_sdk_cloudwatchlogs::types::LogGroup| Some((it.log_group_name()?.to_owned(), group(it)));
    let groups = answer.log_groups().iter().filter_map(named).collect();
    Ok((groups, answer.next_token().is_none()))
}

/// `logs:ListTagsForResource` of the log group; empty if there is no group.
pub(crate) async fn log_group_tags(
    clients: &Clients,
    names: &Names,
) -> Result<BTreeMap<String, String>, AwsError> {
    let call = clients.logs().list_tags_for_resource().resource_arn(names.log_group_arn());
    let answer = call.send().await.named("logs:ListTagsForResource").found()?;
    Ok(answer.and_then(|answer| answer.tags).unwrap_or_default().into_iter().collect())
}

/// `logs:TagResource` on the log group.
async fn tag_log_group(
    clients: &Clients,
    names: &Names,
    tags: &BTreeMap<String, String>,
) -> Result<(), AwsError> {
    let call = clients
        .logs()
        .tag_resource()
        .resource_arn(names.log_group_arn())
        .set_tags(Some(tags.clone().into_iter().collect()));
    call.send().await.named("logs:TagResource").map(drop)
}

/// `logs:CreateLogGroup`. An existing group is a success: Lambda creates it at the first invocation, without retention.
async fn create_log_group(
    clients: &Clients,
    names: &Names,
    tags: &BTreeMap<String, String>,
) -> Result<(), AwsError> {
    let call = clients
        .logs()
        .create_log_group()
        .log_group_name(names.log_group())
        .set_tags(Some(tags.clone().into_iter().collect()));
    match call.send().await.named("logs:CreateLogGroup") {
        Err(error) if error.kind() == Kind::Exists => Ok(()),
        outcome => outcome.map(drop),
    }
}

/// `logs:PutRetentionPolicy`. Older events are deleted from then on.
/// AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
async fn put_retention(clients: &Clients, names: &Names, days: u16) -> Result<(), AwsError> {
    let call = clients
        .logs()
        .put_retention_policy()
        .log_group_name(names.log_group())
        .retention_in_days(i32::from(days));
    call.send().await.named("logs:PutRetentionPolicy").map(drop)
}

/// `logs:DeleteLogGroup`.
async fn delete_log_group(clients: &Clients, names: &Names) -> Result<(), AwsError> {
    let call = clients.logs().delete_log_group().log_group_name(names.log_group());
    call.send().await.named("logs:DeleteLogGroup").or_gone()
}
