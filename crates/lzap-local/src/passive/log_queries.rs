//! Queries of log streams and events: lists, one stream from either end, all streams by time and pattern.

use serde_json::{Value, json};

use super::log_model::{Group, GroupId, LogsError};
use super::log_pattern::Pattern;

/// The most events of an answer, and their number when the request has no limit.
const PAGE: usize = 10_000;

/// Returns the stream that a request names.
pub(super) fn read_stream_name(body: &Value) -> &str {
    body["logStreamName"].as_str().unwrap_or_default()
}

fn read_limit(body: &Value, most: usize) -> usize {
    body["limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(most).clamp(1, most)
}

/// AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html>
pub(super) fn describe_streams((region, name): &GroupId, group: &Group, body: &Value) -> Value {
    let prefix = body["logStreamNamePrefix"].as_str().unwrap_or_default();
    let mut streams: Vec<_> = group.streams.iter().filter(|(name, _)| name.starts_with(prefix)).collect();
    if body["orderBy"] == "LastEventTime" {
        streams.sort_by_key(|(_, stream)| stream.last);
    }
    if body["descending"] == true {
        streams.reverse();
    }
    let start: usize = body["nextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or_default();
    let page = read_limit(body, 50);
    let next = (start + page < streams.len()).then(|| (start + page).to_string());
    let streams: Vec<_> = streams
        .into_iter()
        .skip(start)
        .take(page)
        .map(|(stream, about)| {
            without_nulls(json!({
                "logStreamName": stream,
                "arn": format!("arn:aws:logs:{region}:{}:log-group:{name}:log-stream:{stream}", crate::ACCOUNT),
                "creationTime": about.created,
                "firstEventTimestamp": about.first,
                "lastEventTimestamp": about.last,
                "lastIngestionTime": about.ingested,
                "storedBytes": 0,
            }))
        })
        .collect();
    without_nulls(json!({ "logStreams": streams, "nextToken": next }))
}

/// AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html>
pub(super) fn get_events(group: &Group, body: &Value) -> Result<Value, LogsError> {
    let stream = read_stream_name(body);
    if !group.streams.contains_key(stream) {
        return Err(LogsError::no_stream());
    }
    let from = body["startTime"].as_i64().unwrap_or(i64::MIN);
    let to = body["endTime"].as_i64().unwrap_or(i64::MAX);
    let events: Vec<_> = group
        .events
        .iter()
        .filter(|((ms, _), event)| event.stream == stream && (from..to).contains(ms))
        .collect();
    let page = read_limit(body, PAGE);
    let token = body["nextToken"].as_str().and_then(|token| token.split_once('/'));
    let (start, end) =
        match token.map(|(way, at)| (way, at.parse::<usize>().unwrap_or_default().min(events.len()))) {
            Some(("f", at)) => (at, (at + page).min(events.len())),
            Some((_, at)) => (at.saturating_sub(page), at),
            None if body["startFromHead"] == true => (0, page.min(events.len())),
            None => (events.len().saturating_sub(page), events.len()),
        };
    let found: Vec<_> = events[start..end]
        .iter()
        .map(|((ms, _), event)| json!({ "timestamp": ms, "message": event.message, "ingestionTime": event.ingested_ms }))
        .collect();
    Ok(json!({
        "events": found,
        "nextForwardToken": format!("f/{end:056}"),
        "nextBackwardToken": format!("b/{start:056}"),
    }))
}

/// AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>
pub(super) fn filter_events(group: &Group, body: &Value) -> Result<Value, LogsError> {
    let pattern = Pattern::parse(body["filterPattern"].as_str().unwrap_or_default())
        .map_err(|message| LogsError("InvalidParameterException", message.into()))?;
    let names: Option<Vec<&str>> =
        body["logStreamNames"].as_array().map(|names| names.iter().filter_map(Value::as_str).collect());
    let prefix = body["logStreamNamePrefix"].as_str().unwrap_or_default();
    let from = body["startTime"].as_i64().unwrap_or(0).max(0);
    let to = body["endTime"].as_i64().unwrap_or(i64::MAX);
    let after = body["nextToken"].as_str().and_then(parse_token).unwrap_or((from, 0));
    let page = read_limit(body, PAGE);
    let mut found = group.events.range(after.max((from, 0))..).take_while(|((ms, _), _)| *ms <= to).filter(
        |(_, event)| {
            event.stream.starts_with(prefix)
                && names.as_ref().is_none_or(|names| names.contains(&event.stream.as_str()))
                && pattern.matches(&event.message)
        },
    );
    let events: Vec<_> = found
        .by_ref()
        .take(page)
        .map(|((ms, arrived), event)| {
            json!({
                "logStreamName": event.stream,
                "timestamp": ms,
                "message": event.message,
                "ingestionTime": event.ingested_ms,
                "eventId": format!("{ms:020}{arrived:036}"),
            })
        })
        .collect();
    let next = found.next().map(|((ms, arrived), _)| format!("{ms}/{arrived}"));
    Ok(without_nulls(json!({ "events": events, "searchedLogStreams": [], "nextToken": next })))
}

fn parse_token(token: &str) -> Option<(i64, u64)> {
    let (ms, arrived) = token.split_once('/')?;
    Some((ms.parse().ok()?, arrived.parse().ok()?))
}

/// AWS leaves out what has no value.
fn without_nulls(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    value
}
