//! The probe: whether a published version starts and answers, asked before traffic goes to it.

use std::time::Duration;

use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lzap_core::names::Names;
use lzap_wire::envelope::{Kind, Reply, event};
use lzap_wire::limits::INIT_SECS;
use serde_json::Value;

use super::Published;
use crate::clients::Clients;
use crate::error::{AwsError, Named};

/// What the probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The version answers as the runtime crate does.
    Answers,
    /// It doesn't.
    Refuses {
        /// Why, in one line.
        reason: String,
        /// The last lines of its log.
        log_tail: Vec<String>,
    },
}

/// How many lines of the log a person wants to see.
const TAIL_LINES: usize = 20;
/// How much of an unexpected answer a person wants to see.
const ANSWER_CHARS: usize = 200;
/// On top of what the function itself may take: the way there and back.
const MARGIN_SECS: u32 = 10;

/// `lambda:Invoke` of the version with a probe event.
///
/// The read timeout is what Lambda itself allows: a slow start (an init that times out is tried once more, within the
/// function's timeout) and the function's timeout.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
pub(crate) async fn invoke_probe(
    clients: &Clients,
    names: &Names,
    version: &Published,
) -> Result<Verdict, AwsError> {
    let patience = Duration::from_secs(u64::from(version.timeout_secs + 2 * INIT_SECS + MARGIN_SECS));
    let timeouts = TimeoutConfig::builder().read_timeout(patience).build();
    let call = clients
        .lambda()
        .invoke()
        .function_name(names.function())
        .qualifier(&version.number)
        .invocation_type(InvocationType::RequestResponse)
        .log_type(LogType::Tail)
        .payload(Blob::new(event(Kind::Probe).to_string()));
    let config = aws_sdk_lambda::config::Builder::new().timeout_config(timeouts);
    let answer = call.customize().config_override(config).send().await.named("lambda:Invoke")?;
    Ok(verdict(&answer))
}

/// A failed function answers HTTP 200 too: `FunctionError` tells, and the payload must be the probe's own reply.
fn verdict(answer: &InvokeOutput) -> Verdict {
    let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
    let value: Option<Value> = serde_json::from_slice(payload).ok();
    let reply = value.as_ref().and_then(Reply::parse);
    let reason = match (answer.function_error(), reply) {
        (None, Some(reply)) if reply.kind == Kind::Probe => return Verdict::Answers,
        (None, _) => {
            format!("it does not answer a probe as the lzap runtime does, but with: {}", shortened(payload))
        }
        (Some(_), _) => function_error(value.as_ref(), payload),
    };
    Verdict::Refuses { reason, log_tail: answer.log_result().map(tail).unwrap_or_default() }
}

/// `errorType: errorMessage`.
fn function_error(value: Option<&Value>, payload: &[u8]) -> String {
    let field = |name| value.and_then(|value| value.get(name)).and_then(Value::as_str);
    match (field("errorType"), field("errorMessage")) {
        (Some(kind), Some(message)) => format!("{kind}: {message}"),
        (None, Some(message)) => message.to_owned(),
        _ => shortened(payload),
    }
}

fn shortened(payload: &[u8]) -> String {
    let text = String::from_utf8_lossy(payload);
    match text.char_indices().nth(ANSWER_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

/// The last lines of the log that Lambda sends along, base64-encoded, up to 4 KB.
fn tail(encoded: &str) -> Vec<String> {
    let text = STANDARD
        .decode(encoded)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<String> =
        text.lines().map(str::trim_end).filter(|l| !l.is_empty()).map(str::to_owned).collect();
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
        match verdict(answer) {
            Verdict::Refuses { reason, .. } => reason,
            Verdict::Answers => String::new(),
        }
    }

    #[test]
    fn only_a_probe_reply_of_the_runtime_is_an_answer() {
        let reply = Reply::ok(Kind::Probe, "0.1.0").to_value().to_string();
        assert_eq!(verdict(&answered(&reply).build()), Verdict::Answers);
        let echo = answered(&event(Kind::Probe).to_string()).build();
        assert!(reason(&echo).contains("does not answer a probe"), "an echo is no reply");
        let warm = answered(&Reply::ok(Kind::Warm, "0.1.0").to_value().to_string()).build();
        assert!(reason(&warm).contains("does not answer a probe"));
        assert!(reason(&answered("").build()).contains("does not answer a probe"));
        let failed = answered(&reply).function_error("Unhandled").build();
        assert_ne!(verdict(&failed), Verdict::Answers, "a function error is none, whatever the payload");
    }

    #[test]
    fn a_function_error_is_told_with_the_end_of_the_log() {
        let log: String = (1..=30).fold(String::new(), |log, line| log + &format!("line {line}\n"));
        let payload = r#"{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"exec format error"}"#;
        let answer = answered(payload).function_error("Unhandled").log_result(STANDARD.encode(log)).build();
        let Verdict::Refuses { reason, log_tail } = verdict(&answer) else {
            panic!("a function error is a refusal")
        };
        assert_eq!(reason, "Runtime.InvalidEntrypoint: exec format error");
        assert_eq!(log_tail.len(), TAIL_LINES);
        assert_eq!(log_tail.first().map(String::as_str), Some("line 11"));
        assert_eq!(log_tail.last().map(String::as_str), Some("line 30"));
    }
}
