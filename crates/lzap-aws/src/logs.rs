//! CloudWatch Logs: the log group, and what was written last.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_Operations.html>

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::types::OrderBy;
use futures::future::join_all;
use lzap_core::names::Names;
use lzap_core::observed::LogGroup;

use crate::clients::Clients;
use crate::error::{Absent, AwsError, Kind, Named};

/// Lines of how many streams, one for each environment of the function, are looked at.
const NEWEST_STREAMS: i32 = 3;

/// `logs:DescribeLogGroups`. Answers are sorted by name, so a group that is its own prefix comes first.
pub(crate) async fn describe_log_group(
    clients: &Clients,
    names: &Names,
) -> Result<Option<LogGroup>, AwsError> {
    let name = names.log_group();
    let call = clients.logs().describe_log_groups().log_group_name_prefix(&name);
    let answer = call.send().await.named("logs:DescribeLogGroups").found()?;
    let groups = answer.and_then(|answer| answer.log_groups).unwrap_or_default();
    let group = groups.into_iter().find(|group| group.log_group_name() == Some(&name));
    Ok(group.map(|group| LogGroup {
        retention_days: group.retention_in_days().and_then(|days| u16::try_from(days).ok()),
        ours: false,
    }))
}

/// `logs:ListTagsForResource` of the log group.
pub(crate) async fn log_group_tags(
    clients: &Clients,
    names: &Names,
) -> Result<BTreeMap<String, String>, AwsError> {
    let call = clients.logs().list_tags_for_resource().resource_arn(names.log_group_arn());
    let answer = call.send().await.named("logs:ListTagsForResource").found()?;
    Ok(answer.and_then(|answer| answer.tags).unwrap_or_default().into_iter().collect())
}

/// `logs:TagResource` on the log group.
pub(crate) async fn tag_log_group(
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

/// `logs:CreateLogGroup`. One that exists is fine: Lambda makes it at the first invocation.
pub(crate) async fn create_log_group(
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

/// `logs:PutRetentionPolicy`.
pub(crate) async fn put_retention(clients: &Clients, names: &Names, days: u16) -> Result<(), AwsError> {
    let call = clients
        .logs()
        .put_retention_policy()
        .log_group_name(names.log_group())
        .retention_in_days(i32::from(days));
    call.send().await.named("logs:PutRetentionPolicy").map(drop)
}

/// `logs:DeleteLogGroup`.
pub(crate) async fn delete_log_group(clients: &Clients, names: &Names) -> Result<(), AwsError> {
    let call = clients.logs().delete_log_group().log_group_name(names.log_group());
    call.send().await.named("logs:DeleteLogGroup").or_gone()
}

/// The newest lines of the function's log, oldest first: at most `count`, of its newest streams.
///
/// For an error's explanation, so never itself an error: what can't be read is left out.
pub async fn last_log_lines(clients: &Clients, names: &Names, count: usize) -> Vec<String> {
    let streams = newest_streams(clients, names).await.unwrap_or_default();
    let reads = streams.iter().map(|stream| newest_events(clients, names, stream, count));
    let mut lines: Vec<(i64, String)> = join_all(reads).await.into_iter().flatten().flatten().collect();
    lines.sort_by_key(|(time, _)| *time);
    let surplus = lines.len().saturating_sub(count);
    lines.into_iter().skip(surplus).map(|(_, line)| line).collect()
}

/// `logs:DescribeLogStreams`, newest first.
async fn newest_streams(clients: &Clients, names: &Names) -> Result<Vec<String>, AwsError> {
    let call = clients
        .logs()
        .describe_log_streams()
        .log_group_name(names.log_group())
        .order_by(OrderBy::LastEventTime)
        .descending(true)
        .limit(NEWEST_STREAMS);
    let answer = call.send().await.named("logs:DescribeLogStreams")?;
    Ok(answer.log_streams().iter().filter_map(|stream| stream.log_stream_name()).map(str::to_owned).collect())
}

/// `logs:GetLogEvents` from the tail: time and line.
async fn newest_events(
    clients: &Clients,
    names: &Names,
    stream: &str,
    count: usize,
) -> Result<Vec<(i64, String)>, AwsError> {
    let call = clients
        .logs()
        .get_log_events()
        .log_group_name(names.log_group())
        .log_stream_name(stream)
        .limit(i32::try_from(count).unwrap_or(i32::MAX).clamp(1, 10_000))
        .start_from_head(false);
    let answer = call.send().await.named("logs:GetLogEvents")?;
    let events = answer.events.unwrap_or_default().into_iter();
    Ok(events
        .map(|event| (event.timestamp.unwrap_or(0), event.message.unwrap_or_default().trim_end().to_owned()))
        .collect())
}
