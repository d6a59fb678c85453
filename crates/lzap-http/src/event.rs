//! Classifies a Lambda event by explicit keys: an HTTP request, one of lzap's own events, or an event that no part of the
//! app handles.
//!
//! Pure: text in, [`Incoming`] out. `front.rs` reads the HTTP events; `lambda.rs` answers each kind.

use std::collections::BTreeMap;

use lzap_wire::envelope::{self, Classified, Kind};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::front::{EventFields, FrontRequest, MalformedEvent};
use crate::invocation_error::InvocationError;

/// A classified Lambda event. Every well-formed JSON text has one of these kinds.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A request from API Gateway, a function URL or a load balancer.
    Http(Box<FrontRequest>),
    /// A keep-warm ping or a deploy's probe, which is answered before user code.
    Lzap(Kind),
    /// A task or a chunk of a map, unparsed: this crate knows neither format.
    Task(Box<RawValue>),
    /// An event that this app can't answer, with the error that fails its invocation.
    Failed(InvocationError),
}

/// Never fails on well-formed JSON: an event that can't be handled is a value too, so that the invocation fails with
/// lzap's message and not with a parser's.
impl<'de> Deserialize<'de> for Incoming {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Borrowed: a copy of a large body would cost more than all the rest.
        let event = <&RawValue>::deserialize(deserializer)?;
        Ok(classify(event).unwrap_or_else(Self::Failed))
    }
}

/// Classifies the event in one pass over its top level, then reads the one kind that it is.
///
/// AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>,
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-alb.html>
fn classify(raw: &RawValue) -> Result<Incoming, InvocationError> {
    let event = raw.get();
    // A list is refused first, since serde reads a struct from a list too.
    let fields = if event.trim_start().starts_with('{') {
        serde_json::from_str::<EventFields<'_>>(event).ok()
    } else {
        None
    };
    let Some(fields) = fields else {
        return Err(refuse_event("an event that is not a JSON object"));
    };
    if let Some(envelope) = fields.lzap {
        return read_envelope(raw, envelope);
    }
    let keys = fields
        .request_context
        .and_then(|context| serde_json::from_str::<ContextKeys<'_>>(context.get()).ok());
    let request = match keys {
        Some(ContextKeys { http: Some(_), .. }) => {
            FrontRequest::from_v2(&fields).map_err(|error| refuse_request("HTTP payload 2.0", error))
        }
        Some(ContextKeys { elb: Some(_), .. }) => {
            FrontRequest::from_load_balancer(&fields).map_err(|error| refuse_request("load balancer", error))
        }
        _ if fields.request_context.is_some() && fields.http_method.is_some() => {
            FrontRequest::from_v1(&fields).map_err(|error| refuse_request("HTTP payload 1.0", error))
        }
        _ => return Err(refuse_event(&describe_event(event))),
    };
    request.map(|request| Incoming::Http(Box::new(request)))
}

/// The keys of `requestContext` that only one front has.
#[derive(Deserialize)]
struct ContextKeys<'a> {
    #[serde(borrow)]
    http: Option<&'a RawValue>,
    #[serde(borrow)]
    elb: Option<&'a RawValue>,
}

fn read_envelope(event: &RawValue, body: &RawValue) -> Result<Incoming, InvocationError> {
    let body = serde_json::from_str(body.get()).unwrap_or(serde_json::Value::Null);
    match envelope::classify(&serde_json::json!({ envelope::KEY: body })) {
        Classified::Lzap(kind @ (Kind::Warm | Kind::Probe)) => Ok(Incoming::Lzap(kind)),
        Classified::Lzap(Kind::Task | Kind::Chunk) => Ok(Incoming::Task(event.to_owned())),
        Classified::Unsupported(which) => Err(InvocationError::unhandled_event(format!(
            "lzap runtime {} does not understand {which}: build the app with the `lzap` crate of the same version \
             as the `lzap` tool and deploy again",
            env!("CARGO_PKG_VERSION")
        ))),
        Classified::Foreign => Err(refuse_event("an event with the key `lzap`")),
    }
}

fn refuse_request(front: &str, error: MalformedEvent) -> InvocationError {
    let MalformedEvent { field, line, column } = error;
    InvocationError::unhandled_event(format!(
        "the event looks like a {front} request, but its `{field}` can't be read (line {line}, column {column})"
    ))
}

fn refuse_event(what: &str) -> InvocationError {
    InvocationError::unhandled_event(format!(
        "the app got {what}, and handles HTTP requests only; remove the trigger that sends it"
    ))
}

/// Names an event of another service: by the keys with which AWS's services name theirs, else by its top-level keys.
fn describe_event(event: &str) -> String {
    let top: BTreeMap<String, &RawValue> = serde_json::from_str(event).unwrap_or_default();
    let text = |key: &str| top.get(key).and_then(|value| serde_json::from_str::<String>(value.get()).ok());
    match (text("source"), text("detail-type"), find_record_source(&top)) {
        (Some(source), Some(kind), _) => format!("an event from `{source}` (`{kind}`)"),
        (_, _, Some(source)) => format!("records from `{source}`"),
        (Some(source), ..) => format!("an event from `{source}`"),
        _ if top.is_empty() => "an empty event".to_owned(),
        _ => format!("an event with the keys {}", list_keys(top.keys())),
    }
}

/// SQS, S3, `DynamoDB` and others write `eventSource`; SNS writes `EventSource`.
fn find_record_source(top: &BTreeMap<String, &RawValue>) -> Option<String> {
    #[derive(Deserialize)]
    struct Record {
        #[serde(rename = "eventSource", alias = "EventSource")]
        source: String,
    }
    let records = serde_json::from_str::<Vec<Record>>(top.get("Records")?.get()).ok()?;
    records.into_iter().next().map(|record| record.source)
}

fn list_keys<'a>(keys: impl ExactSizeIterator<Item = &'a String>) -> String {
    const SHOWN: usize = 6;
    const CHARS: usize = 40;
    let more = keys.len().saturating_sub(SHOWN);
    let shown: Vec<_> =
        keys.take(SHOWN).map(|key| format!("`{}`", key.chars().take(CHARS).collect::<String>())).collect();
    let shown = shown.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(event: &str) -> String {
        match classify(&RawValue::from_string(event.to_owned()).expect("JSON")) {
            Ok(Incoming::Http(request)) => format!("{:?}", request.front),
            Ok(Incoming::Lzap(kind)) => kind.as_str().to_owned(),
            Ok(Incoming::Task(event)) => event.get().to_owned(),
            Ok(Incoming::Failed(error)) | Err(error) => error.to_string(),
        }
    }

    #[test]
    fn classify_of_an_http_event_names_the_front() {
        let v2 = |domain: &str| {
            format!(
                r#"{{"version":"2.0","rawPath":"/","headers":{{}},"requestContext":{{"http":{{"method":"GET"}},
                "stage":"$default","domainName":"{domain}"}},"isBase64Encoded":false}}"#
            )
        };
        let v1 = r#"{"version":"1.0","path":"/","httpMethod":"GET","headers":{},"multiValueHeaders":{},
            "requestContext":{"stage":"$default","httpMethod":"GET"},"isBase64Encoded":false}"#;
        let balancer = r#"{"path":"/","httpMethod":"GET","headers":{},"body":"",
            "requestContext":{"elb":{"targetGroupArn":"arn"}},"isBase64Encoded":false}"#;
        for (event, front) in [
            (v2("abc123.execute-api.eu-west-1.amazonaws.com"), "HttpApiV2"),
            (v2("api.example.com"), "HttpApiV2"),
            (v2("abc123.lambda-url.eu-west-1.on.aws"), "FunctionUrl"),
            (v1.to_owned(), "HttpApiV1"),
            (v1.replace(r#""version":"1.0","#, ""), "RestApi"),
            (balancer.to_owned(), "LoadBalancer"),
            (balancer.replace("headers", "multiValueHeaders"), "LoadBalancerMultiValue"),
        ] {
            assert_eq!(kind(&event), front, "{event}");
        }
    }

    #[test]
    fn classify_of_an_envelope_ignores_the_other_keys() {
        assert_eq!(kind(r#"{"lzap":{"v":1,"kind":"warm"},"requestContext":{"http":{}}}"#), "warm");
        assert_eq!(kind(r#"{"lzap":{"v":1,"kind":"probe"}}"#), "probe");
        let newer = kind(r#"{"lzap":{"v":2,"kind":"dance"}}"#);
        assert!(newer.contains("does not understand envelope version 2 kind \"dance\""), "{newer}");
    }

    #[test]
    fn classify_of_a_foreign_event_names_its_source() {
        for (event, named) in [
            (
                r#"{"source":"aws.events","detail-type":"Scheduled Event"}"#,
                "`aws.events` (`Scheduled Event`)",
            ),
            (r#"{"source":"mine"}"#, "an event from `mine`;"),
            (r#"{"Records":[{"eventSource":"aws:s3"}]}"#, "records from `aws:s3`"),
            (r#"{"Records":[]}"#, "the keys `Records`"),
            (r#"{"requestContext":{"connectionId":"1"}}"#, "the keys `requestContext`"),
            (r#"{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1}"#, "`e`, `f` and 2 more"),
            (r#""text""#, "not a JSON object"),
            (r#"["a","b"]"#, "not a JSON object"),
        ] {
            let message = kind(event).replace(", and handles", ";");
            assert!(message.contains(named), "{message}");
        }
    }

    #[test]
    fn classify_of_a_malformed_request_gives_the_place_and_no_quote() {
        let message = kind(r#"{"requestContext":{"http":{"method":7}},"body":"hush"}"#);
        assert!(message.starts_with("the event looks like a HTTP payload 2.0 request"), "{message}");
        assert!(message.contains("line 1") && !message.contains("hush"), "{message}");
    }
}
