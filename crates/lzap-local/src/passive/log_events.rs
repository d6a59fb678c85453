//! Log streams and their events: kept in memory in order of time, appended to one file per group.
//!
//! Appending is what makes logs cheap: an invocation writes three lines, not the state of everything. A line that a
//! killed process cut off is skipped when the file is read again. Each group keeps its newest
//! [`EVENTS_PER_GROUP`] events.

use std::collections::{BTreeMap, HashMap};
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::log_pattern::Pattern;
use crate::answer::{self, Answer};
use crate::error::LocalError;

/// How many events a group keeps.
const EVENTS_PER_GROUP: usize = 50_000;
/// What AWS answers at once when no limit is given, and at most.
const PAGE: usize = 10_000;

/// Region and name of a log group.
pub(crate) type GroupId = (String, String);

/// All streams and events.
#[derive(Debug)]
pub(crate) struct LogEvents {
    folder: PathBuf,
    groups: Mutex<HashMap<GroupId, Group>>,
}

#[derive(Debug, Default)]
struct Group {
    streams: BTreeMap<String, Stream>,
    /// By time, then by arrival.
    events: BTreeMap<(i64, u64), Event>,
    arrived: u64,
}

#[derive(Debug, Default)]
struct Stream {
    created_ms: i64,
    first_ms: Option<i64>,
    last_ms: Option<i64>,
    ingested_ms: Option<i64>,
}

#[derive(Debug)]
struct Event {
    stream: String,
    message: String,
    ingested_ms: i64,
}

/// A line of a group's file: its name first, then streams and events as they came.
#[derive(Serialize, Deserialize)]
enum Line {
    #[serde(rename = "g")]
    Group(String, String),
    #[serde(rename = "s")]
    Stream(String, i64),
    #[serde(rename = "e")]
    Event(String, i64, i64, String),
}

/// Why a request is refused: code and message.
#[derive(Debug)]
pub(crate) struct Refusal(&'static str, &'static str);

impl Refusal {
    /// The group doesn't exist.
    pub(crate) fn no_group() -> Self {
        Self("ResourceNotFoundException", "The specified log group does not exist.")
    }

    fn no_stream() -> Self {
        Self("ResourceNotFoundException", "The specified log stream does not exist.")
    }
}

impl From<Refusal> for Answer {
    fn from(Refusal(code, message): Refusal) -> Self {
        answer::aws_json_error(400, code, message)
    }
}

impl LogEvents {
    /// Reads what lies in the folder.
    ///
    /// # Errors
    /// [`LocalError::StateIo`] when it can't be read.
    pub(crate) fn open(folder: &Path) -> Result<Self, LocalError> {
        fs_err::create_dir_all(folder).map_err(LocalError::io("create", folder))?;
        let mut groups = HashMap::new();
        for entry in fs_err::read_dir(folder).map_err(LocalError::io("read", folder))? {
            let path = entry.map_err(LocalError::io("read", folder))?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl")
                && let Some((id, group)) = read_group(&path).map_err(LocalError::io("read", &path))?
            {
                groups.insert(id, group);
            }
        }
        Ok(Self { folder: folder.to_owned(), groups: Mutex::new(groups) })
    }

    /// Whether an operation is about streams or events.
    pub(crate) fn answers(operation: &str) -> bool {
        matches!(
            operation,
            "CreateLogStream" | "DeleteLogStream" | "DescribeLogStreams" | "PutLogEvents" | "GetLogEvents"
                | "FilterLogEvents"
        )
    }

    /// Answers one operation on a group that exists.
    pub(crate) fn handle(&self, operation: &str, id: &GroupId, body: &Value, now_ms: i64) -> Result<Value, Refusal> {
        match operation {
            "CreateLogStream" => self.create_stream(id, stream_of(body), now_ms),
            "DeleteLogStream" => self.delete_stream(id, stream_of(body)),
            "PutLogEvents" => self.put(id, body, now_ms),
            "DescribeLogStreams" => Ok(self.read(id, |group| describe_streams(id, group, body))),
            "GetLogEvents" => self.read(id, |group| get(group, body)),
            _ => self.read(id, |group| filter(group, body)),
        }
    }

    /// Adds events to a stream, which is made when it is missing.
    pub(crate) fn append(&self, id: &GroupId, stream: &str, events: Vec<(i64, String)>, now_ms: i64) {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let group = groups.entry(id.clone()).or_default();
        let mut lines = Vec::new();
        if !group.streams.contains_key(stream) {
            lines.push(Line::Stream(stream.to_owned(), now_ms));
        }
        lines.extend(events.into_iter().map(|(ms, message)| Line::Event(stream.to_owned(), ms, now_ms, message)));
        self.write(id, &lines);
        for line in lines {
            group.take(line);
        }
    }

    /// Throws a group's streams and events away.
    pub(crate) fn forget(&self, id: &GroupId) {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        let file = self.file(id);
        if let Err(error) = std::fs::remove_file(&file)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, file = %file.display(), "a log file could not be deleted");
        }
    }

    fn create_stream(&self, id: &GroupId, stream: &str, now_ms: i64) -> Result<Value, Refusal> {
        if stream.is_empty() || stream.contains([':', '*']) {
            return Err(Refusal("InvalidParameterException", "1 validation error detected: Value at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*"));
        }
        if self.read(id, |group| group.streams.contains_key(stream)) {
            return Err(Refusal("ResourceAlreadyExistsException", "The specified log stream already exists"));
        }
        self.append(id, stream, Vec::new(), now_ms);
        Ok(json!({}))
    }

    fn delete_stream(&self, id: &GroupId, stream: &str) -> Result<Value, Refusal> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let group = groups.get_mut(id).filter(|group| group.streams.contains_key(stream));
        let group = group.ok_or_else(Refusal::no_stream)?;
        group.streams.remove(stream);
        group.events.retain(|_, event| event.stream != stream);
        // The file is written anew from what is left.
        let mut lines: Vec<_> =
            group.streams.iter().map(|(name, stream)| Line::Stream(name.clone(), stream.created_ms)).collect();
        lines.extend(group.events.iter().map(|((ms, _), event)| {
            Line::Event(event.stream.clone(), *ms, event.ingested_ms, event.message.clone())
        }));
        let _ = std::fs::remove_file(self.file(id));
        self.write(id, &lines);
        Ok(json!({}))
    }

    fn put(&self, id: &GroupId, body: &Value, now_ms: i64) -> Result<Value, Refusal> {
        let stream = stream_of(body);
        if !self.read(id, |group| group.streams.contains_key(stream)) {
            return Err(Refusal::no_stream());
        }
        let events: Vec<(i64, String)> = body["logEvents"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|event| {
                let message = event["message"].as_str().unwrap_or_default().to_owned();
                (event["timestamp"].as_i64().unwrap_or(now_ms), message)
            })
            .collect();
        if !events.is_sorted_by_key(|(ms, _)| *ms) {
            let message = "Log events in a single PutLogEvents request must be in chronological order.";
            return Err(Refusal("InvalidParameterException", message));
        }
        self.append(id, stream, events, now_ms);
        Ok(json!({ "nextSequenceToken": format!("{now_ms:056}") }))
    }

    fn read<T>(&self, id: &GroupId, read: impl FnOnce(&Group) -> T) -> T {
        let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        match groups.get(id) {
            Some(group) => read(group),
            None => read(&Group::default()),
        }
    }

    fn file(&self, (region, group): &GroupId) -> PathBuf {
        let digest = Sha256::digest(format!("{region}/{group}"));
        let name: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("{name}.jsonl"))
    }

    /// A log that can't be written must not stop what it is about: it is said, and the events stay in memory.
    fn write(&self, id: &GroupId, lines: &[Line]) {
        let file = self.file(id);
        let mut text = String::new();
        if !file.exists() {
            push_line(&mut text, &Line::Group(id.0.clone(), id.1.clone()));
        }
        for line in lines {
            push_line(&mut text, line);
        }
        let opened = OpenOptions::new().create(true).append(true).open(&file);
        if let Err(error) = opened.and_then(|mut opened| opened.write_all(text.as_bytes())) {
            tracing::warn!(%error, file = %file.display(), "a log file could not be written");
        }
    }
}

fn push_line(text: &mut String, line: &Line) {
    if let Ok(json) = serde_json::to_string(line) {
        text.push_str(&json);
        text.push('\n');
    }
}

fn read_group(path: &Path) -> std::io::Result<Option<(GroupId, Group)>> {
    let mut lines = BufReader::new(fs_err::File::open(path)?).split(b'\n');
    let first = lines.next().transpose()?.unwrap_or_default();
    let Ok(Line::Group(region, name)) = serde_json::from_slice(&first) else { return Ok(None) };
    let mut group = Group::default();
    for line in lines {
        if let Ok(line) = serde_json::from_slice(&line?) {
            group.take(line);
        }
    }
    Ok(Some(((region, name), group)))
}

impl Group {
    fn take(&mut self, line: Line) {
        match line {
            Line::Group(..) => {}
            Line::Stream(name, created_ms) => {
                self.streams.entry(name).or_insert(Stream { created_ms, ..Stream::default() });
            }
            Line::Event(name, ms, ingested_ms, message) => {
                let stream = self.streams.entry(name.clone()).or_default();
                stream.first_ms = Some(stream.first_ms.map_or(ms, |first| first.min(ms)));
                stream.last_ms = Some(stream.last_ms.map_or(ms, |last| last.max(ms)));
                stream.ingested_ms = Some(ingested_ms);
                self.arrived += 1;
                self.events.insert((ms, self.arrived), Event { stream: name, message, ingested_ms });
                if self.events.len() > EVENTS_PER_GROUP {
                    self.events.pop_first();
                }
            }
        }
    }
}

fn stream_of(body: &Value) -> &str {
    body["logStreamName"].as_str().unwrap_or_default()
}

fn limit(body: &Value, most: usize) -> usize {
    body["limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(most).clamp(1, most)
}

/// AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html>
fn describe_streams((region, name): &GroupId, group: &Group, body: &Value) -> Value {
    let prefix = body["logStreamNamePrefix"].as_str().unwrap_or_default();
    let mut streams: Vec<_> = group.streams.iter().filter(|(name, _)| name.starts_with(prefix)).collect();
    if body["orderBy"] == "LastEventTime" {
        streams.sort_by_key(|(_, stream)| stream.last_ms);
    }
    if body["descending"] == true {
        streams.reverse();
    }
    let start: usize = body["nextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or_default();
    let page = limit(body, 50);
    let next = (start + page < streams.len()).then(|| (start + page).to_string());
    let streams: Vec<_> = streams
        .into_iter()
        .skip(start)
        .take(page)
        .map(|(stream, about)| {
            without_nulls(json!({
                "logStreamName": stream,
                "arn": format!("arn:aws:logs:{region}:{}:log-group:{name}:log-stream:{stream}", crate::ACCOUNT),
                "creationTime": about.created_ms,
                "firstEventTimestamp": about.first_ms,
                "lastEventTimestamp": about.last_ms,
                "lastIngestionTime": about.ingested_ms,
                "storedBytes": 0,
            }))
        })
        .collect();
    without_nulls(json!({ "logStreams": streams, "nextToken": next }))
}

/// AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html>
fn get(group: &Group, body: &Value) -> Result<Value, Refusal> {
    let stream = stream_of(body);
    if !group.streams.contains_key(stream) {
        return Err(Refusal::no_stream());
    }
    let from = body["startTime"].as_i64().unwrap_or(i64::MIN);
    let to = body["endTime"].as_i64().unwrap_or(i64::MAX);
    let events: Vec<_> = group
        .events
        .iter()
        .filter(|((ms, _), event)| event.stream == stream && (from..to).contains(ms))
        .collect();
    let page = limit(body, PAGE);
    let token = body["nextToken"].as_str().and_then(|token| token.split_once('/'));
    let (start, end) = match token.map(|(way, at)| (way, at.parse::<usize>().unwrap_or_default().min(events.len()))) {
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
fn filter(group: &Group, body: &Value) -> Result<Value, Refusal> {
    let pattern = Pattern::parse(body["filterPattern"].as_str().unwrap_or_default()).ok_or(Refusal(
        "InvalidParameterException",
        "Invalid filter pattern: lzap's embedded cloud knows terms, \"quoted terms\", ?any and -none, no JSON or regular expressions",
    ))?;
    let names: Option<Vec<&str>> =
        body["logStreamNames"].as_array().map(|names| names.iter().filter_map(Value::as_str).collect());
    let prefix = body["logStreamNamePrefix"].as_str().unwrap_or_default();
    let from = body["startTime"].as_i64().unwrap_or(0).max(0);
    let to = body["endTime"].as_i64().unwrap_or(i64::MAX);
    let after = body["nextToken"].as_str().and_then(parse_token).unwrap_or((from, 0));
    let page = limit(body, PAGE);
    let mut found = group.events.range(after.max((from, 0))..).take_while(|((ms, _), _)| *ms <= to).filter(|(_, event)| {
        event.stream.starts_with(prefix)
            && names.as_ref().is_none_or(|names| names.contains(&event.stream.as_str()))
            && pattern.matches(&event.message)
    });
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

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> GroupId {
        ("us-east-1".to_owned(), "/aws/lambda/shop".to_owned())
    }

    fn messages(value: &Value) -> Vec<&str> {
        value["events"].as_array().expect("events").iter().filter_map(|event| event["message"].as_str()).collect()
    }

    #[test]
    fn events_come_back_in_order_in_pages_and_after_a_restart() {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let logs = LogEvents::open(temp.path()).expect("the folder can be used");
        logs.append(&id(), "a", vec![(10, "one".into()), (30, "three".into())], 100);
        logs.append(&id(), "b", vec![(20, "two".into())], 100);
        drop(logs);
        // A killed process may leave half a line.
        let file = fs_err::read_dir(temp.path()).expect("a file").next().expect("a file").expect("a file").path();
        OpenOptions::new().append(true).open(file).and_then(|mut file| file.write_all(b"{\"e\":[\"a\"")).expect("written");

        let logs = LogEvents::open(temp.path()).expect("the folder can be used");
        let ask = |body: Value| logs.handle("FilterLogEvents", &id(), &body, 0).expect("an answer");
        assert_eq!(messages(&ask(json!({}))), ["one", "two", "three"]);
        assert_eq!(messages(&ask(json!({ "startTime": 20, "endTime": 20 }))), ["two"]);
        assert_eq!(messages(&ask(json!({ "filterPattern": "t" }))), ["two", "three"]);
        let first = ask(json!({ "limit": 2 }));
        assert_eq!(messages(&first), ["one", "two"]);
        let second = ask(json!({ "limit": 2, "nextToken": first["nextToken"] }));
        assert_eq!((messages(&second), second.get("nextToken")), (vec!["three"], None));
        assert_eq!(first["events"][0]["eventId"], ask(json!({ "limit": 1 }))["events"][0]["eventId"]);
    }

    #[test]
    fn a_stream_is_read_from_either_end() {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let logs = LogEvents::open(temp.path()).expect("the folder can be used");
        logs.append(&id(), "a", (0..5).map(|n| (n, n.to_string())).collect(), 100);
        let ask = |body: Value| logs.handle("GetLogEvents", &id(), &body, 0);
        let tail = ask(json!({ "logStreamName": "a", "limit": 2 })).expect("an answer");
        assert_eq!(messages(&tail), ["3", "4"]);
        let back = json!({ "logStreamName": "a", "limit": 2, "nextToken": tail["nextBackwardToken"] });
        assert_eq!(messages(&ask(back).expect("an answer")), ["1", "2"]);
        let on = ask(json!({ "logStreamName": "a", "nextToken": tail["nextForwardToken"] })).expect("an answer");
        assert_eq!((messages(&on), &on["nextForwardToken"]), (vec![], &tail["nextForwardToken"]));
        let head = ask(json!({ "logStreamName": "a", "limit": 1, "startFromHead": true })).expect("an answer");
        assert_eq!(messages(&head), ["0"]);
        assert!(ask(json!({ "logStreamName": "b" })).is_err());
    }

    #[test]
    fn a_deleted_stream_stays_away() {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let logs = LogEvents::open(temp.path()).expect("the folder can be used");
        logs.append(&id(), "a", vec![(1, "one".into())], 100);
        logs.append(&id(), "b", vec![(2, "two".into())], 100);
        logs.handle("DeleteLogStream", &id(), &json!({ "logStreamName": "a" }), 0).expect("deleted");
        let logs = LogEvents::open(temp.path()).expect("the folder can be used");
        let all = logs.handle("FilterLogEvents", &id(), &json!({}), 0).expect("an answer");
        assert_eq!(messages(&all), ["two"]);
        logs.forget(&id());
        assert!(fs_err::read_dir(temp.path()).expect("the folder").next().is_none());
    }
}
