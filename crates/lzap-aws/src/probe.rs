//! The probe: tests that a published version starts and responds before it gets traffic.
//!
//! An invocation of the version's own number, which gets no traffic: the alias still points to the old one.
//! The runtime crate answers the probe event before any code of the user; with `health_path` a request
//! follows that the app itself must answer.

use std::time::Duration;

use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lzap_core::ids::VersionNumber;
use lzap_core::names::Names;
use lzap_wire::envelope::{Kind, Reply, event};
use lzap_wire::limits::INIT_SECS;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::clients::Clients;
use crate::error::{AwsError, Named};

/// The result of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The version responds as the runtime crate does.
    Answers {
        /// The app's registered tasks; only the runtime crate reports them.
        tasks: Vec<String>,
    },
    /// The version failed, or its response isn't the expected one.
    Refuses {
        /// The cause, in one line.
        reason: String,
        /// The last lines of its log, as Lambda returned them with the response.
        log_tail: Vec<String>,
    },
}

/// Maximum number of log lines in an error message.
const TAIL_LINES: usize = 20;
/// Maximum length of an unexpected response in an error message, in characters.
const ANSWER_CHARS: usize = 200;
/// Time for the request and the response, in seconds, on top of the function's own time.
pub(crate) const MARGIN_SECS: u32 = 10;

/// The question of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question<'a> {
    /// Does the version start? The runtime crate answers, and lists the app's tasks.
    Start,
    /// Does the app answer a request for this path with 2xx or 3xx? Only with `health_path`.
    Health(&'a str),
}

impl Question<'_> {
    /// Returns the event that asks the question.
    fn to_event(self) -> Value {
        match self {
            Self::Start => event(Kind::Probe),
            Self::Health(path) => http_event(path),
        }
    }
}

/// Returns a `GET` event in the form of an HTTP API, payload format 2.0. Ids, times and addresses are fixed:
/// the app sees in its log that lzap has asked.
///
/// AWS:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
fn http_event(path: &str) -> Value {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    // An HTTP API delivers the path decoded.
    let raw_path = percent_decode_str(path).decode_utf8_lossy();
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": query,
        "headers": { "host": "lzap.health", "user-agent": "lzap", "accept": "*/*" },
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "lzap",
            "domainName": "lzap.health",
            "domainPrefix": "lzap",
            "http": {
                "method": "GET",
                "path": raw_path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "lzap"
            },
            "requestId": "lzap-health",
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Jan/1970:00:00:00 +0000",
            "timeEpoch": 0
        },
        "isBase64Encoded": false
    })
}

/// `lambda:Invoke` of the version with a probe event or a request.
///
/// The read timeout is the longest time that Lambda itself allows: a slow start (an init that times out is repeated
/// once, within the function's timeout) plus the function's timeout. AWS:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
pub(crate) async fn invoke_probe(
    clients: &Clients,
    names: &Names,
    version: &VersionNumber,
    timeout_secs: u32,
    question: Question<'_>,
) -> Result<Verdict, AwsError> {
    // Twice the init limit: Lambda repeats an init that timed out. A shorter timeout here would report a slow start as
    // a network error.
    let patience = Duration::from_secs(u64::from(timeout_secs + 2 * INIT_SECS + MARGIN_SECS));
    let timeouts = TimeoutConfig::builder().read_timeout(patience).build();
    let call = clients
        .lambda()
        .invoke()
        .function_name(names.function())
        .qualifier(version)
        .invocation_type(InvocationType::RequestResponse)
        // Lambda returns the last 4 KB of the log with the response, which saves a read of the log and its delay of
        // seconds.
        .log_type(LogType::Tail)
        .payload(Blob::new(question.to_event().to_string()));
    let config = aws_sdk_lambda::config::Builder::new().timeout_config(timeouts);
    let answer = call.customize().config_override(config).send().await.named("lambda:Invoke")?;
    Ok(judge_response(&answer, question))
}

/// Judges the response. A function that failed also answers HTTP 200, so only `FunctionError` and the payload tell.
fn judge_response(answer: &InvokeOutput, question: Question<'_>) -> Verdict {
    let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
    let value: Option<Value> = serde_json::from_slice(payload).ok();
    let outcome = match (answer.function_error(), question) {
        (Some(_), _) => Err(function_error(value.as_ref(), payload)),
        (None, Question::Start) => probes_reply(value.as_ref(), payload),
        (None, Question::Health(path)) => check_health(value.as_ref(), path).map(|()| Vec::new()),
    };
    match outcome {
        // A health request reports no tasks; the caller checks tasks on the start probe only.
        Ok(tasks) => Verdict::Answers { tasks },
        Err(reason) => {
            Verdict::Refuses { reason, log_tail: answer.log_result().map(last_log_lines).unwrap_or_default() }
        }
    }
}

/// Returns the tasks in the runtime crate's reply. The error is a clause that completes "failed its probe".
fn probes_reply(value: Option<&Value>, payload: &[u8]) -> Result<Vec<String>, String> {
    let reply = value.and_then(Reply::parse).filter(|reply| reply.kind == Kind::Probe);
    let reply = reply.ok_or_else(|| {
        format!("it does not answer a probe as the lzap runtime does, but with: {}", shorten_payload(payload))
    })?;
    if let Some(provider) = &reply.tls {
        tracing::debug!(provider, "the version completed a TLS handshake with itself");
    }
    Ok(reply.tasks)
}

/// Fails if the app's answer has no status of success. A redirect counts as success, since it isn't followed.
fn check_health(value: Option<&Value>, path: &str) -> Result<(), String> {
    let status = value.and_then(|value| value.get("statusCode")).and_then(Value::as_u64);
    match status {
        Some(200..=399) => Ok(()),
        Some(status) => Err(format!("GET {path} answered {status}")),
        None => Err(format!("GET {path} was answered without a status")),
    }
}

/// Returns `errorType: errorMessage`, or the payload if it has neither.
pub(crate) fn function_error(value: Option<&Value>, payload: &[u8]) -> String {
    let field = |name| value.and_then(|value| value.get(name)).and_then(Value::as_str);
    match (field("errorType"), field("errorMessage")) {
        (Some(kind), Some(message)) => format!("{kind}: {message}"),
        (None, Some(message)) => message.to_owned(),
        _ => shorten_payload(payload),
    }
}

/// Returns the beginning of a response, with an ellipsis if something is cut off. Counts characters, so that
/// none is cut in two.
fn shorten_payload(payload: &[u8]) -> String {
    let text = String::from_utf8_lossy(payload);
    match text.char_indices().nth(ANSWER_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

/// Decodes the end of the log in a response: base64, up to 4 KB.
pub(crate) fn log_lines(encoded: &str) -> Vec<String> {
    let text = STANDARD
        .decode(encoded)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    text.lines().map(str::trim_end).filter(|l| !l.is_empty()).map(str::to_owned).collect()
}

/// Returns the last [`TAIL_LINES`] lines of the log in a response.
fn last_log_lines(encoded: &str) -> Vec<String> {
    let lines = log_lines(encoded);
    let surplus = lines.len().saturating_sub(TAIL_LINES);
    lines.into_iter().skip(surplus).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(payload: &str) -> aws_sdk_lambda::operation::invoke::builders::InvokeOutputBuilder {
        InvokeOutput::builder().status_code(200).payload(Blob::new(payload))
    }

    fn reason(answer: &InvokeOutput) -> String {
        match judge_response(answer, Question::Start) {
            Verdict::Refuses { reason, .. } => reason,
            Verdict::Answers { .. } => String::new(),
        }
    }

    #[test]
    fn only_a_probe_reply_of_the_runtime_is_an_answer() {
        let reply = Reply::ok(Kind::Probe, "0.1.0").to_value().to_string();
        let none = Verdict::Answers { tasks: Vec::new() };
        assert_eq!(judge_response(&answered(&reply).build(), Question::Start), none);
        let tasks = Reply::ok(Kind::Probe, "0.1.0").with_tasks(["cleanup"]).to_value().to_string();
        let one = Verdict::Answers { tasks: vec!["cleanup".to_owned()] };
        assert_eq!(judge_response(&answered(&tasks).build(), Question::Start), one);
        let echo = answered(&event(Kind::Probe).to_string()).build();
        assert!(reason(&echo).contains("does not answer a probe"), "an echo is no reply");
        let warm = answered(&Reply::ok(Kind::Warm, "0.1.0").to_value().to_string()).build();
        assert!(reason(&warm).contains("does not answer a probe"));
        assert!(reason(&answered("").build()).contains("does not answer a probe"));
        let failed = answered(&reply).function_error("Unhandled").build();
        let verdict = judge_response(&failed, Question::Start);
        assert_ne!(verdict, none, "a function error is none, whatever the payload");
    }

    #[test]
    fn a_health_path_must_answer_with_success() {
        for (payload, healthy) in [
            (r#"{"statusCode":200}"#, true),
            (r#"{"statusCode":302}"#, true),
            (r#"{"statusCode":404}"#, false),
            (r#"{"statusCode":500}"#, false),
            ("{}", false),
        ] {
            let verdict = judge_response(&answered(payload).build(), Question::Health("/health?deep=1"));
            assert_eq!(matches!(verdict, Verdict::Answers { .. }), healthy, "{payload}: {verdict:?}");
        }
        let event = http_event("/health?deep=1");
        assert_eq!((&event["rawPath"], &event["rawQueryString"]), (&json!("/health"), &json!("deep=1")));
        assert_eq!(http_event("/is%20it%3Fup")["rawPath"], "/is it?up");
    }

    #[test]
    fn a_function_error_is_told_with_the_end_of_the_log() {
        let log: String = (1..=30).fold(String::new(), |log, line| log + &format!("line {line}\n"));
        let payload = r#"{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"exec format error"}"#;
        let answer = answered(payload).function_error("Unhandled").log_result(STANDARD.encode(log)).build();
        let Verdict::Refuses { reason, log_tail } = judge_response(&answer, Question::Start) else {
            panic!("a function error is a refusal")
        };
        assert_eq!(reason, "Runtime.InvalidEntrypoint: exec format error");
        assert_eq!(log_tail.len(), TAIL_LINES);
        assert_eq!(log_tail.first().map(String::as_str), Some("line 11"));
        assert_eq!(log_tail.last().map(String::as_str), Some("line 30"));
    }
}
