//! CloudWatch Logs: the events of the function's log.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_Operations.html>

use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use lzap_core::ids::VersionNumber;
use lzap_core::logs::LogEvent;
use lzap_core::names::Names;

use crate::clients::Clients;
use crate::error::{Absent, AwsError, Named};

/// A query of the function's log.
#[derive(Clone, Copy, Debug)]
pub struct LogQuery<'a> {
    /// The earliest time, in milliseconds since 1970.
    pub from_ms: i64,
    /// A filter pattern, as CloudWatch reads them; empty for everything.
    pub pattern: &'a str,
    /// The token of the previous page; `None` for the first page.
    pub token: Option<&'a str>,
}

/// One page of events.
#[derive(Clone, Debug, Default)]
pub struct LogPage {
    /// Ordered by time. A page may be empty although there is a next page.
    pub events: Vec<LogEvent>,
    /// The token of the next page; `None` after the last page.
    pub next: Option<String>,
}

/// `logs:FilterLogEvents`, one page; `None` if the log group doesn't exist (yet).
///
/// One call. Calls are free, but AWS allows only a few per second and account. AWS:
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>, quotas:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>
///
/// # Errors
/// The pattern is invalid; the call was refused, or AWS didn't respond.
pub async fn filter_log_events(
    clients: &Clients,
    names: &Names,
    query: LogQuery<'_>,
) -> Result<Option<LogPage>, AwsError> {
    let call = clients
        .logs()
        .filter_log_events()
        .log_group_name(names.log_group())
        // AWS refuses a negative time.
        .start_time(query.from_ms.max(0))
        .set_filter_pattern(Some(query.pattern.to_owned()).filter(|pattern| !pattern.is_empty()))
        .set_next_token(query.token.map(str::to_owned));
    let answer = call.send().await.named("logs:FilterLogEvents").found();
    let answer = answer.map_err(|error| clients.explain(error))?;
    Ok(answer.map(|answer| LogPage {
        events: answer.events.unwrap_or_default().into_iter().map(convert_event).collect(),
        // An empty token ends the list too.
        next: answer.next_token.filter(|token| !token.is_empty()),
    }))
}

/// Converts an event of the SDK. Blanks and the newline at the end of a message are cut off.
fn convert_event(event: FilteredLogEvent) -> LogEvent {
    LogEvent {
        id: event.event_id.unwrap_or_default(),
        timestamp_ms: event.timestamp.unwrap_or(0),
        stream: event.log_stream_name.unwrap_or_default(),
        message: event.message.unwrap_or_default().trim_end().to_owned(),
    }
}

/// The period that [`last_log_lines`] reads: the failure that it explains has just happened.
const LAST: Duration = Duration::from_mins(2);
/// Maximum number of pages that it reads.
const LAST_PAGES: usize = 10;

/// Returns the newest lines of one version's log, oldest first: at most `count`, from the last two minutes. All
/// versions of a function share a log group, and the name of a log stream has the version: `2026/12/01/[8]4f1c…`.
/// At most `LAST_PAGES` calls.
///
/// They explain another error, so a failed read is never an error itself: the lines are left out.
pub async fn last_log_lines(
    clients: &Clients,
    names: &Names,
    version: &VersionNumber,
    count: usize,
) -> Vec<String> {
    let mark = format!("[{version}]");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let from_ms = i64::try_from(now.saturating_sub(LAST).as_millis()).unwrap_or(0);
    let mut newest = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..LAST_PAGES {
        let query = LogQuery { from_ms, pattern: "", token: token.as_deref() };
        let Ok(Some(page)) = filter_log_events(clients, names, query).await else { break };
        newest.extend(page.events.into_iter().filter(|event| event.stream.contains(&mark)));
        // Events come oldest first, so only the last `count` are kept while the pages pass.
        newest.drain(..newest.len().saturating_sub(count));
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    newest.into_iter().map(|event| event.message).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{answering, names};

    const ALL: LogQuery<'static> = LogQuery { from_ms: 7, pattern: "", token: None };

    #[tokio::test]
    async fn an_empty_page_can_have_a_next_one() {
        let (clients, requests) = answering(&[
            (200, r#"{"events":[],"nextToken":"on"}"#),
            (200, r#"{"events":[{"eventId":"1","timestamp":8,"logStreamName":"a","message":"hello\n"}]}"#),
        ]);
        let first = filter_log_events(&clients, &names(), ALL).await.expect("an answer").expect("a group");
        assert!(first.events.is_empty());
        let query = LogQuery { token: first.next.as_deref(), pattern: "x", ..ALL };
        let second = filter_log_events(&clients, &names(), query).await.expect("an answer").expect("a group");
        assert_eq!((second.events[0].message.as_str(), second.next), ("hello", None));
        let requests = requests.lock().expect("no test panics here");
        assert!(
            requests[0].contains(r#""startTime":7"#) && !requests[0].contains("filterPattern"),
            "{requests:?}"
        );
        assert!(requests[1].contains(r#""nextToken":"on""#), "{requests:?}");
        assert!(requests[1].contains(r#""filterPattern":"x""#), "{requests:?}");
    }

    #[tokio::test]
    async fn a_missing_group_is_no_error() {
        let (clients, _) =
            answering(&[(400, r#"{"__type":"ResourceNotFoundException","message":"no group"}"#)]);
        assert!(filter_log_events(&clients, &names(), ALL).await.expect("no error").is_none());
    }

    #[tokio::test]
    async fn a_throttle_passes_by_itself() {
        let (clients, _) =
            answering(&[(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#)]);
        let error = filter_log_events(&clients, &names(), ALL).await.expect_err("an error");
        assert!(error.is_passing(), "{error:?}");
    }

    #[tokio::test]
    async fn the_last_lines_are_the_newest_of_one_version_in_all_pages() {
        let event = |version, message| json!({"logStreamName": format!("2026/12/01/[{version}]4f1c"), "message": message});
        let pages = [
            json!({"events": [event(2, "1"), event(2, "2"), event(1, "of the version before")], "nextToken": "on"}),
            json!({"events": [event(2, "3"), event(12, "of another")]}),
        ]
        .map(|page| page.to_string());
        let [first, last] = pages.map(|page| &*page.leak());
        let (clients, _) = answering(&[(200, first), (200, last)]);
        let lines = last_log_lines(&clients, &names(), &VersionNumber::new("2"), 2).await;
        assert_eq!(lines, ["2", "3"]);
    }
}
