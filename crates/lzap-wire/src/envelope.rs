//! The envelope of the events that lzap itself sends to a deployed function.
//!
//! An envelope is a JSON object with the key `lzap`:
//!
//! ```json
//! {"lzap":{"v":1,"kind":"warm"}}
//! ```
//!
//! No AWS event has a top-level key `lzap`, so that key alone identifies lzap's events. A reader answers an unknown version or
//! kind with an error that names both, and never passes the event to user code. The other fields of a task's event and
//! answer are in [`crate::task`].

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The version of the envelope. Functions of older deploys still get events, so a change needs a new number.
pub const VERSION: u64 = 1;

/// The top-level key that marks an event as lzap's own.
pub const KEY: &str = "lzap";

/// The kind of an lzap event. It decides the function's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Keeps the execution environment warm: the function answers at once and runs no user code.
    Warm,
    /// Checks that a new version starts, before a deploy moves traffic to it.
    Probe,
    /// Runs a task. The event is a [`crate::task::TaskEvent`].
    Task,
    /// Computes a chunk of a map. Only the runtime crate sends and reads these events, so it defines their fields.
    Chunk,
}

impl Kind {
    /// The name in an envelope, which is part of the format and never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warm => "warm",
            Self::Probe => "probe",
            Self::Task => "task",
            Self::Chunk => "chunk",
        }
    }
}

/// The classification of an event by its top-level keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Classified {
    /// An lzap event of a version and kind that this crate knows.
    Lzap(Kind),
    /// An lzap event of another version or kind, with both as text for an error message.
    Unsupported(String),
    /// An event without the key `lzap`: the user's, or an AWS service's.
    Foreign,
}

/// Classifies `event` by its key `lzap` alone.
///
/// ```
/// use lzap_wire::envelope::{Classified, Kind, classify, event};
///
/// assert_eq!(classify(&event(Kind::Warm)), Classified::Lzap(Kind::Warm));
/// assert_eq!(classify(&serde_json::json!({"version": "2.0"})), Classified::Foreign);
/// ```
pub fn classify(event: &Value) -> Classified {
    let Some(body) = event.get(KEY) else {
        return Classified::Foreign;
    };
    // Other fields of the envelope are not checked: each kind defines its own.
    let version = body.get("v").and_then(Value::as_u64);
    let kind = body.get("kind").cloned().unwrap_or(Value::Null);
    match (version, Kind::deserialize(&kind)) {
        (Some(VERSION), Ok(kind)) => Classified::Lzap(kind),
        _ => Classified::Unsupported(format!(
            "envelope version {} kind {kind}",
            version.map_or_else(|| "?".to_owned(), |v| v.to_string())
        )),
    }
}

/// Makes an event of `kind` without further fields: the constant input of the keep-warm rule, or a deploy's probe.
pub fn event(kind: Kind) -> Value {
    json!({ KEY: { "v": VERSION, "kind": kind.as_str() } })
}

/// The runtime crate's answer to a keep-warm ping or a probe.
///
/// ```
/// use lzap_wire::envelope::{Kind, Reply};
///
/// let reply = Reply::ok(Kind::Probe, "0.1.0");
/// assert_eq!(Reply::parse(&reply.to_value()), Some(reply));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// [`VERSION`] of the runtime crate that answers.
    pub v: u64,
    /// Repeats the event's kind, so that a reader recognizes the answer to another event.
    pub kind: Kind,
    /// The version of the `lzap` runtime crate inside the function.
    pub runtime: String,
    /// The sorted names of the registered tasks, in answers to probes only. Runtime crates without tasks send none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<String>,
    /// The TLS provider with which this execution environment completed a handshake in memory, or the reason why it did not; in
    /// answers to probes of apps with tasks only. It doesn't fail a deploy, because the next environment may have another CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
}

impl Reply {
    /// Makes the answer of a runtime crate of version `runtime` to an event of `kind`.
    pub fn ok(kind: Kind, runtime: &str) -> Self {
        Self { v: VERSION, kind, runtime: runtime.to_owned(), tasks: Vec::new(), tls: None }
    }

    /// Adds the names of the registered tasks, so that a deploy can check schedules against them.
    #[must_use]
    pub fn with_tasks(self, tasks: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut tasks: Vec<String> = tasks.into_iter().map(Into::into).collect();
        // The same tasks give the same bytes, whatever their order in the app.
        tasks.sort();
        Self { tasks, ..self }
    }

    /// Adds the TLS provider's name, or the reason why its handshake failed.
    #[must_use]
    pub fn with_tls(self, tls: impl Into<String>) -> Self {
        Self { tls: Some(tls.into()), ..self }
    }

    /// Returns the answer as JSON, with all fields below the key `lzap`.
    pub fn to_value(&self) -> Value {
        // Empty fields are left out, so that the bytes for older readers stay the same.
        let mut body = json!({ "v": self.v, "kind": self.kind.as_str(), "runtime": self.runtime });
        if !self.tasks.is_empty() {
            body["tasks"] = json!(self.tasks);
        }
        if let Some(tls) = &self.tls {
            body["tls"] = json!(tls);
        }
        json!({ KEY: body })
    }

    /// Reads an answer; `None` when `value` has another form.
    pub fn parse(value: &Value) -> Option<Self> {
        Self::deserialize(value.get(KEY)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deployed rules and functions send and expect these bytes.
    #[test]
    fn version_1_envelope_has_the_same_bytes_as_ever() {
        assert_eq!(event(Kind::Warm).to_string(), r#"{"lzap":{"v":1,"kind":"warm"}}"#);
        assert_eq!(event(Kind::Probe).to_string(), r#"{"lzap":{"v":1,"kind":"probe"}}"#);
        assert_eq!(
            Reply::ok(Kind::Probe, "0.1.0").to_value().to_string(),
            r#"{"lzap":{"v":1,"kind":"probe","runtime":"0.1.0"}}"#
        );
        assert_eq!(
            Reply::ok(Kind::Probe, "0.1.0").with_tasks(["tidy", "cleanup"]).to_value().to_string(),
            r#"{"lzap":{"v":1,"kind":"probe","runtime":"0.1.0","tasks":["cleanup","tidy"]}}"#
        );
        assert_eq!(
            Reply::ok(Kind::Probe, "0.1.0").with_tls("graviola").to_value().to_string(),
            r#"{"lzap":{"v":1,"kind":"probe","runtime":"0.1.0","tls":"graviola"}}"#
        );
    }

    /// Runtime crates from before tasks answer without these fields.
    #[test]
    fn parse_reply_without_tasks_succeeds() {
        let old = json!({"lzap": {"v": 1, "kind": "probe", "runtime": "0.1.0"}});
        assert_eq!(Reply::parse(&old), Some(Reply::ok(Kind::Probe, "0.1.0")));
    }

    #[test]
    fn classify_event_ignores_its_other_fields() {
        for (event, kind) in [
            (json!({"lzap": {"v": 1, "kind": "task", "task": "cleanup"}}), Kind::Task),
            (json!({"lzap": {"v": 1, "kind": "chunk"}, "data": [1]}), Kind::Chunk),
        ] {
            assert_eq!(classify(&event), Classified::Lzap(kind));
        }
    }

    #[test]
    fn classify_unknown_version_or_kind_names_both() {
        for (event, named) in [
            (json!({"lzap": {"v": 2, "kind": "warm"}}), "envelope version 2 kind \"warm\""),
            (json!({"lzap": {"v": 1, "kind": "dance"}}), "envelope version 1 kind \"dance\""),
            (json!({"lzap": null}), "envelope version ? kind null"),
        ] {
            assert_eq!(classify(&event), Classified::Unsupported(named.to_owned()));
        }
    }
}
