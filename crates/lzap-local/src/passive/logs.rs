//! CloudWatch Logs: groups in `winterbaume-cloudwatchlogs`, streams and events in [`log_events`](super::log_events).
//!
//! Answered or checked here: everything about streams and events (stable event ids, paging, order, patterns), and the
//! values of a retention.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::Request;
use serde_json::{Value, json};
use winterbaume_cloudwatchlogs::{CloudWatchLogsService, LogsStateView};
use winterbaume_core::StatefulService as _;

use super::log_events::LogEvents;
use super::log_model::LogsError;
use super::{ask_json, forward, json_body, json_operation, named_501};
use crate::ACCOUNT;
use crate::answer::{self, Answer};
use crate::error::LocalError;
use crate::ports::{Clock, LogEvent, Logs as LogsPort};

/// CloudWatch Logs.
pub(crate) struct Logs {
    service: CloudWatchLogsService,
    events: LogEvents,
    /// Regions that have groups.
    regions: Mutex<Vec<String>>,
    clock: Arc<dyn Clock>,
}

impl Logs {
    /// Takes up the events that lie in the folder.
    ///
    /// # Errors
    /// [`LocalError::StateIo`] when the folder can't be used.
    pub(crate) fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, LocalError> {
        let events = LogEvents::open(folder)?;
        Ok(Self { service: CloudWatchLogsService::new(), events, regions: Mutex::default(), clock })
    }

    /// Answers one request.
    pub(crate) async fn handle(&self, region: &str, request: Request<Bytes>) -> Answer {
        let operation = json_operation(&request);
        let body = match json_body(&request) {
            Ok(body) => body,
            Err(refusal) => return *refusal,
        };
        self.remember(region);
        let group = group_of(&body);
        if LogEvents::answers(&operation) {
            if !self.group_exists(region, &group).await {
                return LogsError::no_group().into();
            }
            let answered =
                self.events.handle(&operation, &(region.to_owned(), group), &body, self.clock.now_ms());
            return answered.map_or_else(Into::into, |value| answer::aws_json(200, &value));
        }
        if let Some(refusal) = find_refusal(&operation, &body) {
            return refusal;
        }
        let answer = forward(&self.service, &format_host(region), request).await;
        if operation == "DeleteLogGroup" && answer.status().is_success() {
            self.events.forget(&(region.to_owned(), group));
        }
        named_501("logs", &operation, answer)
    }

    async fn group_exists(&self, region: &str, group: &str) -> bool {
        self.service.snapshot(ACCOUNT, region).await.log_groups.contains_key(group)
    }

    fn remember(&self, region: &str) {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        if !regions.iter().any(|known| known == region) {
            regions.push(region.to_owned());
        }
    }

    /// The groups, for the store.
    pub(crate) async fn snapshot(&self) -> BTreeMap<String, LogsStateView> {
        let regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut views = BTreeMap::new();
        for region in regions {
            let view = self.service.snapshot(ACCOUNT, &region).await;
            views.insert(region, view);
        }
        views
    }

    /// Takes up groups that were saved.
    pub(crate) async fn restore(&self, saved: BTreeMap<String, LogsStateView>) -> Result<(), String> {
        for (region, view) in saved {
            self.remember(&region);
            self.service.restore(ACCOUNT, &region, view).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

impl LogsPort for Logs {
    fn put<'a>(
        &'a self,
        region: &'a str,
        group: &'a str,
        stream: &'a str,
        events: Vec<LogEvent>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.remember(region);
            if !self.group_exists(region, group).await {
                let ask = json!({ "logGroupName": group });
                ask_json(&self.service, &format_host(region), "Logs_20140328.CreateLogGroup", &ask).await;
            }
            let events = events.into_iter().map(|event| (event.timestamp_ms, event.message)).collect();
            self.events.append(&(region.to_owned(), group.to_owned()), stream, events, self.clock.now_ms());
        })
    }
}

fn format_host(region: &str) -> String {
    format!("logs.{region}.amazonaws.com")
}

/// The group that a request names, by name or by ARN.
fn group_of(body: &Value) -> String {
    let text = |key: &str| body[key].as_str().unwrap_or_default();
    let identifier = text("logGroupIdentifier");
    let by_arn =
        identifier.split_once(":log-group:").map_or(identifier, |(_, name)| name.trim_end_matches(":*"));
    if text("logGroupName").is_empty() { by_arn.to_owned() } else { text("logGroupName").to_owned() }
}

/// Returns AWS's refusal of a request that the emulated service would accept.
fn find_refusal(operation: &str, body: &Value) -> Option<Answer> {
    let invalid = |message: &str| Some(answer::aws_json_error(400, "InvalidParameterException", message));
    match operation {
        "PutRetentionPolicy" => {
            let days = body["retentionInDays"].as_u64().unwrap_or_default();
            let good =
                lzap_wire::limits::LOG_RETENTION_DAYS.iter().any(|allowed| u64::from(*allowed) == days);
            if good {
                None
            } else {
                invalid(
                    "1 validation error detected: Value at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set",
                )
            }
        }
        "CreateLogGroup" => {
            let name = body["logGroupName"].as_str().unwrap_or_default();
            let good = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-/.#".contains(&byte));
            if good && (1..=512).contains(&name.len()) {
                None
            } else {
                invalid(
                    "1 validation error detected: Value at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+",
                )
            }
        }
        _ => None,
    }
}
