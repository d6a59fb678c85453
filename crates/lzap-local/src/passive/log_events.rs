//! Log streams and their events: kept in memory in order of time, appended to one file per group.
//!
//! Appending is what makes logs cheap: an invocation writes three lines, not the state of everything. A line that a
//! killed process cut off is skipped when the file is read again. Each group keeps its newest
//! [`EVENTS_PER_GROUP`](super::log_model::EVENTS_PER_GROUP) events. `log_queries` reads them.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::log_model::{Event, Group, GroupId, LogsError};
use super::log_queries::{describe_streams, filter_events, get_events, read_stream_name};
use crate::answer;
use crate::error::LocalError;

/// All streams and events.
#[derive(Debug)]
pub(crate) struct LogEvents {
    folder: PathBuf,
    groups: Mutex<HashMap<GroupId, Group>>,
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

    /// Returns whether an operation is about streams or events.
    pub(crate) fn answers(operation: &str) -> bool {
        matches!(
            operation,
            "CreateLogStream"
                | "DeleteLogStream"
                | "DescribeLogStreams"
                | "PutLogEvents"
                | "GetLogEvents"
                | "FilterLogEvents"
        )
    }

    /// Answers one operation on a group that exists.
    pub(crate) fn handle(
        &self,
        operation: &str,
        id: &GroupId,
        body: &Value,
        now_ms: i64,
    ) -> Result<Value, LogsError> {
        match operation {
            "CreateLogStream" => self.create_stream(id, read_stream_name(body), now_ms),
            "DeleteLogStream" => self.delete_stream(id, read_stream_name(body)),
            "PutLogEvents" => self.put(id, body, now_ms),
            "DescribeLogStreams" => Ok(self.read(id, |group| describe_streams(id, group, body))),
            "GetLogEvents" => self.read(id, |group| get_events(group, body)),
            _ => self.read(id, |group| filter_events(group, body)),
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
        lines.extend(
            events.into_iter().map(|(ms, message)| Line::Event(stream.to_owned(), ms, now_ms, message)),
        );
        self.write(id, &lines);
        for line in lines {
            add_line(group, line);
        }
    }

    /// Throws a group's streams and events away.
    pub(crate) fn forget(&self, id: &GroupId) {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        let file = self.file(id);
        if let Err(error) = fs_err::remove_file(&file)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, file = %file.display(), "a log file could not be deleted");
        }
    }

    fn create_stream(&self, id: &GroupId, stream: &str, now_ms: i64) -> Result<Value, LogsError> {
        if stream.is_empty() || stream.contains([':', '*']) {
            return Err(LogsError(
                "InvalidParameterException",
                "1 validation error detected: Value at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*".into(),
            ));
        }
        if self.read(id, |group| group.streams.contains_key(stream)) {
            return Err(LogsError(
                "ResourceAlreadyExistsException",
                "The specified log stream already exists".into(),
            ));
        }
        self.append(id, stream, Vec::new(), now_ms);
        Ok(json!({}))
    }

    fn delete_stream(&self, id: &GroupId, stream: &str) -> Result<Value, LogsError> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let group = groups.get_mut(id).filter(|group| group.streams.contains_key(stream));
        let group = group.ok_or_else(LogsError::no_stream)?;
        group.streams.remove(stream);
        group.events.retain(|_, event| event.stream != stream);
        // The file is written anew from what is left.
        let mut lines: Vec<_> =
            group.streams.iter().map(|(name, stream)| Line::Stream(name.clone(), stream.created)).collect();
        lines.extend(group.events.iter().map(|((ms, _), event)| {
            Line::Event(event.stream.clone(), *ms, event.ingested_ms, event.message.clone())
        }));
        let _ = fs_err::remove_file(self.file(id));
        self.write(id, &lines);
        Ok(json!({}))
    }

    fn put(&self, id: &GroupId, body: &Value, now_ms: i64) -> Result<Value, LogsError> {
        let stream = read_stream_name(body);
        if !self.read(id, |group| group.streams.contains_key(stream)) {
            return Err(LogsError::no_stream());
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
            return Err(LogsError("InvalidParameterException", message.into()));
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
        let name = answer::encode_hex(&digest[..16]);
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

/// Adds the stream or event of a line to its group.
fn add_line(group: &mut Group, line: Line) {
    match line {
        Line::Group(..) => {}
        Line::Stream(name, created) => group.add_stream(name, created),
        Line::Event(stream, ms, ingested_ms, message) => {
            group.add_event(ms, Event { stream, message, ingested_ms });
        }
    }
}

fn read_group(path: &Path) -> std::io::Result<Option<(GroupId, Group)>> {
    let mut lines = BufReader::new(fs_err::File::open(path)?).split(b'\n');
    let first = lines.next().transpose()?.unwrap_or_default();
    let Ok(Line::Group(region, name)) = serde_json::from_slice(&first) else {
        return Ok(None);
    };
    let mut group = Group::default();
    for line in lines {
        if let Ok(line) = serde_json::from_slice(&line?) {
            add_line(&mut group, line);
        }
    }
    Ok(Some(((region, name), group)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> GroupId {
        ("us-east-1".to_owned(), "/aws/lambda/shop".to_owned())
    }

    fn messages(value: &Value) -> Vec<&str> {
        value["events"]
            .as_array()
            .expect("events")
            .iter()
            .filter_map(|event| event["message"].as_str())
            .collect()
    }

    #[test]
    fn events_come_back_in_order_in_pages_and_after_a_restart() {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let logs = LogEvents::open(temp.path()).expect("the folder can be used");
        logs.append(&id(), "a", vec![(10, "one".into()), (30, "three".into())], 100);
        logs.append(&id(), "b", vec![(20, "two".into())], 100);
        drop(logs);
        // A killed process may leave half a line.
        let file =
            fs_err::read_dir(temp.path()).expect("a file").next().expect("a file").expect("a file").path();
        OpenOptions::new()
            .append(true)
            .open(file)
            .and_then(|mut file| file.write_all(b"{\"e\":[\"a\""))
            .expect("written");

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
        let on =
            ask(json!({ "logStreamName": "a", "nextToken": tail["nextForwardToken"] })).expect("an answer");
        assert_eq!((messages(&on), &on["nextForwardToken"]), (vec![], &tail["nextForwardToken"]));
        let head =
            ask(json!({ "logStreamName": "a", "limit": 1, "startFromHead": true })).expect("an answer");
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
